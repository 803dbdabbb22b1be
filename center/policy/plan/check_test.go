package plan_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/postern/postern"
)

func TestMakeRefuses(t *testing.T) {
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%08x-0000-4000-8000-000000000000, ", i)
		}
		return "passkeys: {restrictions: {models: [" + b.String() + "]}}"
	}
	unread := tenant()
	unread.StrengthsRead, unread.ConditionalAccessRead = false, false
	off := tenant()
	off.ConditionalAccess[0].State = postern.ConditionalAccessOff
	three := profiled()
	three.Passkeys.Profiles = append(three.Passkeys.Profiles, postern.PasskeyProfile{ID: "3", Name: "Third", DeviceBound: true})
	twins := profiled()
	twins.Passkeys.Profiles[1].Name = "default passkey Profile"
	const access = "conditional_access: [{name: New, users: {include: {groups: [Pilot users]}}, applications: {include: [all resources]}, "
	for name, c := range map[string]struct {
		before postern.TenantPolicy
		text   string
		code   postern.Code
		want   string
	}{
		"profiles in a tenant without":   {tenant(), "passkeys: {profiles: [{name: A, types: [synced]}]}", postern.CodePolicyDocument, "Line 2, passkeys: the tenant does not use passkey profiles, and the document has some."},
		"assigned in a tenant without":   {tenant(), "passkeys: {targets: {include: [{group: all users, profiles: []}]}}", postern.CodePolicyDocument, "Line 2, passkeys: the tenant does not use passkey profiles, and the document has some."},
		"tenant rules beside profiles":   {profiled(), "passkeys: {enforce_attestation: false}", postern.CodePolicyDocument, "Line 2, passkeys: the tenant uses passkey profiles, and the document has enforce_attestation or restrictions outside of one."},
		"a fourth profile":               {three, "passkeys: {profiles: [{name: Fourth, types: [synced]}]}", postern.CodePolicyLimit, "Line 2, passkeys.profiles: a tenant has at most 3 passkey profiles, and it would have 4."},
		"default deleted":                {profiled(), "passkeys: {profiles: [{name: default passkey profile, absent: true}]}", postern.CodePolicyDocument, `Line 2, passkeys.profiles[0].absent: the default profile "Default passkey profile" cannot be deleted.`},
		"default given up":               {profiled(), "passkeys: {profiles: [{name: Default passkey profile, default: false}]}", postern.CodePolicyDocument, "Line 2, passkeys.profiles[0].default: a tenant always has a default profile."},
		"assigned profile deleted":       {profiled(), "passkeys: {profiles: [{name: Keys only, absent: true}]}", postern.CodePolicyDocument, `Line 2, passkeys.profiles[0].absent: the profile "Keys only" cannot be deleted while "Pilot users" has it.`},
		"two profiles of a name":         {twins, "passkeys: {profiles: [{name: Default passkey profile, types: [synced]}]}", postern.CodePolicyDocument, `Line 2, passkeys.profiles[0].name: the tenant has 2 passkey profiles called "Default passkey profile".`},
		"unknown profile id":             {profiled(), "passkeys: {profiles: [{id: nope, types: [synced]}]}", postern.CodePolicyDocument, "Line 2, passkeys.profiles[0].id: the tenant has no passkey profile with the id nope."},
		"a new profile without types":    {profiled(), "passkeys: {profiles: [{name: New}]}", postern.CodePolicyDocument, `Line 2, passkeys.profiles[0]: the new profile "New" needs types: device-bound, synced or both.`},
		"attestation with synced":        {profiled(), "passkeys: {profiles: [{name: Keys only, types: [synced]}]}", postern.CodePolicyDocument, `Line 2, passkeys.profiles[0].enforce_attestation: the profile "Keys only" enforces attestation and takes synced passkeys, which cannot attest.`},
		"synced with attestation":        {profiled(), "passkeys: {profiles: [{name: Default passkey profile, enforce_attestation: true}]}", postern.CodePolicyDocument, `Line 2, passkeys.profiles[0].enforce_attestation: the profile "Default passkey profile" enforces attestation and takes synced passkeys, which cannot attest.`},
		"target with an unknown profile": {profiled(), "passkeys: {targets: {include: [{group: all users, profiles: [Nope]}]}}", postern.CodePolicyDocument, `Line 2, passkeys.targets.include[0].profiles[0]: there is no profile called "Nope", or more than one.`},
		"Microsoft 365 group":            {tenant(), "passkeys: {targets: {include: [all users, Team]}}", postern.CodePolicyTarget, `Line 2, passkeys.targets.include[1]: "Team" is a Microsoft 365 group, and only security groups can be targets.`},
		"distribution group excluded":    {tenant(), "passkeys: {targets: {exclude: [Newsletter]}}", postern.CodePolicyTarget, `Line 2, passkeys.targets.exclude[0]: "Newsletter" is a distribution group, and only security groups can be targets.`},
		"a user":                         {tenant(), "passkeys: {targets: {include: [{user: breakglass@contoso.com}]}}", postern.CodePolicyTarget, `Line 2, passkeys.targets.include[0]: "breakglass@contoso.com" is a user, and Entra takes no users as targets any more.`},
		"unknown group":                  {tenant(), "passkeys: {targets: {include: [Nobody]}}", postern.CodePolicyTarget, `Line 2, passkeys.targets.include[0]: the tenant has no group called "Nobody".`},
		"unknown group id":               {tenant(), "passkeys: {targets: {include: [\"id:nope\"]}}", postern.CodePolicyTarget, "Line 2, passkeys.targets.include[0]: the tenant has no group with the id nope."},
		"two groups of a name":           {tenant(), "passkeys: {targets: {include: [Twins]}}", postern.CodePolicyTarget, `Line 2, passkeys.targets.include[0]: there are 2 groups called "Twins".`},
		"one group by two names":         {tenant(), "passkeys: {targets: {include: [Administrators, \"id:" + admins + "\"]}}", postern.CodePolicyTarget, `Line 2, passkeys.targets.include[1]: "Administrators" is listed twice.`},
		"unknown model":                  {tenant(), "passkeys: {restrictions: {models: [Postern, No such key]}}", postern.CodePolicyDocument, `Line 2, passkeys.restrictions.models[1]: No model and no bundle is called "No such key".`},
		"too large":                      {tenant(), many(620), postern.CodePolicyLimit, "Line 2, passkeys: the authentication methods policy would have about 20.3 KB, and Entra takes 20."},
		"strengths not readable":         {unread, "strengths: [{name: A, combinations: [fido2]}]", postern.CodePolicyDocument, "Line 2, strengths: the application may not read authentication strengths."},
		"access not readable":            {unread, "conditional_access: [{name: A, state: \"off\"}]", postern.CodePolicyDocument, "Line 2, conditional_access: the application may not read Conditional Access policies."},
		"built-in strength":              {tenant(), "strengths: [{name: Phishing resistant MFA, models: [Postern]}]", postern.CodePolicyDocument, `Line 2, strengths[0]: "Phishing resistant MFA" is built in and cannot be changed.`},
		"strength without combinations":  {tenant(), "strengths: [{name: A, models: [Postern]}]", postern.CodePolicyDocument, `The policy document has 2 faults: line 2, strengths[0]: the new strength "A" needs combinations, such as [fido2]; line 2, strengths[0].models: models limit the combination fido2, which the strength "A" does not have.`},
		"unknown method":                 {tenant(), "strengths: [{name: A, combinations: [fido3]}]", postern.CodePolicyDocument, `Line 2, strengths[0].combinations[0]: there is no method "fido3".`},
		"strength in use":                {tenant(), "strengths: [{name: Phones, absent: true}]", postern.CodePolicyDocument, `Line 2, strengths[0].absent: the strength "Phones" cannot be deleted while the Conditional Access policy "Pilot" demands it.`},
		"unknown strength":               {tenant(), "conditional_access: [{name: Pilot, strength: Nope}]", postern.CodePolicyDocument, `Line 2, conditional_access[0].strength: neither the tenant nor the document has an authentication strength called "Nope".`},
		"strength that goes":             {tenant(), "strengths: [{name: Phones, absent: true}]\nconditional_access: [{name: Pilot, strength: Phones}]", postern.CodePolicyDocument, `The policy document has 2 faults: line 3, conditional_access[0].strength: neither the tenant nor the document has an authentication strength called "Phones"; line 2, strengths[0].absent: the strength "Phones" cannot be deleted while the Conditional Access policy "Pilot" demands it.`},
		"mfa with a strength":            {tenant(), "conditional_access: [{name: Pilot, controls: [mfa]}]", postern.CodePolicyDocument, `Line 2, conditional_access[0].controls: the policy "Pilot" demands mfa and a strength, and Entra takes only one of the two.`},
		"on from nothing":                {tenant(), access + "strength: Phones, state: on}]", postern.CodePolicyDocument, `Line 2, conditional_access[0].state: the policy "New" is not in report-only in the tenant, so it cannot be turned on.`},
		"on from off":                    {off, "conditional_access: [{name: Pilot, state: on}]", postern.CodePolicyDocument, `Line 2, conditional_access[0].state: the policy "Pilot" is not in report-only in the tenant, so it cannot be turned on.`},
		"demands nothing":                {tenant(), access + "}]", postern.CodePolicyDocument, `Line 2, conditional_access[0]: the new policy "New" demands nothing.`},
		"concerns nobody nowhere":        {tenant(), "conditional_access: [{name: New, strength: Phones}]", postern.CodePolicyDocument, `The policy document has 2 faults: line 2, conditional_access[0].users: the new policy "New" concerns nobody; line 2, conditional_access[0].applications: the new policy "New" counts nowhere.`},
		"somebody twice":                 {tenant(), "conditional_access: [{name: Pilot, users: {exclude: {users: [breakglass@contoso.com, breakglass2@contoso.com]}}}]", postern.CodePolicyDocument, `Line 2, conditional_access[0].users.exclude.users[1]: "Break Glass" is listed twice.`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := plans(t, c.before, c.text)
			e := postern.AsError(err)
			if e.Code != c.code || e.Message != c.want {
				t.Errorf("got  %s %s\nwant %s %s", e.Code, e.Message, c.code, c.want)
			}
			if e.Next == "" || e.Field == "" {
				t.Errorf("without a next step or a field: %#v", e)
			}
		})
	}
}

