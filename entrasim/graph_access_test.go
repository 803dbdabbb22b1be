package entrasim

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

const (
	strengthsPath = "/v1.0/policies/authenticationStrengthPolicies"
	rulesPath     = "/v1.0/identity/conditionalAccess/policies"
)

// accessSite is an emulator without budgets, with a token that may read and write all policies.
func accessSite(t testing.TB) (s *site, token string) {
	s = newSite(t, Config{Users: 60})
	s.control("PATCH", "levers", object{"throttle": false})
	return s, s.tokenWith("Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod", "Policy.ReadWrite.ConditionalAccess", "AuditLog.Read.All", "UserAuthenticationMethod.Read.All")
}

func testRule(strength string) object {
	return object{
		"displayName": "Pilot", "state": "enabledForReportingButNotEnforced",
		"conditions":    object{"clientAppTypes": []string{"all"}, "applications": object{"includeApplications": []string{"All"}}, "users": object{"includeUsers": []string{"All"}}},
		"grantControls": object{"operator": "OR", "builtInControls": []string{}, "authenticationStrength": object{"id": strength}},
	}
}

func TestStrengths(t *testing.T) {
	s, token := accessSite(t)
	if list := s.call(token, "GET", strengthsPath, nil).values(); len(list) != 3 {
		t.Errorf("%d built-in strengths", len(list))
	}
	made := s.call(token, "POST", strengthsPath, object{
		"displayName": "Passkey only", "allowedCombinations": []string{"fido2"},
		"combinationConfigurations": []object{{"@odata.type": "#microsoft.graph.fido2CombinationConfiguration", "allowedAAGUIDs": []string{strings.ToUpper(modelA)}, "appliesToCombinations": []string{"fido2"}}},
	})
	id := made.str("id")
	at := strengthsPath + "/" + id
	if made.status != 201 || !strings.Contains(made.raw, modelA) || made.str("policyType") != "custom" {
		t.Fatalf("%d %s", made.status, made.raw)
	}
	limit := s.call(token, "GET", at+"/combinationConfigurations", nil).values()[0]["id"].(string)
	const builtIn = strengthsPath + "/00000000-0000-0000-0000-000000000004"
	fido := func(ids ...string) object {
		return object{"@odata.type": "#microsoft.graph.fido2CombinationConfiguration", "allowedAAGUIDs": ids, "appliesToCombinations": []string{"fido2"}}
	}
	for _, c := range []struct {
		name, method, path string
		body               any
		status             int
	}{
		{"rename", "PATCH", at, object{"displayName": "Keys", "description": "d"}, 204},
		{"combinations by PATCH", "PATCH", at, object{"allowedCombinations": []string{"fido2"}}, 400},
		{"combinations", "POST", at + "/updateAllowedCombinations", object{"allowedCombinations": []string{"fido2", "password, sms"}}, 200},
		{"unknown combination", "POST", at + "/updateAllowedCombinations", object{"allowedCombinations": []string{"smoke"}}, 400},
		{"a second limit", "POST", at + "/combinationConfigurations", fido(modelB), 400},
		{"change the limit", "PATCH", at + "/combinationConfigurations/" + limit, fido(modelB), 204},
		{"a bad limit", "PATCH", at + "/combinationConfigurations/" + limit, fido("yubikey"), 400},
		{"a limit of nothing", "PATCH", at + "/combinationConfigurations/" + uuid.NewString(), fido(modelB), 404},
		{"a limit of a built-in one", "POST", builtIn + "/combinationConfigurations", fido(modelB), 400},
		{"delete a built-in one", "DELETE", builtIn, nil, 400},
		{"delete nothing", "DELETE", strengthsPath + "/" + uuid.NewString(), nil, 404},
	} {
		if a := s.call(token, c.method, c.path, c.body); a.status != c.status {
			t.Errorf("%s: %d %s", c.name, a.status, a.raw)
		}
	}
	rule := s.call(token, "POST", rulesPath, testRule(id))
	if rule.status != 201 {
		t.Fatal(rule.raw)
	}
	usage := s.call(token, "GET", at+"/usage", nil)
	if list, _ := usage.body["mfa"].([]any); len(list) != 1 {
		t.Errorf("usage: %s", usage.raw)
	}
	if a := s.call(token, "DELETE", at, nil); a.status != 400 {
		t.Errorf("deleting one that is referred to: %d %s", a.status, a.raw)
	}
	if a := s.call(token, "DELETE", rulesPath+"/"+rule.str("id"), nil); a.status != 204 {
		t.Error(a.raw)
	}
	if a := s.call(token, "DELETE", at+"/combinationConfigurations/"+limit, nil); a.status != 204 {
		t.Error(a.raw)
	}
	if a := s.call(token, "DELETE", at, nil); a.status != 204 {
		t.Errorf("deleting one that is not: %d %s", a.status, a.raw)
	}
}

