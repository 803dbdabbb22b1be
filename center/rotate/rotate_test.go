package rotate_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/rotate"
	"github.com/postern/postern/entrasim"
)

func TestCertificateRenewsItself(t *testing.T) {
	w := newWorld(t)
	w.withCertificate(20)
	old := w.integration().Credential
	r := w.begin(postern.RotationInput{})
	if r.Way != postern.RotationBySelf || r.State != postern.RotationAdding {
		t.Fatalf("%+v", r)
	}
	r = w.until(postern.RotationOverlap)
	now := w.integration().Credential
	if now.Certificate.Thumbprint == old.Certificate.Thumbprint || now.Certificate.Thumbprint != r.Certificate.Thumbprint {
		t.Errorf("the integration uses %s", now.Certificate.Thumbprint)
	}
	if n := len(w.registration().Keys); n != 2 {
		t.Errorf("%d certificates are registered while both are good", n)
	}
	if left := r.OverlapUntil.Sub(*r.SwitchedAt); left != rotate.DefaultOverlap {
		t.Errorf("the overlap is %s", left)
	}
	w.over(postern.RotationDone)
	w.alone()
	if w.count(audit.RotationBegun) != 1 || w.count(audit.RotationSwitched) != 1 || w.count(audit.RotationDone) != 1 {
		t.Errorf("%d entries", len(w.events))
	}
	if s, err := w.Status(t.Context(), w.id); err != nil || s.Level != postern.CredentialFine || *s.DaysLeft < 360 {
		t.Errorf("%+v %v", s, err)
	}
}

// TestLostAnywhere loses each request and each answer that changes something, once.
func TestLostAnywhere(t *testing.T) {
	for n := range 2 {
		for _, sent := range []bool{false, true} {
			t.Run(fmt.Sprintf("%d sent %v", n, sent), func(t *testing.T) {
				w := newWorld(t)
				w.withCertificate(20)
				seen := 0
				w.lose = func(_, _ string, answered bool) bool {
					if answered != sent {
						return false
					}
					seen++
					return seen == n+1
				}
				w.begin(postern.RotationInput{Now: true})
				if r := w.over(postern.RotationDone); r.Kept {
					t.Errorf("%+v", r.Problem)
				}
				w.alone()
				if seen <= n {
					t.Errorf("only %d requests", seen)
				}
			})
		}
	}
}

// TestTakenBackThoughTheAnswerIsLost loses the answer to the removal of the new certificate, which is refused when it is
// asked for again.
func TestTakenBackThoughTheAnswerIsLost(t *testing.T) {
	w := newWorld(t)
	w.withCertificate(20)
	w.begin(postern.RotationInput{})
	r := w.until(postern.RotationProving)
	lost := 0
	w.lose = func(_, path string, answered bool) bool {
		if answered && strings.HasSuffix(path, "/removeKey") {
			lost++
		}
		return answered && lost == 1
	}
	_, err := w.Cancel(t.Context(), w.id, postern.RotationAct{Version: r.Version})
	w.must(err)
	if r = w.over(postern.RotationCancelled); r.Kept || lost != 2 {
		t.Errorf("%d answers, %+v", lost, r.Problem)
	}
	w.alone()
}

// TestRemovalRefused has Entra refuse the removal of the old certificate for good.
func TestRemovalRefused(t *testing.T) {
	w := newWorld(t)
	w.withCertificate(20)
	_, err := w.sim.Server.AddFault(entrasim.Fault{
		Method: http.MethodPost, Path: "/v1.0/applications/*/removeKey", Status: http.StatusBadRequest, Code: "Request_BadRequest", Message: "Not that one.",
	})
	w.must(err)
	began := w.clock()
	w.begin(postern.RotationInput{Now: true})
	r := w.over(postern.RotationDone)
	if !r.Kept || r.Problem == nil || r.Problem.Code != postern.CodeRotationKept || !strings.Contains(r.Problem.Message, "Not that one.") {
		t.Errorf("%+v", r)
	}
	if passed := w.clock().Sub(began); passed < 10*time.Minute || passed > time.Hour {
		t.Errorf("it was given up after %s", passed)
	}
	if n := len(w.registration().Keys); n != 2 || w.count(audit.RotationKept) != 1 || w.count(audit.RotationDone) != 0 {
		t.Errorf("%d certificates, %+v", n, w.events)
	}
}

// TestAwayWhileRemoving has Postern not reach Entra for hours before the old certificate is removed: that it took so long is
// nothing to give up for.
func TestAwayWhileRemoving(t *testing.T) {
	w := newWorld(t)
	w.withCertificate(20)
	away := true
	w.lose = func(_, path string, answered bool) bool {
		return away && !answered && strings.HasSuffix(path, "/removeKey")
	}
	w.begin(postern.RotationInput{Now: true})
	w.until(postern.RotationRemoving)
	w.pass(5 * time.Hour)
	away = false
	if r := w.over(postern.RotationDone); r.Kept {
		t.Errorf("%+v", r.Problem)
	}
	w.alone()
}

