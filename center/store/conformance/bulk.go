package conformance

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	"github.com/postern/postern/center/bulk"
)

// bulkJob stores a job with that many rows, which are pending.
func (w *world) bulkJob(i postern.IntegrationID, rows int) bulk.Record {
	w.t.Helper()
	r := filled[bulk.Record]()
	r.ID, r.IntegrationID, r.State = postern.NewID[postern.BulkJobID](postern.PrefixBulkJob), i, postern.BulkRunning
	r.Digest = fmt.Sprint("digest ", w.id())
	r.SecondsLeft = 0 // never stored
	r.EndedAt = nil
	r.CreatedAt = kept(noon).Add(time.Duration(w.id()) * time.Second)
	all := make([]bulk.Row, rows)
	for n := range all {
		all[n].BulkRow = filled[postern.BulkRow]()
		all[n].JobID, all[n].Number, all[n].State = r.ID, n+1, postern.BulkRowPending
		all[n].Tries, all[n].Due, all[n].ObjectID = 0, nil, fmt.Sprint("object ", n)
	}
	w.must(w.CreateBulkJob(w.ctx(), r, all))
	return r
}

func testBulkJobs(t *testing.T, w *world) {
	ctx := w.ctx()
	i, other := w.integration(), w.integration()
	one, two := w.bulkJob(i.ID, 1), w.bulkJob(i.ID, 0)
	elsewhere := w.bulkJob(other.ID, 1)
	got, err := w.BulkJob(ctx, one.ID)
	same(w, got, err)(one)
	_, err = w.BulkJob(ctx, "blk_none")
	w.refused(err, postern.CodeNotFound)
	_, err = w.LockBulkJob(ctx, "blk_none")
	w.refused(err, postern.CodeNotFound)
	w.refused(w.SaveBulkJob(ctx, bulk.Record{BulkJob: postern.BulkJob{ID: "blk_none"}}), postern.CodeNotFound)
	w.refused(w.CreateBulkJob(ctx, one, nil), postern.CodeConflict)

	id, err := w.EqualBulkJob(ctx, i.ID, one.Digest)
	same(w, id, err)(one.ID)
	_, err = w.EqualBulkJob(ctx, other.ID, one.Digest)
	w.refused(err, postern.CodeNotFound)

	ended := kept(noon)
	one.State, one.EndedAt, one.CodesUntil, one.Held = postern.BulkDone, &ended, nil, time.Time{}
	one.Counts, one.PerMinute, one.Change = postern.BulkCounts{Total: 1, Done: 1}, 12.25, one.Change+1
	w.must(w.Atomically(ctx, func(ctx context.Context) error {
		if _, err := w.LockBulkJob(ctx, one.ID); err != nil {
			return err
		}
		return w.SaveBulkJob(ctx, one)
	}))
	got, err = w.BulkJob(ctx, one.ID)
	same(w, got, err)(one)
	_, err = w.EqualBulkJob(ctx, i.ID, one.Digest) // it is over
	w.refused(err, postern.CodeNotFound)

	all, err := w.BulkJobs(ctx, bulk.Query{IntegrationID: i.ID})
	same(w, all, err)([]bulk.Record{two, one})
	all, err = w.BulkJobs(ctx, bulk.Query{State: postern.BulkDone})
	same(w, all, err)([]bulk.Record{one})
	all, err = w.BulkJobs(ctx, bulk.Query{Offset: 1, Limit: 1})
	same(w, all, err)([]bulk.Record{two})

	ids, err := w.BulkJobsWithSecrets(ctx, two.CodesUntil.Add(-time.Millisecond))
	same(w, len(ids), err)(0)
	ids, err = w.BulkJobsWithSecrets(ctx, *two.CodesUntil)
	same(w, len(ids), err)(2)

	w.must(w.DeleteOldBulkJobs(ctx, ended))
	_, err = w.BulkJob(ctx, one.ID)
	w.must(err)
	w.must(w.DeleteOldBulkJobs(ctx, ended.Add(time.Millisecond)))
	_, err = w.BulkJob(ctx, one.ID)
	w.refused(err, postern.CodeNotFound)
	rows, err := w.BulkRows(ctx, one.ID, bulk.RowQuery{})
	same(w, len(rows), err)(0)
	w.must(w.DeleteIntegration(ctx, other.ID, other.Version))
	_, err = w.BulkJob(ctx, elsewhere.ID)
	w.refused(err, postern.CodeNotFound)

	// Several of them count on nobody else changing a job between its lock and the end of the transaction.
	for _, err := range race(6, func(int) error {
		return w.Atomically(ctx, func(ctx context.Context) error {
			r, err := w.LockBulkJob(ctx, two.ID)
			if err != nil {
				return err
			}
			r.Counts.Done++
			return w.SaveBulkJob(ctx, r)
		})
	}) {
		w.must(err)
	}
	if got, err := w.BulkJob(ctx, two.ID); err != nil || got.Counts.Done != two.Counts.Done+6 {
		t.Errorf("%+v %v", got.Counts, err)
	}
}

