package entrasim

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// TestHeaders looks at what every answer carries.
func TestHeaders(t *testing.T) {
	s := newSite(t, Config{Users: -1})
	mine := uuid.NewString()
	for path, status := range map[string]int{"/v1.0/organization": 200, "/v1.0/users/nobody": 404} {
		a := s.graph("GET", path, nil, "client-request-id", mine)
		if a.status != status || a.header.Get("client-request-id") != mine || !isGUID(a.header.Get("request-id")) || !strings.Contains(a.header.Get("x-ms-ags-diagnostic"), "ServerInfo") ||
			a.header.Get("x-ms-resource-unit") == "" || a.header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: %d %v", path, a.status, a.header)
		}
		if status == 404 {
			inner := a.body["error"].(object)["innerError"].(object)
			if inner["client-request-id"] != mine || inner["request-id"] != a.header.Get("request-id") || inner["date"] == "" {
				t.Errorf("inner error %v", inner)
			}
		}
	}
}

func TestUnknownPaths(t *testing.T) {
	s := newSite(t, Config{Users: -1})
	for _, c := range []struct {
		method, path string
		status       int
		code         string
	}{
		{"GET", "/v1.0/unicorns", 400, "BadRequest"},
		{"GET", "/v1.0/users/x/authentication/unicorns", 400, "BadRequest"},
		{"PUT", "/v1.0/users", 405, "methodNotAllowed"},
		{"PATCH", "/v1.0/users/x/authentication/fido2Methods/y", 405, "methodNotAllowed"},
		{"HEAD", "/v1.0/users", 405, ""},
	} {
		if a := s.graph(c.method, c.path, nil); a.status != c.status || a.code() != c.code {
			t.Errorf("%s %s: %d %s", c.method, c.path, a.status, a.raw)
		}
	}
	if a := s.graph("GET", "/v1.0/users/x/authentication/unicorns", nil); !strings.Contains(a.raw, "segment 'unicorns'") {
		t.Error(a.raw)
	}
}

// TestPermissionTable calls every operation as an application without any permission, and with each single permission
// the table names: it is refused with 403 exactly when it should be.
func TestPermissionTable(t *testing.T) {
	s := newSite(t, Config{Users: 10, Levers: &Levers{}})
	tokens := map[string]string{"": s.tokenWith()}
	token := func(p string) string {
		if tokens[p] == "" {
			tokens[p] = s.tokenWith(strings.Split(p, "+")...)
		}
		return tokens[p]
	}
	for _, r := range graphRoutes {
		path := "/beta"
		for _, segment := range r.segments {
			if isKey(segment) {
				segment = uuid.NewString()
			}
			path += "/" + segment
		}
		if len(r.need.app) == 0 || r.need.anyone {
			t.Errorf("%s %s: no application permission is named", r.method, r.pattern)
			continue
		}
		if a := s.call(token(""), r.method, path, nil); a.status != 403 || a.code() != "Authorization_RequestDenied" {
			t.Errorf("%s %s without permission: %d %s", r.method, r.pattern, a.status, a.raw)
		}
		for _, p := range r.need.app {
			if p == "Group.Create" {
				continue // reaches only groups the application owns: TestGroupCreateAlone
			}
			if strings.HasPrefix(p, "GroupMember.") && (r.method == "PATCH" || r.method == "DELETE") {
				continue // members only
			}
			if a := s.call(token(p), r.method, path, "{}"); a.status == 403 || a.status == 401 {
				t.Errorf("%s %s with %s: %d %s", r.method, r.pattern, p, a.status, a.raw)
			}
		}
	}
}

