package job

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/postern/postern"
)

// worker runs envelopes for River.
type worker struct {
	river.WorkerDefaults[envelope]
	runner *Runner
}

const (
	// unknownPause is how long a job waits whose kind this program does not know: a newer one may have enqueued it.
	unknownPause = 30 * time.Second
	// equalPause is how long a job waits for an equal one that is running.
	equalPause = 50 * time.Millisecond
	// completionDelay is about how long River takes to write down what became of a job.
	completionDelay = 20 * time.Millisecond
	// giveUpTime bounds GiveUp.
	giveUpTime = 30 * time.Second
)

// Timeout implements river.Worker. Kind.Try keeps the time.
func (w *worker) Timeout(*river.Job[envelope]) time.Duration { return -1 }

// NextRetry implements river.Worker.
func (w *worker) NextRetry(j *river.Job[envelope]) time.Time {
	return time.Now().Add(Backoff(j.Attempt))
}

// Work implements river.Worker.
func (w *worker) Work(ctx context.Context, j *river.Job[envelope]) error {
	r := w.runner
	logger := r.logger.With(slog.Group("job", "id", j.ID, "kind", j.Args.Name, "attempt", j.Attempt))
	ctx = Context(ctx, logger)
	if j.Queue == queueBulk {
		ctx = postern.WithBackground(ctx)
	}
	kind, ok := r.registry.kinds[j.Args.Name]
	if !ok {
		logger.WarnContext(ctx, "this program does not know the kind of a job")
		return river.JobSnooze(unknownPause)
	}
	var blocked bool
	if err := r.db.DB().QueryRowContext(ctx, r.sql.blocked, j.ID).Scan(&blocked); err != nil {
		return fmt.Errorf("job: look for an equal job: %w", err)
	}
	if blocked {
		r.driver.listener.wakeAfter(j.Queue, equalPause+completionDelay)
		return river.JobSnooze(equalPause)
	}
	if j.Attempt > kind.MaxAttempts {
		return r.giveUp(ctx, j.JobRow, kind, j.Args.Args, rivertype.JobStateDiscarded, lastCause(j.JobRow))
	}
	began := time.Now()
	out := kind.Try(ctx, j.Args.Args, j.Attempt)
	r.observe(kind.Name, out.Verdict, time.Since(began))
	var panicked *PanicError
	if errors.As(out.Err, &panicked) {
		logger.ErrorContext(ctx, "a handler panicked", "panic", fmt.Sprint(panicked.Value), "stack", string(panicked.Stack))
	}
	switch out.Verdict {
	case Again:
		return river.JobSnooze(max(out.Wait, 0))
	case Stopping:
		return river.JobSnooze(0)
	case Refused:
		return r.giveUp(ctx, j.JobRow, kind, j.Args.Args, rivertype.JobStateCancelled, out.Err)
	case GivenUp:
		return r.giveUp(ctx, j.JobRow, kind, j.Args.Args, rivertype.JobStateDiscarded, out.Err)
	}
	return out.Err
}

// giveUp ends a job for good and tells whom it concerns, in one transaction: GiveUp has happened exactly when the job is
// over. If it fails, the job stays and comes back.
func (r *Runner) giveUp(ctx context.Context, row *rivertype.JobRow, kind Kind, args json.RawMessage, state rivertype.JobState, cause error) error {
	ctx, cancel := context.WithTimeout(ctx, giveUpTime)
	defer cancel()
	record, err := json.Marshal(rivertype.AttemptError{At: r.now().UTC(), Attempt: row.Attempt, Error: cause.Error()})
	if err != nil {
		return fmt.Errorf("job: give up: %w", err)
	}
	err = r.db.Atomically(ctx, func(ctx context.Context) error {
		tx, _ := r.db.Tx(ctx)
		if kind.GiveUp != nil {
			if err := guard(func() error { return kind.GiveUp(ctx, args, cause) }); err != nil {
				return err
			}
		}
		// Last, so that the row is locked for a moment only. When another runner has ended the job, nothing happens here.
		result, err := tx.ExecContext(ctx, r.sql.finish, row.ID, string(state), string(record))
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(errNotRunning, err)
		}
		return nil
	})
	switch {
	case errors.Is(err, errNotRunning):
		return nil
	case err != nil:
		return fmt.Errorf("%w; giving the job up failed too and is repeated: %w", cause, err)
	}
	Logger(ctx).ErrorContext(ctx, "a job was given up", "error", cause)
	return nil
}

var errNotRunning = errors.New("the job is no longer running here")

// lastCause is why a job failed last, as far as it was written down.
func lastCause(row *rivertype.JobRow) error {
	if n := len(row.Errors); n > 0 {
		return errors.New(row.Errors[n-1].Error)
	}
	return errors.New("the process that ran the last attempt died")
}

// quiet keeps River's own messages below a warning out of the log, and its report of each failed attempt in the
// program's format.
type quiet struct{ slog.Handler }

func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }
func (q quiet) WithGroup(name string) slog.Handler       { return quiet{q.Handler.WithGroup(name)} }
