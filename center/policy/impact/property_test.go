package impact_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/impact"
)

func choose[T any](t *rapid.T, list ...T) T { return rapid.SampledFrom(list).Draw(t, "choice") }

func subset(t *rapid.T, list ...string) (out []string) {
	for _, v := range list {
		if rapid.Bool().Draw(t, v) {
			out = append(out, v)
		}
	}
	return out
}

func yes(t *rapid.T, label string) bool { return rapid.Bool().Draw(t, label) }

var (
	someGroups = []string{sales, staff}
	someModels = []string{yubi, titan, ours}
)

func drawKeys(t *rapid.T) postern.KeyRestrictions {
	return postern.KeyRestrictions{Enforced: yes(t, "enforced"), Block: yes(t, "block"), AAGUIDs: subset(t, someModels...)}
}

func drawPolicy(t *rapid.T) postern.TenantPolicy {
	p := open()
	k := &p.Passkeys
	k.Enabled, k.SelfService, k.AttestationEnforced, k.KeyRestrictions = !yes(t, "off"), !yes(t, "closed"), yes(t, "attestation"), drawKeys(t)
	var ids []string
	if yes(t, "profiles") {
		k.Schema, k.DefaultProfile = postern.PolicySchemaProfiles, "p0"
		for n := range rapid.IntRange(1, 3).Draw(t, "count") {
			ids = append(ids, fmt.Sprint("p", n))
			k.Profiles = append(k.Profiles, postern.PasskeyProfile{
				ID: ids[n], Name: ids[n], DeviceBound: yes(t, "bound"), Synced: yes(t, "synced"), AttestationEnforced: yes(t, "attested"), KeyRestrictions: drawKeys(t),
			})
		}
	}
	k.Include = nil
	for _, g := range subset(t, append(someGroups, postern.TargetAllUsers)...) {
		k.Include = append(k.Include, postern.PolicyTarget{ID: g, Type: "group", Profiles: subset(t, ids...)})
	}
	for _, g := range subset(t, someGroups...) {
		k.Exclude = append(k.Exclude, postern.PolicyTarget{ID: g, Type: "group"})
	}
	for n := range rapid.IntRange(0, 2).Draw(t, "strengths") {
		p.Strengths = append(p.Strengths, postern.AuthenticationStrength{ID: fmt.Sprint("s", n), Name: fmt.Sprint("s", n), Combinations: subset(t, "fido2", "sms,password"), AAGUIDs: subset(t, someModels...)})
	}
	for n := range rapid.IntRange(0, 3).Draw(t, "rules") {
		p.ConditionalAccess = append(p.ConditionalAccess, postern.ConditionalAccessPolicy{
			ID: fmt.Sprint("c", n), Name: fmt.Sprint("c", n), State: choose(t, postern.ConditionalAccessOn, postern.ConditionalAccessReportOnly, postern.ConditionalAccessOff),
			Users:        postern.ConditionalAccessUsers{IncludeUsers: subset(t, "All", alice), IncludeGroups: subset(t, someGroups...), ExcludeGroups: subset(t, someGroups...), ExcludeRoles: subset(t, owner)},
			Applications: postern.ConditionalAccessTargets{Include: subset(t, "All", portal, mail), Exclude: subset(t, portal), UserActions: subset(t, postern.UserActionRegister)},
			Other:        subset(t, "platforms"),
			Grant:        postern.ConditionalAccessGrant{All: yes(t, "and"), Controls: choose(t, nil, []string{"block"}, []string{"mfa"}, []string{"compliantDevice"}), Strength: choose(t, "", "s0", "s1", resistant)},
		})
	}
	return p
}

func drawPeople(t *rapid.T) (out []postern.InventoryUser, in places) {
	at := time.Unix(1_700_000_000, 0)
	in = places{}
	for n := range rapid.IntRange(1, 4).Draw(t, "people") {
		u := postern.InventoryUser{ObjectID: fmt.Sprint("u", n), DisplayName: fmt.Sprint("User ", n), Enabled: !yes(t, "disabled"), Guest: yes(t, "guest"), LookedAt: &at}
		for range rapid.IntRange(0, 3).Draw(t, "passkeys") {
			k := key(choose(t, someModels...))
			k.Synced = yes(t, "synced")
			u.Passkeys = append(u.Passkeys, k)
		}
		for _, id := range subset(t, sales, staff, owner) {
			in[id] = append(in[id], u.ObjectID)
		}
		out = append(out, u)
	}
	return out, in
}

func copied(p postern.TenantPolicy) (out postern.TenantPolicy) {
	b, _ := json.Marshal(p) // it is made of plain values
	_ = json.Unmarshal(b, &out)
	return out
}

