package conformance

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/audit/stream"
)

func testAuditSearch(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	u := w.user(i.ID)
	p := w.phone(u)
	at := kept(noon)
	for n, e := range []postern.AuditEvent{
		{Code: "USR001I", Name: "user.invited", Target: string(u.ID), Message: "Invited Ada.", Success: true},
		{Code: "PHN001I", Name: "phone.enrolled", Target: string(p.ID), TargetName: "100%_phone", Success: true},
		{Code: "PRV003I", Name: "provisioning.submitted", Target: "prv_gone", Actor: postern.Actor{Kind: postern.ActorPhone, ID: string(p.ID)}, Success: true},
		{Code: "KEY003E", Name: "passkey.revocation_failed", Target: "pky_gone", Fields: map[string]string{"user": string(u.ID), "reason": "LOST"}},
		{Code: "WKS001I", Name: "workstation.enrolled", Target: "wks_1", Success: true},
	} {
		e.Sequence, e.At, e.Hash = int64(n+1), at.Add(time.Duration(n)*time.Hour), fmt.Sprint(n)
		w.must(w.InsertAuditEvent(ctx, e))
	}
	for name, c := range map[string]struct {
		q    audit.Query
		want []int64
	}{
		"user":              {audit.Query{User: u.ID}, []int64{1, 2, 3, 4}},
		"success":           {audit.Query{SuccessOnly: true}, []int64{1, 2, 3, 5}},
		"codes":             {audit.Query{Names: []string{"USR001I", "workstation.enrolled"}}, []int64{1, 5}},
		"family and code":   {audit.Query{Names: []string{"phone.", "KEY003E"}}, []int64{2, 4}},
		"text in message":   {audit.Query{Text: "INVITED ada"}, []int64{1}},
		"text in fields":    {audit.Query{Text: "lost"}, []int64{4}},
		"text with signs":   {audit.Query{Text: "100%_"}, []int64{2}},
		"no wildcard":       {audit.Query{Text: "1%phone"}, nil},
		"words must all be": {audit.Query{Text: "ada lost"}, nil},
		"from":              {audit.Query{From: at.Add(3 * time.Hour)}, []int64{4, 5}},
		"to":                {audit.Query{To: at.Add(time.Hour)}, []int64{1}},
		"between":           {audit.Query{From: at.Add(time.Hour), To: at.Add(3 * time.Hour), User: u.ID}, []int64{2, 3}},
	} {
		events, err := w.AuditEvents(ctx, c.q)
		w.must(err)
		var got []int64
		for _, e := range events {
			got = append(got, e.Sequence)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func testAuditFloors(t *testing.T, w *world) {
	ctx := w.ctx()
	none, err := w.AuditFloor(ctx)
	same(w, none, err)(audit.Floor{})
	for n := int64(1); n <= 6; n++ {
		w.must(w.InsertAuditEvent(ctx, postern.AuditEvent{Sequence: n, At: kept(noon).Add(time.Duration(n) * time.Hour), Hash: fmt.Sprint(n)}))
	}
	first, err := w.FirstAuditEventSince(ctx, kept(noon).Add(3*time.Hour))
	same(w, first, err)(int64(3))
	first, err = w.FirstAuditEventSince(ctx, kept(noon).Add(30*time.Hour))
	same(w, first, err)(int64(0))
	for _, f := range []audit.Floor{{Sequence: 2, Hash: "2", At: kept(noon), Note: "two"}, {Sequence: 4, Hash: "4", At: kept(noon), Note: "four"}} {
		w.must(w.RemoveAuditEvents(ctx, f))
		got, err := w.AuditFloor(ctx)
		same(w, got, err)(f)
		got, err = w.AuditFloorAt(ctx, f.Sequence)
		same(w, got, err)(f)
		w.refused(w.RemoveAuditEvents(ctx, f), postern.CodeConflict)
	}
	_, err = w.AuditFloorAt(ctx, 3)
	w.refused(err, postern.CodeNotFound)
	left, err := w.AuditEvents(ctx, audit.Query{})
	w.must(err)
	if len(left) != 2 || left[0].Sequence != 5 {
		t.Fatalf("%+v", left)
	}
}

func testAuditStreams(_ *testing.T, w *world) {
	ctx := w.ctx()
	one := filled[stream.Stream]()
	one.Paused = false
	w.must(w.CreateAuditStream(ctx, one))
	w.refused(w.CreateAuditStream(ctx, one), postern.CodeConflict)
	got, err := w.AuditStream(ctx, one.ID)
	same(w, got, err)(one)
	two := filled[stream.Stream]()
	two.ID, two.Name = "aus_2", "another"
	w.must(w.CreateAuditStream(ctx, two))
	all, err := w.AuditStreams(ctx)
	same(w, all, err)([]stream.Stream{two, one})
	stale := one
	one.Name, one.Config.Address, one.Secrets, one.UpdatedAt = "renamed", "elsewhere", []byte{9}, kept(noon)
	w.must(w.UpdateAuditStream(ctx, &one))
	w.refused(w.UpdateAuditStream(ctx, &stale), postern.CodeStale)
	one.Failures, one.Problem, one.ProblemAt, one.NextAt = 0, "", nil, nil
	got, err = w.AuditStream(ctx, one.ID)
	same(w, got, err)(one)

	now, later := kept(noon), kept(noon).Add(time.Minute)
	held, err := w.HoldAuditStream(ctx, one.ID, "a", now, later)
	same(w, held, err)(true)
	held, err = w.HoldAuditStream(ctx, one.ID, "b", now, later)
	same(w, held, err)(false)
	held, err = w.HoldAuditStream(ctx, two.ID, "a", now, later) // it is paused
	same(w, held, err)(false)
	moved, err := w.AdvanceAuditStream(ctx, one.ID, "b", one.Cursor+1, now)
	same(w, moved, err)(false)
	w.must(w.FailAuditStream(ctx, one.ID, "a", "no", now, later))
	got, err = w.AuditStream(ctx, one.ID)
	w.must(err)
	same(w, []any{got.Failures, got.Problem, *got.ProblemAt, *got.NextAt}, nil)([]any{1, "no", now, later})
	moved, err = w.AdvanceAuditStream(ctx, one.ID, "a", one.Cursor+5, later)
	same(w, moved, err)(true)
	one.Cursor, one.DeliveredAt = one.Cursor+5, &later
	got, err = w.AuditStream(ctx, one.ID)
	same(w, got, err)(one)
	w.must(w.ReleaseAuditStream(ctx, one.ID, "a"))
	held, err = w.HoldAuditStream(ctx, one.ID, "b", now, later)
	same(w, held, err)(true)
	w.refused(w.DeleteAuditStream(ctx, one.ID, one.Version+1), postern.CodeStale)
	w.must(w.DeleteAuditStream(ctx, one.ID, one.Version))
	w.refused(w.DeleteAuditStream(ctx, one.ID, one.Version), postern.CodeNotFound)
}

func testAuditFilters(_ *testing.T, w *world) {
	ctx := w.ctx()
	one := filled[postern.SavedAuditFilter]()
	one.Shared = false
	w.must(w.CreateAuditFilter(ctx, one))
	w.refused(w.CreateAuditFilter(ctx, one), postern.CodeConflict)
	got, err := w.AuditFilter(ctx, one.ID)
	same(w, got, err)(one)
	all, err := w.AuditFilters(ctx, "somebody else")
	same(w, all, err)([]postern.SavedAuditFilter{})
	stale := one
	one.Shared, one.Name = true, "shared"
	w.must(w.UpdateAuditFilter(ctx, &one))
	w.refused(w.UpdateAuditFilter(ctx, &stale), postern.CodeStale)
	all, err = w.AuditFilters(ctx, "somebody else")
	same(w, all, err)([]postern.SavedAuditFilter{one})
	w.refused(w.DeleteAuditFilter(ctx, one.ID, stale.Version), postern.CodeStale)
	w.must(w.DeleteAuditFilter(ctx, one.ID, one.Version))
	w.refused(w.DeleteAuditFilter(ctx, one.ID, one.Version), postern.CodeNotFound)
}
