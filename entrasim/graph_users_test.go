package entrasim

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// pages follows nextLinks from a first call and returns every value with the last answer.
func (s *site) pages(path string, each func(answer), headers ...string) (all []object, last answer) {
	s.t.Helper()
	for next := path; next != ""; next = last.str("@odata.nextLink") {
		last = s.graph("GET", next, nil, headers...)
		if last.status != 200 {
			s.t.Fatalf("%s: %d %s", next, last.status, last.raw)
		}
		all = append(all, last.values()...)
		if each != nil {
			each(last)
		}
	}
	return all, last
}

func TestUserReads(t *testing.T) {
	s := newSite(t, Config{Users: 120})
	user := s.Users[0]
	for _, key := range []string{user.ID, user.UPN, strings.ToUpper(user.UPN), strings.ToUpper(user.ID)} {
		if a := s.graph("GET", "/v1.0/users/"+key, nil); a.status != 200 || a.str("id") != user.ID {
			t.Errorf("%s: %d", key, a.status)
		}
	}
	if a := s.graph("GET", "/v1.0/users('"+user.UPN+"')", nil); a.status != 200 {
		t.Errorf("key in parentheses: %d", a.status)
	}
	normal := s.graph("GET", "/v1.0/users/"+user.ID, nil)
	for _, k := range []string{"businessPhones", "displayName", "givenName", "id", "jobTitle", "mail", "mobilePhone", "officeLocation", "preferredLanguage", "surname", "userPrincipalName"} {
		if _, ok := normal.body[k]; !ok {
			t.Errorf("%s is not returned by default", k)
		}
	}
	if _, ok := normal.body["accountEnabled"]; ok {
		t.Error("accountEnabled is returned without $select")
	}
	picked := s.graph("GET", "/v1.0/users/"+user.ID+"?$select=accountEnabled,userType,onPremisesSyncEnabled", nil)
	if picked.body["accountEnabled"] != true || picked.body["userType"] != "Member" || picked.body["displayName"] != nil {
		t.Errorf("selected: %s", picked.raw)
	}
	guests, _ := s.pages("/v1.0/users?$filter=userType eq 'Guest'&$select=userPrincipalName", nil)
	if len(guests) == 0 {
		t.Fatal("no guests were seeded")
	}
	upn := guests[0]["userPrincipalName"].(string)
	if a := s.graph("GET", "/v1.0/users/"+url.PathEscape(upn), nil); !strings.Contains(upn, "#EXT#") || a.status != 200 {
		t.Errorf("guest %s: %d", upn, a.status)
	}
	if a := s.graph("GET", "/v1.0/users/nobody@"+s.Domain, nil); a.status != 404 || a.code() != "Request_ResourceNotFound" || !strings.Contains(a.raw, "Resource 'nobody@") {
		t.Errorf("%d %s", a.status, a.raw)
	}
}

