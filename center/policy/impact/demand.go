package impact

import (
	"cmp"
	"reflect"
	"slices"

	"github.com/postern/postern"
)

// demand counts whom a Conditional Access policy demands a strength of.
type demand struct {
	postern.StrengthDemand
	policy *access
}

// demandsOf lists the policies of the state after that are on or report only, demand a strength, and differ from before:
// in themselves, or in the strength.
func demandsOf(before, after postern.TenantPolicy) []*demand {
	was, strengths := make(map[string]postern.ConditionalAccessPolicy), prepareStrengths(after.Strengths)
	for _, c := range before.ConditionalAccess {
		was[fold(c.ID)] = c
	}
	var out []*demand
	for _, c := range after.ConditionalAccess {
		if c.Grant.Strength == "" || c.State == postern.ConditionalAccessOff {
			continue
		}
		old, known := was[fold(c.ID)]
		if known && sameAccess(old, c) && sameStrength(before.Strengths, after.Strengths, c.Grant.Strength) {
			continue
		}
		d := &demand{policy: prepareAccess(c, strengths)}
		d.PolicyID, d.Policy, d.State, d.Strength = c.ID, c.Name, c.State, c.Grant.Strength
		if s := d.policy.strength; s != nil {
			d.Strength = s.name
		}
		out = append(out, d)
	}
	slices.SortStableFunc(out, func(a, b *demand) int { return cmp.Compare(a.Policy, b.Policy) })
	return out
}

// sameAccess compares what decides: a new name demands nothing new.
func sameAccess(a, b postern.ConditionalAccessPolicy) bool {
	x, y := prepareAccess(a, nil), prepareAccess(b, nil)
	x.name, y.name = "", ""
	return reflect.DeepEqual(x, y)
}

func sameStrength(before, after []postern.AuthenticationStrength, id string) bool {
	find := func(list []postern.AuthenticationStrength) (s strength, found bool) {
		ready, ok := prepareStrengths(list)[fold(id)]
		if !ok {
			return s, false
		}
		s = *ready
		s.name = ""
		return s, true
	}
	a, inBefore := find(before)
	b, inAfter := find(after)
	return inBefore == inAfter && reflect.DeepEqual(a, b)
}

// add counts a user as the policy would judge them if it were on. Guests prove themselves at their own organisation.
func (d *demand) add(u *postern.InventoryUser, after *person, keys []Candidate, m Members) {
	if u.Guest || !d.policy.concerns(m, fold(u.ObjectID), false) {
		return
	}
	d.Users++
	switch {
	case unseen(u) || d.policy.strength == nil:
	case len(u.Passkeys) == 0:
		d.Without++
	case after.meets(keys, d.policy.strength):
		d.Met++
	default:
		d.Unmet++
	}
}
