package offline_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
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
	"github.com/postern/postern/center/offline"
	"github.com/postern/postern/center/provision"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	wire "github.com/postern/postern/link/offline"
)

// world is signing in offline on a real database against a real emulated tenant, with the real provisioning beside it, one
// user, one phone and one workstation, jobs that run when the test says so, and one clock for all.
type world struct {
	t       *testing.T
	store   *store.Store
	sim     *entrasim.Running
	tenant  *entra.Tenant
	queue   *jobtest.Queue
	trail   *audit.Log
	keys    *provision.Service
	people  *lifecycle.Service
	devices *device.Service
	*offline.Service

	free        []postern.DirectoryUser // nobody's yet
	integration postern.Integration
	user        postern.User
	phone       postern.Phone
	desk        postern.Workstation
	pairing     postern.Pairing
	batch       []byte
	who         postern.AdministratorID
	proofs      *proofs
	told        []string
	now         time.Time
}

// proofs say what is not proved of a phone.
type proofs struct{ missing []postern.Proof }

func (p *proofs) Missing(context.Context, postern.Phone, postern.User) ([]postern.Proof, error) {
	return p.missing, nil
}

func (*proofs) ModeFor(context.Context, postern.User) (postern.EnrolmentMode, error) {
	return postern.EnrolmentOff, nil
}

func (*proofs) Standing(context.Context, postern.Phone, postern.User) (postern.PhoneStanding, error) {
	return postern.PhoneStanding{}, nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Now().UTC().Truncate(time.Second), who: "adm_one", proofs: new(proofs)}
	clock := func() time.Time { return w.now }
	levers := entrasim.DefaultLevers()
	levers.Throttle, levers.MethodDelay = false, 0
	levers.TokenLifetime = entrasim.Duration(10000 * time.Hour) // the clock jumps
	var err error
	w.sim, err = entrasim.Listen(t.Context(), entrasim.Config{Users: 40, Now: clock, Levers: &levers})
	w.must(err)
	t.Cleanup(func() { _ = w.sim.Close() })
	w.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "postern.db"), store.Options{Now: clock})
	w.must(err)
	t.Cleanup(func() { _ = w.store.Close() })
	w.must(w.store.Migrate(t.Context()))
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.sim.CAPEM)
	w.tenant, err = entra.Open(entra.Options{
		Cloud:    entra.Cloud{Authority: w.sim.AuthorityURL, Graph: w.sim.GraphURL, CAs: pool},
		TenantID: w.sim.TenantID, ClientID: w.sim.ClientID,
		Credential: entra.Credential{Kind: postern.CredentialSecret, ClientSecret: w.sim.ClientSecret},
		Now:        clock, Sleep: func(_ context.Context, d time.Duration) error { w.now = w.now.Add(d); return nil },
	})
	w.must(err)
	w.integration = postern.Integration{
		ID: postern.NewID[postern.IntegrationID](postern.PrefixIntegration), Version: 1, ApplicationName: "Postern",
		Experience: postern.ExperienceNative, State: postern.StateEnabled, Flags: postern.AllFlags(), Domains: []string{},
		TenantID: w.sim.TenantID, ClientID: w.sim.ClientID, Credential: postern.Credential{Kind: postern.CredentialSecret, SetAt: w.now},
		PermissionSet: postern.PermissionsStandard, Attestation: postern.AttestationNone, ChallengeTimeout: 60,
		AllowLowAssurance: true, CreatedAt: w.now, UpdatedAt: w.now,
	}
	w.must(w.store.CreateIntegration(t.Context(), w.integration, []byte("sealed")))
	privileged, err := w.tenant.PrivilegedUsers(t.Context())
	w.must(err)
	for u, err := range w.tenant.AllUsers(t.Context()) {
		w.must(err)
		if u.Enabled && !u.Guest && len(privileged[u.ObjectID]) == 0 {
			w.free = append(w.free, u)
		}
	}
	w.wire()
	w.next()
	return w
}

