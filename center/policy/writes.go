package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
)

// Stage is when a write is made. What is of one stage is made before what is of the next, and seen at Entra before it. The
// order keeps everybody in who may sign in before and after: what Conditional Access demands is loosened, then the passkey
// method is changed, then the demands are tightened. Whoever has a passkey for the old state and one for the new always has
// one that counts.
type Stage int

// The stages.
const (
	StageMake    Stage = iota + 1 // strengths that others will need
	StageLoosen                   // strengths allow the old and the new; Conditional Access policies end or shrink
	StageMethod                   // the passkey method
	StageTighten                  // strengths are as they shall be; Conditional Access policies begin
	StageDelete                   // strengths that nobody needs any more
)

// Write is one change at Entra.
type Write struct {
	Stage  Stage                `json:"stage"`
	Object postern.PolicyObject `json:"object"`
	Verb   postern.PolicyVerb   `json:"verb"` // create, set or delete
	ID     string               `json:"id,omitempty"`
	Name   string               `json:"name,omitempty"`
	// Sent counts attempts, each before it is made; SentAt is when the last one was.
	Sent   int       `json:"sent,omitempty"`
	SentAt time.Time `json:"sent_at,omitzero"`
	// Done says that Entra took it; Made is the id that Entra gave what was created.
	Done bool   `json:"done,omitempty"`
	Made string `json:"made,omitempty"`
	// Code and Message say why Entra refused it.
	Code    postern.Code `json:"code,omitempty"`
	Message string       `json:"message,omitempty"`
	Next    string       `json:"next,omitempty"`
}

// writesOf lists the changes that lead from one policy to another, in their order.
func writesOf(before, after postern.TenantPolicy) []Write {
	var out []Write
	add := func(stage Stage, object postern.PolicyObject, verb postern.PolicyVerb, id, name string) {
		out = append(out, Write{Stage: stage, Object: object, Verb: verb, ID: id, Name: name})
	}
	for _, to := range after.Strengths {
		from, there := strengthBy(before, to.ID)
		switch {
		case to.BuiltIn || there && sameValue(from, to):
		case !there:
			add(StageMake, postern.PolicyObjectStrength, postern.PolicyCreate, to.ID, to.Name)
		default:
			wide := loosened(from, to)
			if !sameValue(from, wide) {
				add(StageLoosen, postern.PolicyObjectStrength, postern.PolicySet, to.ID, to.Name)
			}
			if !sameValue(wide, to) {
				add(StageTighten, postern.PolicyObjectStrength, postern.PolicySet, to.ID, to.Name)
			}
		}
	}
	for _, from := range before.ConditionalAccess {
		to, stays := accessBy(after, from.ID)
		switch {
		case !stays:
			add(StageLoosen, postern.PolicyObjectConditionalAccess, postern.PolicyDelete, from.ID, from.Name)
		case sameValue(from, to):
		case demandsLess(from, to):
			add(StageLoosen, postern.PolicyObjectConditionalAccess, postern.PolicySet, from.ID, to.Name)
		default:
			add(StageTighten, postern.PolicyObjectConditionalAccess, postern.PolicySet, from.ID, to.Name)
		}
	}
	if !sameValue(before.Passkeys, after.Passkeys) {
		add(StageMethod, postern.PolicyObjectPasskeys, postern.PolicySet, "", "")
	}
	for _, to := range after.ConditionalAccess {
		if _, there := accessBy(before, to.ID); !there {
			add(StageTighten, postern.PolicyObjectConditionalAccess, postern.PolicyCreate, to.ID, to.Name)
		}
	}
	for _, from := range before.Strengths {
		if _, stays := strengthBy(after, from.ID); !stays && !from.BuiltIn {
			add(StageDelete, postern.PolicyObjectStrength, postern.PolicyDelete, from.ID, from.Name)
		}
	}
	slices.SortStableFunc(out, func(a, b Write) int { return int(a.Stage - b.Stage) })
	return out
}

func strengthBy(p postern.TenantPolicy, id string) (postern.AuthenticationStrength, bool) {
	n := slices.IndexFunc(p.Strengths, func(s postern.AuthenticationStrength) bool { return s.ID == id })
	if n < 0 {
		return postern.AuthenticationStrength{}, false
	}
	return p.Strengths[n], true
}

