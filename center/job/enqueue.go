package job

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/riverqueue/river"

	"github.com/postern/postern"
)

// The queues. Jobs that a person waits for never stand behind bulk work.
const (
	queueInteractive = "interactive"
	queueBulk        = "bulk"
)

// shortDelay is up to which delay a job is stored as available with a time in the future. River's scheduler, which looks
// after longer ones, comes round every five seconds only.
const shortDelay = 10 * time.Second

// spareAttempts are attempts that River has beyond a kind's own, so that a job whose process died in its last attempt
// comes back once more to be given up properly.
const spareAttempts = 1000

// Enqueue implements [Queue]. An equal job that waits already is this one too: it keeps the earlier of both times and the
// quicker of both queues. An equal job that is running is not; this one runs after it.
func (r *Runner) Enqueue(ctx context.Context, args Args, options ...Option) error {
	settings := Settings{Bulk: postern.InBackground(ctx)}
	for _, o := range options {
		o(&settings)
	}
	env, err := enclose(args)
	if err != nil {
		return err
	}
	if _, ok := r.registry.kinds[env.Name]; !ok {
		return fmt.Errorf("job: nobody handles %s", env.Name)
	}
	tx, ok := r.db.Tx(ctx)
	if !ok {
		return r.db.Atomically(ctx, func(ctx context.Context) error {
			tx, _ := r.db.Tx(ctx)
			return r.enqueue(ctx, tx, env, settings)
		})
	}
	return r.enqueue(ctx, tx, env, settings)
}

// priority is River's, in which 1 comes before 2.
func priority(k Kind) int {
	if k.First {
		return 1
	}
	return 2
}

func (r *Runner) enqueue(ctx context.Context, tx *sql.Tx, env envelope, settings Settings) error {
	queue := queueInteractive
	if settings.Bulk {
		queue = queueBulk
	}
	due := r.now().Add(settings.After)
	if r.sql.lock != "" {
		if _, err := tx.ExecContext(ctx, r.sql.lock, lockNumber(env.Key)); err != nil {
			return fmt.Errorf("job: enqueue %s: %w", env.Name, err)
		}
	}
	var id, waitsUntil int64
	var waitsIn string
	var taken bool
	err := tx.QueryRowContext(ctx, r.sql.waiting, env.Key).Scan(&id, &waitsUntil, &waitsIn, &taken)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		kind := r.registry.kinds[env.Name]
		insert := &river.InsertOpts{Queue: queue, Priority: priority(kind), MaxAttempts: kind.MaxAttempts + spareAttempts}
		if settings.After > 0 {
			insert.ScheduledAt = due // even a time that is over would make the job wait for River's scheduler
		}
		result, err := r.client.InsertTx(ctx, tx, env, insert)
		if err != nil {
			return fmt.Errorf("job: enqueue %s: %w", env.Name, err)
		}
		if settings.After <= 0 || settings.After > shortDelay {
			break
		}
		id, waitsUntil, waitsIn = result.Job.ID, due.UnixMilli()+1, queue
		fallthrough
	case err == nil:
		if waitsIn == queueInteractive {
			queue = queueInteractive
		}
		if taken || (waitsUntil <= due.UnixMilli() && waitsIn == queue) {
			break // it is as early and as quick as this one asks for
		}
		at := min(waitsUntil, due.UnixMilli())
		soon := time.UnixMilli(at).Before(r.now().Add(shortDelay))
		if _, err := tx.ExecContext(ctx, r.sql.hasten, id, queue, at, soon); err != nil {
			return fmt.Errorf("job: enqueue %s: %w", env.Name, err)
		}
	default:
		return fmt.Errorf("job: enqueue %s: %w", env.Name, err)
	}
	if settings.After <= shortDelay {
		r.db.AfterCommit(ctx, func() { r.driver.listener.wakeAfter(queue, due.Sub(r.now())) })
	}
	return nil
}
