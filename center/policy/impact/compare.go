package impact

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// How people read the application that stands for all that no policy names, and the user action.
const (
	everyOther  = "every other application"
	registering = "registering security info"
)

// application is one at which sign-ins are judged.
type application struct {
	id   string // folded; "" is every other
	name string
}

// applicationsOf lists every application that a Conditional Access policy names in either state of the tenant, the user
// action if one does, and the one that stands for all others, first.
func applicationsOf(policies ...postern.TenantPolicy) []application {
	names := make(map[string]string)
	for _, p := range policies {
		for _, c := range p.ConditionalAccess {
			if c.State != postern.ConditionalAccessOn {
				continue
			}
			if newSet(c.Applications.UserActions).has(postern.UserActionRegister) {
				names[postern.UserActionRegister] = registering
			}
			for _, id := range slices.Concat(c.Applications.Include, c.Applications.Exclude) {
				if key := fold(id); key != caAll && key != "none" && key != "" {
					names[key] = nameOf(p.Names, id)
				}
			}
		}
	}
	out := []application{{name: everyOther}}
	for _, id := range slices.Sorted(maps.Keys(names)) {
		out = append(out, application{id, names[id]})
	}
	return out
}

// Compare says what becomes of people when a tenant's policy changes: counts, and everybody whom it concerns, the worst
// effects first and then by name. doc.go defines each number. It holds what it lists and nothing else of people. models
// names a model; "" leaves the name to the inventory. An error of people ends it.
//
// Of the basis it fills in what people tell; when the inventory was read, and whether it is complete, its owner knows
// better.
func Compare(before, after postern.TenantPolicy, people iter.Seq2[postern.InventoryUser, error], m Members, models func(aaguid string) string) (postern.PolicyImpact, []postern.UserImpact, error) {
	c := &comparison{
		before: Prepare(before, m), after: Prepare(after, m), applications: applicationsOf(before, after), members: m, models: models,
		demands: demandsOf(before, after), lost: make(map[string]*postern.ModelImpact),
		impact: postern.PolicyImpact{Effects: make(map[postern.PolicyEffect]int), Models: []postern.ModelImpact{}, Demands: []postern.StrengthDemand{}},
	}
	for u, err := range people {
		if err != nil {
			return postern.PolicyImpact{}, nil, err
		}
		c.add(&u)
	}
	return c.impact, c.finish(), nil
}

// comparison is a comparison under way.
type comparison struct {
	before, after *Judge
	applications  []application
	members       Members
	models        func(string) string
	demands       []*demand
	lost          map[string]*postern.ModelImpact
	impact        postern.PolicyImpact
	list          []ranked

	// Room for the passkeys of one user, and the answers about them, application by application.
	keys      []Candidate
	was, will []answer
}

// ranked is a line of the list with what it is sorted by.
type ranked struct {
	rank int
	name string
	user postern.UserImpact
}

// unseen says that nothing is known of the passkeys of a user. Guests have none.
func unseen(u *postern.InventoryUser) bool {
	return u.Enabled && !u.Guest && u.LookedAt == nil && len(u.Passkeys) == 0
}

func (c *comparison) add(u *postern.InventoryUser) {
	basis := &c.impact.Basis
	basis.Users++
	basis.Passkeys += len(u.Passkeys)
	basis.Methods = basis.Methods || u.MethodsKnown
	basis.Roles = basis.Roles || u.Privileged || len(u.Roles) > 0
	if unseen(u) {
		basis.Unknown++
	}
	basis.Complete = basis.Unknown == 0
	if !u.Enabled {
		return
	}
	before, after := c.before.person(u), c.after.person(u)
	c.keys = c.keys[:0]
	for i := range u.Passkeys {
		c.keys = append(c.keys, signInCandidate(&u.Passkeys[i]))
	}
	for _, d := range c.demands {
		d.add(u, &after, c.keys, c.members)
	}
	out := c.judge(u, &before, &after)
	if len(out.Effects) == 0 && !out.Possible {
		return
	}
	c.count(&out)
	c.list = append(c.list, ranked{rankOf(&out), strings.ToLower(out.DisplayName), out})
}

// at is where the answers for an application begin: there is one for each passkey.
func (c *comparison) at(list []answer, app, keys int) []answer { return list[app*keys : (app+1)*keys] }

