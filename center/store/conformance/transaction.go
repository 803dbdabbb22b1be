package conformance

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/job"
)

var errBoom = errors.New("boom")

func (w *world) setting(ctx context.Context, name string) string {
	w.t.Helper()
	v, err := w.Setting(ctx, name)
	w.must(err)
	return string(v)
}

func testTransactions(t *testing.T, w *world) {
	u := w.user(w.integration().ID)
	before := u
	err := w.Atomically(w.ctx(), func(ctx context.Context) error {
		if _, ok := w.Tx(ctx); !ok {
			t.Error("the context carries no transaction")
		}
		w.must(w.SetSetting(ctx, "a", []byte("inside")))
		u.Problem = "changed"
		w.must(w.UpdateUser(ctx, &u))
		if got := w.setting(ctx, "a"); got != "inside" {
			t.Errorf("inside, the setting is %q", got)
		}
		if got := w.setting(w.ctx(), "a"); got != "" {
			t.Errorf("outside, the setting is %q before the commit", got)
		}
		return errBoom
	})
	if !errors.Is(err, errBoom) {
		t.Fatal(err)
	}
	if got := w.setting(w.ctx(), "a"); got != "" {
		t.Errorf("after the rollback the setting is %q", got)
	}
	if u.Version != before.Version {
		t.Errorf("after the rollback the version in memory is %d, want %d", u.Version, before.Version)
	}
	got, err := w.User(w.ctx(), u.ID)
	same(w, got, err)(before)
	// So the same value can be stored by the next attempt.
	w.must(w.Atomically(w.ctx(), func(ctx context.Context) error { return w.UpdateUser(ctx, &u) }))
	if _, ok := w.Tx(w.ctx()); ok {
		t.Error("there is a transaction outside")
	}
}

func testNested(t *testing.T, w *world) {
	i := w.integration()
	w.must(w.Atomically(w.ctx(), func(ctx context.Context) error {
		w.must(w.SetSetting(ctx, "outer", []byte("1")))
		w.must(w.Atomically(ctx, func(ctx context.Context) error { return w.SetSetting(ctx, "inner", []byte("1")) }))
		err := w.Atomically(ctx, func(ctx context.Context) error {
			w.must(w.SetSetting(ctx, "failed", []byte("1")))
			return errBoom
		})
		if !errors.Is(err, errBoom) {
			t.Error(err)
		}
		// A refusal leaves the transaction usable.
		w.refused(w.CreateIntegration(ctx, i, nil), postern.CodeConflict)
		return nil
	}))
	for name, want := range map[string]string{"outer": "1", "inner": "1", "failed": ""} {
		if got := w.setting(w.ctx(), name); got != want {
			t.Errorf("setting %s is %q, want %q", name, got, want)
		}
	}
	err := w.Atomically(w.ctx(), func(ctx context.Context) error {
		w.must(w.Atomically(ctx, func(ctx context.Context) error { return w.SetSetting(ctx, "inner", []byte("2")) }))
		return errBoom
	})
	if !errors.Is(err, errBoom) || w.setting(w.ctx(), "inner") != "1" {
		t.Errorf("%v; an inner part outlived the outer one", err)
	}
}

func testPanic(t *testing.T, w *world) {
	func() {
		defer func() {
			if v := recover(); v != errBoom { //nolint:errorlint // the very value
				t.Errorf("the panic became %v", v)
			}
		}()
		_ = w.Atomically(w.ctx(), func(ctx context.Context) error {
			w.must(w.SetSetting(ctx, "a", []byte("1")))
			panic(errBoom)
		})
	}()
	if got := w.setting(w.ctx(), "a"); got != "" {
		t.Errorf("after the panic the setting is %q", got)
	}
	w.must(w.SetSetting(w.ctx(), "a", []byte("2"))) // and the database is free
}

