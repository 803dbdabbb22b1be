package provision_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/fido/client"
)

// make has the authenticator make a credential from options as Graph gave them.
func (w *world) make(t *testing.T, publicKey []byte) *postern.CredentialSubmission {
	t.Helper()
	options, err := client.ParseCreationOptions(publicKey)
	if err != nil {
		t.Fatal(err)
	}
	options.Attestation = client.AttestationNone
	made, err := w.client.Create(t.Context(), options, "https://"+options.RP.ID)
	if err != nil {
		t.Fatal(err)
	}
	return &postern.CredentialSubmission{ID: made.ID, ClientDataJSON: made.ClientDataJSON, AttestationObject: made.AttestationObject}
}

// beginOnKey begins or goes on, as the command line does, and reports whether a credential can still be handed in.
func (w *world) beginOnKey(t *testing.T) bool {
	t.Helper()
	all, err := w.passkeys.Provisionings(t.Context(), w.user.ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) > 0 && all[0].State.Final() {
		return false
	}
	p, created, err := w.passkeys.BeginSecurityKey(t.Context(), w.integration.ID, postern.SecurityKeyInput{User: w.user.UPN})
	if err != nil {
		t.Fatal(err)
	}
	if created != (len(all) == 0) {
		t.Errorf("created is %t with %d provisionings", created, len(all))
	}
	return p.State == postern.ProvisioningRequested || p.State == postern.ProvisioningOffered
}

// obtainOnKey goes the whole way on a security key. A server that died in between does not make it touch the key twice.
func (w *world) obtainOnKey(t *testing.T) {
	t.Helper()
	if w.beginOnKey(t) {
		p := w.latest(t)
		if w.credential == nil {
			options, err := w.passkeys.SecurityKeyOptions(t.Context(), p.ID)
			if err != nil {
				t.Fatal(err)
			}
			w.credential = w.make(t, options.PublicKey)
		}
		w.must(t, func() error { _, err := w.passkeys.SubmitSecurityKey(t.Context(), p.ID, *w.credential); return err })
	}
	w.runJobs(t)
}

func (w *world) revokeKey(t *testing.T) {
	t.Helper()
	all, err := w.store.PasskeysOfUser(t.Context(), w.user.ID)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d passkeys, %v", len(all), err)
	}
	w.must(t, func() error { _, err := w.passkeys.RevokePasskey(t.Context(), all[0].ID); return err })
}

// keyWorld is a world with one user of the directory whom Postern does not know.
func keyWorld(t *testing.T) (*world, postern.DirectoryUser) {
	w := newWorld(t, 0)
	w.reset(t)
	w.start(t)
	who := w.users[0]
	return w, who
}

func TestSecurityKeyForAUserNobodyInvited(t *testing.T) {
	w, who := keyWorld(t)
	ctx := postern.WithActor(t.Context(), postern.Actor{Kind: postern.ActorAdministrator, Name: "Ada"})
	p, created, err := w.passkeys.BeginSecurityKey(ctx, w.integration.ID, postern.SecurityKeyInput{User: strings.ToUpper(who.UPN)})
	if err != nil || !created || p.State != postern.ProvisioningRequested || p.Carrier != postern.CarrierSecurityKey || p.PhoneID != "" || p.RequestedBy != "Ada" {
		t.Fatalf("%+v, %t, %v", p, created, err)
	}
	if w.user, err = w.store.User(t.Context(), p.UserID); err != nil || w.user.UPN != who.UPN {
		t.Fatalf("%+v, %v", w.user, err)
	}
	w.obtainOnKey(t)
	keys, err := w.passkeys.Passkeys(ctx, p.UserID)
	if err != nil {
		t.Fatal(err)
	}
	keys = slices.DeleteFunc(keys, func(k postern.Passkey) bool { return !k.Managed }) // those the user brought along
	if len(keys) != 1 {
		t.Fatalf("%+v", keys)
	}
	k := keys[0]
	if !k.Managed || k.Carrier != postern.CarrierSecurityKey || k.PhoneID != "" || k.AAGUID != "8a208249-8aef-41b3-907f-776d51e6526f" || k.MethodID == "" || k.ProvisioningID != p.ID {
		t.Errorf("%+v", k)
	}
	w.wantPhase(t, "")
	w.revokeKey(t)
	w.runJobs(t)
	w.wantPasskeys(t, 0)
	w.wantPhase(t, "")

	events, err := w.trail.Events(ctx, audit.Query{})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range events {
		if e.Fields["phone"] != "" || e.Fields["carrier"] != "security_key" {
			t.Errorf("%s has the fields %v", e.Name, e.Fields)
		}
		names = append(names, e.Name)
	}
	told := strings.Join(names, " ")
	for _, name := range []string{"requested", "offered", "submitted", "registered", "active"} {
		if !strings.Contains(told, "provisioning."+name) {
			t.Errorf("the trail has %s, and no %s", told, name)
		}
	}
	if !strings.Contains(told, "passkey.revoked") {
		t.Errorf("the trail has %s", told)
	}
}

