package job

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/riverqueue/river"
)

// Database is what a runner needs of a store.
type Database interface {
	DB() *sql.DB
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	Tx(ctx context.Context) (*sql.Tx, bool)
	AfterCommit(ctx context.Context, f func())
}

// Options of a runner. Database, Dialect and Registry are needed.
type Options struct {
	Database Database
	Dialect  string // "sqlite" or "postgres"
	// Registry may be filled until Start; kinds must be in it before jobs of them are enqueued.
	Registry *Registry
	Logger   *slog.Logger // nil means slog.Default()
	// Workers and BulkWorkers are how many jobs of each queue run at once in this process. 0 means 8 and 4.
	Workers, BulkWorkers int
	// PollInterval is how often the database is asked for jobs that this process did not enqueue itself, or whose time
	// has come. 0 means 250 ms.
	PollInterval time.Duration
	// Observe, if set, is told of each attempt, for metrics.
	Observe func(kind string, verdict Verdict, took time.Duration)
}

// Runner runs the jobs of a registry on River. It is a [Queue] from the beginning, and works from Start to Stop.
type Runner struct {
	db       Database
	dialect  string
	sql      statements
	registry *Registry
	logger   *slog.Logger
	observe  func(string, Verdict, time.Duration)
	id       string
	driver   *wakingDriver
	client   *river.Client[*sql.Tx]
	now      func() time.Time

	mu     sync.Mutex
	stop   context.CancelFunc // ends the heartbeat; nil when not started
	beaten chan struct{}      // closed when the heartbeat has ended
}

var _ Queue = (*Runner)(nil)

// NewRunner makes a runner. The database must have been migrated.
func NewRunner(o Options) (*Runner, error) {
	r := &Runner{
		db: o.Database, dialect: o.Dialect, registry: o.Registry, logger: o.Logger, observe: o.Observe, now: time.Now,
	}
	switch o.Dialect {
	case sqlite:
		r.sql = sqliteStatements
	case postgres:
		r.sql = postgresStatements
	default:
		return nil, fmt.Errorf("job: there is no dialect %q", o.Dialect)
	}
	if r.logger == nil {
		r.logger = slog.Default()
	}
	if r.observe == nil {
		r.observe = func(string, Verdict, time.Duration) {}
	}
	if o.Workers <= 0 {
		o.Workers = 8
	}
	if o.BulkWorkers <= 0 {
		o.BulkWorkers = 4
	}
	if o.PollInterval <= 0 {
		o.PollInterval = 250 * time.Millisecond
	}
	host, _ := os.Hostname()
	r.id = fmt.Sprintf("%.60s-%d-%s", host, os.Getpid(), rand.Text()[:10])

	workers := river.NewWorkers()
	if err := river.AddWorkerSafely(workers, &worker{runner: r}); err != nil {
		return nil, fmt.Errorf("job: %w", err)
	}
	r.driver = newDriver(o.Database.DB(), o.Dialect)
	var err error
	r.client, err = river.NewClient(r.driver, &river.Config{
		ID:     r.id,
		Logger: slog.New(quiet{r.logger.Handler()}),
		Queues: map[string]river.QueueConfig{
			queueInteractive: {MaxWorkers: o.Workers},
			queueBulk:        {MaxWorkers: o.BulkWorkers},
		},
		Workers:           workers,
		FetchCooldown:     fetchCooldown,
		FetchPollInterval: o.PollInterval,
		// The worker keeps the time of each kind itself, and takes care of jobs whose runner died; River's rescuer is
		// left with jobs that hang in a living one.
		JobTimeout:                  -1,
		RescueStuckJobsAfter:        time.Hour,
		CompletedJobRetentionPeriod: time.Hour,
		CancelledJobRetentionPeriod: 7 * 24 * time.Hour,
		DiscardedJobRetentionPeriod: 7 * 24 * time.Hour,
	})
	if err != nil {
		return nil, fmt.Errorf("job: %w", err)
	}
	return r, nil
}

// fetchCooldown is the shortest time between two looks for jobs.
const fetchCooldown = 5 * time.Millisecond

// Start begins to run jobs, also those that a process which died left running. It returns at once; ctx ending stops
// everything as Stop does.
func (r *Runner) Start(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop != nil {
		return errors.New("job: the runner was started already")
	}
	if err := r.beat(ctx); err != nil {
		return err
	}
	if err := r.rescue(ctx, r.dialect == sqlite); err != nil {
		return err
	}
	for _, p := range r.registry.periodic {
		if _, err := r.client.PeriodicJobs().AddSafely(p.river()); err != nil {
			return fmt.Errorf("job: %w", err)
		}
	}
	if err := r.client.Start(ctx); err != nil {
		return fmt.Errorf("job: %w", err)
	}
	var beating context.Context
	beating, r.stop = context.WithCancel(context.WithoutCancel(ctx))
	r.beaten = make(chan struct{})
	go func() {
		defer close(r.beaten)
		r.keepBeating(beating)
	}()
	return nil
}

// stopGrace is how long jobs that run may take to end by themselves.
const stopGrace = 15 * time.Second

// Stop lets running jobs end, for stopGrace or as long as ctx lasts; then it cancels their contexts. What was cancelled
// runs again at the next start, without a failed attempt.
func (r *Runner) Stop(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.stop == nil {
		return nil
	}
	soft, cancel := context.WithTimeout(ctx, stopGrace)
	defer cancel()
	err := r.client.Stop(soft)
	if err != nil {
		hard, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
		defer cancel()
		err = r.client.StopAndCancel(hard)
	}
	// The heartbeat goes on until here: what still runs must not look dead.
	r.stop()
	<-r.beaten
	r.stop = nil
	leaving, cancelLeaving := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancelLeaving()
	if _, left := r.db.DB().ExecContext(leaving, r.sql.leave, r.id); left != nil {
		err = errors.Join(err, left)
	}
	if err != nil {
		return fmt.Errorf("job: stop: %w", err)
	}
	return nil
}

// Wake has the runner look for jobs now. Whoever hears that another process enqueued something may call it.
func (r *Runner) Wake() {
	r.driver.listener.wake(queueInteractive)
	r.driver.listener.wake(queueBulk)
}

// Count is how many jobs of a kind are in a state. The states are River's: available, scheduled, retryable, running,
// discarded, cancelled.
type Count struct {
	Kind  string
	State string
	Jobs  int64
}

// Stats counts the jobs that are not completed, by kind and state.
func (r *Runner) Stats(ctx context.Context) ([]Count, error) {
	rows, err := r.db.DB().QueryContext(ctx, r.sql.counting)
	if err != nil {
		return nil, fmt.Errorf("job: stats: %w", err)
	}
	defer rows.Close()
	counts := []Count{}
	for rows.Next() {
		var c Count
		if err := rows.Scan(&c.Kind, &c.State, &c.Jobs); err != nil {
			return nil, fmt.Errorf("job: stats: %w", err)
		}
		counts = append(counts, c)
	}
	return counts, rows.Err()
}
