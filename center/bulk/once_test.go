package bulk_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/bulk"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/store"
	"github.com/postern/postern/internal/testpg"
)

// TestStarterWhoMayNoMore takes the permission away in the middle of a job: no row is begun after that, the job says why,
// and goes on in the name of whoever has it go on.
func TestStarterWhoMayNoMore(t *testing.T) {
	w := newWorld(t)
	var actors []string
	w.act.set(func(ctx context.Context, row bulk.Row) (bulk.Outcome, error) {
		actors = append(actors, postern.ActorFrom(ctx).Name)
		if row.Number == 2 {
			w.lost = postern.Errorf(postern.CodeForbidden, "The administrator Ada was removed.")
		}
		return bulk.Outcome{}, nil
	})
	j := w.start(postern.BulkInput{Kind: postern.BulkInvite, Users: names(5)})
	w.run(time.Hour)
	halted, _ := w.agree(j.ID)
	if len(actors) != 2 || halted.State != postern.BulkPaused || halted.Counts.Done != 2 || halted.Counts.Pending != 3 ||
		halted.Code != postern.CodeForbidden || !strings.Contains(halted.Message, "Ada was removed") || halted.Next == "" || halted.Version == j.Version {
		t.Fatalf("%d %+v", len(actors), halted)
	}
	events, err := w.trail.Events(t.Context(), audit.Query{Target: string(j.ID), Name: audit.BulkPaused.Name})
	if err != nil || len(events) != 1 || events[0].Actor.Kind != postern.ActorSystem || !strings.Contains(events[0].Message, "Ada was removed") {
		t.Fatalf("%+v %v", events, err)
	}
	bo := postern.WithActor(t.Context(), postern.Actor{Kind: postern.ActorAdministrator, ID: "adm_2", Name: "Bo"})
	if _, err := w.bulk.Resume(bo, j.ID, halted.Version); err != nil {
		t.Fatal(err)
	}
	w.lost = nil
	w.run(time.Hour)
	if j, _ = w.agree(j.ID); j.State != postern.BulkDone || j.Counts.Done != 5 || actors[1] != "Ada" || actors[4] != "Bo" {
		t.Fatalf("%+v %v", j, actors)
	}
}

// noting acts in a transaction of its own that notes what it made, and dies before or after it.
type noting struct {
	w    *world
	mu   sync.Mutex
	made map[string]int
	die  func(row bulk.Row, at string)
}

// Do implements [bulk.Act].
func (a *noting) Do(ctx context.Context, _ postern.BulkJob, row bulk.Row) (bulk.Outcome, error) {
	out := bulk.Outcome{Made: "inv_" + row.Given, Secret: &bulk.Secret{Code: "CODE", Link: "https://x/#1"}}
	a.die(row, "before")
	err := a.w.store.Atomically(ctx, func(ctx context.Context) error {
		if err := a.w.store.SetSetting(ctx, "made "+row.Given, []byte{1}); err != nil {
			return err
		}
		return row.Keep(ctx, out)
	})
	if err == nil {
		a.mu.Lock()
		a.made[row.Given]++
		a.mu.Unlock()
	}
	a.die(row, "after")
	return out, err
}

