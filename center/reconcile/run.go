package reconcile

import (
	"context"
	"errors"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/job"
)

const (
	// runsKept is how many runs of an integration are remembered, and closedKept for how long differences that are gone.
	runsKept   = 200
	closedKept = 30 * 24 * time.Hour
	// attemptTime is how long one attempt works before it makes room for other jobs and goes on later.
	attemptTime = 10 * time.Minute
	runTimeout  = 30 * time.Minute
	runAttempts = 8
	// longestRun is after what time a run that cannot get on is ended, so that another may begin.
	longestRun = 24 * time.Hour
)

// RunJob does a run, or goes on with it.
type RunJob struct {
	Run postern.ReconcileRunID `json:"run"`
}

// Kind implements [job.Args].
func (RunJob) Kind() string { return "reconcile.run" }

// Handle registers the handlers of this package's jobs, and its schedule.
func (s *Service) Handle(r *job.Registry) {
	job.Handle(r, job.Rules{MaxAttempts: runAttempts, Timeout: runTimeout}, s.Do, s.GivenUp)
	job.Handle(r, job.Rules{}, s.Tick, nil)
	job.Every(r, TickJob{}, tickEvery)
}

// Run asks for a run. If one is under way that looks at as much or more, it is returned, and created is false.
func (s *Service) Run(ctx context.Context, id postern.IntegrationID, mode postern.ReconcileMode) (run postern.ReconcileRun, created bool, err error) {
	if mode == "" {
		mode = postern.ReconcileIncremental
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		i, err := s.Integrations.Get(ctx, id)
		if err != nil {
			return err
		}
		open, err := s.Store.RunningReconcile(ctx, id)
		if err == nil {
			if run, created = open.ReconcileRun, false; open.Mode == postern.ReconcileFull || mode == open.Mode {
				return nil
			}
			return postern.Errorf(postern.CodeConflict, "A comparison that looks at less is under way.").
				WithNext("Ask again when it is through, which takes a minute as a rule.")
		}
		if !postern.IsCode(err, postern.CodeNotFound) {
			return err
		}
		now := s.Now().UTC()
		by := ""
		if actor := postern.ActorFrom(ctx); actor.Kind != postern.ActorSystem {
			by = actor.Name
		}
		r := Record{ReconcileRun: postern.ReconcileRun{
			ID: postern.NewID[postern.ReconcileRunID](postern.PrefixReconcileRun), IntegrationID: id, Version: 1, Mode: mode,
			State: postern.ReconcileRunning, Step: postern.ReconcileDirectory, RequestedBy: by, CreatedAt: now, UpdatedAt: now,
		}}
		if err := s.Store.CreateReconcileRun(ctx, r); err != nil {
			return err
		}
		if mode == postern.ReconcileFull {
			state, err := s.Store.ReconcileState(ctx, id)
			if err != nil {
				return err
			}
			state.FullBegan = now
			if err := s.Store.SetReconcileState(ctx, id, state); err != nil {
				return err
			}
		}
		run, created = r.ReconcileRun, true
		if by == "" {
			return s.Queue.Enqueue(ctx, RunJob{r.ID}, job.Bulk())
		}
		if err := s.Queue.Enqueue(ctx, RunJob{r.ID}); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.ReconcileAsked, r.ReconcileRun, i.ApplicationName,
			"Somebody asked for Entra and Postern to be compared.", map[string]string{"mode": string(mode)}))
	})
	if err == nil && created {
		s.Notices.Publish(integration.Topic(id))
	}
	return run, created, err
}

