package lifecycle

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

// addAtOnce is how many members Graph takes in one request.
const addAtOnce = 20

// MoveJob moves users of an integration into the groups of their phases.
type MoveJob struct {
	Integration postern.IntegrationID `json:"integration"`
}

// Kind implements [job.Args].
func (MoveJob) Kind() string { return "lifecycle.move" }

// Members is what moving needs of the connector.
type Members interface {
	AddMembers(ctx context.Context, groupID string, objectIDs []string) error
	RemoveMember(ctx context.Context, groupID, objectID string) error
}

// Move handles [MoveJob]: it moves everybody whose group is behind, many at a time, until nobody is.
func (s *Service) Move(ctx context.Context, args MoveJob) error {
	for {
		tenant, i, err := s.Tenants.Tenant(ctx, args.Integration)
		if postern.IsCode(err, postern.CodeNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if len(i.Groups) == 0 {
			return nil // this integration keeps no groups
		}
		groups := make(map[postern.Phase]string, len(i.Groups))
		for _, g := range i.Groups {
			if g.ID == "" && g.Problem == "" {
				return job.Snooze(2 * time.Second) // they are being made
			}
			groups[g.Phase] = g.ID
		}
		users, err := s.Store.UsersOutOfGroup(ctx, i.ID, addAtOnce)
		if err != nil || len(users) == 0 {
			return err
		}
		if err := s.moveSome(ctx, tenant, groups, users); err != nil {
			return err
		}
	}
}

// moveSome moves users: into the new group first, out of the old one after, so that nobody is in no group in between.
func (s *Service) moveSome(ctx context.Context, tenant Members, groups map[postern.Phase]string, users []postern.User) error {
	byPhase := make(map[postern.Phase][]postern.User)
	for _, u := range users {
		byPhase[u.Phase] = append(byPhase[u.Phase], u)
	}
	for phase, moving := range byPhase {
		if id := groups[phase]; id != "" {
			ids := make([]string, len(moving))
			for n, u := range moving {
				ids[n] = u.ObjectID
			}
			if err := tenant.AddMembers(ctx, id, ids); err != nil {
				return err
			}
		}
		for _, u := range moving {
			if old := groups[u.GroupPhase]; old != "" && old != groups[phase] {
				if err := tenant.RemoveMember(ctx, old, u.ObjectID); err != nil {
					return err
				}
			}
			if err := s.moved(ctx, u, phase, groups[phase]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Service) moved(ctx context.Context, u postern.User, phase postern.Phase, group string) error {
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := s.Store.NoteGroupPhase(ctx, u.ID, phase); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.GroupMoved, u, "The user was moved to the group of the phase "+string(phase)+".",
			map[string]string{"group": group, "phase": string(phase)}))
	})
}

// MoveGivenUp is called when no attempt at moving is left.
func (s *Service) MoveGivenUp(ctx context.Context, args MoveJob, cause error) error {
	e := postern.AsError(cause)
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		return s.Audit.Record(ctx, postern.AuditEvent{
			Code: audit.GroupMoveFailed.Code, Name: audit.GroupMoveFailed.Name, IntegrationID: args.Integration,
			Target: string(args.Integration), ErrorCode: e.Code, Message: e.Message,
		})
	})
}
