package entra

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/postern/postern"
	"github.com/postern/postern/entrasim"
)

const (
	keyNFC  = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
	keyUSB  = "ee882879-721c-4913-9775-3dfcce97072a"
	keyLock = "c5ef55ff-ad9a-4b9f-b580-adebafe026d0"
)

// simPolicies starts an emulated tenant whose clock moves when the connector waits, with every right that policies need.
func simPolicies(t *testing.T) (*entrasim.Running, *Tenant, *fakeClock) {
	t.Helper()
	clock := &fakeClock{now: time.Now()}
	run, err := entrasim.Listen(ctx, entrasim.Config{Users: 60, Seed: 7, Now: clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = run.Close() })
	grant(t, run, "Policy.ReadWrite.ConditionalAccess", "Application.Read.All")
	tenant, err := Open(simOptions(run, func(_ *entrasim.Running, o *Options) { o.Now, o.Sleep = clock.Now, clock.Sleep }))
	if err != nil {
		t.Fatal(err)
	}
	return run, tenant, clock
}

func grant(t *testing.T, run *entrasim.Running, permissions ...string) {
	t.Helper()
	control(t, run, "PATCH", "tenants/"+run.TenantID+"/apps/"+run.ClientID, map[string]any{"grant": permissions}, nil)
}

func levers(t *testing.T, run *entrasim.Running, change func(*entrasim.Levers)) {
	t.Helper()
	l := run.Server.Levers()
	change(&l)
	if err := run.Server.SetLevers(l); err != nil {
		t.Fatal(err)
	}
}

func groupNamed(t *testing.T, tenant *Tenant, name string) DirectoryGroup {
	t.Helper()
	found, err := tenant.Groups(ctx, name)
	if err != nil || len(found) != 1 {
		t.Fatalf("groups named %q: %+v, %v", name, found, err)
	}
	return found[0]
}

func TestSimPasskeyPolicy(t *testing.T) {
	run, tenant, _ := simPolicies(t)
	engineering, research, pilot := groupNamed(t, tenant, "Engineering"), groupNamed(t, tenant, "Research"), groupNamed(t, tenant, "Passkey pilot")
	from, err := tenant.PasskeyPolicy(ctx)
	if err != nil || from.Schema != postern.PolicySchemaProfiles {
		t.Fatalf("%+v, %v", from, err)
	}
	to := from
	to.Profiles = append(slices.Clone(from.Profiles), postern.PasskeyProfile{
		ID: "7a1b2c3d-0000-4000-8000-000000000001", Name: "Keys", DeviceBound: true, AttestationEnforced: true,
		KeyRestrictions: postern.KeyRestrictions{Enforced: true, AAGUIDs: []string{keyNFC, keyUSB}},
	})
	to.Include = []postern.PolicyTarget{
		{ID: engineering.ID, Type: "group", Profiles: []string{"7a1b2c3d-0000-4000-8000-000000000001"}},
		{ID: research.ID, Type: "group", Profiles: []string{from.DefaultProfile}},
	}
	to.Exclude = []postern.PolicyTarget{{ID: pilot.ID, Type: "group"}}
	for name, atOnce := range map[string]int{"at once": 0, "one by one": 1} {
		t.Run(name, func(t *testing.T) {
			levers(t, run, func(l *entrasim.Levers) { l.TargetsAtOnce = atOnce })
			if err := tenant.WritePasskeyPolicy(ctx, from, to); err != nil {
				t.Fatal(err)
			}
			p, err := tenant.TenantPolicy(ctx)
			if err != nil || !samePasskeyPolicy(p.Passkeys, to) {
				t.Fatalf("reads back as %+v, %v", p.Passkeys, err)
			}
			if want := (postern.DirectoryName{Kind: "group", Name: "Engineering", Group: "security"}); p.Names[engineering.ID] != want {
				t.Errorf("names %+v", p.Names)
			}
			if err := tenant.WritePasskeyPolicy(ctx, to, from); err != nil {
				t.Fatal(err)
			}
			if back, err := tenant.PasskeyPolicy(ctx); err != nil || !samePasskeyPolicy(back, from) {
				t.Errorf("taken back to %+v, %v", back, err)
			}
		})
	}
}

