package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/document"
	"github.com/postern/postern/center/policy/plan"
)

var (
	someModels = []string{posternModel, android, ios, yubikey, strange, "08987058-cadc-4b81-b6e1-30de50dcbe96"}
	someGroups = []string{pilot, admins, breakGlass, "eeeeeeee-0000-4000-8000-00000000000e"}
	someModes  = []string{"fido2", "windowsHelloForBusiness", "password,sms", "x509CertificateMultiFactor"}
	states     = []postern.ConditionalAccessState{postern.ConditionalAccessOn, postern.ConditionalAccessOff, postern.ConditionalAccessReportOnly}
	awkward    = []string{"A", "B\nversion: 2", "id:C", "# D", "on", "null", "E: [", "“F”"}
)

// some draws a list of distinct elements, in any order.
func some(t *rapid.T, label string, from []string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(from), 0, 4, rapid.ID[string]).Draw(t, label)
}

func boolean(t *rapid.T, label string) bool { return rapid.Bool().Draw(t, label) }

func restrictions(t *rapid.T, label string) postern.KeyRestrictions {
	return postern.KeyRestrictions{Enforced: boolean(t, label+" enforced"), Block: boolean(t, label+" block"), AAGUIDs: some(t, label+" models", someModels)}
}

// policy draws a tenant. Ids are drawn from few, so that two tenants share some of them.
func policy(t *rapid.T, label string, schema postern.PolicySchema) postern.TenantPolicy {
	p := postern.TenantPolicy{
		StrengthsRead: true, ConditionalAccessRead: true,
		Passkeys: postern.PasskeyPolicy{Schema: schema, Enabled: boolean(t, label+" on"), SelfService: boolean(t, label+" self"), Include: []postern.PolicyTarget{}},
		Names:    map[string]postern.DirectoryName{pilot: {Kind: "group", Name: "Pilot\nusers", Group: "security"}},
	}
	k := &p.Passkeys
	k.AttestationEnforced, k.KeyRestrictions = boolean(t, label+" attestation"), restrictions(t, label)
	var profiles []string
	if schema == postern.PolicySchemaProfiles {
		profiles = append([]string{defaultProfile}, some(t, label+" profiles", []string{keysProfile, "p3"})...)
		profiles = profiles[:min(len(profiles), 3)]
		k.DefaultProfile = defaultProfile
		for i, id := range profiles {
			name := awkward[i] + id[len(id)-1:]
			types := rapid.IntRange(1, 3).Draw(t, label+" types")
			k.Profiles = append(k.Profiles, postern.PasskeyProfile{
				ID: id, Name: name, DeviceBound: types&1 != 0, Synced: types&2 != 0, AttestationEnforced: types == 1 && boolean(t, label+" attested"),
				KeyRestrictions: restrictions(t, label+" "+id),
			})
		}
		k.AttestationEnforced, k.KeyRestrictions = k.Profiles[0].AttestationEnforced, k.Profiles[0].KeyRestrictions
	}
	for _, id := range some(t, label+" include", append([]string{postern.TargetAllUsers}, someGroups...)) {
		target := postern.PolicyTarget{ID: id, Type: "group", RegistrationRequired: boolean(t, label+" required")}
		if profiles != nil {
			target.Profiles = some(t, label+" assigned", profiles)
		}
		k.Include = append(k.Include, target)
	}
	for _, id := range some(t, label+" exclude", someGroups) {
		k.Exclude = append(k.Exclude, postern.PolicyTarget{ID: id, Type: "group"})
	}
	p.Strengths = []postern.AuthenticationStrength{tenant().Strengths[0]}
	for _, id := range some(t, label+" strengths", []string{"s1", "s2", "s3"}) {
		p.Strengths = append(p.Strengths, postern.AuthenticationStrength{
			ID: id, Name: rapid.SampledFrom(awkward).Draw(t, label+" name") + id, Description: rapid.SampledFrom([]string{"", "# x\ny"}).Draw(t, label+" description"),
			Combinations: append([]string{"fido2"}, some(t, label+" modes", someModes[1:])...), AAGUIDs: some(t, label+" models", someModels),
		})
	}
	for _, id := range some(t, label+" access", []string{"c1", "c2", "c3"}) {
		p.ConditionalAccess = append(p.ConditionalAccess, postern.ConditionalAccessPolicy{
			ID: id, Name: rapid.SampledFrom(awkward).Draw(t, label+" name") + id, State: rapid.SampledFrom(states).Draw(t, label+" state"),
			Users: postern.ConditionalAccessUsers{
				IncludeUsers: some(t, label+" users", []string{"All", "GuestsOrExternalUsers", breakGlass}), ExcludeUsers: some(t, label+" spared", []string{"None", breakGlass}),
				IncludeGroups: some(t, label+" groups", someGroups), ExcludeGroups: some(t, label+" spared groups", someGroups),
				IncludeRoles: some(t, label+" roles", []string{"62e90394-69f5-4237-9190-012177145e10"}),
			},
			Applications: postern.ConditionalAccessTargets{
				Include: some(t, label+" apps", []string{"All", "Office365", "dddddddd-0000-4000-8000-000000000001"}), Exclude: some(t, label+" not apps", []string{"MicrosoftAdminPortals"}),
				UserActions: some(t, label+" actions", []string{postern.UserActionRegister, "urn:user:other"}),
			},
			Grant: postern.ConditionalAccessGrant{
				All: boolean(t, label+" all"), Controls: some(t, label+" controls", []string{"compliantDevice", "block"}),
				Unjudged: some(t, label+" unjudged", []string{"termsOfUse", "customAuthenticationFactors"}),
				Strength: p.Strengths[rapid.IntRange(0, len(p.Strengths)-1).Draw(t, label+" strength")].ID,
			},
			Other: some(t, label+" other", []string{"platforms", "locations"}),
		})
	}
	return p
}

