package conformance

import (
	"slices"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/reconcile"
)

func (w *world) reconcileRun(i postern.IntegrationID, state postern.ReconcileState) reconcile.Record {
	w.t.Helper()
	r := filled[reconcile.Record]()
	r.ID, r.IntegrationID, r.State, r.Version = postern.NewID[postern.ReconcileRunID](postern.PrefixReconcileRun), i, state, 1
	r.CreatedAt = kept(noon).Add(time.Duration(w.id()) * time.Second)
	w.must(w.CreateReconcileRun(w.ctx(), r))
	return r
}

func (w *world) difference(i postern.IntegrationID, u postern.UserID, kind postern.DifferenceKind, run postern.ReconcileRunID) postern.Difference {
	w.t.Helper()
	d := filled[postern.Difference]()
	d.ID, d.IntegrationID, d.UserID, d.Kind, d.RunID = postern.NewID[postern.DifferenceID](postern.PrefixDifference), i, u, kind, run
	d.Object, d.ClosedAt, d.Outcome = string(d.ID), nil, postern.OutcomeWaiting
	d.FoundAt = kept(noon).Add(time.Duration(w.id()) * time.Second)
	w.must(w.CreateDifference(w.ctx(), d))
	return d
}

func testReconcileRuns(t *testing.T, w *world) {
	ctx := w.ctx()
	i, other := w.integration(), w.integration()
	_, err := w.RunningReconcile(ctx, i.ID)
	w.refused(err, postern.CodeNotFound)
	old := w.reconcileRun(i.ID, postern.ReconcileDone)
	run := w.reconcileRun(i.ID, postern.ReconcileRunning)
	w.reconcileRun(other.ID, postern.ReconcileRunning)
	got, err := w.ReconcileRun(ctx, run.ID)
	same(w, got, err)(run)
	got, err = w.RunningReconcile(ctx, i.ID)
	same(w, got, err)(run)
	_, err = w.ReconcileRun(ctx, "rec_none")
	w.refused(err, postern.CodeNotFound)
	second := run
	second.ID = "rec_second"
	w.refused(w.CreateReconcileRun(ctx, second), postern.CodeConflict)
	list, err := w.ReconcileRuns(ctx, i.ID, 10)
	same(w, list, err)([]postern.ReconcileRun{run.ReconcileRun, old.ReconcileRun})
	list, err = w.ReconcileRuns(ctx, i.ID, 1)
	same(w, list, err)([]postern.ReconcileRun{run.ReconcileRun})

	// One that ended cannot go on while another is running.
	back := old
	back.State = postern.ReconcileRunning
	w.refused(w.UpdateReconcileRun(ctx, &back), postern.CodeConflict)
	stale := run
	run.State, run.Progress.Named, run.Message = postern.ReconcileDone, nil, "changed"
	w.must(w.UpdateReconcileRun(ctx, &run))
	got, err = w.ReconcileRun(ctx, run.ID)
	same(w, got, err)(run)
	if run.Version != 2 {
		t.Errorf("version %d", run.Version)
	}
	w.refused(w.UpdateReconcileRun(ctx, &stale), postern.CodeStale)
	missing := run
	missing.ID = "rec_none"
	w.refused(w.UpdateReconcileRun(ctx, &missing), postern.CodeNotFound)
	w.must(w.UpdateReconcileRun(ctx, &back))
	w.oneWins(race(4, func(int) error { mine := back; return w.UpdateReconcileRun(ctx, &mine) }), postern.CodeStale)

	// Of several that begin at once, one does.
	third := w.integration()
	w.oneWins(race(4, func(int) error {
		mine := filled[reconcile.Record]()
		mine.ID, mine.IntegrationID, mine.State = postern.NewID[postern.ReconcileRunID](postern.PrefixReconcileRun), third.ID, postern.ReconcileRunning
		return w.CreateReconcileRun(ctx, mine)
	}), postern.CodeConflict)

	for range 3 {
		w.reconcileRun(i.ID, postern.ReconcileFailed)
	}
	w.must(w.ForgetReconcile(ctx, i.ID, 2, noon))
	list, err = w.ReconcileRuns(ctx, i.ID, 10)
	w.must(err)
	if len(list) != 3 || list[2].ID != back.ID { // the one that runs is never forgotten
		t.Errorf("%+v", list)
	}
	if _, err := w.RunningReconcile(ctx, other.ID); err != nil {
		t.Errorf("of the other integration: %v", err)
	}
	w.must(w.DeleteIntegration(ctx, i.ID, i.Version))
	list, err = w.ReconcileRuns(ctx, i.ID, 10)
	same(w, len(list), err)(0)
}

