package bulk_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/bulk"
	"github.com/postern/postern/center/job/jobtest"
)

func TestManyUsers(t *testing.T) {
	w := newWorld(t)
	j := w.start(postern.BulkInput{Kind: postern.BulkInvite, Users: names(600)})
	w.run(time.Hour)
	j, rows := w.agree(j.ID)
	if j.State != postern.BulkDone || j.Counts.Done != 600 || j.EndedAt == nil {
		t.Fatalf("%+v", j)
	}
	for _, r := range rows {
		if w.act.done[r.Given] != 1 {
			t.Fatalf("%s was done %d times", r.Given, w.act.done[r.Given])
		}
	}
	events, err := w.trail.Events(t.Context(), audit.Query{Target: string(j.ID)})
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 2 {
		t.Fatalf("%d entries", len(events))
	}
}

func TestActorOfRows(t *testing.T) {
	w := newWorld(t)
	var actor postern.Actor
	var background bool
	w.act.set(func(ctx context.Context, _ bulk.Row) (bulk.Outcome, error) {
		actor, background = postern.ActorFrom(ctx), postern.InBackground(ctx)
		return bulk.Outcome{}, nil
	})
	w.start(postern.BulkInput{Kind: postern.BulkInvite, Users: names(1)})
	w.run(time.Hour)
	if actor.ID != "adm_1" || actor.Name != "Ada" || !background {
		t.Fatalf("%+v %v", actor, background)
	}
}

func TestThrottledIsPutBack(t *testing.T) {
	w := newWorld(t)
	refusals := 0
	w.act.set(func(context.Context, bulk.Row) (bulk.Outcome, error) {
		if refusals < 40 { // more often than any row may be tried
			refusals++
			e := postern.Errorf(postern.CodeEntraThrottled, "")
			e.After = 7 * time.Second
			return bulk.Outcome{}, e
		}
		return bulk.Outcome{}, nil
	})
	j := w.start(postern.BulkInput{Kind: postern.BulkInvite, Users: names(3)})
	if _, err := w.queue.RunAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	held, rows := w.agree(j.ID)
	if refusals != 1 {
		t.Fatalf("Entra was asked %d times before its pause was over", refusals)
	}
	if held.Code != postern.CodeEntraThrottled || held.Counts.Pending != 3 || rows[0].State != postern.BulkRowPending || rows[0].Tries != 0 {
		t.Fatalf("%+v %+v", held, rows[0])
	}
	w.run(time.Hour)
	if j, _ = w.agree(j.ID); j.State != postern.BulkDone || j.Counts.Done != 3 || j.Code != "" {
		t.Fatalf("%+v", j)
	}
}

func TestPauseResumeCancelRetry(t *testing.T) {
	w := newWorld(t)
	var id postern.BulkJobID
	var version int64
	seen := 0
	w.act.set(func(_ context.Context, row bulk.Row) (bulk.Outcome, error) {
		seen++
		if seen == 3 {
			if _, err := w.bulk.Pause(w.ctx(), id, version); err != nil {
				t.Error(err)
			}
		}
		if row.Number == 2 {
			return bulk.Outcome{}, postern.Errorf(postern.CodeGuestUser, "")
		}
		return bulk.Outcome{}, nil
	})
	j := w.start(postern.BulkInput{Kind: postern.BulkInvite, Users: names(10)})
	id, version = j.ID, j.Version
	w.run(time.Hour)
	j, rows := w.agree(id)
	if j.State != postern.BulkPaused || seen != 3 || j.Counts.Pending != 7 || j.Counts.Done != 2 || j.Counts.Failed != 1 {
		t.Fatalf("%d %+v", seen, j)
	}
	if rows[1].Code != postern.CodeGuestUser || rows[1].Message == "" || rows[1].Next == "" {
		t.Fatalf("%+v", rows[1])
	}
	if _, err := w.bulk.Resume(w.ctx(), id, version); !postern.IsCode(err, postern.CodeStale) {
		t.Fatalf("an old version steers: %v", err)
	}
	if _, err := w.bulk.Resume(w.ctx(), id, j.Version); err != nil {
		t.Fatal(err)
	}
	w.run(time.Hour)
	if j, _ = w.agree(id); j.State != postern.BulkDone || j.Counts.Done != 9 {
		t.Fatalf("%+v", j)
	}
	w.act.set(nil)
	before := seen
	if _, err := w.bulk.RetryFailed(w.ctx(), id, j.Version); err != nil {
		t.Fatal(err)
	}
	w.run(time.Hour)
	if j, _ = w.agree(id); j.State != postern.BulkDone || j.Counts.Done != 10 || w.act.count() != 10 || seen != before {
		t.Fatalf("%+v", j)
	}
	if _, err := w.bulk.RetryFailed(w.ctx(), id, j.Version); !postern.IsCode(err, postern.CodeConflict) {
		t.Fatalf("nothing has failed: %v", err)
	}
	other := w.start(postern.BulkInput{Kind: postern.BulkInvite, Users: names(4)})
	if _, err := w.bulk.Cancel(w.ctx(), other.ID, other.Version); err != nil {
		t.Fatal(err)
	}
	w.run(time.Hour)
	other, rows = w.agree(other.ID)
	if other.State != postern.BulkCancelled || other.Counts.Skipped != 4 || other.EndedAt == nil || rows[0].Code != postern.CodeBulkCancelled {
		t.Fatalf("%+v %+v", other, rows[0])
	}
}

