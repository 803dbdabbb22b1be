package entrasim

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestAccessAtTokenEndpoint covers the ways in without a page: password and refresh token. Client credentials are not a
// user's, and no policy about users touches them.
func TestAccessAtTokenEndpoint(t *testing.T) {
	s, token := accessSite(t)
	u := s.Users[0]
	path := s.TenantID + "/oauth2/v2.0/token"
	signIn := map[string]string{"grant_type": "password", "client_id": s.SignInClientID, "username": u.UPN, "password": u.Password, "scope": "openid offline_access User.Read"}
	a := s.form(path, signIn)
	if a.status != 200 {
		t.Fatal(a.raw)
	}
	refresh := map[string]string{"grant_type": "refresh_token", "client_id": s.SignInClientID, "refresh_token": a.str("refresh_token"), "scope": "User.Read offline_access"}
	rule := testRule("")
	for _, c := range []struct {
		name     string
		grant    object
		client   string
		state    string
		number   float64
		suberror string
	}{
		{"block", object{"operator": "OR", "builtInControls": []string{"block"}}, "all", accessEnabled, 53003, "message_only"},
		{"mfa", object{"operator": "OR", "builtInControls": []string{"mfa"}}, clientDesktop, accessEnabled, 50076, "basic_action"},
		{"strength", object{"operator": "OR", "builtInControls": []string{}, "authenticationStrength": object{"id": "00000000-0000-0000-0000-000000000002"}}, "all", accessEnabled, 50074, "basic_action"},
		{"for browsers", object{"operator": "OR", "builtInControls": []string{"block"}}, clientBrowser, accessEnabled, 0, ""},
		{"report-only", object{"operator": "OR", "builtInControls": []string{"block"}}, "all", accessReportOnly, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			rule["grantControls"], rule["state"] = c.grant, c.state
			rule["conditions"].(object)["clientAppTypes"] = []string{c.client}
			id := s.call(token, "POST", rulesPath, rule).str("id")
			for what, form := range map[string]map[string]string{"password": signIn, "refresh": refresh} {
				a := s.form(path, form)
				if c.number == 0 {
					if a.status != 200 {
						t.Errorf("%s: %d %s", what, a.status, a.raw)
					}
					continue
				}
				if codes, _ := a.body["error_codes"].([]any); a.status != 400 || a.code() != "invalid_grant" || len(codes) != 1 || codes[0] != c.number || a.str("suberror") != c.suberror {
					t.Errorf("%s: %d %s", what, a.status, a.raw)
				}
			}
			if a := s.call(token, "DELETE", rulesPath+"/"+id, nil); a.status != 204 {
				t.Error(a.raw)
			}
		})
	}
	// What policies made of a sign-in shows to those who may read policies.
	rows := s.call(token, "GET", "/beta/auditLogs/signIns", nil).values()
	var got []string
	for _, r := range rows {
		applied := r["appliedConditionalAccessPolicies"].([]any)[0].(object)
		detail := r["authenticationDetails"].([]any)[0].(object)
		got = append(got, fmt.Sprint(r["status"].(object)["errorCode"], " ", r["conditionalAccessStatus"], " ", applied["result"], " ", applied["enforcedGrantControls"], " ", detail["authenticationMethod"], " ", detail["succeeded"]))
	}
	want := "0 notApplied reportOnlyFailure [block] Password true\n50074 failure failure [authenticationStrength] Password true\n50076 failure failure [mfa] Password true\n53003 failure failure [block] Password true"
	if strings.Join(got, "\n") != want || rows[1]["clientAppUsed"] != desktopClient || rows[1]["appId"] != s.SignInClientID {
		t.Errorf("log:\n%s", strings.Join(got, "\n"))
	}
	for _, r := range s.call(s.tokenWith("AuditLog.Read.All"), "GET", "/v1.0/auditLogs/signIns", nil).values() {
		if len(r["appliedConditionalAccessPolicies"].([]any)) != 0 {
			t.Error("policies show without a permission to read them")
		}
	}
}

