package bulk

import (
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/job"
)

// RunJob does the rows of a bulk job whose time has come.
type RunJob struct {
	Job postern.BulkJobID `json:"job"`
}

// Kind implements [job.Args].
func (RunJob) Kind() string { return "bulk.run" }

// TidyJob wipes one-time codes that nobody fetched in time, and forgets old jobs.
type TidyJob struct{}

// Kind implements [job.Args].
func (TidyJob) Kind() string { return "bulk.tidy" }

// runTimeout bounds one attempt of a RunJob. It takes no new row after [slice], so this is the time for the rows under
// way to end.
const runTimeout = 3 * time.Minute

// Handle registers the handlers of this package's jobs. A job is never given up: its rows are, one by one.
func (s *Service) Handle(r *job.Registry) {
	job.Handle(r, job.Rules{MaxAttempts: 1_000_000, Timeout: runTimeout}, s.Run, nil)
	job.Handle(r, job.Rules{}, s.Tidy, nil)
	job.Every(r, TidyJob{}, time.Hour)
}
