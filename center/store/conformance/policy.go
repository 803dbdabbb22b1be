package conformance

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy"
)

func (w *world) policyPlan(i postern.IntegrationID, state postern.PolicyPlanState) policy.Record {
	w.t.Helper()
	r := filled[policy.Record]()
	r.ID, r.IntegrationID, r.State, r.Version = postern.NewID[postern.PolicyPlanID](postern.PrefixPolicyPlan), i, state, 1
	r.CreatedAt = kept(noon).Add(time.Duration(w.id()) * time.Second)
	w.must(w.CreatePolicyPlan(w.ctx(), r))
	return r
}

func testPolicyPlans(t *testing.T, w *world) {
	ctx := w.ctx()
	i, other := w.integration(), w.integration()
	_, err := w.PolicyPlan(ctx, "pol_none")
	w.refused(err, postern.CodeNotFound)
	_, err = w.ApplyingPolicyPlan(ctx, i.ID)
	w.refused(err, postern.CodeNotFound)
	first := w.policyPlan(i.ID, postern.PolicyPlanned)
	second := w.policyPlan(i.ID, postern.PolicyPlanned)
	w.policyPlan(other.ID, postern.PolicyApplying)
	got, err := w.PolicyPlan(ctx, first.ID)
	same(w, got, err)(first)
	list, err := w.PolicyPlans(ctx, i.ID, 10)
	same(w, list, err)([]postern.PolicyPlan{second.PolicyPlan, first.PolicyPlan})
	list, err = w.PolicyPlans(ctx, i.ID, 1)
	same(w, list, err)([]postern.PolicyPlan{second.PolicyPlan})
	w.refused(w.CreatePolicyPlan(ctx, first), postern.CodeConflict)

	// One of an integration at a time.
	stale := first
	first.State, first.Progress.Checked = postern.PolicyApplying, false
	w.must(w.UpdatePolicyPlan(ctx, &first))
	if first.Version != 2 {
		t.Errorf("version %d", first.Version)
	}
	got, err = w.ApplyingPolicyPlan(ctx, i.ID)
	same(w, got, err)(first)
	w.refused(w.UpdatePolicyPlan(ctx, &stale), postern.CodeStale)
	busy := second
	busy.State = postern.PolicyApplying
	w.refused(w.UpdatePolicyPlan(ctx, &busy), postern.CodeConflict)
	if busy.Version != second.Version {
		t.Errorf("a version that was not stored went from %d to %d", second.Version, busy.Version)
	}
	missing := second
	missing.ID = "pol_none"
	w.refused(w.UpdatePolicyPlan(ctx, &missing), postern.CodeNotFound)
	first.State = postern.PolicyLanded
	w.must(w.UpdatePolicyPlan(ctx, &first))
	w.oneWins(race(4, func(int) error {
		mine := second
		mine.State = postern.PolicyApplying
		return w.UpdatePolicyPlan(ctx, &mine)
	}), postern.CodeStale)
	third, fourth := w.policyPlan(other.ID, postern.PolicyPlanned), w.policyPlan(other.ID, postern.PolicyPlanned)
	applying, err := w.ApplyingPolicyPlan(ctx, other.ID)
	w.must(err)
	applying.State = postern.PolicyPartly
	w.must(w.UpdatePolicyPlan(ctx, &applying))
	w.oneWins(race(2, func(n int) error {
		mine := []policy.Record{third, fourth}[n]
		mine.State = postern.PolicyApplying
		return w.UpdatePolicyPlan(ctx, &mine)
	}), postern.CodeConflict)

	// What was applied is never forgotten.
	fifth := w.integration()
	landed := w.policyPlan(fifth.ID, postern.PolicyLanded)
	w.policyPlan(fifth.ID, postern.PolicyPlanned)
	failed, outdated := w.policyPlan(fifth.ID, postern.PolicyFailed), w.policyPlan(fifth.ID, postern.PolicyOutdated)
	planning := w.policyPlan(fifth.ID, postern.PolicyPlanning)
	w.must(w.ForgetPolicyPlans(ctx, fifth.ID, 2))
	list, err = w.PolicyPlans(ctx, fifth.ID, 10)
	same(w, list, err)([]postern.PolicyPlan{planning.PolicyPlan, outdated.PolicyPlan, failed.PolicyPlan, landed.PolicyPlan})
}

