package center

import (
	"context"
	"time"

	"github.com/postern/postern/center/job"
)

// checkpointEvery is how often the head of the audit trail is signed. What was rewritten after the last checkpoint
// cannot be told from the truth, so the interval is what a forger has.
const checkpointEvery = time.Hour

// checkpointJob signs the head of the audit trail.
type checkpointJob struct{}

// Kind implements [job.Args].
func (checkpointJob) Kind() string { return "audit.checkpoint" }

func (s *Center) keepCheckpoints(r *job.Registry) {
	job.Handle(r, job.Rules{}, func(ctx context.Context, _ checkpointJob) error {
		_, err := s.Trail.Checkpoint(ctx)
		return err
	}, nil)
	job.Every(r, checkpointJob{}, checkpointEvery)
}
