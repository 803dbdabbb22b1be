package impact_test

import (
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/impact"
)

// Models, people and places of the tables.
const (
	yubi   = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
	titan  = "42b4fb4a-2866-43b2-9bf7-6c6669c2e5d3"
	ours   = "8a208249-8aef-41b3-907f-776d51e6526f"
	alice  = "aaaaaaaa-0000-4000-8000-000000000001"
	sales  = "bbbbbbbb-0000-4000-8000-000000000001"
	staff  = "bbbbbbbb-0000-4000-8000-000000000002"
	owner  = "62e90394-69f5-4237-9190-012177145e10"
	portal = "c44b4083-3bb0-49c1-b47d-974e53cbdf3c"
	mail   = "00000002-0000-0ff1-ce00-000000000000"

	resistant = "00000000-0000-0000-0000-000000000004"
)

// places are memberships: group or role to the ids in it.
type places map[string][]string

func (p places) InGroup(group, user string) bool { return p.InRole(group, user) }

func (p places) InRole(role, user string) bool {
	for _, id := range p[role] {
		if id == user {
			return true
		}
	}
	return false
}

// open is a tenant where everybody may use any passkey.
func open() postern.TenantPolicy {
	return postern.TenantPolicy{StrengthsRead: true, ConditionalAccessRead: true, Passkeys: postern.PasskeyPolicy{
		Schema: postern.PolicySchemaTenant, Enabled: true, SelfService: true, Include: []postern.PolicyTarget{{ID: postern.TargetAllUsers, Type: "group"}},
	}}
}

// profiled is the same tenant with profiles, the first being the default.
func profiled(profiles ...postern.PasskeyProfile) postern.TenantPolicy {
	p := open()
	p.Passkeys.Schema, p.Passkeys.Profiles, p.Passkeys.DefaultProfile = postern.PolicySchemaProfiles, profiles, profiles[0].ID
	return p
}

func anyKey(id string) postern.PasskeyProfile {
	return postern.PasskeyProfile{ID: id, Name: "profile " + id, DeviceBound: true, Synced: true}
}

func only(models ...string) postern.KeyRestrictions {
	return postern.KeyRestrictions{Enforced: true, AAGUIDs: models}
}

// rule is a Conditional Access policy for everybody, everywhere, that is on.
func rule(change func(*postern.ConditionalAccessPolicy)) postern.ConditionalAccessPolicy {
	c := postern.ConditionalAccessPolicy{
		ID: "rule", Name: "Rule", State: postern.ConditionalAccessOn, Users: postern.ConditionalAccessUsers{IncludeUsers: []string{"All"}},
		Applications: postern.ConditionalAccessTargets{Include: []string{"All"}}, Grant: postern.ConditionalAccessGrant{Controls: []string{"block"}},
	}
	change(&c)
	return c
}

func demand(strength string) func(*postern.ConditionalAccessPolicy) {
	return func(c *postern.ConditionalAccessPolicy) { c.Grant = postern.ConditionalAccessGrant{Strength: strength} }
}

func with(change func(*postern.ConditionalAccessPolicy), more ...func(*postern.TenantPolicy)) postern.TenantPolicy {
	p := open()
	p.ConditionalAccess = []postern.ConditionalAccessPolicy{rule(change)}
	for _, m := range more {
		m(&p)
	}
	return p
}

func custom(combinations []string, models ...string) func(*postern.TenantPolicy) {
	return func(p *postern.TenantPolicy) {
		p.Strengths = append(p.Strengths, postern.AuthenticationStrength{ID: "mine", Name: "Mine", Combinations: combinations, AAGUIDs: models})
	}
}

func change(p postern.TenantPolicy, f func(*postern.PasskeyPolicy)) postern.TenantPolicy {
	f(&p.Passkeys)
	return p
}

func person(keys ...postern.InventoryPasskey) postern.InventoryUser {
	at := time.Unix(1_700_000_000, 0)
	return postern.InventoryUser{ObjectID: alice, UPN: "alice@contoso.com", DisplayName: "Alice", Enabled: true, Passkeys: keys, LookedAt: &at}
}

func key(model string) postern.InventoryPasskey {
	return postern.InventoryPasskey{MethodID: "method-" + model, AAGUID: model, ModelName: "Model " + model[:4]}
}

func syncedKey(model string) postern.InventoryPasskey {
	k := key(model)
	k.Synced = true
	return k
}

