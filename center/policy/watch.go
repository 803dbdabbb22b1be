package policy

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

const tickEvery = time.Minute

// TickJob looks at the tenants whose time has come.
type TickJob struct{}

// Kind implements [job.Args].
func (TickJob) Kind() string { return "policy.tick" }

// Tick handles [TickJob]. Integrations that are DISABLED are looked at when a person asks.
func (s *Service) Tick(ctx context.Context, _ TickJob) error {
	all, err := s.Integrations.List(ctx)
	if err != nil {
		return err
	}
	for _, i := range all {
		if i.State != postern.StateEnabled {
			continue
		}
		w, err := s.Store.PolicyWatch(ctx, i.ID)
		if err != nil {
			return err
		}
		every, _, err := s.interval(ctx, i.ID)
		if err != nil {
			return err
		}
		if !w.BaselineAt.IsZero() && !s.Now().Before(w.lastLook().Add(every)) {
			if err := s.Queue.Enqueue(ctx, DriftJob{i.ID}, job.Bulk()); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w Watch) lastLook() time.Time {
	if w.Drift.CheckedAt != nil && w.Drift.CheckedAt.After(w.BaselineAt) {
		return *w.Drift.CheckedAt
	}
	return w.BaselineAt
}

// DriftJob looks at a tenant, and works out whom a change by somebody else concerns.
type DriftJob struct {
	Integration postern.IntegrationID `json:"integration"`
}

// Kind implements [job.Args].
func (DriftJob) Kind() string { return "policy.drift" }

// Look handles [DriftJob].
func (s *Service) Look(ctx context.Context, args DriftJob) error {
	ctx = background(ctx)
	_, err := s.CheckDrift(ctx, args.Integration)
	switch {
	case postern.IsCode(err, postern.CodeNotFound):
		return nil
	case postern.IsCode(err, postern.CodeStale):
		return job.Snooze(time.Second)
	case err != nil:
		return later(err)
	}
	w, err := s.Store.PolicyWatch(ctx, args.Integration)
	if err != nil || w.Found == nil || w.Drift.Impact != nil {
		return err
	}
	graph, _, err := s.Integrations.Graph(ctx, args.Integration)
	if err != nil {
		return later(err)
	}
	models, err := s.Lists.Models(ctx, args.Integration)
	if err != nil {
		return err
	}
	found, err := s.judge(ctx, args.Integration, graph, models, w.Baseline, w.Scope.of(*w.Found, w.Baseline))
	if err != nil {
		return later(err)
	}
	w.Drift.Impact = &found.impact
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		s.tell(ctx, args.Integration)
		return s.Store.SetPolicyWatch(ctx, &w)
	})
	if postern.IsCode(err, postern.CodeStale) {
		return job.Snooze(time.Second)
	}
	return err
}

// LookGivenUp is called when a tenant could not be looked at. The first of several failures in a row is told.
func (s *Service) LookGivenUp(ctx context.Context, args DriftJob, cause error) error {
	e := postern.AsError(cause)
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		i, err := s.Integrations.Get(ctx, args.Integration)
		if postern.IsCode(err, postern.CodeNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		w, err := s.Store.PolicyWatch(ctx, args.Integration)
		if err != nil {
			return err
		}
		told, at := w.Drift.Code != "", s.Now().UTC()
		w.Drift.CheckedAt, w.Drift.Code, w.Drift.Message, w.Drift.Next = &at, e.Code, e.Message, e.Next
		if err := s.Store.SetPolicyWatch(ctx, &w); err != nil {
			return err
		}
		s.tell(ctx, args.Integration)
		if told {
			return nil
		}
		failed := about(audit.PolicyWatchFailed, i, "", nil)
		failed.Success, failed.ErrorCode, failed.Message = false, e.Code, e.Message
		return s.Audit.Record(ctx, failed)
	})
}
