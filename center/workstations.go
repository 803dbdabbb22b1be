package center

import (
	"context"
	"time"

	"github.com/postern/postern/center/job"
)

// lapseEvery is how often workstations that never paired, and pairings that nobody confirmed, are forgotten.
const lapseEvery = time.Hour

// lapseJob forgets them.
type lapseJob struct{}

// Kind implements [job.Args].
func (lapseJob) Kind() string { return "workstations.lapse" }

func (s *Center) forgetUnpaired(r *job.Registry) {
	job.Handle(r, job.Rules{}, func(ctx context.Context, _ lapseJob) error { return s.Phones.Lapse(ctx) }, nil)
	job.Every(r, lapseJob{}, lapseEvery)
}