// Approve has a stopped run go on and take away what it found missing.
func (s *Service) Approve(ctx context.Context, id postern.ReconcileRunID) (postern.ReconcileRun, error) {
	var out postern.ReconcileRun
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		r, err := s.Store.ReconcileRun(ctx, id)
		if err != nil {
			return err
		}
		newest, err := s.Store.ReconcileRuns(ctx, r.IntegrationID, 1)
		if err != nil {
			return err
		}
		if r.State != postern.ReconcileStopped || len(newest) == 0 || newest[0].ID != r.ID {
			return postern.Errorf(postern.CodeConflict, "Only the newest run can go on, and only while it is stopped.").
				WithNext("Look at the newest run, and decide on that one.")
		}
		r.State, r.Approved, r.FinishedAt = postern.ReconcileRunning, postern.ActorFrom(ctx).Name, nil
		r.Message, r.Next, r.UpdatedAt = "", "", s.Now().UTC()
		if err := s.Store.UpdateReconcileRun(ctx, &r); err != nil {
			return err
		}
		out = r.ReconcileRun
		if err := s.Queue.Enqueue(ctx, RunJob{r.ID}); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.ReconcileApproved, r.ReconcileRun, "",
			"Somebody had a stopped comparison go on.", map[string]string{"missing": number(r.Missing)}))
	})
	if err == nil {
		s.Notices.Publish(integration.Topic(out.IntegrationID))
	}
	return out, err
}

// errPause ends an attempt that has worked long enough.
var errPause = errors.New("reconcile: the attempt has worked long enough")

// Do handles [RunJob]. Each step leaves behind how far it came, so that it is gone on with, or repeated harmlessly.
func (s *Service) Do(ctx context.Context, args RunJob) error {
	r, err := s.Store.ReconcileRun(ctx, args.Run)
	if postern.IsCode(err, postern.CodeNotFound) || err == nil && r.State != postern.ReconcileRunning {
		return nil
	}
	if err != nil {
		return err
	}
	ctx = entra.WithPriority(postern.WithActor(ctx, postern.Actor{Kind: postern.ActorSystem, Name: "Postern"}), entra.Bulk)
	if s.Now().Sub(r.CreatedAt) > longestRun && r.Approved == "" {
		return job.Cancel(postern.Errorf(postern.CodeUnavailable, "The comparison did not come to its end within a day."))
	}
	graph, i, err := s.Integrations.Graph(ctx, r.IntegrationID)
	if err != nil {
		return later(err)
	}
	w := &work{Service: s, graph: graph, integration: i, run: &r, until: s.Now().Add(attemptTime)}
	switch err := w.do(ctx); {
	case errors.Is(err, errPause):
		return job.Snooze(time.Second)
	default:
		return later(err)
	}
}

// later has the job come back when Graph said that it may.
func later(err error) error {
	if err == nil {
		return nil
	}
	if e := postern.AsError(err); e.After > 0 {
		return job.Snooze(e.After)
	}
	return err
}

// GivenUp is called when no attempt is left.
func (s *Service) GivenUp(ctx context.Context, args RunJob, cause error) error {
	e := postern.AsError(cause)
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		r, err := s.Store.ReconcileRun(ctx, args.Run)
		if postern.IsCode(err, postern.CodeNotFound) || err == nil && r.State != postern.ReconcileRunning {
			return nil
		}
		if err != nil {
			return err
		}
		now := s.Now().UTC()
		r.State, r.Code, r.Message, r.Next = postern.ReconcileFailed, e.Code, e.Message, e.Next
		r.FinishedAt, r.UpdatedAt = &now, now
		if err := s.Store.UpdateReconcileRun(ctx, &r); err != nil {
			return err
		}
		s.Store.AfterCommit(ctx, func() { s.Notices.Publish(integration.Topic(r.IntegrationID)) })
		// A tenant that is away for a day fails every quarter of an hour; the first one tells of it.
		if before, err := s.Store.ReconcileRuns(ctx, r.IntegrationID, 2); err != nil ||
			len(before) == 2 && before[1].State == postern.ReconcileFailed && r.RequestedBy == "" {
			return err
		}
		failed := event(audit.ReconcileFailed, r.ReconcileRun, "", e.Message, nil)
		failed.Success, failed.ErrorCode = false, e.Code
		return s.Audit.Record(ctx, failed)
	})
}

func event(code audit.Code, r postern.ReconcileRun, name, message string, fields map[string]string) postern.AuditEvent {
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: r.IntegrationID, Target: string(r.ID), TargetName: name,
		Success: true, Message: message, Fields: fields,
	}
}
