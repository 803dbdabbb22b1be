package job_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/store"
	"github.com/postern/postern/internal/testpg"
)

type note struct {
	Text string `json:"text"`
}

func (note) Kind() string { return "test.note" }

// urls make a fresh database of each dialect.
var urls = map[string]func(t testing.TB) string{
	"sqlite":   func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "postern.db") },
	"postgres": testpg.URL,
}

// onBoth runs a test on both.
func onBoth(t *testing.T, do func(t *testing.T, s *store.Store)) {
	for dialect, url := range urls {
		t.Run(dialect, func(t *testing.T) { do(t, open(t, url(t))) })
	}
}

func open(t testing.TB, url string) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), url, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s
}

func newRunner(t testing.TB, s *store.Store, r *job.Registry) *job.Runner {
	t.Helper()
	runner, err := job.NewRunner(job.Options{
		Database: s, Dialect: string(s.Dialect()), Registry: r, Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	return runner
}

func start(t testing.TB, runner *job.Runner) {
	t.Helper()
	if err := runner.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := runner.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// receive waits for a value; the bound only keeps a broken test from hanging.
func receive[T any](t testing.TB, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(60 * time.Second):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}

// eventually waits until a condition holds; the bound only keeps a broken test from hanging.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(60 * time.Second); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("it never came to pass that %s", what)
		}
	}
}

func counts(t testing.TB, r *job.Runner) string {
	t.Helper()
	all, err := r.Stats(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	var parts []string
	for _, c := range all {
		parts = append(parts, fmt.Sprintf("%s %s %d", c.Kind, c.State, c.Jobs))
	}
	return strings.Join(parts, ", ")
}

func TestJobRunsAfterCommitOnly(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ran := make(chan string, 10)
		var registry job.Registry
		job.Handle(&registry, job.Rules{}, func(_ context.Context, n note) error { ran <- n.Text; return nil }, nil)
		r := newRunner(t, s, &registry)
		start(t, r)

		boom := errors.New("boom")
		err := s.Atomically(t.Context(), func(ctx context.Context) error {
			if err := r.Enqueue(ctx, note{"undone"}); err != nil {
				return err
			}
			return boom
		})
		if !errors.Is(err, boom) {
			t.Fatal(err)
		}
		err = s.Atomically(t.Context(), func(ctx context.Context) error {
			if err := r.Enqueue(ctx, note{"done"}); err != nil {
				return err
			}
			if len(ran) > 0 {
				t.Error("it ran before the commit")
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := receive(t, ran); got != "done" {
			t.Fatalf("ran %q", got)
		}
		if err := r.Enqueue(t.Context(), note{"alone"}); err != nil {
			t.Fatal(err)
		}
		if got := receive(t, ran); got != "alone" {
			t.Fatalf("ran %q", got)
		}
	})
}

func TestEqualJobsThatWaitAreOne(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		var registry job.Registry
		var runs atomic.Int64
		began, goOn := make(chan struct{}, 10), make(chan struct{})
		var running, together atomic.Int64
		job.Handle(&registry, job.Rules{}, func(_ context.Context, _ note) error {
			if running.Add(1) > 1 {
				together.Add(1)
			}
			defer running.Add(-1)
			runs.Add(1)
			began <- struct{}{}
			<-goOn
			return nil
		}, nil)
		r := newRunner(t, s, &registry)
		for range 5 {
			if err := r.Enqueue(t.Context(), note{"a"}, job.Bulk()); err != nil {
				t.Fatal(err)
			}
		}
		if got := counts(t, r); got != "test.note available 1" {
			t.Fatal(got)
		}
		start(t, r)
		receive(t, began)
		// While it runs, an equal one is another one: what it was enqueued for may have been decided too late for the run.
		for range 3 {
			if err := r.Enqueue(t.Context(), note{"a"}); err != nil {
				t.Fatal(err)
			}
		}
		var jobs int
		if err := s.DB().QueryRow("SELECT count(*) FROM river_job").Scan(&jobs); err != nil || jobs != 2 {
			t.Fatalf("%d jobs, %v; want the one that runs and one behind it", jobs, err)
		}
		goOn <- struct{}{}
		receive(t, began)
		goOn <- struct{}{}
		eventually(t, "all jobs are done", func() bool { return counts(t, r) == "" })
		if runs.Load() != 2 || together.Load() != 0 {
			t.Fatalf("%d runs, %d of them beside an equal one; want 2 and 0", runs.Load(), together.Load())
		}
	})
}

