package lifecycle

import (
	"time"

	"github.com/postern/postern/center/job"
)

// Handle registers the handlers of this package's jobs.
func (s *Service) Handle(r *job.Registry) {
	job.Handle(r, job.Rules{Timeout: 5 * time.Minute}, s.Move, s.MoveGivenUp)
	job.Handle(r, job.Rules{First: true}, s.Leave, s.LeaveGivenUp)
	job.Handle(r, job.Rules{}, s.EndSessions, nil)
}