func testReconcileState(_ *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	state, err := w.ReconcileState(ctx, i.ID)
	same(w, state, err)(reconcile.State{})
	for range 2 {
		want := filled[reconcile.State]()
		want.MembersLink += "x"
		w.must(w.SetReconcileState(ctx, i.ID, want))
		state, err = w.ReconcileState(ctx, i.ID)
		same(w, state, err)(want)
	}
	w.must(w.DeleteIntegration(ctx, i.ID, i.Version))
	state, err = w.ReconcileState(ctx, i.ID)
	same(w, state, err)(reconcile.State{})
}

func testDifferences(t *testing.T, w *world) {
	ctx := w.ctx()
	i, other := w.integration(), w.integration()
	u, v := w.user(i.ID), w.user(i.ID)
	removed := w.difference(i.ID, u.ID, postern.DifferencePasskeyRemoved, "rec_1")
	stuck := w.difference(i.ID, v.ID, postern.DifferenceProvisioningStuck, "rec_1")
	member := w.difference(i.ID, v.ID, postern.DifferenceMemberExtra, "rec_2")
	stranger := w.difference(i.ID, "", postern.DifferenceMemberStranger, "rec_2")
	w.difference(other.ID, w.user(other.ID).ID, postern.DifferencePasskeyRemoved, "rec_1")

	got, err := w.OpenDifference(ctx, i.ID, removed.Kind, removed.Object)
	same(w, got, err)(removed)
	_, err = w.OpenDifference(ctx, other.ID, removed.Kind, removed.Object)
	w.refused(err, postern.CodeNotFound)
	again := removed
	again.ID = "dif_again"
	w.refused(w.CreateDifference(ctx, again), postern.CodeConflict)

	list, err := w.OpenDifferencesOfUser(ctx, i.ID, v.ID)
	same(w, list, err)([]postern.Difference{stuck, member})
	list, err = w.OpenDifferencesOfKind(ctx, i.ID, postern.DifferencePasskeyRemoved)
	same(w, list, err)([]postern.Difference{removed})
	n, err := w.CountOpenDifferences(ctx, i.ID)
	same(w, n, err)(4)
	counts, err := w.CountDifferencesOfRun(ctx, i.ID, "rec_1")
	same(w, counts, err)(map[postern.DifferenceOutcome]int{postern.OutcomeWaiting: 2})
	want := []postern.UserID{u.ID, v.ID}
	slices.Sort(want)
	users, err := w.UsersWithDifferences(ctx, i.ID, "", false, 10)
	same(w, users, err)(want)
	users, err = w.UsersWithDifferences(ctx, i.ID, want[0], false, 10)
	same(w, users, err)(want[1:])
	users, err = w.UsersWithDifferences(ctx, i.ID, "", true, 10)
	same(w, users, err)([]postern.UserID{u.ID})

	// One that is gone counts for its run, and may be found anew.
	closed := kept(noon)
	removed.ClosedAt, removed.Outcome, removed.Done = &closed, postern.OutcomeMended, "changed"
	w.must(w.UpdateDifference(ctx, removed))
	_, err = w.OpenDifference(ctx, i.ID, removed.Kind, removed.Object)
	w.refused(err, postern.CodeNotFound)
	counts, err = w.CountDifferencesOfRun(ctx, i.ID, "rec_1")
	same(w, counts, err)(map[postern.DifferenceOutcome]int{postern.OutcomeWaiting: 1, postern.OutcomeMended: 1})
	again.FoundAt = removed.FoundAt.Add(time.Hour)
	w.must(w.CreateDifference(ctx, again))
	list, err = w.Differences(ctx, reconcile.DifferenceQuery{IntegrationID: i.ID})
	same(w, list, err)([]postern.Difference{again, stranger, member, stuck, removed})
	list, err = w.Differences(ctx, reconcile.DifferenceQuery{IntegrationID: i.ID, Open: true, RunID: "rec_1"})
	same(w, list, err)([]postern.Difference{again, stuck})
	list, err = w.Differences(ctx, reconcile.DifferenceQuery{IntegrationID: i.ID, Offset: 1, Limit: 2})
	same(w, list, err)([]postern.Difference{stranger, member})

	w.must(w.ForgetReconcile(ctx, i.ID, 10, closed))
	list, err = w.Differences(ctx, reconcile.DifferenceQuery{IntegrationID: i.ID})
	same(w, len(list), err)(5)
	w.must(w.ForgetReconcile(ctx, i.ID, 10, closed.Add(time.Millisecond)))
	list, err = w.Differences(ctx, reconcile.DifferenceQuery{IntegrationID: i.ID})
	same(w, len(list), err)(4)
	w.oneWins(race(4, func(int) error {
		mine := again
		mine.ID, mine.Object = postern.NewID[postern.DifferenceID](postern.PrefixDifference), "raced for"
		return w.CreateDifference(ctx, mine)
	}), postern.CodeConflict)
	w.must(w.DeleteIntegration(ctx, i.ID, i.Version))
	if n, err := w.CountOpenDifferences(ctx, i.ID); err != nil || n != 0 {
		t.Errorf("%d without an integration, %v", n, err)
	}
}

