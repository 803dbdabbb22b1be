package setup_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/setup/recipe"
)

// TestUndo takes everything back that was made, and leaves the tenant as it was.
func TestUndo(t *testing.T) {
	w := newWorld(t)
	s := w.apply(w.signIn(w.begin(postern.SetupInput{Policy: true, Windows: postern.SetupWindowsOMAURI}), w.admin(), true))
	w.is(s, postern.SetupReady, postern.SetupStepDone)
	_, err := w.Setups.Undo(w.as("Ada"), s.ID, postern.SetupAct{Version: s.Version})
	w.refused(err, postern.CodeSetupSignIn)
	s = w.signIn(s, w.admin(), true)
	w.is(s, postern.SetupReady)
	s = w.undo(s)
	w.is(s, postern.SetupUndone, postern.SetupStepUndone)
	if n := w.registrations(); n != 0 {
		t.Errorf("%d registrations", n)
	}
	if all, err := w.Integrations.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v %v", all, err)
	}
	// A set-up that looks anew finds an empty tenant.
	again := w.signIn(w.begin(postern.SetupInput{Policy: true, Windows: postern.SetupWindowsOMAURI}), w.admin(), false)
	w.is(again, postern.SetupPlanned, postern.SetupStepTodo)
	w.must(w.Setups.Forget(w.as("Ada"), s.ID, s.Version))
	_, err = w.Setups.Setup(t.Context(), s.ID)
	w.refused(err, postern.CodeNotFound)
}

// TestUndoKeeps leaves what somebody else changed or uses since, and says so.
func TestUndoKeeps(t *testing.T) {
	w := newWorld(t)
	s := w.apply(w.signIn(w.begin(postern.SetupInput{Policy: true, Credential: postern.CredentialSecret}), w.admin(), true))
	w.is(s, postern.SetupReady, postern.SetupStepDone)
	i, err := w.Integrations.Get(t.Context(), s.IntegrationID)
	w.must(err)
	i, err = w.Integrations.SetState(t.Context(), i.ID, i.Version, postern.StateEnabled)
	w.must(err)
	s = w.signIn(s, w.admin(), true)
	_, err = w.Setups.Undo(w.as("Ada"), s.ID, postern.SetupAct{Version: s.Version})
	w.refused(err, postern.CodeConflict)
	_, err = w.Integrations.SetState(t.Context(), i.ID, i.Version, postern.StateDisabled)
	w.must(err)
	w.control(http.MethodPost, "tenants/"+w.sim.TenantID+"/apps/"+s.ClientID+"/secrets", map[string]any{"days": 30})
	w.control(http.MethodPost, "tenants/"+w.sim.TenantID+"/policy", map[string]any{"as": w.admin(), "passkeys": map[string]any{"isSelfServiceRegistrationAllowed": false}})
	s = w.undo(s)
	w.is(s, postern.SetupUndone)
	for _, key := range []string{recipe.StepApplication, recipe.StepServicePrincipal, recipe.StepConsent, recipe.StepPolicy} {
		if step := stepOf(s, key); step.State != postern.SetupStepKept || step.Outcome == "" {
			t.Errorf("%s is %s: %s", key, step.State, step.Outcome)
		}
	}
	if step := stepOf(s, recipe.StepIntegration); step.State != postern.SetupStepUndone {
		t.Errorf("the integration is %s", step.State)
	}
	if n := w.registrations(); n != 1 {
		t.Errorf("%d registrations", n)
	}
}

// TestFinish adds the integration with what somebody made by hand, and refuses what cannot be right.
func TestFinish(t *testing.T) {
	w := newWorld(t)
	var app struct {
		ClientID string `json:"client_id"`
		Secret   string `json:"client_secret"`
	}
	w.must(json.Unmarshal(w.control(http.MethodPost, "tenants/"+w.sim.TenantID+"/apps", map[string]any{
		"display_name": "By hand", "roles": []string{"UserAuthMethod-Passkey.ReadWrite.All"},
	}), &app))
	s := w.begin(postern.SetupInput{TenantID: w.sim.TenantID, PermissionSet: postern.PermissionsPasskeys, Credential: postern.CredentialSecret})
	in := postern.SetupFinish{Version: s.Version, TenantID: w.sim.TenantID, ClientID: app.ClientID}
	_, err := w.Setups.Finish(w.as("Ada"), s.ID, in)
	w.refused(err, postern.CodeInvalid)
	in.ClientSecret, in.TenantID = app.Secret, "11111111-1111-4111-8111-111111111111"
	_, err = w.Setups.Finish(w.as("Ada"), s.ID, in)
	w.refused(err, postern.CodeSetupTenant)
	in.TenantID, in.ClientSecret = w.sim.TenantID, "wrong"
	s, err = w.Setups.Finish(w.as("Ada"), s.ID, in)
	w.must(err)
	s = w.work(s.ID)
	w.is(s, postern.SetupStopped)
	if s.Problem.Code != postern.CodeEntraSecretWrong {
		t.Fatalf("%+v", s.Problem)
	}
	in.Version, in.ClientSecret = s.Version, app.Secret
	s, err = w.Setups.Finish(w.as("Ada"), s.ID, in)
	w.must(err)
	w.is(w.work(s.ID), postern.SetupReady, postern.SetupStepThere, postern.SetupStepThere, postern.SetupStepThere, postern.SetupStepThere, postern.SetupStepThere, postern.SetupStepDone)
	all, err := w.Store.Setups(t.Context())
	w.must(err)
	told, err := json.Marshal(all)
	w.must(err)
	if strings.Contains(string(told), app.Secret) {
		t.Error("the secret stands in what is kept in the open")
	}
}

// TestScripts holds that every form is rendered for a tenant nobody looked at, without a key.
func TestScripts(t *testing.T) {
	w := newWorld(t)
	s := w.begin(postern.SetupInput{Policy: true})
	for _, form := range []postern.SetupForm{postern.SetupCurl, postern.SetupPowerShell, postern.SetupPortal} {
		script, err := w.Setups.Script(t.Context(), s.ID, form)
		w.must(err)
		if script.Form != form || script.Name == "" || !strings.Contains(script.Text, string(s.ID)) || strings.Contains(script.Text, "PRIVATE KEY") {
			t.Errorf("%s: %s %d bytes", form, script.Name, len(script.Text))
		}
	}
	_, err := w.Setups.Script(t.Context(), s.ID, "word")
	w.refused(err, postern.CodeInvalid)
}
