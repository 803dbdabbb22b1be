package bulk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

const (
	// width is how many rows of a job are done at once by one process.
	width = 8
	// slice is how long one attempt of a RunJob takes rows; then other jobs of the queue have their turn.
	slice = 20 * time.Second
	// rowTime bounds the act on one row, and lease is for how long a row belongs to whoever took it: an act that is still
	// going on must not be begun by somebody else.
	rowTime = time.Minute
	lease   = 2 * rowTime
	// maxTries is how often a row is tried that fails in ways which may pass, or whose process dies over it.
	maxTries = 12
	// farthest is how long a job sleeps at most before it looks again.
	farthest = 10 * time.Minute
)

// Run handles [RunJob]: it does rows whose time has come until none is left or its slice is over.
//
// A panic of an act goes on, so that its row stays taken: whether the act happened is not known, and the row is looked at
// again when its lease is over.
func (s *Service) Run(ctx context.Context, args RunJob) error {
	until := s.Now().Add(slice)
	var wait sync.WaitGroup
	var mu sync.Mutex
	var failure error
	var panicked any
	for range s.width() {
		wait.Go(func() {
			defer func() {
				if v := recover(); v != nil {
					mu.Lock()
					defer mu.Unlock()
					panicked = v
				}
			}()
			if err := s.work(ctx, args.Job, until); err != nil {
				mu.Lock()
				defer mu.Unlock()
				failure = errors.Join(failure, err)
			}
		})
	}
	wait.Wait()
	if panicked != nil {
		panic(panicked)
	}
	if failure != nil {
		if postern.IsCode(failure, postern.CodeNotFound) {
			return nil // the job went with its integration
		}
		return failure
	}
	return s.rest(ctx, args.Job)
}

func (s *Service) width() int {
	if s.Width > 0 {
		return s.Width
	}
	return width
}

// taken is a row that belongs to this process until a time.
type taken struct {
	row   Row
	until time.Time
}

// ended is what became of a row.
type ended struct {
	taken
	due    time.Time // of a row that stays open
	sealed []byte
	secret bool           // the row holds something sealed, by now or since before
	hold   *postern.Error // the whole job has to wait: for so long, for this
}

// work does one row after the other.
func (s *Service) work(ctx context.Context, id postern.BulkJobID, until time.Time) error {
	var before *ended
	for {
		r, next, err := s.step(ctx, id, before, until)
		if err != nil || next == nil {
			return err
		}
		before = s.do(ctx, r, *next)
	}
}

// step stores what became of a row and takes the next one, in one transaction. It takes none when the job stands still,
// its time is over, or no row is due.
func (s *Service) step(ctx context.Context, id postern.BulkJobID, before *ended, until time.Time) (Record, *taken, error) {
	// A process that is told to stop still writes down what it did.
	ctx, stopping := context.WithoutCancel(ctx), ctx.Err() != nil
	var r Record
	var next *taken
	err := s.Store.Atomically(ctx, func(ctx context.Context) (err error) {
		next = nil
		if r, err = s.Store.LockBulkJob(ctx, id); err != nil {
			return err
		}
		now := s.Now().UTC()
		changed := false
		if before != nil {
			if changed, err = s.end(ctx, &r, *before); err != nil {
				return err
			}
		}
		if !stopping && now.Before(until) && r.State == postern.BulkRunning {
			if lost := s.lost(ctx, r); lost != nil {
				if !postern.IsCode(lost, postern.CodeForbidden) {
					return lost
				}
				return s.halt(ctx, &r, lost)
			}
		}
		if !stopping && now.Before(until) {
			if next, err = s.take(ctx, &r, now); err != nil {
				return err
			}
		}
		if !changed && next == nil {
			return nil
		}
		pace(&r, now)
		return s.save(ctx, &r)
	})
	return r, next, err
}

