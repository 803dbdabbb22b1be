package recipe_test

import (
	"os"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/setup/recipe"
	"github.com/postern/postern/internal/powershell"
)

// Every script is one that PowerShell can read, and calls nothing that is not documented.
func TestPowerShell(t *testing.T) {
	list, err := os.ReadFile("testdata/cmdlets.tsv")
	if err != nil {
		t.Fatal(err)
	}
	known := powershell.Documented(list)
	var all []map[string]bool
	for name, in := range inputs() {
		in.WindowsGroup = map[postern.SetupWindows]string{postern.SetupWindowsCatalog: "The ‘pilot’ devices"}[in.Windows]
		if in.RegistrationName != "" {
			in.RegistrationName = "Contoso’s \"$gate\" `'\u201e"
		}
		in, err := recipe.Complete(in)
		if err != nil {
			t.Fatal(err)
		}
		w := recipe.Want{Setup: "sup_test1", Input: in, Certificate: certificate(t), Now: now}
		half := recipe.Seen{
			TenantID: "5d0b4e30-0d5c-4f6e-8a55-1f2b6a6bd1a0", InitialDomain: "contoso.onmicrosoft.com",
			Graph:            recipe.Graph{ID: "graph", Roles: map[string]string{}, Scopes: map[string]string{}},
			Application:      &recipe.Application{ID: "object", ClientID: "client", Name: "Postern", Passwords: []recipe.Password{{ID: "lost", Name: "Postern sup_test1"}}},
			ServicePrincipal: "principal", Grant: &recipe.DelegatedGrant{ID: "grant", Scope: "User.Read"},
		}
		for _, g := range postern.Grants(in.PermissionSet) {
			half.Graph.Roles[g.Name], half.Graph.Scopes[g.Name] = "role", "scope"
		}
		for from, seen := range map[string]recipe.Seen{"draft": {}, "half": half} {
			script := recipe.PowerShell(w, recipe.Steps(w, seen))
			problems, used := powershell.Check(script, known)
			if len(problems) > 0 {
				t.Errorf("%s, %s: %s\n%s", name, from, strings.Join(problems, "\n"), script)
			}
			all = append(all, used)
			if strings.Contains(script, "client_secret}") || !strings.Contains(script, "postern entra setup --finish sup_test1") {
				t.Errorf("%s, %s:\n%s", name, from, script)
			}
		}
	}
	for _, c := range powershell.Unused(known, all...) {
		t.Errorf("%s is documented and nothing calls it: the list is too long, or the calls are not found", c)
	}
}