func TestConcurrentEqualEnqueuesAreOne(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		var registry job.Registry
		job.Handle(&registry, job.Rules{}, func(context.Context, note) error { return nil }, nil)
		r := newRunner(t, s, &registry)
		var wg sync.WaitGroup
		for range 16 {
			wg.Go(func() {
				if err := r.Enqueue(t.Context(), note{"same"}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got := counts(t, r); got != "test.note available 1" {
			t.Fatal(got)
		}
	})
}

func TestEarlierTimeAndQuickerQueueWin(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ran := make(chan struct{}, 10)
		var registry job.Registry
		job.Handle(&registry, job.Rules{}, func(context.Context, note) error { ran <- struct{}{}; return nil }, nil)
		r := newRunner(t, s, &registry)
		if err := r.Enqueue(t.Context(), note{"a"}, job.After(time.Hour), job.Bulk()); err != nil {
			t.Fatal(err)
		}
		if got := counts(t, r); got != "test.note scheduled 1" {
			t.Fatal(got)
		}
		if err := r.Enqueue(t.Context(), note{"a"}); err != nil {
			t.Fatal(err)
		}
		if got := counts(t, r); got != "test.note available 1" {
			t.Fatal(got)
		}
		// A later wish does not take it back.
		if err := r.Enqueue(t.Context(), note{"a"}, job.After(time.Hour)); err != nil {
			t.Fatal(err)
		}
		var queue string
		if err := s.DB().QueryRow("SELECT queue FROM river_job").Scan(&queue); err != nil || queue != "interactive" {
			t.Fatal(queue, err)
		}
		start(t, r)
		receive(t, ran)
	})
}

func TestShortDelayIsKept(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ran := make(chan time.Time, 1)
		var registry job.Registry
		job.Handle(&registry, job.Rules{}, func(context.Context, note) error { ran <- time.Now(); return nil }, nil)
		r := newRunner(t, s, &registry)
		start(t, r)
		asked := time.Now()
		if err := r.Enqueue(t.Context(), note{"later"}, job.After(400*time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		if at := receive(t, ran); at.Sub(asked) < 399*time.Millisecond {
			t.Fatalf("it ran after %s", at.Sub(asked))
		}
	})
}

func TestSnoozeDoesNotCountAsFailure(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		var runs atomic.Int64
		done := make(chan struct{})
		var registry job.Registry
		job.Handle(&registry, job.Rules{MaxAttempts: 1}, func(context.Context, note) error {
			if runs.Add(1) < 4 {
				return job.Snooze(time.Millisecond)
			}
			close(done)
			return nil
		}, func(context.Context, note, error) error { t.Error("given up"); return nil })
		r := newRunner(t, s, &registry)
		start(t, r)
		if err := r.Enqueue(t.Context(), note{"a"}); err != nil {
			t.Fatal(err)
		}
		receive(t, done)
	})
}

func TestGiveUpOnceWithItsTransaction(t *testing.T) {
	cases := map[string]struct {
		rules  job.Rules
		handle func() error
		state  string
		cause  string
	}{
		"no attempt left": {job.Rules{MaxAttempts: 1}, func() error { return errors.New("no luck") }, "discarded", "no luck"},
		"cancelled":       {job.Rules{}, func() error { return job.Cancel(errors.New("no use")) }, "cancelled", "no use"},
		"panic":           {job.Rules{MaxAttempts: 1}, func() error { panic("oh") }, "discarded", "oh"},
		"timeout":         {job.Rules{MaxAttempts: 1, Timeout: time.Nanosecond}, nil, "discarded", "deadline"},
	}
	onBoth(t, func(t *testing.T, s *store.Store) {
		finished := map[string]int{}
		for name, c := range cases {
			t.Run(name, func(t *testing.T) {
				var registry job.Registry
				causes := make(chan error, 10)
				var calls atomic.Int64
				job.Handle(&registry, c.rules, func(ctx context.Context, _ note) error {
					if c.handle == nil {
						<-ctx.Done()
						return ctx.Err()
					}
					return c.handle()
				}, func(ctx context.Context, n note, cause error) error {
					if err := s.SetSetting(ctx, "given up", []byte(n.Text)); err != nil {
						return err
					}
					if calls.Add(1) == 1 {
						return errors.New("the database hiccuped")
					}
					causes <- cause
					return nil
				})
				r := newRunner(t, s, &registry)
				start(t, r)
				if err := r.Enqueue(t.Context(), note{name}); err != nil {
					t.Fatal(err)
				}
				if cause := receive(t, causes); !strings.Contains(cause.Error(), c.cause) && !strings.Contains(cause.Error(), "hiccuped") {
					t.Fatalf("cause %q, want %q in it", cause, c.cause)
				}
				finished[c.state]++
				want := fmt.Sprintf("test.note %s %d", c.state, finished[c.state])
				eventually(t, "there is "+want, func() bool { return strings.Contains(counts(t, r), want) })
				if v, err := s.Setting(t.Context(), "given up"); err != nil || string(v) != name {
					t.Fatalf("%q, %v", v, err)
				}
			})
		}
	})
}

