package setup_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// types has somebody type the code of a set-up, and says whether Microsoft's page let them in.
func (w *world) types(s postern.Setup, tenant, upn string) (let bool, said string) {
	w.t.Helper()
	body, err := json.Marshal(map[string]any{"upn": upn, "mfa": true})
	w.must(err)
	r, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.sim.GraphURL+"/_entrasim/tenants/"+tenant+"/devices/"+s.SignIn.UserCode, bytes.NewReader(body))
	w.must(err)
	answer, err := w.client.Do(r)
	w.must(err)
	defer answer.Body.Close()
	var text bytes.Buffer
	_, err = text.ReadFrom(answer.Body)
	w.must(err)
	return answer.StatusCode < 300, text.String()
}

// TestStranger: an administrator of another tenant cannot take a set-up over, neither one that names its tenant nor one that
// has looked at it. They are told so where the set-up is, nothing of them is kept, and nothing is written anywhere.
func TestStranger(t *testing.T) {
	w := newWorld(t)
	other, err := w.sim.Server.AddEmptyTenant("fabrikam.onmicrosoft.com")
	w.must(err)
	looked := w.signIn(w.begin(postern.SetupInput{ApplicationName: "Looked"}), w.admin(), false)
	w.is(looked, postern.SetupPlanned)
	for name, s := range map[string]postern.Setup{
		"by its id":     w.begin(postern.SetupInput{ApplicationName: "Named", TenantID: w.sim.TenantID}),
		"by its domain": w.begin(postern.SetupInput{ApplicationName: "Domain", TenantID: w.sim.Domain}),
		"looked at":     looked,
	} {
		t.Run(name, func(t *testing.T) {
			w.t = t
			s, err := w.Setups.SignIn(w.as("Ada"), s.ID, postern.SetupAct{Version: s.Version, Write: true})
			w.must(err)
			if let, said := w.types(s, other.ID, "admin@fabrikam.onmicrosoft.com"); let {
				t.Errorf("Microsoft's page let the stranger in: %s", said)
			}
			w.step() // Entra says that nobody has signed in
			w.is(w.get(s.ID), postern.SetupSigningIn)
			w.pass(16 * time.Minute)
			s = w.work(s.ID)
			w.is(s, postern.SetupStopped)
			wanted := s.Input.TenantID
			if wanted == "" {
				wanted = s.TenantID
			}
			if s.Problem.Code != postern.CodeSetupDeclined || !strings.Contains(s.Problem.Message, wanted) || !strings.Contains(s.Problem.Next, "tenant") {
				t.Errorf("the set-up says %+v", s.Problem)
			}
			if s.Administrator != nil || s.SignIn != nil || s.ClientID != "" {
				t.Errorf("left behind: %+v %+v %q", s.Administrator, s.SignIn, s.ClientID)
			}
			if kept, err := w.Store.SetupSignIn(t.Context(), s.ID, w.clock()); err != nil || kept != nil {
				t.Errorf("kept %v %v", kept, err)
			}
			if _, err := w.Setups.Apply(w.as("Ada"), s.ID, postern.SetupAct{Version: s.Version}); !postern.IsCode(err, postern.CodeSetupSignIn) {
				t.Errorf("applied without a sign-in: %v", err)
			}
			if n := w.registrations(); n != 0 {
				t.Errorf("%d registrations", n)
			}
			// Whoever belongs there goes on where it stopped.
			s = w.signIn(s, w.admin(), true)
			w.is(s, postern.SetupPlanned)
			if s.Administrator == nil || s.TenantID != w.sim.TenantID {
				t.Errorf("%+v in the tenant %s", s.Administrator, s.TenantID)
			}
		})
	}
	w.t = t
	if apps := string(w.control(http.MethodGet, "tenants/"+other.ID+"/apps", nil)); strings.Contains(apps, "Postern") {
		t.Errorf("the other tenant has %s", apps)
	}
	for _, said := range w.events(audit.SetupSignedIn) {
		if strings.Contains(said, "fabrikam") {
			t.Errorf("the trail tells %q", said)
		}
	}
}