// TestDeathOfAProcess kills the process before and after each act, and between acts.
func TestDeathOfAProcess(t *testing.T) {
	w := newWorld(t)
	deaths := 0
	die := false
	w.act.set(func(_ context.Context, row bulk.Row) (bulk.Outcome, error) {
		if die = !die; die {
			deaths++
			panic(jobtest.Crash{At: row.Given})
		}
		return bulk.Outcome{}, nil
	})
	j := w.start(postern.BulkInput{Kind: postern.BulkInvite, Users: names(20)})
	for range 200 {
		_, err := w.queue.RunAll(t.Context())
		var crash jobtest.Crash
		if err != nil && !errors.As(err, &crash) {
			t.Fatal(err)
		}
		w.agree(j.ID)
		w.pass(time.Minute)
	}
	j, _ = w.agree(j.ID)
	if j.State != postern.BulkDone || j.Counts.Done != 20 || deaths != 20 {
		t.Fatalf("%d deaths, %+v", deaths, j)
	}
}

// TestPoison has a row that kills every process that touches it: it fails, and the others are done.
func TestPoison(t *testing.T) {
	w := newWorld(t)
	w.act.set(func(_ context.Context, row bulk.Row) (bulk.Outcome, error) {
		if row.Number == 2 {
			panic("poison")
		}
		return bulk.Outcome{}, nil
	})
	j := w.start(postern.BulkInput{Kind: postern.BulkInvite, Users: names(5)})
	w.run(24 * time.Hour)
	j, rows := w.agree(j.ID)
	if j.State != postern.BulkDone || j.Counts.Failed != 1 || j.Counts.Done != 4 || rows[1].Code != postern.CodeInternal {
		t.Fatalf("%+v %+v", j, rows[1])
	}
}

func TestWaitingHoldsNobodyUp(t *testing.T) {
	w := newWorld(t)
	answered := false
	w.act.set(func(_ context.Context, row bulk.Row) (bulk.Outcome, error) {
		if row.Number == 1 && !answered {
			return bulk.Outcome{State: postern.BulkRowWaiting, Code: postern.CodePhoneWaiting, Message: "Waiting.", Made: "prv_1", After: time.Minute}, nil
		}
		return bulk.Outcome{}, nil
	})
	j := w.start(postern.BulkInput{Kind: postern.BulkInvite, Users: names(3)})
	w.run(10 * time.Second)
	j, rows := w.agree(j.ID)
	if j.State != postern.BulkRunning || j.Counts.Done != 2 || j.Counts.Waiting != 1 || rows[0].Made != "prv_1" || j.SecondsLeft != 0 {
		t.Fatalf("%+v", j)
	}
	w.run(time.Hour)
	answered = true
	w.run(time.Hour)
	if j, _ = w.agree(j.ID); j.State != postern.BulkDone || j.Counts.Done != 3 {
		t.Fatalf("%+v", j)
	}
}

