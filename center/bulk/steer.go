package bulk

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

// Jobs lists jobs, newest first.
func (s *Service) Jobs(ctx context.Context, q Query) ([]postern.BulkJob, error) {
	records, err := s.Store.BulkJobs(ctx, q)
	out := make([]postern.BulkJob, len(records))
	for n, r := range records {
		out[n] = s.shown(r)
	}
	return out, err
}

// Job returns one job.
func (s *Service) Job(ctx context.Context, id postern.BulkJobID) (postern.BulkJob, error) {
	r, err := s.Store.BulkJob(ctx, id)
	return s.shown(r), err
}

// Rows lists rows of a job, by number.
func (s *Service) Rows(ctx context.Context, id postern.BulkJobID, q RowQuery) ([]postern.BulkRow, error) {
	if _, err := s.Store.BulkJob(ctx, id); err != nil {
		return nil, err
	}
	return s.Store.BulkRows(ctx, id, q)
}

// shown adds how long a job will take, as far as its pace tells. Rows that wait for a person are not in it: nobody
// knows how long people take.
func (s *Service) shown(r Record) postern.BulkJob {
	j := r.BulkJob
	open := j.Counts.Pending + j.Counts.Running
	if j.State != postern.BulkRunning || open == 0 {
		j.PerMinute = 0
	}
	if j.PerMinute > 0 {
		j.SecondsLeft = max(1, int(float64(open)/j.PerMinute*60))
	}
	if now := s.Now(); j.State == postern.BulkRunning && r.Held.After(now) {
		j.SecondsLeft += int(r.Held.Sub(now) / time.Second)
	} else if !j.State.Final() && j.Code != "" && j.State == postern.BulkRunning {
		j.Code, j.Message, j.Next = "", "", "" // the pause is over
	}
	return j
}

// Pause has a job begin no more rows; those under way end.
func (s *Service) Pause(ctx context.Context, id postern.BulkJobID, version int64) (postern.BulkJob, error) {
	return s.steer(ctx, id, version, func(_ context.Context, r *Record) (audit.Code, string, error) {
		if r.State != postern.BulkRunning {
			return audit.BulkPaused, "", wrongState(r.State, "Only a running job can be paused.")
		}
		r.State = postern.BulkPaused
		r.Code, r.Message, r.Next = "", "", ""
		return audit.BulkPaused, "The job was paused.", nil
	})
}

// Resume has a paused job go on.
func (s *Service) Resume(ctx context.Context, id postern.BulkJobID, version int64) (postern.BulkJob, error) {
	return s.steer(ctx, id, version, func(ctx context.Context, r *Record) (audit.Code, string, error) {
		if r.State != postern.BulkPaused {
			return audit.BulkResumed, "", wrongState(r.State, "Only a paused job can go on.")
		}
		s.goOn(r)
		if err := s.vouch(ctx, r); err != nil {
			return audit.BulkResumed, "", err
		}
		return audit.BulkResumed, "The job goes on.", s.Queue.Enqueue(ctx, RunJob{r.ID}, job.Bulk())
	})
}

// Cancel ends a job. Rows that had not begun are left alone and say so; one that is being done ends as it will.
func (s *Service) Cancel(ctx context.Context, id postern.BulkJobID, version int64) (postern.BulkJob, error) {
	return s.steer(ctx, id, version, func(ctx context.Context, r *Record) (audit.Code, string, error) {
		if r.State.Final() {
			return audit.BulkCancelled, "", wrongState(r.State, "The job is over.")
		}
		now := s.Now().UTC()
		left := postern.Error{Code: postern.CodeBulkCancelled, Message: "The job was cancelled before this user's turn. Nothing was done."}
		begun := postern.Error{
			Code: postern.CodeBulkCancelled, Message: "The job was cancelled while it waited for the phone.",
			Next: "What was begun goes on by itself; cancel it on the user's page if it should not.",
		}
		for from, why := range map[postern.BulkRowState]postern.Error{postern.BulkRowPending: left, postern.BulkRowWaiting: begun} {
			n, err := s.Store.MoveBulkRows(ctx, id, from, postern.BulkRowSkipped, why, now)
			if err != nil {
				return audit.BulkCancelled, "", err
			}
			*r.Counts.Field(from) -= n
			r.Counts.Skipped += n
		}
		r.State = postern.BulkCancelled
		r.Code, r.Message, r.Next = "", "", ""
		if r.Counts.Running == 0 {
			r.EndedAt = &now
		}
		// A row whose process dies now is brought to its end by the next run.
		return audit.BulkCancelled, "The job was cancelled.", s.Queue.Enqueue(ctx, RunJob{r.ID}, job.Bulk())
	})
}