// What would be refused of something new is not held against what the tenant has.
func TestMakeLeavesWhatIsThere(t *testing.T) {
	before := tenant()
	before.Passkeys.Include = []postern.PolicyTarget{{ID: team, Type: "group"}, {ID: breakGlass, Type: "user"}}
	for i := range 700 {
		before.Passkeys.KeyRestrictions.AAGUIDs = append(before.Passkeys.KeyRestrictions.AAGUIDs, fmt.Sprintf("%08x-0000-4000-8000-000000000000", i))
	}
	r := must(t, before, "passkeys: {self_service: false, targets: {include: [Team, {user: \"id:"+breakGlass+"\"}]}}")
	if len(r.Steps) != 1 || r.Steps[0].Field != "self_service" {
		t.Error(lines(r.Steps))
	}
	on := tenant()
	on.ConditionalAccess[0].State = postern.ConditionalAccessOn
	if r := must(t, on, "conditional_access: [{name: Pilot, state: on}]"); len(r.Steps) != 0 {
		t.Error(lines(r.Steps))
	}
	if r := must(t, tenant(), "strengths: [{name: Gone, absent: true}]\nconditional_access: [{name: Gone, absent: true}]"); len(r.Steps) != 0 {
		t.Error(lines(r.Steps))
	}
}

func TestSizeByTheFiguresMicrosoftPublishes(t *testing.T) {
	p := profiled()
	p.Passkeys.Exclude = []postern.PolicyTarget{{ID: admins}}
	p.Passkeys.Include[1].Profiles = []string{"1", "2", "3", "4", "5"}
	// 1.44 + 0.23 + 0.4 (five profiles) + 0.23 + 2 * 0.4 + 1 * 0.03 KB
	want := postern.PolicySize{Bytes: 3206, Limit: 20480}
	r := must(t, p, "")
	if r.Size != want {
		t.Errorf("got %+v, want %+v", r.Size, want)
	}
	p.OtherMethodsSize = 10 << 10
	if got := must(t, p, "").Size.Bytes; got != 3206+10<<10 {
		t.Errorf("with 10 KB of other methods: %d", got)
	}
}
