package phone_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/phone"
	"github.com/postern/postern/phone/websignin"
)

// TestLife follows a phone from its invitation to its end, under both attestation modes: enrolled, provisioned, signed
// in with, its passkey revoked and gone, a new one made, forgotten.
func TestLife(t *testing.T) {
	for _, mode := range []postern.AttestationMode{postern.AttestationNone, postern.AttestationPacked} {
		t.Run(string(mode), func(t *testing.T) {
			w := newWorld(t, mode)
			invitation := w.invite()
			d := w.device()
			p := d.enrol(invitation.Code)

			var offered phone.Offer
			how := patient
			how.Accept = func(_ context.Context, o phone.Offer) error { offered = o; return nil }
			record, err := p.Provision(t.Context(), how)
			if err != nil || record.State != postern.ProvisioningActive {
				t.Fatalf("provisioning is %+v, %v", record, err)
			}
			if offered.RPID != "login.microsoft.com" || offered.Account != invitation.User.UPN {
				t.Errorf("offered %+v", offered)
			}
			if result, err := w.signIn(p, invitation.User.UPN); err != nil || result.UPN != invitation.User.UPN {
				t.Fatalf("signed in as %+v, %v", result, err)
			}
			if result, err := w.signIn(p, ""); err != nil || result.UPN != invitation.User.UPN {
				t.Errorf("by user handle as %+v, %v", result, err)
			}

			if again := d.provision(p); again.ID != record.ID || len(d.credentials()) != 1 {
				t.Errorf("a second run gave %s and %d credentials", again.ID, len(d.credentials()))
			}

			passkeys := w.passkeysOf(p, invitation.User.ID)
			if len(passkeys) != 1 {
				t.Fatalf("passkeys %+v", passkeys)
			}
			if _, err := w.admin.RevokePasskey(t.Context(), passkeys[0].ID); err != nil {
				t.Fatal(err)
			}
			w.until("the revoked passkey leaves the phone", func() bool {
				if _, err := p.Sync(t.Context()); err != nil {
					t.Fatal(err)
				}
				return len(d.credentials()) == 0
			})
			if _, err := w.signIn(p, invitation.User.UPN); err == nil {
				t.Error("signed in with a revoked passkey")
			}
			if anew := d.provision(d.restart()); anew.State != postern.ProvisioningActive || anew.ID == record.ID {
				t.Errorf("provisioned anew: %+v", anew)
			}

			if err := p.Forget(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := p.Sync(t.Context()); !postern.IsCode(err, postern.CodePhoneRevoked) {
				t.Errorf("a forgotten phone is answered %v", err)
			}
			if err := p.Forget(t.Context()); err != nil {
				t.Errorf("forgotten twice: %v", err)
			}
		})
	}
}

func (w *world) signIn(p *phone.Phone, upn string) (*websignin.Result, error) {
	w.Helper()
	asserter, err := p.Client()
	if err != nil {
		w.Fatal(err)
	}
	return websignin.SignIn(w.Context(), w.tenant.Client(), asserter, websignin.Request{
		Authority: w.tenant.AuthorityURL, Tenant: w.tenant.TenantID, ClientID: w.tenant.SignInClientID, RedirectURI: "http://localhost", UPN: upn,
	})
}

// until waits for something to become true, as long as the test may take.
func (w *world) until(what string, ok func() bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	for tick := time.NewTicker(50 * time.Millisecond); !ok(); {
		select {
		case <-ctx.Done():
			w.Fatal("waited in vain: " + what)
		case <-tick.C:
		}
	}
}

// TestEveryCrashPoint kills the phone before and after each of its calls and saves in turn. The run that follows ends
// with an active passkey: one in Entra, the same one on the phone.
func TestEveryCrashPoint(t *testing.T) {
	w := newWorld(t, postern.AttestationPacked)
	for n := 1; ; n++ {
		invitation := w.invite()
		d := w.device()
		p := d.enrol(invitation.Code)
		at, left := "", n
		d.fail = func(when string) error {
			if left == 0 {
				return errCrash // dead processes do nothing
			}
			if left--; left > 0 {
				return nil
			}
			at = when
			return errCrash
		}
		how := patient
		how.Step = func(r postern.Provisioning) { at += " in " + string(r.State) }
		how.Wait = 10 * time.Second
		// A dead process does not wait for the control center to come back.
		ctx, cancel := context.WithCancel(t.Context())
		fail := d.fail
		d.fail = func(when string) error {
			err := fail(when)
			if err != nil {
				cancel()
			}
			return err
		}
		record, err := p.Provision(ctx, how)
		cancel()
		if err == nil {
			if n < 10 {
				t.Errorf("only %d points to crash at", n-1)
			}
			if record.State != postern.ProvisioningActive {
				t.Errorf("without a crash: %+v", record)
			}
			return
		}
		d.fail = nil
		t.Run(fmt.Sprintf("%d", n), func(t *testing.T) {
			final := d.provision(d.restart())
			if final.State != postern.ProvisioningActive {
				t.Fatalf("crashed %s: %+v", at, final)
			}
			passkeys := w.passkeysOf(p, invitation.User.ID)
			creds := d.credentials()
			if len(passkeys) != 1 || len(creds) != 1 || !bytes.Equal(passkeys[0].CredentialID, creds[0].ID) {
				t.Errorf("crashed %s: passkeys %+v, credentials on the phone %d", at, passkeys, len(creds))
			}
			if result, err := w.signIn(d.restart(), invitation.User.UPN); err != nil || result.UPN != invitation.User.UPN {
				t.Errorf("crashed %s: signed in as %+v, %v", at, result, err)
			}
		})
	}
}

func TestDecline(t *testing.T) {
	w := newWorld(t, postern.AttestationNone)
	for name, decline := range map[string]func(*device, *phone.Provisioning){
		"by the offer": func(_ *device, how *phone.Provisioning) {
			how.Accept = func(context.Context, phone.Offer) error { return errors.New("not now") }
		},
		"by the gesture": func(d *device, _ *phone.Provisioning) {
			d.user.Answer = func(context.Context, authenticator.Prompt, bool) error { return authenticator.ErrDenied }
		},
	} {
		d := w.device()
		p := d.enrol(w.invite().Code)
		how := patient
		decline(d, &how)
		record, err := p.Provision(t.Context(), how)
		if err != nil || record.State != postern.ProvisioningDeclined || len(d.credentials()) != 0 {
			t.Errorf("%s: %+v, %v, %d credentials", name, record, err, len(d.credentials()))
		}
		if phone.Outcome(record) == nil {
			t.Errorf("%s: declining counts as a passkey", name)
		}
	}
}

// TestWrongClock: a phone an hour late is told the time and goes on.
func TestWrongClock(t *testing.T) {
	w := newWorld(t, postern.AttestationNone)
	d := w.device()
	d.clock = func() time.Time { return time.Now().Add(-time.Hour) }
	p := d.enrol(w.invite().Code)
	if r := d.provision(p); r.State != postern.ProvisioningActive {
		t.Errorf("%+v", r)
	}
}

func TestEnrolRefused(t *testing.T) {
	w := newWorld(t, postern.AttestationNone)
	good := phone.Enrolment{Server: w.server, Code: w.invite().Code, Name: "Phone", Assurance: postern.AssuranceFile}
	for name, tc := range map[string]struct {
		change func(*phone.Enrolment)
		want   postern.Code
	}{
		"wrong code":    {func(e *phone.Enrolment) { e.Code = "0000-0000-0000-0000" }, postern.CodeInvitationInvalid},
		"no code":       {func(e *phone.Enrolment) { e.Code = " - " }, postern.CodeInvalid},
		"no name":       {func(e *phone.Enrolment) { e.Name = " " }, postern.CodeInvalid},
		"no address":    {func(e *phone.Enrolment) { e.Server = "postern" }, postern.CodeInvalid},
		"in the clear":  {func(e *phone.Enrolment) { e.Server = "http://postern.example.com" }, postern.CodeInvalid},
		"nobody there":  {func(e *phone.Enrolment) { e.Server = "http://127.0.0.1:1" }, postern.CodeUnavailable},
		"somebody else": {func(e *phone.Enrolment) { e.Server = w.tenant.GraphURL }, postern.CodeUnavailable},
	} {
		in := good
		tc.change(&in)
		d := w.device()
		if p, _, err := phone.Enrol(t.Context(), in, d.env()); !postern.IsCode(err, tc.want) || p != nil || d.saved != nil {
			t.Errorf("%s: %v, want %s, and nothing kept", name, err, tc.want)
		}
	}
	d := w.device()
	if _, self, err := phone.Enrol(t.Context(), good, d.env()); err != nil || self.Phone.Name != "Phone" {
		t.Errorf("after all that: %+v, %v", self, err)
	}
}

// TestRedirectsAreNotFollowed: a signed request is for the address it was meant for.
func TestRedirectsAreNotFollowed(t *testing.T) {
	followed := false
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { followed = true }))
	defer elsewhere.Close()
	here := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer here.Close()
	caller, err := signed.NewCaller(signed.Phone, here.URL, signed.HTTP(nil), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (phone.API{Caller: caller}).Self(t.Context()); !postern.IsCode(err, postern.CodeUnavailable) || followed {
		t.Errorf("Self = %v, followed %v", err, followed)
	}
}