// wire makes the services, as the control center does.
func (w *world) wire() {
	sealer, err := seal.NewKey(make([]byte, 32))
	w.must(err)
	log, clock := slog.New(slog.DiscardHandler), func() time.Time { return w.now }
	w.trail = &audit.Log{Store: w.store, Sealer: sealer, Now: clock, Origin: "test"}
	var registry job.Registry
	w.queue = jobtest.New(w.t, w.store, &registry, clock)
	notices := &backbone.InProcess{}
	w.people = &lifecycle.Service{Store: w.store, Audit: w.trail, Queue: w.queue, Notices: notices, Logger: log, Now: clock}
	w.devices = &device.Service{
		Store: w.store, Integrations: w, Users: w.people, Sealer: sealer, Audit: w.trail, Notices: notices, Logger: log, Now: clock,
	}
	w.keys = &provision.Service{
		Store: w.store, Integrations: w, Users: w.people, Phones: w.devices, Audit: w.trail, Queue: w.queue, Notices: notices, Proofs: w.proofs,
		Logger: log, Now: clock,
	}
	w.people.CancelOpen = w.keys.CancelOpen
	w.Service = &offline.Service{
		Store: w.store, Integrations: w, Passkeys: w.keys, Sealer: sealer, Audit: w.trail, Queue: w.queue, Logger: log, Now: clock, Random: rand.Reader,
		Person: func(context.Context) postern.AdministratorID { return w.who },
		Tell: func(user postern.UserID, phone postern.PhoneID, workstation postern.WorkstationID) {
			w.told = append(w.told, string(user), string(phone), string(workstation))
		},
	}
	w.devices.Offline, w.keys.Offline = w.Service, w.Service
	w.keys.Handle(&registry)
	w.Service.Handle(&registry)
	job.Handle(&registry, job.Rules{}, func(context.Context, lifecycle.MoveJob) error { return nil }, nil)
	job.Handle(&registry, job.Rules{}, func(context.Context, lifecycle.SessionsJob) error { return nil }, nil)
}

// next begins with another user, phone and workstation, which it pairs.
func (w *world) next() {
	ctx := w.t.Context()
	u := w.free[0]
	w.free = w.free[1:]
	w.user = postern.User{
		ID: postern.NewID[postern.UserID](postern.PrefixUser), IntegrationID: w.integration.ID, Version: 1, ObjectID: u.ObjectID,
		UPN: u.UPN, DisplayName: u.DisplayName, Phase: postern.PhasePaired, CreatedAt: w.now, UpdatedAt: w.now,
	}
	w.must(w.store.CreateUser(ctx, w.user))
	w.phone = postern.Phone{
		ID: postern.NewID[postern.PhoneID](postern.PrefixPhone), IntegrationID: w.integration.ID, UserID: w.user.ID, Version: 1, Name: "Pixel",
		State: postern.PhoneActive, Assurance: postern.AssuranceGated, IdentityKey: make([]byte, 32), SealKey: make([]byte, 32), CreatedAt: w.now,
	}
	w.must(w.store.CreatePhone(ctx, w.phone))
	w.desk, w.pairing = w.workstation("DESK-1", postern.WorkstationAgent)
}

// workstation makes another one and pairs it with the phone.
func (w *world) workstation(name string, kind postern.WorkstationKind) (postern.Workstation, postern.Pairing) {
	w.t.Helper()
	ctx, now := w.t.Context(), w.now
	var key [32]byte
	var raw [16]byte
	_, _ = rand.Read(key[:])
	_, _ = rand.Read(raw[:])
	d := postern.Workstation{
		ID: postern.NewID[postern.WorkstationID](postern.PrefixWorkstation), IntegrationID: w.integration.ID, Version: 1, Kind: kind, Name: name,
		State: postern.WorkstationActive, IdentityKey: key[:], LinkKey: key[:], JoinState: postern.JoinEntra, CreatedAt: now, PairedAt: &now,
	}
	w.must(w.store.CreateWorkstation(ctx, d))
	p := postern.Pairing{
		ID: postern.NewPairingID(raw), IntegrationID: w.integration.ID, WorkstationID: d.ID, PhoneID: w.phone.ID, Version: 1, State: postern.PairingActive,
		CreatedAt: now, ExpiresAt: now, PhoneConfirmed: true, WorkstationConfirmed: true, ConfirmedAt: &now,
	}
	w.must(w.store.CreatePairing(ctx, p))
	return d, p
}

// Get and Graph give the services the integration as it is stored, and the connector.
func (w *world) Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error) {
	return w.store.Integration(ctx, id)
}

func (w *world) Graph(ctx context.Context, id postern.IntegrationID) (provision.Graph, postern.Integration, error) {
	i, err := w.store.Integration(ctx, id)
	return w.tenant, i, err
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) refused(err error, code postern.Code) {
	w.t.Helper()
	if !postern.IsCode(err, code) {
		w.t.Errorf("answer %v, want %s", err, code)
	}
}

