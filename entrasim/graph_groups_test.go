package entrasim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// newGroup makes a security group as the standard application.
func (s *site) newGroup(name string) string {
	s.t.Helper()
	a := s.graph("POST", "/v1.0/groups", object{"displayName": name, "mailEnabled": false, "mailNickname": strings.ToLower(strings.ReplaceAll(name, " ", "-")), "securityEnabled": true})
	if a.status != 201 {
		s.t.Fatalf("%d %s", a.status, a.raw)
	}
	return a.str("id")
}

func memberRef(s *site, id string) object {
	return object{"@odata.id": s.GraphURL + "/v1.0/directoryObjects/" + id}
}

func (s *site) memberIDs(group string) []string {
	s.t.Helper()
	var ids []string
	for _, v := range s.graph("GET", "/v1.0/groups/"+group+"/members?$select=id", nil).values() {
		ids = append(ids, v["id"].(string))
	}
	return ids
}

func TestGroupLifecycle(t *testing.T) {
	s := newSite(t, Config{Users: 40})
	group := s.newGroup("Postern eligible")
	found := s.graph("GET", "/v1.0/groups?$filter=displayName eq 'postern ELIGIBLE'&$select=id,displayName", nil).values()
	if len(found) != 1 || found[0]["id"] != group || len(found[0]) != 2 {
		t.Errorf("found %v", found)
	}
	if a := s.graph("PATCH", "/v1.0/groups/"+group, object{"description": "changed"}); a.status != 204 {
		t.Errorf("patch: %d %s", a.status, a.raw)
	}
	if a := s.graph("GET", "/v1.0/groups/"+group, nil); a.str("description") != "changed" || a.str("displayName") != "Postern eligible" {
		t.Errorf("get: %s", a.raw)
	}
	for _, body := range []object{
		{"displayName": "x", "mailEnabled": false, "securityEnabled": true},
		{"displayName": strings.Repeat("x", 257), "mailEnabled": false, "mailNickname": "x", "securityEnabled": true},
		{"displayName": "x", "mailEnabled": false, "mailNickname": "not valid", "securityEnabled": true},
		{"displayName": "x", "mailEnabled": true, "mailNickname": "x", "securityEnabled": true},
	} {
		if a := s.graph("POST", "/v1.0/groups", body); a.status != 400 || a.code() != "Request_BadRequest" {
			t.Errorf("%v: %d %s", body, a.status, a.raw)
		}
	}
	if a := s.graph("DELETE", "/v1.0/groups/"+group, nil); a.status != 204 {
		t.Errorf("delete: %d", a.status)
	}
	if a := s.graph("GET", "/v1.0/groups/"+group, nil); a.status != 404 || a.code() != "Request_ResourceNotFound" {
		t.Errorf("after delete: %d %s", a.status, a.raw)
	}
}

func TestMembers(t *testing.T) {
	s := newSite(t, Config{Users: 60})
	group, ref := s.newGroup("Members"), "/v1.0/groups/"
	var users []string
	for _, u := range s.graph("GET", "/v1.0/users?$top=30&$select=id", nil).values() {
		users = append(users, u["id"].(string))
	}
	bind := func(ids ...string) object {
		var refs []string
		for _, id := range ids {
			refs = append(refs, s.GraphURL+"/v1.0/directoryObjects/"+id)
		}
		return object{"members@odata.bind": refs}
	}
	if a := s.graph("POST", ref+group+"/members/$ref", memberRef(s, users[0])); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	if a := s.graph("POST", ref+group+"/members/$ref", memberRef(s, users[0])); a.status != 400 || a.code() != "Request_BadRequest" ||
		!strings.Contains(a.raw, "One or more added object references already exist for the following modified properties: 'members'.") {
		t.Errorf("twice: %d %s", a.status, a.raw)
	}
	if a := s.graph("POST", ref+group+"/members/$ref", memberRef(s, uuid.NewString())); a.status != 404 {
		t.Errorf("unknown member: %d %s", a.status, a.raw)
	}
	// All or nothing: one of the references is a member already.
	if a := s.graph("PATCH", ref+group, bind(users[1], users[0])); a.status != 400 || len(s.memberIDs(group)) != 1 {
		t.Errorf("half of it happened: %d, members %v", a.status, s.memberIDs(group))
	}
	if a := s.graph("PATCH", ref+group, bind(users[1:22]...)); a.status != 400 {
		t.Errorf("21 at once: %d", a.status)
	}
	if a := s.graph("PATCH", ref+group, bind(users[1:21]...)); a.status != 204 || len(s.memberIDs(group)) != 21 {
		t.Errorf("20 at once: %d %s", a.status, a.raw)
	}
	if a := s.graph("DELETE", ref+group+"/members/"+users[0]+"/$ref", nil); a.status != 204 {
		t.Errorf("remove: %d %s", a.status, a.raw)
	}
	if a := s.graph("DELETE", ref+group+"/members/"+users[0]+"/$ref", nil); a.status != 404 {
		t.Errorf("remove twice: %d", a.status)
	}
	if a := s.graph("DELETE", ref+group+"/members/"+users[1], nil); a.status != 403 {
		t.Errorf("without $ref the user itself would go: %d", a.status)
	}
	outer := s.newGroup("Outer")
	if a := s.graph("POST", ref+outer+"/members/$ref", memberRef(s, group)); a.status != 204 {
		t.Fatalf("nesting: %d %s", a.status, a.raw)
	}
	check := s.graph("POST", "/v1.0/users/"+users[1]+"/checkMemberGroups", object{"groupIds": []string{outer, group, uuid.NewString()}})
	if list, _ := check.body["value"].([]any); check.status != 200 || len(list) != 2 {
		t.Errorf("checkMemberGroups: %d %s", check.status, check.raw)
	}
	if a := s.graph("GET", ref+outer+"/transitiveMembers/microsoft.graph.user?$top=999", nil); len(a.values()) != 20 {
		t.Errorf("transitive members: %d", len(a.values()))
	}
	if a := s.graph("GET", ref+outer+"/members", nil); len(a.values()) != 1 || a.values()[0]["@odata.type"] != "#microsoft.graph.group" {
		t.Errorf("direct members: %s", a.raw)
	}
	in := func(path string) (names []string) {
		for _, v := range s.graph("GET", path, nil).values() {
			names = append(names, fmt.Sprint(v["displayName"]))
		}
		return names
	}
	if direct, all := in("/v1.0/users/"+users[1]+"/memberOf"), in("/v1.0/users/"+users[1]+"/transitiveMemberOf"); contains(direct, "Outer") || !contains(all, "Outer") || !contains(direct, "Members") {
		t.Errorf("memberOf %v, transitiveMemberOf %v", direct, all)
	}
	for name, want := range map[string]int{"All members": 403, "Domain Users (corp)": 400} {
		g := s.graph("GET", "/v1.0/groups?$filter=displayName eq '"+name+"'", nil).values()[0]["id"].(string)
		if a := s.graph("POST", ref+g+"/members/$ref", memberRef(s, users[3])); a.status != want {
			t.Errorf("%s: %d, want %d", name, a.status, want)
		}
	}
}