// lost says why whoever started a job may not do what it does any more.
func (s *Service) lost(ctx context.Context, r Record) error {
	known, ok := s.kinds[r.Kind]
	if s.May == nil || !ok {
		return nil
	}
	return s.May(ctx, r.Actor, known.needs)
}

// halt pauses a job whose rows nobody stands for, until somebody who may has it go on.
func (s *Service) halt(ctx context.Context, r *Record, why error) error {
	e := postern.AsError(why)
	r.State, r.Version = postern.BulkPaused, r.Version+1
	r.Code, r.Message = e.Code, e.Message
	r.Next = "Somebody who may do this to users can have the job go on, in their own name; or cancel it."
	if err := s.save(ctx, r); err != nil {
		return err
	}
	return s.Audit.Record(ctx, event(audit.BulkPaused, *r, "The job was paused: "+e.Message))
}

// take marks the next row as running. Of a job that is paused or cancelled it takes only what a dead process left.
func (s *Service) take(ctx context.Context, r *Record, now time.Time) (*taken, error) {
	begunOnly := r.State == postern.BulkCancelled
	if r.State == postern.BulkPaused || r.State == postern.BulkDone || r.Held.After(now) {
		return nil, nil
	}
	until := now.Add(lease)
	row, err := s.Store.TakeBulkRow(ctx, r.ID, now, until, begunOnly)
	if err != nil || row == nil {
		return nil, err
	}
	*r.Counts.Field(row.State)--
	r.Counts.Running++
	return &taken{*row, until}, nil
}

// end stores what became of a row, unless somebody else has taken it since.
func (s *Service) end(ctx context.Context, r *Record, e ended) (bool, error) {
	if r.State == postern.BulkCancelled && !e.row.State.Final() {
		e.row.State = postern.BulkRowSkipped
		e.row.Code, e.row.Message = postern.CodeBulkCancelled, "The job was cancelled. "+e.row.Message
	}
	e.row.UpdatedAt = s.Now().UTC()
	ours, err := s.Store.EndBulkRow(ctx, e.row, e.until, e.due, e.sealed)
	if err != nil || !ours {
		return false, err
	}
	r.Counts.Running--
	*r.Counts.Field(e.row.State)++
	if e.secret {
		until := s.Now().UTC().Add(codesKept)
		r.CodesUntil = &until
	}
	if e.hold != nil && r.State == postern.BulkRunning {
		if until := s.Now().UTC().Add(max(e.hold.After, time.Second)); until.After(r.Held) {
			r.Held = until
			r.Code, r.Message, r.Next = e.hold.Code, e.hold.Message, e.hold.Next
		}
	}
	return true, nil
}

// rest ends a job none of whose rows is open, or says when to look again.
func (s *Service) rest(ctx context.Context, id postern.BulkJobID) error {
	var pause time.Duration
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		pause = 0
		r, err := s.Store.LockBulkJob(ctx, id)
		if err != nil {
			return err
		}
		if r.State == postern.BulkDone || r.State == postern.BulkPaused || r.EndedAt != nil {
			return nil // whoever makes it go on enqueues it again
		}
		now := s.Now().UTC()
		due, open, err := s.Store.NextBulkDue(ctx, id)
		if err != nil {
			return err
		}
		if open {
			if r.Held.After(due) {
				due = r.Held
			}
			pause = min(max(due.Sub(now), time.Millisecond), farthest)
			return nil
		}
		r.EndedAt = &now
		if r.State == postern.BulkRunning {
			r.State = postern.BulkDone
		}
		r.Code, r.Message, r.Next = "", "", ""
		if err := s.save(ctx, &r); err != nil {
			return err
		}
		// The summary is Postern's own word; the rows were done in the name of whoever started the job.
		return s.Audit.Record(ctx, event(audit.BulkFinished, r, fmt.Sprintf("The job ended: %d done, %d skipped, %d failed.",
			r.Counts.Done, r.Counts.Skipped, r.Counts.Failed)))
	})
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	if err == nil && pause > 0 {
		return job.Snooze(pause)
	}
	return err
}
