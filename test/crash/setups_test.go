package crash_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// The names of what a set-up makes.
const (
	setupName    = "Set up"
	registration = "Postern for the set-up"

	globalAdministrator = "62e90394-69f5-4237-9190-012177145e10" // the id of the role
)

// setupStories are those of set-ups. Whoever applies or undoes one looks until it has ended. Of a client secret only what
// differs from a certificate is killed.
func setupStories() []story {
	return []story{
		{
			name: "a set-up", before: func(w *run) { w.looked(postern.CredentialCertificate) }, tell: []step{applySetup},
			holds: setUp(postern.SetupReady), left: registered, labels: applySetupLabels, skip: []string{"GET ", "$batch"},
			lost: []string{
				"/v1.0/applications", "/v1.0/servicePrincipals", "/v1.0/servicePrincipals/*/appRoleAssignments",
				"/v1.0/deviceManagement/deviceConfigurations", "/v1.0/deviceManagement/deviceConfigurations/*/assign", "/v1.0/groups",
			},
		},
		{
			name: "a set-up with a secret", before: func(w *run) { w.looked(postern.CredentialSecret) }, tell: []step{applySetup},
			holds: setUp(postern.SetupReady), left: registered, labels: secretSetupLabels,
			skip: []string{
				"GET ", "$batch", "begins", "commit", "POST app", "POST s", "POST deviceC", "POST assign", "POST groups", "PATCH",
				" application ", "principal", "permissions", "consent", "policy", "windows", "integration", "groups", "ready",
			},
			lost: []string{"/v1.0/applications/*/addPassword"},
		},
		{
			name: "undoing a set-up", before: func(w *run) {
				w.looked(postern.CredentialCertificate)
				w.tell(applySetup)
				w.signInSetup()
			}, tell: []step{undoSetup}, holds: setUp(postern.SetupUndone), left: registered, labels: undoSetupLabels, skip: []string{"GET ", "$batch"},
		},
	}
}

// looked begins a set-up, with an administrator who signed in to write.
func (w *run) looked(credential postern.CredentialKind) {
	w.t.Helper()
	w.atEntra(http.MethodPatch, "/users/"+w.person.ID, map[string]any{"roles": []string{globalAdministrator}})
	s, err := w.admin.BeginSetup(w.ctx, postern.SetupInput{
		ApplicationName: setupName, RegistrationName: registration, TenantID: w.tenant.TenantID, PermissionSet: postern.PermissionsStandard,
		Credential: credential, Policy: true, Windows: postern.SetupWindowsOMAURI,
	})
	must(w.t, err)
	w.setUp = s.ID
	w.signInSetup()
}

// signInSetup has an administrator sign in to write.
func (w *run) signInSetup() {
	w.t.Helper()
	s, err := w.admin.Setup(w.ctx, w.setUp)
	must(w.t, err)
	s, err = w.admin.SignInSetup(w.ctx, s.ID, postern.SetupAct{Version: s.Version, Write: true})
	must(w.t, err)
	w.approve(s.SignIn.UserCode)
	w.tell(step{"looking at the tenant", func(ctx context.Context, w *run) error {
		s, err := w.admin.Setup(ctx, w.setUp)
		if err == nil && (s.State != postern.SetupPlanned && s.State != postern.SetupReady || s.Administrator == nil) {
			err = fmt.Errorf("the set-up is %s: %+v", s.State, s.Problem)
		}
		return err
	}})
}

// approve types a code at Entra.
func (w *run) approve(code string) {
	w.t.Helper()
	w.atEntra(http.MethodPost, "/devices/"+code, map[string]any{"upn": w.person.UPN, "mfa": true})
}

var applySetup = step{"applying the set-up", func(ctx context.Context, w *run) error {
	s, err := w.admin.Setup(ctx, w.setUp)
	if err == nil && (s.State == postern.SetupPlanned || s.State == postern.SetupStopped) {
		s, err = w.admin.ApplySetup(ctx, s.ID, postern.SetupAct{Version: s.Version})
	}
	if err == nil && s.State != postern.SetupReady {
		err = fmt.Errorf("the set-up is %s: %+v", s.State, s.Problem)
	}
	return err
}}

var undoSetup = step{"undoing the set-up", func(ctx context.Context, w *run) error {
	s, err := w.admin.Setup(ctx, w.setUp)
	if err == nil && (s.State == postern.SetupReady || s.State == postern.SetupStopped) {
		s, err = w.admin.UndoSetup(ctx, s.ID, postern.SetupAct{Version: s.Version})
	}
	if err == nil && s.State != postern.SetupUndone {
		err = fmt.Errorf("the set-up is %s: %+v", s.State, s.Problem)
	}
	return err
}}