func TestSimTenantSchema(t *testing.T) {
	run, tenant, _ := simPolicies(t)
	control(t, run, "PUT", "tenants/"+run.TenantID+"/schema", map[string]any{"profiles": false}, nil)
	from, err := tenant.PasskeyPolicy(ctx)
	if err != nil || from.Schema != postern.PolicySchemaTenant {
		t.Fatalf("%+v, %v", from, err)
	}
	to := from
	to.AttestationEnforced = !from.AttestationEnforced
	to.KeyRestrictions = postern.KeyRestrictions{Enforced: true, Block: true, AAGUIDs: []string{keyNFC}}
	to.Include = []postern.PolicyTarget{{ID: groupNamed(t, tenant, "Passkey pilot").ID, Type: "group", RegistrationRequired: true}}
	for _, step := range [][2]postern.PasskeyPolicy{{from, to}, {to, from}} {
		if err := tenant.WritePasskeyPolicy(ctx, step[0], step[1]); err != nil {
			t.Fatal(err)
		}
		if there, err := tenant.PasskeyPolicy(ctx); err != nil || there.Schema != postern.PolicySchemaTenant || !samePasskeyPolicy(there, step[1]) {
			t.Errorf("reads back as %+v, %v", there, err)
		}
	}
}

func TestSimPasskeyPolicyRefused(t *testing.T) {
	_, tenant, _ := simPolicies(t)
	team := groupNamed(t, tenant, "Town hall")
	from, err := tenant.PasskeyPolicy(ctx)
	if err != nil {
		t.Fatal(err)
	}
	many := make([]string, 700)
	for n := range many {
		many[n] = tenant.profileID(strings.Repeat("x", n))
	}
	for name, c := range map[string]struct {
		change      func(p *postern.PasskeyPolicy)
		code        postern.Code
		field, says string
	}{
		"not a security group": {
			func(p *postern.PasskeyPolicy) {
				p.Include = append(p.Include, postern.PolicyTarget{ID: team.ID, Type: "group"})
			},
			postern.CodePolicyTarget, "passkeys.include", "Town hall is not a security group",
		},
		"no group": {
			func(p *postern.PasskeyPolicy) {
				p.Exclude = append(p.Exclude, postern.PolicyTarget{ID: "10000000-0000-4000-8000-000000000001", Type: "group"})
			},
			postern.CodePolicyTarget, "passkeys.exclude", "no group 10000000",
		},
		"too large": {
			func(p *postern.PasskeyPolicy) {
				p.Profiles[0].KeyRestrictions = postern.KeyRestrictions{Enforced: true, AAGUIDs: many}
			},
			postern.CodePolicyLimit, "passkeys", "20 KB",
		},
		"something else": {
			func(p *postern.PasskeyPolicy) { p.Profiles[0].Name = " " },
			postern.CodeEntraRefused, "passkeys.profiles", "needs a name",
		},
	} {
		t.Run(name, func(t *testing.T) {
			to := from
			to.Profiles = slices.Clone(from.Profiles)
			c.change(&to)
			e := wantCode(t, tenant.WritePasskeyPolicy(ctx, from, to), c.code)
			if e.Field != c.field || !strings.Contains(e.Message, c.says) || !strings.Contains(e.Message, "Graph says") {
				t.Errorf("%q on %q", e.Message, e.Field)
			}
			if there, err := tenant.PasskeyPolicy(ctx); err != nil || !samePasskeyPolicy(there, from) {
				t.Errorf("left %+v, %v", there, err)
			}
		})
	}
}

