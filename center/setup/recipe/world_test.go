package recipe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/setup/recipe"
	"github.com/postern/postern/entrasim"
)

const tools = "14d82eec-204b-4c2f-b7e8-296a70dab67e"

var now = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// tenant is an emulated one, asked by its administrator.
type tenant struct {
	t     *testing.T
	run   *entrasim.Running
	token string
	sent  []string // method and path of what was written
}

func newTenant(t *testing.T, c entrasim.Config) *tenant {
	t.Helper()
	c.Seed = 11
	run, err := entrasim.Listen(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run.Close() })
	w := &tenant{t: t, run: run}
	w.control("PATCH", "levers", map[string]any{"throttle": false})
	every := postern.SetupInput{Policy: true, Windows: postern.SetupWindowsCatalog, WindowsGroup: "any", PermissionSet: postern.PermissionsLegacy}
	w.token = w.signIn(strings.Join(append(recipe.Scopes(every, true), "Directory.Read.All", "Group.ReadWrite.All", "Policy.ReadWrite.ConditionalAccess"), " "))
	return w
}

func (w *tenant) do(method, address, kind string, body io.Reader) (int, []byte) {
	w.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, address, body)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Header.Set("Content-Type", kind)
	if w.token != "" {
		r.Header.Set("Authorization", "Bearer "+w.token)
	}
	resp, err := w.run.Client().Do(r)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, b
}

func (w *tenant) control(method, path string, in any) {
	w.t.Helper()
	b, _ := json.Marshal(in)
	if status, out := w.do(method, w.run.GraphURL+"/_entrasim/"+path, "application/json", bytes.NewReader(b)); status > 299 {
		w.t.Fatalf("control %s: %d %s", path, status, out)
	}
}

// approve answers a device code as the administrator.
func (w *tenant) approve(code string) {
	w.t.Helper()
	w.control("POST", "tenants/"+w.run.TenantID+"/devices/"+code, map[string]any{"upn": w.run.Administrator.UPN, "mfa": true})
}

