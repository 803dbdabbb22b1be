package job

import (
	"context"
	"fmt"
	"time"
)

// A runner says every beatInterval that it lives. Jobs of one that has been silent for silence belong to nobody and are
// made available again, by whichever runner notices first. The clock is the database's, so that those of the machines
// need not agree. A runner that was only held up finds its result ignored where another has finished the job meanwhile;
// both may act, which is why handlers must be repeatable.
const (
	beatInterval = 2 * time.Second
	silence      = 10 * time.Second
	oblivion     = time.Hour
)

func (r *Runner) beat(ctx context.Context) error {
	if _, err := r.db.DB().ExecContext(ctx, r.sql.beat, r.id); err != nil {
		return fmt.Errorf("job: heartbeat: %w", err)
	}
	return nil
}

// rescue makes the jobs of dead runners available. A SQLite file belongs to one process, so at its start all other
// runners are dead, however lately they spoke.
func (r *Runner) rescue(ctx context.Context, alone bool) error {
	if alone {
		if _, err := r.db.DB().ExecContext(ctx, `DELETE FROM job_runners WHERE id <> $1`, r.id); err != nil {
			return fmt.Errorf("job: rescue: %w", err)
		}
	}
	result, err := r.db.DB().ExecContext(ctx, r.sql.rescue, silence.Milliseconds())
	if err != nil {
		return fmt.Errorf("job: rescue: %w", err)
	}
	if n, err := result.RowsAffected(); err == nil && n > 0 {
		r.logger.WarnContext(ctx, "jobs of a process that died are run again", "jobs", n)
		r.Wake()
	}
	return nil
}

func (r *Runner) keepBeating(ctx context.Context) {
	ticker := time.NewTicker(beatInterval)
	defer ticker.Stop()
	for round := 1; ; round++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := r.beat(ctx)
		if err == nil && round%2 == 0 {
			err = r.rescue(ctx, false)
		}
		if err == nil && round%1000 == 0 {
			_, err = r.db.DB().ExecContext(ctx, r.sql.forget, oblivion.Milliseconds())
		}
		if err != nil && ctx.Err() == nil {
			r.logger.WarnContext(ctx, "the job runner cannot say that it lives; other runners may repeat its jobs", "error", err)
		}
	}
}
