package jobtest_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/store"
	"github.com/postern/postern/internal/testpg"
)

type step struct {
	Name string `json:"name"`
}

func (step) Kind() string { return "test.step" }

type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

func onBoth(t *testing.T, do func(t *testing.T, s *store.Store)) {
	for dialect, url := range map[string]func(t testing.TB) string{
		"sqlite":   func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "postern.db") },
		"postgres": testpg.URL,
	} {
		t.Run(dialect, func(t *testing.T) {
			s, err := store.Open(t.Context(), url(t), store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = s.Close() })
			if err := s.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
			do(t, s)
		})
	}
}

func TestQueue(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		c := &clock{time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
		var registry job.Registry
		var ran []string
		var outcome func(name string) error
		var givenUp error
		job.Handle(&registry, job.Rules{MaxAttempts: 2}, func(_ context.Context, a step) error {
			ran = append(ran, a.Name)
			if outcome != nil {
				return outcome(a.Name)
			}
			return nil
		}, func(_ context.Context, _ step, cause error) error { givenUp = cause; return nil })
		q := jobtest.New(t, s, &registry, c.now)
		run := func(want int, wantErr error) {
			t.Helper()
			n, err := q.RunAll(ctx)
			if n != want || !errors.Is(err, wantErr) {
				t.Fatalf("%d attempts, %v; want %d, %v", n, err, want, wantErr)
			}
		}
		enqueue := func(name string, options ...job.Option) {
			t.Helper()
			if err := q.Enqueue(ctx, step{name}, options...); err != nil {
				t.Fatal(err)
			}
		}

		// Rolled back with its transaction.
		boom := errors.New("boom")
		err := s.Atomically(ctx, func(ctx context.Context) error { return errors.Join(q.Enqueue(ctx, step{"undone"}), boom) })
		if !errors.Is(err, boom) {
			t.Fatal(err)
		}
		run(0, nil)

		// Order, and equal ones are one.
		enqueue("bulk", job.Bulk())
		enqueue("later", job.After(time.Minute))
		enqueue("now")
		enqueue("now")
		run(2, nil)
		if len(ran) != 2 || ran[0] != "now" || ran[1] != "bulk" {
			t.Fatal(ran)
		}
		if due, ok, err := q.NextDue(ctx); err != nil || !ok || !due.Equal(c.at.Add(time.Minute)) {
			t.Fatal(due, ok, err)
		}
		c.at = c.at.Add(time.Minute)
		run(1, nil)

		// A job enqueued while an equal one runs runs again.
		again := true
		outcome = func(string) error {
			if again {
				again = false
				return q.Enqueue(ctx, step{"twice"})
			}
			return nil
		}
		enqueue("twice")
		run(2, nil)

		// A crash leaves the job; the attempt counts.
		outcome = func(string) error { panic(jobtest.Crash{At: "the middle"}) }
		enqueue("crash")
		run(0, jobtest.Crash{At: "the middle"})
		outcome = func(string) error { return boom }
		run(1, nil)
		if !errors.Is(givenUp, boom) {
			t.Fatal(givenUp)
		}

		// Failing, then snoozing without end, then cancelling.
		givenUp = nil
		outcome = func(string) error { return boom }
		enqueue("fails")
		run(1, nil)
		waiting, err := q.Waiting(ctx)
		if err != nil || len(waiting) != 1 || waiting[0].Problem != "boom" || !waiting[0].Due.Equal(c.at.Add(time.Second)) {
			t.Fatalf("%+v %v", waiting, err)
		}
		outcome = func(string) error { return job.Snooze(time.Second) }
		for range 5 {
			c.at = c.at.Add(time.Second)
			run(1, nil)
		}
		outcome = func(string) error { return job.Cancel(boom) }
		c.at = c.at.Add(time.Second)
		run(1, nil)
		if !errors.Is(givenUp, boom) {
			t.Fatal(givenUp)
		}
		run(0, nil)
	})
}