func TestSecurityKeyRefusals(t *testing.T) {
	w, who := keyWorld(t)
	var privileged, guest, disabled string
	for u, err := range w.tenant.AllUsers(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case u.Guest:
			guest = u.UPN
		case !u.Enabled:
			disabled = u.UPN
		}
	}
	all, err := w.tenant.PrivilegedUsers(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for id := range all {
		privileged = id
	}
	for name, c := range map[string]struct {
		user   string
		change func(i *postern.Integration)
		want   postern.Code
	}{
		"nobody":           {"", nil, postern.CodeInvalid},
		"unknown":          {"nobody@contoso.example", nil, postern.CodeEntraUserNotFound},
		"privileged":       {privileged, nil, postern.CodePrivilegedUser},
		"guest":            {guest, nil, postern.CodeGuestUser},
		"disabled account": {disabled, nil, postern.CodeAccountDisabled},
		"DISABLED":         {who.UPN, func(i *postern.Integration) { i.State = postern.StateDisabled }, postern.CodeIntegrationDisabled},
		"flag off":         {who.UPN, func(i *postern.Integration) { i.Flags[postern.FlagProvisionAPI] = false }, postern.CodeFlagOff},
		"other domain": {who.UPN, func(i *postern.Integration) {
			i.RestrictDomains, i.Domains = true, []string{"fabrikam.example"}
		}, postern.CodeDomainRefused},
	} {
		t.Run(name, func(t *testing.T) {
			w.change(t, c.change)
			if _, _, err := w.passkeys.BeginSecurityKey(t.Context(), w.integration.ID, postern.SecurityKeyInput{User: c.user}); !postern.IsCode(err, c.want) {
				t.Errorf("%v, want %s", err, c.want)
			}
		})
	}
	w.change(t, nil)
	if _, err := w.store.UserByObjectID(t.Context(), w.integration.ID, who.ObjectID); !postern.IsCode(err, postern.CodeNotFound) {
		t.Errorf("a refused user is known: %v", err)
	}
	// The flag for phones has nothing to do with it.
	w.change(t, func(i *postern.Integration) { i.Flags[postern.FlagFIDO2MobileAuthenticator] = false })
	p, _, err := w.passkeys.BeginSecurityKey(t.Context(), w.integration.ID, postern.SecurityKeyInput{User: who.UPN})
	if err != nil {
		t.Fatal(err)
	}

	// What changes between the intent and the options is seen: for a while, or for good.
	w.change(t, func(i *postern.Integration) { i.State = postern.StateDisabled })
	if _, err := w.passkeys.SecurityKeyOptions(t.Context(), p.ID); !postern.IsCode(err, postern.CodeIntegrationDisabled) {
		t.Error(err)
	}
	w.wantState(t, p.ID, postern.ProvisioningRequested)
	w.change(t, func(i *postern.Integration) { i.Flags[postern.FlagProvisionAPI] = false })
	if _, err := w.passkeys.SecurityKeyOptions(t.Context(), p.ID); !postern.IsCode(err, postern.CodeFlagOff) {
		t.Error(err)
	}
	w.wantState(t, p.ID, postern.ProvisioningFailed)
}

// change stores the integration as change makes it, from its first form.
func (w *world) change(t *testing.T, change func(i *postern.Integration)) {
	t.Helper()
	i := w.integration
	i.Flags = postern.AllFlags()
	if change != nil {
		change(&i)
	}
	now, err := w.store.Integration(t.Context(), i.ID)
	if err != nil {
		t.Fatal(err)
	}
	i.Version = now.Version
	w.must(t, func() error { return w.store.UpdateIntegration(t.Context(), &i) })
}

func (w *world) wantState(t *testing.T, id postern.ProvisioningID, want postern.ProvisioningState) postern.Provisioning {
	t.Helper()
	p, err := w.passkeys.Provisioning(t.Context(), id)
	if err != nil || p.State != want {
		t.Errorf("the provisioning is %s, want %s, %v", p.State, want, err)
	}
	return p
}

