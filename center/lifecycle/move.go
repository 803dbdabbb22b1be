package lifecycle

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

const (
	// moveAtOnce is how many users are moved between two looks at the database: as many as Graph adds to a group, or
	// takes out of it, in one request.
	moveAtOnce = 20
	// movesPerAttempt bounds one attempt of the job, which goes on in the next.
	movesPerAttempt = 50
)

// MoveJob moves users of an integration into the groups of their phases.
type MoveJob struct {
	Integration postern.IntegrationID `json:"integration"`
}

// Kind implements [job.Args].
func (MoveJob) Kind() string { return "lifecycle.move" }

// FollowGroups has everybody moved whose group is behind, by a job that is enqueued in the transaction of ctx.
func (s *Service) FollowGroups(ctx context.Context, id postern.IntegrationID) error {
	return s.Queue.Enqueue(ctx, MoveJob{id}, job.Bulk())
}

// Members is what moving needs of the connector.
type Members interface {
	// PutMembers puts users into a group and returns those whom the tenant does not know. Who is in it already is done.
	PutMembers(ctx context.Context, groupID string, objectIDs []string) (unknown []string, err error)
	// RemoveMembers takes users out of a group. Who is not in it, or is gone, is done.
	RemoveMembers(ctx context.Context, groupID string, objectIDs []string) error
}

// groups are the groups of an integration by phase. Phases that have none, as revoked and suspended, are absent.
type groups map[postern.Phase]postern.PhaseGroup

// blocked reports whether a group exists, or is wanted, whose members nobody but a person can change at the moment.
func (g groups) blocked(p postern.Phase) bool { return g[p].Problem != "" }

// Move handles [MoveJob]: it moves everybody whose group is behind, many at a time, until nobody is. Whoever cannot be
// moved does not hold up the others.
func (s *Service) Move(ctx context.Context, args MoveJob) error {
	tenant, i, err := s.Tenants.Tenant(ctx, args.Integration)
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.moveAll(ctx, tenant, i)
}

func (s *Service) moveAll(ctx context.Context, tenant Members, i postern.Integration) error {
	if len(i.Groups) == 0 {
		return nil // this integration keeps no groups
	}
	of := make(groups, len(i.Groups))
	for _, g := range i.Groups {
		if g.ID == "" && g.Problem == "" {
			return job.Snooze(2 * time.Second) // they are being made
		}
		of[g.Phase] = g
	}
	var failed error
	var after Mover
	for range movesPerAttempt {
		chunk, err := s.Store.UsersOutOfGroup(ctx, i.ID, after, moveAtOnce)
		if err != nil || len(chunk) == 0 {
			return errors.Join(failed, err)
		}
		after = chunk[len(chunk)-1]
		movable := slices.DeleteFunc(chunk, func(m Mover) bool {
			return of.blocked(m.Phase) || of.blocked(m.GroupPhase) || of.blocked(m.Toward)
		})
		if err := s.moveSome(ctx, tenant, i, of, movable); err != nil {
			if ctx.Err() != nil || postern.AsError(err).After > 0 {
				return laterIfAsked(err)
			}
			failed = err // of this chunk alone; the others go on
		}
	}
	if failed != nil {
		return failed
	}
	return job.Snooze(time.Millisecond)
}

// moveSome moves users into the new group first, out of the old one after, so that nobody is in no group in between.
//
// Before Entra is asked to put anybody into a group, that is noted as [Mover.Toward]. When the attempt dies there and
// the phase changes before the next, the next takes the user out of that group too.
func (s *Service) moveSome(ctx context.Context, tenant Members, i postern.Integration, of groups, users []Mover) error {
	stray := make(map[postern.Phase][]Mover)
	for _, m := range users {
		if m.Toward != "" && m.Toward != m.Phase && m.Toward != m.GroupPhase {
			stray[m.Toward] = append(stray[m.Toward], m)
		}
	}
	if err := s.takeOut(ctx, tenant, of, stray); err != nil {
		return err
	}
	if err := s.noteToward(ctx, of, users); err != nil {
		return err
	}
	byPhase := make(map[postern.Phase][]Mover)
	for _, m := range users {
		byPhase[m.Phase] = append(byPhase[m.Phase], m)
	}
	var moved []Mover
	var gone []postern.DirectoryChange
	for _, phase := range slices.Sorted(maps.Keys(byPhase)) {
		moving := byPhase[phase]
		if id := of[phase].ID; id != "" {
			unknown, err := tenant.PutMembers(ctx, id, objectIDs(moving))
			if err != nil {
				return err
			}
			for _, id := range unknown {
				gone = append(gone, postern.DirectoryChange{User: postern.DirectoryUser{ObjectID: id}, Removed: true})
			}
			moving = slices.DeleteFunc(moving, func(m Mover) bool { return slices.Contains(unknown, m.ObjectID) })
		}
		moved = append(moved, moving...)
	}
	old := make(map[postern.Phase][]Mover)
	for _, m := range moved {
		if m.GroupPhase != m.Phase {
			old[m.GroupPhase] = append(old[m.GroupPhase], m)
		}
	}
	if err := s.takeOut(ctx, tenant, of, old); err != nil {
		return err
	}
	if err := s.noteMoved(ctx, of, moved); err != nil {
		return err
	}
	if len(gone) == 0 {
		return nil
	}
	return s.DirectoryChanged(ctx, i.ID, gone)
}

// takeOut takes users out of the groups of the phases they are listed under.
func (s *Service) takeOut(ctx context.Context, tenant Members, of groups, byPhase map[postern.Phase][]Mover) error {
	for _, phase := range slices.Sorted(maps.Keys(byPhase)) {
		if id := of[phase].ID; id != "" {
			if err := tenant.RemoveMembers(ctx, id, objectIDs(byPhase[phase])); err != nil {
				return err
			}
		}
	}
	return nil
}

func objectIDs(users []Mover) []string {
	ids := make([]string, len(users))
	for n, m := range users {
		ids[n] = m.ObjectID
	}
	return ids
}

func (s *Service) noteToward(ctx context.Context, of groups, users []Mover) error {
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		for _, m := range users {
			if m.Toward == m.Phase || of[m.Phase].ID == "" {
				continue
			}
			if err := s.Store.NoteGroupToward(ctx, m.ID, m.Phase); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) noteMoved(ctx context.Context, of groups, users []Mover) error {
	if len(users) == 0 {
		return nil
	}
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		for _, m := range users {
			if err := s.Store.NoteGroupPhase(ctx, m.ID, m.Phase); err != nil {
				return err
			}
			message := "The user was moved to the group of the phase " + phaseName(m.Phase) + "."
			if of[m.Phase].ID == "" {
				message = "The user was taken out of the groups: the phase is " + phaseName(m.Phase) + "."
			}
			if err := s.Audit.Record(ctx, event(audit.GroupMoved, m.User, message, map[string]string{
				"group": of[m.Phase].ID, "phase": string(m.Phase), "from": string(m.GroupPhase),
			})); err != nil {
				return err
			}
		}
		return nil
	})
}

// MoveGivenUp is called when no attempt at moving is left. What is left to do is tried again with the next change, and
// when the groups are looked at.
func (s *Service) MoveGivenUp(ctx context.Context, args MoveJob, cause error) error {
	e := postern.AsError(cause)
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		return s.Audit.Record(ctx, postern.AuditEvent{
			Code: audit.GroupMoveFailed.Code, Name: audit.GroupMoveFailed.Name, IntegrationID: args.Integration,
			Target: string(args.Integration), ErrorCode: e.Code, Message: e.Message,
		})
	})
}