func (c *comparison) judge(u *postern.InventoryUser, before, after *person) postern.UserImpact {
	c.was, c.will = c.was[:0], c.will[:0]
	for _, a := range c.applications {
		for _, k := range c.keys {
			c.was, c.will = append(c.was, before.signIn(k, a.id)), append(c.will, after.signIn(k, a.id))
		}
	}
	out := postern.UserImpact{}
	effect := func(e postern.PolicyEffect, is bool) {
		if is {
			out.Effects = append(out.Effects, e)
		}
	}
	t := c.tally(u, before, after)
	out.Possible = t.possible
	effect(postern.EffectLockedOut, t.signsBefore && !t.signsAfter)
	effect(postern.EffectLockedOutSomewhere, t.signsAfter && len(t.shut) > 0)
	effect(postern.EffectPasskeyLost, t.keyLost)
	effect(postern.EffectRegistrationLost, before.registersAny() && !after.registersAny())
	effect(postern.EffectPosternLost, before.registers(posternCandidate) && !after.registers(posternCandidate))
	effect(postern.EffectStrengthUnmet, t.strengthUnmet)
	effect(postern.EffectSignInGained, t.gained)
	effect(postern.EffectRegistrationGained,
		!before.registersAny() && after.registersAny() || !before.registers(posternCandidate) && after.registers(posternCandidate))
	if len(out.Effects) == 0 && !out.Possible {
		return out
	}
	out.ObjectID, out.UPN, out.DisplayName, out.Privileged = u.ObjectID, u.UPN, u.DisplayName, u.Privileged
	out.OnlyMethod, out.Methods = onlyMethod(u), u.Methods
	if t.signsAfter {
		out.Applications = t.shut
	}
	out.Passkeys = c.passkeys(u, after)
	return out
}

// tally is what the answers about one user add up to.
type tally struct {
	signsBefore, signsAfter bool     // somewhere, with some passkey
	shut                    []string // applications that no passkey signs in to any more
	keyLost                 bool     // a passkey stops where another goes on
	gained                  bool
	possible                bool
	strengthUnmet           bool
}

func (c *comparison) tally(u *postern.InventoryUser, before, after *person) (t tally) {
	keys := len(u.Passkeys)
	known := !unseen(u) && !u.Guest
	for i, a := range c.applications {
		was, will := c.at(c.was, i, keys), c.at(c.will, i, keys)
		signed, signs, sure, lost := false, false, false, false
		for k := range keys {
			signed = signed || was[k] != unmet
			signs = signs || will[k] != unmet
			sure = sure || will[k] == met
			lost = lost || was[k] != unmet && will[k] == unmet
			t.gained = t.gained || was[k] == unmet && will[k] != unmet
		}
		t.signsBefore, t.signsAfter = t.signsBefore || signed, t.signsAfter || signs
		if signed && !signs {
			t.shut = append(t.shut, a.name)
		}
		t.keyLost = t.keyLost || lost && signs
		t.possible = t.possible || signed && signs && !sure && c.riskier(before, after, a.id, was, will)
		if known && !signed && !t.strengthUnmet {
			t.strengthUnmet = after.unmet(c.keys, a.id) && !before.unmet(c.keys, a.id)
		}
	}
	return t
}

// unmet says whether a policy that counts at an application certainly demands a strength that no usable passkey of the user meets.
func (p *person) unmet(keys []Candidate, application string) bool {
	for _, a := range p.access {
		if a.demandsStrength() && len(a.other) == 0 && a.at(application) && !p.meets(keys, a.strength) {
			return true
		}
	}
	return false
}

// meets says whether a passkey of the user that the passkey method lets sign in meets a strength.
func (p *person) meets(keys []Candidate, s *strength) bool {
	for _, k := range keys {
		if s.meets(k.AAGUID) && p.usable(k) {
			return true
		}
	}
	return false
}

// riskier says whether every passkey that will sign in depends on something that no passkey depended on before.
func (c *comparison) riskier(before, after *person, app string, was, will []answer) bool {
	for i, k := range c.keys {
		if will[i] == unmet {
			continue
		}
		old := make(set)
		if was[i] == unjudged {
			for _, a := range before.access {
				if a.at(app) && a.answers(k.AAGUID) == unjudged {
					old[a.risk()] = struct{}{}
				}
			}
		}
		more := was[i] == unmet // it signs in anew, and so takes nothing from anybody
		for _, a := range after.access {
			more = more || a.at(app) && a.answers(k.AAGUID) == unjudged && !old.has(a.risk())
		}
		if !more {
			return false
		}
	}
	return true
}

