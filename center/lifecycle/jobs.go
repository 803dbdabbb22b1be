package lifecycle

import "github.com/postern/postern/center/job"

// Handle registers the handlers of this package's jobs.
func (s *Service) Handle(r *job.Registry) {
	job.Handle(r, job.Rules{}, s.Move, s.MoveGivenUp)
}
