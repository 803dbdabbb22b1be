package setup_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/setup/recipe"
	"github.com/postern/postern/entrasim"
)

// Template ids of directory roles.
const (
	applicationAdministrator = "9b895d92-2cd3-44c7-9d02-a6ac2d5ea5c3"
	policyAdministrator      = "0526716b-113d-4c15-b2c8-68e3c22b9f80"
)

// levers changes the emulator's.
func (w *world) levers(change func(l *entrasim.Levers)) {
	w.t.Helper()
	l := w.sim.Server.Levers()
	change(&l)
	w.must(w.sim.Server.SetLevers(l))
}

// step returns one step of a set-up.
func stepOf(s postern.Setup, key string) postern.SetupStep {
	n := slices.IndexFunc(s.Steps, func(step postern.SetupStep) bool { return step.Key == key })
	if n < 0 {
		return postern.SetupStep{}
	}
	return s.Steps[n]
}

// registrations are the applications that somebody made in the tenant.
func (w *world) registrations() int {
	return strings.Count(string(w.control(http.MethodGet, "tenants/"+w.sim.TenantID+"/apps", nil)), `"display_name":"Postern"`)
}

// TestLostAnswers loses the answer of everything that makes something, while Entra is slow to show it: nothing is made twice.
func TestLostAnswers(t *testing.T) {
	w := newWorld(t)
	w.levers(func(l *entrasim.Levers) { l.ReplicationDelay = entrasim.Duration(20 * time.Second) })
	for _, path := range []string{"/v1.0/applications", "/v1.0/servicePrincipals", "/v1.0/applications/*/addPassword"} {
		_, err := w.sim.Server.AddFault(entrasim.Fault{Method: http.MethodPost, Path: path, Drop: "after", Count: 1})
		w.must(err)
	}
	s := w.signIn(w.begin(postern.SetupInput{Policy: true, Credential: postern.CredentialSecret}), w.admin(), true)
	s = w.apply(s)
	w.is(s, postern.SetupReady, postern.SetupStepDone)
	if n := w.registrations(); n != 1 {
		t.Errorf("%d registrations", n)
	}
	for _, f := range w.sim.Server.Faults() {
		if f.Hits != 1 {
			t.Errorf("%s was not lost", f.Path)
		}
	}
	i, err := w.Integrations.Get(t.Context(), s.IntegrationID)
	w.must(err)
	if i.Credential.EndsAt == nil || i.Credential.EndsAt.Sub(s.CreatedAt) < 179*24*time.Hour {
		t.Errorf("the secret ends at %v", i.Credential.EndsAt)
	}
}

// TestRoleMissing stops where a role is missing, names it, and goes on with somebody who has it.
func TestRoleMissing(t *testing.T) {
	w := newWorld(t)
	w.control(http.MethodPost, "tenants/"+w.sim.TenantID+"/users", map[string]any{"upn": "app@" + w.sim.Domain, "display_name": "App", "password": "x-Password-1"})
	w.control(http.MethodPatch, "tenants/"+w.sim.TenantID+"/users/app@"+w.sim.Domain, map[string]any{"roles": []string{applicationAdministrator}})
	s := w.signIn(w.begin(postern.SetupInput{Policy: true}), "app@"+w.sim.Domain, true)
	w.is(s, postern.SetupStopped)
	if s.Problem.Code != postern.CodeSetupRole || !strings.Contains(s.Problem.Next, "Global Reader") {
		t.Fatalf("%+v", s.Problem)
	}
	w.control(http.MethodPatch, "tenants/"+w.sim.TenantID+"/users/app@"+w.sim.Domain, map[string]any{"roles": []string{applicationAdministrator, policyAdministrator}})
	s = w.apply(w.signIn(s, "app@"+w.sim.Domain, true))
	w.is(s, postern.SetupStopped)
	if s.Problem.Code != postern.CodeSetupRole || !strings.Contains(s.Problem.Message, "Privileged Role Administrator") || !strings.Contains(s.Problem.Message, "app@") ||
		stepOf(s, recipe.StepConsent).State != postern.SetupStepFailed || stepOf(s, recipe.StepPermissions).State != postern.SetupStepDone {
		t.Fatalf("%+v\n%s", s.Problem, table(s))
	}
	s = w.apply(w.signIn(s, w.admin(), true))
	w.is(s, postern.SetupReady, postern.SetupStepDone)
	if n := w.registrations(); n != 1 {
		t.Errorf("%d registrations", n)
	}
}