func TestHandlerActsAsTheSystem(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		actors := make(chan postern.Actor, 1)
		var registry job.Registry
		job.Handle(&registry, job.Rules{}, func(ctx context.Context, _ note) error {
			job.Logger(ctx).Info("here")
			actors <- postern.ActorFrom(ctx)
			return nil
		}, nil)
		r := newRunner(t, s, &registry)
		ctx := postern.WithActor(context.WithoutCancel(t.Context()), postern.Actor{Kind: postern.ActorAdministrator, Name: "Ada"})
		if err := r.Start(ctx); err != nil {
			t.Fatal(err)
		}
		defer r.Stop(context.Background())
		if err := r.Enqueue(ctx, note{"a"}); err != nil {
			t.Fatal(err)
		}
		if a := receive(t, actors); a.Kind != postern.ActorSystem {
			t.Fatalf("actor %+v", a)
		}
	})
}

func TestPeriodicJob(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		ran := make(chan struct{}, 100)
		var registry job.Registry
		job.Handle(&registry, job.Rules{}, func(context.Context, note) error { ran <- struct{}{}; return nil }, nil)
		job.Every(&registry, note{"round"}, 100*time.Millisecond)
		start(t, newRunner(t, s, &registry))
		for range 3 {
			receive(t, ran)
		}
	})
}

// childVariable makes the test binary a process that takes a job and never ends it.
const childVariable = "POSTERN_TEST_JOB_CHILD"

func TestMain(m *testing.M) {
	if url := os.Getenv(childVariable); url != "" {
		err := hangInJob(url)
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func hangInJob(url string) error {
	s, err := store.Open(context.Background(), url, store.Options{})
	if err != nil {
		return err
	}
	var registry job.Registry
	job.Handle(&registry, job.Rules{}, func(context.Context, note) error {
		fmt.Println("began")
		select {}
	}, nil)
	r, err := job.NewRunner(job.Options{Database: s, Dialect: string(s.Dialect()), Registry: &registry})
	if err != nil {
		return err
	}
	if err := r.Start(context.Background()); err != nil {
		return err
	}
	if err := r.Enqueue(context.Background(), note{"a"}); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin) // ends with the test
	return errors.Join(errors.New("the test ended"), err)
}

func TestJobsOfAKilledProcessRunAgain(t *testing.T) {
	for dialect, url := range urls {
		t.Run(dialect, func(t *testing.T) {
			url := url(t)
			s := open(t, url)
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), childVariable+"="+url)
			child.Stderr = t.Output()
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if _, err := child.StdinPipe(); err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "began\n" {
				t.Fatalf("the child says %q, %v", line, err)
			}
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = child.Wait() // it says that it was killed

			ran := make(chan struct{}, 1)
			var registry job.Registry
			job.Handle(&registry, job.Rules{}, func(context.Context, note) error { ran <- struct{}{}; return nil }, nil)
			began := time.Now()
			start(t, newRunner(t, s, &registry))
			receive(t, ran)
			t.Logf("taken over after %s", time.Since(began).Round(time.Millisecond))
		})
	}
}

func TestUnknownKindIsRefused(t *testing.T) {
	onBoth(t, func(t *testing.T, s *store.Store) {
		r := newRunner(t, s, &job.Registry{})
		if err := r.Enqueue(t.Context(), note{"a"}); err == nil {
			t.Fatal("a job that nobody handles was taken")
		}
	})
}
