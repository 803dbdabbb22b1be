package entra

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postern/postern"
)

func TestAddMembersTwentyAtATime(t *testing.T) {
	var sizes []int
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		var in struct {
			Members []string `json:"members@odata.bind"`
		}
		_ = json.NewDecoder(r.Body).Decode(&in)
		sizes = append(sizes, len(in.Members))
		w.WriteHeader(http.StatusNoContent)
	})
	tenant, _ := f.open()
	if err := tenant.AddMembers(ctx, "g", userNames(45)); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(sizes, []int{20, 20, 5}) {
		t.Errorf("added %v at a time", sizes)
	}
	if err := tenant.AddMembers(ctx, "g", nil); err != nil || len(sizes) != 3 {
		t.Errorf("adding nobody: %v", err)
	}
}

// When one of twenty is there already Graph adds nobody; the others must still be added, and a 400 for another reason must
// not pass for success.
func TestAddMembersWhoAreThereAlready(t *testing.T) {
	members := map[string]bool{"b": true}
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodPatch:
			graphRefuses(w, 400, "Request_BadRequest", "One or more added object references already exist.")
		case strings.HasSuffix(r.URL.Path, "/members/$ref"):
			var in map[string]string
			_ = json.NewDecoder(r.Body).Decode(&in)
			id := in["@odata.id"][strings.LastIndexByte(in["@odata.id"], '/')+1:]
			if members[id] || id == "device" {
				graphRefuses(w, 400, "Request_BadRequest", "No.")
				return
			}
			members[id] = true
			w.WriteHeader(http.StatusNoContent)
		case strings.HasSuffix(r.URL.Path, "/checkMemberGroups"):
			found := []string{}
			if members[strings.Split(r.URL.Path, "/")[3]] {
				found = append(found, "g")
			}
			writeJSON(w, 200, map[string]any{"value": found})
		}
	})
	tenant, _ := f.open()
	if err := tenant.AddMembers(ctx, "g", []string{"a", "b", "c"}); err != nil {
		t.Fatal(err)
	}
	if !members["a"] || !members["c"] {
		t.Errorf("members %v", members)
	}
	wantCode(t, tenant.AddMembers(ctx, "g", []string{"device"}), postern.CodeEntraRefused)
}

func TestRemoveMemberAlwaysNamesTheReference(t *testing.T) {
	status := 204
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if status == 204 {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		graphRefuses(w, status, "x", "")
	})
	tenant, _ := f.open()
	for _, c := range []struct {
		status int
		ok     bool
	}{{204, true}, {404, true}, {403, false}} {
		status = c.status
		if err := tenant.RemoveMember(ctx, "g", "u"); (err == nil) != c.ok {
			t.Errorf("%d gives %v", c.status, err)
		}
		if err := tenant.DeletePasskey(ctx, "u", "m"); (err == nil) != c.ok {
			t.Errorf("deleting a passkey, %d gives %v", c.status, err)
		}
	}
	for _, call := range f.seen() {
		if strings.Contains(call, "/members/") && !strings.HasSuffix(call, "/members/u/$ref") {
			t.Errorf("a call without the reference: %s", call)
		}
	}
}

func TestCreateGroupBounds(t *testing.T) {
	var sent map[string]any
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&sent)
		writeJSON(w, 201, map[string]any{"id": "g", "displayName": "n", "groupTypes": []string{"DynamicMembership"}, "onPremisesSyncEnabled": true})
	})
	tenant, _ := f.open()
	for _, g := range []NewGroup{{}, {DisplayName: strings.Repeat("x", 257)}, {DisplayName: "x", Description: strings.Repeat("x", 1025)}} {
		if _, err := tenant.CreateGroup(ctx, g); err == nil {
			t.Errorf("%.20v was sent", g)
		}
	}
	g, err := tenant.CreateGroup(ctx, NewGroup{DisplayName: "Postern Group (Client Paired)"})
	if err != nil || !g.Dynamic || !g.Synced {
		t.Errorf("%+v, %v", g, err)
	}
	want := map[string]any{
		"displayName": "Postern Group (Client Paired)", "mailEnabled": false, "mailNickname": "Postern-Group-Client-Paired-",
		"securityEnabled": true, "groupTypes": []any{},
	}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
}

func TestNickname(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := nickname(rapid.String().Draw(t, "name"))
		if n == "" || len(n) > 64 || strings.ContainsAny(n, `@()\[]";:.<>, `) {
			t.Fatalf("nickname %q", n)
		}
		for _, r := range n {
			if r <= ' ' || r > '~' {
				t.Fatalf("nickname %q", n)
			}
		}
	})
}

func TestRevokeSessionsTakesEitherAnswer(t *testing.T) {
	for _, status := range []int{200, 204} {
		f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
			if status == 200 {
				writeJSON(w, 200, map[string]any{"value": true})
				return
			}
			w.WriteHeader(http.StatusNoContent)
		})
		tenant, _ := f.open()
		if err := tenant.RevokeSessions(ctx, "u"); err != nil {
			t.Errorf("%d: %v", status, err)
		}
	}
}

