package entrasim

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestPopulation(t *testing.T) {
	s := newSite(t, Config{Users: 20})
	s.control("PATCH", "levers", object{"throttle": false})
	d := newDoor(t)
	body := Population{
		Reset: true,
		Groups: []GroupSpec{
			{Name: "Outer", Members: []string{"inner", "ada"}},
			{Name: "Inner", Kind: "security", Dynamic: true},
			{Name: "Team", Kind: "microsoft365"},
			{Name: "List", Kind: "distribution"},
		},
		Users: []UserSpec{
			{UPN: "ada", DisplayName: "Ada", Roles: []string{roleGlobalReader}, Methods: []string{"microsoftAuthenticatorPush", "mobilePhone"}, Passkeys: []PasskeySpec{
				{PublicKey: d.cose, AAGUID: strings.ToUpper(modelA), Name: "Blue", Attested: true, LastUsed: time.Now().Add(-time.Hour)}, {AAGUID: modelB, Synced: true},
			}},
			{UPN: "bob@" + s.Domain, Groups: []string{"Inner", "Team"}, Guest: true},
		},
		Applications: []ApplicationSpec{{Name: "Mail"}, {Name: "Wiki", RedirectURIs: []string{"https://wiki.example/cb"}}},
	}
	a := s.control("POST", "tenants/first/population", body)
	made := a.body["users"].([]any)
	ada, bob := made[0].(object)["id"].(string), made[1].(object)["id"].(string)
	groups := a.body["groups"].([]any)

	token := s.tokenWith("Group.Read.All", "User.Read.All", "UserAuthenticationMethod.Read.All", "Application.Read.All", "RoleManagement.Read.Directory", "AuditLog.Read.All")
	ids := func(path string) (out []string) {
		t.Helper()
		a := s.call(token, "GET", path, nil)
		if a.status != 200 {
			t.Fatalf("%s: %d %s", path, a.status, a.raw)
		}
		for _, v := range a.values() {
			out = append(out, first(fmt.Sprint(v["id"]), ""))
		}
		return out
	}
	if got := ids("/v1.0/users?$select=id"); len(got) != 2 {
		t.Errorf("users after the reset: %v", got)
	}
	if got := ids("/v1.0/groups/" + groups[0].(string) + "/transitiveMembers/microsoft.graph.user?$select=id&$top=999"); len(got) != 2 {
		t.Errorf("transitive members: %v", got)
	}
	if got := ids("/v1.0/roleManagement/directory/roleAssignments?$filter=roleDefinitionId%20eq%20'" + roleGlobalReader + "'"); len(got) != 1 {
		t.Errorf("role holders: %v", got)
	}
	for name, want := range map[string]string{
		"Outer": "securityEnabled:true mailEnabled:false groupTypes:[]", "Inner": "securityEnabled:true mailEnabled:false groupTypes:[DynamicMembership]",
		"Team": "securityEnabled:false mailEnabled:true groupTypes:[Unified]", "List": "securityEnabled:false mailEnabled:true groupTypes:[]",
	} {
		list := s.call(token, "GET", "/v1.0/groups?$filter=displayName%20eq%20'"+name+"'&$select=id,displayName,groupTypes,securityEnabled,mailEnabled", nil).values()
		if len(list) != 1 {
			t.Errorf("%d groups %s", len(list), name)
			continue
		}
		if got := fmt.Sprintf("securityEnabled:%v mailEnabled:%v groupTypes:%v", list[0]["securityEnabled"], list[0]["mailEnabled"], list[0]["groupTypes"]); got != want {
			t.Errorf("%s is %s", name, got)
		}
	}
	keys := s.call(token, "GET", "/beta/users/"+ada+"/authentication/fido2Methods", nil).values()
	if len(keys) != 2 || keys[0]["aaGuid"] != modelA || keys[0]["attestationLevel"] != "attested" || keys[0]["passkeyType"] != "deviceBound" || keys[0]["lastUsedDateTime"] == nil ||
		keys[1]["passkeyType"] != "synced" || keys[1]["attestationLevel"] != "notAttested" || keys[1]["lastUsedDateTime"] != nil {
		t.Errorf("passkeys: %v", keys)
	}
	client := a.body["applications"].([]any)[1].(string)
	for _, path := range []string{
		"/v1.0/applications?$filter=appId%20eq%20'" + client + "'", "/v1.0/applications?$filter=displayName%20eq%20'Wiki'",
		"/v1.0/servicePrincipals?$filter=appId%20eq%20'" + client + "'", "/v1.0/servicePrincipals?$filter=displayName%20eq%20'wiki'",
	} {
		if list := s.call(token, "GET", path+"&$select=id,appId,displayName", nil).values(); len(list) != 1 || list[0]["appId"] != client {
			t.Errorf("%s: %v", path, list)
		}
	}
	// The same person again: passkeys and flags are replaced, the account stays.
	again := s.control("POST", "tenants/first/population", Population{Users: []UserSpec{{UPN: "bob", Disabled: true, Passkeys: []PasskeySpec{{AAGUID: modelA}}}}})
	if u := again.body["users"].([]any)[0].(object); u["id"] != bob {
		t.Errorf("bob became %v", u)
	}
	if u := s.call(token, "GET", "/v1.0/users/"+bob+"?$select=accountEnabled,userType", nil); u.body["accountEnabled"] != false || u.body["userType"] != "Member" {
		t.Errorf("bob is %s", u.raw)
	}
}

