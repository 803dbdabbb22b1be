package impact_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/impact"
)

// TestImpact predicts what random changes of random tenants do to people, makes the changes, and has everybody sign in and
// register before and after. CASES says how many, SEED where they begin.
func TestImpact(t *testing.T) {
	l := newLab(t)
	rapid.Check(t, func(t *rapid.T) {
		w := rapid.Custom(drawWorld).Draw(t, "world")
		c := &trial{t: t, l: l, w: w, ctx: context.Background()}
		c.run()
	})
	if !t.Failed() {
		total.cover(t)
	}
}

// trial is one case.
type trial struct {
	t   *rapid.T
	l   *lab
	w   *world
	ctx context.Context

	before, after postern.TenantPolicy
	all, direct   places
	apps          []string
	people        []postern.InventoryUser
}

// fact is something that was tried before and after: a sign-in with a passkey at an application, or a registration.
type fact struct {
	person, key, attempt int // key and attempt are -1 where they do not apply
	application          int
	was, is              bool
	why, whyNot          string // what the emulator said before and after
}

func (c *trial) must(err error) {
	if err != nil {
		c.t.Fatalf("the case cannot be tried: %v", err)
	}
}

func (c *trial) run() {
	if total.cases == total.right { // what follows a failure makes it smaller
		total.cases++
	}
	c.must(c.l.put(c.ctx, c.w))
	first := rapid.Custom(func(t *rapid.T) postern.TenantPolicy { return c.w.drawPolicy(t, c.l) }).Draw(c.t, "policy")
	c.must(c.l.write(c.ctx, postern.TenantPolicy{}, first))
	var err error
	c.before, err = c.l.tenant.TenantPolicy(c.ctx)
	c.must(err)
	c.after = rapid.Custom(func(t *rapid.T) postern.TenantPolicy {
		p := cloned(c.before)
		c.w.drawChange(t, c.l, &p)
		return p
	}).Draw(c.t, "change")
	c.all, c.direct, err = c.l.places(c.ctx, c.before, c.after)
	c.must(err)
	c.people, err = c.l.inventory(c.ctx, c.w)
	c.must(err)

	c.apps = slices.Clone(c.l.apps)
	if namesAction(c.before) || namesAction(c.after) {
		c.apps = append(c.apps, postern.UserActionRegister)
	}
	facts := c.facts()
	c.try(facts, func(f *fact) (*bool, *string) { return &f.was, &f.why })
	c.must(c.l.write(c.ctx, c.before, c.after))
	c.try(facts, func(f *fact) (*bool, *string) { return &f.is, &f.whyNot })
	c.compare(facts)
}

func namesAction(p postern.TenantPolicy) bool {
	return slices.ContainsFunc(p.ConditionalAccess, func(c postern.ConditionalAccessPolicy) bool { return len(c.Applications.UserActions) > 0 })
}

// facts lists everything to be tried.
func (c *trial) facts() (out []*fact) {
	for p, who := range c.w.people {
		for k := range who.keys {
			for a := range c.apps {
				out = append(out, &fact{person: p, key: k, attempt: -1, application: a})
			}
		}
		for n := range who.attempts {
			out = append(out, &fact{person: p, key: -1, attempt: n})
		}
	}
	return out
}

func (c *trial) try(facts []*fact, into func(*fact) (*bool, *string)) {
	for _, f := range facts {
		who := c.w.people[f.person]
		is, why := into(f)
		var err error
		if f.key >= 0 {
			*is, *why, err = c.l.signIn(c.ctx, who, who.keys[f.key], c.apps[f.application])
		} else {
			*is, *why, err = c.l.register(c.ctx, who, who.attempts[f.attempt])
		}
		c.must(err)
	}
}

// verdict is what a judge says of a fact.
func (c *trial) verdict(j judge, f *fact) impact.Verdict {
	u := c.people[f.person]
	if f.key >= 0 {
		return j.signIn(u, u.Passkeys[f.key], c.apps[f.application])
	}
	return j.register(u, c.w.people[f.person].attempts[f.attempt])
}

// compare holds what was predicted against what happened, and counts what each rule decided.
func (c *trial) compare(facts []*fact) {
	before, after := newJudge(nil, c.before, c.all, c.direct), newJudge(nil, c.after, c.all, c.direct)
	sure := make([]bool, len(facts))
	var refused, predicted []*fact
	n := counts{}
	for i, f := range facts {
		was, is := c.verdict(before, f), c.verdict(after, f)
		for _, side := range []struct {
			when     string
			v        impact.Verdict
			happened bool
			said     string
		}{{"before", was, f.was, f.why}, {"after", is, f.is, f.whyNot}} {
			if !side.v.Possible && side.v.Allowed != side.happened || side.v.Possible && !side.v.Allowed {
				c.t.Errorf("%s the change %s: predicted %+v, and it was %v: %s", side.when, c.describe(f), side.v, side.happened, side.said)
			}
		}
		sure[i] = !was.Possible && !is.Possible
		n.try(f, sure[i])
		if !sure[i] || f.key < 0 {
			continue
		}
		if f.was && !f.is {
			refused = append(refused, f)
		}
		if was.Allowed && !is.Allowed {
			predicted = append(predicted, f)
		}
	}
	if !slices.Equal(refused, predicted) {
		c.t.Errorf("%d sign-ins were predicted to be refused, and %d were", len(predicted), len(refused))
	}
	c.effects(facts, sure)
	c.readBack(after, facts)
	if c.t.Failed() {
		c.explain()
		return
	}
	for i := range mistakes {
		c.mislead(&mistakes[i], &n, facts, sure, refused)
	}
	total.add(n)
}