func TestUserQueries(t *testing.T) {
	s := newSite(t, Config{Users: 300})
	all, _ := s.pages("/v1.0/users?$top=999&$select=id,displayName,accountEnabled,userPrincipalName,department", nil)
	if len(all) != 300 {
		t.Fatalf("%d users", len(all))
	}
	count := func(f func(object) bool) (n int) {
		for _, u := range all {
			if f(u) {
				n++
			}
		}
		return n
	}
	eventual := []string{"ConsistencyLevel", "eventual"}
	for _, c := range []struct {
		query   string
		headers []string
		status  int
		want    int
	}{
		{"$filter=accountEnabled eq false", nil, 200, count(func(u object) bool { return u["accountEnabled"] == false })},
		{"$filter=startsWith(displayName,'a')", nil, 200, count(func(u object) bool { return strings.HasPrefix(strings.ToLower(u["displayName"].(string)), "a") })},
		{"$filter=department in ('IT','Legal') and accountEnabled eq true", nil, 200, count(func(u object) bool {
			return (u["department"] == "IT" || u["department"] == "Legal") && u["accountEnabled"] == true
		})},
		{"$filter=department eq 'IT' or (department eq 'Legal' and accountEnabled eq true)", nil, 200, count(func(u object) bool {
			return u["department"] == "IT" || u["department"] == "Legal" && u["accountEnabled"] == true
		})},
		{"$filter=surname eq 'O''Neill'", nil, 200, count(func(u object) bool { return strings.HasSuffix(u["displayName"].(string), "O'Neill") })},
		{"$filter=userPrincipalName eq 'BREAKGLASS@contoso.onmicrosoft.com'", nil, 200, 1},
		{"$filter=department ne 'IT'", nil, 400, 0},
		{"$filter=department ne 'IT'", eventual, 400, 0},
		{"$filter=department ne 'IT'&$count=true", nil, 400, 0},
		{"$filter=department ne 'IT'&$count=true", eventual, 200, count(func(u object) bool { return u["department"] != "IT" })},
		{"$filter=not(startsWith(displayName,'a'))&$count=true", eventual, 200, count(func(u object) bool { return !strings.HasPrefix(strings.ToLower(u["displayName"].(string)), "a") })},
		{"$filter=endsWith(userPrincipalName,'.com')&$count=true", eventual, 200, 300},
		{"$filter=contains(displayName,'a')", eventual, 400, 0},
		{"$filter=shoeSize eq 42", nil, 400, 0},
		{"$filter=displayName eq", nil, 400, 0},
		{"$filter=department eq 'IT'&$orderby=displayName", nil, 400, 0},
		{"$search=\"displayName:break\"", nil, 400, 0},
		{"$search=\"displayName:break\"", eventual, 200, 1},
		{"$skip=10", nil, 400, 0},
		{"$top=1000", nil, 400, 0},
		{"$top=0", nil, 400, 0},
		{"$nonsense=1", nil, 400, 0},
		{"$skiptoken=bogus", nil, 400, 0},
	} {
		t.Run(c.query, func(t *testing.T) {
			escaped := strings.NewReplacer(" ", "%20", "\"", "%22", "'", "%27").Replace(c.query)
			first := s.graph("GET", "/v1.0/users?"+escaped, nil, c.headers...)
			if first.status != c.status {
				t.Fatalf("%d %s", first.status, first.raw)
			}
			if c.status != 200 {
				return
			}
			got, _ := s.pages("/v1.0/users?"+escaped, nil, c.headers...)
			if len(got) != c.want {
				t.Errorf("%d users, want %d", len(got), c.want)
			}
			if n, ok := first.body["@odata.count"]; ok && n != float64(c.want) {
				t.Errorf("count %v, want %d", n, c.want)
			}
		})
	}
	if a := s.graph("GET", "/v1.0/users?$count=true", nil); a.body["@odata.count"] != nil {
		t.Error("$count without the header is not ignored")
	}
	if a := s.graph("GET", "/v1.0/users/$count", nil, eventual...); a.raw != "300" {
		t.Errorf("$count answers %q", a.raw)
	}
}

