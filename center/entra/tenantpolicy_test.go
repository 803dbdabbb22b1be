package entra

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
)

// Shapes that the service has had, or may come to have: the deprecated schema, members that are null or unknown, ids in
// capitals, combinations with spaces, users as targets.
func TestPolicyShapes(t *testing.T) {
	got, err := decodePasskeyPolicy([]byte(`{"@odata.context":"x","state":"Enabled","isSelfServiceRegistrationAllowed":false,"isAttestationEnforced":true,
		"keyRestrictions":{"isEnforced":true,"enforcementType":"allow","aaGuids":["DE1E552D-DB1D-4423-A619-566B625CDC84",null,"de1e552d-db1d-4423-a619-566b625cdc84"],"more":1},
		"defaultPasskeyProfile":null,"passkeyProfiles":null,"excludeTargets":null,"somethingNew":{"a":[]},
		"includeTargets":[{"targetType":"user","id":"A154BE20-DB9C-4678-8AB7-66F6CC099A59","isRegistrationRequired":true,"allowedPasskeyProfiles":null},{"id":"ALL_USERS"}]}`))
	if err != nil {
		t.Fatal(err)
	}
	want := postern.PasskeyPolicy{
		Schema: postern.PolicySchemaTenant, Enabled: true, AttestationEnforced: true,
		KeyRestrictions: postern.KeyRestrictions{Enforced: true, AAGUIDs: []string{"de1e552d-db1d-4423-a619-566b625cdc84"}},
		Include: []postern.PolicyTarget{
			{ID: "a154be20-db9c-4678-8ab7-66f6cc099a59", Type: "user", RegistrationRequired: true}, {ID: postern.TargetAllUsers, Type: "group"},
		},
		Exclude: []postern.PolicyTarget{},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}

func TestStrengthShapes(t *testing.T) {
	var w strengthWire
	if err := json.Unmarshal([]byte(`{"id":"2FC0579F-8113-47EA-B116-BB5A8DB9202A","displayName":"Keys","policyType":"custom","description":null,
		"allowedCombinations":["fido2","password, sms","sms,password",""],"combinationConfigurations":[
		{"@odata.type":"#microsoft.graph.x509CertificateCombinationConfiguration","allowedIssuerSkis":["1"]},
		{"@odata.type":"microsoft.graph.fido2CombinationConfiguration","allowedAAGUIDs":["EE882879-721C-4913-9775-3DFCCE97072A"],"appliesToCombinations":["fido2"]}]}`), &w); err != nil {
		t.Fatal(err)
	}
	want := postern.AuthenticationStrength{
		ID: "2fc0579f-8113-47ea-b116-bb5a8db9202a", Name: "Keys", Combinations: []string{"fido2", "password,sms"},
		AAGUIDs: []string{"ee882879-721c-4913-9775-3dfcce97072a"},
	}
	if diff := cmp.Diff(want, w.strength()); diff != "" {
		t.Errorf("strength (-want +got):\n%s", diff)
	}
}

// What nobody judges must be named, and what says nothing must not.
func TestConditionalAccessShapes(t *testing.T) {
	for name, c := range map[string]struct {
		conditions, grant string
		other             []string
	}{
		"nothing else": {`"clientAppTypes":["all"],"platforms":null,"locations":null,"signInRiskLevels":[],"devices":null,"clientApplications":null`, `null`, nil},
		"everywhere": {
			`"clientAppTypes":["browser","mobileAppsAndDesktopClients"],"platforms":{"includePlatforms":["all"],"excludePlatforms":[]},"locations":{"includeLocations":["All"],"excludeLocations":[]}`,
			`null`, nil,
		},
		"somewhere": {
			`"clientAppTypes":["exchangeActiveSync"],"platforms":{"includePlatforms":["android"]},"locations":{"includeLocations":["All"],"excludeLocations":["AllTrusted"]},"userRiskLevels":["high"],"new":{"x":1}`,
			`null`,
			[]string{"clientAppTypes", "locations", "new", "platforms", "userRiskLevels"},
		},
		"guests and filters": {
			`"users":{"includeUsers":["All"],"excludeGuestsOrExternalUsers":{"guestOrExternalUserTypes":"serviceProvider"}},"applications":{"includeApplications":["All"],"applicationFilter":{"mode":"include","rule":"x"}}`,
			`null`,
			[]string{"applicationFilter", "excludeGuestsOrExternalUsers"},
		},
		"another way to pass": {`"clientAppTypes":["all"]`, `{"operator":"OR","builtInControls":["mfa"],"termsOfUse":["t"]}`, nil},
		"one more demand":     {`"clientAppTypes":["all"]`, `{"operator":"AND","builtInControls":["mfa"],"termsOfUse":["t"]}`, nil},
		"not the type":        {`"users":{"includeUsers":"All"},"applications":7`, `null`, []string{"applications", "users"}},
	} {
		t.Run(name, func(t *testing.T) {
			var w accessWire
			if err := json.Unmarshal([]byte(`{"id":"x","displayName":"P","state":"Enabled","conditions":{`+c.conditions+`},"grantControls":`+c.grant+`}`), &w); err != nil {
				t.Fatal(err)
			}
			p := w.policy()
			if !slices.Equal(p.Other, c.other) || p.State != postern.ConditionalAccessOn {
				t.Errorf("%s, other conditions %v, want %v", p.State, p.Other, c.other)
			}
			if demanded := strings.Contains(c.grant, "termsOfUse"); demanded != slices.Equal(p.Grant.Unjudged, []string{"termsOfUse"}) {
				t.Errorf("unjudged demands %v", p.Grant.Unjudged)
			}
		})
	}
}

func TestOtherMethodsSize(t *testing.T) {
	size := otherMethodsSize([]byte(`{"authenticationMethodConfigurations":[
		{"id":"Fido2","includeTargets":[{"id":"g"},{"id":"h"}]},
		{"id":"Sms","includeTargets":[{"id":"all_users"}],"excludeTargets":[{"id":"g"}]},
		{"id":"TemporaryAccessPass","includeTargets":[{"id":"g"},{"id":"h"}]}, 7],
		"registrationEnforcement":{"authenticationMethodsRegistrationCampaign":{"includeTargets":[{"id":"g"}]}}}`))
	if size != 4*targetSize {
		t.Errorf("%d bytes, want those of four targets", size)
	}
	for _, broken := range []string{"", "null", "7", `{"authenticationMethodConfigurations":3,"registrationEnforcement":[]}`} {
		if got := otherMethodsSize([]byte(broken)); got != 0 {
			t.Errorf("%q: %d", broken, got)
		}
	}
}

// Reading goes as far as the token and the licence, and says how far it went.
func TestPolicyAsFarAsAllowed(t *testing.T) {
	refuse := ""
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		switch path := strings.TrimPrefix(r.URL.Path, "/v1.0"); {
		case refuse != "" && strings.HasPrefix(path, refuse):
			graphRefuses(w, 403, "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "No licence.")
		case path == passkeyPolicyPath:
			_, _ = fmt.Fprint(w, `{"state":"enabled","includeTargets":[{"targetType":"group","id":"all_users"}]}`)
		case path == methodsPolicyPath:
			graphRefuses(w, 403, "accessDenied", "No.")
		default:
			_, _ = fmt.Fprint(w, `{"value":[{"id":"a","displayName":"A","state":"enabled"}]}`)
		}
	})
	f.roles = []string{"Policy.Read.AuthenticationMethod"}
	tenant, _ := f.open()
	p, err := tenant.TenantPolicy(ctx)
	if err != nil || !p.StrengthsRead || len(p.Strengths) != 1 || p.ConditionalAccessRead || p.ConditionalAccess == nil {
		t.Errorf("%+v, %v", p, err)
	}
	if slices.ContainsFunc(f.seen(), func(s string) bool { return strings.Contains(s, accessPath) }) {
		t.Errorf("asked for what the token does not allow: %v", f.seen())
	}
	f.roles = []string{"Policy.Read.All"}
	if _, err := tenant.Permissions(ctx); err != nil {
		t.Fatal(err)
	}
	refuse = strengthsPath
	if p, err = tenant.TenantPolicy(ctx); err != nil || p.StrengthsRead || !p.ConditionalAccessRead || len(p.ConditionalAccess) != 1 {
		t.Errorf("without a licence: %+v, %v", p, err)
	}
	refuse = passkeyPolicyPath
	if _, err = tenant.TenantPolicy(ctx); err == nil {
		t.Error("a passkey policy that cannot be read is no error")
	}
}

