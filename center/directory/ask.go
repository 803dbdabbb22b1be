package directory

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

// interval is how often a directory is read without anybody asking.
const interval = 15 * time.Minute

// Status says how current the mirror is.
func (s *Service) Status(ctx context.Context, id postern.IntegrationID) (postern.DirectoryStatus, error) {
	if _, err := s.Tenants.Get(ctx, id); err != nil {
		return postern.DirectoryStatus{}, err
	}
	p, err := s.Store.DirectoryProgress(ctx, id)
	if err != nil {
		return postern.DirectoryStatus{}, err
	}
	status := p.status(id, s.Now())
	all, missing, err := s.Store.CountDirectoryUsers(ctx, id, p.Generation)
	status.Users = all
	if p.Held && !p.Reading {
		status.Missing = missing
	}
	return status, err
}

// Ask has the directory read soon, and returns the status until then.
func (s *Service) Ask(ctx context.Context, id postern.IntegrationID, in postern.DirectorySyncInput) (postern.DirectoryStatus, error) {
	status, err := s.Status(ctx, id)
	if err != nil {
		return status, err
	}
	return status, s.Queue.Enqueue(ctx, SyncJob{Integration: id, Full: in.Full})
}

// Confirm has the users whom the last reading of the whole directory missed taken for gone. CodeConflict says that there
// is nothing to confirm.
func (s *Service) Confirm(ctx context.Context, id postern.IntegrationID) (postern.DirectoryStatus, error) {
	if _, err := s.Tenants.Get(ctx, id); err != nil {
		return postern.DirectoryStatus{}, err
	}
	err := s.change(ctx, id, func(ctx context.Context, p *Progress) error {
		if !p.Held || p.Reading {
			return postern.Errorf(postern.CodeConflict, "No users are waiting to be confirmed as gone.").
				WithNext("Look at the state of the directory again.")
		}
		_, missing, err := s.Store.CountDirectoryUsers(ctx, id, p.Generation)
		if err != nil {
			return err
		}
		p.Held, p.Sweeping = false, true
		if err := s.Queue.Enqueue(ctx, SyncJob{Integration: id}); err != nil {
			return err
		}
		return s.record(ctx, id, audit.DirectoryConfirmed, true, "Users whom the directory did not show are taken for gone.",
			counts(map[string]int{"missing": missing}))
	})
	if err != nil {
		return postern.DirectoryStatus{}, err
	}
	return s.Status(ctx, id)
}

// ScheduleJob looks which directories are due.
type ScheduleJob struct{}

// Kind implements [job.Args].
func (ScheduleJob) Kind() string { return "directory.schedule" }

// Schedule handles [ScheduleJob].
func (s *Service) Schedule(ctx context.Context, _ ScheduleJob) error {
	all, err := s.Tenants.List(ctx)
	if err != nil {
		return err
	}
	for _, i := range all {
		p, err := s.Store.DirectoryProgress(ctx, i.ID)
		if err != nil {
			return err
		}
		if s.due(p) {
			if err := s.Queue.Enqueue(ctx, SyncJob{Integration: i.ID}, job.Bulk()); err != nil {
				return err
			}
		}
		// After the first reading, so that it is known whether the directory may be read at all.
		if !p.FinishedAt.IsZero() && p.Failure == nil && s.notificationURL(i.ID) != "" && s.subscriptionDue(p) {
			if err := s.Queue.Enqueue(ctx, SubscribeJob{Integration: i.ID}, job.Bulk()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) due(p Progress) bool {
	last := p.FinishedAt
	if p.Failure != nil && p.Failure.At.After(last) {
		last = p.Failure.At
	}
	return last.IsZero() || s.Now().Sub(last) >= interval
}

// Run handles [SyncJob].
func (s *Service) Run(ctx context.Context, args SyncJob) error {
	_, err := s.sync(ctx, args.Integration, args.Full)
	switch {
	case postern.IsCode(err, postern.CodeNotFound):
		return nil // the integration is gone
	case postern.IsCode(err, postern.CodeEntraDirectoryClosed):
		return nil // the status says so, and asking again cannot help
	}
	return err
}

// Handle registers the handlers of this package's jobs. How often they look is up to the caller, see [ScheduleJob].
func (s *Service) Handle(r *job.Registry) {
	// A large tenant's first reading takes minutes; what an attempt did not reach, the next one goes on with. After the
	// last one the schedule comes round again.
	job.Handle(r, job.Rules{MaxAttempts: 8, Timeout: 10 * time.Minute}, s.Run, nil)
	job.Handle(r, job.Rules{MaxAttempts: 3}, s.Schedule, nil)
	job.Handle(r, job.Rules{MaxAttempts: 5}, s.Subscribe, s.SubscribeGivenUp)
	job.Every(r, ScheduleJob{}, time.Minute)
}
