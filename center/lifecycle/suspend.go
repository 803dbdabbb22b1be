package lifecycle

import (
	"context"
	"unicode/utf8"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

// maxNote bounds what a person gives as the reason, in characters.
const maxNote = 500

func checkNote(note string) error {
	if utf8.RuneCountInString(note) > maxNote {
		return postern.FieldErrorf("note", "The reason has more than %d characters.", maxNote)
	}
	return nil
}

// Suspend holds a user back until a person ends that: open invitations are withdrawn, open provisionings cancelled,
// the relay lets none of the phones talk, and the user is in none of the groups. Passkeys stay. A suspension that
// followed from the account becomes one that a person ordered; any other that is in force stays as it is.
func (s *Service) Suspend(ctx context.Context, id postern.UserID, note string) (postern.User, error) {
	if err := checkNote(note); err != nil {
		return postern.User{}, err
	}
	return s.suspend(ctx, id, postern.SuspendedByAdministrator, note)
}

func (s *Service) suspend(ctx context.Context, id postern.UserID, cause postern.SuspensionCause, note string) (postern.User, error) {
	var out postern.User
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		u, _, err := s.locked(ctx, id)
		if err != nil {
			return err
		}
		out = u
		if u.Suspension != nil && (cause != postern.SuspendedByAdministrator || u.Suspension.Cause == cause) {
			return nil
		}
		was := u.Phase
		if u.Suspension != nil {
			was = u.Suspension.Was
		}
		u.Suspension = &postern.Suspension{Cause: cause, By: postern.ActorFrom(ctx).Name, Note: note, At: s.Now().UTC(), Was: was}
		if err := s.withdrawOpen(ctx, u); err != nil {
			return err
		}
		if s.CancelOpen != nil {
			if err := s.CancelOpen(ctx, id); err != nil {
				return err
			}
		}
		if err := s.Queue.Enqueue(ctx, SessionsJob{id}); err != nil {
			return err
		}
		if out, err = s.enter(ctx, u, postern.PhaseSuspended); err != nil {
			return err
		}
		return s.Audit.Record(ctx, event(audit.UserSuspended, out, "The user was suspended.",
			map[string]string{"cause": string(cause), "reason": note, "was": string(was)}))
	})
	return out, err
}

// Resume ends a suspension, whoever ordered it. The user stands where the facts say: with a phone that is still
// enrolled paired or active, and otherwise where they stood before; the invitations of then stay withdrawn.
func (s *Service) Resume(ctx context.Context, id postern.UserID, note string) (postern.User, error) {
	if err := checkNote(note); err != nil {
		return postern.User{}, err
	}
	var out postern.User
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		u, facts, err := s.locked(ctx, id)
		if err != nil {
			return err
		}
		out, err = s.resume(ctx, u, facts, note)
		return err
	})
	return out, err
}

func (s *Service) resume(ctx context.Context, u postern.User, facts Facts, note string) (postern.User, error) {
	if u.Suspension == nil {
		return u, nil
	}
	ended := *u.Suspension
	u.Suspension = nil
	u, err := s.enter(ctx, u, Next(ended.Was, facts))
	if err != nil {
		return u, err
	}
	return u, s.Audit.Record(ctx, event(audit.UserResumed, u, "The suspension ended.",
		map[string]string{"cause": string(ended.Cause), "reason": note, "phase": phaseName(u.Phase)}))
}

// TakenAway is called in the transaction that takes every phone and passkey of a user away: invitations are withdrawn,
// a suspension is over because nothing is left to hold back, and the phase is revoked. It reports whether anything
// changed.
func (s *Service) TakenAway(ctx context.Context, id postern.UserID) (u postern.User, changed bool, err error) {
	u, _, err = s.locked(ctx, id)
	if err != nil {
		return u, false, err
	}
	open, err := s.Store.Invitations(ctx, id)
	if err != nil {
		return u, false, err
	}
	for _, i := range open {
		changed = changed || i.State == postern.InvitationOpen
	}
	if err := s.withdrawOpen(ctx, u); err != nil {
		return u, false, err
	}
	facts, err := s.Store.UserFacts(ctx, id, s.Now())
	if err != nil {
		return u, false, err
	}
	if u.Suspension == nil && u.Phase == postern.PhaseRevoked {
		return u, changed, nil
	}
	u.Suspension = nil
	u, err = s.enter(ctx, u, Next(postern.PhaseRevoked, facts))
	return u, true, err
}

// locked reads a user and the facts, with the user locked until the transaction of ctx ends.
func (s *Service) locked(ctx context.Context, id postern.UserID) (postern.User, Facts, error) {
	facts, err := s.Store.UserFacts(ctx, id, s.Now())
	if err != nil {
		return postern.User{}, facts, err
	}
	u, err := s.Store.User(ctx, id)
	return u, facts, err
}

// enter stores a user in a phase, in the transaction of ctx. If the phase is another one than before, that is audited
// and the groups follow; whoever waits for news of the user is told either way.
func (s *Service) enter(ctx context.Context, u postern.User, next postern.Phase) (postern.User, error) {
	was := u.Phase
	u.Phase, u.UpdatedAt = next, s.Now().UTC()
	if err := s.Store.UpdateUser(ctx, &u); err != nil {
		return u, err
	}
	s.Store.AfterCommit(ctx, func() { s.Notices.Publish(Topic(u.ID)) })
	if next == was {
		return u, nil
	}
	if err := s.Queue.Enqueue(ctx, MoveJob{u.IntegrationID}, job.Bulk()); err != nil {
		return u, err
	}
	return u, s.Audit.Record(ctx, event(audit.PhaseChanged, u, "The phase changed from "+phaseName(was)+" to "+phaseName(next)+".",
		map[string]string{"from": string(was), "to": string(next)}))
}

// SessionsJob ends the sessions of a suspended user at Entra, where the application may do that.
type SessionsJob struct {
	User postern.UserID `json:"user"`
}

// Kind implements [job.Args].
func (SessionsJob) Kind() string { return "lifecycle.sessions" }

// EndSessions handles [SessionsJob]. Ending them again does no harm.
func (s *Service) EndSessions(ctx context.Context, args SessionsJob) error {
	u, err := s.Store.User(ctx, args.User)
	if postern.IsCode(err, postern.CodeNotFound) || err == nil && u.Suspension == nil {
		return nil
	}
	if err != nil {
		return err
	}
	tenant, _, err := s.Tenants.Tenant(ctx, u.IntegrationID)
	if err != nil {
		return err
	}
	switch err := tenant.RevokeSessions(ctx, u.ObjectID); {
	case err == nil:
	case postern.IsCode(err, postern.CodeEntraPermission), postern.IsCode(err, postern.CodeEntraConsentMissing),
		postern.IsCode(err, postern.CodeEntraNotFound), postern.IsCode(err, postern.CodeEntraUserNotFound):
		return nil // not granted, or nobody left who could have one
	default:
		return laterIfAsked(err)
	}
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		return s.Audit.Record(ctx, event(audit.UserSessionsEnded, u, "The user's sessions at Entra were ended.", nil))
	})
}

// laterIfAsked waits as long as Graph asked, without counting that as a failure.
func laterIfAsked(err error) error {
	if e := postern.AsError(err); e.After > 0 {
		return job.Snooze(e.After)
	}
	return err
}