// passkeys says of each passkey of a user whether it signs in anywhere, and what refuses it.
func (c *comparison) passkeys(u *postern.InventoryUser, after *person) []postern.PasskeyImpact {
	out := make([]postern.PasskeyImpact, len(u.Passkeys))
	for i := range u.Passkeys {
		k := &u.Passkeys[i]
		candidate := c.keys[i]
		o := postern.PasskeyImpact{MethodID: k.MethodID, Name: k.Name, AAGUID: candidate.AAGUID, Model: c.model(k), Managed: k.Managed()}
		shut := -1 // an application where it stops, or is refused
		for n := range c.applications {
			was, will := c.at(c.was, n, len(out))[i], c.at(c.will, n, len(out))[i]
			o.Before, o.After = o.Before || was != unmet, o.After || will != unmet
			if was != unmet && will != met && (shut < 0 || will > c.at(c.will, shut, len(out))[i]) {
				shut = n
			}
		}
		switch {
		case shut >= 0:
			o.Why = after.why(candidate, c.applications[shut].id, o.Model)
		case !o.After:
			o.Why = after.why(candidate, c.applications[0].id, o.Model)
		}
		out[i] = o
	}
	return out
}

func (c *comparison) model(k *postern.InventoryPasskey) string {
	if c.models != nil {
		if name := c.models(fold(k.AAGUID)); name != "" {
			return name
		}
	}
	return modelName(k)
}

// count adds a user to the numbers.
func (c *comparison) count(u *postern.UserImpact) {
	for _, e := range u.Effects {
		c.impact.Effects[e]++
	}
	if u.Possible {
		c.impact.Possible++
	}
	if slices.Contains(u.Effects, postern.EffectLockedOut) || slices.Contains(u.Effects, postern.EffectLockedOutSomewhere) {
		if u.Privileged {
			c.impact.Privileged++
		}
		if u.OnlyMethod == postern.KnownYes {
			c.impact.OnlyMethod++
		}
	}
	for i, k := range u.Passkeys {
		if !k.Before || k.After {
			continue
		}
		m := c.lost[k.AAGUID]
		if m == nil {
			m = &postern.ModelImpact{AAGUID: k.AAGUID, Name: k.Model}
			c.lost[k.AAGUID] = m
		}
		m.Passkeys++
		if !slices.ContainsFunc(u.Passkeys[:i], func(o postern.PasskeyImpact) bool { return o.AAGUID == k.AAGUID && o.Before && !o.After }) {
			m.Users++
		}
	}
}

// rankOf is the place of a user's worst effect. That somebody may be locked out stands between those who will be and
// those who only lose something.
func rankOf(u *postern.UserImpact) int {
	rank := 2 * len(postern.PolicyEffects)
	if len(u.Effects) > 0 {
		rank = 2 * slices.Index(postern.PolicyEffects, u.Effects[0])
	}
	if u.Possible {
		rank = min(rank, 2*slices.Index(postern.PolicyEffects, postern.EffectLockedOutSomewhere)+1)
	}
	return rank
}

// finish sorts what was found and returns the list.
func (c *comparison) finish() []postern.UserImpact {
	for _, m := range c.lost {
		c.impact.Models = append(c.impact.Models, *m)
	}
	slices.SortFunc(c.impact.Models, func(a, b postern.ModelImpact) int {
		return cmp.Or(cmp.Compare(b.Passkeys, a.Passkeys), cmp.Compare(a.Name, b.Name), cmp.Compare(a.AAGUID, b.AAGUID))
	})
	for _, d := range c.demands {
		c.impact.Demands = append(c.impact.Demands, d.StrengthDemand)
	}
	slices.SortFunc(c.list, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.name, b.name), cmp.Compare(a.user.UPN, b.user.UPN), cmp.Compare(a.user.ObjectID, b.user.ObjectID))
	})
	out := make([]postern.UserImpact, len(c.list))
	for i := range c.list {
		out[i] = c.list[i].user
	}
	return out
}