func (w *tenant) signIn(scope string) string {
	w.t.Helper()
	form := func(path string, values url.Values) map[string]any {
		status, b := w.do("POST", w.run.AuthorityURL+w.run.TenantID+"/oauth2/v2.0/"+path, "application/x-www-form-urlencoded", strings.NewReader(values.Encode()))
		var out map[string]any
		if json.Unmarshal(b, &out) != nil || status != 200 {
			w.t.Fatalf("%s: %d %s", path, status, b)
		}
		return out
	}
	device := form("devicecode", url.Values{"client_id": {tools}, "scope": {scope}})
	w.approve(device["user_code"].(string))
	answer := form("token", url.Values{"client_id": {tools}, "device_code": {device["device_code"].(string)}, "grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}})
	return answer["access_token"].(string)
}

// Ask implements recipe.Asker.
func (w *tenant) Ask(_ context.Context, r recipe.Request) (recipe.Answer, error) {
	w.t.Helper()
	if r.Method != http.MethodGet {
		w.sent = append(w.sent, r.Method+" "+r.Path)
	}
	status, b := w.do(r.Method, w.run.GraphURL+"/"+r.Version+r.Path, "application/json", bytes.NewReader(r.Body))
	return recipe.Answer{Status: status, Body: b}, nil
}

// graph is a call that must succeed.
func (w *tenant) graph(method, path string, in any) map[string]any {
	w.t.Helper()
	var body []byte
	if in != nil {
		body, _ = json.Marshal(in)
	}
	status, b := w.do(method, w.run.GraphURL+path, "application/json", bytes.NewReader(body))
	if status > 299 {
		w.t.Fatalf("%s %s: %d %s", method, path, status, b)
	}
	var out map[string]any
	_ = json.Unmarshal(b, &out)
	return out
}

// applier applies a recipe as its doc says.
type applier struct {
	*tenant
	want   recipe.Want
	values map[string]string
	was    map[string]json.RawMessage
}

func newApplier(w *tenant, in postern.SetupInput) *applier {
	w.t.Helper()
	in, err := recipe.Complete(in)
	if err != nil {
		w.t.Fatal(err)
	}
	return &applier{
		tenant: w, want: recipe.Want{Setup: "sup_test1", Input: in, Certificate: certificate(w.t), Now: now},
		values: map[string]string{recipe.ValueAccountPassword: "Correct-Horse-9-Battery"}, was: make(map[string]json.RawMessage),
	}
}

func (a *applier) look() recipe.Seen {
	a.t.Helper()
	seen, err := recipe.Look(a.t.Context(), a.tenant, a.want)
	if err != nil {
		a.t.Fatalf("look: %v %+v", err, postern.AsError(err))
	}
	// What is kept between two looks is kept as JSON.
	b, err := json.Marshal(seen)
	if err != nil {
		a.t.Fatal(err)
	}
	var kept recipe.Seen
	if err := json.Unmarshal(b, &kept); err != nil {
		a.t.Fatal(err)
	}
	return kept
}

func own(s recipe.Step) bool { return s.Key == recipe.StepIntegration || s.Key == recipe.StepGroups }

func (a *applier) send(s recipe.Step) {
	a.t.Helper()
	for _, r := range s.Requests {
		filled, err := r.With(a.values)
		if err != nil {
			a.t.Fatalf("%s: %v", s.Key, err)
		}
		answer, err := a.Ask(a.t.Context(), filled)
		if err != nil || filled.Outcome(answer, err) != recipe.Accepted {
			a.t.Fatalf("%s: %s: %d %s %v", s.Key, r.Doing, answer.Status, answer.Body, err)
		}
		got, err := filled.Captured(answer)
		if err != nil {
			a.t.Fatal(err)
		}
		maps.Copy(a.values, got)
		a.want.ApplicationID, a.want.SecretID = a.values[recipe.ValueApplicationID], a.values[recipe.ValueSecretID]
	}
}

// apply does one step after the other; each time it has sent something, the next look must show it. It stops after most
// steps and says whether everything is done.
func (a *applier) apply(most int) bool {
	a.t.Helper()
	for range most {
		seen := a.look()
		maps.Copy(a.values, recipe.Values(a.want, seen))
		steps := recipe.Steps(a.want, seen)
		n := slices.IndexFunc(steps, func(s recipe.Step) bool { return !s.Done && !own(s) })
		if n < 0 {
			return true
		}
		if steps[n].Problem != nil {
			a.t.Fatalf("%s: %+v", steps[n].Key, steps[n].Problem)
		}
		if _, again := a.was[steps[n].Key]; again {
			a.t.Fatalf("%s was sent and does not show: %s", steps[n].Key, steps[n].Found)
		}
		a.was[steps[n].Key] = steps[n].Was
		a.send(steps[n])
	}
	return false
}

// undo takes everything back.
func (a *applier) undo() []recipe.Step {
	a.t.Helper()
	for range 20 {
		seen := a.look()
		maps.Copy(a.values, recipe.Values(a.want, seen))
		steps := recipe.Undo(a.want, a.was, seen)
		n := slices.IndexFunc(steps, func(s recipe.Step) bool { return !s.Done && s.Kept == "" && len(s.Requests) > 0 })
		if n < 0 {
			return steps
		}
		a.send(steps[n])
	}
	a.t.Fatal("undoing does not end")
	return nil
}

var volatile = []string{"createdDateTime", "lastModifiedDateTime", "startDateTime", "keyId", "hint", "@odata.context"}

// dump is everything that a set-up may touch, without ids that are made up and without dates.
func (w *tenant) dump() string {
	w.t.Helper()
	ids := make(map[string]string)
	name := func(kind string, o map[string]any, member string) {
		if id, ok := o[member].(string); ok {
			ids[id] = "<" + kind + ">"
		}
	}
	values := func(o map[string]any) (out []map[string]any) {
		for _, v := range o["value"].([]any) {
			out = append(out, v.(map[string]any))
		}
		return out
	}
	all := make(map[string]any)
	applications := values(w.graph("GET", "/v1.0/applications", nil))
	all["applications"] = applications
	for _, a := range applications {
		name("application", a, "id")
		name("client", a, "appId")
		for _, sp := range values(w.graph("GET", "/v1.0/servicePrincipals?$filter="+escape("appId eq '"+a["appId"].(string)+"'"), nil)) {
			name("principal", sp, "id")
			assigned := values(w.graph("GET", "/v1.0/servicePrincipals/"+sp["id"].(string)+"/appRoleAssignments", nil))
			for _, r := range assigned {
				name("assignment", r, "id")
			}
			slices.SortFunc(assigned, func(a, b map[string]any) int {
				return strings.Compare(a["appRoleId"].(string), b["appRoleId"].(string))
			})
			grants := values(w.graph("GET", "/v1.0/oauth2PermissionGrants?$filter="+escape("clientId eq '"+sp["id"].(string)+"'"), nil))
			for _, g := range grants {
				name("grant", g, "id")
			}
			all["principal "+a["displayName"].(string)] = []any{sp, assigned, grants}
		}
	}
	all["policy"] = w.graph("GET", "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2", nil)
	for _, kind := range []string{"/v1.0/deviceManagement/deviceConfigurations", "/beta/deviceManagement/configurationPolicies"} {
		profiles := values(w.graph("GET", kind, nil))
		for _, p := range profiles {
			name("profile", p, "id")
			assigned := values(w.graph("GET", kind+"/"+p["id"].(string)+"/assignments", nil))
			for _, x := range assigned {
				delete(x, "id") // made of the profile's
				p["assignments"] = assigned
			}
			if strings.HasPrefix(kind, "/beta") {
				p["settings"] = w.graph("GET", kind+"/"+p["id"].(string)+"/settings", nil)["value"]
			}
		}
		all[kind] = profiles
	}
	users := values(w.graph("GET", "/v1.0/users?$select=id,displayName,userPrincipalName,jobTitle,accountEnabled&$top=999", nil))
	all["users"] = users
	for _, u := range users {
		if t, _ := u["jobTitle"].(string); strings.Contains(t, "postern") {
			name("account", u, "id")
			all["roles"] = w.graph("GET", "/v1.0/roleManagement/directory/roleAssignments?$filter="+escape("principalId eq '"+u["id"].(string)+"'"), nil)["value"]
			for _, r := range all["roles"].([]any) {
				name("role assignment", r.(map[string]any), "id")
			}
		}
	}
	b, err := json.MarshalIndent(clean(all), "", " ")
	if err != nil {
		w.t.Fatal(err)
	}
	text := strings.ReplaceAll(string(b), w.run.GraphURL, "<graph>")
	for id, kind := range ids {
		text = strings.ReplaceAll(text, id, kind)
	}
	return text
}

func clean(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for _, name := range volatile {
			delete(v, name)
		}
		if v["displayName"] == "seeded" { // by the emulator, when it started
			delete(v, "endDateTime")
		}
		for name := range v {
			v[name] = clean(v[name])
		}
		return v
	case []map[string]any:
		for i := range v {
			clean(v[i])
		}
		return v
	case []any:
		for i := range v {
			v[i] = clean(v[i])
		}
		return v
	}
	return v
}

func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// differ shows the first lines in which two texts differ.
func differ(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			from := max(0, i-6)
			return fmt.Sprintf("line %d:\n%s\n-- against --\n%s", i+1, strings.Join(x[from:min(i+3, len(x))], "\n"), strings.Join(y[from:min(i+3, len(y))], "\n"))
		}
	}
	if len(x) != len(y) {
		return fmt.Sprintf("%d lines against %d", len(x), len(y))
	}
	return ""
}
