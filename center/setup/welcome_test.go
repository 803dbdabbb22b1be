package setup

import (
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// TestWelcome: a token of another tenant, or of too little, is worth nothing, wherever it came from.
func TestWelcome(t *testing.T) {
	const home, foreign = "5d0b4e30-0d5c-4f6e-8a55-1f2b6a6bd1a0", "b7a3c0de-0d5c-4f6e-8a55-1f2b6a6bd1a0"
	r := Record{}
	r.TenantID, r.TenantName = home, "Contoso"
	r.SignIn = &postern.SetupSignIn{Write: true}
	all := scopes(r, true)
	for name, c := range map[string]struct {
		d    entra.Delegated
		code postern.Code
		says string
	}{
		"the tenant's own":   {entra.Delegated{TenantID: strings.ToUpper(home), UPN: "ada@contoso.com", Scopes: all}, "", ""},
		"another tenant's":   {entra.Delegated{TenantID: foreign, UPN: "eve@fabrikam.com", Scopes: all}, postern.CodeSetupTenant, "Contoso (" + home + ")"},
		"without a consent":  {entra.Delegated{TenantID: home, UPN: "ada@contoso.com", Scopes: all[1:]}, postern.CodeSetupRole, all[0]},
		"both":               {entra.Delegated{TenantID: foreign, UPN: "eve@fabrikam.com"}, postern.CodeSetupTenant, "eve@fabrikam.com"},
		"of nobody's tenant": {entra.Delegated{UPN: "eve@fabrikam.com", Scopes: all}, postern.CodeSetupTenant, home},
	} {
		err := (&Service{}).welcome(r, c.d)
		if c.code == "" && err != nil || c.code != "" && (!postern.IsCode(err, c.code) || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %v, want %q with %q", name, err, c.code, c.says)
		}
	}
}
