package job

import (
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
)

// Every has a job of args enqueued at the start and then at each interval, once however many runners share the database,
// and not while an equal one waits or runs. Its handler must be registered too.
func Every(r *Registry, args Args, interval time.Duration) {
	r.periodic = append(r.periodic, periodic{args, interval})
}

type periodic struct {
	args     Args
	interval time.Duration
}

func (p periodic) river() *river.PeriodicJob {
	return river.NewPeriodicJob(river.PeriodicInterval(p.interval), func() (river.JobArgs, *river.InsertOpts) {
		env, err := enclose(p.args)
		if err != nil {
			return nil, nil // River leaves this round out
		}
		return env, &river.InsertOpts{
			Queue: queueBulk, MaxAttempts: spareAttempts,
			UniqueOpts: river.UniqueOpts{ByArgs: true, ByState: []rivertype.JobState{
				rivertype.JobStateAvailable, rivertype.JobStatePending, rivertype.JobStateRetryable,
				rivertype.JobStateRunning, rivertype.JobStateScheduled,
			}},
		}
	}, &river.PeriodicJobOpts{RunOnStart: true})
}