func TestAccessPolicies(t *testing.T) {
	s, token := accessSite(t)
	const resistant = "00000000-0000-0000-0000-000000000004"
	made := s.call(token, "POST", rulesPath, testRule(resistant))
	at := rulesPath + "/" + made.str("id")
	grant := made.body["grantControls"].(object)["authenticationStrength"].(object)
	if made.status != 201 || grant["displayName"] != "Phishing resistant MFA" {
		t.Errorf("%d %s", made.status, made.raw)
	}
	// What was read is a valid PATCH, and members that are absent stay.
	read := s.call(token, "GET", at, nil)
	body := object{}
	for _, k := range []string{"conditions", "grantControls", "displayName"} {
		body[k] = read.body[k]
	}
	if a := s.call(token, "PATCH", at, body); a.status != 204 {
		t.Errorf("what was read: %d %s", a.status, a.raw)
	}
	if a := s.call(token, "PATCH", at, object{"state": "enabled"}); a.status != 204 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := s.call(token, "GET", at, nil); a.str("state") != "enabled" || a.str("displayName") != "Pilot" || a.body["modifiedDateTime"] == nil {
		t.Error(a.raw)
	}
	grants := func(g object) object { return object{"grantControls": g} }
	for name, change := range map[string]object{
		"state":              {"state": "on"},
		"no name":            {"displayName": ""},
		"client type":        {"conditions": object{"clientAppTypes": []string{"telex"}}},
		"user action":        {"conditions": object{"applications": object{"includeUserActions": []string{"urn:user:sing"}}}},
		"actions and apps":   {"conditions": object{"applications": object{"includeApplications": []string{"All"}, "includeUserActions": []string{userActionRegister}}}},
		"wrong type":         {"conditions": object{"users": object{"includeUsers": "All"}}},
		"mfa and a strength": grants(object{"operator": "AND", "builtInControls": []string{"mfa"}, "authenticationStrength": object{"id": resistant}}),
		"unknown strength":   grants(object{"operator": "OR", "builtInControls": []string{}, "authenticationStrength": object{"id": uuid.NewString()}}),
		"unknown control":    grants(object{"operator": "OR", "builtInControls": []string{"handshake"}}),
		"block and more":     grants(object{"operator": "AND", "builtInControls": []string{"block", "mfa"}}),
		"operator":           grants(object{"operator": "XOR", "builtInControls": []string{"mfa"}}),
		"nothing":            grants(object{"operator": "OR", "builtInControls": []string{}}),
	} {
		if a := s.call(token, "PATCH", at, change); a.status != 400 || a.code() != "BadRequest" {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	if a := s.call(s.tokenWith("Policy.ReadWrite.ConditionalAccess"), "DELETE", at, nil); a.status != 403 {
		t.Errorf("without Policy.Read.All: %d", a.status)
	}
	if a := s.call(token, "DELETE", at, nil); a.status != 204 {
		t.Error(a.raw)
	}
	if a := s.call(token, "GET", at, nil); a.status != 404 {
		t.Errorf("after deletion: %d", a.status)
	}
	// One request a second, and no word about when to come back.
	s.control("PATCH", "levers", object{"throttle": true})
	first, second := s.call(token, "GET", rulesPath, nil), s.call(token, "GET", rulesPath, nil)
	if first.status != 200 || second.status != 429 || second.header.Get("Retry-After") != "" {
		t.Errorf("%d, then %d with Retry-After %q", first.status, second.status, second.header.Get("Retry-After"))
	}
}

// TestPolicyAudits holds that every change of a policy is told of with who, where from, and the values before and after.
func TestPolicyAudits(t *testing.T) {
	s, token := accessSite(t)
	strength := s.call(token, "POST", strengthsPath, object{"displayName": "Keys", "allowedCombinations": []string{"fido2"}}).str("id")
	limit := s.call(token, "POST", strengthsPath+"/"+strength+"/combinationConfigurations", object{"@odata.type": "#microsoft.graph.fido2CombinationConfiguration", "allowedAAGUIDs": []string{modelA}}).str("id")
	rule := s.call(token, "POST", rulesPath, testRule(strength)).str("id")
	admin := "admin@" + s.Domain
	for i, step := range []func() answer{
		func() answer { return s.call(token, "PATCH", "/v1.0"+policyPath, patch(object{"state": "disabled"})) },
		func() answer { return s.call(token, "PATCH", rulesPath+"/"+rule, object{"state": "disabled"}) },
		func() answer {
			return s.call(token, "PATCH", strengthsPath+"/"+strength+"/combinationConfigurations/"+limit, object{"allowedAAGUIDs": []string{modelB}})
		},
		func() answer {
			return s.call(token, "DELETE", strengthsPath+"/"+strength+"/combinationConfigurations/"+limit, nil)
		},
		func() answer { return s.call(token, "DELETE", rulesPath+"/"+rule, nil) },
		func() answer { return s.call(token, "DELETE", strengthsPath+"/"+strength, nil) },
		func() answer { return s.call(token, "DELETE", "/v1.0"+policyPath, nil) },
		func() answer {
			return s.control("POST", "tenants/first/policy", object{"as": admin, "address": "203.0.113.9", "passkeys": object{"isSelfServiceRegistrationAllowed": false}})
		},
	} {
		if a := step(); a.status >= 300 {
			t.Fatalf("step %d: %d %s", i, a.status, a.raw)
		}
	}
	rows := s.call(token, "GET", "/v1.0/auditLogs/directoryAudits", nil).values()
	var got []string
	for _, row := range rows {
		target := row["targetResources"].([]any)[0].(object)
		if target["type"] != "Policy" {
			continue
		}
		values := ""
		for _, v := range target["modifiedProperties"].([]any) {
			p := v.(object)
			for _, k := range []string{"oldValue", "newValue"} {
				if text, ok := p[k].(string); !ok {
					values += " nothing"
				} else if !json.Valid([]byte(text)) {
					t.Errorf("%v is no JSON: %s", k, text)
				} else {
					values += " value"
				}
			}
		}
		by := row["initiatedBy"].(object)
		who := "app"
		if u, ok := by["user"].(object); ok {
			who = fmt.Sprintf("%v at %v", u["userPrincipalName"], u["ipAddress"])
		}
		got = append(got, fmt.Sprintf("%v/%v/%v by %s:%s", row["loggedByService"], row["category"], row["activityDisplayName"], who, values))
	}
	want := []string{
		"Authentication Methods/ApplicationManagement/Authentication Methods Policy Update by " + admin + " at 203.0.113.9: value value",
		"Authentication Methods/ApplicationManagement/Authentication Methods Policy Reset by app: value value",
		"Authentication Methods/ApplicationManagement/Authentication Strength Policy Delete by app: value nothing",
		"Conditional Access/Policy/Delete conditional access policy by app: value nothing",
		"Authentication Methods/ApplicationManagement/Authentication Strength Combination Configuration Delete by app: value value",
		"Authentication Methods/ApplicationManagement/Authentication Strength Combination Configuration Update by app: value value",
		"Conditional Access/Policy/Update conditional access policy by app: value value",
		"Authentication Methods/ApplicationManagement/Authentication Methods Policy Update by app: value value",
		"Conditional Access/Policy/Add conditional access policy by app: nothing value",
		"Authentication Methods/ApplicationManagement/Authentication Strength Combination Configuration Create by app: value value",
		"Authentication Methods/ApplicationManagement/Authentication Strength Policy Create by app: nothing value",
	}
	if a, b := strings.Join(got, "\n"), strings.Join(want, "\n"); a != b {
		t.Errorf("got\n%s\nwant\n%s", a, b)
	}
	first := rows[0]["targetResources"].([]any)[0].(object)["modifiedProperties"].([]any)[0].(object)
	if !strings.Contains(first["oldValue"].(string), `"isSelfServiceRegistrationAllowed":true`) || !strings.Contains(first["newValue"].(string), `"isSelfServiceRegistrationAllowed":false`) {
		t.Errorf("values %v", first)
	}
	if list := s.call(token, "GET", "/v1.0/auditLogs/directoryAudits?$filter=loggedByService%20eq%20'Conditional%20Access'", nil).values(); len(list) != 3 {
		t.Errorf("%d events of Conditional Access", len(list))
	}
}

// TestPolicyByHand covers the control API's way to change policies as somebody.
func TestPolicyByHand(t *testing.T) {
	s, token := accessSite(t)
	strength, rule := uuid.NewString(), uuid.NewString()
	edit := func(body object) answer {
		t.Helper()
		return s.call("", "POST", controlRoot+"tenants/first/policy", body)
	}
	own := testRule(strength)
	own["id"] = rule
	limits := func(ids ...string) []object {
		return []object{{"@odata.type": "#microsoft.graph.fido2CombinationConfiguration", "allowedAAGUIDs": ids, "appliesToCombinations": []string{"fido2"}}}
	}
	a := edit(object{
		"as": "admin@" + s.Domain, "passkeys": object{"state": "disabled"}, "conditional_access": []object{own},
		"strengths": []object{{"id": strength, "displayName": "Keys", "allowedCombinations": []string{"fido2"}, "combinationConfigurations": limits(modelA)}},
	})
	if a.status != 200 || s.call(token, "GET", rulesPath+"/"+rule, nil).status != 200 || s.call(token, "GET", "/v1.0"+policyPath, nil).str("state") != "disabled" {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	a = edit(object{
		"conditional_access": []object{{"id": rule, "state": "disabled"}},
		"strengths":          []object{{"id": strength, "displayName": "Better keys", "allowedCombinations": []string{"fido2", "windowsHelloForBusiness"}, "combinationConfigurations": limits(modelB)}},
	})
	got := s.call(token, "GET", strengthsPath+"/"+strength, nil)
	if a.status != 200 || got.str("displayName") != "Better keys" || !strings.Contains(got.raw, "windowsHello") || !strings.Contains(got.raw, modelB) || strings.Contains(got.raw, modelA) {
		t.Errorf("%s\n%s", a.raw, got.raw)
	}
	if got := s.call(token, "GET", rulesPath+"/"+rule, nil); got.str("state") != "disabled" || got.str("displayName") != "Pilot" {
		t.Error(got.raw)
	}
	for name, body := range map[string]object{
		"nobody":            {"as": "nobody@" + s.Domain, "passkeys": object{"state": "enabled"}},
		"no address":        {"address": "here"},
		"refused by Graph":  {"passkeys": object{"state": "on"}},
		"strength in use":   {"delete": []string{strength}},
		"delete nothing":    {"delete": []string{uuid.NewString()}},
		"unknown member":    {"passkey": object{}},
		"a rule of nothing": {"conditional_access": []object{{"displayName": "x"}}},
	} {
		if a := edit(body); a.status < 400 || a.str("error") == "" {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	if a := edit(object{"delete": []string{strength, rule}}); a.status != 200 || s.call(token, "GET", strengthsPath+"/"+strength, nil).status != 404 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := edit(object{"reset": true}); a.status != 200 || s.call(token, "GET", "/v1.0"+policyPath, nil).str("state") != "enabled" {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

// TestPolicyDelay holds that reads are late and enforcement is not.
func TestPolicyDelay(t *testing.T) {
	s, token := accessSite(t)
	s.control("PUT", "clock", object{"frozen": time.Now().UTC()})
	move := func(d time.Duration) { s.Server.FreezeClock(s.Server.now().Add(d)) }
	s.control("PATCH", "levers", object{"policy_delay": "1m"})
	state := func() string { return s.call(token, "GET", "/v1.0"+policyPath, nil).str("state") }
	rules := func() int { return len(s.call(token, "GET", rulesPath, nil).values()) }
	s.must204(patch(object{"state": "disabled"}))
	if _, a := s.options(s.appToken(s.standard()), "v1.0", s.Users[0].ID, ""); state() != "enabled" || a.status != 403 {
		t.Errorf("shown %s, enforced %d", state(), a.status)
	}
	move(30 * time.Second)
	strength := s.call(token, "POST", strengthsPath, object{"displayName": "Keys", "allowedCombinations": []string{"fido2"}}).str("id")
	if a := s.call(token, "POST", rulesPath, testRule(strength)); a.status != 201 {
		t.Errorf("a rule with a strength that is not shown yet: %d %s", a.status, a.raw)
	}
	s.must204(patch(object{"state": "enabled"}))
	if rules() != 0 || s.call(token, "GET", strengthsPath+"/"+strength, nil).status != 404 || len(s.call(token, "GET", strengthsPath, nil).values()) != 3 {
		t.Error("new objects show at once")
	}
	move(31 * time.Second)
	if state() != "disabled" || rules() != 0 {
		t.Errorf("after the first delay: %s, %d rules", state(), rules())
	}
	move(30 * time.Second)
	if state() != "enabled" || rules() != 1 || s.call(token, "GET", strengthsPath+"/"+strength, nil).status != 200 {
		t.Errorf("after both delays: %s, %d rules", state(), rules())
	}
}

// TestPolicyIgnored holds that members named by the lever are taken and have no effect, mirrors included.
func TestPolicyIgnored(t *testing.T) {
	s, token := accessSite(t)
	keys := func(id string) object {
		return object{"isEnforced": true, "enforcementType": "allow", "aaGuids": []string{id}}
	}
	profile := func(id string) object {
		return object{"id": defaultProfileID, "name": "Default", "passkeyTypes": "deviceBound", "attestationEnforcement": "disabled", "keyRestrictions": keys(id)}
	}
	models := func() (mirror, own string) {
		a := s.call(token, "GET", "/v1.0"+policyPath, nil)
		f := a.body["passkeyProfiles"].([]any)[0].(object)
		return fmt.Sprint(a.body["keyRestrictions"].(object)["aaGuids"]), fmt.Sprint(f["keyRestrictions"].(object)["aaGuids"])
	}
	s.must204(patch(object{"passkeyProfiles": []object{profile(modelA)}}))
	for _, c := range []struct {
		ignore      []string
		body        object
		mirror, own string
	}{
		{[]string{"keyRestrictions"}, object{"keyRestrictions": keys(modelB)}, modelA, modelB},
		{[]string{"passkeyProfiles"}, object{"keyRestrictions": keys(modelB)}, modelB, modelA},
		{[]string{"passkeyProfiles"}, object{"passkeyProfiles": []object{profile(modelB)}}, modelB, modelA},
		{[]string{"keyRestrictions"}, object{"passkeyProfiles": []object{profile(modelB)}}, modelA, modelB},
		{[]string{"keyRestrictions", "passkeyProfiles"}, object{"keyRestrictions": keys(modelB), "passkeyProfiles": []object{profile(modelB)}}, modelA, modelA},
		{nil, object{"passkeyProfiles": []object{profile(modelB)}}, modelB, modelB},
	} {
		s.must204(patch(object{"passkeyProfiles": []object{profile(modelA)}}))
		s.control("PATCH", "levers", object{"policy_ignore": c.ignore})
		s.must204(patch(c.body))
		if mirror, own := models(); mirror != "["+c.mirror+"]" || own != "["+c.own+"]" {
			t.Errorf("ignoring %v of %v: mirror %s, profile %s", c.ignore, c.body, mirror, own)
		}
		s.control("PATCH", "levers", object{"policy_ignore": []string{}})
	}
	// A target does not keep a profile that never came to be.
	s.control("PATCH", "levers", object{"policy_ignore": []string{"passkeyProfiles", "state", "isSelfServiceRegistrationAllowed"}})
	second := profile(modelA)
	second["id"], second["name"] = uuid.NewString(), "Second"
	s.must204(patch(object{
		"state": "disabled", "isSelfServiceRegistrationAllowed": false, "passkeyProfiles": []object{profile(modelB), second},
		"includeTargets": []object{{"targetType": "group", "id": allUsers, "isRegistrationRequired": false, "allowedPasskeyProfiles": []any{defaultProfileID, second["id"]}}},
	}))
	a := s.call(token, "GET", "/v1.0"+policyPath, nil)
	if strings.Contains(a.raw, second["id"].(string)) || a.str("state") != "enabled" || a.body["isSelfServiceRegistrationAllowed"] != true {
		t.Error(a.raw)
	}
	if a := s.call("", "PATCH", controlRoot+"levers", object{"policy_ignore": []string{"colour"}}); a.status != 400 {
		t.Errorf("an unknown member: %d", a.status)
	}
}

func TestTargetsAtOnce(t *testing.T) {
	s, _ := accessSite(t)
	groups := s.control("POST", "tenants/first/population", Population{Groups: []GroupSpec{{Name: "A"}, {Name: "B"}, {Name: "C"}}}).body["groups"].([]any)
	target := func(id any) object {
		return object{"targetType": "group", "id": id, "isRegistrationRequired": false, "allowedPasskeyProfiles": []string{defaultProfileID}}
	}
	s.control("PATCH", "levers", object{"targets_at_once": 2})
	everybody := target(allUsers)
	for _, c := range []struct {
		name   string
		body   object
		status int
	}{
		{"three more", object{"includeTargets": []object{everybody, target(groups[0]), target(groups[1]), target(groups[2])}}, 400},
		{"two more", object{"includeTargets": []object{everybody, target(groups[0]), target(groups[1])}}, 204},
		{"the same", object{"includeTargets": []object{everybody, target(groups[0]), target(groups[1])}}, 204},
		{"one less, one more, one excluded", object{"includeTargets": []object{everybody, target(groups[0]), target(groups[2])}, "excludeTargets": []object{{"targetType": "group", "id": groups[1]}}}, 400},
		{"two less", object{"includeTargets": []object{everybody}}, 204},
	} {
		if a := s.graph("PATCH", "/v1.0"+policyPath, patch(c.body)); a.status != c.status {
			t.Errorf("%s: %d %s", c.name, a.status, a.raw)
		}
	}
}

// TestTenantSchema covers a tenant that never opted in to passkey profiles: one set of rules for everybody.
func TestTenantSchema(t *testing.T) {
	s, token := accessSite(t)
	s.must204(patch(object{"keyRestrictions": object{"isEnforced": true, "enforcementType": "allow", "aaGuids": []string{modelB}}}))
	s.control("PUT", "tenants/first/schema", object{"profiles": false})
	read := s.call(token, "GET", "/v1.0"+policyPath, nil)
	if list := read.body["passkeyProfiles"].([]any); len(list) != 0 || read.body["defaultPasskeyProfile"] != nil || !strings.Contains(fmt.Sprint(read.body["keyRestrictions"]), modelB) {
		t.Error(read.raw)
	}
	if a := s.register(newSecurityKey(t), s.Users[0].ID, "not listed"); a.status != 400 {
		t.Errorf("not listed: %d", a.status)
	}
	s.must204(patch(object{"keyRestrictions": object{"isEnforced": false}}))
	synced := newSecurityKey(t)
	synced.flags |= 0x18
	if a := s.register(synced, s.Users[0].ID, "synced"); a.status != 201 {
		t.Errorf("synced: %d %s", a.status, a.raw)
	}
	s.must204(patch(object{"isAttestationEnforced": true}))
	for name, flags := range map[string]byte{"unattested": 0x05, "synced": 0x1d} {
		k := newSecurityKey(t)
		k.flags = flags
		if a := s.register(k, s.Users[1].ID, name); a.status != 400 {
			t.Errorf("%s under attestation: %d", name, a.status)
		}
	}
	body := object{}
	for k, v := range s.call(token, "GET", "/v1.0"+policyPath, nil).body {
		if !strings.Contains(k, "@odata.context") {
			body[k] = v
		}
	}
	s.must204(body)
	target := object{"targetType": "group", "id": allUsers, "allowedPasskeyProfiles": []string{defaultProfileID}}
	if a := s.graph("PATCH", "/v1.0"+policyPath, patch(object{"includeTargets": []object{target}})); a.status != 400 {
		t.Errorf("a profile of none: %d", a.status)
	}
	if a := s.call(token, "DELETE", "/v1.0"+policyPath, nil); a.status != 204 || len(s.call(token, "GET", "/v1.0"+policyPath, nil).body["passkeyProfiles"].([]any)) != 0 {
		t.Error("a reset opted in to profiles")
	}
	// Opting in by a write, and never out again.
	profile := object{"id": defaultProfileID, "name": "Default", "passkeyTypes": "deviceBound", "attestationEnforcement": "disabled"}
	if a := s.graph("PATCH", "/v1.0"+policyPath, patch(object{"passkeyProfiles": []object{{"name": "Other", "id": uuid.NewString()}}})); a.status != 400 {
		t.Errorf("profiles without the default one: %d", a.status)
	}
	s.must204(patch(object{"passkeyProfiles": []object{profile}}))
	if a := s.graph("PATCH", "/v1.0"+policyPath, patch(object{"passkeyProfiles": []object{}})); a.status != 400 {
		t.Errorf("out again: %d", a.status)
	}
	s.control("PUT", "tenants/first/schema", object{"profiles": false})
	s.control("PUT", "tenants/first/schema", object{"profiles": true})
	read = s.call(token, "GET", "/v1.0"+policyPath, nil)
	targets := read.body["includeTargets"].([]any)[0].(object)["allowedPasskeyProfiles"].([]any)
	if read.str("defaultPasskeyProfile") != defaultProfileID || len(read.body["passkeyProfiles"].([]any)) != 1 || fmt.Sprint(targets) != "["+defaultProfileID+"]" {
		t.Error(read.raw)
	}
}

// TestAssignedProfileStays holds that a profile in use cannot be deleted, and one that is not can.
func TestAssignedProfileStays(t *testing.T) {
	s, _ := accessSite(t)
	profile := func(id, name string) object {
		return object{"id": id, "name": name, "passkeyTypes": "deviceBound", "attestationEnforcement": "disabled"}
	}
	own, second := profile(defaultProfileID, "Default"), profile(uuid.NewString(), "Second")
	target := func(ids ...any) []object {
		return []object{{"targetType": "group", "id": allUsers, "isRegistrationRequired": false, "allowedPasskeyProfiles": ids}}
	}
	s.must204(patch(object{"passkeyProfiles": []object{own, second}, "includeTargets": target(defaultProfileID, second["id"])}))
	if a := s.graph("PATCH", "/v1.0"+policyPath, patch(object{"passkeyProfiles": []object{own}})); a.status != 400 {
		t.Errorf("in use: %d %s", a.status, a.raw)
	}
	s.must204(patch(object{"passkeyProfiles": []object{own}, "includeTargets": target(defaultProfileID)}))
}

// TestOtherMethods holds that what a user has beside passkeys shows in the list of methods and, late, in the report.
func TestOtherMethods(t *testing.T) {
	s, token := accessSite(t)
	u := s.Users[0]
	s.control("PATCH", "levers", object{"report_lag": "1h"})
	s.control("PATCH", "tenants/first/users/"+u.ID, object{"methods": []string{}})
	row := func() object {
		a := s.call(token, "GET", "/v1.0/reports/authenticationMethods/userRegistrationDetails/"+u.ID, nil)
		return a.body
	}
	s.control("PATCH", "tenants/first/users/"+u.ID, object{"methods": []string{"email", "windowsHelloForBusiness", "mobilePhone"}})
	if r := row(); fmt.Sprint(r["methodsRegistered"]) != "[]" || r["isMfaCapable"] != false {
		t.Errorf("the report is not late: %v", r)
	}
	var kinds []string
	for _, m := range s.call(token, "GET", "/v1.0/users/"+u.ID+"/authentication/methods", nil).values() {
		kinds = append(kinds, strings.TrimPrefix(m["@odata.type"].(string), "#microsoft.graph."))
	}
	if got := strings.Join(kinds, " "); got != "passwordAuthenticationMethod emailAuthenticationMethod windowsHelloForBusinessAuthenticationMethod phoneAuthenticationMethod" {
		t.Errorf("methods: %s", got)
	}
	s.Server.MoveClock(61 * time.Minute)
	clear(s.tokens)
	token = s.tokenWith("AuditLog.Read.All")
	if r := row(); fmt.Sprint(r["methodsRegistered"]) != "[email windowsHelloForBusiness mobilePhone]" || r["isMfaCapable"] != true || r["isPasswordlessCapable"] != true {
		t.Errorf("report: %v", r)
	}
	s.control("PATCH", "tenants/first/users/"+u.ID, object{"methods": []string{"email"}})
	if r := row(); fmt.Sprint(r["methodsRegistered"]) != "[email]" || r["isMfaCapable"] != false || r["isPasswordlessCapable"] != false {
		t.Errorf("report: %v", r)
	}
	rows, _ := s.pages("/v1.0/reports/authenticationMethods/userRegistrationDetails", nil)
	some := map[string]int{}
	for _, r := range rows {
		for _, m := range r["methodsRegistered"].([]any) {
			some[m.(string)]++
		}
	}
	if some["microsoftAuthenticatorPush"] == 0 || some["windowsHelloForBusiness"] == 0 || some["mobilePhone"] == 0 || some["microsoftAuthenticatorPush"] > len(rows)*3/4 {
		t.Errorf("seeded methods: %v", some)
	}
	if a := s.call("", "PATCH", controlRoot+"tenants/first/users/"+u.ID, object{"methods": []string{"smoke"}}); a.status != 400 {
		t.Errorf("an unknown method: %d", a.status)
	}
}