func TestFilterQuotesItsLiteral(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) { writeJSON(w, 200, map[string]any{"value": []any{}}) })
	tenant, _ := f.open()
	if _, err := tenant.FindGroups(ctx, "O'Neil & Söhne #1"); err != nil {
		t.Fatal(err)
	}
	want := "GET /v1.0/groups?$filter=displayName%20eq%20%27O%27%27Neil%20%26%20S%C3%B6hne%20%231%27&$select=" + strings.ReplaceAll(groupFields, ",", "%2C")
	if calls := f.seen(); calls[0] != want {
		t.Errorf("asked %s, want %s", calls[0], want)
	}
}

// Roles held through a group count as much as roles held directly.
func TestRolesThroughGroups(t *testing.T) {
	const admins, global, user = "aaaaaaaa-0000-4000-8000-000000000001", "62e90394-69f5-4237-9190-012177145e10", "bbbbbbbb-0000-4000-8000-000000000002"
	listed := 0
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.HasSuffix(r.URL.Path, "/roleAssignments") && r.URL.Query().Get("$filter") != "":
			writeJSON(w, 200, map[string]any{"value": []any{map[string]any{
				"principalId": user, "roleDefinitionId": "88d8e3e3-8f55-4a1e-953a-9b9898b8876b",
				"roleDefinition": map[string]any{"displayName": "Directory Readers"},
			}}})
		case strings.HasSuffix(r.URL.Path, "/roleAssignments"):
			listed++
			writeJSON(w, 200, map[string]any{"value": []any{
				map[string]any{"principalId": admins, "roleDefinitionId": strings.ToUpper(global), "principal": map[string]any{"@odata.type": "#microsoft.graph.group"}},
				map[string]any{"principalId": "app", "roleDefinitionId": global, "principal": map[string]any{"@odata.type": "#microsoft.graph.servicePrincipal"}},
				map[string]any{"principalId": "other", "roleDefinitionId": global, "principal": map[string]any{"@odata.type": "#microsoft.graph.user"}},
			}})
		case strings.HasSuffix(r.URL.Path, "/checkMemberGroups"):
			writeJSON(w, 200, map[string]any{"value": []string{admins}})
		case strings.Contains(r.URL.Path, "/transitiveMembers/"):
			writeJSON(w, 200, map[string]any{"value": []any{map[string]any{"id": user}, map[string]any{"id": "other"}}})
		default:
			writeJSON(w, 200, map[string]any{"id": user, "userPrincipalName": "u@contoso.com", "accountEnabled": false})
		}
	})
	tenant, clock := f.open()
	for range 2 {
		u, err := tenant.User(ctx, user)
		if err != nil || !u.Privileged || u.Enabled || !slices.Equal(u.Roles, []string{"Directory Readers", "Global Administrator"}) {
			t.Fatalf("%+v, %v", u, err)
		}
	}
	if listed != 1 {
		t.Errorf("the groups with roles were listed %d times", listed)
	}
	_ = clock.Sleep(ctx, groupRolesFor+time.Second)
	if _, err := tenant.User(ctx, user); err != nil || listed != 2 {
		t.Errorf("after %v the groups were listed %d times, %v", groupRolesFor, listed, err)
	}
	holders, err := tenant.PrivilegedUsers(ctx)
	want := map[string][]string{user: {"Global Administrator"}, "other": {"Global Administrator"}}
	if err != nil || !cmp.Equal(holders, want) {
		t.Errorf("holders %v, %v", holders, err)
	}
}

// A user whose roles cannot be read must not pass as an ordinary one.
func TestRolesThatCannotBeReadAreAnError(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "roleAssignments") {
			graphRefuses(w, 500, "UnknownError", "")
			return
		}
		writeJSON(w, 200, map[string]any{"id": "u"})
	})
	tenant, _ := f.open()
	_, err := tenant.User(ctx, "u")
	wantCode(t, err, postern.CodeEntraUnavailable)
}

