package entrasim

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"
)

const policyPath = "/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/fido2"

// patch is a PATCH body with its type.
func patch(members object) object {
	members["@odata.type"] = passkeyConfigurationType
	return members
}

func TestPolicyReadAndReset(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	before := s.graph("GET", "/v1.0"+policyPath, nil)
	if before.status != 200 || before.str("id") != "Fido2" || before.str("state") != "enabled" || before.body["isSelfServiceRegistrationAllowed"] != true ||
		before.str("@odata.type") != passkeyConfigurationType || before.str("defaultPasskeyProfile") != defaultProfileID {
		t.Fatalf("%d %s", before.status, before.raw)
	}
	for _, alias := range []string{"/beta/authenticationMethodsPolicy/authenticationMethodConfigurations/FIDO2", "/beta" + policyPath} {
		if a := s.graph("GET", alias, nil); a.status != 200 || a.str("id") != "Fido2" {
			t.Errorf("%s: %d", alias, a.status)
		}
	}
	if a := s.graph("PATCH", "/v1.0"+policyPath, patch(object{"state": "disabled"})); a.status != 204 || a.raw != "" {
		t.Fatalf("%d %q", a.status, a.raw)
	}
	if o, a := s.options(s.appToken(s.standard()), "beta", s.Users[0].ID, ""); a.status == 200 {
		t.Errorf("options though the method is disabled: %+v", o)
	}
	if a := s.graph("PATCH", "/v1.0"+policyPath, object{"state": "enabled"}); a.status != 400 {
		t.Errorf("without @odata.type: %d", a.status)
	}
	if a := s.graph("DELETE", "/v1.0"+policyPath, nil); a.status != 204 {
		t.Errorf("reset: %d %s", a.status, a.raw)
	}
	after := s.graph("GET", "/v1.0"+policyPath, nil)
	if diff := cmp.Diff(before.body, after.body); diff != "" {
		t.Errorf("after the reset (-before +after):\n%s", diff)
	}
	whole := s.graph("GET", "/v1.0/policies/authenticationMethodsPolicy", nil)
	if list, _ := whole.body["authenticationMethodConfigurations"].([]any); whole.status != 200 || len(list) != 11 {
		t.Errorf("%d %s", whole.status, whole.raw)
	}
	// A whole GET object less its context members is a valid PATCH.
	body := object{}
	for k, v := range before.body {
		if !strings.Contains(k, "@odata.context") {
			body[k] = v
		}
	}
	if a := s.graph("PATCH", "/v1.0"+policyPath, body); a.status != 204 {
		t.Errorf("what was read: %d %s", a.status, a.raw)
	}
}

// TestPolicyCollections holds that absent members stay and that collections are replaced as a whole.
func TestPolicyCollections(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	const a1, a2 = "2FC0579F-8113-47EA-B116-BB5A8DB9202A", "cb69481e-8ff7-4039-93ec-0a2729a154a8"
	keys := func(ids ...string) object {
		return object{"isEnforced": true, "enforcementType": "allow", "aaGuids": ids}
	}
	s.must204(patch(object{"keyRestrictions": keys(a1, a2)}))
	s.must204(patch(object{"keyRestrictions": keys(a1)}))
	got := s.graph("GET", "/v1.0"+policyPath, nil)
	restrictions := got.body["keyRestrictions"].(object)
	if fmt.Sprint(restrictions["aaGuids"]) != "["+strings.ToLower(a1)+"]" {
		t.Errorf("aaGuids are %v", restrictions["aaGuids"])
	}
	profile := got.body["passkeyProfiles"].([]any)[0].(object)
	if diff := cmp.Diff(restrictions, profile["keyRestrictions"].(object)); diff != "" {
		t.Errorf("the default profile does not mirror the legacy members:\n%s", diff)
	}
	if got.body["isSelfServiceRegistrationAllowed"] != true {
		t.Error("a member that was not sent changed")
	}
	if a := s.register(newSecurityKey(t), s.Users[0].ID, "allowed"); a.status != 201 {
		t.Errorf("an allowed model: %d %s", a.status, a.raw)
	}
	s.must204(patch(object{"keyRestrictions": keys(a2)}))
	if a := s.register(newSecurityKey(t), s.Users[1].ID, "refused"); a.status != 400 {
		t.Errorf("a model not allowed: %d %s", a.status, a.raw)
	}
	s.must204(patch(object{"isSelfServiceRegistrationAllowed": false}))
	if a := s.register(newSecurityKey(t), s.Users[1].ID, "no self-service"); a.status < 400 {
		t.Errorf("self-service off: %d", a.status)
	}
}