// TestAccessOfDevices holds that a device code is judged for the application that waits for it, as a device code.
func TestAccessOfDevices(t *testing.T) {
	d := newDoor(t)
	tenant := d.s.first()
	_, key := d.person(UserSpec{UPN: "member"}, modelA, false)
	v := d.visit()
	if got := v.signIn(d.apps[0], key); got != "" {
		t.Fatal(got)
	}
	ask := func(app string) (status int, code string) {
		t.Helper()
		w, _ := v.do("POST", "/"+tenant.ID+"/oauth2/v2.0/devicecode", url.Values{"client_id": {app}, "scope": {"openid"}})
		user := ""
		tenant.view(func() {
			for _, c := range tenant.Sessions.Devices {
				if strings.Contains(w.Body.String(), c.UserCode) {
					user = c.UserCode
				}
			}
		})
		page, c := v.do("POST", "/devicelogin", url.Values{"canary": {sessionCanary(v.cookies[sessionCookie])}, "code": {user}, "answer": {"yes"}})
		return page.Code, c.ErrorCode
	}
	for name, c := range map[string]struct {
		edit func(object)
		want string
	}{
		"nothing":             {users(object{"includeUsers": []any{"None"}}), ""},
		"the device's client": {condition("applications", object{"includeApplications": []any{d.apps[1]}}), "53003"},
		"another client":      {condition("applications", object{"includeApplications": []any{d.apps[0]}}), ""},
		"device codes":        {condition("authenticationFlows", object{"transferMethods": "deviceCodeFlow"}), "53003"},
		"desktop clients":     {condition("clientAppTypes", []any{clientDesktop}), "53003"},
		"a passkey will do":   {grants("OR", "00000000-0000-0000-0000-000000000004"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			defer d.noRules()
			d.rule(c.edit)
			if status, code := ask(d.apps[1]); code != c.want || (c.want == "") != (status == 200) {
				t.Errorf("%d, %q", status, code)
			}
		})
	}
	// Signing in at the page for codes is judged by no application's rules but the one's that waits.
	d.rule(condition("applications", object{"includeApplications": []any{"All"}, "excludeApplications": []any{d.apps[1]}}))
	fresh := d.visit()
	w, _ := fresh.do("GET", "/devicelogin", nil)
	_, c := fresh.do("GET", strings.TrimPrefix(w.Header().Get("Location"), "https://login.microsoft.com"), nil)
	if got := fresh.login(c, url.Values{"type": {"23"}, "assertion": {key.get(c.Challenge)}}); got != "" {
		t.Errorf("the page for codes: %q", got)
	}
	d.noRules()
	// The control API answers for somebody, and is judged like them.
	d.rule(grants("OR", "", "mfa"))
	for _, mfa := range []bool{false, true} {
		v.do("POST", "/"+tenant.ID+"/oauth2/v2.0/devicecode", url.Values{"client_id": {d.apps[1]}, "scope": {"openid"}})
		code := ""
		tenant.view(func() {
			for _, c := range tenant.Sessions.Devices {
				if c.Proof == nil {
					code = c.UserCode
				}
			}
		})
		body := fmt.Sprintf(`{"upn":%q,"mfa":%v}`, "member@"+tenant.Domain, mfa)
		w := httptest.NewRecorder()
		d.s.ServeHTTP(w, httptest.NewRequest(http.MethodPost, controlRoot+"tenants/first/devices/"+code, strings.NewReader(body)))
		if (w.Code == http.StatusNoContent) != mfa || !mfa && !strings.Contains(w.Body.String(), "AADSTS50076") {
			t.Errorf("with a second factor %v: %d %s", mfa, w.Code, w.Body)
		}
	}
}

// TestLastUse holds that a sign-in with a passkey shows in its date of last use, in beta only, and that some seeded ones
// have one.
func TestLastUse(t *testing.T) {
	d := newDoor(t)
	u, key := d.person(UserSpec{UPN: "member"}, modelA, false)
	tenant := d.s.first()
	last := func() (at time.Time) {
		tenant.view(func() { at = tenant.user(u.ID).Passkeys[0].LastUsed })
		return at
	}
	if !last().IsZero() {
		t.Fatal("used before it was")
	}
	d.rule(nil)
	d.visit().signIn(d.apps[0], key)
	if last().IsZero() {
		t.Error("the passkey was used, even though Conditional Access refused what came of it")
	}
	s, token := accessSite(t)
	with, without := 0, 0
	s.Server.first().view(func() {
		s.Server.first().Users.all(func(u *User) bool {
			for _, k := range u.Passkeys {
				if k.LastUsed.IsZero() {
					without++
				} else if with++; k.LastUsed.Before(k.Created) || k.LastUsed.After(time.Now()) {
					t.Errorf("made %v, used %v", k.Created, k.LastUsed)
				}
			}
			return true
		})
	})
	if with == 0 || without == 0 {
		t.Errorf("%d seeded passkeys with a date of last use, %d without", with, without)
	}
	owner := ""
	s.Server.first().view(func() {
		s.Server.first().Users.all(func(u *User) bool {
			if len(u.Passkeys) > 0 && !u.Passkeys[0].LastUsed.IsZero() {
				owner = u.ID
			}
			return owner == ""
		})
	})
	for version, shows := range map[string]bool{"v1.0": false, "beta": true} {
		if a := s.call(token, "GET", "/"+version+"/users/"+owner+"/authentication/fido2Methods", nil); a.status != 200 || (a.values()[0]["lastUsedDateTime"] != nil) != shows {
			t.Errorf("%s: %d %s", version, a.status, a.raw)
		}
	}
}

// TestTransitivePages pages through nested members with users only, and with groups.
func TestTransitivePages(t *testing.T) {
	s, _ := accessSite(t)
	p := Population{Reset: true, Groups: []GroupSpec{{Name: "Outer", Members: []string{"Inner", "u0"}}, {Name: "Inner", Members: []string{"Outer"}}}}
	for i := range 25 {
		p.Users = append(p.Users, UserSpec{UPN: fmt.Sprint("u", i), Groups: []string{"Inner"}})
	}
	group := s.control("POST", "tenants/first/population", p).body["groups"].([]any)[0].(string)
	for path, want := range map[string]int{"/transitiveMembers/microsoft.graph.user": 25, "/transitiveMembers": 27} {
		for _, top := range []int{1, 2, 10, 26, 999} {
			largest := 0
			rows, _ := s.pages(fmt.Sprintf("/v1.0/groups/%s%s?$select=id&$top=%d", group, path, top), func(a answer) { largest = max(largest, len(a.values())) })
			seen := map[any]bool{}
			for _, r := range rows {
				seen[r["id"]] = true
			}
			if len(rows) != want || len(seen) != want || largest > max(top, 3) {
				t.Errorf("%s by %d: %d rows, %d objects, pages up to %d", path, top, len(rows), len(seen), largest)
			}
		}
	}
}
