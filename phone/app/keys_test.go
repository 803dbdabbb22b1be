package app_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/postern/postern"
	graph "github.com/postern/postern/center/entra"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/phone/app"
)

// TestSelfService: a passkey made over the link for Entra is reported, and shown as being looked for.
func TestSelfService(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	c := w.computer("LAPTOP-1")
	d.pair(c, false)
	d.person()
	made, err := c.platform.Create(t.Context(), entra("alex@example.com"), origin)
	if err != nil {
		t.Fatal(err)
	}
	v := d.await("the key", func(v app.View) bool { return len(v.Keys) == 1 && v.Keys[0].State == app.KeyChecking })
	if v.Keys[0].Account != "alex@example.com" || v.Keys[0].Created == nil {
		t.Errorf("key is %+v", v.Keys[0])
	}
	d.await("that the control center knows", func(app.View) bool {
		self, err := d.app.Self(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return len(self.Claims) == 1 && bytes.Equal(self.Claims[0].CredentialID, made.ID)
	})
	// One that is not wanted is deleted at once: Entra never knew it.
	d.do(app.CommandRename, app.Rename{Key: v.Keys[0].ID, Name: "Mine"})
	d.await("the name", func(v app.View) bool { return v.Keys[0].Name == "Mine" })
	d.do(app.CommandDelete, app.Delete{Key: v.Keys[0].ID})
	d.await("no passkey", func(v app.View) bool { return len(v.Keys) == 1 && v.Keys[0].ID == "account" })
}

// TestLookAgain: a passkey that Entra was not seen to list says why, is looked for again when the user says so, and ready
// when Entra lists it.
func TestLookAgain(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	c := w.computer("LAPTOP-1")
	d.pair(c, false)
	d.person()
	ctx := t.Context()
	tenant, _, err := w.center.Integrations.Tenant(ctx, w.integration.ID)
	if err != nil {
		t.Fatal(err)
	}
	user := w.tenant.Users[w.invited-1].ID
	given, err := tenant.CreationOptions(ctx, user, 60)
	if err != nil {
		t.Fatal(err)
	}
	options, err := client.ParseCreationOptions(given.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	made, err := c.platform.Create(ctx, options, origin)
	if err != nil {
		t.Fatal(err)
	}
	id := d.await("the key", func(v app.View) bool { return len(v.Keys) == 1 && v.Keys[0].State == app.KeyChecking }).Keys[0].ID
	if p := d.try(app.CommandLook, app.Look{Key: id}); p == nil || p.Code != app.CodeRequestOver {
		t.Errorf("one that is being looked for: %+v", p)
	}
	d.await("that the control center knows", func(app.View) bool {
		self, err := d.app.Self(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return len(self.Claims) == 1
	})
	// The control center looks for half an hour; here it says early that it gave up. The answer to the app's own first word
	// may still be on its way, so only a word after the user's wish ends that.
	wished, told := false, false
	d.mu.Lock()
	d.alters = func(r signed.Request, answer *signed.Response) {
		if wished && strings.HasSuffix(r.URL, "/passkeys") && r.Method == http.MethodPost {
			told = true
		}
		var self postern.PhoneSelf
		if told || json.Unmarshal(answer.Body, &self) != nil || len(self.Claims) != 1 {
			return
		}
		self.Claims[0].State, self.Claims[0].Code = postern.ClaimGivenUp, postern.CodePasskeyNotListed
		self.Claims[0].Message, self.Claims[0].Next = "Entra does not list it.", "Open Security info again."
		answer.Body, _ = json.Marshal(self)
	}
	d.mu.Unlock()
	d.do(app.CommandVisible, app.Visible{Visible: true})
	v := d.await("that it was given up", func(v app.View) bool { return v.Keys[0].State == app.KeyIncomplete })
	if p := v.Keys[0].Problem; p == nil || p.Code != postern.CodePasskeyNotListed || p.Message != "Entra does not list it." || p.Next != "Open Security info again." {
		t.Errorf("problem is %+v", p)
	}
	d.open() // and it is so after a reload
	d.await("that it was given up", func(v app.View) bool { return len(v.Keys) == 1 && v.Keys[0].State == app.KeyIncomplete })
	d.setDown(true)
	if p := d.try(app.CommandLook, app.Look{Key: id}); p == nil || d.screen().Keys[0].State != app.KeyIncomplete {
		t.Errorf("without a network: %+v", p)
	}
	d.setDown(false)
	d.mu.Lock()
	wished = true
	d.mu.Unlock()
	d.do(app.CommandLook, app.Look{Key: id})
	if v := d.await("the answer", func(v app.View) bool { return v.Keys[0].State == app.KeyChecking }); v.Keys[0].Problem != nil {
		t.Errorf("looked for again, it still says %+v", v.Keys[0].Problem)
	}
	if _, err := tenant.RegisterPasskey(ctx, user, "My phone", graph.NewCredential{ID: made.ID, ClientDataJSON: made.ClientDataJSON, AttestationObject: made.AttestationObject}); err != nil {
		t.Fatal(err)
	}
	v = d.await("the passkey", func(v app.View) bool { return v.Keys[0].State == app.KeyReady && v.Keys[0].PasskeyID != "" })
	if v.Keys[0].Problem != nil || v.Phone.Phase != postern.PhaseActive {
		t.Errorf("key is %+v, phone %+v", v.Keys[0], v.Phone)
	}
	if p := d.try(app.CommandLook, app.Look{Key: "account"}); p == nil || p.Code != app.CodeRequestOver {
		t.Errorf("an account without a passkey: %+v", p)
	}
}

// TestRemoved: what the organisation takes away goes from the phone, and the user is told; what the user deletes goes at
// Entra too.
func TestRemoved(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	provision := func() app.Key {
		t.Helper()
		v := d.await("an offer", func(v app.View) bool { return v.Offer != nil && v.Offer.Step == "ask" })
		d.do(app.CommandAccept, app.Accept{ID: v.Offer.ID})
		v = d.await("the passkey", func(v app.View) bool {
			return v.Offer != nil && v.Offer.Step == "done" && len(v.Keys) == 1 && v.Keys[0].State == app.KeyReady
		})
		d.do(app.CommandClose, app.Close{})
		return v.Keys[0]
	}
	key := provision()
	if _, err := w.admin.RevokePasskey(t.Context(), key.PasskeyID); err != nil {
		t.Fatal(err)
	}
	v := d.await("the notice", func(v app.View) bool {
		return len(v.Notices) == 1 && len(v.Keys) == 1 && v.Keys[0].ID == "account"
	})
	if v.Notices[0].Code != app.CodePasskeyRemoved || v.Notices[0].Account == "" {
		t.Errorf("notices are %+v", v.Notices)
	}
	d.do(app.CommandDismiss, app.Dismiss{Notice: v.Notices[0].ID})
	d.do(app.CommandAsk, app.Ask{})
	key = provision()
	d.do(app.CommandDelete, app.Delete{Key: key.ID})
	d.await("no key", func(v app.View) bool { return len(v.Keys) == 1 && v.Keys[0].ID == "account" })
	if n := d.screen().Notices; len(n) != 0 {
		t.Errorf("the user's own deletion is told as somebody else's: %+v", n)
	}
	// Declined, nothing is made.
	d.do(app.CommandAsk, app.Ask{})
	v = d.await("an offer", func(v app.View) bool { return v.Offer != nil && v.Offer.Step == "ask" })
	d.do(app.CommandDecline, app.Decline{ID: v.Offer.ID})
	d.await("no offer", func(v app.View) bool { return v.Offer == nil })
}

// TestRevoked: a phone that the organisation removed says so, and keeps no passkey of Entra's.
func TestRevoked(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	v := d.await("online", func(v app.View) bool { return v.Link.State == app.LinkOnline })
	if _, err := w.admin.RevokePhone(t.Context(), v.Phone.ID); err != nil {
		t.Fatal(err)
	}
	v = d.await("the notice", func(v app.View) bool { return v.Link.State == app.LinkRefused && len(v.Notices) > 0 })
	if v.Notices[0].Code != postern.CodePhoneRevoked && v.Notices[0].Code != postern.CodePhoneUnknown || !v.Notices[0].Grave {
		t.Errorf("notices are %+v", v.Notices)
	}
	d.do(app.CommandForget, app.Forget{})
	d.await("the first start", func(v app.View) bool { return v.Setup != nil })
}

// TestWithoutPRF: a phone whose biometric gives no key is of lower assurance, which an integration refuses unless it says
// otherwise.
func TestWithoutPRF(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.gate = nil
	d.open()
	code := w.invite().Code
	if p := d.try(app.CommandEnrol, app.Enrol{Code: code, Name: "Old phone", CredentialID: []byte("gate")}); p == nil || p.Code != postern.CodePhoneAssurance {
		t.Fatalf("enrolling without PRF: %+v", p)
	}
	if p := d.try(app.CommandEnrol, app.Enrol{Code: code, Name: "Old phone"}); p == nil || p.Code != app.CodeGateMissing {
		t.Fatalf("enrolling without a gate: %+v", p)
	}
	in := postern.IntegrationInput{
		Version: w.integration.Version, ApplicationName: "Postern", TenantID: w.tenant.TenantID, ClientID: w.tenant.ClientID, ClientSecret: w.tenant.ClientSecret,
		AllowLowAssurance: true, Attestation: postern.AttestationPacked,
	}
	if _, err := w.admin.UpdateIntegration(t.Context(), w.integration.ID, in); err != nil {
		t.Fatal(err)
	}
	d.do(app.CommandEnrol, app.Enrol{Code: code, Name: "Old phone", CredentialID: []byte("gate")})
	v := d.await("the phone", func(v app.View) bool { return v.Phone != nil && v.Link.State == app.LinkOnline })
	if v.Phone.Assurance != postern.AssuranceNone {
		t.Errorf("assurance is %q", v.Phone.Assurance)
	}
	c := w.computer("LAPTOP-1")
	d.pair(c, false)
	d.person()
	if _, err := c.platform.Create(t.Context(), entra("alex@example.com"), origin); err != nil {
		t.Fatal(err)
	}
}
