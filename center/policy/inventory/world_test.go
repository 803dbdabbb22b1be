package inventory_test

import (
	"context"
	"iter"
	"slices"
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
	"github.com/postern/postern/center/policy/inventory"
	"github.com/postern/postern/entrasim"
)

const (
	yubikey = "cb69481e-8ff7-4039-93ec-0a2729a154a8"
	apple   = "fbfc3007-154e-4ecc-8c0b-6e020557d7bd"
)

// world is a whole control center that serves nobody, connected to an emulated tenant, with one clock. Its jobs run when
// the test says so.
type world struct {
	*center.Center
	sim         *entrasim.Running
	integration postern.Integration

	mu     sync.Mutex
	now    time.Time
	asked  []string          // users whose passkeys were asked for, in order
	hidden map[string]bool   // users whom the registration report does not name yet
	fail   map[string]error  // by "report" or "events"
	broken map[string]int    // how many listings of a user fail
	point  func(name string) // called before and after every call to Graph and every transaction
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

// newWorld makes a tenant of so many people, of whom everybody whose number divides by ten has a passkey, and an
// integration that may do what set allows.
func newWorld(t *testing.T, people int, set postern.PermissionSet) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC), hidden: map[string]bool{}, fail: map[string]error{}, broken: map[string]int{}}
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	levers.TokenLifetime = entrasim.Duration(10000 * time.Hour)
	dir := t.TempDir()
	var err error
	if w.sim, err = entrasim.Listen(ctx, entrasim.Config{Users: 12, Now: w.clock, Levers: &levers, CAFile: dir + "/ca.pem"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.sim.Close() })
	tenant := entrasim.Population{Reset: true}
	for n := range people {
		u := entrasim.UserSpec{ID: object(n), UPN: name(n), DisplayName: name(n), Methods: []string{"email"}, Created: w.now.Add(-400 * 24 * time.Hour)}
		if n%10 == 0 {
			u.Passkeys = []entrasim.PasskeySpec{{AAGUID: yubikey, Attested: true, Created: w.now.Add(-300 * 24 * time.Hour), LastUsed: w.now.Add(-time.Duration(n) * 24 * time.Hour)}}
		}
		tenant.Users = append(tenant.Users, u)
	}
	w.populate(t, tenant)
	config, err := center.Config{
		Data: dir, Listen: "127.0.0.1:0",
		Entra: center.EntraConfig{Authority: w.sim.AuthorityURL, Graph: w.sim.GraphURL, CAFile: dir + "/ca.pem"},
	}.Complete()
	must(t, err)
	sleep := func(_ context.Context, d time.Duration) error { w.pass(d); return nil }
	if w.Center, err = center.New(ctx, config, center.Options{Now: w.clock, Sleep: sleep}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	in := postern.IntegrationInput{
		ApplicationName: "Test", TenantID: w.sim.TenantID, ClientID: w.sim.ClientID, ClientSecret: w.sim.ClientSecret,
		PermissionSet: set, ChallengeTimeout: 60, AllowLowAssurance: true,
	}
	if set == postern.PermissionsPasskeys {
		in.ClientID, in.ClientSecret = w.sim.Minimal.ClientID, w.sim.Minimal.ClientSecret
	}
	i, err := w.Integrations.Add(ctx, in)
	must(t, err)
	w.integration, err = w.Integrations.SetState(ctx, i.ID, i.Version, postern.StateEnabled)
	must(t, err)
	w.Inventory.Store = points{w.Center.Store, w}
	w.Inventory.Integrations = tenants{w.Integrations, w}
	return w
}

func object(n int) string {
	const digits = "0123456789"
	id := []byte("00000000-0000-4000-8000-000000000000")
	for at := len(id) - 1; n > 0; at-- {
		id[at], n = digits[n%10], n/10
	}
	return string(id)
}

func name(n int) string { return "user" + object(n)[30:] + "@contoso.onmicrosoft.com" }

// populate changes the tenant behind Postern's back, and leaves nothing in its log.
func (w *world) populate(t *testing.T, p entrasim.Population) {
	t.Helper()
	if _, err := w.sim.Server.Populate("first", p); err != nil {
		t.Fatal(err)
	}
}

// give gives a user passkeys of models in place of those they had.
func (w *world) give(t *testing.T, n int, models ...string) {
	t.Helper()
	u := entrasim.UserSpec{ID: object(n), UPN: name(n), DisplayName: name(n)}
	for _, m := range models {
		u.Passkeys = append(u.Passkeys, entrasim.PasskeySpec{AAGUID: m, Synced: m == apple, Created: w.clock()})
	}
	w.populate(t, entrasim.Population{Users: []entrasim.UserSpec{u}})
}