// TestPopulationRefusals holds that a Population is added as a whole or not at all.
func TestPopulationRefusals(t *testing.T) {
	d := newDoor(t)
	known, _ := d.person(UserSpec{UPN: "known"}, modelA, false)
	for name, p := range map[string]Population{
		"foreign domain":         {Users: []UserSpec{{UPN: "new"}, {UPN: "x@elsewhere.example"}}},
		"twice":                  {Users: []UserSpec{{UPN: "new"}, {UPN: "NEW"}}},
		"unknown group":          {Users: []UserSpec{{UPN: "new", Groups: []string{"nowhere"}}}},
		"unknown member":         {Users: []UserSpec{{UPN: "new"}}, Groups: []GroupSpec{{Name: "G", Members: []string{"nobody"}}}},
		"unknown member, reset":  {Reset: true, Users: []UserSpec{{UPN: "new"}}, Groups: []GroupSpec{{Name: "G", Members: []string{"nobody"}}}},
		"unknown role":           {Users: []UserSpec{{UPN: "new", Roles: []string{"admin"}}}},
		"unknown method":         {Users: []UserSpec{{UPN: "new", Methods: []string{"smoke"}}}},
		"bad AAGUID":             {Users: []UserSpec{{UPN: "new", Passkeys: []PasskeySpec{{AAGUID: "x"}}}}},
		"no key":                 {Users: []UserSpec{{UPN: "new", Passkeys: []PasskeySpec{{AAGUID: modelA, PublicKey: "AAAA"}}}}},
		"somebody's credential":  {Users: []UserSpec{{UPN: "new", Passkeys: []PasskeySpec{{AAGUID: modelA, CredentialID: known.Passkeys[0]}}}}},
		"the same credential":    {Users: []UserSpec{{UPN: "new", Passkeys: []PasskeySpec{{AAGUID: modelA, CredentialID: "AAAAAAAAAAAAAAAAAAAAAA"}, {AAGUID: modelA, CredentialID: "AAAAAAAAAAAAAAAAAAAAAA"}}}}},
		"a group with bad kind":  {Users: []UserSpec{{UPN: "new"}}, Groups: []GroupSpec{{Name: "G", Kind: "room"}}},
		"an application unnamed": {Users: []UserSpec{{UPN: "new"}}, Applications: []ApplicationSpec{{}}},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := d.s.Populate("first", p); err == nil {
				t.Fatal("no error")
			}
			tenant := d.s.first()
			tenant.view(func() {
				if tenant.user("new@"+tenant.Domain) != nil || tenant.user(known.ID) == nil || tenant.userByCredential(decodeBase64URL(known.Passkeys[0])) == nil {
					t.Error("something of it was done")
				}
			})
		})
	}
}

// BenchmarkDoor is one sign-in with a passkey: authorization request and form, without a network.
func BenchmarkDoor(b *testing.B) {
	d := newDoor(b)
	_, key := d.person(UserSpec{UPN: "member"}, modelA, false)
	d.rule(grants("OR", "00000000-0000-0000-0000-000000000004"))
	for b.Loop() {
		if got := d.visit().signIn(d.apps[0], key); got != "" {
			b.Fatal(got)
		}
	}
}
