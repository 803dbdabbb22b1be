package impact_test

import (
	"errors"
	"fmt"
	"iter"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/impact"
)

func all(users ...postern.InventoryUser) iter.Seq2[postern.InventoryUser, error] {
	return func(yield func(postern.InventoryUser, error) bool) {
		for _, u := range users {
			if !yield(u, nil) {
				return
			}
		}
	}
}

func compare(t *testing.T, before, after postern.TenantPolicy, users ...postern.InventoryUser) (postern.PolicyImpact, []postern.UserImpact) {
	t.Helper()
	counts, list, err := impact.Compare(before, after, all(users...), places{staff: {alice}, owner: {alice}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return counts, list
}

func restricted(models ...string) postern.TenantPolicy {
	return change(open(), func(p *postern.PasskeyPolicy) { p.KeyRestrictions = only(models...) })
}

func rules(list ...postern.ConditionalAccessPolicy) postern.TenantPolicy {
	p := open()
	p.ConditionalAccess = list
	custom([]string{"fido2"}, titan)(&p)
	return p
}

func blockAt(apps ...string) postern.ConditionalAccessPolicy {
	return rule(func(c *postern.ConditionalAccessPolicy) { c.Applications.Include = apps })
}

func TestEffects(t *testing.T) {
	titanOnly := rule(demand("mine"))
	atPortal := rule(func(c *postern.ConditionalAccessPolicy) {
		demand("mine")(c)
		c.Applications.Include = []string{portal}
	})
	registering := rule(func(c *postern.ConditionalAccessPolicy) {
		demand("mine")(c)
		c.Applications = postern.ConditionalAccessTargets{UserActions: []string{postern.UserActionRegister}}
	})
	abroad := rule(func(c *postern.ConditionalAccessPolicy) { c.Other = []string{"locations"} })
	const (
		out, somewhere, lost = postern.EffectLockedOut, postern.EffectLockedOutSomewhere, postern.EffectPasskeyLost
		noKeys, noPostern    = postern.EffectRegistrationLost, postern.EffectPosternLost
		unmet, gained, keys  = postern.EffectStrengthUnmet, postern.EffectSignInGained, postern.EffectRegistrationGained
	)
	guest, disabled, unseen := person(), person(key(yubi)), person()
	guest.Guest, disabled.Enabled, unseen.LookedAt = true, false, nil
	for name, tc := range map[string]struct {
		before, after postern.TenantPolicy
		user          postern.InventoryUser
		effects       []postern.PolicyEffect
		apps          string
		possible      bool
	}{
		"nothing":                        {before: open(), after: open(), user: person(key(yubi))},
		"the only passkey":               {before: open(), after: restricted(titan), user: person(key(yubi)), effects: []postern.PolicyEffect{out, noPostern}},
		"one of two":                     {before: open(), after: restricted(titan, ours), user: person(key(yubi), key(titan)), effects: []postern.PolicyEffect{lost}},
		"nobody's passkey":               {before: open(), after: restricted(titan, ours), user: person(key(titan))},
		"no passkey":                     {before: open(), after: restricted(titan, ours), user: person()},
		"no registration":                {before: open(), after: restricted(), user: person(), effects: []postern.PolicyEffect{noKeys, noPostern}},
		"only synced under attestation":  {before: open(), after: profiled(postern.PasskeyProfile{ID: "a", Synced: true, AttestationEnforced: true}), user: person(), effects: []postern.PolicyEffect{noKeys, noPostern}},
		"attestation":                    {before: open(), after: change(open(), func(p *postern.PasskeyPolicy) { p.AttestationEnforced = true }), user: person(key(yubi)), effects: []postern.PolicyEffect{noPostern}},
		"guests register nothing":        {before: open(), after: restricted(), user: guest},
		"disabled accounts lose nothing": {before: open(), after: restricted(), user: disabled},
		"back":                           {before: restricted(), after: open(), user: person(key(yubi)), effects: []postern.PolicyEffect{gained, keys}},
		"Postern back":                   {before: restricted(titan), after: restricted(titan, ours), user: person(), effects: []postern.PolicyEffect{keys}},
		"an exchange":                    {before: restricted(titan, ours), after: restricted(yubi, ours), user: person(key(yubi), key(titan)), effects: []postern.PolicyEffect{lost, gained}},

		"blocked at one application":     {before: open(), after: rules(blockAt(portal)), user: person(key(yubi)), effects: []postern.PolicyEffect{somewhere}, apps: "The portal"},
		"blocked but at one":             {before: open(), after: rules(rule(func(c *postern.ConditionalAccessPolicy) { c.Applications.Exclude = []string{mail} })), user: person(key(yubi)), effects: []postern.PolicyEffect{somewhere}, apps: "every other application"},
		"blocked at both that are named": {before: rules(blockAt(mail)), after: rules(blockAt(mail, portal)), user: person(key(yubi)), effects: []postern.PolicyEffect{somewhere}, apps: "The portal"},
		"blocked everywhere":             {before: rules(blockAt(mail)), after: rules(blockAt("All")), user: person(key(yubi)), effects: []postern.PolicyEffect{out}},
		"one of two at one application":  {before: rules(), after: rules(atPortal), user: person(key(yubi), key(titan)), effects: []postern.PolicyEffect{lost}},
		"a move":                         {before: rules(blockAt(mail)), after: rules(blockAt(portal)), user: person(key(yubi)), effects: []postern.PolicyEffect{somewhere, gained}, apps: "The portal"},

		"strength met":                     {before: rules(), after: rules(titanOnly), user: person(key(titan))},
		"strength takes the passkey":       {before: rules(), after: rules(titanOnly), user: person(key(yubi)), effects: []postern.PolicyEffect{out}},
		"strength without a passkey":       {before: rules(), after: rules(titanOnly), user: person(), effects: []postern.PolicyEffect{unmet}},
		"strength was there":               {before: rules(atPortal), after: rules(atPortal), user: person()},
		"strength grows":                   {before: rules(atPortal), after: rules(titanOnly), user: person(), effects: []postern.PolicyEffect{unmet}},
		"strength nobody knows about":      {before: rules(), after: rules(titanOnly), user: unseen},
		"strength for guests":              {before: rules(), after: rules(titanOnly), user: guest},
		"strength to register":             {before: rules(), after: rules(registering), user: person(key(yubi)), effects: []postern.PolicyEffect{somewhere}, apps: "registering security info"},
		"strength to register, no passkey": {before: rules(), after: rules(registering), user: person(), effects: []postern.PolicyEffect{unmet}},
		"strength reported": {before: rules(), after: rules(rule(func(c *postern.ConditionalAccessPolicy) {
			demand("mine")(c)
			c.State = postern.ConditionalAccessReportOnly
		})), user: person(key(yubi))},
		"strength or a device": {before: rules(), after: rules(rule(func(c *postern.ConditionalAccessPolicy) {
			demand("mine")(c)
			c.Grant.Controls = []string{"compliantDevice"}
		})), user: person(key(yubi)), possible: true},
		"strength or a device, no passkey": {before: rules(), after: rules(rule(func(c *postern.ConditionalAccessPolicy) {
			demand("mine")(c)
			c.Grant.Controls = []string{"compliantDevice"}
		})), user: person()},

		"perhaps":                {before: open(), after: rules(abroad), user: person(key(yubi)), possible: true},
		"perhaps as ever":        {before: rules(abroad), after: rules(abroad), user: person(key(yubi))},
		"perhaps no more":        {before: rules(abroad), after: open(), user: person(key(yubi))},
		"perhaps in another way": {before: rules(abroad), after: rules(rule(func(c *postern.ConditionalAccessPolicy) { c.Other = []string{"platforms"} })), user: person(key(yubi)), possible: true},
		"perhaps the one that is left": {before: rules(abroad), after: func() postern.TenantPolicy {
			p := rules(abroad)
			p.Passkeys = restricted(titan, ours).Passkeys
			return p
		}(), user: person(key(yubi), key(titan)), effects: []postern.PolicyEffect{lost}},
		"perhaps one of two":      {before: rules(), after: rules(rule(func(c *postern.ConditionalAccessPolicy) { demand("mine")(c); c.Other = []string{"locations"} })), user: person(key(yubi), key(titan))},
		"perhaps, then certainly": {before: rules(abroad), after: rules(blockAt("All")), user: person(key(yubi)), effects: []postern.PolicyEffect{out}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.after.Names = map[string]postern.DirectoryName{portal: {Kind: "application", Name: "The portal"}}
			counts, list := compare(t, tc.before, tc.after, tc.user)
			got := postern.UserImpact{}
			if len(list) > 0 {
				got = list[0]
			}
			if !slices.Equal(got.Effects, tc.effects) || got.Possible != tc.possible || strings.Join(got.Applications, " ") != tc.apps {
				t.Errorf("%+v", got)
			}
			if (len(list) > 0) != (len(tc.effects) > 0 || tc.possible) || len(counts.Effects) != len(tc.effects) || counts.Possible != len(list)*btoi(tc.possible) {
				t.Errorf("%+v of %d users", counts, len(list))
			}
		})
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

func named(id, name string, keys ...postern.InventoryPasskey) postern.InventoryUser {
	u := person(keys...)
	u.ObjectID, u.UPN, u.DisplayName = id, name+"@contoso.com", name
	return u
}

// The list is sorted, the counts add up to it, and passkeys say what refuses them.
func TestCompareInFull(t *testing.T) {
	at := time.Unix(1_700_000_000, 0)
	admin, zoe, bob := named("1", "Zadmin", key(yubi)), named("2", "zoe", key(titan), key(yubi), key(yubi)), named("3", "Bob", key(yubi), key(yubi))
	admin.Privileged, admin.MethodsKnown, admin.Methods = true, true, []string{"email", "temporaryAccessPass", "fido2"}
	bob.MethodsKnown, bob.Methods = true, []string{"microsoftAuthenticatorPush"}
	bob.Passkeys[0].PasskeyID, bob.Passkeys[0].Name = "psk_1", "Phone"
	never := postern.InventoryUser{ObjectID: "4", UPN: "never@contoso.com", Enabled: true}
	gone := postern.InventoryUser{ObjectID: "5", UPN: "gone@contoso.com", Passkeys: []postern.InventoryPasskey{key(yubi)}, LookedAt: &at}
	fine := named("6", "Fine", key(titan))
	models := func(aaguid string) string { return map[string]string{yubi: "YubiKey 5"}[aaguid] }
	counts, list, err := impact.Compare(open(), restricted(titan, ours), all(zoe, never, bob, gone, admin, fine), places{}, models)
	if err != nil {
		t.Fatal(err)
	}
	if want := (postern.PolicyImpact{
		Basis:   postern.ImpactBasis{Users: 6, Passkeys: 8, Unknown: 1, Methods: true, Roles: true},
		Effects: map[postern.PolicyEffect]int{postern.EffectLockedOut: 2, postern.EffectPasskeyLost: 1}, Privileged: 1, OnlyMethod: 1,
		Models: []postern.ModelImpact{{AAGUID: yubi, Name: "YubiKey 5", Passkeys: 5, Users: 3}}, Demands: []postern.StrengthDemand{},
	}); !reflect.DeepEqual(counts, want) {
		t.Errorf("%+v, want %+v", counts, want)
	}
	names := ""
	for _, u := range list {
		names += fmt.Sprintf("%s %v %v;", u.DisplayName, u.Effects, u.OnlyMethod)
	}
	if names != "Bob [locked_out] no;Zadmin [locked_out] yes;zoe [passkey_lost] unknown;" {
		t.Errorf("%s", names)
	}
	if got, want := list[0].Passkeys[0], (postern.PasskeyImpact{
		MethodID: "method-" + yubi, Name: "Phone", AAGUID: yubi, Model: "YubiKey 5", Managed: true, Before: true, Why: "The model YubiKey 5 is not among those allowed.",
	}); got != want {
		t.Errorf("%+v", got)
	}
	if k := list[2].Passkeys[0]; !k.Before || !k.After || k.Why != "" || k.Model != "Model 42b4" {
		t.Errorf("%+v", k)
	}

	broken := errors.New("the inventory cannot be read")
	_, _, err = impact.Compare(open(), open(), func(yield func(postern.InventoryUser, error) bool) { yield(zoe, broken) }, places{}, nil)
	if !errors.Is(err, broken) {
		t.Error(err)
	}
}

// A passkey that stops at one application goes on elsewhere, and says where it is refused.
func TestPasskeySaysWhereItStops(t *testing.T) {
	_, list := compare(t, open(), rules(blockAt(portal)), person(key(yubi)))
	if k := list[0].Passkeys[0]; !k.Before || !k.After || k.Why != "The Conditional Access policy Rule blocks the sign-in." {
		t.Errorf("%+v", k)
	}
}

func TestOnlyMethod(t *testing.T) {
	for methods, want := range map[string]postern.Known{
		"":                                        postern.KnownYes,
		"email securityQuestion":                  postern.KnownYes,
		"passKeyDeviceBound passKeySynced":        postern.KnownYes,
		"temporaryAccessPass password":            postern.KnownYes,
		"email mobilePhone":                       postern.KnownNo,
		"windowsHelloForBusiness":                 postern.KnownNo,
		"softwareOneTimePasscode":                 postern.KnownNo,
		"somethingNew":                            postern.Unknown,
		"somethingNew microsoftAuthenticatorPush": postern.KnownNo,
	} {
		u := person(key(yubi))
		u.MethodsKnown, u.Methods = true, strings.Fields(methods)
		if _, list := compare(t, open(), restricted(titan), u); list[0].OnlyMethod != want {
			t.Errorf("%q: %s", methods, list[0].OnlyMethod)
		}
	}
}

func TestDemands(t *testing.T) {
	reporting := rule(func(c *postern.ConditionalAccessPolicy) {
		demand("mine")(c)
		c.State, c.Name, c.Users.ExcludeGroups = postern.ConditionalAccessReportOnly, "Pilot", []string{staff}
	})
	guest, disabled, unseen := named("g", "guest"), named("d", "disabled", key(yubi)), named("u", "unseen")
	guest.Guest, disabled.Enabled, unseen.LookedAt = true, false, nil
	users := []postern.InventoryUser{
		guest, disabled, unseen, person(key(titan)), // the last is excluded
		named("1", "one", key(yubi)), named("2", "two", key(yubi), key(titan)), named("3", "three"), named("4", "four", syncedKey(titan)),
	}
	after := rules(reporting)
	after.Passkeys.AttestationEnforced = true // which takes the synced one
	counts, _ := compare(t, rules(), after, users...)
	want := []postern.StrengthDemand{{PolicyID: "rule", Policy: "Pilot", State: postern.ConditionalAccessReportOnly, Strength: "Mine", Users: 5, Met: 1, Unmet: 2, Without: 1}}
	if !reflect.DeepEqual(counts.Demands, want) {
		t.Errorf("%+v", counts.Demands)
	}
	for name, tc := range map[string]struct {
		change func(*postern.TenantPolicy)
		lines  int
	}{
		"nothing":          {func(*postern.TenantPolicy) {}, 0},
		"another name":     {func(p *postern.TenantPolicy) { p.ConditionalAccess[0].Name, p.Strengths[0].Name = "x", "y" }, 0},
		"other spelling":   {func(p *postern.TenantPolicy) { p.Strengths[0].AAGUIDs = []string{strings.ToUpper(titan)} }, 0},
		"turned on":        {func(p *postern.TenantPolicy) { p.ConditionalAccess[0].State = postern.ConditionalAccessOn }, 1},
		"turned off":       {func(p *postern.TenantPolicy) { p.ConditionalAccess[0].State = postern.ConditionalAccessOff }, 0},
		"another strength": {func(p *postern.TenantPolicy) { p.ConditionalAccess[0].Grant.Strength = resistant }, 1},
		"other models":     {func(p *postern.TenantPolicy) { p.Strengths[0].AAGUIDs = []string{yubi} }, 1},
		"other people":     {func(p *postern.TenantPolicy) { p.ConditionalAccess[0].Users.ExcludeGroups = nil }, 1},
		"no strength": {func(p *postern.TenantPolicy) {
			p.ConditionalAccess[0].Grant = postern.ConditionalAccessGrant{Controls: []string{"mfa"}}
		}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			before, changed := rules(reporting), rules(reporting)
			tc.change(&changed)
			if counts, _ := compare(t, before, changed, users...); len(counts.Demands) != tc.lines {
				t.Errorf("%+v", counts.Demands)
			}
		})
	}
}

// A policy that may be refused for what cannot be read still counts as demanded of everybody it concerns.
func TestDemandOfAnUnknownStrength(t *testing.T) {
	counts, _ := compare(t, open(), with(demand("not read")), person(key(yubi)))
	if want := (postern.StrengthDemand{PolicyID: "rule", Policy: "Rule", State: postern.ConditionalAccessOn, Strength: "not read", Users: 1}); len(counts.Demands) != 1 || counts.Demands[0] != want {
		t.Errorf("%+v", counts.Demands)
	}
}

// A hundred thousand people, of whom every tenth loses something.
func BenchmarkCompare(b *testing.B) {
	const users = 100_000
	var keys [][]postern.InventoryPasskey
	for range 9 {
		keys = append(keys, []postern.InventoryPasskey{key(yubi), key(ours)})
	}
	keys = append(keys, []postern.InventoryPasskey{key(titan)})
	crowd := func(yield func(postern.InventoryUser, error) bool) {
		at := time.Unix(1_700_000_000, 0)
		for n := range users {
			u := postern.InventoryUser{ObjectID: fmt.Sprintf("%08d-0000-4000-8000-000000000000", n), DisplayName: "Somebody", Enabled: true, LookedAt: &at}
			u.Passkeys = keys[n%len(keys)]
			if !yield(u, nil) {
				return
			}
		}
	}
	before := rules(rule(func(c *postern.ConditionalAccessPolicy) {
		c.Users.IncludeUsers = nil
		c.Users.IncludeGroups = []string{sales}
	}), blockAt(mail))
	after := rules(rule(func(c *postern.ConditionalAccessPolicy) {
		demand("mine")(c)
		c.State = postern.ConditionalAccessReportOnly
	}), blockAt(mail))
	after.Passkeys = change(open(), func(p *postern.PasskeyPolicy) {
		p.KeyRestrictions = postern.KeyRestrictions{Enforced: true, Block: true, AAGUIDs: []string{titan}}
	}).Passkeys
	for b.Loop() {
		counts, _, err := impact.Compare(before, after, crowd, places{}, nil)
		if err != nil || counts.Basis.Users != users {
			b.Fatal(counts, err)
		}
	}
	b.ReportMetric(float64(users)*float64(b.N)/b.Elapsed().Seconds(), "users/s")
}
