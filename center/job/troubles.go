package job

import (
	"context"
	"fmt"
	"time"
)

// Troubles are jobs that do not get on.
type Troubles struct {
	// Waiting are jobs that could have begun long ago; Oldest is when the first of them could.
	Waiting int
	Oldest  time.Time
	// GivenUp are jobs of which no attempt is left, by kind, since the time that was asked for.
	GivenUp []Count
	// Runners are the processes that run jobs and were heard of lately.
	Runners int
}

// Troubles looks for jobs that have been ready for longer than patience, and for those that were given up since a time.
func (r *Runner) Troubles(ctx context.Context, patience time.Duration, since time.Time) (Troubles, error) {
	var out Troubles
	var oldest int64
	row := r.db.DB().QueryRowContext(ctx, r.sql.late, patience.Milliseconds())
	if err := row.Scan(&out.Waiting, &oldest, &out.Runners); err != nil {
		return out, fmt.Errorf("job: troubles: %w", err)
	}
	if out.Waiting > 0 {
		out.Oldest = time.UnixMilli(oldest).UTC()
	}
	rows, err := r.db.DB().QueryContext(ctx, r.sql.lost, since.UnixMilli())
	if err != nil {
		return out, fmt.Errorf("job: troubles: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		c := Count{State: "discarded"}
		if err := rows.Scan(&c.Kind, &c.Jobs); err != nil {
			return out, fmt.Errorf("job: troubles: %w", err)
		}
		out.GivenUp = append(out.GivenUp, c)
	}
	return out, rows.Err()
}