// TestPagingUnderChange pages while users come and go: whoever is there all the time is seen exactly once.
func TestPagingUnderChange(t *testing.T) {
	s := newSite(t, Config{Users: 90, Levers: &Levers{}})
	tenant := s.Server.first()
	serial := 0
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(1, 40).Draw(rt, "page size")
		order := rapid.SampledFrom([]string{"", "&$orderby=displayName", "&$orderby=userPrincipalName%20desc"}).Draw(rt, "order")
		steady := map[string]bool{}
		tenant.update(func() {
			var others []*User // of the rounds before, who would only make this one longer
			tenant.Users.all(func(u *User) bool {
				if steady[u.ID] = true; len(steady) > 90 {
					delete(steady, u.ID)
					others = append(others, u)
				}
				return true
			})
			for _, u := range others {
				tenant.deleteUser(u)
			}
		})
		seen, budget := map[string]int{}, 20
		all, _ := s.pages(fmt.Sprintf("/v1.0/users?$select=id&$top=%d%s", size, order), func(answer) {
			for range rapid.IntRange(0, 3).Draw(rt, "added") {
				if budget--; budget < 0 {
					return // with small pages the end would run away
				}
				serial++
				name := rapid.StringMatching(`[a-z]{1,8}`).Draw(rt, "name")
				u := &User{ID: s.Server.newID(), UPN: fmt.Sprintf("%s%d@%s", name, serial, s.Domain), DisplayName: name}
				if p := tenant.createUser(u); p != nil {
					rt.Fatal(p.message)
				}
			}
			if rapid.Bool().Draw(rt, "remove") {
				tenant.update(func() {
					victim := tenant.Users.list[len(tenant.Users.list)-1].value
					if victim != nil && tenant.Users.len() > 80 {
						delete(steady, victim.ID)
						tenant.deleteUser(victim)
					}
				})
			}
		})
		for _, u := range all {
			seen[u["id"].(string)]++
		}
		for id := range steady {
			if seen[id] != 1 {
				rt.Fatalf("user %s was seen %d times", id, seen[id])
			}
		}
		for id, n := range seen {
			if n != 1 {
				rt.Fatalf("user %s was seen %d times", id, n)
			}
		}
	})
}

func TestUsersDelta(t *testing.T) {
	s := newSite(t, Config{Users: 150})
	round := func(path string) (changed []object, link string) {
		all, last := s.pages(path, nil)
		return all, last.str("@odata.deltaLink")
	}
	all, link := round("/v1.0/users/delta?$select=id,displayName")
	if len(all) != 150 || link == "" {
		t.Fatalf("first round: %d users, link %q", len(all), link)
	}
	if changed, next := round(link); len(changed) != 0 || next == "" {
		t.Fatalf("nothing happened: %v", changed)
	}
	a, b := s.Users[0].ID, s.Users[1].ID
	if r := s.call(s.tokenWith("User.ReadWrite.All"), "PATCH", "/v1.0/users/"+a, object{"displayName": "Renamed"}); r.status != 204 {
		t.Fatalf("%d %s", r.status, r.raw)
	}
	s.control("DELETE", "tenants/first/users/"+b, nil)
	changed, next := round(link)
	if len(changed) != 2 || changed[0]["id"] != a || changed[0]["displayName"] != "Renamed" || changed[1]["id"] != b || changed[1]["@removed"] == nil {
		t.Fatalf("changes: %v", changed)
	}
	again, after := round(next)
	if len(again) != 0 {
		t.Errorf("the next round repeats: %v", again)
	}
	s.control("POST", "tenants/first/users/"+b+"/restore", nil)
	if back, _ := round(after); len(back) != 1 || back[0]["id"] != b || back[0]["@removed"] != nil {
		t.Errorf("the round after a restoration: %v", back)
	}
	s.control("DELETE", "tenants/first/users/"+b, nil)
	gone := func(name string) {
		t.Helper()
		r := s.graph("GET", next, nil)
		if r.status != 410 || !strings.Contains(r.header.Get("Location"), "/v1.0/users/delta?") {
			t.Fatalf("%s: %d, Location %q", name, r.status, r.header.Get("Location"))
		}
		if fresh, _ := round(r.header.Get("Location")); len(fresh) != 149 {
			t.Errorf("%s: the restart shows %d users", name, len(fresh))
		}
	}
	s.Server.MoveClock(8 * 24 * time.Hour)
	delete(s.tokens, s.ClientID)
	gone("a token of eight days")
	s.Server.MoveClock(0)
	delete(s.tokens, s.ClientID)
	s.control("POST", "save-delta-horizon", nil)
	gone("the lever")
	if r := s.graph("GET", "/v1.0/users/delta?$deltatoken=bogus", nil); r.status != 400 {
		t.Errorf("a bogus token: %d", r.status)
	}
}

