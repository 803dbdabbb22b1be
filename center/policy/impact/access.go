package impact

import (
	"fmt"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// Words that Conditional Access uses beside ids, folded.
const (
	caAll     = "all"
	caGuests  = "guestsorexternalusers"
	caBlock   = "block"
	caMFA     = "mfa"
	caPasskey = "fido2"
)

// answer is whether a passkey gives what a policy demands.
type answer uint8

const (
	met answer = iota
	unjudged
	unmet
)

// strength is an authentication strength as far as passkeys are concerned.
type strength struct {
	name    string
	passkey bool // lists the passkey method alone as a combination
	models  set  // nil: every model
}

// builtInStrengths are the same in every tenant, so that they are known where strengths may not be read. Each lists the
// passkey method.
var builtInStrengths = map[string]string{
	"00000000-0000-0000-0000-000000000002": "Multifactor authentication",
	"00000000-0000-0000-0000-000000000003": "Passwordless MFA",
	"00000000-0000-0000-0000-000000000004": "Phishing-resistant MFA",
}

func prepareStrengths(list []postern.AuthenticationStrength) map[string]*strength {
	out := make(map[string]*strength, len(list)+len(builtInStrengths))
	for id, name := range builtInStrengths {
		out[id] = &strength{name: name, passkey: true}
	}
	for _, s := range list {
		ready := &strength{name: s.Name, models: newSet(s.AAGUIDs)}
		for _, c := range s.Combinations {
			ready.passkey = ready.passkey || fold(c) == caPasskey
		}
		out[fold(s.ID)] = ready
	}
	return out
}

func (s *strength) meets(aaguid string) bool {
	return s.passkey && (s.models == nil || s.models.has(aaguid))
}

// access is a Conditional Access policy made ready.
type access struct {
	id, name string
	state    postern.ConditionalAccessState
	other    []string

	people                             set // "all", guests, object ids
	notPeople                          set
	groups, notGroups, roles, notRoles []string

	everywhere      bool
	there, notThere set // client ids, folded
	actions         set

	all        bool // every control is needed
	block, mfa bool
	foreign    []string // controls that are not judged
	strengthID string   // "" if none is demanded
	strength   *strength
}

func prepareAccess(c postern.ConditionalAccessPolicy, strengths map[string]*strength) *access {
	a := &access{
		id: fold(c.ID), name: c.Name, state: c.State, other: slices.Sorted(slices.Values(c.Other)),
		people: newSet(c.Users.IncludeUsers), notPeople: newSet(c.Users.ExcludeUsers),
		groups: folded(c.Users.IncludeGroups), notGroups: folded(c.Users.ExcludeGroups),
		roles: folded(c.Users.IncludeRoles), notRoles: folded(c.Users.ExcludeRoles),
		there: newSet(c.Applications.Include), notThere: newSet(c.Applications.Exclude), actions: newSet(c.Applications.UserActions),
		all: c.Grant.All,
	}
	a.everywhere = a.there.has(caAll)
	for _, control := range c.Grant.Controls {
		switch fold(control) {
		case caBlock:
			a.block = true
		case caMFA:
			a.mfa = true
		default:
			a.foreign = append(a.foreign, control)
		}
	}
	a.foreign = append(a.foreign, c.Grant.Unjudged...)
	slices.Sort(a.foreign)
	a.strengthID = fold(c.Grant.Strength)
	a.strength = strengths[a.strengthID]
	return a
}

// concerns says whether the policy counts for a user. An exclusion beats every inclusion.
func (a *access) concerns(m Members, objectID string, guest bool) bool {
	chosen := func(people set, groups, roles []string) bool {
		if people.has(caAll) || people.has(objectID) || guest && people.has(caGuests) {
			return true
		}
		for _, g := range groups {
			if m.InGroup(g, objectID) {
				return true
			}
		}
		for _, r := range roles {
			if m.InRole(r, objectID) {
				return true
			}
		}
		return false
	}
	return chosen(a.people, a.groups, a.roles) && !chosen(a.notPeople, a.notGroups, a.notRoles)
}

// securityInfo is the client id of My Sign-Ins, where security info is registered.
const securityInfo = "19db86c3-b2b9-44cc-b339-36da233a3be2"

// at says whether the policy counts at an application; "" is every application that no policy names. The user action of
// registering security info is taken as one more: an own condition of some policies, and reached through My Sign-Ins.
func (a *access) at(application string) bool {
	if application == postern.UserActionRegister {
		return a.actions.has(application) || a.at(securityInfo)
	}
	return (a.everywhere || application != "" && a.there.has(application)) && !a.notThere.has(caAll) && !a.notThere.has(application)
}

// demandsStrength says that nothing replaces the strength: it is demanded, alone or with other controls.
func (a *access) demandsStrength() bool {
	return a.strength != nil && (a.all || !a.mfa && len(a.foreign) == 0)
}

// grants says whether a passkey of a model gives what the policy demands. A passkey is multifactor authentication.
func (a *access) grants(aaguid string) answer {
	if a.block {
		return unmet
	}
	best, worst, any := unmet, met, false
	count := func(one answer) { best, worst, any = min(best, one), max(worst, one), true }
	if a.mfa {
		count(met)
	}
	if len(a.foreign) > 0 {
		count(unjudged)
	}
	switch {
	case a.strengthID == "":
	case a.strength == nil:
		count(unjudged)
	case a.strength.meets(aaguid):
		count(met)
	default:
		count(unmet)
	}
	switch {
	case !any:
		return met
	case a.all:
		return worst
	default:
		return best
	}
}

// answers is what becomes of a sign-in with a passkey of a model under the policy.
func (a *access) answers(aaguid string) answer {
	got := a.grants(aaguid)
	if got == unmet && len(a.other) > 0 {
		return unjudged
	}
	return got
}

// risk names what a possible refusal depends on: two policies that have it alike are the same risk.
func (a *access) risk() string {
	return strings.Join([]string{a.id, a.name, strings.Join(a.other, ","), strings.Join(a.foreign, ",")}, "|")
}

// sentence says why the policy refuses a passkey of a model, or may.
func (a *access) sentence(aaguid, model string) string {
	policy := "The Conditional Access policy " + a.name
	does, needs := "blocks", "demands"
	if len(a.other) > 0 {
		policy, does, needs = policy+", depending on "+strings.Join(a.other, " and ")+",", "may block", "may demand"
	}
	switch {
	case a.block:
		return policy + " " + does + " the sign-in."
	case a.strength != nil && !a.strength.passkey:
		return fmt.Sprintf("%s %s the authentication strength %s, which has no passkeys.", policy, needs, a.strength.name)
	case a.strength != nil && !a.strength.meets(aaguid):
		return fmt.Sprintf("%s %s the authentication strength %s, which the model %s is not in.", policy, needs, a.strength.name, model)
	case a.strengthID != "" && a.strength == nil:
		return policy + " " + needs + " an authentication strength that could not be read."
	default:
		return fmt.Sprintf("%s %s %s, which Postern does not judge.", policy, needs, strings.Join(a.foreign, " and "))
	}
}