func testBulkRows(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	j := w.bulkJob(i.ID, 1203) // more than one statement takes
	w.bulkJob(i.ID, 2)
	all, err := w.BulkRows(ctx, j.ID, bulk.RowQuery{Limit: 1000})
	w.must(err)
	if len(all) != 1000 || all[0].Number != 1 || all[999].Number != 1000 {
		t.Fatalf("%d rows", len(all))
	}
	all, err = w.BulkRows(ctx, j.ID, bulk.RowQuery{After: 1000, Limit: 1000})
	same(w, len(all), err)(203)

	now := kept(noon)
	until := now.Add(time.Minute)
	take := func(at time.Time, begunOnly bool) *bulk.Row {
		t.Helper()
		row, err := w.TakeBulkRow(ctx, j.ID, at, at.Add(time.Minute), begunOnly)
		w.must(err)
		return row
	}
	if row := take(now, true); row != nil {
		t.Fatalf("row %d was never begun", row.Number)
	}
	row := take(now, false)
	if row == nil || row.Number != 1 || row.State != postern.BulkRowPending || row.Tries != 1 || row.Again || !row.Begun.Equal(now) || row.ObjectID != "object 0" {
		t.Fatalf("%+v", row)
	}
	if second := take(now, false); second == nil || second.Number != 2 {
		t.Fatalf("%+v", second)
	}
	if again := take(until.Add(-time.Millisecond), true); again != nil {
		t.Fatalf("row %d was taken twice", again.Number)
	}
	// Its process died: the next one takes it, and the first finds that it is not its own any more.
	again := take(until, true)
	if again == nil || again.Number != 1 || again.State != postern.BulkRowRunning || again.Tries != 2 || !again.Again || !again.Begun.Equal(now) {
		t.Fatalf("%+v", again)
	}
	row.State = postern.BulkRowDone
	ours, err := w.EndBulkRow(ctx, *row, until, time.Time{}, []byte("sealed too late"))
	same(w, ours, err)(false)
	secrets, err := w.BulkSecrets(ctx, j.ID)
	same(w, len(secrets), err)(0)
	changed := filled[postern.BulkRow]()
	changed.JobID, changed.Number, changed.State, changed.Due = j.ID, 1, postern.BulkRowDone, nil
	changed.Given, changed.Times, changed.ValidMinutes = again.Given, again.Times, again.ValidMinutes
	changed.Message, changed.UserID = "another", "usr_other"
	again.BulkRow, again.ObjectID = changed, "another object"
	ours, err = w.EndBulkRow(ctx, *again, until.Add(time.Minute), time.Time{}, []byte("sealed"))
	same(w, ours, err)(true)
	done, err := w.BulkRows(ctx, j.ID, bulk.RowQuery{State: postern.BulkRowDone})
	same(w, done, err)([]postern.BulkRow{changed})
	secrets, err = w.BulkSecrets(ctx, j.ID)
	same(w, secrets, err)([]bulk.SealedRow{{Number: 1, Given: changed.Given, UPN: changed.UPN, Sealed: []byte("sealed")}})

	// What an act made in its own transaction is not lost with the process, nor by who comes too late.
	third := take(now, false)
	made := *third
	made.Made, made.UserID, made.UPN = "inv_kept", "usr_kept", "kept@contoso.example"
	w.refused(w.KeepBulkRow(ctx, made, until.Add(time.Second), nil), postern.CodeStale)
	w.must(w.KeepBulkRow(ctx, made, until, []byte("kept")))
	third = take(until, true)
	if third.Number == 2 {
		third = take(until, true)
	}
	if third == nil || third.Number != made.Number || !third.Kept || third.Made != made.Made || third.UserID != made.UserID || third.UPN != made.UPN {
		t.Fatalf("%+v", third)
	}
	third.State, third.Made, third.UserID, third.UPN = postern.BulkRowDone, "", "", ""
	ours, err = w.EndBulkRow(ctx, *third, until.Add(time.Minute), time.Time{}, nil)
	same(w, ours, err)(true)
	done, err = w.BulkRows(ctx, j.ID, bulk.RowQuery{State: postern.BulkRowDone, After: 1})
	w.must(err)
	if len(done) != 1 || done[0].Made != made.Made || done[0].UserID != made.UserID || done[0].UPN != made.UPN {
		t.Errorf("%+v", done)
	}
	secrets, err = w.BulkSecrets(ctx, j.ID)
	same(w, len(secrets), err)(2)

	// One that waits comes back at its time, as one that was begun.
	waiting := take(now, false)
	due := now.Add(time.Hour)
	waiting.State = postern.BulkRowWaiting
	ours, err = w.EndBulkRow(ctx, *waiting, until, due, nil)
	same(w, ours, err)(true)
	list, err := w.BulkRows(ctx, j.ID, bulk.RowQuery{State: postern.BulkRowWaiting})
	w.must(err)
	if len(list) != 1 || list[0].Due == nil || !list[0].Due.Equal(due) {
		t.Fatalf("%+v", list)
	}

	n, err := w.MoveBulkRows(ctx, j.ID, postern.BulkRowPending, postern.BulkRowSkipped, postern.Error{Code: "c", Message: "m", Next: "n"}, now)
	same(w, n, err)(1199)
	skipped, err := w.BulkRows(ctx, j.ID, bulk.RowQuery{State: postern.BulkRowSkipped, Limit: 1})
	w.must(err)
	if s := skipped[0]; s.Code != "c" || s.Message != "m" || s.Next != "n" || !s.UpdatedAt.Equal(now) || s.Made == "" {
		t.Errorf("%+v", s)
	}
	at, open, err := w.NextBulkDue(ctx, j.ID)
	same(w, at, err)(until.Add(time.Minute)) // the second row's lease
	if !open {
		t.Error("no row is open")
	}
	second := take(until.Add(time.Minute), true)
	second.State = postern.BulkRowFailed
	_, err = w.EndBulkRow(ctx, *second, until.Add(2*time.Minute), time.Time{}, nil)
	w.must(err)
	n, err = w.MoveBulkRows(ctx, j.ID, postern.BulkRowFailed, postern.BulkRowPending, postern.Error{}, now)
	same(w, n, err)(1)
	if second = take(now, false); second.Number != 2 || second.Again || second.Tries != 1 || second.Made != "" {
		t.Errorf("%+v", second)
	}
	if back := take(due, false); back == nil || back.Number != 2 { // its lease was over before
		t.Errorf("%+v", back)
	}
	back := take(due, false)
	if back == nil || back.Number != waiting.Number || back.State != postern.BulkRowWaiting || !back.Again {
		t.Errorf("%+v", back)
	}
	w.must(w.ForgetBulkSecrets(ctx, j.ID))
	secrets, err = w.BulkSecrets(ctx, j.ID)
	same(w, len(secrets), err)(0)
	_, open, err = w.NextBulkDue(ctx, "blk_none")
	same(w, open, err)(false)
}