// read asks for a reading and does it to its end.
func (w *world) read(t *testing.T, full bool) postern.InventoryStatus {
	t.Helper()
	s, err := w.Inventory.Read(system(t), w.integration.ID, full)
	must(t, err)
	if s.State != postern.InventoryReading {
		t.Fatalf("asked for a reading, and it is %s", s.State)
	}
	return w.goOn(t)
}

func system(t *testing.T) context.Context {
	return postern.WithActor(t.Context(), postern.Actor{Kind: postern.ActorSystem, Name: "Postern"})
}

// goOn does a reading to its end, as its job does.
func (w *world) goOn(t *testing.T) postern.InventoryStatus {
	t.Helper()
	for range 100 {
		err := w.Inventory.Do(t.Context(), w.job(t))
		if wait, again := job.SnoozeOf(err); again {
			w.pass(wait)
			continue
		}
		must(t, err)
		return w.status(t)
	}
	t.Fatal("the reading never comes to its end")
	return postern.InventoryStatus{}
}

func (w *world) job(t *testing.T) inventory.ReadJob {
	t.Helper()
	p, err := w.Center.Store.InventoryProgress(t.Context(), w.integration.ID)
	must(t, err)
	return inventory.ReadJob{Integration: w.integration.ID, Number: p.Number}
}

func (w *world) status(t *testing.T) postern.InventoryStatus {
	t.Helper()
	s, err := w.Inventory.Status(t.Context(), w.integration.ID)
	must(t, err)
	return s
}

func (w *world) summary(t *testing.T) postern.InventorySummary {
	t.Helper()
	s, err := w.Inventory.Summary(t.Context(), w.integration.ID)
	must(t, err)
	return s
}

// askedFor forgets and returns who was asked for.
func (w *world) askedFor() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	asked := w.asked
	w.asked = nil
	slices.Sort(asked)
	return asked
}

// events counts the audit entries of an event.
func (w *world) events(t *testing.T, code audit.Code) (n int) {
	t.Helper()
	all, err := w.Trail.Events(t.Context(), audit.Query{Limit: 500})
	must(t, err)
	for _, e := range all {
		if e.Code == code.Code {
			n++
		}
	}
	return n
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
	w.mu.Lock()
	point := w.point
	w.mu.Unlock()
	if point != nil {
		point(name)
	}
}

// tenants gives readings the connector with its points and faults.
type tenants struct {
	*integration.Service
	w *world
}

func (g tenants) Graph(ctx context.Context, id postern.IntegrationID) (inventory.Graph, postern.Integration, error) {
	tenant, i, err := g.Tenant(ctx, id)
	return graph{tenant, g.w}, i, err
}

type graph struct {
	*entra.Tenant
	w *world
}

func (g graph) PasskeyEvents(ctx context.Context, since time.Time) ([]entra.PasskeyEvent, error) {
	g.w.here("before directoryAudits")
	if err := g.w.fail["events"]; err != nil {
		return nil, err
	}
	return g.Tenant.PasskeyEvents(ctx, since)
}

func (g graph) RegistrationReport(ctx context.Context, everybody bool) iter.Seq2[entra.Registration, error] {
	g.w.here("before userRegistrationDetails")
	return func(yield func(entra.Registration, error) bool) {
		if err := g.w.fail["report"]; err != nil {
			yield(entra.Registration{}, err)
			return
		}
		for r, err := range g.Tenant.RegistrationReport(ctx, everybody) {
			if !g.w.hidden[r.ObjectID] && !yield(r, err) {
				return
			}
		}
	}
}

func (g graph) InventoryPasskeys(ctx context.Context, users []string) iter.Seq2[entra.UserPasskeys, error] {
	return func(yield func(entra.UserPasskeys, error) bool) {
		for keys, err := range g.Tenant.InventoryPasskeys(ctx, users) {
			g.w.mu.Lock()
			g.w.asked = append(g.w.asked, keys.User)
			if g.w.broken[keys.User] > 0 {
				g.w.broken[keys.User]--
				keys.Passkeys, err = nil, postern.Errorf(postern.CodeEntraUnavailable, "")
			}
			g.w.mu.Unlock()
			if !yield(keys, err) {
				return
			}
		}
	}
}

// points has a point before and after every transaction of a reading.
type points struct {
	inventory.Store
	w *world
}

func (p points) Atomically(ctx context.Context, do func(ctx context.Context) error) error {
	p.w.here("before a transaction")
	err := p.Store.Atomically(ctx, do)
	p.w.here("after a transaction")
	return err
}

func (p points) NoteDue(ctx context.Context, integration postern.IntegrationID, ids []string) error {
	p.w.here("before NoteDue")
	err := p.Store.NoteDue(ctx, integration, ids)
	p.w.here("after NoteDue")
	return err
}

// crashAt plays the death of the process at its n-th point, and reports whether it came so far.
func (w *world) crashAt(t *testing.T, n int) (crashed bool) {
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
	must(t, w.Inventory.Do(t.Context(), w.job(t)))
	return false
}
