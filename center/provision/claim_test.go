package provision_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/provision"
	"github.com/postern/postern/entrasim"
)

// registerThemselves has the user register the phone at Entra once, without Postern.
func (w *world) registerThemselves(t *testing.T) {
	t.Helper()
	if w.credential != nil {
		return
	}
	options, err := w.tenant.CreationOptions(t.Context(), w.user.ObjectID, 60)
	if err != nil {
		t.Fatal(err)
	}
	w.credential = w.make(t, options.PublicKey)
	if _, err := w.tenant.RegisterPasskey(t.Context(), w.user.ObjectID, "My phone", entra.NewCredential{
		ID: w.credential.ID, ClientDataJSON: w.credential.ClientDataJSON, AttestationObject: w.credential.AttestationObject,
	}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) told() postern.SelfServicePasskey {
	return postern.SelfServicePasskey{CredentialID: w.credential.ID, RPID: postern.EntraRPID}
}

// claim has the phone tell of it.
func (w *world) claim(t *testing.T) {
	t.Helper()
	w.must(t, func() error { return w.passkeys.Claim(t.Context(), w.phone.ID, w.told()) })
}

func (w *world) activePhone(t *testing.T) bool {
	t.Helper()
	p, err := w.store.Phone(t.Context(), w.phone.ID)
	if err != nil {
		t.Fatal(err)
	}
	return p.State == postern.PhoneActive
}

// wantOwn compares what Entra lists of the phone's credential with what is stored as active on the phone.
func (w *world) wantOwn(t *testing.T, want int) {
	t.Helper()
	w.pass(time.Hour)
	listed, err := w.tenant.Passkeys(t.Context(), w.user.ObjectID)
	if err != nil {
		t.Fatal(err)
	}
	stored, err := w.store.PasskeysOfPhone(t.Context(), w.phone.ID)
	if err != nil {
		t.Fatal(err)
	}
	own, active := 0, 0
	for _, p := range listed {
		if entra.MatchesCredential(p.ID, w.credential.ID) {
			own++
		}
	}
	for _, p := range stored {
		if p.State != postern.PasskeyRevoked {
			active++
		}
		if p.ProvisioningID != "" || p.Carrier != postern.CarrierPhone || !p.Managed || p.DisplayName != "My phone" || string(p.CredentialID) != string(w.credential.ID) {
			t.Errorf("stored: %+v", p)
		}
	}
	if own != want || active != want || len(stored) > 1 {
		t.Errorf("Entra lists %d, %d of %d stored are not revoked, want %d", own, active, len(stored), want)
	}
	if left, err := w.store.ClaimsOfPhone(t.Context(), w.phone.ID); err != nil || len(left) != 0 {
		t.Errorf("claims are left: %+v, %v", left, err)
	}
}

func claimWorld(t *testing.T, replication time.Duration) *world {
	t.Helper()
	w := newWorld(t, replication)
	w.reset(t)
	w.start(t)
	return w
}

func (w *world) self(t *testing.T) postern.PhoneSelf {
	t.Helper()
	phone, err := w.store.Phone(t.Context(), w.phone.ID)
	if err != nil {
		t.Fatal(err)
	}
	self, err := w.passkeys.Self(t.Context(), phone)
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// TestSelfServiceIsShownOnThePhone goes from "checking" to the passkey, and on to its removal by the organisation, which
// the phone is told of for as long as it lives.
func TestSelfServiceIsShownOnThePhone(t *testing.T) {
	w := claimWorld(t, 3*time.Minute)
	w.registerThemselves(t)
	news, stop := w.passkeys.Notices.Subscribe("workstation/wks_1")
	defer stop()
	s := postern.Workstation{ID: "wks_1", IntegrationID: w.integration.ID, Version: 1, State: postern.WorkstationActive, IdentityKey: []byte("k"), CreatedAt: w.clock()}
	w.must(t, func() error { return w.store.CreateWorkstation(t.Context(), s) })
	w.must(t, func() error {
		return w.store.CreatePairing(t.Context(), postern.Pairing{
			ID: "AAAAAAAAAAAAAAAAAAAAAA", IntegrationID: w.integration.ID, WorkstationID: s.ID, PhoneID: w.phone.ID, Version: 1,
			State: postern.PairingActive, CreatedAt: w.clock(), ExpiresAt: w.clock(),
		})
	})
	w.claim(t)
	w.claim(t)
	self := w.self(t)
	if len(self.Claims) != 1 || self.Claims[0].State != postern.ClaimLooking || len(self.Passkeys) != 0 || !self.Claims[0].ExpiresAt.Equal(w.clock().Add(postern.ClaimWindow)) {
		t.Fatalf("%+v", self)
	}
	if len(news) > 0 {
		<-news
	}
	w.runJobs(t)
	self = w.self(t)
	if len(self.Claims) != 0 || len(self.Passkeys) != 1 || self.User.Phase != postern.PhaseActive {
		t.Fatalf("%+v", self)
	}
	if took := w.clock().Sub(w.phone.CreatedAt); took < 3*time.Minute || took > 5*time.Minute {
		t.Errorf("it was found after %s", took)
	}
	select {
	case <-news:
	default:
		t.Error("the paired workstation, which shows the user's phase, was not told")
	}
	w.claim(t) // the phone did not hear the answer
	if left := w.self(t).Claims; len(left) != 0 {
		t.Errorf("claims after a repetition: %+v", left)
	}
	w.must(t, func() error { _, err := w.passkeys.RevokePasskey(t.Context(), self.Passkeys[0].ID); return err })
	w.runJobs(t)
	w.pass(400 * 24 * time.Hour)
	if gone := w.self(t).Passkeys; len(gone) != 1 || gone[0].State != postern.PasskeyRevoked || gone[0].RevokedAt == nil {
		t.Errorf("the phone is told %+v", gone)
	}
	w.claim(t) // an app that was closed since
	if left := w.self(t).Claims; len(left) != 0 {
		t.Errorf("a revoked passkey is looked for: %+v", left)
	}
	events, err := w.trail.Events(t.Context(), audit.Query{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range events {
		names = append(names, e.Name)
	}
	for _, name := range []string{"passkey.claimed", "passkey.self_service", "user.phase_changed", "passkey.revoked"} {
		if !slices.Contains(names, name) {
			t.Errorf("the trail has no %s: %v", name, names)
		}
	}
}

// TestClaimGivenUp: the phone made a credential that Security info never stored.
func TestClaimGivenUp(t *testing.T) {
	w := claimWorld(t, 0)
	options, err := w.tenant.CreationOptions(t.Context(), w.user.ObjectID, 60)
	if err != nil {
		t.Fatal(err)
	}
	w.credential = w.make(t, options.PublicKey)
	w.claim(t)
	began := w.clock()
	before := looks(w)
	w.runJobs(t)
	self := w.self(t)
	if len(self.Claims) != 1 || self.Claims[0].State != postern.ClaimGivenUp || self.Claims[0].Code != postern.CodePasskeyNotListed || self.Claims[0].Next == "" {
		t.Fatalf("%+v", self.Claims)
	}
	if took := w.clock().Sub(began); took < postern.ClaimWindow || took > postern.ClaimWindow+time.Minute {
		t.Errorf("given up after %s", took)
	}
	if n := looks(w) - before; n < 20 || n > 60 {
		t.Errorf("Entra was asked %d times", n)
	}
	w.wantPhase(t, postern.PhasePaired)

	// The user finishes after all: the phone tells again.
	if _, err := w.tenant.RegisterPasskey(t.Context(), w.user.ObjectID, "My phone", entra.NewCredential{
		ID: w.credential.ID, ClientDataJSON: w.credential.ClientDataJSON, AttestationObject: w.credential.AttestationObject,
	}); err != nil {
		t.Fatal(err)
	}
	w.claim(t)
	w.runJobs(t)
	w.wantOwn(t, 1)
	w.wantPhase(t, postern.PhaseActive)
}

// looks counts how often passkeys were listed.
func looks(w *world) int {
	calls, _ := w.sim.Server.Calls()
	n := 0
	for _, c := range calls {
		if c.Method == http.MethodGet && strings.HasSuffix(c.Path, "/fido2Methods") {
			n++
		}
	}
	return n
}

// TestClaimOutlastsFaults: Entra is down and throttles for longer than a claim lasts; nothing is given up before it was
// asked once more.
func TestClaimOutlastsFaults(t *testing.T) {
	w := claimWorld(t, 0)
	w.registerThemselves(t)
	path := "/v1.0/users/*/authentication/fido2Methods"
	fault, err := w.sim.Server.AddFault(entrasim.Fault{Method: "GET", Path: path, Status: 503, Count: 40})
	if err != nil {
		t.Fatal(err)
	}
	defer w.sim.Server.RemoveFaults(fault)
	if _, err := w.sim.Server.AddFault(entrasim.Fault{Method: "GET", Path: path, Status: 429, RetryAfter: 1800, Count: 3}); err != nil {
		t.Fatal(err)
	}
	w.claim(t)
	w.runJobs(t)
	if w.clock().Sub(w.phone.CreatedAt) < postern.ClaimWindow {
		t.Error("the faults did not last")
	}
	w.wantOwn(t, 1)
	w.wantPhase(t, postern.PhaseActive)
}

func TestClaimRefusals(t *testing.T) {
	w := claimWorld(t, 0)
	w.registerThemselves(t)
	refused := func(name string, in postern.SelfServicePasskey, code postern.Code) {
		t.Helper()
		if err := w.passkeys.Claim(t.Context(), w.phone.ID, in); !postern.IsCode(err, code) {
			t.Errorf("%s: %v, want %s", name, err, code)
		}
	}
	for _, rp := range []string{"", "example.com", "LOGIN.microsoft.com", "login.microsoft.com.evil.example", "login.microsoftonline.com"} {
		refused(rp, postern.SelfServicePasskey{CredentialID: w.credential.ID, RPID: rp}, postern.CodeInvalid)
	}
	for _, n := range []int{0, 15, 1024} {
		refused("a credential id of another size", postern.SelfServicePasskey{CredentialID: make([]byte, n), RPID: postern.EntraRPID}, postern.CodeInvalid)
	}
	if err := w.passkeys.Claim(t.Context(), "phn_none", w.told()); !postern.IsCode(err, postern.CodeNotFound) {
		t.Error(err)
	}

	alter := func(change func(i *postern.Integration)) {
		t.Helper()
		i, err := w.store.Integration(t.Context(), w.integration.ID)
		if err != nil {
			t.Fatal(err)
		}
		change(&i)
		w.must(t, func() error { return w.store.UpdateIntegration(t.Context(), &i) })
	}
	alter(func(i *postern.Integration) { i.Flags[postern.FlagFIDO2MobileAuthenticator] = false })
	refused("flag off", w.told(), postern.CodeFlagOff)
	alter(func(i *postern.Integration) {
		i.Flags[postern.FlagFIDO2MobileAuthenticator], i.RestrictDomains, i.Domains = true, true, []string{"elsewhere.example"}
	})
	refused("domain", w.told(), postern.CodeDomainRefused)
	alter(func(i *postern.Integration) { i.RestrictDomains = false })
	for phase, code := range map[postern.Phase]postern.Code{postern.PhaseSuspended: postern.CodeUserSuspended, postern.PhaseRevoked: postern.CodeUserRevoked} {
		u, err := w.store.User(t.Context(), w.user.ID)
		if err != nil {
			t.Fatal(err)
		}
		u.Phase = phase
		w.must(t, func() error { return w.store.UpdateUser(t.Context(), &u) })
		refused(string(phase), w.told(), code)
		u.Phase = postern.PhasePaired
		w.must(t, func() error { return w.store.UpdateUser(t.Context(), &u) })
	}
	for n := range 8 {
		id := make([]byte, 16)
		id[0] = byte(n)
		w.must(t, func() error {
			return w.passkeys.Claim(t.Context(), w.phone.ID, postern.SelfServicePasskey{CredentialID: id, RPID: postern.EntraRPID})
		})
	}
	refused("a ninth at once", w.told(), postern.CodeTooMany)
	w.must(t, func() error { _, err := w.passkeys.RevokePhone(t.Context(), w.phone.ID); return err })
	refused("a revoked phone", w.told(), postern.CodePhoneRevoked)
	w.runJobs(t)
}

// TestClaimOfAnothersPasskey: what Entra lists under another user is never found, and what lies on another device of the
// same user is refused.
func TestClaimOfAnothersPasskey(t *testing.T) {
	w := claimWorld(t, 0)
	w.registerThemselves(t)
	w.claim(t)
	w.runJobs(t)
	stolen, owner, ownersPhone := w.told(), w.user, w.phone
	w.reset(t)
	w.must(t, func() error { return w.passkeys.Claim(t.Context(), w.phone.ID, stolen) })
	w.runJobs(t)
	if self := w.self(t); len(self.Passkeys) != 0 || len(self.Claims) != 1 || self.Claims[0].State != postern.ClaimGivenUp {
		t.Errorf("%+v", self)
	}
	w.wantPhase(t, postern.PhasePaired)

	second := ownersPhone
	second.ID = postern.NewID[postern.PhoneID](postern.PrefixPhone)
	w.must(t, func() error { return w.store.CreatePhone(t.Context(), second) })
	if err := w.passkeys.Claim(t.Context(), second.ID, stolen); !postern.IsCode(err, postern.CodeConflict) {
		t.Error(err)
	}
	keys, err := w.store.PasskeysOfUser(t.Context(), owner.ID)
	if err != nil || len(keys) != 1 || keys[0].PhoneID != ownersPhone.ID {
		t.Errorf("%+v, %v", keys, err)
	}
}

// managed counts the managed passkeys in a listing that somebody asks for.
func (w *world) managed(ctx context.Context, t *testing.T) int {
	t.Helper()
	all, err := w.passkeys.Passkeys(ctx, w.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	return len(slices.DeleteFunc(all, func(k postern.Passkey) bool { return !k.Managed }))
}

// TestUntoldPasskeyOfTwoPhones: where the user has, or had, another phone, it is not clear which of them made it.
func TestUntoldPasskeyOfTwoPhones(t *testing.T) {
	w := claimWorld(t, 0)
	w.registerThemselves(t)
	second := w.phone
	second.ID = postern.NewID[postern.PhoneID](postern.PrefixPhone)
	w.must(t, func() error { return w.store.CreatePhone(t.Context(), second) })
	if n := w.managed(t.Context(), t); n != 0 {
		t.Errorf("%d taken up while it may lie on either of two phones", n)
	}
	w.must(t, func() error { _, err := w.passkeys.RevokePhone(t.Context(), second.ID); return err })
	if n := w.managed(t.Context(), t); n != 0 {
		t.Errorf("%d taken up while it may lie on the phone that was revoked", n)
	}
}

// TestUntoldPasskeys: the phone's word was lost. A listing that somebody asks for takes the passkey up, if there is no
// doubt whose it is.
func TestUntoldPasskeys(t *testing.T) {
	w := claimWorld(t, 0)
	w.registerThemselves(t)
	ctx := postern.WithActor(t.Context(), postern.Actor{Kind: postern.ActorAdministrator, Name: "Ada"})
	managed := func() int { return w.managed(ctx, t) }
	for range 2 {
		if n := managed(); n != 1 {
			t.Errorf("%d taken up", n)
		}
	}
	w.runJobs(t)
	w.wantOwn(t, 1)
	w.wantPhase(t, postern.PhaseActive)
	events, err := w.trail.Events(t.Context(), audit.Query{})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(events, func(e postern.AuditEvent) bool { return e.Name == "passkey.self_service" })
	if at < 0 || events[at].Actor.Kind != postern.ActorSystem {
		t.Errorf("%+v", events)
	}

	// Once it is on its way out it is not taken up again, however long Entra lists it.
	levers := w.sim.Server.Levers()
	levers.MethodDelay = entrasim.Duration(time.Minute)
	w.must(t, func() error { return w.sim.Server.SetLevers(levers) })
	w.must(t, func() error { _, err := w.passkeys.RevokePhone(t.Context(), w.phone.ID); return err })
	managed()
	w.runJobs(t)
	managed()
	w.wantOwn(t, 0)
}

// opaque hides in method ids what they stand for, as Graph may: their form is not documented.
type opaque struct{ provision.Graph }

func (g opaque) Passkeys(ctx context.Context, user string) ([]entra.Passkey, error) {
	all, err := g.Graph.Passkeys(ctx, user)
	for n := range all {
		all[n].ID = "m-" + string(rune('a'+n)) + all[n].ID[:4]
	}
	return all, err
}

type opaqueWorld struct{ *world }

func (w opaqueWorld) Graph(ctx context.Context, id postern.IntegrationID) (provision.Graph, postern.Integration, error) {
	g, i, err := w.world.Graph(ctx, id)
	return opaque{g}, i, err
}

func TestClaimBehindOpaqueIDs(t *testing.T) {
	w := claimWorld(t, 0)
	w.passkeys.Integrations = opaqueWorld{w}
	w.registerThemselves(t)
	w.claim(t)
	began := w.clock()
	w.runJobs(t)
	if took := w.clock().Sub(began); took < time.Minute || took > 3*time.Minute {
		t.Errorf("it took %s", took)
	}
	if self := w.self(t); len(self.Passkeys) != 1 || len(self.Claims) != 0 || string(self.Passkeys[0].CredentialID) != string(w.credential.ID) {
		t.Errorf("%+v", self)
	}
}

// TestNoProvisioningWithoutTheFlag: enrolling asks for no passkey then, the phone is told that it cannot, and the user
// stays paired until they register by themselves.
func TestNoProvisioningWithoutTheFlag(t *testing.T) {
	w := claimWorld(t, 0)
	i, err := w.store.Integration(t.Context(), w.integration.ID)
	if err != nil {
		t.Fatal(err)
	}
	i.Flags[postern.FlagProvisionAPI] = false
	w.must(t, func() error { return w.store.UpdateIntegration(t.Context(), &i) })
	w.must(t, func() error { return w.passkeys.Enrolled(t.Context(), w.phone) })
	if self := w.self(t); self.Integration.CanProvision || len(self.Provisionings) != 0 {
		t.Errorf("%+v", self)
	}
	if _, _, err := w.passkeys.Begin(t.Context(), w.phone.ID); !postern.IsCode(err, postern.CodeFlagOff) {
		t.Error(err)
	}
	w.runJobs(t)
	w.wantPhase(t, postern.PhasePaired)
	w.registerThemselves(t)
	w.claim(t)
	w.runJobs(t)
	w.wantPhase(t, postern.PhaseActive)
}

// TestClaimLeavesProvisioningsAlone: a passkey that a provisioning makes is the provisioning's, whatever the phone says.
func TestClaimLeavesProvisioningsAlone(t *testing.T) {
	w := claimWorld(t, 0)
	w.begin(t)
	w.runJobs(t)
	w.submit(t)
	w.claim(t)
	if left := w.self(t).Claims; len(left) != 0 {
		t.Errorf("%+v", left)
	}
	w.runJobs(t)
	w.wantPasskeys(t, 1)
	keys, err := w.store.PasskeysOfPhone(t.Context(), w.phone.ID)
	if err != nil || len(keys) != 1 || keys[0].ProvisioningID == "" {
		t.Errorf("%+v, %v", keys, err)
	}
}

// TestLookGivenUp: nobody could be asked, for good.
func TestLookGivenUp(t *testing.T) {
	w := claimWorld(t, 0)
	w.registerThemselves(t)
	w.claim(t)
	args := provision.ClaimJob{Phone: w.phone.ID, Credential: w.credential.ID}
	w.must(t, func() error {
		return w.passkeys.LookGivenUp(t.Context(), args, postern.Errorf(postern.CodeEntraPermission, ""))
	})
	if c := w.self(t).Claims; len(c) != 1 || c[0].State != postern.ClaimGivenUp || c[0].Code != postern.CodeEntraPermission {
		t.Errorf("%+v", c)
	}
	w.must(t, func() error { return w.passkeys.Look(t.Context(), args) }) // the job that still lay there finds nothing to do
}
