package provision_test

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"log/slog"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/device"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/center/provision"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

// world is provisioning on a real database against a real emulated tenant, with one user and one phone, jobs that run
// when the test says so, and one clock for all.
type world struct {
	store    *store.Store
	sim      *entrasim.Running
	tenant   *entra.Tenant
	passkeys *provision.Service
	people   *lifecycle.Service
	queue    *jobtest.Queue
	trail    *audit.Log
	crash    *crasher

	integration postern.Integration
	user        postern.User
	phone       postern.Phone
	sealKey     *ecdh.PrivateKey
	client      *client.Client
	credential  *postern.CredentialSubmission
	second      *postern.CredentialSubmission // in place of the first
	users       []postern.DirectoryUser       // not taken by a story yet

	mu  sync.Mutex
	now time.Time
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

func newWorld(t *testing.T, replication time.Duration) *world {
	t.Helper()
	w := &world{now: time.Now().Truncate(time.Second)}
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	levers.MethodDelay = entrasim.Duration(replication)
	levers.TokenLifetime = entrasim.Duration(10000 * time.Hour) // the clock below jumps
	var err error
	if w.sim, err = entrasim.Listen(t.Context(), entrasim.Config{Users: 400, Now: w.clock, Levers: &levers}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.sim.Close() })
	if w.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "postern.db"), store.Options{Now: w.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	if err := w.store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.sim.CAPEM)
	if w.tenant, err = entra.Open(entra.Options{
		Cloud:    entra.Cloud{Authority: w.sim.AuthorityURL, Graph: w.sim.GraphURL, CAs: pool},
		TenantID: w.sim.TenantID, ClientID: w.sim.ClientID,
		Credential: entra.Credential{Kind: postern.CredentialSecret, ClientSecret: w.sim.ClientSecret},
		Now:        w.clock,
		Sleep:      func(_ context.Context, d time.Duration) error { w.pass(d); return nil },
	}); err != nil {
		t.Fatal(err)
	}
	for u, err := range w.tenant.AllUsers(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if u.Enabled && !u.Guest {
			w.users = append(w.users, u)
		}
	}
	privileged, err := w.tenant.PrivilegedUsers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.users = slices.DeleteFunc(w.users, func(u postern.DirectoryUser) bool { return len(privileged[u.ObjectID]) > 0 })
	w.integration = postern.Integration{
		ID: postern.NewID[postern.IntegrationID](postern.PrefixIntegration), Version: 1, ApplicationName: "Postern",
		Experience: postern.ExperienceNative, State: postern.StateEnabled, Flags: postern.AllFlags(), Domains: []string{},
		TenantID: w.sim.TenantID, ClientID: w.sim.ClientID, Credential: postern.Credential{Kind: postern.CredentialSecret, SetAt: w.now},
		PermissionSet: postern.PermissionsPasskeys, Attestation: postern.AttestationPacked, ChallengeTimeout: 60,
		AllowLowAssurance: true, CreatedAt: w.now, UpdatedAt: w.now,
	}
	if err := w.store.CreateIntegration(t.Context(), w.integration, []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	w.crash = &crasher{}
	return w
}