func accessBy(p postern.TenantPolicy, id string) (postern.ConditionalAccessPolicy, bool) {
	n := slices.IndexFunc(p.ConditionalAccess, func(c postern.ConditionalAccessPolicy) bool { return c.ID == id })
	if n < 0 {
		return postern.ConditionalAccessPolicy{}, false
	}
	return p.ConditionalAccess[n], true
}

// loosened is a strength that whatever satisfies either of two satisfies, with the name and description of the second.
func loosened(from, to postern.AuthenticationStrength) postern.AuthenticationStrength {
	wide := to
	wide.Combinations = union(to.Combinations, from.Combinations)
	limited := func(s postern.AuthenticationStrength) bool {
		return len(s.AAGUIDs) > 0 || !slices.Contains(s.Combinations, "fido2")
	}
	switch {
	case !limited(from) || !limited(to):
		wide.AAGUIDs = nil
	default:
		wide.AAGUIDs = union(to.AAGUIDs, from.AAGUIDs)
	}
	return wide
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}

// demandsLess reports whether a Conditional Access policy asks nobody for more than it did: it is no longer on, or it asks
// the same of fewer people at fewer places.
func demandsLess(from, to postern.ConditionalAccessPolicy) bool {
	if to.State != postern.ConditionalAccessOn {
		return true
	}
	return from.State == to.State && sameValue(from.Grant, to.Grant) &&
		subset(to.Users.IncludeUsers, from.Users.IncludeUsers) && subset(from.Users.ExcludeUsers, to.Users.ExcludeUsers) &&
		subset(to.Users.IncludeGroups, from.Users.IncludeGroups) && subset(from.Users.ExcludeGroups, to.Users.ExcludeGroups) &&
		subset(to.Users.IncludeRoles, from.Users.IncludeRoles) && subset(from.Users.ExcludeRoles, to.Users.ExcludeRoles) &&
		subset(to.Applications.Include, from.Applications.Include) && subset(from.Applications.Exclude, to.Applications.Exclude) &&
		subset(to.Applications.UserActions, from.Applications.UserActions)
}

func subset(part, whole []string) bool {
	return !slices.ContainsFunc(part, func(x string) bool {
		return !slices.ContainsFunc(whole, func(y string) bool { return strings.EqualFold(x, y) })
	})
}

// made is p with the ids that Entra gave to what was created.
func made(p postern.TenantPolicy, writes []Write) postern.TenantPolicy {
	ids := make(map[string]string)
	for _, w := range writes {
		if w.Made != "" {
			ids[w.ID] = w.Made
		}
	}
	if len(ids) == 0 {
		return p
	}
	p.Strengths, p.ConditionalAccess = slices.Clone(p.Strengths), slices.Clone(p.ConditionalAccess)
	for n := range p.Strengths {
		if id, ok := ids[p.Strengths[n].ID]; ok {
			p.Strengths[n].ID = id
		}
	}
	for n := range p.ConditionalAccess {
		c := &p.ConditionalAccess[n]
		if id, ok := ids[c.ID]; ok {
			c.ID = id
		}
		if id, ok := ids[c.Grant.Strength]; ok {
			c.Grant.Strength = id
		}
	}
	return p
}

// want is the tenant's policy as it should look once the first writes are through.
func want(before, after postern.TenantPolicy, writes []Write) postern.TenantPolicy {
	out := before
	out.Strengths, out.ConditionalAccess = slices.Clone(before.Strengths), slices.Clone(before.ConditionalAccess)
	for _, w := range writes {
		switch w.Object {
		case postern.PolicyObjectPasskeys:
			out.Passkeys = after.Passkeys
		case postern.PolicyObjectStrength:
			out.Strengths = slices.DeleteFunc(out.Strengths, func(s postern.AuthenticationStrength) bool { return s.ID == w.ID })
			if w.Verb == postern.PolicyDelete {
				continue
			}
			to, _ := strengthBy(after, w.ID)
			if from, there := strengthBy(before, w.ID); there && w.Stage == StageLoosen {
				to = loosened(from, to)
			}
			out.Strengths = append(out.Strengths, to)
		case postern.PolicyObjectConditionalAccess:
			out.ConditionalAccess = slices.DeleteFunc(out.ConditionalAccess, func(c postern.ConditionalAccessPolicy) bool { return c.ID == w.ID })
			if w.Verb == postern.PolicyDelete {
				continue
			}
			to, _ := accessBy(after, w.ID)
			out.ConditionalAccess = append(out.ConditionalAccess, to)
		}
	}
	return made(out, writes)
}