func TestSecretToCertificate(t *testing.T) {
	w := newWorld(t)
	w.withSecret()
	w.types(w.begin(postern.RotationInput{To: postern.CredentialCertificate}))
	r := w.over(postern.RotationDone)
	if r.Way != postern.RotationByAdministrator || r.Administrator == nil || !strings.HasPrefix(r.Administrator.UPN, "admin@") {
		t.Errorf("%+v", r)
	}
	w.alone()
	if reg := w.registration(); len(reg.Keys) != 1 {
		t.Errorf("%+v", reg)
	}
	if w.count(audit.RotationSignedIn) != 1 {
		t.Error("nobody says who signed in")
	}
}

// TestSecretToSecret loses the answer that holds the new secret: a secret nobody knows must not stay.
func TestSecretToSecret(t *testing.T) {
	w := newWorld(t)
	w.withSecret()
	lost := false
	w.lose = func(_, path string, answered bool) bool {
		if answered && !lost && strings.HasSuffix(path, "/addPassword") {
			lost = true
			return true
		}
		return false
	}
	w.types(w.begin(postern.RotationInput{}))
	w.over(postern.RotationDone)
	w.alone()
	i := w.integration()
	if !lost || i.Credential.Kind != postern.CredentialSecret || i.Credential.EndsAt == nil {
		t.Errorf("%v %+v", lost, i.Credential)
	}
	text, err := json.Marshal(w.events)
	if reg := w.registration(); err != nil || strings.Contains(string(text), reg.Secrets[0].KeyID+"8Q~") {
		t.Error("the trail holds the secret")
	}
}

func TestOtherCertificatesStay(t *testing.T) {
	w := newWorld(t)
	w.withSecret()
	other, _, err := entra.MakeCertificate("somebody else's", w.clock(), 24*time.Hour)
	w.must(err)
	w.control("POST", "tenants/first/apps/"+w.sim.ClientID+"/certificates", map[string]any{"pem": string(other)})
	w.types(w.begin(postern.RotationInput{To: postern.CredentialCertificate}))
	w.over(postern.RotationDone)
	if reg := w.registration(); len(reg.Keys) != 2 || len(reg.Secrets) != 0 {
		t.Errorf("%d certificates and %d secrets", len(reg.Keys), len(reg.Secrets))
	}
}

func TestEndedCertificate(t *testing.T) {
	w := newWorld(t)
	w.withCertificate(2)
	w.pass(3 * 24 * time.Hour)
	r := w.begin(postern.RotationInput{})
	if r.Way != postern.RotationByAdministrator {
		t.Fatalf("%+v", r)
	}
	w.types(r)
	for range 40 {
		if r = w.rotation(); r.Switched() {
			break
		}
		if due, some, err := w.jobs.NextDue(t.Context()); err == nil && some {
			w.pass(max(due.Sub(w.clock()), 0))
		}
		_, err := w.jobs.RunOne(t.Context())
		w.must(err)
	}
	w.over(postern.RotationDone)
	w.alone()
}

func TestByHand(t *testing.T) {
	w := newWorld(t)
	w.withCertificate(20)
	r := w.begin(postern.RotationInput{ByHand: true, Now: true})
	if r.State != postern.RotationProving || r.PEM == "" {
		t.Fatalf("%+v", r)
	}
	for range 5 {
		w.pass(time.Minute)
		_, err := w.jobs.RunOne(t.Context())
		w.must(err)
	}
	if r = w.rotation(); r.State != postern.RotationProving {
		t.Fatalf("%s", r.State)
	}
	w.control("POST", "tenants/first/apps/"+w.sim.ClientID+"/certificates", map[string]any{"pem": r.PEM})
	w.over(postern.RotationDone)
	w.alone()
}

func TestNobodyUploads(t *testing.T) {
	w := newWorld(t)
	w.withCertificate(20)
	w.begin(postern.RotationInput{ByHand: true})
	w.pass(8 * 24 * time.Hour)
	if r := w.until(postern.RotationFailed); r.Problem == nil || r.Problem.Code != postern.CodeRotationUnproven {
		t.Errorf("%+v", r.Problem)
	}
	w.alone()
}

// TestCancel cancels before and after Entra took the new certificate.
func TestCancel(t *testing.T) {
	for _, state := range []postern.RotationState{postern.RotationAdding, postern.RotationProving} {
		t.Run(string(state), func(t *testing.T) {
			w := newWorld(t)
			w.withCertificate(20)
			old := w.integration().Credential.Certificate.Thumbprint
			w.begin(postern.RotationInput{})
			r := w.rotation()
			if state == postern.RotationProving {
				r = w.until(state)
			}
			if r.State != state {
				t.Fatalf("the rotation is %s", r.State)
			}
			_, err := w.Cancel(t.Context(), w.id, postern.RotationAct{Version: r.Version - 1})
			w.refused(err, postern.CodeStale)
			_, err = w.Cancel(t.Context(), w.id, postern.RotationAct{Version: r.Version})
			w.must(err)
			w.over(postern.RotationCancelled)
			w.alone()
			if now := w.integration().Credential.Certificate.Thumbprint; now != old {
				t.Errorf("the integration uses %s", now)
			}
		})
	}
}

