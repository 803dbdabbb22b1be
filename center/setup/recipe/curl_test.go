package recipe_test

import (
	"bufio"
	"bytes"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/setup/recipe"
	"github.com/postern/postern/entrasim"
)

var update = flag.Bool("update", false, "write the golden files")

// runScript runs a script in a directory of its own against the emulator.
func (w *tenant) runScript(script string, env ...string) (dir, out string, err error) {
	w.t.Helper()
	dir = w.t.TempDir()
	ca := filepath.Join(dir, "ca.pem")
	file := filepath.Join(dir, "setup.sh")
	for name, b := range map[string][]byte{ca: w.run.CAPEM, file: []byte(script)} {
		if err := os.WriteFile(name, b, 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	cmd := exec.CommandContext(w.t.Context(), "bash", file)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), append([]string{
		"CURL_CA_BUNDLE=" + ca, "GRAPH=" + w.run.GraphURL, "AUTHORITY=" + strings.TrimSuffix(w.run.AuthorityURL, "/"), "PAUSE=0", "TRIES=5",
		"SERVICE_ACCOUNT_PASSWORD=Correct-Horse-9-Battery",
	}, env...)...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	var errors bytes.Buffer
	cmd.Stderr = &errors
	if err := cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	var all strings.Builder
	code := regexp.MustCompile(`code ([A-Z0-9]{6,}) to`)
	lines := bufio.NewScanner(io.TeeReader(stdout, &all))
	for lines.Scan() {
		if m := code.FindStringSubmatch(lines.Text()); m != nil {
			w.approve(m[1])
		}
	}
	err = cmd.Wait()
	return dir, all.String() + errors.String(), err
}

// scriptEndsAt runs the script for a tenant that nobody looked at, which must end where applying the recipe ends.
func scriptEndsAt(t *testing.T, name string, in postern.SetupInput, want string) {
	t.Helper()
	w := newTenant(t, entrasim.Config{Empty: true})
	a := newApplier(w, in)
	script := recipe.Curl(a.want, recipe.Steps(a.want, recipe.Seen{}))
	token := "ACCESS_TOKEN=" + w.token
	if name == "standard certificate" {
		token = "ACCESS_TOKEN=" // and sign in by code
	}
	dir, out, err := w.runScript(script, token)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if d := differ(want, w.dump()); d != "" {
		t.Errorf("%s\n%s", d, out)
	}
	secret, err := os.ReadFile(filepath.Join(dir, "postern-client-secret.txt"))
	if (err == nil) != (a.want.Input.Credential == postern.CredentialSecret) {
		t.Errorf("the file of the secret: %v", err)
	}
	if s := strings.TrimSpace(string(secret)); s != "" && strings.Contains(out, s) || strings.Contains(out, "Correct-Horse") || strings.Contains(out, w.token) {
		t.Error("a secret is shown")
	}
	seen := a.look()
	finish := "postern entra setup --finish sup_test1 --tenant-id " + seen.TenantID + " --client-id " + seen.Application.ClientID
	if !strings.Contains(out, finish) {
		t.Errorf("no %q in\n%s", finish, out)
	}
	if a.want.Input.Credential == postern.CredentialSecret {
		a.want.SecretID = seen.Application.Passwords[0].ID
	}
	if n := slices.IndexFunc(recipe.Steps(a.want, seen), func(s recipe.Step) bool { return !s.Done && !own(s) }); n >= 0 {
		t.Errorf("left to do: %+v", recipe.Steps(a.want, seen)[n])
	}
	if in.PermissionSet == postern.PermissionsDirectory || in.PermissionSet == postern.PermissionsLegacy { // they hold every kind of request
		if _, out, err := w.runScript(script, "ACCESS_TOKEN="+w.token); err != nil || strings.Contains(out, "trying again") {
			t.Errorf("once more: %v\n%s", err, out)
		}
		if d := differ(want, w.dump()); d != "" {
			t.Errorf("once more: %s", d)
		}
	}
	// Of a tenant that was looked at, the script has nothing to do for what is there.
	if script := recipe.Curl(a.want, recipe.Steps(a.want, seen)); strings.Contains(script, "\nsend ") || !strings.Contains(script, seen.Application.ClientID) {
		t.Errorf("of a finished tenant:\n%s", script)
	}
}

// A script made after a look at a tenant half way ends the same, through refusals that pass.
func TestCurlAfterALook(t *testing.T) {
	in := postern.SetupInput{ApplicationName: "Contoso", PermissionSet: postern.PermissionsDirectory, Policy: true, Windows: postern.SetupWindowsCatalog}
	by := newApplier(newTenant(t, entrasim.Config{Users: 20}), in)
	if !by.apply(20) {
		t.Fatal("not done")
	}
	w := newTenant(t, entrasim.Config{Users: 20})
	a := newApplier(w, in)
	if a.apply(2) {
		t.Fatal("done early")
	}
	for _, f := range []entrasim.Fault{
		{Method: "POST", Path: "/v1.0/servicePrincipals/*/appRoleAssignments", Status: 404, Code: "Request_ResourceNotFound", Count: 2},
		{Method: "PATCH", Path: "/v1.0/applications/*", Status: 503, Count: 1},
	} {
		if _, err := w.run.Server.AddFault(f); err != nil {
			t.Fatal(err)
		}
	}
	script := recipe.Curl(a.want, recipe.Steps(a.want, a.look()))
	if strings.Contains(script, `POST '/v1.0/applications'`) {
		t.Error("it would register the application again")
	}
	_, out, err := w.runScript(script, "ACCESS_TOKEN="+w.token)
	if err != nil || !strings.Contains(out, "trying again") {
		t.Fatalf("%v\n%s", err, out)
	}
	if d := differ(by.dump(), w.dump()); d != "" {
		t.Errorf("%s\n%s", d, out)
	}
}

// A script refuses to write a policy that is not the one it was made for.
func TestCurlGuardsThePolicy(t *testing.T) {
	in := postern.SetupInput{ApplicationName: "Contoso", PermissionSet: postern.PermissionsPasskeys, Policy: true}
	const path = "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2"
	w := newTenant(t, entrasim.Config{Empty: true})
	a := newApplier(w, in)
	draft, looked := recipe.Curl(a.want, recipe.Steps(a.want, recipe.Seen{})), recipe.Curl(a.want, recipe.Steps(a.want, a.look()))
	policy := w.graph("GET", path, nil)
	profile := policy["passkeyProfiles"].([]any)[0].(map[string]any)
	profile["keyRestrictions"] = map[string]any{"isEnforced": true, "enforcementType": "allow", "aaGuids": []string{"2fc0579f-8113-47ea-b116-bb5a8db9202a"}}
	w.graph("PATCH", path, map[string]any{"@odata.type": policy["@odata.type"], "passkeyProfiles": policy["passkeyProfiles"]})
	before := w.graph("GET", path, nil)
	for name, script := range map[string]string{"draft": draft, "looked": looked} {
		_, out, err := w.runScript(script, "ACCESS_TOKEN="+w.token)
		if err == nil || !strings.Contains(out, "eyRestrictions") || !strings.Contains(out, "is not what it was") {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
	if after := w.graph("GET", path, nil); after["state"] != before["state"] {
		t.Error("it was written")
	}
}

// Two whole renderings of each form, as files.
func TestGolden(t *testing.T) {
	cases := map[string]postern.SetupInput{
		"standard": {ApplicationName: "Contoso", TenantID: "contoso.onmicrosoft.com", Policy: true, Windows: postern.SetupWindowsCatalog, WindowsGroup: "Pilot devices"},
		"legacy":   {ApplicationName: "Contoso", PermissionSet: postern.PermissionsLegacy, Policy: true, Windows: postern.SetupWindowsOMAURI},
	}
	for name, in := range cases {
		in, err := recipe.Complete(in)
		if err != nil {
			t.Fatal(err)
		}
		w := recipe.Want{Setup: "sup_example", Input: in, Certificate: []byte("certificate"), Now: now}
		steps := recipe.Steps(w, recipe.Seen{})
		for file, text := range map[string]string{name + ".sh": recipe.Curl(w, steps), name + ".ps1": recipe.PowerShell(w, steps), name + ".md": recipe.Portal(w, steps)} {
			golden := filepath.Join("testdata", file)
			if *update {
				if err := os.WriteFile(golden, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := differ(string(want), text); d != "" {
				t.Errorf("%s: %s (go test -update writes it anew)", file, d)
			}
		}
	}
}
