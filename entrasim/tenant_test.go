package entrasim

import (
	"context"
	"strings"
	"testing"
)

const (
	keySetting = "device_vendor_msft_passportforwork_securitykey_usesecuritykeyforsignin"
	omaURI     = "./Device/Vendor/MSFT/PassportForWork/SecurityKey/UseSecurityKeyForSignin"
)

func customProfile() object {
	return object{
		"@odata.type": "#microsoft.graph.windows10CustomConfiguration", "displayName": "Turn on FIDO security keys for Windows sign-in", "description": "x",
		"omaSettings": []object{{"@odata.type": "#microsoft.graph.omaSettingInteger", "displayName": "Turn on", "omaUri": omaURI, "value": 1}},
	}
}

func catalogPolicy() object {
	return object{
		"name": "Security key sign-in", "platforms": "windows10", "technologies": "mdm", "roleScopeTagIds": []string{"0"},
		"settings": []object{{"@odata.type": "#microsoft.graph.deviceManagementConfigurationSetting", "settingInstance": object{
			"@odata.type": "#microsoft.graph.deviceManagementConfigurationChoiceSettingInstance", "settingDefinitionId": keySetting,
			"choiceSettingValue": object{"@odata.type": "#microsoft.graph.deviceManagementConfigurationChoiceSettingValue", "value": keySetting + "_1", "children": []object{}},
		}}},
	}
}