// Names cost few requests, and what cannot be told is left out.
func TestPolicyNames(t *testing.T) {
	group := func(n int) string { return fmt.Sprintf("10000000-0000-4000-8000-%012d", n) }
	const user, app, role, custom = "20000000-0000-4000-8000-000000000001", "30000000-0000-4000-8000-000000000001", "62e90394-69f5-4237-9190-012177145e10", "40000000-0000-4000-8000-000000000001"
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/$batch"):
			var in batchRequest
			_ = json.NewDecoder(r.Body).Decode(&in)
			var out batchResponse
			for _, part := range slices.Backward(in.Requests) {
				answer := batchAnswer{ID: part.ID, Status: 200}
				switch {
				case strings.HasPrefix(part.URL, "/groups?"):
					answer.Body = json.RawMessage(`{"value":[{"id":"` + strings.ToUpper(group(1)) + `","displayName":"Pilot","securityEnabled":true},
						{"id":"` + group(2) + `","displayName":"Team","securityEnabled":true,"groupTypes":["Unified"]},{"id":"` + group(3) + `","displayName":"Mail","mailEnabled":true},
						{"id":"` + group(99) + `","displayName":"Not asked for"}]}`)
				case strings.HasPrefix(part.URL, "/users?"):
					answer.Body = json.RawMessage(`{"value":[{"id":"` + user + `","displayName":"Ann","userPrincipalName":"ann@contoso.com"}]}`)
				default:
					answer.Status, answer.Body = 403, json.RawMessage(`{"error":{"code":"Authorization_RequestDenied"}}`)
				}
				out.Responses = append(out.Responses, answer)
			}
			writeJSON(w, 200, out)
		case strings.HasSuffix(r.URL.Path, "/roleDefinitions"):
			_, _ = fmt.Fprint(w, `{"value":[{"id":"`+custom+`","displayName":"Our own role"}]}`)
		default:
			graphRefuses(w, 404, "NotFound", "No.")
		}
	})
	f.roles = []string{"GroupMember.Read.All", "User.Read.All", "Application.Read.All", "RoleManagement.Read.Directory"}
	tenant, _ := f.open()
	var p postern.TenantPolicy
	for n := range 40 {
		p.Passkeys.Include = append(p.Passkeys.Include, postern.PolicyTarget{ID: group(n), Type: "group"})
	}
	p.Passkeys.Exclude = []postern.PolicyTarget{{ID: postern.TargetAllUsers, Type: "group"}, {ID: user, Type: "user"}}
	p.ConditionalAccess = []postern.ConditionalAccessPolicy{{
		Users:        postern.ConditionalAccessUsers{IncludeUsers: []string{"All"}, IncludeRoles: []string{role, custom}},
		Applications: postern.ConditionalAccessTargets{Include: []string{"All", app}},
	}}
	names, err := tenant.names(ctx, p)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]postern.DirectoryName{
		group(1): {Kind: "group", Name: "Pilot", Group: "security"}, group(2): {Kind: "group", Name: "Team", Group: "microsoft365"},
		group(3): {Kind: "group", Name: "Mail", Group: "distribution"}, user: {Kind: "user", Name: "ann@contoso.com"},
		role: {Kind: "role", Name: "Global Administrator"}, custom: {Kind: "role", Name: "Our own role"},
	}
	for n := range 40 {
		if id := group(n); names[id] == (postern.DirectoryName{Kind: "unknown"}) {
			delete(names, id)
		}
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if n := len(f.seen()); n != 2 {
		t.Errorf("%d requests: %v", n, f.seen())
	}
}

