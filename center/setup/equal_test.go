package setup_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// TestByHandEqualsApplied sets one tenant up, runs the script for curl in another one and finishes with what it made: tenants
// and integrations do not differ but in what Entra and Postern draw for each.
func TestByHandEqualsApplied(t *testing.T) {
	w := newWorld(t)
	other, err := w.sim.Server.AddEmptyTenant("fabrikam.onmicrosoft.com")
	w.must(err)
	in := postern.SetupInput{ApplicationName: "Contoso", TenantID: w.sim.TenantID, Policy: true, Windows: postern.SetupWindowsCatalog}
	applied := w.apply(w.signIn(w.begin(in), w.admin(), true))
	w.is(applied, postern.SetupReady, postern.SetupStepDone)

	in.ApplicationName, in.TenantID = "Fabrikam", other.ID
	byHand := w.begin(in)
	script, err := w.Setups.Script(t.Context(), byHand.ID, postern.SetupCurl)
	w.must(err)
	command := regexp.MustCompile(`postern entra setup --finish (\S+) --tenant-id (\S+) --client-id (\S+)`).FindStringSubmatch(w.bash(script.Text, other.ID, "admin@fabrikam.onmicrosoft.com"))
	if command == nil || command[1] != string(byHand.ID) || command[2] != other.ID {
		t.Fatalf("the script ends with %q", command)
	}
	byHand, err = w.Setups.Finish(w.as("Ada"), byHand.ID, postern.SetupFinish{Version: byHand.Version, TenantID: command[2], ClientID: command[3]})
	w.must(err)
	byHand = w.work(byHand.ID)
	w.is(byHand, postern.SetupReady)

	one, two := w.dump(w.sim.TenantID, w.admin(), applied), w.dump(other.ID, "admin@fabrikam.onmicrosoft.com", byHand)
	one, two = alike(one, two)
	if one != two {
		a, b := strings.Split(one, "\n"), strings.Split(two, "\n")
		for n := range min(len(a), len(b)) {
			if a[n] != b[n] {
				t.Errorf("line %d: %s\nby hand: %s", n, a[n], b[n])
			}
		}
		t.Fatalf("%d lines, and %d by hand", len(a), len(b))
	}
}

// bash runs a script against the emulator, with an administrator who types the code.
func (w *world) bash(script, tenant, upn string) string {
	w.t.Helper()
	dir := w.t.TempDir()
	ca, file := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "setup.sh")
	w.must(os.WriteFile(ca, w.sim.CAPEM, 0o600))
	w.must(os.WriteFile(file, []byte(script), 0o600))
	cmd := exec.CommandContext(w.t.Context(), "bash", file)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CURL_CA_BUNDLE="+ca, "GRAPH="+w.sim.GraphURL, "AUTHORITY="+strings.TrimSuffix(w.sim.AuthorityURL, "/"), "PAUSE=0", "TRIES=5")
	cmd.Stderr = w.t.Output()
	out, err := cmd.StdoutPipe()
	w.must(err)
	w.must(cmd.Start())
	var all strings.Builder
	code := regexp.MustCompile(`code ([A-Z0-9]{6,}) to`)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		all.WriteString(lines.Text() + "\n")
		if m := code.FindStringSubmatch(lines.Text()); m != nil {
			w.control(http.MethodPost, "tenants/"+tenant+"/devices/"+m[1], map[string]any{"upn": upn, "mfa": true})
		}
	}
	if err := cmd.Wait(); err != nil {
		w.t.Fatalf("%v\n%s", err, all.String())
	}
	return all.String()
}

// dump reads all of a tenant that a set-up may touch, and the integration.
func (w *world) dump(tenant, upn string, s postern.Setup) string {
	w.t.Helper()
	ctx := w.t.Context()
	opts := w.Setups.Entra
	opts.TenantID = tenant
	door, err := entra.NewSignIn(opts, []string{"Application.Read.All", "Directory.Read.All", "Policy.Read.All", "DeviceManagementConfiguration.Read.All"})
	w.must(err)
	code, err := door.Begin(ctx)
	w.must(err)
	if _, err := door.Poll(ctx, code.Code); !errors.Is(err, entra.ErrSignInPending) {
		w.t.Fatalf("before the code was typed: %v", err)
	}
	w.control(http.MethodPost, "tenants/"+tenant+"/devices/"+code.UserCode, map[string]any{"upn": upn, "mfa": true})
	w.pass(code.Interval)
	d, err := door.Poll(ctx, code.Code)
	w.must(err)
	graph, err := entra.OpenDelegated(opts, d)
	w.must(err)
	all := make(map[string]any)
	read := func(path string) []any {
		reply, err := graph.Ask(ctx, entra.Question{Method: http.MethodGet, Path: path, Doing: "look"})
		w.must(err)
		var answer map[string]any
		w.must(json.Unmarshal(reply.Body, &answer))
		delete(answer, "@odata.context")
		all[path] = answer
		list, _ := answer["value"].([]any)
		return list
	}
	id := func(v any) string { return v.(map[string]any)["id"].(string) }
	read("/v1.0/applications")
	read("/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2")
	read("/v1.0/groups")
	for _, v := range read("/v1.0/servicePrincipals?$filter=appId%20eq%20%27" + s.ClientID + "%27") {
		read("/v1.0/servicePrincipals/" + id(v) + "/appRoleAssignments")
		read("/v1.0/servicePrincipals/" + id(v) + "/oauth2PermissionGrants")
	}
	for _, v := range read("/beta/deviceManagement/configurationPolicies") {
		read("/beta/deviceManagement/configurationPolicies/" + id(v) + "/assignments")
		read("/beta/deviceManagement/configurationPolicies/" + id(v) + "/settings")
	}
	i, err := w.Integrations.Get(ctx, s.IntegrationID)
	w.must(err)
	i.Check.At = i.CreatedAt
	all["integration"] = i
	text, err := json.MarshalIndent(all, "", " ")
	w.must(err)
	return string(text)
}

var (
	drawn  = regexp.MustCompile(`[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}|(int|sup)_[0-9a-z]{26}|[0-9a-z]{8}"|"[\w-]{43}"`)
	moment = regexp.MustCompile(`\d{4}-\d\d-\d\dT[0-9:.]+Z`)
	key    = regexp.MustCompile(`"(key|customKeyIdentifier|thumbprint|thumbprint_sha256|serial|serial_number|user_agent)": "[^"]+"|[0-9A-Fa-f]{40,64}`)
	proper = regexp.MustCompile(`(?i)contoso|fabrikam`)
)

// alike takes out of two dumps what is drawn anew for each, and sorts the lines: lists are in the order of what is drawn.
func alike(a, b string) (string, string) {
	clean := func(s, other string) string {
		s = key.ReplaceAllString(s, "<key>")
		s = moment.ReplaceAllString(s, "<moment>")
		s = drawn.ReplaceAllStringFunc(s, func(id string) string {
			if strings.Contains(other, id) {
				return id
			}
			return "<drawn>"
		})
		lines := strings.Split(proper.ReplaceAllString(s, "<name>"), "\n")
		for n := range lines {
			lines[n] = strings.TrimRight(lines[n], ",")
		}
		slices.Sort(lines)
		return strings.Join(lines, "\n")
	}
	return clean(a, b), clean(b, a)
}
