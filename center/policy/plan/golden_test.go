package plan_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/document"
	"github.com/postern/postern/center/policy/plan"
)

// golden compares with a file, which UPDATE_GOLDEN=1 writes anew.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s:\n%s", path, diff)
	}
}

const changesOfATenant = `
passkeys:
  state: off
  self_service: false
  targets:
    include: [{group: Administrators, registration: required}]
    exclude: [Pilot users]
  enforce_attestation: true
  restrictions: {models: [Postern, 2fc0579f-8113-47ea-b116-bb5a8db9202a, 11111111-2222-4333-8444-555555555555]}
strengths:
  - {name: phones, description: Our phones, models: [Postern], combinations: [fido2, "password,softwareOath"]}
  - {name: Anything, combinations: [fido2]}
conditional_access:
  - name: Pilot
    state: on
    strength: Anything
    controls: [compliantDevice]
    require: all
    users:
      include: {users: [all users], groups: [], roles: [Global Administrator]}
    applications: {include: [Payroll]}
  - name: New
    users: {include: {groups: [Administrators]}}
    applications: {user_actions: [register security info]}
    controls: [mfa]
`

const changesOfProfiles = `
passkeys:
  targets:
    include: [{group: all users, profiles: [Keys only, Default passkey profile]}, {group: Pilot users, profiles: [Phones]}]
  profiles:
    - {name: Default passkey profile, types: [synced]}
    - {id: 00000000-0000-0000-0000-0000000000a2, name: Hardware, default: true, enforce_attestation: false, restrictions: {type: block}}
    - {name: Phones, types: [device-bound], restrictions: {enforce: true, type: allow, models: [Postern, Microsoft Authenticator]}}
`

// The sentences of a plan, as people read them, there and back.
func TestSentences(t *testing.T) {
	for name, c := range map[string]struct {
		before postern.TenantPolicy
		text   string
	}{"tenant": {tenant(), changesOfATenant}, "profiles": {profiled(), strings.Replace(changesOfProfiles, "Keys only", "Hardware", 1)}} {
		r := must(t, c.before, c.text)
		golden(t, "steps_"+name+".txt", lines(r.Steps)+"\nand back\n\n"+lines(plan.Diff(r.After, c.before, models)))
	}
	opened := tenant()
	opened.Passkeys.KeyRestrictions.Enforced = false
	emptied := tenant()
	emptied.Passkeys.KeyRestrictions.AAGUIDs = nil
	golden(t, "steps_off.txt", lines(plan.Diff(tenant(), opened, models))+lines(plan.Diff(opened, tenant(), models))+
		lines(plan.Diff(tenant(), emptied, models))+lines(plan.Diff(tenant(), profiled(), models)))
}

// What will be made has an id that the rest of the plan can name, and once it is there with another id, nothing is left to do.
func TestNewStrengthsAreNamedBeforeTheyAreThere(t *testing.T) {
	r := must(t, tenant(), changesOfATenant)
	after := r.After
	made := after.Strengths[len(after.Strengths)-1]
	if made.ID != postern.NewPolicyID("Anything") || after.ConditionalAccess[0].Grant.Strength != made.ID {
		t.Fatalf("made %+v, demanded %+v", made, after.ConditionalAccess[0].Grant)
	}
	there := must(t, tenant(), changesOfATenant).After
	there.Strengths[len(there.Strengths)-1].ID = "given-by-entra"
	there.ConditionalAccess[0].Grant.Strength = "given-by-entra"
	there.ConditionalAccess[1].ID = "given-by-entra-too"
	if steps := plan.Diff(after, there, models); len(steps) != 0 {
		t.Error(lines(steps))
	}
	there.ConditionalAccess[0].Grant.Strength = resistant
	if steps := plan.Diff(after, there, models); len(steps) != 1 || steps[0].Field != "strength" {
		t.Error(lines(steps))
	}
}

// A new profile has an id that its targets name in the same request, the same each time.
func TestNewProfilesHaveIDs(t *testing.T) {
	text := "passkeys: {profiles: [{name: Phones, types: [device-bound]}], targets: {include: [{group: all users, profiles: [Phones]}]}}"
	k := must(t, profiled(), text).After.Passkeys
	if len(k.Profiles[2].ID) != 36 || k.Include[0].Profiles[0] != k.Profiles[2].ID || k.Profiles[2].ID != must(t, profiled(), text).After.Passkeys.Profiles[2].ID {
		t.Errorf("%+v", k)
	}
}

// The properties of the tenant mirror the default profile.
func TestDefaultProfileIsMirrored(t *testing.T) {
	k := must(t, profiled(), "passkeys: {profiles: [{name: Default passkey profile, restrictions: {enforce: true, type: allow, models: [Postern]}}]}").After.Passkeys
	if diff := cmp.Diff(k.Profiles[0].KeyRestrictions, k.KeyRestrictions); diff != "" || !k.KeyRestrictions.Enforced {
		t.Error(diff)
	}
}

func TestMakeTouchesNothingItWasGiven(t *testing.T) {
	before := profiled()
	must(t, before, changesOfProfiles[:strings.Index(changesOfProfiles, "  targets")]+"  profiles: [{name: Keys only, restrictions: {models: []}}]")
	if diff := cmp.Diff(profiled(), before); diff != "" {
		t.Error(diff)
	}
}

func TestExportReadsAsADocument(t *testing.T) {
	p := tenant()
	p.Passkeys.KeyRestrictions.AAGUIDs = append(p.Passkeys.KeyRestrictions.AAGUIDs, yubikey, strange)
	p.ConditionalAccess[0].Other = []string{"platforms"}
	for name, policy := range map[string]postern.TenantPolicy{"tenant": p, "profiles": profiled()} {
		text, err := document.Export(policy, models)
		if err != nil {
			t.Fatal(err)
		}
		golden(t, "export_"+name+".yaml", string(text))
	}
}