func FuzzPolicyDecoding(f *testing.F) {
	f.Add(`{"state":"enabled","passkeyProfiles":[{"id":"A","passkeyTypes":"deviceBound, synced"}],"includeTargets":[{}]}`)
	f.Add(`{"conditions":{"users":[],"locations":7},"grantControls":{"authenticationStrength":{}}}`)
	f.Add(`{"allowedCombinations":[",,"," a , b"],"combinationConfigurations":[{"@odata.type":""}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		if p, err := decodePasskeyPolicy([]byte(body)); err == nil {
			if !samePasskeyPolicy(p, p) {
				t.Error("a policy that differs from itself")
			}
			_ = passkeyChanges(postern.PasskeyPolicy{Schema: p.Schema}, p, unmanagedMembers(nil))
		}
		var there map[string]json.RawMessage
		if json.Unmarshal([]byte(body), &there) == nil {
			_ = unmanagedMembers(there)
		}
		var s strengthWire
		if json.Unmarshal([]byte(body), &s) == nil {
			for _, c := range s.strength().Combinations {
				if c != combination(c) {
					t.Errorf("%q is not in its last form", c)
				}
			}
		}
		var a accessWire
		if json.Unmarshal([]byte(body), &a) == nil {
			if p := a.policy(); !sameGrant(p.Grant, p.Grant) || !sameUsers(p.Users, p.Users) {
				t.Error("a policy that differs from itself")
			}
		}
		_ = otherMethodsSize([]byte(body))
	})
}