// TestMembersWithoutUserRead holds that an application without User.Read.All sees members as types and ids.
func TestMembersWithoutUserRead(t *testing.T) {
	s := newSite(t, Config{Users: 40})
	app := s.control("POST", "tenants/first/apps", object{"display_name": "members only", "roles": []string{"GroupMember.Read.All"}})
	g := s.graph("GET", "/v1.0/groups?$filter=startswith(displayName,'All')", nil).values()[0]["id"].(string)
	a := s.call(s.appToken(Credentials{app.str("client_id"), app.str("client_secret")}), "GET", "/v1.0/groups/"+g+"/members", nil)
	if v := a.values(); a.status != 200 || len(v) == 0 || len(v[0]) != 2 || v[0]["id"] == nil || v[0]["@odata.type"] != "#microsoft.graph.user" {
		t.Fatalf("%d %s", a.status, a.raw)
	}
}

// TestGroupCreateAlone holds an application with Group.Create to the groups it made and owns.
func TestGroupCreateAlone(t *testing.T) {
	s := newSite(t, Config{Users: 40})
	app := s.control("POST", "tenants/first/apps", object{"display_name": "creator", "roles": []string{"Group.Create"}})
	token := s.appToken(Credentials{app.str("client_id"), app.str("client_secret")})
	make := func(owners ...string) string {
		body := object{"displayName": "Made", "mailEnabled": false, "mailNickname": "made", "securityEnabled": true}
		if len(owners) > 0 {
			body["owners@odata.bind"] = owners
		}
		a := s.call(token, "POST", "/v1.0/groups", body)
		if a.status != 201 {
			t.Fatalf("%d %s", a.status, a.raw)
		}
		return a.str("id")
	}
	owned := make(s.GraphURL + "/v1.0/servicePrincipals/" + app.str("service_principal_id"))
	lost := make()
	for id, want := range map[string]int{owned: 204, lost: 403} {
		if a := s.call(token, "POST", "/v1.0/groups/"+id+"/members/$ref", memberRef(s, s.Users[0].ID)); a.status != want {
			t.Errorf("%d, want %d: %s", a.status, want, a.raw)
		}
	}
}

// TestReplicationDelay hides new groups, members and users for a while.
func TestReplicationDelay(t *testing.T) {
	s := newSite(t, Config{Users: 10})
	s.control("PATCH", "levers", object{"replication_delay": "10s", "membership_delay": "20s"})
	group := s.newGroup("Late")
	user := s.control("POST", "tenants/first/users", object{"upn": "late@" + s.Domain}).str("id")
	for _, path := range []string{"/v1.0/groups/" + group, "/v1.0/users/" + user} {
		if a := s.graph("GET", path, nil); a.status != 404 {
			t.Errorf("%s at once: %d", path, a.status)
		}
	}
	if a := s.graph("POST", "/v1.0/groups/"+group+"/members/$ref", memberRef(s, s.Users[0].ID)); a.status != 404 {
		t.Errorf("member of a hidden group: %d", a.status)
	}
	s.Server.MoveClock(11 * time.Second)
	if a := s.graph("GET", "/v1.0/users/"+user, nil); a.status != 200 {
		t.Errorf("user after the delay: %d", a.status)
	}
	if a := s.graph("POST", "/v1.0/groups/"+group+"/members/$ref", memberRef(s, s.Users[0].ID)); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.raw)
	}
	if ids := s.memberIDs(group); len(ids) != 0 {
		t.Errorf("members at once: %v", ids)
	}
	s.Server.MoveClock(time.Minute)
	if ids := s.memberIDs(group); len(ids) != 1 {
		t.Errorf("members after the delay: %v", ids)
	}
	if a := s.graph("DELETE", "/v1.0/groups/"+group+"/members/"+s.Users[0].ID+"/$ref", nil); a.status != 204 || len(s.memberIDs(group)) != 1 {
		t.Errorf("just after removal: %d, %v", a.status, s.memberIDs(group))
	}
	s.Server.MoveClock(2 * time.Minute)
	if ids := s.memberIDs(group); len(ids) != 0 {
		t.Errorf("long after removal: %v", ids)
	}
}