func testPolicyImpact(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	plan, other := w.policyPlan(i.ID, postern.PolicyPlanned), w.policyPlan(i.ID, postern.PolicyPlanned)
	users := make([]postern.UserImpact, 1203)
	for n := range users {
		u := postern.UserImpact{
			ObjectID: fmt.Sprint("o", n), UPN: fmt.Sprintf("u%d@contoso.com", n), Privileged: n%3 == 0, OnlyMethod: postern.KnownNo,
			Effects: []postern.PolicyEffect{postern.EffectRegistrationGained}, Passkeys: []postern.PasskeyImpact{},
		}
		if n < 10 {
			u.Effects = []postern.PolicyEffect{postern.EffectLockedOut, postern.EffectRegistrationLost}
			u.OnlyMethod = []postern.Known{postern.KnownYes, postern.Unknown}[n%2]
			u.Passkeys = filled[[]postern.PasskeyImpact]()
		}
		users[n] = u
	}
	w.must(w.SetPolicyImpact(ctx, other.ID, users[:3]))
	w.must(w.SetPolicyImpact(ctx, plan.ID, users[:7]))
	w.must(w.SetPolicyImpact(ctx, plan.ID, users))
	expect := func(q postern.ImpactQuery, all int, want []postern.UserImpact) {
		t.Helper()
		got, total, err := w.PolicyImpact(ctx, plan.ID, q)
		same(w, got, err)(want)
		if total != all {
			t.Errorf("%+v: %d in all", q, total)
		}
	}
	expect(postern.ImpactQuery{}, 1203, users[:100])
	expect(postern.ImpactQuery{Offset: 1200, Limit: 10}, 1203, users[1200:])
	expect(postern.ImpactQuery{Effect: postern.EffectLockedOut, Limit: 4}, 10, users[:4])
	expect(postern.ImpactQuery{Effect: postern.EffectRegistrationLost, Offset: 8}, 10, users[8:10])
	expect(postern.ImpactQuery{Effect: postern.EffectPasskeyLost}, 0, []postern.UserImpact{})
	expect(postern.ImpactQuery{Privileged: true, Effect: postern.EffectLockedOut}, 4, []postern.UserImpact{users[0], users[3], users[6], users[9]})
	expect(postern.ImpactQuery{OnlyMethod: true, Limit: 2}, 5, []postern.UserImpact{users[0], users[2]})
	var each []postern.UserImpact
	for u, err := range w.EachPolicyImpact(ctx, plan.ID) {
		w.must(err)
		each = append(each, u)
	}
	same(w, each, nil)(users)
	for _, err := range w.EachPolicyImpact(ctx, plan.ID) {
		w.must(err)
		break
	}
	w.must(w.SetPolicyImpact(ctx, plan.ID, nil))
	expect(postern.ImpactQuery{}, 0, []postern.UserImpact{})
	if got, _, err := w.PolicyImpact(ctx, other.ID, postern.ImpactQuery{}); err != nil || len(got) != 3 || !slices.Equal(got[0].Effects, users[0].Effects) {
		t.Errorf("another plan's: %d, %v", len(got), err)
	}
	w.refused(w.SetPolicyImpact(ctx, "pol_none", users[:1]), postern.CodeNotFound)
}

func testPolicyWatch(t *testing.T, w *world) {
	ctx := w.ctx()
	i, other := w.integration(), w.integration()
	got, err := w.PolicyWatch(ctx, i.ID)
	same(w, got, err)(policy.Watch{IntegrationID: i.ID})
	watch := filled[policy.Watch]()
	watch.IntegrationID, watch.Version = i.ID, 0
	w.must(w.SetPolicyWatch(ctx, &watch))
	if watch.Version != 1 {
		t.Errorf("version %d", watch.Version)
	}
	got, err = w.PolicyWatch(ctx, i.ID)
	same(w, got, err)(watch)
	again := filled[policy.Watch]()
	again.IntegrationID, again.Version = i.ID, 0
	w.refused(w.SetPolicyWatch(ctx, &again), postern.CodeStale)
	watch.Found, watch.AgreedAt = nil, time.Time{}
	w.oneWins(race(4, func(int) error { mine := watch; return w.SetPolicyWatch(ctx, &mine) }), postern.CodeStale)
	watch.Version++
	got, err = w.PolicyWatch(ctx, i.ID)
	same(w, got, err)(watch)
	if got, err = w.PolicyWatch(ctx, other.ID); err != nil || got.Version != 0 {
		t.Errorf("another integration's: %+v, %v", got, err)
	}
	watch.IntegrationID, watch.Version = "int_none", 0
	w.refused(w.SetPolicyWatch(ctx, &watch), postern.CodeNotFound)
}
