package recipe_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/setup/recipe"
)

func TestRequest(t *testing.T) {
	r := recipe.Request{
		Doing: "try", Method: http.MethodPost, Version: "v1.0", Path: "/things/{client_id}/x", Body: json.RawMessage(`{"name":"a {client_id}","n":{}}`),
		Capture: map[string]string{recipe.ValueSecret: "secretText"}, There: "is there", Late: true,
	}
	filled, err := r.With(map[string]string{"client_id": `o"d/d`})
	if err != nil || filled.Path != "/things/o%22d%2Fd/x" || string(filled.Body) != `{"name":"a o\"d/d","n":{}}` {
		t.Errorf("%+v %v", filled, err)
	}
	if _, err := r.With(nil); err == nil || !strings.Contains(err.Error(), "client_id") {
		t.Errorf("without its value: %v", err)
	}
	if shown := r.Shown(); shown.URL != "https://graph.microsoft.com/v1.0/things/{client_id}/x" || !strings.Contains(shown.Body, "{client_id}") {
		t.Errorf("%+v", shown)
	}
	if got, err := r.Captured(recipe.Answer{Body: json.RawMessage(`{"secretText":"x"}`)}); err != nil || got[recipe.ValueSecret] != "x" {
		t.Errorf("%v %v", got, err)
	}
	for _, body := range []string{`{}`, `[]`, `nonsense`, `{"secretText":5}`} {
		if _, err := r.Captured(recipe.Answer{Body: json.RawMessage(body)}); !postern.IsCode(err, postern.CodeEntraAnswerUnexpected) {
			t.Errorf("%s: %v", body, err)
		}
	}
	for _, c := range []struct {
		status  int
		body    string
		refusal error
		want    recipe.Outcome
	}{
		{201, "", nil, recipe.Accepted},
		{400, "it is there", nil, recipe.Accepted},
		{400, "", errors.New("it is there"), recipe.Accepted},
		{404, "", nil, recipe.Later},
		{403, "", nil, recipe.Later},
		{409, "it is there", nil, recipe.Refused},
		{401, "", nil, recipe.Refused},
	} {
		if got := r.Outcome(recipe.Answer{Status: c.status, Body: json.RawMessage(c.body)}, c.refusal); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if gone := (recipe.Request{Method: http.MethodDelete}).Outcome(recipe.Answer{Status: 404}, nil); gone != recipe.Accepted {
		t.Errorf("deleting what is not there: %v", gone)
	}
}

func TestComplete(t *testing.T) {
	in, err := recipe.Complete(postern.SetupInput{PermissionSet: postern.PermissionsLegacy, Credential: postern.CredentialCertificate})
	if err != nil || in.Credential != postern.CredentialSecret || in.ServiceAccountUsername != "postern-service" || in.RegistrationName != "Postern" || in.CredentialDays != 180 {
		t.Errorf("%+v %v", in, err)
	}
	for field, in := range map[string]postern.SetupInput{
		"tenant_id": {TenantID: "not a domain"}, "registration_name": {RegistrationName: "a{client_id}"}, "permission_set": {PermissionSet: "all"},
		"service_account_username": {ServiceAccountUsername: "x"}, "credential": {Credential: postern.CredentialServiceAccount}, "credential_days": {CredentialDays: 731},
		"windows": {Windows: "gpo"}, "windows_group": {WindowsGroup: "Pilot"},
	} {
		if _, err := recipe.Complete(in); postern.AsError(err) == nil || postern.AsError(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := recipe.Complete(postern.SetupInput{PermissionSet: postern.PermissionsLegacy, ServiceAccountUsername: "a@b"}); err == nil {
		t.Error("a user name with its domain")
	}
}

func accessPolicy(t *testing.T, text string) (p recipe.AccessPolicy) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestNotes(t *testing.T) {
	in := postern.SetupInput{ApplicationName: "Contoso", Policy: true, Windows: postern.SetupWindowsCatalog, PermissionSet: postern.PermissionsLegacy}
	in, err := recipe.Complete(in)
	if err != nil {
		t.Fatal(err)
	}
	w := recipe.Want{Setup: "sup_test1", Input: in}
	keys := func(w recipe.Want, s recipe.Seen) (out []string) {
		for _, n := range recipe.Notes(w, s) {
			if n.Message == "" || n.Level == "" || strings.Contains(n.Message, "%!") {
				t.Errorf("%+v", n)
			}
			out = append(out, n.Key)
		}
		return out
	}
	all := accessPolicy(t, `{"id":"1","displayName":"MFA","state":"enabled","conditions":{"users":{"includeUsers":["All"]},"applications":{"includeApplications":["All"]}},"grantControls":{"builtInControls":["mfa"]}}`)
	excludes := all
	excludes.Conditions.Users.Exclude = []string{"account"}
	compliant := accessPolicy(t, `{"id":"2","displayName":"Register","state":"enabled","conditions":{"users":{"includeUsers":["All"],"excludeUsers":["account"]},"applications":{"includeUserActions":["urn:user:registersecurityinfo"]}},"grantControls":{"builtInControls":["compliantDevice"]}}`)
	strength := accessPolicy(t, `{"id":"3","displayName":"Strong","state":"enabledForReportingButNotEnforced","conditions":{"users":{"includeUsers":["All"]},"applications":{"includeUserActions":["urn:user:registersecurityinfo"]}},"grantControls":{"authenticationStrength":{"displayName":"Phishing-resistant MFA","allowedCombinations":["fido2","windowsHelloForBusiness"]}}}`)
	pass := accessPolicy(t, `{"id":"4","displayName":"Pass","state":"enabled","conditions":{"users":{"includeUsers":["None"]},"applications":{"includeUserActions":["urn:user:registersecurityinfo"]}},"grantControls":{"authenticationStrength":{"displayName":"Bootstrap","allowedCombinations":["fido2","temporaryAccessPassOneTime"]}}}`)
	open := json.RawMessage(`{"state":"enabled","isSelfServiceRegistrationAllowed":true,"isAttestationEnforced":true,"keyRestrictions":{"isEnforced":false},"includeTargets":[{"id":"all_users"}],"excludeTargets":[{"id":"g","targetType":"group"}]}`)
	for name, c := range map[string]struct {
		seen recipe.Seen
		want []string
	}{
		"nobody looked":    {recipe.Seen{}, []string{"set_wide"}},
		"nothing readable": {recipe.Seen{TenantID: "t"}, []string{"set_wide", "licences_unread", "access_unread"}},
		"no licences":      {recipe.Seen{TenantID: "t", Plans: []string{}, AccessRead: true}, []string{"set_wide", "licence_intune", "licence_premium"}},
		"all well":         {recipe.Seen{TenantID: "t", Plans: []string{"INTUNE_A", "AAD_PREMIUM"}, AccessRead: true, Account: &recipe.Account{ID: "account"}, Access: []recipe.AccessPolicy{excludes, pass}}, []string{"set_wide"}},
		"the account":      {recipe.Seen{TenantID: "t", Plans: []string{"INTUNE_A", "AAD_PREMIUM"}, AccessRead: true, SecurityDefaults: true, Access: []recipe.AccessPolicy{all}}, []string{"set_wide", "account_defaults", "account_mfa"}},
		"loops":            {recipe.Seen{TenantID: "t", Plans: []string{"INTUNE_A", "AAD_PREMIUM"}, AccessRead: true, Access: []recipe.AccessPolicy{compliant, strength}}, []string{"set_wide", "access_loop", "access_loop"}},
		"the policy": {
			recipe.Seen{TenantID: "t", Plans: []string{"INTUNE_A", "AAD_PREMIUM"}, AccessRead: true, Policy: open, SameName: []string{"c"}},
			[]string{"set_wide", "attestation_off", "excluded", "name_taken"},
		},
	} {
		if got := keys(w, c.seen); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, not %v", name, got, c.want)
		}
	}
	w.Input.Policy = false
	if got := keys(w, recipe.Seen{TenantID: "t", Plans: []string{"INTUNE_A", "AAD_PREMIUM"}, AccessRead: true, Policy: open}); !slices.Contains(got, "policy_left") {
		t.Errorf("%v", got)
	}
}
