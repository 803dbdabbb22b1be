package reconcile

import (
	"context"
	"hash/fnv"
	"time"

	"github.com/postern/postern"
)

const (
	tickEvery = time.Minute
	// Every is how often an integration is compared by what changed, and fullEvery how often whole.
	Every     = 15 * time.Minute
	fullEvery = 24 * time.Hour
	// fullAgain is how soon a full run that failed is begun anew.
	fullAgain = time.Hour
	// Full runs begin between quietFrom and quietFor later, in UTC, each integration at its own minute.
	quietFrom = time.Hour
	quietFor  = 4 * time.Hour
)

// TickJob begins the runs whose time has come.
type TickJob struct{}

// Kind implements [job.Args].
func (TickJob) Kind() string { return "reconcile.tick" }

// Tick handles [TickJob]. Integrations that are DISABLED are compared when a person asks.
func (s *Service) Tick(ctx context.Context, _ TickJob) error {
	ctx = postern.WithActor(ctx, postern.Actor{Kind: postern.ActorSystem, Name: "Postern"})
	all, err := s.Integrations.List(ctx)
	if err != nil {
		return err
	}
	for _, i := range all {
		if i.State != postern.StateEnabled {
			continue
		}
		runs, err := s.Store.ReconcileRuns(ctx, i.ID, 1)
		if err != nil {
			return err
		}
		if len(runs) > 0 && runs[0].State == postern.ReconcileRunning {
			continue
		}
		state, err := s.Store.ReconcileState(ctx, i.ID)
		if err != nil {
			return err
		}
		next, full := due(i, runs, state, s.Now())
		now := s.Now()
		switch {
		case !full.After(now):
			_, _, err = s.Run(ctx, i.ID, postern.ReconcileFull)
		case !next.After(now):
			_, _, err = s.Run(ctx, i.ID, postern.ReconcileIncremental)
		}
		if err != nil && !postern.IsCode(err, postern.CodeConflict) {
			return err
		}
	}
	return nil
}

// due says when an integration is to be compared next, by what changed and whole.
func due(i postern.Integration, runs []postern.ReconcileRun, state State, now time.Time) (next, full time.Time) {
	next = i.CreatedAt.Add(Every)
	if len(runs) > 0 {
		next = runs[0].CreatedAt.Add(Every)
	}
	last := i.CreatedAt
	if state.FullAt.After(last) {
		last = state.FullAt
	}
	full = quiet(i.ID, last)
	if !full.After(now) && !state.FullBegan.Before(full) {
		full = state.FullBegan.Add(fullAgain) // that one came to nothing
	}
	return next, full
}

// quiet is the first quiet minute of an integration after a time.
func quiet(id postern.IntegrationID, after time.Time) time.Time {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	at := after.UTC().Truncate(fullEvery).Add(quietFrom + time.Duration(h.Sum32()%uint32(quietFor/time.Minute))*time.Minute)
	if !at.After(after) {
		at = at.Add(fullEvery)
	}
	return at
}

// Status says how an integration stands.
func (s *Service) Status(ctx context.Context, id postern.IntegrationID) (postern.ReconcileStatus, error) {
	var out postern.ReconcileStatus
	i, err := s.Integrations.Get(ctx, id)
	if err != nil {
		return out, err
	}
	if out.Runs, err = s.Store.ReconcileRuns(ctx, id, 20); err != nil {
		return out, err
	}
	state, err := s.Store.ReconcileState(ctx, id)
	if err != nil {
		return out, err
	}
	if out.Open, err = s.Store.CountOpenDifferences(ctx, id); err != nil {
		return out, err
	}
	if len(out.Runs) > 0 {
		out.Last = &out.Runs[0]
	}
	if !state.AgreedAt.IsZero() {
		out.AgreedAt = &state.AgreedAt
	}
	if !state.FullAt.IsZero() {
		out.FullAt = &state.FullAt
	}
	if i.State == postern.StateEnabled {
		next, full := due(i, out.Runs, state, s.Now())
		out.NextAt, out.NextFullAt = &next, &full
	}
	return out, nil
}

// ReconcileRun returns one run.
func (s *Service) ReconcileRun(ctx context.Context, id postern.ReconcileRunID) (postern.ReconcileRun, error) {
	r, err := s.Store.ReconcileRun(ctx, id)
	return r.ReconcileRun, err
}

// Runs lists the newest runs, newest first.
func (s *Service) Runs(ctx context.Context, id postern.IntegrationID, limit int) ([]postern.ReconcileRun, error) {
	if _, err := s.Integrations.Get(ctx, id); err != nil {
		return nil, err
	}
	return s.Store.ReconcileRuns(ctx, id, limit)
}

// Differences lists differences, newest first.
func (s *Service) Differences(ctx context.Context, q DifferenceQuery) ([]postern.Difference, error) {
	if _, err := s.Integrations.Get(ctx, q.IntegrationID); err != nil {
		return nil, err
	}
	return s.Store.Differences(ctx, q)
}