// TestNeverProven has Entra not know the new certificate: the old one stays in use, and the new one goes.
func TestNeverProven(t *testing.T) {
	w := newWorld(t)
	w.withCertificate(20)
	l := w.sim.Server.Levers()
	l.CredentialDelay *= 1000
	w.must(w.sim.Server.SetLevers(l))
	w.begin(postern.RotationInput{})
	if r := w.over(postern.RotationFailed); r.Problem == nil || r.Problem.Code != postern.CodeRotationUnproven {
		t.Errorf("%+v", r)
	}
	w.alone()
}

// TestForm holds that the form's credential and a rotation do not cross.
func TestForm(t *testing.T) {
	w := newWorld(t)
	w.withSecret()
	i := w.integration()
	in := postern.IntegrationInput{
		Version: i.Version, ApplicationName: i.ApplicationName, TenantID: i.TenantID, ClientID: i.ClientID, ClientSecret: w.sim.ClientSecret,
	}
	r := w.begin(postern.RotationInput{})
	_, err := w.integrations.Update(t.Context(), w.id, in)
	w.refused(err, postern.CodeRotationBusy)
	_, err = w.Begin(t.Context(), w.id, postern.RotationInput{Version: i.Version})
	w.refused(err, postern.CodeRotationBusy)
	in.ClientSecret, in.ApplicationName = "", "Fabrikam" // the rest of the form may be changed
	changed, err := w.integrations.Update(t.Context(), w.id, in)
	w.must(err)
	_, err = w.Begin(t.Context(), w.id, postern.RotationInput{Version: i.Version})
	w.refused(err, postern.CodeStale)
	w.types(r)
	w.over(postern.RotationDone)
	w.alone()
	if now := w.integration(); now.ApplicationName != "Fabrikam" || now.Version <= changed.Version {
		t.Errorf("%+v", now)
	}
}

func TestSignInRefused(t *testing.T) {
	w := newWorld(t)
	w.withSecret()
	r := w.begin(postern.RotationInput{})
	w.control("POST", "tenants/first/devices/"+r.SignIn.UserCode, map[string]any{"upn": "admin@" + w.sim.Domain, "decline": true})
	r = w.until(postern.RotationWaiting)
	if r.Problem.Code != postern.CodeSetupDeclined || r.SignIn != nil {
		t.Errorf("%+v", r.Problem)
	}
	r, err := w.SignIn(t.Context(), w.id, postern.RotationAct{Version: r.Version})
	w.must(err)
	w.types(r)
	w.over(postern.RotationDone)
	w.alone()
}

// TestRegistrationPrivate refuses the application a look at its own registration: an administrator does what it cannot, to
// the end.
func TestRegistrationPrivate(t *testing.T) {
	w := newWorld(t)
	w.withCertificate(20)
	w.control("PATCH", "tenants/first/apps/"+w.sim.ClientID, map[string]any{"revoke": []string{"Application.Read.All", "Directory.Read.All"}})
	l := w.sim.Server.Levers()
	l.RegistrationPrivate = true
	w.must(w.sim.Server.SetLevers(l))
	w.begin(postern.RotationInput{})
	r := w.until(postern.RotationWaiting)
	if r.Problem.Code != postern.CodeRotationAdministrator || w.count(audit.RotationWaits) != 1 {
		t.Fatalf("%+v", r.Problem)
	}
	r, err := w.SignIn(t.Context(), w.id, postern.RotationAct{Version: r.Version})
	w.must(err)
	w.types(r)
	if r = w.over(postern.RotationDone); r.Kept || r.Way != postern.RotationByAdministrator {
		t.Errorf("%+v", r)
	}
	l.RegistrationPrivate = false
	w.must(w.sim.Server.SetLevers(l))
	w.alone()
}

// TestRegistrationPrivateTakenBack takes back a rotation that waits for an administrator, without one.
func TestRegistrationPrivateTakenBack(t *testing.T) {
	w := newWorld(t)
	w.withCertificate(20)
	l := w.sim.Server.Levers()
	l.RegistrationPrivate = true
	w.must(w.sim.Server.SetLevers(l))
	w.control("PATCH", "tenants/first/apps/"+w.sim.ClientID, map[string]any{"revoke": []string{"Application.Read.All", "Directory.Read.All"}})
	w.begin(postern.RotationInput{})
	r := w.until(postern.RotationWaiting)
	_, err := w.Cancel(t.Context(), w.id, postern.RotationAct{Version: r.Version})
	w.must(err)
	if r = w.over(postern.RotationCancelled); r.Kept {
		t.Errorf("%+v", r)
	}
	l.RegistrationPrivate = false
	w.must(w.sim.Server.SetLevers(l))
	w.alone()
}