// TestDeathBetweenActAndBooks kills the process before and after the transaction of each act: each is done once, and
// what it made is not lost.
func TestDeathBetweenActAndBooks(t *testing.T) {
	w := newWorld(t)
	died := make(map[string]bool)
	a := &noting{w: w, made: make(map[string]int), die: func(row bulk.Row, at string) {
		if what := at + row.Given; !died[what] {
			died[what] = true
			panic(jobtest.Crash{At: what})
		}
	}}
	w.bulk.Register(postern.BulkInvite, postern.PermUsersInvite, a)
	j := w.start(postern.BulkInput{Kind: postern.BulkInvite, Users: names(8)})
	for range 40 {
		_, err := w.queue.RunAll(t.Context())
		var crash jobtest.Crash
		if err != nil && !errors.As(err, &crash) {
			t.Fatal(err)
		}
		w.agree(j.ID)
		w.pass(time.Minute)
	}
	j, rows := w.agree(j.ID)
	if j.State != postern.BulkDone || j.Counts.Done != 8 || j.CodesUntil == nil || len(died) != 16 {
		t.Fatalf("%d deaths, %+v", len(died), j)
	}
	for _, row := range rows {
		if a.made[row.Given] != 1 || row.Made != "inv_"+row.Given {
			t.Errorf("%s: made %d times, %q", row.Given, a.made[row.Given], row.Made)
		}
	}
	var out strings.Builder
	if err := w.bulk.Codes(w.ctx(), j.ID, &out); err != nil || strings.Count(out.String(), "CODE") != 8 {
		t.Errorf("%q %v", out.String(), err)
	}
}

// TestRowThatWentToAnother has a lease run out while its act is under way: the act that comes too late is undone.
func TestRowThatWentToAnother(t *testing.T) {
	w := newWorld(t)
	a := &noting{w: w, made: make(map[string]int), die: func(bulk.Row, string) {}}
	first := true
	a.die = func(row bulk.Row, at string) {
		if !first || at != "before" {
			return
		}
		first = false
		w.pass(time.Hour)
		if err := w.bulk.Run(t.Context(), bulk.RunJob{Job: row.JobID}); err != nil {
			t.Error(err)
		}
	}
	w.bulk.Register(postern.BulkInvite, postern.PermUsersInvite, a)
	j := w.start(postern.BulkInput{Kind: postern.BulkInvite, Users: names(1)})
	w.run(time.Hour)
	if j, rows := w.agree(j.ID); j.State != postern.BulkDone || j.Counts.Done != 1 || a.made[rows[0].Given] != 1 {
		t.Fatalf("%+v %v", j, a.made)
	}
}

// TestTwoRunners does one job in two processes on one PostgreSQL, several rows of it at once in each.
func TestTwoRunners(t *testing.T) {
	url := testpg.URL(t)
	open := func() *store.Store {
		db, err := store.Open(t.Context(), url, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	w := newWorldIn(t, open())
	const users = 60
	a := &noting{w: w, made: make(map[string]int), die: func(bulk.Row, string) {}}
	services := make([]*bulk.Service, 2)
	runners := make([]*job.Runner, 2)
	for n := range runners {
		db, mine := open(), *w.bulk
		mine.Store, mine.Now, mine.Width = db, time.Now, 4
		services[n] = &mine
		services[n].Register(postern.BulkInvite, postern.PermUsersInvite, a)
		var registry job.Registry
		services[n].Handle(&registry)
		r, err := job.NewRunner(job.Options{Database: db, Dialect: "postgres", Registry: &registry, Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		services[n].Queue, runners[n] = r, r
	}
	j, err := services[0].Start(w.ctx(), w.integration.ID, postern.BulkInput{Kind: postern.BulkInvite, Users: names(users)})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runners {
		if err := r.Start(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = r.Stop(context.WithoutCancel(t.Context())) })
	}
	// The job itself is one of the queue's, so one runner has it; the other takes rows beside it as after a hand-over.
	if err := services[1].Run(t.Context(), bulk.RunJob{Job: j.ID}); err != nil {
		if _, again := job.SnoozeOf(err); !again {
			t.Fatal(err)
		}
	}
	ended := func() bool {
		now, err := services[0].Job(w.ctx(), j.ID)
		if err != nil {
			t.Fatal(err)
		}
		return now.EndedAt != nil
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !ended() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("the job never ended")
		}
	}
	j, rows := w.agree(j.ID)
	if j.Counts.Done != users || len(a.made) != users {
		t.Fatalf("%+v, %d made", j.Counts, len(a.made))
	}
	for _, row := range rows {
		if a.made[row.Given] != 1 {
			t.Errorf("%s was done %d times", row.Given, a.made[row.Given])
		}
	}
}
