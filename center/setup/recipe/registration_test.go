package recipe_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/setup/recipe"
)

// TestRedirectURIsOfOthersStay: the console has administrators register an address for people who prove themselves by a
// sign-in. A set-up that is applied again leaves it there.
func TestRedirectURIsOfOthersStay(t *testing.T) {
	const native, proof = "https://login.microsoftonline.com/common/oauth2/nativeclient", "https://postern.contoso.com/proof/callback"
	in, err := recipe.Complete(postern.SetupInput{ApplicationName: "Contoso", PermissionSet: postern.PermissionsStandard})
	if err != nil {
		t.Fatal(err)
	}
	w := recipe.Want{Setup: "sup_test1", Input: in, Now: now}
	step := func(uris ...string) recipe.Step {
		app := recipe.Application{ID: "object", ClientID: "client", Name: "Postern", Audience: "AzureADMyOrg", Web: recipe.RedirectURIs{URIs: uris}}
		steps := recipe.Steps(w, recipe.Seen{TenantID: "5d0b4e30-0d5c-4f6e-8a55-1f2b6a6bd1a0", Application: &app, Graph: recipe.Graph{ID: "graph"}})
		return steps[slices.IndexFunc(steps, func(s recipe.Step) bool { return s.Key == recipe.StepApplication })]
	}
	if s := step(native, proof); !s.Done || len(s.Requests) != 0 {
		t.Errorf("with both addresses the step is %+v", s)
	}
	s := step(proof)
	if s.Done || len(s.Requests) != 1 {
		t.Fatalf("without its own address the step is %+v", s)
	}
	var body struct {
		Web recipe.RedirectURIs `json:"web"`
	}
	if err := json.Unmarshal(s.Requests[0].Body, &body); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(body.Web.URIs, []string{native, proof}) {
		t.Errorf("the addresses would be %q", body.Web.URIs)
	}
}