// reset begins with another user and a new phone, so that stories do not see each other.
func (w *world) reset(t *testing.T) {
	t.Helper()
	if len(w.users) == 0 {
		t.Fatal("the tenant has too few users for so many points")
	}
	who := w.users[0]
	w.users = w.users[1:]
	w.credential, w.second = nil, nil
	w.user = postern.User{
		ID: postern.NewID[postern.UserID](postern.PrefixUser), IntegrationID: w.integration.ID, Version: 1, ObjectID: who.ObjectID,
		UPN: who.UPN, DisplayName: who.DisplayName, Phase: postern.PhasePaired, CreatedAt: w.clock(), UpdatedAt: w.clock(),
	}
	if err := w.store.CreateUser(t.Context(), w.user); err != nil {
		t.Fatal(err)
	}
	var err error
	if w.sealKey, err = ecdh.X25519().GenerateKey(rand.Reader); err != nil {
		t.Fatal(err)
	}
	w.phone = postern.Phone{
		ID: postern.NewID[postern.PhoneID](postern.PrefixPhone), IntegrationID: w.integration.ID, UserID: w.user.ID, Version: 1,
		Name: "phone", State: postern.PhoneActive, Assurance: postern.AssuranceFile, IdentityKey: make([]byte, 32),
		SealKey: w.sealKey.PublicKey().Bytes(), CreatedAt: w.clock(),
	}
	if err := w.store.CreatePhone(t.Context(), w.phone); err != nil {
		t.Fatal(err)
	}
	key, err := authenticator.New(authenticator.Config{
		AAGUID: ctap.AAGUID(device.AAGUID), Store: memory.New(10), User: &authtest.User{}, Random: rand.Reader, Now: w.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.client = &client.Client{Random: rand.Reader, Channel: client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		return key.Handle(ctx, request), nil
	})}
}

// Get and Graph give provisioning the integration as it is stored, and the connector with its points.
func (w *world) Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error) {
	return w.store.Integration(ctx, id)
}

func (w *world) Graph(ctx context.Context, id postern.IntegrationID) (provision.Graph, postern.Integration, error) {
	i, err := w.store.Integration(ctx, id)
	return crashingGraph{w.tenant, w.crash}, i, err
}

func (w *world) disable(ctx context.Context, id postern.IntegrationID) (postern.Integration, error) {
	i, err := w.store.Integration(ctx, id)
	if err != nil {
		return i, err
	}
	i.State = postern.StateDisabled
	return i, w.store.UpdateIntegration(ctx, &i)
}

