package conformance

import (
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/mail"
	"github.com/postern/postern/center/rotate"
)

func testRotations(t *testing.T, w *world) {
	ctx := w.ctx()
	i, other := w.integration(), w.integration()
	begin := func(integration postern.IntegrationID, state postern.RotationState) rotate.Record {
		r := filled[rotate.Record]()
		r.ID, r.IntegrationID = postern.NewID[postern.RotationID](postern.PrefixRotation), integration
		r.Version, r.State, r.CreatedAt = 1, state, kept(noon).Add(time.Duration(w.id())*time.Second)
		return r
	}
	_, err := w.Rotation(ctx, "rot_none")
	w.refused(err, postern.CodeNotFound)
	_, err = w.LastRotation(ctx, i.ID)
	w.refused(err, postern.CodeNotFound)
	w.refused(w.CreateRotation(ctx, begin("int_none", postern.RotationAdding)), postern.CodeNotFound)

	// One at a time, and of each integration one.
	for _, over := range []postern.RotationState{postern.RotationDone, postern.RotationCancelled, postern.RotationFailed} {
		w.must(w.CreateRotation(ctx, begin(i.ID, over)))
	}
	first := begin(i.ID, postern.RotationWaiting)
	w.must(w.CreateRotation(ctx, first))
	got, err := w.Rotation(ctx, first.ID)
	same(w, got, err)(first)
	w.refused(w.CreateRotation(ctx, begin(i.ID, postern.RotationAdding)), postern.CodeConflict)
	elsewhere := begin(other.ID, postern.RotationAdding)
	w.must(w.CreateRotation(ctx, elsewhere))
	got, err = w.LastRotation(ctx, i.ID)
	same(w, got, err)(first)

	stale := first
	first.State, first.Sealed, first.Progress.Sent = postern.RotationDone, []byte{0, 255}, 7
	w.must(w.UpdateRotation(ctx, &first))
	if first.Version != 2 {
		t.Errorf("version %d", first.Version)
	}
	got, err = w.Rotation(ctx, first.ID)
	same(w, got, err)(first)
	w.refused(w.UpdateRotation(ctx, &stale), postern.CodeStale)
	missing := first
	missing.ID = "rot_none"
	w.refused(w.UpdateRotation(ctx, &missing), postern.CodeNotFound)
	w.oneWins(race(4, func(int) error { r := first; return w.UpdateRotation(ctx, &r) }), postern.CodeStale)
	w.oneWins(race(4, func(int) error { return w.CreateRotation(ctx, begin(i.ID, postern.RotationOverlap)) }), postern.CodeConflict)

	w.must(w.DeleteIntegration(ctx, other.ID, other.Version))
	_, err = w.Rotation(ctx, elsewhere.ID)
	w.refused(err, postern.CodeNotFound)
}

func testAlarms(_ *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	m := filled[mail.AlarmEntry]()
	m.ID, m.Alarm.IntegrationID, m.State, m.Attempts = postern.NewID[postern.MessageID](postern.PrefixMessage), i.ID, postern.MessageQueued, 0
	_, err := w.Alarm(ctx, m.ID)
	w.refused(err, postern.CodeNotFound)
	homeless := m
	homeless.Alarm.IntegrationID = "int_none"
	w.refused(w.CreateAlarm(ctx, homeless), postern.CodeNotFound)
	w.must(w.CreateAlarm(ctx, m))
	w.refused(w.CreateAlarm(ctx, m), postern.CodeConflict)
	got, err := w.Alarm(ctx, m.ID)
	same(w, got, err)(m)

	tried := m
	tried.Attempts, tried.Problem = 1, "away"
	w.oneWins(race(4, func(int) error { return w.UpdateAlarm(ctx, m, tried) }), postern.CodeStale)
	sent := tried
	sent.State = postern.MessageSent
	w.must(w.UpdateAlarm(ctx, tried, sent))
	w.refused(w.UpdateAlarm(ctx, tried, sent), postern.CodeStale)
	got, err = w.Alarm(ctx, m.ID)
	same(w, got, err)(sent)
	missing := sent
	missing.ID = "msg_none"
	w.refused(w.UpdateAlarm(ctx, missing, missing), postern.CodeNotFound)

	w.must(w.DeleteIntegration(ctx, i.ID, i.Version))
	_, err = w.Alarm(ctx, m.ID)
	w.refused(err, postern.CodeNotFound)
}