// loosen changes a policy so that it refuses nothing that it allowed.
func loosen(t *rapid.T, p *postern.TenantPolicy) {
	k := &p.Passkeys
	open := func(r *postern.KeyRestrictions) {
		switch {
		case yes(t, "restrictions off"):
			r.Enforced = false
		case r.Block:
			r.AAGUIDs = subset(t, r.AAGUIDs...)
		default:
			r.AAGUIDs = append(r.AAGUIDs, subset(t, someModels...)...)
		}
	}
	switch rapid.IntRange(0, 9).Draw(t, "how") {
	case 0:
		k.Enabled = true
	case 1:
		k.SelfService = true
	case 2:
		k.Exclude = nil
	case 3:
		k.Include = append(k.Include, postern.PolicyTarget{ID: postern.TargetAllUsers, Type: "group"})
	case 4:
		open(&k.KeyRestrictions)
		for i := range k.Profiles {
			open(&k.Profiles[i].KeyRestrictions)
		}
	case 5:
		k.AttestationEnforced = false
		for i := range k.Profiles {
			k.Profiles[i].AttestationEnforced = false
		}
	case 6:
		for i := range k.Profiles {
			k.Profiles[i].DeviceBound, k.Profiles[i].Synced = true, true
		}
	case 7:
		p.ConditionalAccess = slices.DeleteFunc(p.ConditionalAccess, func(postern.ConditionalAccessPolicy) bool { return yes(t, "gone") })
	case 8:
		for i := range p.ConditionalAccess {
			p.ConditionalAccess[i].State = choose(t, p.ConditionalAccess[i].State, postern.ConditionalAccessReportOnly, postern.ConditionalAccessOff)
		}
	case 9:
		for i := range p.Strengths {
			p.Strengths[i].AAGUIDs, p.Strengths[i].Combinations = nil, append(p.Strengths[i].Combinations, "fido2")
		}
	}
}

func effectsOf(t *rapid.T, before, after postern.TenantPolicy, people []postern.InventoryUser, in places) map[string]postern.UserImpact {
	_, list, err := impact.Compare(before, after, all(people...), in, nil)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]postern.UserImpact)
	for _, u := range list {
		out[u.ObjectID] = u
	}
	return out
}

func suffers(u postern.UserImpact, effects ...postern.PolicyEffect) bool {
	return slices.ContainsFunc(effects, func(e postern.PolicyEffect) bool { return slices.Contains(u.Effects, e) })
}

var signInLosses = []postern.PolicyEffect{postern.EffectLockedOut, postern.EffectLockedOutSomewhere, postern.EffectPasskeyLost}

// Who is allowed more loses nothing, and need not fear it.
func TestMoreIsNeverLess(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		before := drawPolicy(t)
		people, in := drawPeople(t)
		after := copied(before)
		loosen(t, &after)
		for id, u := range effectsOf(t, before, after, people, in) {
			if suffers(u, append(signInLosses, postern.EffectRegistrationLost, postern.EffectPosternLost, postern.EffectStrengthUnmet)...) || u.Possible {
				t.Errorf("%s: %+v", id, u)
			}
		}
	})
}

// A change that is taken back gives back what it took, and takes what it gave.
func TestUndoReverses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one, other := drawPolicy(t), drawPolicy(t)
		people, in := drawPeople(t)
		there, back := effectsOf(t, one, other, people, in), effectsOf(t, other, one, people, in)
		for _, u := range people {
			for _, pair := range [][2]postern.UserImpact{{there[u.ObjectID], back[u.ObjectID]}, {back[u.ObjectID], there[u.ObjectID]}} {
				if suffers(pair[0], signInLosses...) != suffers(pair[1], postern.EffectSignInGained) {
					t.Errorf("sign-in: %+v and back %+v", pair[0], pair[1])
				}
				if suffers(pair[0], postern.EffectRegistrationLost, postern.EffectPosternLost) != suffers(pair[1], postern.EffectRegistrationGained) {
					t.Errorf("registration: %+v and back %+v", pair[0], pair[1])
				}
			}
		}
	})
}

// What stays as it is concerns nobody, however it is spelt.
func TestSameIsNothing(t *testing.T) {
	upper := func(ids []string) {
		for i := range ids {
			ids[i] = strings.ToUpper(ids[i])
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		people, in := drawPeople(t)
		same := copied(p)
		upper(same.Passkeys.KeyRestrictions.AAGUIDs)
		for i := range same.Passkeys.Profiles {
			upper(same.Passkeys.Profiles[i].KeyRestrictions.AAGUIDs)
		}
		for i := range same.Strengths {
			upper(same.Strengths[i].AAGUIDs)
		}
		for i := range same.ConditionalAccess {
			upper(same.ConditionalAccess[i].Users.IncludeGroups)
			upper(same.ConditionalAccess[i].Applications.Include)
		}
		counts, list, err := impact.Compare(p, same, all(people...), in, nil)
		if err != nil || len(list) > 0 || len(counts.Effects)+len(counts.Models)+len(counts.Demands)+counts.Possible > 0 {
			t.Errorf("%+v %+v %v", counts, list, err)
		}
	})
}

// The numbers are those of the list.
func TestCountsAreOfTheList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		people, in := drawPeople(t)
		counts, list, err := impact.Compare(drawPolicy(t), drawPolicy(t), all(people...), in, nil)
		if err != nil {
			t.Fatal(err)
		}
		effects, possible, lost := make(map[postern.PolicyEffect]int), 0, 0
		for _, u := range list {
			for _, e := range u.Effects {
				effects[e]++
			}
			if u.Possible {
				possible++
			}
			for _, k := range u.Passkeys {
				if k.Before && !k.After {
					lost++
				}
			}
			if suffers(u, postern.EffectLockedOut) && (u.Possible || len(u.Applications) > 0) || suffers(u, postern.EffectLockedOutSomewhere) != (len(u.Applications) > 0) {
				t.Errorf("%+v", u)
			}
		}
		of := 0
		for _, m := range counts.Models {
			of += m.Passkeys
		}
		if !reflect.DeepEqual(effects, counts.Effects) || possible != counts.Possible || lost != of {
			t.Errorf("%+v of %+v", counts, list)
		}
	})
}