func testUsersInTurn(t *testing.T, w *world) {
	ctx := w.ctx()
	i, other := w.integration(), w.integration()
	bare, withPhone, revoked, active := w.user(i.ID), w.user(i.ID), w.user(i.ID), w.user(i.ID)
	w.phone(withPhone)
	p := w.phone(revoked)
	w.passkey(p, postern.PasskeyRevoked)
	p.State = postern.PhoneRevoked
	w.must(w.UpdatePhone(ctx, &p))
	p = w.phone(active)
	w.passkey(p, postern.PasskeyActive)
	w.passkey(p, postern.PasskeyRevocation)
	w.passkey(w.phone(w.user(other.ID)), postern.PasskeyActive)
	for choice, want := range map[reconcile.Choice][]postern.UserID{
		reconcile.Everybody:    {bare.ID, withPhone.ID, revoked.ID, active.ID},
		reconcile.WithPasskeys: {active.ID},
		reconcile.WithDevices:  {withPhone.ID, revoked.ID, active.ID},
	} {
		slices.Sort(want)
		var got []postern.UserID
		for after := postern.UserID(""); ; {
			page, err := w.UsersAfter(ctx, i.ID, choice, after, 1)
			w.must(err)
			if len(page) == 0 {
				break
			}
			after = page[0].ID
			got = append(got, after)
		}
		if !slices.Equal(got, want) {
			t.Errorf("choice %d: %v, want %v", choice, got, want)
		}
	}
	n, err := w.CountUsersWithPasskeys(ctx, i.ID)
	same(w, n, err)(1)
	n, err = w.CountActivePasskeys(ctx, i.ID)
	same(w, n, err)(1)

	bare.UPN = "Ada.Lovelace@Contoso.example"
	w.must(w.UpdateUser(ctx, &bare))
	found, err := w.UserByUPN(ctx, i.ID, "ADA.lovelace@contoso.EXAMPLE")
	same(w, found, err)(bare)
	_, err = w.UserByUPN(ctx, other.ID, bare.UPN)
	w.refused(err, postern.CodeNotFound)
}