func TestSignIn(t *testing.T) {
	group := func(id string, profiles ...string) postern.PolicyTarget {
		return postern.PolicyTarget{ID: id, Type: "group", Profiles: profiles}
	}
	guest, disabled := person(key(yubi)), person(key(yubi))
	guest.Guest, disabled.Enabled = true, false
	for name, tc := range map[string]struct {
		policy postern.TenantPolicy
		user   *postern.InventoryUser
		key    postern.InventoryPasskey
		at     string
		why    string // part of the refusal; "" if allowed
		maybe  bool
	}{
		"open":                     {policy: open()},
		"synced":                   {policy: open(), key: syncedKey(yubi)},
		"disabled account":         {policy: open(), user: &disabled, why: "account is disabled"},
		"guest":                    {policy: open(), user: &guest},
		"method off":               {policy: change(open(), func(p *postern.PasskeyPolicy) { p.Enabled = false }), why: "off in this tenant"},
		"self-service off":         {policy: change(open(), func(p *postern.PasskeyPolicy) { p.SelfService = false })},
		"excluded group":           {policy: change(open(), func(p *postern.PasskeyPolicy) { p.Exclude = []postern.PolicyTarget{group(staff)} }), why: "Staff"},
		"excluded group of others": {policy: change(open(), func(p *postern.PasskeyPolicy) { p.Exclude = []postern.PolicyTarget{group(sales)} })},
		"excluded everybody":       {policy: change(open(), func(p *postern.PasskeyPolicy) { p.Exclude = p.Include }), why: "Everybody is excluded"},
		"excluded user": {policy: change(open(), func(p *postern.PasskeyPolicy) {
			p.Exclude = []postern.PolicyTarget{{ID: strings.ToUpper(alice), Type: "user"}}
		}), why: "user is excluded"},
		"included group":  {policy: change(open(), func(p *postern.PasskeyPolicy) { p.Include = []postern.PolicyTarget{group(strings.ToUpper(staff))} })},
		"included user":   {policy: change(open(), func(p *postern.PasskeyPolicy) { p.Include = []postern.PolicyTarget{{ID: alice, Type: "user"}} })},
		"not included":    {policy: change(open(), func(p *postern.PasskeyPolicy) { p.Include = []postern.PolicyTarget{group(sales)} }), why: "No target"},
		"nobody included": {policy: change(open(), func(p *postern.PasskeyPolicy) { p.Include = nil }), why: "No target"},

		"allowed model":     {policy: change(open(), func(p *postern.PasskeyPolicy) { p.KeyRestrictions = only(titan, strings.ToUpper(yubi)) })},
		"not allowed model": {policy: change(open(), func(p *postern.PasskeyPolicy) { p.KeyRestrictions = only(titan) }), why: "The model Model 2fc0 is not among"},
		"empty allow list":  {policy: change(open(), func(p *postern.PasskeyPolicy) { p.KeyRestrictions = only() }), why: "not among"},
		"list not enforced": {policy: change(open(), func(p *postern.PasskeyPolicy) { p.KeyRestrictions.AAGUIDs = []string{titan} })},
		"blocked model": {policy: change(open(), func(p *postern.PasskeyPolicy) {
			p.KeyRestrictions = postern.KeyRestrictions{Enforced: true, Block: true, AAGUIDs: []string{yubi}}
		}), why: "is blocked"},
		"block list of others": {policy: change(open(), func(p *postern.PasskeyPolicy) {
			p.KeyRestrictions = postern.KeyRestrictions{Enforced: true, Block: true, AAGUIDs: []string{titan}}
		})},
		"attestation does not matter":    {policy: change(open(), func(p *postern.PasskeyPolicy) { p.AttestationEnforced = true })},
		"attestation, synced":            {policy: change(open(), func(p *postern.PasskeyPolicy) { p.AttestationEnforced = true }), key: syncedKey(yubi), why: "ynced"},
		"profiles of the other schema":   {policy: change(profiled(postern.PasskeyProfile{ID: "a"}), func(p *postern.PasskeyPolicy) { p.Schema = postern.PolicySchemaTenant })},
		"mirrored restrictions are idle": {policy: change(profiled(anyKey("a")), func(p *postern.PasskeyPolicy) { p.KeyRestrictions = only() })},
		"default profile":                {policy: profiled(postern.PasskeyProfile{ID: "a", Name: "Keys", DeviceBound: true}, anyKey("b")), key: syncedKey(yubi), why: "Keys"},
		"device-bound not allowed":       {policy: profiled(postern.PasskeyProfile{ID: "a", Synced: true}), why: "only synced"},
		"synced under attested profile":  {policy: profiled(postern.PasskeyProfile{ID: "a", Synced: true, DeviceBound: true, AttestationEnforced: true}), key: syncedKey(yubi), why: "cannot attest"},
		"named profile instead of default": {policy: change(profiled(postern.PasskeyProfile{ID: "a"}, anyKey("b")), func(p *postern.PasskeyPolicy) {
			p.Include = []postern.PolicyTarget{group(postern.TargetAllUsers, "B")}
		})},
		"profile of a second target": {policy: change(profiled(postern.PasskeyProfile{ID: "a"}, anyKey("b")), func(p *postern.PasskeyPolicy) {
			p.Include = []postern.PolicyTarget{group(postern.TargetAllUsers), group(staff, "b")}
		})},
		"profile that is gone": {policy: change(profiled(anyKey("a")), func(p *postern.PasskeyPolicy) {
			p.Include = []postern.PolicyTarget{group(postern.TargetAllUsers, "b")}
		}), why: "No passkey profile"},
		"halves of two profiles": {policy: change(profiled(
			postern.PasskeyProfile{ID: "a", Name: "A", DeviceBound: true, KeyRestrictions: only(titan)}, postern.PasskeyProfile{ID: "b", Name: "B", Synced: true, KeyRestrictions: only(yubi)},
		), func(p *postern.PasskeyPolicy) {
			p.Include = []postern.PolicyTarget{group(postern.TargetAllUsers, "a", "b", "a")}
		}), why: "A: the model Model 2fc0 is not among those allowed; B: only synced"},

		"blocked":              {policy: with(func(*postern.ConditionalAccessPolicy) {}), why: "Rule blocks"},
		"blocked, report only": {policy: with(func(c *postern.ConditionalAccessPolicy) { c.State = postern.ConditionalAccessReportOnly })},
		"blocked, off":         {policy: with(func(c *postern.ConditionalAccessPolicy) { c.State = postern.ConditionalAccessOff })},
		"blocked, group": {policy: with(func(c *postern.ConditionalAccessPolicy) {
			c.Users = postern.ConditionalAccessUsers{IncludeGroups: []string{staff}}
		}), why: "blocks"},
		"blocked, other group": {policy: with(func(c *postern.ConditionalAccessPolicy) {
			c.Users = postern.ConditionalAccessUsers{IncludeGroups: []string{sales}}
		})},
		"blocked, role": {policy: with(func(c *postern.ConditionalAccessPolicy) {
			c.Users = postern.ConditionalAccessUsers{IncludeRoles: []string{owner}}
		}), why: "blocks"},
		"blocked, user": {policy: with(func(c *postern.ConditionalAccessPolicy) {
			c.Users = postern.ConditionalAccessUsers{IncludeUsers: []string{strings.ToUpper(alice)}}
		}), why: "blocks"},
		"blocked, nobody": {policy: with(func(c *postern.ConditionalAccessPolicy) {
			c.Users = postern.ConditionalAccessUsers{IncludeUsers: []string{"None"}}
		})},
		"blocked, guests, member": {policy: with(func(c *postern.ConditionalAccessPolicy) { c.Users.IncludeUsers = []string{"GuestsOrExternalUsers"} })},
		"blocked, guests, guest":  {policy: with(func(c *postern.ConditionalAccessPolicy) { c.Users.IncludeUsers = []string{"GuestsOrExternalUsers"} }), user: &guest, why: "blocks"},
		"blocked but guests":      {policy: with(func(c *postern.ConditionalAccessPolicy) { c.Users.ExcludeUsers = []string{"GuestsOrExternalUsers"} }), user: &guest},
		"blocked but the user":    {policy: with(func(c *postern.ConditionalAccessPolicy) { c.Users.ExcludeUsers = []string{alice} })},
		"blocked but the group":   {policy: with(func(c *postern.ConditionalAccessPolicy) { c.Users.ExcludeGroups = []string{staff} })},
		"blocked but the role":    {policy: with(func(c *postern.ConditionalAccessPolicy) { c.Users.ExcludeRoles = []string{strings.ToUpper(owner)} })},

		"application named":          {policy: with(func(c *postern.ConditionalAccessPolicy) { c.Applications.Include = []string{strings.ToUpper(portal)} }), at: portal, why: "blocks"},
		"other application named":    {policy: with(func(c *postern.ConditionalAccessPolicy) { c.Applications.Include = []string{portal} }), at: mail},
		"no application named":       {policy: with(func(c *postern.ConditionalAccessPolicy) { c.Applications.Include = []string{portal} })},
		"application excluded":       {policy: with(func(c *postern.ConditionalAccessPolicy) { c.Applications.Exclude = []string{portal} }), at: strings.ToUpper(portal)},
		"other application excluded": {policy: with(func(c *postern.ConditionalAccessPolicy) { c.Applications.Exclude = []string{portal} }), at: mail, why: "blocks"},
		"a user action is no application": {policy: with(func(c *postern.ConditionalAccessPolicy) {
			c.Applications = postern.ConditionalAccessTargets{UserActions: []string{postern.UserActionRegister}}
		}), at: portal},

		"a user action at its place": {policy: with(func(c *postern.ConditionalAccessPolicy) {
			c.Applications = postern.ConditionalAccessTargets{UserActions: []string{postern.UserActionRegister}}
		}), at: postern.UserActionRegister, why: "blocks"},
		"everywhere is there too": {policy: with(func(*postern.ConditionalAccessPolicy) {}), at: postern.UserActionRegister, why: "blocks"},
		"everywhere but at My Sign-Ins": {policy: with(func(c *postern.ConditionalAccessPolicy) {
			c.Applications.Exclude = []string{"19DB86C3-b2b9-44cc-b339-36da233a3be2"}
		}), at: postern.UserActionRegister},
		"another user action": {policy: with(func(c *postern.ConditionalAccessPolicy) {
			c.Applications = postern.ConditionalAccessTargets{UserActions: []string{"urn:user:registerdevice"}}
		}), at: postern.UserActionRegister},

		"multifactor":               {policy: with(func(c *postern.ConditionalAccessPolicy) { c.Grant.Controls = []string{"mfa"} })},
		"nothing demanded":          {policy: with(func(c *postern.ConditionalAccessPolicy) { c.Grant.Controls = nil })},
		"built-in strength":         {policy: with(demand(resistant))},
		"unknown strength":          {policy: with(demand("nobody knows")), why: "could not be read", maybe: true},
		"strength of any model":     {policy: with(demand("mine"), custom([]string{"fido2"}))},
		"strength of the model":     {policy: with(demand("MINE"), custom([]string{"fido2"}, strings.ToUpper(yubi), titan))},
		"strength of others":        {policy: with(demand("mine"), custom([]string{"fido2"}, titan)), why: "Mine, which the model Model 2fc0 is not in"},
		"strength without passkeys": {policy: with(demand("mine"), custom([]string{"windowsHelloForBusiness", "fido2,password"})), why: "has no passkeys"},
		"strength or a device": {policy: with(func(c *postern.ConditionalAccessPolicy) {
			c.Grant = postern.ConditionalAccessGrant{Controls: []string{"compliantDevice"}, Strength: "mine"}
		}, custom([]string{"fido2"}, titan)), why: "Mine", maybe: true},
		"met strength or a device": {policy: with(func(c *postern.ConditionalAccessPolicy) {
			c.Grant = postern.ConditionalAccessGrant{Controls: []string{"compliantDevice"}, Strength: "mine"}
		}, custom([]string{"fido2"}, yubi))},
		"strength and a device": {policy: with(func(c *postern.ConditionalAccessPolicy) {
			c.Grant = postern.ConditionalAccessGrant{All: true, Controls: []string{"compliantDevice"}, Strength: "mine"}
		}, custom([]string{"fido2"}, titan)), why: "Mine"},
		"met strength and a device": {policy: with(func(c *postern.ConditionalAccessPolicy) {
			c.Grant = postern.ConditionalAccessGrant{All: true, Controls: []string{"compliantDevice"}, Strength: "mine"}
		}, custom([]string{"fido2"}, yubi)), why: "compliantDevice, which Postern does not judge", maybe: true},
		"multifactor or a device": {policy: with(func(c *postern.ConditionalAccessPolicy) { c.Grant.Controls = []string{"mfa", "compliantDevice"} })},
		"blocked somewhere":       {policy: with(func(c *postern.ConditionalAccessPolicy) { c.Other = []string{"locations"} }), why: "depending on locations, may block", maybe: true},
	} {
		t.Run(name, func(t *testing.T) {
			tc.policy.Names = map[string]postern.DirectoryName{staff: {Kind: "group", Name: "Staff"}}
			u := person()
			if tc.user != nil {
				u = *tc.user
			}
			k := key(yubi)
			if tc.key.AAGUID != "" {
				k = tc.key
			}
			v := impact.SignIn(tc.policy, places{staff: {alice}, owner: {alice}}, u, k, tc.at)
			if v.Allowed != (tc.why == "" || tc.maybe) || v.Possible != tc.maybe || !strings.Contains(v.Why, tc.why) || tc.why == "" && v.Why != "" {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestRegister(t *testing.T) {
	guest := person()
	guest.Guest = true
	for name, tc := range map[string]struct {
		policy postern.TenantPolicy
		user   *postern.InventoryUser
		c      impact.Candidate
		why    string
	}{
		"open":             {policy: open()},
		"synced":           {policy: open(), c: impact.Candidate{AAGUID: yubi, Synced: true}},
		"self-service off": {policy: change(open(), func(p *postern.PasskeyPolicy) { p.SelfService = false }), why: "Self-service"},
		"guest":            {policy: open(), user: &guest, why: "Guests"},
		"method off":       {policy: change(open(), func(p *postern.PasskeyPolicy) { p.Enabled = false }), why: "off in this tenant"},
		"excluded":         {policy: change(open(), func(p *postern.PasskeyPolicy) { p.Exclude = p.Include }), why: "excluded"},
		"model":            {policy: change(open(), func(p *postern.PasskeyPolicy) { p.KeyRestrictions = only(titan) }), why: yubi},
		"unattested":       {policy: change(open(), func(p *postern.PasskeyPolicy) { p.AttestationEnforced = true }), why: "attestation is enforced"},
		"attested":         {policy: change(open(), func(p *postern.PasskeyPolicy) { p.AttestationEnforced = true }), c: impact.Candidate{AAGUID: strings.ToUpper(yubi), Attested: true}},
		"one profile without attestation": {policy: change(profiled(postern.PasskeyProfile{ID: "a", DeviceBound: true, AttestationEnforced: true}, anyKey("b")), func(p *postern.PasskeyPolicy) {
			p.Include[0].Profiles = []string{"a", "b"}
		})},
		"Conditional Access does not count": {policy: with(func(c *postern.ConditionalAccessPolicy) {
			c.Applications.UserActions = []string{postern.UserActionRegister}
		})},
	} {
		t.Run(name, func(t *testing.T) {
			u := person()
			if tc.user != nil {
				u = *tc.user
			}
			if tc.c.AAGUID == "" {
				tc.c.AAGUID = yubi
			}
			v := impact.Register(tc.policy, places{}, u, tc.c)
			if v.Allowed != (tc.why == "") || v.Possible || !strings.Contains(strings.ToLower(v.Why), strings.ToLower(tc.why)) || v.Allowed && v.Why != "" {
				t.Errorf("%+v", v)
			}
		})
	}
}

func TestConcerned(t *testing.T) {
	p := with(func(c *postern.ConditionalAccessPolicy) {
		c.Users = postern.ConditionalAccessUsers{IncludeGroups: []string{"G2"}, ExcludeGroups: []string{"g3"}, IncludeRoles: []string{"R2"}, ExcludeRoles: []string{"r1"}}
	})
	p.Passkeys.Include = append(p.Passkeys.Include, postern.PolicyTarget{ID: "g1", Type: "group"}, postern.PolicyTarget{ID: "u", Type: "user"})
	off := with(func(c *postern.ConditionalAccessPolicy) {
		c.State, c.Users.IncludeGroups = postern.ConditionalAccessOff, []string{"g9"}
	})
	off.Passkeys.Exclude = []postern.PolicyTarget{{ID: "g4", Type: "group"}}
	groups, roles := impact.Concerned(p, off)
	if strings.Join(groups, " ") != "g1 g2 g3 g4" || strings.Join(roles, " ") != "r1 r2" {
		t.Errorf("%v %v", groups, roles)
	}
}