// testBulkRace has takers at once take all rows of a job: each row goes to one of them.
func testBulkRace(t *testing.T, w *world) {
	ctx := w.ctx()
	const rows, takers = 40, 4
	j := w.bulkJob(w.integration().ID, rows)
	took := make([][]int, takers)
	for _, err := range race(takers, func(n int) error {
		for {
			var row *bulk.Row
			if err := w.Atomically(ctx, func(ctx context.Context) error {
				r, err := w.LockBulkJob(ctx, j.ID)
				if err != nil {
					return err
				}
				if row, err = w.TakeBulkRow(ctx, j.ID, noon, noon.Add(time.Hour), false); err != nil || row == nil {
					return err
				}
				r.Counts.Running++
				return w.SaveBulkJob(ctx, r)
			}); err != nil || row == nil {
				return err
			}
			took[n] = append(took[n], row.Number)
		}
	}) {
		w.must(err)
	}
	times := make(map[int]int)
	for _, mine := range took {
		for _, number := range mine {
			times[number]++
		}
	}
	want := make(map[int]int)
	for n := range rows {
		want[n+1] = 1
	}
	if d := cmp.Diff(want, times); d != "" {
		t.Error(d)
	}
	if got, err := w.BulkJob(ctx, j.ID); err != nil || got.Counts.Running != j.Counts.Running+rows {
		t.Errorf("%+v %v", got.Counts, err)
	}
}

func testBulkUsers(t *testing.T, w *world) {
	ctx := w.ctx()
	i := w.integration()
	w.user(w.integration().ID)
	known := make(map[postern.UserID]bulk.KnownUser)
	for range 3 {
		u := w.user(i.ID)
		known[u.ID] = bulk.KnownUser{ID: u.ID, ObjectID: u.ObjectID, UPN: u.UPN, Phase: u.Phase, Account: u.Account, Guest: u.Guest}
	}
	seen := 0
	for after := postern.UserID(""); ; seen++ {
		page, err := w.BulkUsers(ctx, i.ID, after, 1)
		w.must(err)
		if len(page) == 0 {
			break
		}
		if page[0].ID <= after || page[0] != known[page[0].ID] {
			t.Errorf("%+v after %s", page[0], after)
		}
		after = page[0].ID
	}
	if seen != 3 {
		t.Errorf("%d users", seen)
	}
}