func TestPermissionReport(t *testing.T) {
	needed := needs[postern.PermissionsStandard]
	for _, c := range []struct {
		name                    string
		granted, other          []string
		missing, surplus, wrong []string
		delegated               bool
	}{
		{name: "exactly", granted: []string{"UserAuthMethod-Passkey.ReadWrite.All", "User.Read.All", "RoleManagement.Read.Directory", "Group.Create", "GroupMember.ReadWrite.All", "User.RevokeSessions.All"}},
		{name: "broader ones", granted: []string{"UserAuthenticationMethod.ReadWrite.All", "Directory.ReadWrite.All"}},
		{name: "two delegated", granted: []string{"UserAuthenticationMethod.ReadWrite.All", "Directory.AccessAsUser.All", "User.Read", "openid"}, delegated: true},
		{name: "narrow and broad", granted: []string{"UserAuthMethod-Passkey.ReadWrite.All", "UserAuthenticationMethod.ReadWrite.All", "Directory.ReadWrite.All"}, surplus: []string{"UserAuthenticationMethod.ReadWrite.All"}},
		{name: "reading is no surplus", granted: []string{"UserAuthMethod-Passkey.ReadWrite.All", "UserAuthMethod-Passkey.Read.All", "Directory.ReadWrite.All", "Organization.Read.All"}},
		{name: "nothing", missing: []string{"UserAuthMethod-Passkey.ReadWrite.All", "User.Read.All", "RoleManagement.Read.Directory", "Group.Create", "GroupMember.ReadWrite.All", "User.RevokeSessions.All"}},
		{name: "wrong type", granted: []string{"Directory.AccessAsUser.All"}, delegated: true, other: []string{"UserAuthenticationMethod.ReadWrite.All"}, wrong: []string{"UserAuthenticationMethod.ReadWrite.All"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := report(needed, grants{known: true, delegated: c.delegated, names: c.granted}, grants{names: c.other})
			if !slices.Equal(r.Missing, c.missing) || !slices.Equal(r.Surplus, c.surplus) || !slices.Equal(r.WrongType, c.wrong) || len(r.Granted) != len(c.granted) {
				t.Errorf("report %+v", r)
			}
			if r.OK() != (len(c.missing)+len(c.wrong) == 0) {
				t.Errorf("OK is %t", r.OK())
			}
			for _, g := range r.Granted {
				if (g.Type == "delegated") != c.delegated {
					t.Errorf("%s is %s", g.Name, g.Type)
				}
			}
		})
	}
}

func TestNeedsGrowWithTheSet(t *testing.T) {
	var before []Need
	for _, set := range []postern.PermissionSet{postern.PermissionsPasskeys, postern.PermissionsStandard, postern.PermissionsFull} {
		now := Needs(set)
		if len(now) <= len(before) || len(before) > 0 && !cmp.Equal(now[:len(before)], before) {
			t.Errorf("%s does not add to the smaller set", set)
		}
		before = now
	}
}

// An unreadable token is no reason to refuse work, only to refuse the report.
func TestOpaqueToken(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		writeJSON(w, 200, map[string]any{"id": "u", "userPrincipalName": "u@contoso.com"})
	})
	f.token = func(w http.ResponseWriter, _ url.Values) bool {
		writeJSON(w, 200, map[string]any{"token_type": "Bearer", "expires_in": 3599, "access_token": "opaque"})
		return true
	}
	tenant, _ := f.open()
	if u, err := tenant.User(ctx, "u"); err != nil || u.ObjectID != "u" {
		t.Errorf("%+v, %v", u, err)
	}
	_, err := tenant.Permissions(ctx)
	wantCode(t, err, postern.CodeEntraAnswerUnexpected)
}

func TestPolicyReading(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, `{"state":"enabled","isSelfServiceRegistrationAllowed":true,"isAttestationEnforced":true,
			"keyRestrictions":{"isEnforced":true,"enforcementType":"block","aaGuids":["DE1E552D-DB1D-4423-A619-566B625CDC84"]},"defaultPasskeyProfile":"p1",
			"includeTargets":[{"targetType":"group","id":"all_users","allowedPasskeyProfiles":["p1"]}],"excludeTargets":[{"id":"x","targetType":"group"}],
			"passkeyProfiles":[{"id":"p1","name":"Default","passkeyTypes":"deviceBound, synced","attestationEnforcement":"registrationOnly",
			"keyRestrictions":{"isEnforced":true,"enforcementType":"allow","aaGuids":["8a208249-8aef-41b3-907f-776d51e6526f"]}}]}`)
	})
	tenant, _ := f.open()
	got, err := tenant.PasskeyPolicy(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := postern.PasskeyPolicy{
		Schema: postern.PolicySchemaProfiles, Enabled: true, SelfService: true, AttestationEnforced: true, DefaultProfile: "p1",
		KeyRestrictions: postern.KeyRestrictions{Enforced: true, AAGUIDs: []string{"8a208249-8aef-41b3-907f-776d51e6526f"}}, // of the default profile
		Include:         []postern.PolicyTarget{{ID: "all_users", Type: "group", Profiles: []string{"p1"}}},
		Exclude:         []postern.PolicyTarget{{ID: "x", Type: "group"}},
		Profiles: []postern.PasskeyProfile{{
			ID: "p1", Name: "Default", DeviceBound: true, Synced: true, AttestationEnforced: true,
			KeyRestrictions: postern.KeyRestrictions{Enforced: true, AAGUIDs: []string{"8a208249-8aef-41b3-907f-776d51e6526f"}},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}