// runJobs runs what is due, and moves the clock on for what is due soon.
func (w *world) runJobs(within time.Duration) {
	w.t.Helper()
	end := w.now.Add(within)
	for range 1000 {
		due, any, err := w.queue.NextDue(w.t.Context())
		w.must(err)
		if !any || due.After(end) {
			return
		}
		if due.After(w.now) {
			w.now = due
		}
		_, err = w.queue.RunOne(w.t.Context())
		w.must(err)
	}
	w.t.Fatal("the jobs never come to an end")
}

// switched turns offline sign-in on, and recovery as wanted.
func (w *world) switched(change func(s *postern.WorkstationSettings)) postern.WorkstationSettings {
	w.t.Helper()
	s, err := w.Settings(w.t.Context(), w.integration.ID)
	w.must(err)
	s.Offline.Enabled = true
	if change != nil {
		change(&s)
	}
	s, err = w.SetSettings(w.t.Context(), w.integration.ID, s)
	w.must(err)
	w.runJobs(0)
	return s
}

// request is what a workstation asks with. Each has a batch of its own.
func (w *world) request() postern.OfflineRequest {
	w.batch = make([]byte, 16)
	_, _ = rand.Read(w.batch)
	return postern.OfflineRequest{BatchID: w.batch, Length: 8, Codes: 20, ExpiresAt: w.now.AddDate(0, 0, 30), Seal: postern.SealTPM}
}

// make makes a credential of a model from options.
func (w *world) make(aaguid string, publicKey json.RawMessage) postern.OfflineCredential {
	w.t.Helper()
	raw, err := hex.DecodeString(strings.ReplaceAll(aaguid, "-", ""))
	w.must(err)
	key, err := authenticator.New(authenticator.Config{
		AAGUID: ctap.AAGUID(raw), Store: memory.New(10), User: &authtest.User{}, Random: rand.Reader, Now: func() time.Time { return w.now },
	})
	w.must(err)
	options, err := client.ParseCreationOptions(publicKey)
	w.must(err)
	options.Attestation = client.AttestationNone
	c := &client.Client{Random: rand.Reader, Channel: client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		return key.Handle(ctx, request), nil
	})}
	made, err := c.Create(w.t.Context(), options, "https://"+options.RP.ID)
	w.must(err)
	return postern.OfflineCredential{CredentialID: made.ID, ClientDataJSON: made.ClientDataJSON, AttestationObject: made.AttestationObject}
}

// agreed goes as far as the user's word.
func (w *world) agreed() {
	w.t.Helper()
	ctx := w.t.Context()
	_, err := w.Ask(ctx, w.desk, w.pairing.ID, w.request())
	w.must(err)
	_, err = w.Consent(ctx, w.phone, w.pairing.ID, postern.OfflineConsent{BatchID: w.batch})
	w.must(err)
}

// active goes the whole way, and gives the sheet of recovery codes that came with the options.
func (w *world) active() *wire.Sheet {
	w.t.Helper()
	ctx := w.t.Context()
	w.agreed()
	options, err := w.Options(ctx, w.desk, w.pairing.ID)
	w.must(err)
	_, err = w.Submit(ctx, w.desk, w.pairing.ID, w.make(postern.WorkstationAAGUID, options.PublicKey))
	w.must(err)
	w.runJobs(time.Minute)
	w.stands(postern.OfflineActive)
	if options.Recovery == nil {
		return nil
	}
	return w.sheet(options.Recovery)
}

func (w *world) sheet(words json.RawMessage) *wire.Sheet {
	w.t.Helper()
	var s wire.Sheet
	w.must(json.Unmarshal(words, &s))
	w.must(s.Check())
	return &s
}

func (w *world) record() offline.Record {
	w.t.Helper()
	r, err := w.store.OfflineSignIn(w.t.Context(), w.pairing.ID)
	w.must(err)
	return r
}

func (w *world) stands(want postern.OfflineState) offline.Record {
	w.t.Helper()
	r := w.record()
	if r.State != want {
		w.t.Fatalf("the state is %q, want %q: %+v", r.State, want, r.OfflineSignIn)
	}
	return r
}

// listed counts what Entra lists of workstations.
func (w *world) listed() int {
	w.t.Helper()
	all, err := w.tenant.Passkeys(w.t.Context(), w.user.ObjectID)
	w.must(err)
	return len(slices.DeleteFunc(all, func(p entra.Passkey) bool { return p.AAGUID != postern.WorkstationAAGUID }))
}

// events counts the entries of a code.
func (w *world) events(code audit.Code) (out []postern.AuditEvent) {
	w.t.Helper()
	all, err := w.trail.Events(w.t.Context(), audit.Query{Limit: 1000})
	w.must(err)
	for _, e := range all {
		if e.Code == code.Code {
			out = append(out, e)
		}
	}
	return out
}
