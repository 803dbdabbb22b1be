package inventory

import (
	"context"
	"time"

	"github.com/postern/postern"
)

const (
	tickEvery = time.Minute
	// Every is how often a tenant is read by what changed, and fullEvery how often whole.
	Every     = 15 * time.Minute
	fullEvery = 7 * 24 * time.Hour
	// failedRest is how long a tenant that could not be read is left alone.
	failedRest = time.Hour
	// methodsEvery is how often the methods of everybody are read from the registration report.
	methodsEvery = 24 * time.Hour
)

// TickJob begins the readings whose time has come.
type TickJob struct{}

// Kind implements [job.Args].
func (TickJob) Kind() string { return "inventory.tick" }

// Tick handles [TickJob]. Integrations that are DISABLED are read when a person asks.
func (s *Service) Tick(ctx context.Context, _ TickJob) error {
	ctx = unattended(ctx)
	all, err := s.Integrations.List(ctx)
	if err != nil {
		return err
	}
	for _, i := range all {
		if i.State != postern.StateEnabled {
			continue
		}
		p, err := s.Store.InventoryProgress(ctx, i.ID)
		if err != nil {
			return err
		}
		now := s.Now()
		last := latest(latest(i.CreatedAt, p.FinishedAt), p.BegunAt)
		if p.Reading || now.Sub(last) < Every || p.Failure != nil && now.Sub(p.Failure.At) < failedRest {
			continue
		}
		if _, err := s.Read(ctx, i.ID, now.Sub(p.FullAt) >= fullEvery); err != nil {
			return err
		}
	}
	return nil
}

// MethodsJob reads from the registration report which methods everybody has.
type MethodsJob struct {
	Integration postern.IntegrationID `json:"integration"`
}

// Kind implements [job.Args].
func (MethodsJob) Kind() string { return "inventory.methods" }

// DoMethods handles [MethodsJob]. It is no part of a reading, because the report of a large tenant takes minutes at the
// pace that Graph allows, and the passkeys are known without it.
func (s *Service) DoMethods(ctx context.Context, args MethodsJob) error {
	ctx = unattended(ctx)
	graph, _, err := s.Integrations.Graph(ctx, args.Integration)
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	if err != nil {
		return later(err)
	}
	begun := s.Now().UTC()
	rows := make([]Methods, 0, keptAtOnce)
	keep := func() error {
		defer func() { rows = rows[:0] }()
		return s.Store.PutMethods(ctx, args.Integration, rows, begun)
	}
	for row, err := range graph.RegistrationReport(ctx, true) {
		if unreadable(err) {
			return s.change(ctx, args.Integration, func(_ context.Context, p *Progress) error {
				p.MethodsKnown = false
				return nil
			})
		}
		if err != nil {
			return later(err)
		}
		if row.ObjectID == "" {
			continue
		}
		if rows = append(rows, Methods{row.ObjectID, row.Methods}); len(rows) == cap(rows) {
			if err := keep(); err != nil {
				return err
			}
		}
	}
	if err := keep(); err != nil {
		return err
	}
	return s.change(ctx, args.Integration, func(_ context.Context, p *Progress) error {
		p.MethodsKnown, p.ReportAt = true, begun
		return nil
	})
}
