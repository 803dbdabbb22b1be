package setup_test

import (
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// TestReady takes an empty tenant to an integration that stands, and leaves nothing secret behind.
func TestReady(t *testing.T) {
	w := newWorld(t)
	s := w.begin(postern.SetupInput{Policy: true, Windows: postern.SetupWindowsCatalog})
	w.is(s, postern.SetupDraft, postern.SetupStepTodo)
	s = w.signIn(s, w.admin(), false)
	w.is(s, postern.SetupPlanned, postern.SetupStepTodo)
	_, err := w.Setups.Apply(w.as("Ada"), s.ID, postern.SetupAct{Version: s.Version})
	w.refused(err, postern.CodeSetupSignIn)
	s = w.signIn(s, w.admin(), true)
	w.is(s, postern.SetupPlanned, postern.SetupStepTodo)
	s = w.apply(s)
	w.is(s, postern.SetupReady, postern.SetupStepDone)
	i, err := w.Integrations.Get(t.Context(), s.IntegrationID)
	w.must(err)
	if i.State != postern.StateDisabled || i.Check == nil || !i.Check.OK || len(i.Check.Permissions.Surplus) > 0 || i.ClientID != s.ClientID || len(i.Groups) != 3 {
		t.Errorf("the integration is %+v", i)
	}
	if s.Administrator != nil || s.SignIn != nil {
		t.Error("somebody is signed in still")
	}
	for _, read := range []func() ([]byte, error){
		func() ([]byte, error) { return w.Store.SetupSecrets(t.Context(), s.ID) },
		func() ([]byte, error) { return w.Store.SetupSignIn(t.Context(), s.ID, w.clock()) },
	} {
		if kept, err := read(); err != nil || kept != nil {
			t.Errorf("kept %v %v", kept, err)
		}
	}
	if got := w.events(audit.SetupReady); len(got) != 1 {
		t.Errorf("the trail tells %q", got)
	}
}
