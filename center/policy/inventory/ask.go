package inventory

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

// ReadJob does a reading, or goes on with it.
type ReadJob struct {
	Integration postern.IntegrationID `json:"integration"`
	Number      int64                 `json:"number"`
}

// Kind implements [job.Args].
func (ReadJob) Kind() string { return "inventory.read" }

// Read has the tenant read: what changed since the last reading, or everybody. Of a reading that is under way, its status
// is returned; if it looks at less than what is asked for, another one follows it.
func (s *Service) Read(ctx context.Context, id postern.IntegrationID, full bool) (postern.InventoryStatus, error) {
	i, err := s.Integrations.Get(ctx, id)
	if err != nil {
		return postern.InventoryStatus{}, err
	}
	err = s.change(ctx, id, func(ctx context.Context, p *Progress) error {
		if p.Reading {
			p.Again = p.Again || full && !p.Full
			return nil
		}
		full := full || p.FullAt.IsZero()
		s.begin(p, full)
		if postern.ActorFrom(ctx).Kind == postern.ActorSystem {
			return s.Queue.Enqueue(ctx, ReadJob{id, p.Number}, job.Bulk())
		}
		if err := s.Queue.Enqueue(ctx, ReadJob{id, p.Number}); err != nil {
			return err
		}
		mode := "what changed"
		if full {
			mode = "everybody"
		}
		return s.Audit.Record(ctx, event(audit.InventoryAsked, i, audit.InventoryAsked.Text, map[string]string{"mode": mode}))
	})
	if err != nil {
		return postern.InventoryStatus{}, err
	}
	return s.Status(ctx, id)
}

// begin opens a reading in p.
func (s *Service) begin(p *Progress, full bool) {
	now := s.Now().UTC()
	p.Number++
	p.Reading, p.Full, p.Again, p.Step, p.Place = true, full, false, StepDirectory, ""
	p.Users, p.Planned, p.Changed, p.Failures, p.Requests, p.Throttled = 0, 0, 0, 0, 0, 0
	p.BegunAt, p.Since, p.EventsRead = now, time.Time{}, false
}

// change edits the progress in a transaction, begins again when somebody else was quicker, and tells of it. What edit does
// besides must belong to that transaction.
func (s *Service) change(ctx context.Context, id postern.IntegrationID, edit func(ctx context.Context, p *Progress) error) error {
	return s.alter(ctx, id, func(ctx context.Context, p *Progress) error {
		s.tell(ctx, id)
		return edit(ctx, p)
	})
}

// alter is change that tells nobody.
func (s *Service) alter(ctx context.Context, id postern.IntegrationID, edit func(ctx context.Context, p *Progress) error) error {
	const tries = 10
	for try := 1; ; try++ {
		err := s.Store.Atomically(ctx, func(ctx context.Context) error {
			p, err := s.Store.InventoryProgress(ctx, id)
			if err != nil {
				return err
			}
			if err := edit(ctx, &p); err != nil {
				return err
			}
			return s.Store.SetInventoryProgress(ctx, &p)
		})
		if !postern.IsCode(err, postern.CodeStale) || try == tries {
			return err
		}
	}
}

// tell has pages that show the inventory look again after the commit.
func (s *Service) tell(ctx context.Context, id postern.IntegrationID) {
	s.Store.AfterCommit(ctx, func() { s.Notices.Publish(Topic(id)) })
}

func event(code audit.Code, i postern.Integration, message string, fields map[string]string) postern.AuditEvent {
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: i.ID, Target: string(i.ID), TargetName: i.ApplicationName,
		Success: true, Message: message, Fields: fields,
	}
}