// RetryFailed puts the failed rows of a job back, and no others.
func (s *Service) RetryFailed(ctx context.Context, id postern.BulkJobID, version int64) (postern.BulkJob, error) {
	return s.steer(ctx, id, version, func(ctx context.Context, r *Record) (audit.Code, string, error) {
		if r.State == postern.BulkCancelled {
			return audit.BulkRetried, "", wrongState(r.State, "The job was cancelled.")
		}
		n, err := s.Store.MoveBulkRows(ctx, id, postern.BulkRowFailed, postern.BulkRowPending, postern.Error{}, s.Now().UTC())
		if err != nil {
			return audit.BulkRetried, "", err
		}
		if n == 0 {
			return audit.BulkRetried, "", postern.Errorf(postern.CodeConflict, "No row of this job has failed.").WithNext("There is nothing to try again.")
		}
		r.Counts.Failed -= n
		r.Counts.Pending += n
		if r.State != postern.BulkPaused {
			s.goOn(r)
		}
		if err := s.vouch(ctx, r); err != nil {
			return audit.BulkRetried, "", err
		}
		return audit.BulkRetried, "The failed rows are tried again.", s.Queue.Enqueue(ctx, RunJob{r.ID}, job.Bulk())
	})
}

// goOn makes a job running, with its pace to be measured anew.
func (s *Service) goOn(r *Record) {
	r.State, r.EndedAt = postern.BulkRunning, nil
	r.Code, r.Message, r.Next = "", "", ""
	r.Held, r.PerMinute = time.Time{}, 0
	r.Mark, r.MarkFinished = s.Now().UTC(), r.Counts.Finished()
}

// vouch has the rows that are left done in the name of whoever has the job go on, when its starter may not do them any
// more.
func (s *Service) vouch(ctx context.Context, r *Record) error {
	err := s.lost(ctx, *r)
	if postern.IsCode(err, postern.CodeForbidden) {
		r.Actor = postern.ActorFrom(ctx)
		return nil
	}
	return err
}

func wrongState(is postern.BulkState, message string) error {
	return postern.Errorf(postern.CodeBulkState, "%s It is %s.", message, is)
}

// steer changes a job whose version somebody saw, in one transaction with the audit entry.
func (s *Service) steer(ctx context.Context, id postern.BulkJobID, version int64, change func(ctx context.Context, r *Record) (audit.Code, string, error)) (postern.BulkJob, error) {
	seen, err := s.Store.BulkJob(ctx, id)
	if err != nil {
		return postern.BulkJob{}, err
	}
	if err := s.require(ctx, seen.Kind); err != nil {
		return postern.BulkJob{}, err
	}
	var out Record
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		r, err := s.Store.LockBulkJob(ctx, id)
		if err != nil {
			return err
		}
		if r.Version != version {
			return postern.Errorf(postern.CodeStale, "Somebody else steered this job since you opened it.")
		}
		code, message, err := change(ctx, &r)
		if err != nil {
			return err
		}
		r.Version++
		if err := s.save(ctx, &r); err != nil {
			return err
		}
		out = r
		return s.Audit.Record(ctx, event(code, r, message))
	})
	return s.shown(out), err
}

// save stores a locked job and tells whoever watches it.
func (s *Service) save(ctx context.Context, r *Record) error {
	r.Change++
	r.UpdatedAt = s.Now().UTC()
	s.Store.AfterCommit(ctx, func() { s.Notices.Publish(Topic(r.ID)) })
	return s.Store.SaveBulkJob(ctx, *r)
}

// require checks that whoever acts may do what a kind does.
func (s *Service) require(ctx context.Context, k postern.BulkKind) error {
	known, ok := s.kinds[k]
	if !ok {
		return postern.FieldErrorf("kind", "There is no kind of job %q.", k)
	}
	return s.Door.Require(ctx, known.needs)
}
