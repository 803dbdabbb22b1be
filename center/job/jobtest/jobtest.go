// Package jobtest runs jobs by hand: a test enqueues through a [Queue] as a program does through job.Runner, and decides
// itself when the next job runs and what time it is.
//
// Jobs lie in a table of the test's database, so they share the fate of the transaction that enqueued them. Handlers run
// by the same rules as under a runner: attempts, pauses (without their random part), snoozing, cancelling, giving up in
// one transaction with the end of the job.
package jobtest

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/job"
)

// Crash is what a handler panics with to play the death of its process: the attempt leaves nothing behind but what was
// committed, and the job waits as a job of a dead process does.
type Crash struct{ At string }

func (c Crash) Error() string { return "jobtest: the process died at " + c.At }

// Queue is a job.Queue driven by hand. It is not for use by several goroutines at once, except Enqueue.
type Queue struct {
	db       job.Database
	registry *job.Registry
	now      func() time.Time
	logger   *slog.Logger
}

var _ job.Queue = (*Queue)(nil)

const schema = `CREATE TABLE IF NOT EXISTS jobtest_jobs (
	id       BIGINT PRIMARY KEY,
	kind     TEXT NOT NULL,
	args     TEXT NOT NULL,
	key      TEXT NOT NULL,
	bulk     BOOLEAN NOT NULL,
	due      BIGINT NOT NULL,
	attempts BIGINT NOT NULL,
	running  BOOLEAN NOT NULL,
	problem  TEXT NOT NULL)`

// New makes a queue in the database. now is the clock that delays, snoozing and pauses go by; nil means time.Now.
func New(t testing.TB, db job.Database, registry *job.Registry, now func() time.Time) *Queue {
	t.Helper()
	if now == nil {
		now = time.Now
	}
	if _, err := db.DB().ExecContext(t.Context(), schema); err != nil {
		t.Fatal(err)
	}
	return &Queue{db: db, registry: registry, now: now, logger: slog.New(slog.NewTextHandler(t.Output(), nil))}
}

// Enqueue implements [job.Queue].
func (q *Queue) Enqueue(ctx context.Context, args job.Args, options ...job.Option) error {
	settings := job.Settings{Bulk: postern.InBackground(ctx)}
	for _, o := range options {
		o(&settings)
	}
	if _, ok := q.registry.Kinds()[args.Kind()]; !ok {
		return fmt.Errorf("jobtest: nobody handles %s", args.Kind())
	}
	raw, err := json.Marshal(args)
	if err != nil {
		return err
	}
	key, due := job.Key(args.Kind(), raw), q.now().Add(settings.After).UnixMilli()
	return q.within(ctx, func(ctx context.Context, tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE jobtest_jobs SET bulk = (bulk AND $2),
			due = CASE WHEN due < $3 THEN due ELSE $3 END WHERE key = $1 AND NOT running`, key, settings.Bulk, due)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n > 0 {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT INTO jobtest_jobs (id, kind, args, key, bulk, due, attempts, running, problem)
			VALUES ((SELECT coalesce(max(id), 0) + 1 FROM jobtest_jobs), $1, $2, $3, $4, $5, 0, $6, '')`,
			args.Kind(), string(raw), key, settings.Bulk, due, false)
		return err
	})
}

// within runs do in the transaction of ctx or in one of its own.
func (q *Queue) within(ctx context.Context, do func(ctx context.Context, tx *sql.Tx) error) error {
	if tx, ok := q.db.Tx(ctx); ok {
		return do(ctx, tx)
	}
	return q.db.Atomically(ctx, func(ctx context.Context) error {
		tx, _ := q.db.Tx(ctx)
		return do(ctx, tx)
	})
}

// Job is a job that waits.
type Job struct {
	Kind     string
	Args     json.RawMessage
	Bulk     bool
	Due      time.Time
	Attempts int    // begun so far, snoozed ones not counted
	Problem  string // of the last attempt that failed
}