// TestAnyStory plays random stories; at the end of each every row is in exactly one final state, and the counts agree.
func TestAnyStory(t *testing.T) {
	w := newWorld(t)
	rapid.Check(t, func(rt *rapid.T) {
		w.act.done = make(map[string]int)
		fate := make(map[string]string)
		healed := false
		w.act.set(func(_ context.Context, row bulk.Row) (bulk.Outcome, error) {
			if healed {
				return bulk.Outcome{}, nil
			}
			what, ok := fate[row.Given]
			if !ok {
				what = rapid.SampledFrom([]string{"done", "done", "crash", "throttled", "fails", "unavailable", "waits"}).Draw(rt, row.Given)
				fate[row.Given] = what
			}
			switch what {
			case "crash":
				fate[row.Given] = "done"
				panic(jobtest.Crash{At: row.Given})
			case "throttled":
				fate[row.Given] = "done"
				return bulk.Outcome{}, postern.Errorf(postern.CodeEntraThrottled, "")
			case "unavailable":
				return bulk.Outcome{}, postern.Errorf(postern.CodeEntraUnavailable, "")
			case "fails":
				return bulk.Outcome{}, postern.Errorf(postern.CodeGuestUser, "")
			case "waits":
				fate[row.Given] = "done"
				return bulk.Outcome{State: postern.BulkRowWaiting, After: time.Minute}, nil
			}
			return bulk.Outcome{}, nil
		})
		j := w.start(postern.BulkInput{Kind: postern.BulkInvite, Users: names(rapid.IntRange(1, 8).Draw(rt, "users"))})
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			now := w.job(j.ID)
			var err error
			switch rapid.SampledFrom([]string{"run", "run", "pass", "pause", "resume", "retry", "cancel"}).Draw(rt, "step") {
			case "run":
				var crash jobtest.Crash
				if _, err = w.queue.RunOne(t.Context()); errors.As(err, &crash) {
					err = nil
				}
			case "pass":
				w.pass(time.Duration(rapid.IntRange(1, 300).Draw(rt, "seconds")) * time.Second)
			case "pause":
				_, err = w.bulk.Pause(w.ctx(), j.ID, now.Version)
			case "resume":
				_, err = w.bulk.Resume(w.ctx(), j.ID, now.Version)
			case "retry":
				_, err = w.bulk.RetryFailed(w.ctx(), j.ID, now.Version)
			case "cancel":
				_, err = w.bulk.Cancel(w.ctx(), j.ID, now.Version)
			}
			if err != nil && !postern.IsCode(err, postern.CodeBulkState) && !postern.IsCode(err, postern.CodeConflict) {
				rt.Fatal(err)
			}
			w.agree(j.ID)
		}
		healed = true
		if now := w.job(j.ID); now.State == postern.BulkPaused {
			if _, err := w.bulk.Resume(w.ctx(), j.ID, now.Version); err != nil {
				rt.Fatal(err)
			}
		}
		w.run(48 * time.Hour)
		now, rows := w.agree(j.ID)
		if !now.State.Final() || now.EndedAt == nil {
			rt.Fatalf("the job is %s, its rows %+v", now.State, now.Counts)
		}
		for _, r := range rows {
			if !r.State.Final() {
				rt.Fatalf("row %d is %s", r.Number, r.State)
			}
			if done := w.act.done[r.Given]; (r.State == postern.BulkRowDone) != (done > 0) || done > 1 {
				rt.Fatalf("row %d is %s, and was done %d times", r.Number, r.State, done)
			}
		}
	})
}

func TestCodesAreReadOnce(t *testing.T) {
	w := newWorld(t)
	w.bulk.Register(postern.BulkInvite, postern.PermUsersInvite, secretive{})
	j := w.start(postern.BulkInput{Kind: postern.BulkInvite, Users: []string{"ada@contoso.example", "=cmd@contoso.example"}})
	w.run(time.Hour)
	if j = w.job(j.ID); j.CodesUntil == nil {
		t.Fatalf("%+v", j)
	}
	w.denied = postern.PermUsersInvite
	var out strings.Builder
	if err := w.bulk.Codes(w.ctx(), j.ID, &out); !postern.IsCode(err, postern.CodeForbidden) || out.Len() > 0 {
		t.Fatalf("%v %q", err, out.String())
	}
	w.denied = ""
	if err := w.bulk.Codes(w.ctx(), j.ID, &out); err != nil {
		t.Fatal(err)
	}
	if want := "user,code,link\r\nada@contoso.example,CODE-1,https://x/#1\r\n'=cmd@contoso.example,CODE-2,https://x/#2\r\n"; out.String() != want {
		t.Fatalf("%q", out.String())
	}
	if err := w.bulk.Codes(w.ctx(), j.ID, &out); !postern.IsCode(err, postern.CodeNotFound) {
		t.Fatalf("a second reading: %v", err)
	}
	events, err := w.trail.Events(t.Context(), audit.Query{Name: "bulk.codes_read"})
	if err != nil || len(events) != 1 || events[0].Actor.Name != "Ada" {
		t.Fatalf("%v %v", events, err)
	}
	other := w.start(postern.BulkInput{Kind: postern.BulkInvite, Users: names(2)})
	w.run(time.Minute)
	w.pass(25 * time.Hour)
	if err := w.bulk.Tidy(t.Context(), bulk.TidyJob{}); err != nil {
		t.Fatal(err)
	}
	left, err := w.store.BulkSecrets(t.Context(), other.ID)
	if err != nil || len(left) > 0 || w.job(other.ID).CodesUntil != nil {
		t.Fatalf("%d codes are left: %v", len(left), err)
	}
	w.pass(200 * 24 * time.Hour)
	if err := w.bulk.Tidy(t.Context(), bulk.TidyJob{}); err != nil {
		t.Fatal(err)
	}
	if jobs, err := w.bulk.Jobs(t.Context(), bulk.Query{}); err != nil || len(jobs) > 0 {
		t.Fatalf("%d jobs are left: %v", len(jobs), err)
	}
}

type secretive struct{}

// Do implements [bulk.Act].
func (secretive) Do(_ context.Context, _ postern.BulkJob, row bulk.Row) (bulk.Outcome, error) {
	n := string(rune('0' + row.Number))
	return bulk.Outcome{Secret: &bulk.Secret{Code: "CODE-" + n, Link: "https://x/#" + n}}, nil
}
