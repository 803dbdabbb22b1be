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

// retainEvery is how often entries that are old enough are removed.
const retainEvery = time.Hour

// retainJob removes entries of the audit trail that are older than the setting says.
type retainJob struct{}

// Kind implements [job.Args].
func (retainJob) Kind() string { return "audit.retain" }

func (s *Center) keepCheckpoints(r *job.Registry) {
	job.Handle(r, job.Rules{Timeout: 10 * time.Minute}, func(ctx context.Context, _ retainJob) error {
		_, err := s.Trail.Retain(ctx)
		return err
	}, nil)
	job.Every(r, retainJob{}, retainEvery)
	job.Handle(r, job.Rules{}, func(ctx context.Context, _ checkpointJob) error {
		_, err := s.Trail.Checkpoint(ctx)
		return err
	}, nil)
	job.Every(r, checkpointJob{}, checkpointEvery)
}