// Waiting lists the jobs that wait, in the order in which they would run if their time had come.
func (q *Queue) Waiting(ctx context.Context) ([]Job, error) {
	rows, err := q.db.DB().QueryContext(ctx, `SELECT kind, args, bulk, due, attempts, problem FROM jobtest_jobs
		ORDER BY bulk, due, id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var jobs []Job
	for rows.Next() {
		var j Job
		var args string
		var due int64
		if err := rows.Scan(&j.Kind, &args, &j.Bulk, &due, &j.Attempts, &j.Problem); err != nil {
			return nil, err
		}
		j.Args, j.Due = json.RawMessage(args), time.UnixMilli(due).UTC()
		jobs = append(jobs, j)
	}
	return jobs, rows.Err()
}

// NextDue is when the first of the waiting jobs may run, and whether there is one.
func (q *Queue) NextDue(ctx context.Context) (time.Time, bool, error) {
	var due sql.NullInt64
	err := q.db.DB().QueryRowContext(ctx, `SELECT min(due) FROM jobtest_jobs`).Scan(&due)
	return time.UnixMilli(due.Int64).UTC(), due.Valid, err
}

// RunOne runs one attempt of the job that is due and comes first: those people wait for before bulk ones, then by time.
// It reports whether there was one. A failure of the handler is not an error here, it is kept as Job.Problem; a handler
// that panics with [Crash] makes RunOne return that, with the job waiting as it was.
func (q *Queue) RunOne(ctx context.Context) (ran bool, err error) {
	var id int64
	var name, args, problem string
	var attempts int
	err = q.within(ctx, func(ctx context.Context, tx *sql.Tx) error {
		err := tx.QueryRowContext(ctx, `SELECT id, kind, args, attempts, problem FROM jobtest_jobs WHERE due <= $1
			ORDER BY bulk, due, id LIMIT 1`, q.now().UnixMilli()).Scan(&id, &name, &args, &attempts, &problem)
		if err != nil {
			return err
		}
		attempts++
		_, err = tx.ExecContext(ctx, `UPDATE jobtest_jobs SET running = $2, attempts = $3 WHERE id = $1`, id, true, attempts)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("jobtest: %w", err)
	}
	kind := q.registry.Kinds()[name]
	ctx = job.Context(ctx, q.logger.With("kind", name, "attempt", attempts))
	var out job.Outcome
	if attempts > kind.MaxAttempts { // the last attempt died
		out = job.Outcome{Verdict: job.GivenUp, Err: errors.New("the process that ran the last attempt died")}
	} else {
		out = kind.Try(ctx, json.RawMessage(args), attempts)
	}
	return true, q.settle(ctx, id, kind, args, attempts, out)
}

func (q *Queue) settle(ctx context.Context, id int64, kind job.Kind, args string, attempts int, out job.Outcome) error {
	var panicked *job.PanicError
	if errors.As(out.Err, &panicked) {
		if crash, ok := panicked.Value.(Crash); ok {
			return errors.Join(crash, q.exec(ctx, `UPDATE jobtest_jobs SET running = $2 WHERE id = $1`, id, false))
		}
	}
	switch out.Verdict {
	case job.Done:
		return q.exec(ctx, `DELETE FROM jobtest_jobs WHERE id = $1`, id)
	case job.Again:
		return q.exec(ctx, `UPDATE jobtest_jobs SET running = $2, attempts = $3, due = $4 WHERE id = $1`,
			id, false, attempts-1, q.now().Add(out.Wait).UnixMilli())
	case job.Stopping:
		return q.exec(ctx, `UPDATE jobtest_jobs SET running = $2, attempts = $3 WHERE id = $1`, id, false, attempts-1)
	case job.GivenUp, job.Refused:
		err := q.within(ctx, func(ctx context.Context, tx *sql.Tx) error {
			if kind.GiveUp != nil {
				if err := kind.GiveUp(ctx, json.RawMessage(args), out.Err); err != nil {
					return err
				}
			}
			_, err := tx.ExecContext(ctx, `DELETE FROM jobtest_jobs WHERE id = $1`, id)
			return err
		})
		if err == nil {
			return nil
		}
		out.Err = fmt.Errorf("%w; giving the job up failed too and is repeated: %w", out.Err, err)
	}
	return q.exec(ctx, `UPDATE jobtest_jobs SET running = $2, due = $3, problem = $4 WHERE id = $1`,
		id, false, q.now().Add(job.Pause(attempts)).UnixMilli(), out.Err.Error())
}

// exec runs a statement even if ctx has ended: what became of an attempt is written down in any case.
func (q *Queue) exec(ctx context.Context, statement string, args ...any) error {
	return q.within(context.WithoutCancel(ctx), func(ctx context.Context, tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, statement, args...)
		return err
	})
}

// maxRuns keeps jobs that enqueue each other without end from hanging a test.
const maxRuns = 100_000

// RunAll runs jobs until none is due and returns how many attempts that were. It stops at a [Crash].
func (q *Queue) RunAll(ctx context.Context) (int, error) {
	for n := 0; n < maxRuns; n++ {
		ran, err := q.RunOne(ctx)
		if err != nil || !ran {
			return n, err
		}
	}
	return maxRuns, errors.New("jobtest: there is always another job")
}