// setUp holds that a set-up has ended, that the audit trail tells so once, that its integration stands or is gone, and that
// all it made at Entra is there once or not at all.
func setUp(state postern.SetupState) func(ctx context.Context, w *run) error {
	return func(ctx context.Context, w *run) error {
		s, err := w.admin.Setup(ctx, w.setUp)
		if err != nil {
			return err
		}
		if s.State != state || s.Administrator != nil || s.SignIn != nil || s.Problem != nil {
			return fmt.Errorf("the set-up is %s: %+v", s.State, s.Problem)
		}
		told := make(map[string]int)
		for e, err := range w.admin.AuditEvents(ctx, postern.AuditFilter{Target: string(w.setUp)}) {
			if err != nil {
				return err
			}
			told[e.Name]++
		}
		maps.DeleteFunc(told, func(name string, _ int) bool {
			return name != "setup.ready" && name != "setup.undone" && name != "setup.begun"
		})
		want := map[string]int{"setup.begun": 1, "setup.ready": 1}
		if state == postern.SetupUndone {
			want["setup.undone"] = 1
		}
		if !maps.Equal(told, want) {
			return fmt.Errorf("the audit trail tells %v of the set-up", told)
		}
		all, err := w.admin.Integrations(ctx)
		if err != nil {
			return err
		}
		mine := slices.DeleteFunc(all, func(i postern.Integration) bool { return i.ApplicationName != setupName })
		if state == postern.SetupUndone && len(mine) > 0 || state == postern.SetupReady && len(mine) != 1 {
			return fmt.Errorf("there are %d integrations of the set-up", len(mine))
		}
		for _, i := range mine {
			if i.ID != s.IntegrationID || i.State != postern.StateDisabled || len(i.Groups) != 3 || slices.ContainsFunc(i.Groups, func(g postern.PhaseGroup) bool { return g.ID == "" }) {
				return fmt.Errorf("the integration is %+v", i)
			}
		}
		made, err := w.made(ctx)
		if err != nil {
			return err
		}
		each := 1
		if state == postern.SetupUndone {
			each = 0
		}
		for what, n := range map[string]int{"registrations": each, "service principals": each, "credentials": each, "profiles": each, "assignments": each, "groups": 3 * each} {
			if len(made[what]) != n {
				return fmt.Errorf("there are %d %s of the set-up, not %d: %v", len(made[what]), what, n, made[what])
			}
		}
		return nil
	}
}

// object is one at Entra, as Graph gives it.
type object map[string]any

// made is what the tenant has of the set-up, by kind.
func (w *run) made(ctx context.Context) (map[string][]object, error) {
	graph, err := w.asAdministrator(ctx)
	if err != nil {
		return nil, err
	}
	list := func(path string, mine func(o object) bool) ([]object, error) {
		reply, err := graph.Ask(ctx, entra.Question{Method: http.MethodGet, Path: path, Doing: "see what the set-up made"})
		var page struct {
			Value []object `json:"value"`
		}
		if err == nil {
			err = json.Unmarshal(reply.Body, &page)
		}
		return slices.DeleteFunc(page.Value, func(o object) bool { return mine != nil && !mine(o) }), err
	}
	named := func(o object) bool { return strings.HasPrefix(fmt.Sprint(o["displayName"]), registration) }
	out := make(map[string][]object)
	var failed []error
	add := func(what, path string, mine func(o object) bool) []object {
		found, err := list(path, mine)
		failed = append(failed, err)
		out[what] = append(out[what], found...)
		return found
	}
	for _, a := range add("registrations", "/v1.0/applications", named) {
		for _, kind := range []string{"keyCredentials", "passwordCredentials"} {
			credentials, _ := a[kind].([]any)
			for _, c := range credentials {
				out["credentials"] = append(out["credentials"], c.(map[string]any))
			}
		}
	}
	for _, p := range add("service principals", "/v1.0/servicePrincipals?$filter="+url.PathEscape("displayName eq '"+registration+"'"), nil) {
		add("consents", fmt.Sprintf("/v1.0/servicePrincipals/%s/appRoleAssignments", p["id"]), nil)
	}
	for _, c := range add("profiles", "/v1.0/deviceManagement/deviceConfigurations", nil) {
		add("assignments", fmt.Sprintf("/v1.0/deviceManagement/deviceConfigurations/%s/assignments", c["id"]), nil)
	}
	add("groups", "/v1.0/groups?$select=displayName,description&$top=999", func(o object) bool { return strings.Contains(fmt.Sprint(o["description"]), "integration "+setupName) })
	return out, errors.Join(failed...)
}

// asAdministrator signs the administrator in, to look.
func (w *run) asAdministrator(ctx context.Context) (*entra.Tenant, error) {
	options := entra.Options{
		Cloud: entra.Cloud{Authority: w.tenant.AuthorityURL, Graph: w.tenant.GraphURL}, TenantID: w.tenant.TenantID, Transport: w.tenant.Client().Transport,
	}
	door, err := entra.NewSignIn(options, []string{"Application.Read.All", "Directory.Read.All", "Group.Read.All", "DeviceManagementConfiguration.Read.All"})
	if err != nil {
		return nil, err
	}
	code, err := door.Begin(ctx)
	if err != nil {
		return nil, err
	}
	w.approve(code.UserCode)
	d, err := door.Poll(ctx, code.Code)
	if err != nil {
		return nil, err
	}
	return entra.OpenDelegated(options, d)
}

// drawnAnew is what stands otherwise in each object that is made.
var (
	drawnAnew   = regexp.MustCompile(`int_[0-9a-z]{26}`)
	drawnFields = []string{
		"id", "appId", "keyId", "hint", "principalId", "servicePrincipalNames", "createdDateTime", "lastModifiedDateTime", "startDateTime", "endDateTime", "sourceId",
		"@odata.context", "version",
	}
)

// registered says what the tenant has of the set-up, without what is drawn anew for each object, and its policy.
func registered(ctx context.Context, w *run) (string, error) {
	made, err := w.made(ctx)
	if err != nil {
		return "", err
	}
	lines := make(map[string][]string)
	for what, objects := range made {
		for _, o := range objects {
			for _, kind := range []string{"keyCredentials", "passwordCredentials"} { // these stand by themselves
				delete(o, kind)
			}
			for _, name := range drawnFields {
				delete(o, name)
			}
			text, err := json.Marshal(o)
			if err != nil {
				return "", err
			}
			lines[what] = append(lines[what], drawnAnew.ReplaceAllString(string(text), "<drawn>"))
		}
		slices.Sort(lines[what])
	}
	text, err := json.MarshalIndent(lines, "", "  ")
	if err != nil {
		return "", err
	}
	policy, err := policies(ctx, w)
	return string(text) + "\n" + policy, err
}