func (s *site) must204(body object) {
	s.t.Helper()
	if a := s.graph("PATCH", "/v1.0"+policyPath, body); a.status != 204 {
		s.t.Fatalf("%d %s", a.status, a.raw)
	}
}

func TestPolicyRefusals(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	groups := s.graph("GET", "/v1.0/groups?$filter=displayName eq 'Town hall'", nil).values()
	profile := func(id, name string, n int) object {
		ids := make([]string, n)
		for i := range ids {
			ids[i] = uuid.NewString()
		}
		return object{
			"id": id, "name": name, "passkeyTypes": "deviceBound", "attestationEnforcement": "disabled",
			"keyRestrictions": object{"isEnforced": n > 0, "enforcementType": "allow", "aaGuids": ids},
		}
	}
	standard := profile(defaultProfileID, "Default", 0)
	target := func(id string, profiles ...string) []object {
		return []object{{"targetType": "group", "id": id, "isRegistrationRequired": false, "allowedPasskeyProfiles": profiles}}
	}
	for _, c := range []struct {
		name    string
		body    object
		message string
	}{
		{"four profiles", object{"passkeyProfiles": []object{standard, profile(uuid.NewString(), "2", 0), profile(uuid.NewString(), "3", 0), profile(uuid.NewString(), "4", 0)}}, "maximum of 3"},
		{"no default profile", object{"passkeyProfiles": []object{profile(uuid.NewString(), "2", 0)}}, "default passkey profile cannot be deleted"},
		{"too large", object{"passkeyProfiles": []object{profile(defaultProfileID, "Default", 700)}}, "20 KB"},
		{"bad AAGUID", object{"keyRestrictions": object{"isEnforced": true, "enforcementType": "allow", "aaGuids": []string{"yubikey"}}}, "AAGUID"},
		{"Microsoft 365 group", object{"includeTargets": target(groups[0]["id"].(string), defaultProfileID)}, "not a security group"},
		{"unknown group", object{"includeTargets": target(uuid.NewString(), defaultProfileID)}, "does not exist"},
		{"unassigned profile", object{"includeTargets": target(allUsers, uuid.NewString())}, "assigned to a target"},
		{"attested and synced", object{"passkeyProfiles": []object{{"id": defaultProfileID, "name": "D", "passkeyTypes": "deviceBound,synced", "attestationEnforcement": "registrationOnly"}}}, "device-bound"},
		{"unknown member", object{"colour": "red"}, "colour"},
		{"bad state", object{"state": "on"}, "state"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if a := s.graph("PATCH", "/v1.0"+policyPath, patch(c.body)); a.status != 400 || a.code() != "badRequest" || !strings.Contains(a.raw, c.message) {
				t.Fatalf("%d %s", a.status, a.raw)
			}
		})
	}
	// A profile without an id gets one.
	unnamed := profile("", "New", 1)
	delete(unnamed, "id")
	s.must204(patch(object{"passkeyProfiles": []object{standard, unnamed}}))
	list := s.graph("GET", "/v1.0"+policyPath, nil).body["passkeyProfiles"].([]any)
	if len(list) != 2 || !isGUID(list[1].(object)["id"].(string)) {
		t.Errorf("profiles: %v", list)
	}
}