func TestSecurityKeyTakenOver(t *testing.T) {
	w, _ := keyWorld(t)
	ctx := t.Context()
	w.beginOnKey(t)
	id := w.latest(t).ID
	first, err := w.passkeys.SecurityKeyOptions(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.passkeys.SecurityKeyOptions(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	late := w.make(t, first.PublicKey)
	if _, err := w.passkeys.SubmitSecurityKey(ctx, id, *late); !postern.IsCode(err, postern.CodeProvisioningTaken) {
		t.Errorf("a credential for options that no longer count: %v", err)
	}
	made := w.make(t, second.PublicKey)
	for range 2 { // the same submission again is answered the same
		if p, err := w.passkeys.SubmitSecurityKey(ctx, id, *made); err != nil || p.State != postern.ProvisioningSubmitted {
			t.Errorf("%+v, %v", p, err)
		}
	}
	if _, err := w.passkeys.SubmitSecurityKey(ctx, id, *late); !postern.IsCode(err, postern.CodeProvisioningState) {
		t.Errorf("another credential afterwards: %v", err)
	}
	if _, err := w.passkeys.SecurityKeyOptions(ctx, id); !postern.IsCode(err, postern.CodeProvisioningState) {
		t.Errorf("options after the submission: %v", err)
	}
	w.runJobs(t)
	w.wantPasskeys(t, 1)

	// With that done the user may have another key.
	if p, created, err := w.passkeys.BeginSecurityKey(ctx, w.integration.ID, postern.SecurityKeyInput{User: w.user.UPN}); err != nil || !created || p.ID == id {
		t.Errorf("%+v, %t, %v", p, created, err)
	}
}

func TestSecurityKeyTooLate(t *testing.T) {
	w, _ := keyWorld(t)
	w.beginOnKey(t)
	id := w.latest(t).ID
	options, err := w.passkeys.SecurityKeyOptions(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	made := w.make(t, options.PublicKey)
	w.pass(2 * time.Hour)
	if _, err := w.passkeys.SubmitSecurityKey(t.Context(), id, *made); !postern.IsCode(err, postern.CodeChallengeExpired) {
		t.Error(err)
	}
	if p := w.wantState(t, id, postern.ProvisioningFailed); p.Next == "" {
		t.Error("it does not say what to do")
	}
	w.runJobs(t)
	w.wantPasskeys(t, 0)
}

// TestSecurityKeyLateAtEntra: Graph throttles until the challenge has run out. The provisioning fails instead of asking
// a key that nobody holds any more.
func TestSecurityKeyLateAtEntra(t *testing.T) {
	w, _ := keyWorld(t)
	w.beginOnKey(t)
	id := w.latest(t).ID
	options, err := w.passkeys.SecurityKeyOptions(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	made := w.make(t, options.PublicKey)
	w.must(t, func() error { _, err := w.passkeys.SubmitSecurityKey(t.Context(), id, *made); return err })
	w.pass(2 * time.Hour)
	w.runJobs(t)
	if p := w.wantState(t, id, postern.ProvisioningFailed); p.Code != postern.CodeChallengeExpired {
		t.Errorf("%s: %s", p.Code, p.Message)
	}
	w.wantPasskeys(t, 0)
}

// TestPhonesAndKeysDoNotMix: a phone cannot answer for a key, nor the other way round, and both may be under way.
func TestPhonesAndKeysDoNotMix(t *testing.T) {
	w, _ := keyWorld(t)
	ctx := t.Context()
	onPhone, _, err := w.passkeys.Begin(ctx, w.phone.ID)
	if err != nil {
		t.Fatal(err)
	}
	onKey, created, err := w.passkeys.BeginSecurityKey(ctx, w.integration.ID, postern.SecurityKeyInput{User: w.user.UPN})
	if err != nil || !created {
		t.Fatal(created, err)
	}
	if _, err := w.passkeys.ForPhone(ctx, w.phone, onKey.ID); !postern.IsCode(err, postern.CodeNotFound) {
		t.Errorf("the phone sees the key's provisioning: %v", err)
	}
	if _, err := w.passkeys.SecurityKeyOptions(ctx, onPhone.ID); !postern.IsCode(err, postern.CodeProvisioningState) {
		t.Errorf("options of the phone's provisioning in the clear: %v", err)
	}
	if _, err := w.passkeys.SubmitSecurityKey(ctx, onPhone.ID, postern.CredentialSubmission{ID: []byte{1}}); !postern.IsCode(err, postern.CodeProvisioningState) {
		t.Error(err)
	}
}
