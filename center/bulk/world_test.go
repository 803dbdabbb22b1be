package bulk_test

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/bulk"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
)

// world is bulk jobs on a real database, with acts and a clock that the test owns.
type world struct {
	t           testing.TB
	store       *store.Store
	bulk        *bulk.Service
	queue       *jobtest.Queue
	trail       *audit.Log
	integration postern.Integration
	act         *act
	denied      postern.Permission
	lost        error // why whoever started a job may do it no longer
	members     []postern.DirectoryUser

	mu  sync.Mutex
	now time.Time
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// act counts what was done to whom, and does what the test says.
type act struct {
	mu   sync.Mutex
	done map[string]int
	do   func(ctx context.Context, row bulk.Row) (bulk.Outcome, error)
}

// Do implements [bulk.Act].
func (a *act) Do(ctx context.Context, _ postern.BulkJob, row bulk.Row) (bulk.Outcome, error) {
	a.mu.Lock()
	do := a.do
	a.mu.Unlock()
	if do != nil {
		out, err := do(ctx, row)
		if err != nil || out.State == postern.BulkRowWaiting {
			return out, err
		}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.done[row.Given]++
	return bulk.Outcome{}, nil
}

func (a *act) set(do func(ctx context.Context, row bulk.Row) (bulk.Outcome, error)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.do = do
}

func (a *act) count() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.done)
}

// Require implements [bulk.Door].
func (w *world) Require(_ context.Context, p postern.Permission) error {
	if p == w.denied {
		return postern.Errorf(postern.CodeForbidden, "")
	}
	return nil
}

// Get implements [bulk.Tenants].
func (w *world) Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error) {
	return w.store.Integration(ctx, id)
}

// GroupMembers implements [bulk.Tenants].
func (w *world) GroupMembers(_ context.Context, _ postern.IntegrationID, _ string, limit int) ([]postern.DirectoryUser, error) {
	return w.members[:min(limit, len(w.members))], nil
}

func newWorld(t testing.TB) *world {
	t.Helper()
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "postern.db"), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return newWorldIn(t, db)
}

func newWorldIn(t testing.TB, db *store.Store) *world {
	t.Helper()
	w := &world{t: t, store: db, now: time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC), act: &act{done: make(map[string]int)}}
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.integration = postern.Integration{
		ID: postern.NewID[postern.IntegrationID](postern.PrefixIntegration), Version: 1, ApplicationName: "Postern",
		Experience: postern.ExperienceNative, State: postern.StateEnabled, Flags: postern.AllFlags(), Domains: []string{},
		TenantID: "t", ClientID: "c", Credential: postern.Credential{Kind: postern.CredentialSecret, SetAt: w.now},
		PermissionSet: postern.PermissionsPasskeys, Attestation: postern.AttestationPacked, ChallengeTimeout: 60,
		CreatedAt: w.now, UpdatedAt: w.now,
	}
	if err := db.CreateIntegration(t.Context(), w.integration, []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	sealer, err := seal.NewKey(make([]byte, 32))
	if err != nil {
		t.Fatal(err)
	}
	var registry job.Registry
	w.queue = jobtest.New(t, db, &registry, w.clock)
	w.trail = &audit.Log{Store: db, Sealer: sealer, Now: w.clock, Origin: "test"}
	w.bulk = &bulk.Service{
		Store: db, Tenants: w, Door: w, Sealer: sealer, Audit: w.trail, Queue: w.queue, Notices: &backbone.InProcess{},
		Logger: slog.New(slog.DiscardHandler), Now: w.clock, Width: 1, May: func(context.Context, postern.Actor, postern.Permission) error { return w.lost },
	}
	for _, k := range postern.BulkKinds {
		w.bulk.Register(k, postern.PermPasskeysRevoke, w.act)
	}
	w.bulk.Register(postern.BulkInvite, postern.PermUsersInvite, w.act)
	w.bulk.Handle(&registry)
	return w
}

func (w *world) ctx() context.Context {
	return postern.WithActor(w.t.Context(), postern.Actor{Kind: postern.ActorAdministrator, ID: "adm_1", Name: "Ada"})
}

func names(n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("user%05d@contoso.example", i)
	}
	return all
}

// know has Postern know users in a phase.
func (w *world) know(phase postern.Phase, upns ...string) {
	w.t.Helper()
	err := w.store.Atomically(w.t.Context(), func(ctx context.Context) error {
		for _, upn := range upns {
			if err := w.store.CreateUser(ctx, postern.User{
				ID: postern.NewID[postern.UserID](postern.PrefixUser), IntegrationID: w.integration.ID, Version: 1, ObjectID: "object-" + upn,
				UPN: upn, DisplayName: upn, Phase: phase, CreatedAt: w.clock(), UpdatedAt: w.clock(),
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) start(in postern.BulkInput) postern.BulkJob {
	w.t.Helper()
	j, err := w.bulk.Start(w.ctx(), w.integration.ID, in)
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

// run runs what is due, letting the clock go on until nothing is left within a time.
func (w *world) run(within time.Duration) {
	w.t.Helper()
	end := w.clock().Add(within)
	for {
		if _, err := w.queue.RunAll(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
		due, ok, err := w.queue.NextDue(w.t.Context())
		if err != nil {
			w.t.Fatal(err)
		}
		if !ok || due.After(end) {
			return
		}
		w.pass(max(due.Sub(w.clock()), time.Millisecond))
	}
}

func (w *world) job(id postern.BulkJobID) postern.BulkJob {
	w.t.Helper()
	j, err := w.bulk.Job(w.ctx(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return j
}

// agree holds the counts of a job against its rows.
func (w *world) agree(id postern.BulkJobID) (postern.BulkJob, []postern.BulkRow) {
	w.t.Helper()
	j := w.job(id)
	var all []postern.BulkRow
	var counted postern.BulkCounts
	for after := 0; ; {
		rows, err := w.bulk.Rows(w.ctx(), id, bulk.RowQuery{After: after, Limit: 1000})
		if err != nil {
			w.t.Fatal(err)
		}
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			*counted.Field(r.State)++
			counted.Total++
			after = r.Number
		}
		all = append(all, rows...)
	}
	if counted != j.Counts {
		w.t.Fatalf("the job counts %+v, its rows are %+v", j.Counts, counted)
	}
	return j, all
}
