package entrasim

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// ropc asks for a token with a user name and password, at the seeded application for service accounts.
func (s *site) ropc(upn, password string) answer {
	return s.form(s.TenantID+"/oauth2/v2.0/token", map[string]string{
		"grant_type": "password", "client_id": s.Legacy.ClientID, "username": upn, "password": password, "scope": "https://graph.microsoft.com/.default",
	})
}

func newUser(upn string, force bool) object {
	nick, _, _ := strings.Cut(upn, "@")
	return object{
		"accountEnabled": true, "displayName": "Service", "mailNickname": nick, "userPrincipalName": upn, "passwordPolicies": "DisablePasswordExpiration",
		"passwordProfile": object{"password": "Correct-horse-9", "forceChangePasswordNextSignIn": force},
	}
}

// TestServiceAccount makes a user who signs in with a password, and gives it directory roles.
func TestServiceAccount(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	admin := s.adminToken("User.ReadWrite.All RoleManagement.ReadWrite.Directory Directory.Read.All", roleUserAdministrator, rolePrivilegedRoleAdministrator)
	upn := "svc@" + s.Domain
	made := s.call(admin, "POST", "/v1.0/users", newUser(upn, true))
	if made.status != 201 {
		t.Fatalf("%d %s", made.status, made.raw)
	}
	if a := s.ropc(upn, "Correct-horse-9"); a.status != 400 || !strings.Contains(a.raw, "AADSTS50055") {
		t.Errorf("before the password was changed: %d %s", a.status, a.raw)
	}
	if a := s.call(admin, "PATCH", "/v1.0/users/"+made.str("id"), object{"passwordProfile": object{"forceChangePasswordNextSignIn": false}}); a.status != 204 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := s.ropc(upn, "Correct-horse-9"); a.status != 200 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	s.control("PATCH", "tenants/first", object{"security_defaults": true})
	if a := s.ropc(upn, "Correct-horse-9"); !strings.Contains(a.raw, "AADSTS50076") {
		t.Errorf("under security defaults: %s", a.raw)
	}
	s.control("PATCH", "tenants/first", object{"security_defaults": false})
	if a := s.ropc(upn, "wrong"); !strings.Contains(a.raw, "AADSTS50126") {
		t.Errorf("%s", a.raw)
	}
	for _, weak := range []string{"", "short-1", "onlylowercaseletters", strings.Repeat("aA1-", 65)} {
		b := newUser("weak@"+s.Domain, false)
		b["passwordProfile"] = object{"password": weak}
		if a := s.call(admin, "POST", "/v1.0/users", b); a.status != 400 || !strings.Contains(a.raw, "password complexity") {
			t.Errorf("password %q: %d %s", weak, a.status, a.raw)
		}
	}
	if a := s.call(admin, "POST", "/v1.0/users", newUser(upn, false)); a.status != 400 {
		t.Errorf("the same name again: %d", a.status)
	}
	body := object{"@odata.type": "#microsoft.graph.unifiedRoleAssignment", "roleDefinitionId": roleDirectoryWriters, "principalId": made.str("id"), "directoryScopeId": "/"}
	given := s.call(admin, "POST", "/v1.0/roleManagement/directory/roleAssignments", body)
	if given.status != 201 || given.str("principalId") != made.str("id") {
		t.Fatalf("%d %s", given.status, given.raw)
	}
	if a := s.call(admin, "POST", "/v1.0/roleManagement/directory/roleAssignments", body); a.status != 400 || !strings.Contains(a.raw, "conflicting object") {
		t.Errorf("again: %d %s", a.status, a.raw)
	}
	if a := s.call(admin, "GET", "/v1.0/roleManagement/directory/roleAssignments/"+given.str("id"), nil); a.str("roleDefinitionId") != roleDirectoryWriters {
		t.Errorf("%s", a.raw)
	}
	if a := s.call(admin, "DELETE", "/v1.0/roleManagement/directory/roleAssignments/"+given.str("id"), nil); a.status != 204 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := s.call(admin, "DELETE", "/v1.0/users/"+made.str("id"), nil); a.status != 204 {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

// TestRoleRights holds who may make users and give roles.
func TestRoleRights(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	const scope = "User.ReadWrite.All RoleManagement.ReadWrite.Directory"
	user := s.Users[0].ID
	for _, c := range []struct {
		role         string
		create, give int
	}{{roleUserAdministrator, 201, 403}, {rolePrivilegedRoleAdministrator, 403, 201}, {roleCloudApplicationAdmin, 403, 403}} {
		token := s.deviceTokenOf(c.role, scope)
		if a := s.call(token, "POST", "/v1.0/users", newUser("new-"+c.role[:8]+"@"+s.Domain, false)); a.status != c.create {
			t.Errorf("%s makes a user: %d %s", directoryRoles[c.role], a.status, a.raw)
		}
		body := object{"roleDefinitionId": roleReportsReader, "principalId": user, "directoryScopeId": "/"}
		if a := s.call(token, "POST", "/v1.0/roleManagement/directory/roleAssignments", body); a.status != c.give {
			t.Errorf("%s gives a role: %d %s", directoryRoles[c.role], a.status, a.raw)
		}
	}
	helper := s.adminToken("User.ReadWrite.All", roleUserAdministrator, roleCloudApplicationAdmin)
	if a := s.call(helper, "PATCH", "/v1.0/users/breakglass@"+s.Domain, object{"accountEnabled": false}); a.status != 403 {
		t.Errorf("a User Administrator disables a Global Administrator: %d", a.status)
	}
}

// deviceTokenOf is a token of somebody with one role, consented by an administrator before.
func (s *site) deviceTokenOf(role, scope string) string {
	s.t.Helper()
	token := s.adminToken("DelegatedPermissionGrant.ReadWrite.All Directory.Read.All", roleGlobalAdministrator)
	client := s.call(token, "GET", "/v1.0/servicePrincipals(appId='"+graphToolsID+"')", nil).str("id")
	graph := s.call(token, "GET", "/v1.0/servicePrincipals(appId='"+graphAppID+"')?$select=id", nil).str("id")
	s.call(token, "POST", "/v1.0/oauth2PermissionGrants", object{"clientId": client, "consentType": "AllPrincipals", "resourceId": graph, "scope": scope})
	return s.adminToken(scope, role)
}

func TestDirectoryRoles(t *testing.T) {
	s := newSite(t, Config{Empty: true})
	admin := s.deviceToken(s.TenantID, s.Administrator.UPN, "RoleManagement.ReadWrite.Directory User.ReadWrite.All").str("access_token")
	user := s.call(admin, "POST", "/v1.0/users", newUser("svc@"+s.Domain, false)).str("id")
	ref := object{"@odata.id": s.GraphURL + "/v1.0/directoryObjects/" + user}
	members := "/v1.0/directoryRoles(roleTemplateId='" + roleDirectoryWriters + "')/members"
	if list := s.call(admin, "GET", "/v1.0/directoryRoles", nil).values(); len(list) != 1 {
		t.Errorf("roles of an empty tenant: %v", list)
	}
	if a := s.call(admin, "POST", members+"/$ref", ref); a.status != 404 {
		t.Errorf("a role nobody activated: %d %s", a.status, a.raw)
	}
	if a := s.call(admin, "POST", "/v1.0/directoryRoles", object{"roleTemplateId": roleDirectoryWriters}); a.status != 201 || !isGUID(a.str("id")) {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := s.call(admin, "POST", "/v1.0/directoryRoles", object{"roleTemplateId": roleDirectoryWriters}); a.status != 400 {
		t.Errorf("activated twice: %d", a.status)
	}
	for i, want := range []int{204, 400} {
		if a := s.call(admin, "POST", members+"/$ref", ref); a.status != want {
			t.Errorf("member %d: %d %s", i, a.status, a.raw)
		}
	}
	if list := s.call(admin, "GET", members, nil).values(); len(list) != 1 || list[0]["id"] != user {
		t.Errorf("%v", list)
	}
	for i, want := range []int{204, 404} {
		if a := s.call(admin, "DELETE", members+"/"+user+"/$ref", nil); a.status != want {
			t.Errorf("removal %d: %d %s", i, a.status, a.raw)
		}
	}
}

// TestRoleDelay holds that reads and rights follow a change of roles late, both ways.
func TestRoleDelay(t *testing.T) {
	s := newSite(t, Config{Users: 10, Levers: &Levers{RoleDelay: Duration(time.Minute)}})
	admin := s.adminToken("RoleManagement.ReadWrite.Directory", roleGlobalAdministrator)
	late := "late@" + s.Domain
	user := s.control("POST", "tenants/first/users", object{"upn": late}).str("id")
	roles := func() (out []string) {
		for _, o := range s.call(admin, "GET", "/v1.0/roleManagement/directory/roleAssignments?$filter="+escape("principalId eq '"+user+"'"), nil).values() {
			out = append(out, o["roleDefinitionId"].(string))
		}
		return out
	}
	body := object{"roleDefinitionId": roleApplicationAdministrator, "principalId": user, "directoryScopeId": "/"}
	given := s.call(admin, "POST", "/v1.0/roleManagement/directory/roleAssignments", body)
	token := s.deviceToken(s.TenantID, late, "Application.ReadWrite.All").str("access_token")
	register := func() int {
		return s.call(token, "POST", "/v1.0/applications", object{"displayName": "x"}).status
	}
	if len(roles()) != 0 || register() != 403 {
		t.Error("a role counts at once")
	}
	s.Server.MoveClock(61 * time.Second)
	if got := roles(); !slices.Equal(got, []string{roleApplicationAdministrator}) || register() != 201 {
		t.Errorf("roles later: %v", got)
	}
	s.call(admin, "DELETE", "/v1.0/roleManagement/directory/roleAssignments/"+given.str("id"), nil)
	if len(roles()) != 1 || register() != 201 {
		t.Error("a role is gone at once")
	}
	s.Server.MoveClock(122 * time.Second)
	if len(roles()) != 0 || register() != 403 {
		t.Error("a role is never gone")
	}
}

// TestDirectoryAuditOfChanges finds what changes applications, consents, roles and users in the audit log.
func TestDirectoryAuditOfChanges(t *testing.T) {
	s := newSite(t, Config{Users: 60})
	admin := s.adminToken(adminScopes+" User.ReadWrite.All RoleManagement.ReadWrite.Directory AuditLog.Read.All", roleGlobalAdministrator)
	app, client := s.registration(admin)
	graph := s.call(admin, "GET", "/v1.0/servicePrincipals(appId='"+graphAppID+"')?$select=id", nil).str("id")
	secret := s.call(admin, "POST", "/v1.0/applications/"+app.str("id")+"/addPassword", object{}).str("secretText")
	s.call(admin, "POST", "/v1.0/servicePrincipals/"+client+"/appRoleAssignments", object{"principalId": client, "resourceId": graph, "appRoleId": "df021288-bdef-4463-88db-98f22de89214"})
	s.call(admin, "POST", "/v1.0/oauth2PermissionGrants", object{"clientId": client, "consentType": "AllPrincipals", "resourceId": graph, "scope": "User.Read"})
	user := s.call(admin, "POST", "/v1.0/users", newUser("svc@"+s.Domain, false)).str("id")
	s.call(admin, "POST", "/v1.0/roleManagement/directory/roleAssignments", object{"roleDefinitionId": roleDirectoryWriters, "principalId": user, "directoryScopeId": "/"})
	s.call(admin, "DELETE", "/v1.0/applications/"+app.str("id"), nil)
	log := s.call(admin, "GET", "/v1.0/auditLogs/directoryAudits?$filter="+escape("loggedByService eq 'Core Directory'"), nil)
	var seen []string
	for _, o := range log.values() {
		seen = append(seen, o["activityDisplayName"].(string))
	}
	for _, want := range []string{
		"Add application", "Add service principal", "Update application – Certificates and secrets management", "Add app role assignment to service principal",
		"Add delegated permission grant", "Consent to application", "Add user", "Add member to role", "Delete application", "Remove service principal",
	} {
		if !slices.Contains(seen, want) {
			t.Errorf("no event %q among %q", want, seen)
		}
	}
	if strings.Contains(log.raw, secret) {
		t.Error("a secret is in the audit log")
	}
}