func schemas(t *rapid.T) postern.PolicySchema {
	return rapid.SampledFrom([]postern.PolicySchema{postern.PolicySchemaTenant, postern.PolicySchemaProfiles}).Draw(t, "schema")
}

// What Export writes changes nothing, whatever the tenant's names hold.
func TestExportPlansToNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := policy(t, "tenant", schemas(t))
		text, err := document.Export(before, models)
		if err != nil {
			t.Fatal(err)
		}
		d, err := document.Parse(text)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		r, err := plan.Make(before, d, plan.Names{}, models)
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		if len(r.Steps) != 0 {
			t.Fatalf("%s\n%s", lines(r.Steps), text)
		}
		if got, want := facts(r.After), facts(before); !maps.Equal(got, want) {
			t.Fatalf("after is not before:\n%v", got)
		}
	})
}

// The steps of a difference, applied by somebody who knows nothing of the differ, lead from one policy to the other; those
// of its reverse lead back, step for step; and no model goes without a step of its own, or of what listed it.
func TestStepsLeadFromOnePolicyToTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		schema := schemas(t)
		a, b := policy(t, "a", schema), policy(t, "b", schema)
		there, back := plan.Diff(a, b, models), plan.Diff(b, a, models)
		state := facts(a)
		apply(t, state, there)
		if want := facts(b); !maps.Equal(state, want) {
			t.Fatalf("%s\ngot  %v\nwant %v", lines(there), slices.Sorted(maps.Keys(state)), slices.Sorted(maps.Keys(want)))
		}
		apply(t, state, back)
		if want := facts(a); !maps.Equal(state, want) {
			t.Fatalf("back: %s\ngot  %v\nwant %v", lines(back), state, want)
		}
		if (len(there) == 0) != maps.Equal(facts(a), facts(b)) {
			t.Fatalf("%d steps between\n%v\n%v", len(there), facts(a), facts(b))
		}
		mirrored(t, there, back)
		gone(t, a, b, there)
	})
}

// A document makes a policy that the same document has nothing to change in.
func TestPlanTwiceIsPlanOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		schema := schemas(t)
		a, b := policy(t, "a", schema), policy(t, "b", schema)
		wanted := b
		for i := range wanted.ConditionalAccess { // straight on is refused, and said elsewhere
			if wanted.ConditionalAccess[i].State == postern.ConditionalAccessOn {
				wanted.ConditionalAccess[i].State = postern.ConditionalAccessReportOnly
			}
		}
		text, err := document.Export(wanted, models)
		if err != nil {
			t.Fatal(err)
		}
		d, err := document.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		names := plan.Names{}
		for _, r := range d.References() {
			id, _ := r.ID()
			names[r] = []plan.Entry{{ID: id, DirectoryName: postern.DirectoryName{Kind: string(r.Kind), Name: "N" + id, Group: "security"}}}
		}
		r, err := plan.Make(a, d, names, models)
		if err != nil {
			t.Skip(err.Error()) // ids that a does not have, and the like
		}
		again, err := plan.Make(r.After, d, names, models)
		if err != nil {
			t.Fatalf("refused the second time: %v\n%s", err, text)
		}
		if len(again.Steps) != 0 {
			t.Fatalf("%s\n%s", lines(again.Steps), text)
		}
		state := facts(a)
		apply(t, state, r.Steps)
		if want := facts(r.After); !maps.Equal(state, want) {
			t.Fatalf("%s\ngot  %v\nwant %v", lines(r.Steps), state, want)
		}
		for name, value := range facts(wanted) {
			if schema == postern.PolicySchemaTenant && r.After.Passkeys.Schema == schema && fmt.Sprint(name)[0] == 'p' && state[name] != value {
				t.Fatalf("the document says %s %s, and the plan makes it %s", name, value, state[name])
			}
		}
	})
}