// TestSignInEnds stops when the hour is over, holds no token from then on, and goes on where it was.
func TestSignInEnds(t *testing.T) {
	w := newWorld(t)
	w.levers(func(l *entrasim.Levers) { l.TokenLifetime = entrasim.Duration(10 * time.Minute) })
	s := w.signIn(w.begin(postern.SetupInput{Policy: true, Credential: postern.CredentialSecret}), w.admin(), true)
	w.pass(30 * time.Minute) // the access token has ended, and is traded in
	s, err := w.Setups.Look(w.as("Ada"), s.ID, postern.SetupAct{Version: s.Version})
	w.must(err)
	s = w.work(s.ID)
	w.is(s, postern.SetupPlanned)
	w.pass(31 * time.Minute) // the hour is over
	_, err = w.Setups.Apply(w.as("Ada"), s.ID, postern.SetupAct{Version: s.Version})
	w.refused(err, postern.CodeSetupSignIn)
	if got := w.get(s.ID); got.Administrator != nil {
		t.Error("somebody is signed in still")
	}
	for range 3 { // until the jobs that wait have run
		if _, some, err := w.jobs.NextDue(t.Context()); err == nil && some {
			w.step()
		}
	}
	var kept int
	w.must(w.Store.DB().QueryRowContext(t.Context(), "SELECT count(*) FROM setup_sign_ins").Scan(&kept))
	if kept != 0 {
		t.Error("the token is kept")
	}
	s = w.signIn(s, w.admin(), true)
	_, err = w.Setups.Apply(w.as("Ada"), s.ID, postern.SetupAct{Version: s.Version})
	w.must(err)
	for w.registrations() == 0 {
		w.step()
	}
	w.pass(61 * time.Minute) // over in the midst of it
	s = w.work(s.ID)
	w.is(s, postern.SetupStopped)
	if s.Problem.Code != postern.CodeSetupSignIn {
		t.Fatalf("%+v", s.Problem)
	}
	w.is(w.apply(w.signIn(s, w.admin(), true)), postern.SetupReady, postern.SetupStepDone)
	if n := w.registrations(); n != 1 {
		t.Errorf("%d registrations", n)
	}
}

// TestSignInDeclined stops when nobody signs in, in any of the ways that may be.
func TestSignInDeclined(t *testing.T) {
	w := newWorld(t)
	s := w.begin(postern.SetupInput{})
	ask := func() postern.Setup {
		asked, err := w.Setups.SignIn(w.as("Ada"), s.ID, postern.SetupAct{Version: s.Version, Write: true})
		w.must(err)
		return asked
	}
	s = ask()
	w.control(http.MethodPost, "tenants/"+w.sim.TenantID+"/devices/"+s.SignIn.UserCode, map[string]any{"decline": true})
	s = w.work(s.ID)
	w.is(s, postern.SetupStopped)
	if s.Problem.Code != postern.CodeSetupDeclined || s.SignIn != nil {
		t.Fatalf("%+v", s.Problem)
	}
	s = ask()
	w.pass(16 * time.Minute)
	s = w.work(s.ID)
	w.is(s, postern.SetupStopped)
	if s.Problem.Code != postern.CodeSetupDeclined {
		t.Fatalf("%+v", s.Problem)
	}
	if got := w.events(audit.SetupNotSignedIn); len(got) != 2 {
		t.Errorf("the trail tells %q", got)
	}
	_, err := w.Setups.SignIn(w.as("Bo"), s.ID, postern.SetupAct{Version: s.Version - 1})
	w.refused(err, postern.CodeStale)
}

// TestSlowTenant endures everything that takes its time: consents, credentials, new objects and policies.
func TestSlowTenant(t *testing.T) {
	w := newWorld(t)
	s := w.signIn(w.begin(postern.SetupInput{Policy: true, Credential: postern.CredentialSecret}), w.admin(), true)
	w.levers(func(l *entrasim.Levers) {
		l.ReplicationDelay, l.PolicyDelay = entrasim.Duration(45*time.Second), entrasim.Duration(45*time.Second)
		l.ConsentDelay, l.CredentialDelay = entrasim.Duration(3*time.Minute), entrasim.Duration(2*time.Minute)
	})
	s = w.apply(s)
	w.is(s, postern.SetupReady, postern.SetupStepDone)
	if n := w.registrations(); n != 1 {
		t.Errorf("%d registrations", n)
	}
	if got := w.events(audit.IntegrationAddFailed); len(got) != 0 {
		t.Errorf("the trail tells %q", got)
	}
}

// TestNotShown stops when Entra takes longer than two minutes, and makes nothing a second time when it goes on.
func TestNotShown(t *testing.T) {
	w := newWorld(t)
	s := w.signIn(w.begin(postern.SetupInput{}), w.admin(), true)
	w.levers(func(l *entrasim.Levers) { l.ReplicationDelay = entrasim.Duration(3 * time.Minute) })
	s = w.apply(s)
	w.is(s, postern.SetupStopped)
	if s.Problem.Code != postern.CodeSetupNotShown {
		t.Fatalf("%+v", s.Problem)
	}
	for range 10 {
		if s = w.apply(s); s.State == postern.SetupReady {
			break
		}
	}
	w.is(s, postern.SetupReady, postern.SetupStepDone)
	if n := w.registrations(); n != 1 {
		t.Errorf("%d registrations", n)
	}
}