// mislead asks a judge with a mistake. It is found if the sign-ins it predicts to be refused are not those that were.
func (c *trial) mislead(m *mistake, n *counts, facts []*fact, sure []bool, refused []*fact) {
	before, after := newJudge(m, c.before, c.all, c.direct), newJudge(m, c.after, c.all, c.direct)
	wrong := 0
	var predicted []*fact
	found := false
	for i, f := range facts {
		if !sure[i] {
			continue
		}
		was, is := c.verdict(before, f), c.verdict(after, f)
		for _, differs := range []bool{was.Allowed != f.was, is.Allowed != f.is} {
			if differs {
				wrong++
			}
		}
		switch {
		case f.key < 0:
			found = found || (was.Allowed && !is.Allowed) != (f.was && !f.is)
		case was.Allowed && !is.Allowed:
			predicted = append(predicted, f)
		}
	}
	n.mistaken(m.name, wrong, found || !slices.Equal(predicted, refused))
}

// readBack judges by the policy as the tenant shows it after the change: it must be the policy that was to be.
func (c *trial) readBack(after judge, facts []*fact) {
	there, err := c.l.tenant.TenantPolicy(c.ctx)
	c.must(err)
	all, direct, err := c.l.places(c.ctx, there)
	c.must(err)
	j := newJudge(nil, there, all, direct)
	for _, f := range facts {
		if a, b := c.verdict(after, f), c.verdict(j, f); a.Allowed != b.Allowed || a.Possible != b.Possible {
			c.t.Errorf("%s: %+v by the policy that was to be, %+v by the one that is there", c.describe(f), a, b)
		}
	}
}

// effects holds the effects on people against what happened to them.
func (c *trial) effects(facts []*fact, sure []bool) {
	counted, list, err := impact.Compare(c.before, c.after, each(c.people), c.all, nil)
	c.must(err)
	told := make(map[string]postern.UserImpact)
	for _, u := range list {
		told[u.ObjectID] = u
	}
	happened := make(map[postern.PolicyEffect]int)
	certain := true
	for p, who := range c.w.people {
		o, ok := c.observed(p, facts, sure)
		if !ok {
			certain = false
			continue
		}
		for _, e := range []postern.PolicyEffect{
			postern.EffectLockedOut, postern.EffectLockedOutSomewhere, postern.EffectPasskeyLost, postern.EffectSignInGained,
		} {
			if o[e] {
				happened[e]++
			}
			if slices.Contains(told[who.id].Effects, e) != o[e] {
				c.t.Errorf("%s: the effects are said to be %v; that it is %s is %v", who.upn, told[who.id].Effects, e, o[e])
			}
		}
		if told[who.id].Possible {
			c.t.Errorf("%s may be locked out, and nothing depends on anything", who.upn)
		}
	}
	for _, e := range postern.PolicyEffects[:3] {
		if certain && counted.Effects[e] != happened[e] {
			c.t.Errorf("%s is said to happen to %d, and happened to %d", e, counted.Effects[e], happened[e])
		}
	}
	for i, f := range facts {
		who := c.w.people[f.person]
		if f.key < 0 && sure[i] && !who.disabled && who.attempts[f.attempt] == (candidate{model: models[posternModel]}) {
			if lost := slices.Contains(told[who.id].Effects, postern.EffectPosternLost); lost != (f.was && !f.is) {
				c.t.Errorf("%s: that Postern is lost is said to be %v", who.upn, lost)
			}
		}
		if f.key < 0 && f.is && slices.Contains(told[who.id].Effects, postern.EffectRegistrationLost) {
			c.t.Errorf("%s registers a passkey, and was said to lose that", who.upn)
		}
	}
}

// observed is what became of somebody; ok is false if something depends on what is not judged.
func (c *trial) observed(person int, facts []*fact, sure []bool) (effects map[postern.PolicyEffect]bool, ok bool) {
	was, is := make(map[int]bool), make(map[int]bool) // by application
	effects = make(map[postern.PolicyEffect]bool)
	for i, f := range facts {
		if f.person != person || f.key < 0 {
			continue
		}
		if !sure[i] {
			return nil, false
		}
		was[f.application] = was[f.application] || f.was
		is[f.application] = is[f.application] || f.is
		effects[postern.EffectSignInGained] = effects[postern.EffectSignInGained] || !f.was && f.is
	}
	anywhere := func(m map[int]bool) bool { return slices.Contains(slices.Collect(maps.Values(m)), true) }
	effects[postern.EffectLockedOut] = anywhere(was) && !anywhere(is)
	for a := range was {
		effects[postern.EffectLockedOutSomewhere] = effects[postern.EffectLockedOutSomewhere] || anywhere(is) && was[a] && !is[a]
	}
	for _, f := range facts {
		if f.person == person && f.key >= 0 && f.was && !f.is && is[f.application] {
			effects[postern.EffectPasskeyLost] = true
		}
	}
	return effects, true
}

func (c *trial) describe(f *fact) string {
	who := c.w.people[f.person]
	if f.key < 0 {
		return fmt.Sprintf("%s registers %+v", who.upn, who.attempts[f.attempt])
	}
	k := who.keys[f.key]
	return fmt.Sprintf("%s signs in to application %d with %s (synced %v, attested %v)", who.upn, f.application+1, k.model, k.synced, k.attested)
}

// explain shows a failing case in full.
func (c *trial) explain() {
	s := strings.Builder{}
	s.WriteString("Replay it with make impact CASES=1 SEED=n, where n is the -rapid.seed that is named above.\n")
	for _, v := range []struct {
		name string
		v    any
	}{{"people", c.people}, {"members", c.all}, {"before", c.before}, {"after", c.after}} {
		b, _ := json.Marshal(v.v)
		fmt.Fprintf(&s, "%s: %s\n", v.name, b)
	}
	c.t.Log(s.String())
}