func TestThrottling(t *testing.T) {
	now := time.Date(2026, 4, 20, 10, 0, 0, 0, time.UTC)
	s := newSite(t, Config{Users: -1, Now: func() time.Time { return now }})
	path := "/v1.0/reports/authenticationMethods/userRegistrationDetails?$top=5"
	for i := range 5 {
		if a := s.graph("GET", path, nil); a.status != 200 {
			t.Fatalf("call %d: %d %s", i, a.status, a.raw)
		}
	}
	now = now.Add(2500 * time.Millisecond)
	a := s.graph("GET", path, nil)
	if a.status != 429 || a.code() != "TooManyRequests" || a.header.Get("Retry-After") != "8" || !strings.Contains(a.raw, "Please retry again later.") {
		t.Fatalf("%d, Retry-After %q, %s", a.status, a.header.Get("Retry-After"), a.raw)
	}
	if scope := a.header.Get("x-ms-throttle-scope"); scope != "Tenant_Application/Read/"+s.ClientID+"/"+s.TenantID || a.header.Get("x-ms-throttle-information") == "" {
		t.Errorf("scope %q", scope)
	}
	if b := s.call(s.tokenWith("AuditLog.Read.All"), "GET", path, nil); b.status != 200 {
		t.Errorf("another application shares the budget: %d", b.status)
	}
	now = now.Add(7500 * time.Millisecond)
	if a := s.graph("GET", path, nil); a.status != 200 {
		t.Errorf("in the next window: %d", a.status)
	}
	s.control("PATCH", "levers", object{"throttle_scale": 0.01})
	now = now.Add(time.Minute)
	for range 5 {
		s.graph("GET", path, nil)
	}
	now = now.Add(40 * time.Millisecond)
	a = s.graph("GET", path, nil)
	if wait, err := strconv.ParseFloat(a.header.Get("Retry-After"), 64); a.status != 429 || err != nil || wait != 0.06 {
		t.Errorf("scaled: %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
	}
	// Conditional Access: one call a second for the tenant, and no Retry-After.
	now = now.Add(time.Minute)
	s.graph("GET", "/v1.0/identity/conditionalAccess/policies", nil)
	if a := s.graph("GET", "/v1.0/identity/conditionalAccess/policies", nil); a.status != 429 || a.header.Get("Retry-After") != "" {
		t.Errorf("Conditional Access: %d, Retry-After %q", a.status, a.header.Get("Retry-After"))
	}
	s.control("PATCH", "levers", object{"throttle": false})
	if a := s.graph("GET", "/v1.0/identity/conditionalAccess/policies", nil); a.status != 200 {
		t.Errorf("throttling off: %d", a.status)
	}
}

// TestResourceUnits spends a small tenant's budget: 3,500 units in ten seconds.
func TestResourceUnits(t *testing.T) {
	now := time.Date(2026, 4, 20, 10, 0, 0, 0, time.UTC)
	s := newSite(t, Config{Users: -1, Now: func() time.Time { return now }})
	tenant := s.Server.first()
	c := &graphCall{s: s.Server, tenant: tenant, who: principal{AppID: "app"}, route: &graphRoute{cost: 2}, r: &http.Request{Method: http.MethodGet}}
	calls := 0
	for ; calls < 10000; calls++ {
		if refused, _, _ := s.Server.limits.draw(now, s.Server.budgetsFor(c)); refused != nil {
			break
		}
	}
	if calls != unitsSmall/2 {
		t.Errorf("%d calls of 2 units passed", calls)
	}
	for query, want := range map[string]int{"": 2, "$select=id": 1, "$expand=manager": 3, "$top=5": 1, "$top=5&$select=id": 1} {
		q, err := odataQuery(strings.ReplaceAll(query, "$", "%24"))
		if err != nil {
			t.Fatal(err)
		}
		if c.q = q; c.cost() != want {
			t.Errorf("%q costs %d, want %d", query, c.cost(), want)
		}
	}
}

func TestFaults(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	user := s.Users[0].ID
	at := "/v1.0/users/" + user + "/authentication/fido2Methods"
	count := func() int {
		return len(s.graph("GET", "/beta/users/"+user+"/authentication/fido2Methods", nil).values())
	}
	token := s.appToken(s.standard())

	s.control("POST", "faults", object{"method": "GET", "path": "/v1.0/users/*/authentication/fido2Methods", "count": 2, "skip": 1, "status": 503, "retry_after": 1.5})
	var got []int
	for range 4 {
		a := s.graph("GET", at, nil)
		got = append(got, a.status)
		if a.status == 503 && (a.header.Get("Retry-After") != "1.5" || a.code() != "serviceNotAvailable") {
			t.Errorf("%v %s", a.header, a.raw)
		}
	}
	if !slices.Equal(got, []int{200, 503, 503, 200}) {
		t.Errorf("statuses %v", got)
	}

	o, _ := s.options(token, "beta", user, "")
	body := passkeyPost("Key", newSecurityKey(t).create(o))
	s.control("POST", "faults", object{"method": "POST", "path": "/v1.0/users/**/fido2Methods", "count": 1, "drop": "before"})
	if _, err := s.try(token, "POST", at, body); err == nil || count() != 0 {
		t.Errorf("dropped before: error %v, %d passkeys", err, count())
	}
	s.control("POST", "faults", object{"method": "POST", "path": "/v1.0/users/**/fido2Methods", "count": 1, "drop": "after"})
	if _, err := s.try(token, "POST", at, body); err == nil || count() != 1 {
		t.Errorf("dropped after: error %v, %d passkeys", err, count())
	}
	if a := s.graph("POST", at, body); a.status != 409 {
		t.Errorf("the retry: %d %s", a.status, a.raw)
	}

	s.control("DELETE", "faults", nil)
	s.control("POST", "faults", object{"path": "/*/oauth2/v2.0/token", "count": 1, "status": 503})
	delete(s.tokens, s.ClientID)
	if a := s.form(s.TenantID+"/oauth2/v2.0/token", map[string]string{"grant_type": "client_credentials"}); a.status != 503 || a.code() != "temporarily_unavailable" {
		t.Errorf("the authority: %d %s", a.status, a.raw)
	}

	// A fault reaches the parts of a batch one by one.
	s.control("POST", "faults", object{"path": "/v1.0/users/*/authentication/fido2Methods", "count": 1, "status": 429, "retry_after": 3})
	byID, _, whole := s.batch(get("1", at[len("/v1.0"):]), get("2", at[len("/v1.0"):]))
	if whole.status != 200 || byID["1"]["status"] != 429.0 || byID["1"]["headers"].(object)["Retry-After"] != "3" || byID["2"]["status"] != 200.0 {
		t.Errorf("batch: %s", whole.raw)
	}
	for _, bad := range []object{{"path": "/x"}, {"path": "x", "status": 500}, {"path": "/x", "status": 200}, {"path": "/x", "drop": "sideways"}} {
		if a := s.call("", "POST", controlRoot+"faults", bad); a.status != 400 {
			t.Errorf("%v: %d", bad, a.status)
		}
	}
}

func TestErrorRate(t *testing.T) {
	s := newSite(t, Config{Users: -1})
	token := s.appToken(s.standard())
	s.control("PATCH", "levers", object{"error_rate": 1, "error_status": 504})
	if a := s.call(token, "GET", "/v1.0/organization", nil); a.status != 504 {
		t.Errorf("%d", a.status)
	}
	if a := s.call("", "PATCH", controlRoot+"levers", object{"error_rait": 1}); a.status != 400 {
		t.Errorf("a misspelt lever: %d", a.status)
	}
}

// TestNoSecretsInCalls holds that the history tells neither query nor body.
func TestNoSecretsInCalls(t *testing.T) {
	s := newSite(t, Config{Users: -1})
	s.appToken(s.standard())
	s.graph("GET", "/v1.0/users?$filter=displayName eq 'secret'", nil)
	a := s.control("GET", "calls", nil)
	if !strings.Contains(a.raw, "/v1.0/users") || strings.Contains(a.raw, "secret") || strings.Contains(a.raw, s.ClientSecret) {
		t.Error(a.raw)
	}
}

// TestState keeps a tenant across a restart: users, passkeys, tokens, levers and the certificate authority.
func TestState(t *testing.T) {
	file := t.TempDir() + "/state.json"
	s := newSite(t, Config{Users: 30, StateFile: file})
	user := s.Users[0].ID
	id := s.register(newSecurityKey(t), user, "Kept").str("id")
	group := s.newGroup("Kept")
	s.graph("POST", "/v1.0/groups/"+group+"/members/$ref", memberRef(s, user))
	token := s.appToken(s.standard())
	s.control("PATCH", "levers", object{"report_lag": "1h"})
	_, last := s.pages("/v1.0/users/delta", nil)
	if err := s.Shutdown(context.Background()); err != nil {
		t.Fatal(err)
	}
	again := newSite(t, Config{Users: 5, Seed: 99, StateFile: file})
	if again.TenantID != s.TenantID || again.ClientSecret != s.ClientSecret || string(again.CAPEM) != string(s.CAPEM) {
		t.Error("tenant, secret or certificate authority changed")
	}
	if a := again.call(token, "GET", "/v1.0/users/"+user+"/authentication/fido2Methods/"+id, nil); a.status != 200 || a.str("displayName") != "Kept" {
		t.Errorf("the passkey with the old token: %d %s", a.status, a.raw)
	}
	if ids := again.memberIDs(group); !slices.Equal(ids, []string{user}) {
		t.Errorf("members %v", ids)
	}
	if again.Server.Levers().ReportLag != Duration(time.Hour) {
		t.Error("levers were forgotten")
	}
	old := strings.Replace(last.str("@odata.deltaLink"), s.GraphURL, again.GraphURL, 1)
	if a := again.graph("GET", old, nil); a.status != 410 {
		t.Errorf("delta after a restart: %d %s", a.status, a.raw)
	}
	fresh := again.newGroup("Fresh")
	if fresh == group {
		t.Error("ids repeat after a restart")
	}
}

// TestReports holds report and logs to their lag.
func TestReports(t *testing.T) {
	s := newSite(t, Config{Users: 60})
	user := s.Users[0].ID
	s.control("PATCH", "levers", object{"report_lag": "1h", "throttle": false})
	if a := s.register(newSecurityKey(t), user, "Key"); a.status != 201 {
		t.Fatal(a.raw)
	}
	listed := func() bool {
		rows, _ := s.pages("/v1.0/reports/authenticationMethods/userRegistrationDetails?$filter=methodsRegistered/any(x:x%20eq%20'passKeyDeviceBound')", nil)
		return slices.ContainsFunc(rows, func(o object) bool { return o["id"] == user })
	}
	audits := func() int {
		rows, _ := s.pages("/v1.0/auditLogs/directoryAudits?$filter=loggedByService%20eq%20'Device%20Registration%20Service'", nil)
		return len(rows)
	}
	if listed() || audits() != 0 {
		t.Error("the report does not lag")
	}
	s.Server.MoveClock(61 * time.Minute)
	delete(s.tokens, s.ClientID)
	if !listed() || audits() != 1 {
		t.Errorf("after the lag: listed %v, %d events", listed(), audits())
	}
}

func TestDirectory(t *testing.T) {
	s := newSite(t, Config{Users: 200})
	token := s.tokenWith("Application.Read.All", "RoleManagement.Read.Directory", "Domain.Read.All", "User.Read.All")
	a := s.call(token, "GET", "/v1.0/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')?$select=id,appRoles,oauth2PermissionScopes", nil)
	roles, _ := a.body["appRoles"].([]any)
	if a.status != 200 || len(roles) < 20 || !strings.Contains(a.raw, "0400e371-7db1-4338-a269-96069eb65227") {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := s.call(token, "GET", "/v1.0/applications(appId='"+s.ClientID+"')", nil); a.status != 200 || strings.Contains(a.raw, s.ClientSecret) || !strings.Contains(a.raw, s.ClientSecret[:3]) {
		t.Errorf("%d %s", a.status, a.raw)
	}
	privileged := s.call(token, "GET", "/v1.0/roleManagement/directory/roleAssignments?$filter=principalId eq '"+s.ServiceAccount.ID+"'", nil).values()
	if len(privileged) != 4 {
		t.Errorf("%d roles of the service account", len(privileged))
	}
	members := s.call(token, "GET", "/v1.0/directoryRoles(roleTemplateId='"+roleGlobalAdministrator+"')/members", nil).values()
	if len(members) != 1 || !strings.HasPrefix(members[0]["userPrincipalName"].(string), "breakglass@") {
		t.Errorf("global administrators: %v", members)
	}
}
