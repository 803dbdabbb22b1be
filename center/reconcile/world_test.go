package reconcile_test

import (
	"context"
	"crypto/x509"
	"iter"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/reconcile"
	"github.com/postern/postern/entrasim"
)

// world is a whole control center that serves nobody, connected to an emulated tenant, with one clock. Its jobs run when
// the test says so.
type world struct {
	*center.Center
	sim         *entrasim.Running
	tenant      *entra.Tenant // another application's hand
	integration postern.Integration
	people      []person

	mu    sync.Mutex
	now   time.Time
	extra map[string][]entra.Passkey // what Entra lists besides, by object id
	point func(name string)          // called before and after every call to Graph and every transaction of a run
}

// person is somebody with one managed passkey that Entra lists, on a phone.
type person struct {
	user    postern.User
	phone   postern.Phone
	passkey postern.Passkey
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

type kind int

const (
	full     kind = iota // reads the directory, keeps groups, reads the log
	noLog                // may not read the tenant's log
	passkeys             // may do nothing but passkeys
)

// newWorld makes a tenant and people of it who have passkeys.
func newWorld(t *testing.T, k kind, people int) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	levers.TokenLifetime = entrasim.Duration(10000 * time.Hour)
	dir := t.TempDir()
	var err error
	if w.sim, err = entrasim.Listen(ctx, entrasim.Config{Users: 60 + 9*people, Now: w.clock, Levers: &levers, CAFile: dir + "/ca.pem"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.sim.Close() })
	config, err := center.Config{
		Data: dir, Listen: "127.0.0.1:0",
		Entra: center.EntraConfig{Authority: w.sim.AuthorityURL, Graph: w.sim.GraphURL, CAFile: dir + "/ca.pem"},
	}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	sleep := func(_ context.Context, d time.Duration) error { w.pass(d); return nil }
	if w.Center, err = center.New(ctx, config, center.Options{Now: w.clock, Sleep: sleep}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	in := postern.IntegrationInput{
		ApplicationName: "Test", TenantID: w.sim.TenantID, ClientID: w.sim.ClientID, ClientSecret: w.sim.ClientSecret,
		PermissionSet: postern.PermissionsFull, ChallengeTimeout: 60, AllowLowAssurance: true,
	}
	if k == passkeys {
		in.ClientID, in.ClientSecret, in.PermissionSet = w.sim.Minimal.ClientID, w.sim.Minimal.ClientSecret, postern.PermissionsPasskeys
	}
	i, err := w.Integrations.Add(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	if w.integration, err = w.Integrations.SetState(ctx, i.ID, i.Version, postern.StateEnabled); err != nil {
		t.Fatal(err)
	}
	cas := x509.NewCertPool()
	cas.AppendCertsFromPEM(w.sim.CAPEM)
	if w.tenant, err = entra.Open(entra.Options{
		Cloud:    entra.Cloud{Authority: w.sim.AuthorityURL, Graph: w.sim.GraphURL, CAs: cas},
		TenantID: w.sim.TenantID, ClientID: w.sim.ClientID, Now: w.clock, Sleep: sleep,
		Credential: entra.Credential{Kind: postern.CredentialSecret, ClientSecret: w.sim.ClientSecret},
	}); err != nil {
		t.Fatal(err)
	}
	if k != passkeys {
		if err := w.Integrations.Groups(ctx, integration.GroupsJob{Integration: i.ID}); err != nil {
			t.Fatal(err)
		}
	}
	if w.integration, err = w.Integrations.Get(ctx, i.ID); err != nil {
		t.Fatal(err)
	}
	w.settlePeople(t, people)
	w.Reconcile.Store = points{w.Center.Store, w}
	w.Reconcile.Integrations = tenants{w.Integrations, w, k}
	w.pass(time.Hour)
	return w
}

// settlePeople takes people who have a passkey at Entra and writes it into the books as Postern's.
func (w *world) settlePeople(t *testing.T, n int) {
	t.Helper()
	ctx := t.Context()
	at := w.clock().Add(-24 * time.Hour)
	for u, err := range w.tenant.AllUsers(ctx) {
		if err != nil {
			t.Fatal(err)
		}
		if len(w.people) == n {
			break
		}
		if !u.Enabled || u.Guest {
			continue
		}
		listed, err := w.tenant.Passkeys(ctx, u.ObjectID)
		if err != nil {
			t.Fatal(err)
		}
		if len(listed) == 0 {
			continue
		}
		p := person{user: postern.User{
			ID: postern.NewID[postern.UserID](postern.PrefixUser), IntegrationID: w.integration.ID, Version: 1, ObjectID: u.ObjectID,
			UPN: u.UPN, DisplayName: u.DisplayName, Mail: u.Mail, Phase: postern.PhaseActive, GroupPhase: postern.PhaseActive, CreatedAt: at, UpdatedAt: at,
		}}
		p.phone = postern.Phone{
			ID: postern.NewID[postern.PhoneID](postern.PrefixPhone), IntegrationID: w.integration.ID, UserID: p.user.ID, Version: 1,
			Name: "phone", State: postern.PhoneActive, Assurance: postern.AssuranceFile, IdentityKey: []byte(p.user.ID), SealKey: make([]byte, 32), CreatedAt: at,
		}
		p.passkey = postern.Passkey{
			ID: postern.NewID[postern.PasskeyID](postern.PrefixPasskey), IntegrationID: w.integration.ID, UserID: p.user.ID,
			Carrier: postern.CarrierPhone, PhoneID: p.phone.ID, Version: 1, Managed: true, State: postern.PasskeyActive,
			MethodID: listed[0].ID, DisplayName: "Test", AAGUID: listed[0].AAGUID, CredentialID: []byte(listed[0].ID), CreatedAt: at,
		}
		must(t, w.Store.CreateUser(ctx, p.user), w.Store.CreatePhone(ctx, p.phone), w.Store.CreatePasskey(ctx, p.passkey))
		w.people = append(w.people, p)
	}
	if len(w.people) < n {
		t.Fatalf("only %d people of the tenant have a passkey", len(w.people))
	}
	if g := w.group(postern.PhaseActive); g != "" && n > 0 {
		var ids []string
		for _, p := range w.people {
			ids = append(ids, p.user.ObjectID)
		}
		must(t, w.tenant.AddMembers(ctx, g, ids))
	}
}

func (w *world) group(p postern.Phase) string {
	for _, g := range w.integration.Groups {
		if g.Phase == p {
			return g.ID
		}
	}
	return ""
}

// compare asks for a run and does it to its end.
func (w *world) compare(t *testing.T, mode postern.ReconcileMode) postern.ReconcileRun {
	t.Helper()
	ctx := postern.WithActor(t.Context(), postern.Actor{Kind: postern.ActorSystem, Name: "Postern"})
	r, _, err := w.Reconcile.Run(ctx, w.integration.ID, mode)
	must(t, err)
	return w.goOn(t, r.ID)
}

// goOn does a run to its end, as its job does.
func (w *world) goOn(t *testing.T, id postern.ReconcileRunID) postern.ReconcileRun {
	t.Helper()
	for range 100 {
		err := w.Reconcile.Do(t.Context(), reconcile.RunJob{Run: id})
		if wait, again := job.SnoozeOf(err); again {
			w.pass(wait)
			continue
		}
		must(t, err)
		r, err := w.Reconcile.ReconcileRun(t.Context(), id)
		must(t, err)
		return r
	}
	t.Fatal("the run never comes to its end")
	return postern.ReconcileRun{}
}

// events counts the audit entries of an event.
func (w *world) events(t *testing.T, code audit.Code) int {
	t.Helper()
	n := 0
	all, err := w.Trail.Events(t.Context(), audit.Query{Limit: 500})
	must(t, err)
	for _, e := range all {
		if e.Code == code.Code {
			n++
		}
	}
	return n
}

func (w *world) differences(t *testing.T) []postern.Difference {
	t.Helper()
	all, err := w.Reconcile.Differences(t.Context(), reconcile.DifferenceQuery{IntegrationID: w.integration.ID})
	must(t, err)
	return all
}

func (w *world) stored(t *testing.T, p person) postern.Passkey {
	t.Helper()
	k, err := w.Store.Passkey(t.Context(), p.passkey.ID)
	must(t, err)
	return k
}

// requests counts the calls to Graph that do makes.
func (w *world) requests(do func()) uint64 {
	_, before := w.sim.Server.Calls()
	do()
	_, after := w.sim.Server.Calls()
	return after - before
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func (w *world) here(name string) {
	if w.point != nil {
		w.point(name)
	}
}

// tenants gives runs the connector with its points.
type tenants struct {
	*integration.Service
	w *world
	k kind
}

func (g tenants) Graph(ctx context.Context, id postern.IntegrationID) (reconcile.Graph, postern.Integration, error) {
	tenant, i, err := g.Tenant(ctx, id)
	return graph{tenant, g.w, g.k}, i, err
}

type graph struct {
	*entra.Tenant
	w *world
	k kind
}

func (g graph) MemberChanges(ctx context.Context, link string, groups []string) (entra.MemberChanges, error) {
	g.w.here("before groups/delta")
	defer g.w.here("after groups/delta")
	return g.Tenant.MemberChanges(ctx, link, groups)
}

func (g graph) PutMembers(ctx context.Context, group string, ids []string) ([]string, error) {
	g.w.here("before members add")
	unknown, err := g.Tenant.PutMembers(ctx, group, ids)
	g.w.here("after members add")
	return unknown, err
}

func (g graph) RemoveMembers(ctx context.Context, group string, ids []string) error {
	g.w.here("before members remove")
	err := g.Tenant.RemoveMembers(ctx, group, ids)
	g.w.here("after members remove")
	return err
}

func (g graph) PasskeyEvents(ctx context.Context, since time.Time) ([]entra.PasskeyEvent, error) {
	g.w.here("before directoryAudits")
	if g.k == noLog {
		return nil, postern.Errorf(postern.CodeEntraPermission, "")
	}
	return g.Tenant.PasskeyEvents(ctx, since)
}

func (g graph) PasskeysOf(ctx context.Context, users []string) iter.Seq2[entra.UserPasskeys, error] {
	g.w.here("before fido2Methods")
	return func(yield func(entra.UserPasskeys, error) bool) {
		at := 0
		for keys, err := range g.Tenant.PasskeysOf(ctx, users) {
			keys.Passkeys = append(keys.Passkeys, g.w.extra[users[at]]...)
			if at++; !yield(keys, err) {
				return
			}
		}
	}
}

// points has a point before and after every transaction of a run.
type points struct {
	reconcile.Store
	w *world
}

func (p points) Atomically(ctx context.Context, do func(ctx context.Context) error) error {
	p.w.here("before a transaction")
	err := p.Store.Atomically(ctx, do)
	p.w.here("after a transaction")
	return err
}

func (p points) UpdateReconcileRun(ctx context.Context, r *reconcile.Record) error {
	p.w.here("before UpdateReconcileRun")
	err := p.Store.UpdateReconcileRun(ctx, r)
	p.w.here("after UpdateReconcileRun")
	return err
}

// crashAt plays the death of the process at its n-th point, and reports whether it came so far.
func (w *world) crashAt(t *testing.T, id postern.ReconcileRunID, n int) (crashed bool) {
	t.Helper()
	w.point = func(name string) {
		if n--; n == 0 {
			panic(jobtest.Crash{At: name})
		}
	}
	defer func() {
		w.point = nil
		if v := recover(); v != nil {
			if _, ok := v.(jobtest.Crash); !ok {
				panic(v)
			}
			crashed = true
		}
	}()
	must(t, w.Reconcile.Do(t.Context(), reconcile.RunJob{Run: id}))
	return false
}