func TestSimStrengths(t *testing.T) {
	_, tenant, _ := simPolicies(t)
	read := func() postern.AuthenticationStrength {
		t.Helper()
		p, err := tenant.TenantPolicy(ctx)
		if err != nil || !p.StrengthsRead {
			t.Fatal(p.StrengthsRead, err)
		}
		for _, s := range p.Strengths {
			if !s.BuiltIn {
				return s
			}
		}
		return postern.AuthenticationStrength{}
	}
	at, err := tenant.CreateStrength(ctx, postern.AuthenticationStrength{
		ID: postern.NewPolicyID("Keys"), Name: "Keys", Description: "Only these", Combinations: []string{"fido2", "password,sms"}, AAGUIDs: []string{strings.ToUpper(keyNFC)},
	})
	if err != nil || at.ID == "" || postern.IsNewPolicyID(at.ID) {
		t.Fatalf("%+v, %v", at, err)
	}
	want := postern.AuthenticationStrength{ID: at.ID, Name: "Keys", Description: "Only these", Combinations: []string{"fido2", "password,sms"}, AAGUIDs: []string{keyNFC}}
	if diff := cmp.Diff(want, read()); diff != "" {
		t.Fatalf("strength (-want +got):\n%s", diff)
	}
	for _, change := range []func(s *postern.AuthenticationStrength){
		func(s *postern.AuthenticationStrength) { s.Name, s.Description = "Keys only", "" },
		func(s *postern.AuthenticationStrength) { s.AAGUIDs = []string{keyNFC, keyUSB} },
		func(s *postern.AuthenticationStrength) { s.Combinations = []string{"fido2", "windowsHelloForBusiness"} },
		func(s *postern.AuthenticationStrength) { s.AAGUIDs = nil },
		func(s *postern.AuthenticationStrength) { s.AAGUIDs = []string{keyLock} },
		func(s *postern.AuthenticationStrength) { s.Combinations, s.AAGUIDs = []string{"password,sms"}, nil },
		func(s *postern.AuthenticationStrength) {
			s.Combinations, s.AAGUIDs = []string{"fido2"}, []string{keyUSB}
		},
	} {
		to := want
		change(&to)
		if err := tenant.UpdateStrength(ctx, want, to); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(to, read()); diff != "" {
			t.Fatalf("strength (-want +got):\n%s", diff)
		}
		if err := tenant.UpdateStrength(ctx, want, to); err != nil { // once more, as after an unknown outcome
			t.Fatal(err)
		}
		want = to
	}
	wantCode(t, tenant.UpdateStrength(ctx, want, postern.AuthenticationStrength{Name: want.Name, Combinations: []string{"magic"}}), postern.CodeEntraRefused)

	policy, err := tenant.CreateConditionalAccess(ctx, postern.ConditionalAccessPolicy{
		Name: "Demand keys", State: postern.ConditionalAccessReportOnly, Grant: postern.ConditionalAccessGrant{Strength: want.ID},
		Users: postern.ConditionalAccessUsers{IncludeUsers: []string{"All"}}, Applications: postern.ConditionalAccessTargets{Include: []string{"All"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if used, err := tenant.StrengthUsage(ctx, want.ID); err != nil || len(used) != 1 || used[0].ID != policy.ID || used[0].Name != "Demand keys" {
		t.Errorf("used by %+v, %v", used, err)
	}
	if e := wantCode(t, tenant.DeleteStrength(ctx, want.ID), postern.CodeEntraRefused); !strings.Contains(e.Message, "Demand keys") {
		t.Errorf("does not say what is in the way: %q", e.Message)
	}
	for range 2 { // the second time they are gone
		if err := errors.Join(tenant.DeleteConditionalAccess(ctx, policy.ID), tenant.DeleteStrength(ctx, want.ID)); err != nil {
			t.Error(err)
		}
	}
	if s := read(); s.ID != "" {
		t.Errorf("still there: %+v", s)
	}
}

func TestSimConditionalAccess(t *testing.T) {
	run, tenant, clock := simPolicies(t)
	pilot := groupNamed(t, tenant, "Passkey pilot")
	apps, err := tenant.Applications(ctx, "Passkey sign-in")
	if err != nil || len(apps) != 1 || apps[0].ID != run.SignInClientID {
		t.Fatalf("%+v, %v", apps, err)
	}
	begun := clock.Now()
	made, err := tenant.CreateConditionalAccess(ctx, postern.ConditionalAccessPolicy{
		ID: postern.NewPolicyID("Pilot"), Name: "Pilot", State: postern.ConditionalAccessOff,
		Users: postern.ConditionalAccessUsers{
			IncludeGroups: []string{pilot.ID}, ExcludeUsers: []string{run.Users[0].ID}, IncludeRoles: []string{"62e90394-69f5-4237-9190-012177145e10"},
		},
		Applications: postern.ConditionalAccessTargets{Include: []string{run.SignInClientID}},
		Grant:        postern.ConditionalAccessGrant{Strength: "00000000-0000-0000-0000-000000000004"},
	})
	if err != nil {
		t.Fatal(err)
	}
	// Somebody adds conditions that Postern does not know.
	if _, err := tenant.send(ctx, call{op: opChangeAccess, method: http.MethodPatch, path: accessPath + "/" + made.ID, body: map[string]any{
		"conditions": map[string]any{
			"clientAppTypes": []string{"all"}, "platforms": map[string]any{"includePlatforms": []string{"windows"}},
			"applications": map[string]any{"includeApplications": []string{run.SignInClientID}},
			"users":        map[string]any{"includeGroups": []string{pilot.ID}, "includeGuestsOrExternalUsers": map[string]any{"guestOrExternalUserTypes": "b2bCollaborationGuest"}},
		},
	}}); err != nil {
		t.Fatal(err)
	}
	read := func() postern.ConditionalAccessPolicy {
		t.Helper()
		p, err := tenant.TenantPolicy(ctx)
		if err != nil || !p.ConditionalAccessRead || len(p.ConditionalAccess) != 1 {
			t.Fatalf("%+v, %v", p, err)
		}
		return p.ConditionalAccess[0]
	}
	at := read()
	want := made
	want.Users = postern.ConditionalAccessUsers{IncludeGroups: []string{pilot.ID}}
	want.Other = []string{"includeGuestsOrExternalUsers", "platforms"}
	if diff := cmp.Diff(want, at); diff != "" {
		t.Fatalf("policy (-want +got):\n%s", diff)
	}
	for _, change := range []func(p *postern.ConditionalAccessPolicy){
		func(p *postern.ConditionalAccessPolicy) { p.State, p.Name = postern.ConditionalAccessOn, "Pilots" },
		func(p *postern.ConditionalAccessPolicy) {
			p.Users = postern.ConditionalAccessUsers{IncludeUsers: []string{"All"}, ExcludeGroups: []string{pilot.ID}}
		},
		func(p *postern.ConditionalAccessPolicy) {
			p.Applications = postern.ConditionalAccessTargets{UserActions: []string{postern.UserActionRegister}}
		},
		func(p *postern.ConditionalAccessPolicy) {
			p.Grant = postern.ConditionalAccessGrant{All: true, Controls: []string{"mfa", "compliantDevice"}}
		},
		func(p *postern.ConditionalAccessPolicy) {
			p.Grant = postern.ConditionalAccessGrant{Strength: "00000000-0000-0000-0000-000000000003"}
		},
	} {
		to := at
		change(&to)
		if err := tenant.UpdateConditionalAccess(ctx, at, to); err != nil {
			t.Fatal(err)
		}
		if at = read(); cmp.Diff(to, at, cmpopts.EquateEmpty()) != "" {
			t.Fatalf("policy (-want +got):\n%s", cmp.Diff(to, at, cmpopts.EquateEmpty()))
		}
		if err := tenant.UpdateConditionalAccess(ctx, at, at); err != nil {
			t.Fatal(err)
		}
	}
	if e := wantCode(t, tenant.UpdateConditionalAccess(ctx, at, postern.ConditionalAccessPolicy{Name: at.Name, State: "someday"}), postern.CodeEntraRefused); e.Field != "conditional_access" {
		t.Errorf("%q on %q", e.Message, e.Field)
	}
	if err := tenant.DeleteConditionalAccess(ctx, at.ID); err != nil {
		t.Fatal(err)
	}
	// One call a second is the limit of the whole tenant, and its refusals do not say how long to wait.
	for _, slept := range clock.sleeps() {
		if slept > 5*time.Second {
			t.Errorf("waited %s for a limit of one second", slept)
		}
	}
	if clock.Now().Sub(begun) < 10*time.Second {
		t.Errorf("all calls within %s", clock.Now().Sub(begun))
	}
}

// An outcome that nobody knows is told as such for what must not be made twice, and repeated for what may.
func TestSimPolicyOutcomes(t *testing.T) {
	run, tenant, _ := simPolicies(t)
	fault(t, run, entrasim.Fault{Method: "POST", Path: "/v1.0/policies/authenticationStrengthPolicies", Drop: "after", Count: 1})
	if _, err := tenant.CreateStrength(ctx, postern.AuthenticationStrength{Name: "Keys", Combinations: []string{"fido2"}}); !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("a strength: %v", err)
	}
	fault(t, run, entrasim.Fault{Method: "POST", Path: "/v1.0/identity/conditionalAccess/policies", Status: 503, Count: 1})
	if _, err := tenant.CreateConditionalAccess(ctx, postern.ConditionalAccessPolicy{Name: "P"}); !errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("a policy: %v", err)
	}
	from, err := tenant.PasskeyPolicy(ctx)
	if err != nil {
		t.Fatal(err)
	}
	fault(t, run, entrasim.Fault{Method: "PATCH", Path: "/v1.0/policies/**", Drop: "after", Count: 2})
	to := from
	to.SelfService = !from.SelfService
	if err := tenant.WritePasskeyPolicy(ctx, from, to); err != nil {
		t.Error(err)
	}
}

// What a change would need is told before it is tried, and only then.
func TestSimPolicyPermissions(t *testing.T) {
	run, tenant := sim(t)
	before, err := tenant.TenantPolicy(ctx)
	if err != nil || !before.ConditionalAccessRead {
		t.Fatalf("%+v, %v", before, err)
	}
	missing := func(after postern.TenantPolicy) []string {
		t.Helper()
		found, err := tenant.MissingFor(ctx, PolicyNeeds(before, after)...)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, n := range found {
			names = append(names, n.Any[0])
		}
		return names
	}
	after := before
	after.Passkeys.SelfService = !before.Passkeys.SelfService
	after.Strengths = append(slices.Clone(before.Strengths), postern.AuthenticationStrength{Name: "Keys"})
	if got := missing(after); got != nil {
		t.Errorf("passkeys and strengths lack %v", got)
	}
	after.ConditionalAccess = []postern.ConditionalAccessPolicy{{Name: "P"}}
	if got := missing(after); !slices.Equal(got, []string{"Policy.ReadWrite.ConditionalAccess"}) {
		t.Errorf("Conditional Access lacks %v", got)
	}
	_, err = tenant.CreateConditionalAccess(ctx, after.ConditionalAccess[0])
	if e := wantCode(t, err, postern.CodeEntraPermission); !strings.Contains(e.Message, "Policy.ReadWrite.ConditionalAccess") || !strings.Contains(e.Next, "Policy.ReadWrite.ConditionalAccess") {
		t.Errorf("%q, %q", e.Message, e.Next)
	}
	grant(t, run, "Policy.ReadWrite.ConditionalAccess", "Policy.Read.ConditionalAccess", "Application.Read.All")
	report, err := tenant.Permissions(ctx)
	if err != nil || len(report.Missing) != 0 || slices.ContainsFunc(report.Surplus, func(s string) bool { return strings.HasPrefix(s, "Policy.") || strings.HasPrefix(s, "Application.") }) {
		t.Errorf("%+v, %v", report, err)
	}
	if got := missing(after); got != nil {
		t.Errorf("still lacks %v", got)
	}
}

func TestSimGroupsAndMembers(t *testing.T) {
	run, tenant, _ := simPolicies(t)
	for name, want := range map[string]DirectoryGroup{
		"Passkey pilot": {Kind: "security"}, "Town hall": {Kind: "microsoft365"}, "All members": {Kind: "security", Dynamic: true},
	} {
		g := groupNamed(t, tenant, name)
		if g.Name != name || g.Kind != want.Kind || g.Dynamic != want.Dynamic {
			t.Errorf("%+v", g)
		}
		if same := groupNamed(t, tenant, strings.ToUpper(g.ID)); same != g {
			t.Errorf("by id %+v", same)
		}
	}
	if found, err := tenant.Groups(ctx, "O'Nobody"); err != nil || found != nil {
		t.Errorf("%+v, %v", found, err)
	}
	var all, direct []string
	for id, err := range tenant.TransitiveMembers(ctx, groupNamed(t, tenant, "Technology").ID) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, id)
	}
	for _, name := range []string{"Engineering", "IT", "Research"} {
		for m, err := range tenant.Members(ctx, groupNamed(t, tenant, name).ID) {
			if err != nil {
				t.Fatal(err)
			}
			direct = append(direct, m.ObjectID)
		}
	}
	if !sameSet(all, direct) || len(all) == 0 {
		t.Errorf("%d members through groups, %d of the groups", len(all), len(direct))
	}
	for _, err := range tenant.TransitiveMembers(ctx, "10000000-0000-4000-8000-000000000001") {
		wantCode(t, err, postern.CodeEntraNotFound)
	}
	const helpdesk = "729827e3-9c14-49f7-bb1b-9608f156bbb8"
	control(t, run, "PATCH", "tenants/"+run.TenantID+"/users/"+run.Users[3].ID, map[string]any{"roles": []string{helpdesk}}, nil)
	holders, err := tenant.RoleHolders(ctx, strings.ToUpper(helpdesk))
	if err != nil || !slices.Contains(holders, run.Users[3].ID) {
		t.Errorf("%v, %v", holders, err)
	}
}