// tokenWith makes an application with permissions and gets its token.
func (s *site) tokenWith(roles ...string) string {
	s.t.Helper()
	a := s.control("POST", "tenants/first/apps", object{"display_name": strings.Join(roles, " "), "roles": roles})
	return s.appToken(Credentials{a.str("client_id"), a.str("client_secret")})
}

func TestGroupsDelta(t *testing.T) {
	s := newSite(t, Config{Users: 60})
	group := s.newGroup("Watched")
	_, last := s.pages("/v1.0/groups/delta?$select=displayName,members", nil)
	link := last.str("@odata.deltaLink")
	for _, id := range []string{s.Users[0].ID, s.Users[1].ID} {
		s.graph("POST", "/v1.0/groups/"+group+"/members/$ref", memberRef(s, id))
	}
	s.graph("DELETE", "/v1.0/groups/"+group+"/members/"+s.Users[0].ID+"/$ref", nil)
	changed, _ := s.pages(link, nil)
	if len(changed) != 1 {
		t.Fatalf("%v", changed)
	}
	members, _ := changed[0]["members@delta"].([]any)
	if len(members) != 2 || members[0].(object)["@removed"] == nil || members[1].(object)["id"] != s.Users[1].ID || members[1].(object)["@removed"] != nil {
		t.Errorf("members@delta: %v", members)
	}
}

func TestUserWrites(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	token, user := s.tokenWith("User.ReadWrite.All"), s.Users[0]
	if a := s.call(token, "PATCH", "/v1.0/users/"+user.ID, object{"accountEnabled": false, "userPrincipalName": "new.name@" + s.Domain}); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	if a := s.graph("GET", "/v1.0/users/new.name@"+s.Domain+"?$select=id,accountEnabled", nil); a.str("id") != user.ID || a.body["accountEnabled"] != false {
		t.Errorf("%s", a.raw)
	}
	if a := s.graph("GET", "/v1.0/users/"+user.UPN, nil); a.status != 404 {
		t.Errorf("the old name still works: %d", a.status)
	}
	for _, upn := range []string{s.Users[1].UPN, "x@elsewhere.example"} {
		if a := s.call(token, "PATCH", "/v1.0/users/"+user.ID, object{"userPrincipalName": upn}); a.status != 400 || a.code() != "Request_BadRequest" {
			t.Errorf("%s: %d %s", upn, a.status, a.raw)
		}
	}
	narrow := s.tokenWith("User.EnableDisableAccount.All", "User.Read.All")
	if a := s.call(narrow, "PATCH", "/v1.0/users/"+s.Users[2].ID, object{"accountEnabled": false}); a.status != 204 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	if a := s.call(narrow, "PATCH", "/v1.0/users/"+s.Users[2].ID, object{"displayName": "x"}); a.status != 403 {
		t.Errorf("more than accountEnabled: %d", a.status)
	}
}

// TestDeltaWaitsForReplication holds that what replication hides from one round is shown by a later one.
func TestDeltaWaitsForReplication(t *testing.T) {
	s := newSite(t, Config{Users: 20})
	_, last := s.pages("/v1.0/users/delta", nil)
	s.control("PATCH", "levers", object{"replication_delay": "10s"})
	id := s.control("POST", "tenants/first/users", object{"upn": "late@" + s.Domain}).str("id")
	s.control("PATCH", "tenants/first/users/"+s.Users[0].ID, object{"enabled": false})
	changed, last := s.pages(last.str("@odata.deltaLink"), nil)
	if len(changed) != 1 || changed[0]["id"] != s.Users[0].ID {
		t.Fatalf("while it is hidden: %v", changed)
	}
	s.Server.MoveClock(11 * time.Second)
	changed, _ = s.pages(last.str("@odata.deltaLink"), nil)
	if len(changed) == 0 || !strings.Contains(fmt.Sprint(changed), id) {
		t.Fatalf("afterwards: %v", changed)
	}
}