// testCollisions has transactions lock two users in opposite orders, which is a deadlock on a database with row locks.
func testCollisions(_ *testing.T, w *world) {
	i := w.integration()
	users := []postern.User{w.user(i.ID), w.user(i.ID)}
	for round := range 5 {
		for _, err := range race(4, func(n int) error {
			return w.Atomically(w.ctx(), func(ctx context.Context) error {
				for _, k := range []int{n % 2, 1 - n%2} {
					if err := w.NoteGroupPhase(ctx, users[k].ID, postern.Phase(fmt.Sprint(round, n))); err != nil {
						return err
					}
				}
				return nil
			})
		}) {
			w.must(err)
		}
		a, err := w.User(w.ctx(), users[0].ID)
		w.must(err)
		b, err := w.User(w.ctx(), users[1].ID)
		w.must(err)
		if a.GroupPhase != b.GroupPhase {
			w.t.Fatalf("the users were written by different transactions: %s and %s", a.GroupPhase, b.GroupPhase)
		}
	}
}

func testAfterCommit(t *testing.T, w *world) {
	var order []string
	hook := func(ctx context.Context, name string) { w.AfterCommit(ctx, func() { order = append(order, name) }) }
	w.must(w.Atomically(w.ctx(), func(ctx context.Context) error {
		hook(ctx, "first")
		_ = w.Atomically(ctx, func(ctx context.Context) error { hook(ctx, "undone"); return errBoom })
		w.must(w.Atomically(ctx, func(ctx context.Context) error { hook(ctx, "second"); return nil }))
		if len(order) > 0 {
			t.Error("a hook ran before the commit")
		}
		return nil
	}))
	_ = w.Atomically(w.ctx(), func(ctx context.Context) error { hook(ctx, "rolled back"); return errBoom })
	hook(w.ctx(), "at once")
	if want := []string{"first", "second", "at once"}; !slices.Equal(order, want) {
		t.Errorf("hooks ran as %v, want %v", order, want)
	}
}

func testSettings(t *testing.T, w *world) {
	if v, err := w.Setting(w.ctx(), "none"); v != nil || err != nil {
		t.Fatalf("an absent setting is %v, %v; want nil, nil", v, err)
	}
	for _, value := range []string{"one", "\x00\xff two"} {
		w.must(w.SetSetting(w.ctx(), "a", []byte(value)))
		if got := w.setting(w.ctx(), "a"); got != value {
			t.Fatalf("%q, want %q", got, value)
		}
	}
}

type ping struct {
	N int `json:"n"`
}

func (ping) Kind() string { return "conformance.ping" }

// testJobs checks that jobs share the fate of the transaction that enqueued them.
func testJobs(t *testing.T, w *world) {
	var registry job.Registry
	job.Handle(&registry, job.Rules{}, func(context.Context, ping) error { return nil }, nil)
	runner, err := job.NewRunner(job.Options{Database: w.Store, Dialect: string(w.Dialect()), Registry: &registry})
	w.must(err)
	jobs := func() int64 {
		counts, err := runner.Stats(w.ctx())
		w.must(err)
		n := int64(0)
		for _, c := range counts {
			n += c.Jobs
		}
		return n
	}
	err = w.Atomically(w.ctx(), func(ctx context.Context) error {
		w.must(runner.Enqueue(ctx, ping{1}))
		w.must(runner.Enqueue(ctx, ping{2}, job.Bulk(), job.After(1)))
		return errBoom
	})
	if !errors.Is(err, errBoom) || jobs() != 0 {
		t.Fatalf("%v; %d jobs outlived the transaction", err, jobs())
	}
	w.must(w.Atomically(w.ctx(), func(ctx context.Context) error {
		w.must(runner.Enqueue(ctx, ping{1}))
		_ = w.Atomically(ctx, func(ctx context.Context) error { w.must(runner.Enqueue(ctx, ping{2})); return errBoom })
		return nil
	}))
	if n := jobs(); n != 1 {
		t.Fatalf("%d jobs, want 1", n)
	}
}