// start makes the services afresh, as a starting process does: nothing of the one before is left but the database.
func (w *world) start(t *testing.T) {
	t.Helper()
	sealer, err := seal.NewKey(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	w.trail = &audit.Log{Store: w.store, Sealer: sealer, Now: w.clock, Origin: "test"}
	var registry job.Registry
	w.queue = jobtest.New(t, w.store, &registry, w.clock)
	queue := crashingQueue{w.queue, w.crash}
	notices := &backbone.InProcess{}
	users := &lifecycle.Service{Store: w.store, Audit: w.trail, Queue: queue, Notices: notices, Logger: log, Now: w.clock}
	phones := &device.Service{
		Store: w.store, Integrations: w, Users: users, Sealer: sealer, Audit: w.trail, Notices: notices, Logger: log, Now: w.clock,
	}
	w.passkeys = &provision.Service{
		Store: crashingStore{w.store, w.crash}, Integrations: w, Users: crashingUsers{users, w.crash}, Phones: phones,
		Audit: w.trail, Queue: queue, Notices: notices, Logger: log, Now: w.clock,
	}
	w.passkeys.Disable = w.disable
	users.CancelOpen, w.people = w.passkeys.CancelOpen, users
	w.passkeys.Handle(&registry)
	job.Handle(&registry, job.Rules{}, func(context.Context, lifecycle.MoveJob) error { return nil }, nil)
	job.Handle(&registry, job.Rules{}, func(context.Context, lifecycle.SessionsJob) error { return nil }, nil)
}

func (w *world) must(t *testing.T, do func() error) {
	t.Helper()
	if err := do(); err != nil {
		t.Fatal(err)
	}
}

// runJobs runs jobs, moving the clock to each in turn, until none waits.
func (w *world) runJobs(t *testing.T) {
	t.Helper()
	for range 1000 {
		due, any, err := w.queue.NextDue(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !any {
			return
		}
		if wait := due.Sub(w.clock()); wait > 0 {
			w.pass(wait)
		}
		if _, err := w.queue.RunOne(t.Context()); err != nil {
			var crash jobtest.Crash
			if errors.As(err, &crash) {
				panic(crash)
			}
			t.Fatal(err)
		}
	}
	t.Fatal("the jobs never come to an end")
}

// begin asks for a passkey, unless the phone has one or has asked before.
func (w *world) begin(t *testing.T) {
	t.Helper()
	if all, err := w.store.ProvisioningsOfUser(t.Context(), w.user.ID); err != nil || len(all) > 0 {
		w.must(t, func() error { return err })
		return
	}
	w.must(t, func() error { _, _, err := w.passkeys.Begin(t.Context(), w.phone.ID); return err })
}

// cancel cancels the provisioning, if there is one that is not at its end.
func (w *world) cancel(t *testing.T) {
	t.Helper()
	all, err := w.passkeys.Provisionings(t.Context(), w.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		if !p.State.Final() {
			w.must(t, func() error { _, err := w.passkeys.Cancel(t.Context(), p.ID); return err })
		}
	}
}

func (w *world) latest(t *testing.T) postern.Provisioning {
	t.Helper()
	all, err := w.passkeys.Provisionings(t.Context(), w.user.ID)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d provisionings, %v", len(all), err)
	}
	return all[0]
}

// submit answers the offer as a phone does: it makes the credential once, and repeats its answer.
func (w *world) submit(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	p := w.latest(t)
	if p.State == postern.ProvisioningOffered && w.credential == nil {
		offer, err := w.passkeys.ForPhone(ctx, w.phone, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		opened, err := postern.OpenProvisioningOptions(w.sealKey, p.ID, offer.Sealed)
		if err != nil {
			t.Fatal(err)
		}
		options := opened.PublicKey
		w.credential = w.make(t, options)
	}
	if w.credential == nil || p.State.Final() {
		return
	}
	w.must(t, func() error { _, err := w.passkeys.Submit(ctx, w.phone, p.ID, *w.credential); return err })
}

// obtainPasskey goes the whole way.
func (w *world) obtainPasskey(t *testing.T) {
	t.Helper()
	w.begin(t)
	w.runJobs(t)
	w.submit(t)
	w.runJobs(t)
}

// wantPasskeys compares what Entra lists with what is stored, and both with the number wanted.
func (w *world) wantPasskeys(t *testing.T, want int) {
	t.Helper()
	w.pass(time.Hour) // whatever replicates has done so
	listed, err := w.tenant.Passkeys(t.Context(), w.user.ObjectID)
	if err != nil {
		t.Fatal(err)
	}
	own := 0
	for _, p := range listed {
		if p.DisplayName == w.latest(t).DisplayName {
			own++
		}
	}
	stored, err := w.store.PasskeysOfUser(t.Context(), w.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	active := 0
	for _, p := range stored {
		if p.State == postern.PasskeyActive {
			active++
		}
	}
	if own != want || active != want {
		t.Errorf("Entra lists %d, %d are stored as active, want %d", own, active, want)
	}
}

// wantNobodysPasskey holds that Entra lists our passkey exactly if we know it as active.
func (w *world) wantNobodysPasskey(t *testing.T) {
	t.Helper()
	want := 0
	if w.latest(t).State == postern.ProvisioningActive {
		want = 1
	}
	w.wantPasskeys(t, want)
}

func (w *world) wantPhase(t *testing.T, want postern.Phase) {
	t.Helper()
	u, err := w.store.User(t.Context(), w.user.ID)
	if err != nil || u.Phase != want {
		t.Errorf("the phase is %q, want %q, %v", u.Phase, want, err)
	}
}

// wantSound holds what must be true after any crash: the trail verifies, and no job is left over.
func (w *world) wantSound(t *testing.T) {
	t.Helper()
	v, err := w.trail.Verify(t.Context())
	if err != nil || !v.OK {
		t.Errorf("%+v, %v", v, err)
	}
	if left, err := w.queue.Waiting(t.Context()); err != nil || len(left) != 0 {
		t.Errorf("jobs are left: %+v, %v", left, err)
	}
	if w.crash.resent > 0 {
		t.Errorf("Entra was sent %d credentials that it had", w.crash.resent)
	}
}