func TestCustomProfiles(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	token := s.tokenWith("DeviceManagementConfiguration.ReadWrite.All")
	const path = "/v1.0/deviceManagement/deviceConfigurations"
	made := s.call(token, "POST", path, customProfile())
	if made.status != 201 || made.body["version"] != 1.0 || made.str("createdDateTime") == "" {
		t.Fatalf("%d %s", made.status, made.raw)
	}
	one := path + "/" + made.str("id")
	target := func(kind, group string) object {
		o := object{"@odata.type": "#microsoft.graph." + kind}
		if group != "" {
			o["groupId"] = group
		}
		return object{"@odata.type": "#microsoft.graph.deviceConfigurationAssignment", "target": o}
	}
	group := s.newGroup("Workstations")
	for _, list := range [][]object{{target("groupAssignmentTarget", group), target("allDevicesAssignmentTarget", "")}, {target("groupAssignmentTarget", group)}} {
		a := s.call(token, "POST", one+"/assign", object{"assignments": list})
		if a.status != 200 || len(a.values()) != len(list) {
			t.Errorf("%d %s", a.status, a.raw)
		}
	}
	if list := s.call(token, "GET", one+"/assignments", nil); len(list.values()) != 1 || !strings.Contains(list.raw, group) {
		t.Errorf("assignments are not replaced: %s", list.raw)
	}
	if a := s.call(token, "PATCH", one, object{"displayName": "Renamed"}); a.status != 200 || a.str("displayName") != "Renamed" || a.body["version"] != 2.0 || !strings.Contains(a.raw, omaURI) {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if list := s.call(token, "GET", path+"?$expand=assignments", nil); len(list.values()) != 1 || !strings.Contains(list.raw, group) {
		t.Errorf("%s", list.raw)
	}
	change := func(name string, v any) object {
		o := customProfile()
		o[name] = v
		return o
	}
	for name, bad := range map[string]object{
		"no type": {"displayName": "x"}, "another type": change("@odata.type", "#microsoft.graph.iosCustomConfiguration"), "no name": change("displayName", ""),
		"member": change("shoeSize", 42), "value": change("omaSettings", []object{{"@odata.type": "#microsoft.graph.omaSettingInteger", "displayName": "x", "omaUri": omaURI, "value": "1"}}),
		"setting type": change("omaSettings", []object{{"displayName": "x", "omaUri": omaURI, "value": 1}}),
	} {
		if a := s.call(token, "POST", path, bad); a.status != 400 {
			t.Errorf("%s: %d %s", name, a.status, a.raw)
		}
	}
	if a := s.call(token, "POST", one+"/assign", object{"assignments": []object{target("nobody", "")}}); a.status != 400 {
		t.Errorf("a target of no kind: %d", a.status)
	}
	if a := s.call(token, "DELETE", one, nil); a.status != 204 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := s.call(token, "GET", one, nil); a.status != 404 {
		t.Errorf("after deletion: %d", a.status)
	}
}

func TestSettingsCatalog(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	token := s.tokenWith("DeviceManagementConfiguration.ReadWrite.All")
	const path = "/beta/deviceManagement/configurationPolicies"
	if a := s.call(token, "GET", "/v1.0/deviceManagement/configurationPolicies", nil); a.status != 400 {
		t.Errorf("version 1.0: %d %s", a.status, a.raw)
	}
	made := s.call(token, "POST", path, catalogPolicy())
	if made.status != 201 || made.body["settingCount"] != 1.0 || made.body["isAssigned"] != false {
		t.Fatalf("%d %s", made.status, made.raw)
	}
	one := path + "/" + made.str("id")
	if a := s.call(token, "GET", one+"/settings", nil); len(a.values()) != 1 || !strings.Contains(a.raw, keySetting+"_1") {
		t.Errorf("%s", a.raw)
	}
	all := object{"assignments": []object{{"id": "", "target": object{"@odata.type": "#microsoft.graph.allDevicesAssignmentTarget"}}}}
	if a := s.call(token, "POST", one+"/assign", all); a.status != 200 || len(a.values()) != 1 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := s.call(token, "GET", path+"('"+made.str("id")+"')?$expand=settings,assignments", nil); a.body["isAssigned"] != true || !strings.Contains(a.raw, "allDevicesAssignmentTarget") {
		t.Errorf("%s", a.raw)
	}
	bad := catalogPolicy()
	bad["settings"].([]object)[0]["settingInstance"].(object)["choiceSettingValue"].(object)["value"] = keySetting + "_2"
	if a := s.call(token, "POST", path, bad); a.status != 400 {
		t.Errorf("no such option: %d", a.status)
	}
	off := catalogPolicy()
	off["settings"].([]object)[0]["settingInstance"].(object)["choiceSettingValue"].(object)["value"] = keySetting + "_0"
	if a := s.call(token, "PUT", one, off); a.status != 204 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := s.call(token, "GET", one+"/settings", nil); !strings.Contains(a.raw, keySetting+`_0`) {
		t.Errorf("%s", a.raw)
	}
	if a := s.call(token, "PATCH", one, object{"settings": []object{}}); a.status != 400 {
		t.Errorf("settings by PATCH: %d", a.status)
	}
	if a := s.call(token, "DELETE", one, nil); a.status != 204 {
		t.Errorf("%d", a.status)
	}
}

// TestIntuneRights holds delegated calls to the role of an Intune Administrator.
func TestIntuneRights(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	const path = "/v1.0/deviceManagement/deviceConfigurations"
	for _, c := range []struct {
		roles  []string
		status int
	}{{[]string{roleIntuneAdministrator, roleCloudApplicationAdmin}, 201}, {[]string{roleGlobalAdministrator}, 201}, {[]string{roleApplicationAdministrator}, 403}} {
		if a := s.call(s.adminToken("DeviceManagementConfiguration.ReadWrite.All", c.roles...), "POST", path, customProfile()); a.status != c.status {
			t.Errorf("%v: %d %s", c.roles, a.status, a.raw)
		}
	}
}

func TestLicences(t *testing.T) {
	s := newSite(t, Config{Users: 60})
	token := s.tokenWith("Organization.Read.All", "Policy.Read.All", "Policy.ReadWrite.ConditionalAccess", "AuditLog.Read.All", "DeviceManagementConfiguration.ReadWrite.All", "User.Read.All")
	s.control("PATCH", "levers", object{"throttle": false})
	plans := func() string { return s.call(token, "GET", "/v1.0/subscribedSkus", nil).raw }
	if list := plans(); !strings.Contains(list, `"AAD_PREMIUM_P2"`) || !strings.Contains(list, "41781fb2-bc02-4b7c-bd55-b576c07bb09d") || !strings.Contains(list, `"INTUNE_A"`) {
		t.Errorf("%s", list)
	}
	statuses := func() (out [6]int) {
		for i, c := range []struct{ method, path string }{
			{"GET", "/v1.0/reports/authenticationMethods/userRegistrationDetails"},
			{"GET", "/v1.0/auditLogs/signIns"},
			{"GET", "/v1.0/auditLogs/directoryAudits"},
			{"GET", "/v1.0/identity/conditionalAccess/policies"},
			{"GET", "/v1.0/deviceManagement/deviceConfigurations"},
			{"GET", "/v1.0/users?$select=id,signInActivity"},
		} {
			out[i] = s.call(token, c.method, c.path, nil).status
		}
		return out
	}
	if got := statuses(); got != [6]int{200, 200, 200, 200, 200, 200} {
		t.Errorf("with everything: %v", got)
	}
	s.control("PATCH", "tenants/first", object{"licences": []string{"p1"}})
	if got := statuses(); got != [6]int{200, 200, 200, 200, 400, 200} {
		t.Errorf("without Intune: %v", got)
	}
	s.control("PATCH", "tenants/first", object{"licences": []string{}, "technical_mails": []string{"root@contoso.example"}, "domains": []string{"contoso.example"}, "on_premises": false})
	if got := statuses(); got != [6]int{403, 403, 200, 403, 400, 403} {
		t.Errorf("without licences: %v", got)
	}
	for path, code := range map[string]string{
		"/v1.0/auditLogs/signIns": "Authentication_RequestFromNonPremiumTenantOrB2CTenant", "/v1.0/identity/conditionalAccess/policies": "AccessDenied", "/v1.0/deviceManagement/deviceConfigurations": "BadRequest",
	} {
		if a := s.call(token, "GET", path, nil); a.code() != code {
			t.Errorf("%s: %s", path, a.raw)
		}
	}
	org := s.call(token, "GET", "/v1.0/organization", nil)
	if !strings.Contains(org.raw, "root@contoso.example") || !strings.Contains(org.raw, `"contoso.example"`) || org.values()[0]["onPremisesSyncEnabled"] != nil {
		t.Errorf("%s", org.raw)
	}
	if a := s.call("", "PATCH", controlRoot+"tenants/first", object{"licences": []string{"gold"}}); a.status != 400 {
		t.Errorf("a licence nobody sells: %d", a.status)
	}
}

// TestEmptyTenant makes tenants that nobody set up.
func TestEmptyTenant(t *testing.T) {
	s := newSite(t, Config{Empty: true})
	if s.ClientID != "" || s.Administrator.UPN != "admin@"+s.Domain {
		t.Errorf("application %q, administrator %q", s.ClientID, s.Administrator.UPN)
	}
	other := s.control("POST", "tenants", object{"domain": "fabrikam.example", "empty": true, "licences": []string{"p1"}})
	owner, _ := other.body["administrator"].(object)
	for tenant, upn := range map[string]string{s.TenantID: s.Administrator.UPN, other.str("tenant_id"): owner["upn"].(string)} {
		token := s.deviceToken(tenant, upn, "Directory.Read.All Policy.Read.All Application.ReadWrite.All").str("access_token")
		for path, want := range map[string]int{"applications": 0, "groups": 0, "users": 1} {
			if list := s.call(token, "GET", "/v1.0/"+path, nil); list.status != 200 || len(list.values()) != want {
				t.Errorf("%s: %d %s", path, list.status, list.raw)
			}
		}
		fido := s.call(token, "GET", "/v1.0/policies/authenticationMethodsPolicy/authenticationMethodConfigurations/Fido2", nil)
		if fido.str("state") != "disabled" {
			t.Errorf("%s", fido.raw)
		}
	}
}

func TestSecurityDefaults(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	token := s.tokenWith("Policy.Read.All", "Policy.ReadWrite.ConditionalAccess")
	const path = "/v1.0/policies/identitySecurityDefaultsEnforcementPolicy"
	if a := s.call(token, "GET", path, nil); a.status != 200 || a.body["isEnabled"] != false {
		t.Errorf("%d %s", a.status, a.raw)
	}
	s.control("PATCH", "tenants/first", object{"security_defaults": true})
	if a := s.call(token, "GET", path, nil); a.body["isEnabled"] != true {
		t.Errorf("%s", a.raw)
	}
	if a := s.call(token, "PATCH", path, object{"isEnabled": false}); a.status != 204 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := s.call(token, "GET", path, nil); a.body["isEnabled"] != false {
		t.Errorf("%s", a.raw)
	}
}

// TestTenantsAreKept keeps what tenants are and hold across a restart.
func TestTenantsAreKept(t *testing.T) {
	file := t.TempDir() + "/state.json"
	s := newSite(t, Config{Empty: true, StateFile: file})
	s.control("PATCH", "tenants/first", object{"licences": []string{"intune"}, "security_defaults": true})
	admin := s.deviceToken(s.TenantID, s.Administrator.UPN, adminScopes+" DeviceManagementConfiguration.ReadWrite.All").str("access_token")
	app, principal := s.registration(admin)
	if a := s.call(admin, "POST", "/beta/deviceManagement/configurationPolicies", catalogPolicy()); a.status != 201 {
		t.Fatal(a.raw)
	}
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	again := newSite(t, Config{StateFile: file})
	for path, want := range map[string]string{
		"/v1.0/applications/" + app.str("id"): `"mark"`, "/v1.0/servicePrincipals/" + principal: app.str("appId"), "/v1.0/subscribedSkus": "INTUNE_A",
		"/beta/deviceManagement/configurationPolicies": "Security key sign-in", "/v1.0/directoryRoles": roleGlobalAdministrator,
		"/v1.0/oauth2PermissionGrants": "AppRoleAssignment.ReadWrite.All",
	} {
		if a := again.call(admin, "GET", path, nil); a.status != 200 || !strings.Contains(a.raw, want) {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
}
