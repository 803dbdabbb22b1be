package offline

import (
	"bytes"
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

const (
	// recoveryWindow is how long a recovery waits for a second person, and how long for its code to be shown.
	recoveryWindow = time.Hour
	// mostByPerson and mostOfPairing bound how many are asked for within recoveryWindow.
	mostByPerson, mostOfPairing = 20, 5
	// recentRecoveries is how many of one pairing are looked at.
	recentRecoveries = 50
)

// Recover asks for a recovery code for the workstation of a pairing, with a reason. For a user with a privileged role it
// waits for a second person.
func (s *Service) Recover(ctx context.Context, id postern.PairingID, in postern.RecoveryInput) (postern.Recovery, error) {
	var none postern.Recovery
	note, err := noted(in.Note, true)
	if err != nil {
		return none, err
	}
	by, err := s.person(ctx)
	if err != nil {
		return none, err
	}
	pairing, err := s.Store.Pairing(ctx, id)
	if err != nil {
		return none, err
	}
	if pairing.PhoneID == "" || pairing.ConfirmedAt == nil {
		return none, postern.Errorf(postern.CodeNotFound, "There is no such pairing.")
	}
	p, err := s.parties(ctx, pairing)
	if err != nil {
		return none, err
	}
	if p.user, err = s.Passkeys.Roles(ctx, p.user.ID); err != nil {
		return none, err
	}
	now := s.Now().UTC()
	q := Request{
		Recovery: postern.Recovery{
			ID: postern.NewID[postern.RecoveryID](postern.PrefixRecovery), IntegrationID: pairing.IntegrationID, Pairing: id, UserID: p.user.ID,
			WorkstationID: p.workstation.ID, Version: 1, State: postern.RecoveryReady, User: p.user.UPN, Workstation: p.workstation.Name,
			Privileged: p.user.Privileged, Note: note, RequestedBy: postern.ActorFrom(ctx).Name, RequestedByID: by, CreatedAt: now, ExpiresAt: now.Add(recoveryWindow),
		},
	}
	if q.Privileged {
		q.State = postern.RecoveryWaiting
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		r, err := s.Store.OfflineSignIn(ctx, id)
		if err != nil && !postern.IsCode(err, postern.CodeNotFound) {
			return err
		}
		if err := p.recoverable(r, now); err != nil {
			return err
		}
		if err := s.bounded(ctx, by, id, now); err != nil {
			return err
		}
		if err := s.Store.CreateRecovery(ctx, q); err != nil {
			if postern.IsCode(err, postern.CodeConflict) {
				return postern.Errorf(postern.CodeRecoveryState, "A recovery code for this workstation is being asked for already.").
					WithNext("Go on with that one, or withdraw it.")
			}
			return err
		}
		if err := s.Queue.Enqueue(ctx, LapseJob{q.ID}, job.After(recoveryWindow)); err != nil {
			return err
		}
		s.tellRecovery(ctx, q)
		return s.Audit.Record(ctx, recoveryEvent(audit.RecoveryAsked, q, "A recovery code was asked for.", map[string]string{"reason": note}))
	})
	return q.Recovery, err
}

// recoverable refuses where no recovery code can be given out.
func (p parties) recoverable(r Record, now time.Time) error {
	if !p.settings.Recovery.Enabled {
		return postern.Errorf(postern.CodeRecoveryOff, "")
	}
	if err := p.allows(); err != nil {
		return err
	}
	u := r.Sheets.InUse
	switch {
	case r.State != postern.OfflineActive || u == nil:
		return postern.Errorf(postern.CodeRecoveryState, "The workstation has no recovery codes.").
			WithNext("It takes them when signing in offline is set up there and it is online. Until then the user needs the phone.")
	case u.Left() == 0 || !now.Before(u.ExpiresAt):
		return postern.Errorf(postern.CodeRecoveryState, "All recovery codes of the workstation were given out.").
			WithNext("It takes new ones as soon as it is online.")
	}
	return nil
}

// bounded holds back who asks for many.
func (s *Service) bounded(ctx context.Context, by postern.AdministratorID, id postern.PairingID, now time.Time) error {
	mine, here, err := s.Store.CountRecoveries(ctx, by, id, now.Add(-recoveryWindow))
	if err != nil || mine < mostByPerson && here < mostOfPairing {
		return err
	}
	e := postern.Errorf(postern.CodeTooMany, "So many recovery codes were asked for within the last hour that no more are given.").
		WithNext("Wait for an hour, or have a colleague ask. For one workstation only so many are given to all of you.")
	e.After = recoveryWindow
	return e
}

// person is who acts; a token that belongs to nobody is nobody.
func (s *Service) person(ctx context.Context) (postern.AdministratorID, error) {
	by := s.Person(ctx)
	if by == "" {
		return "", postern.Errorf(postern.CodeForbidden, "A token that belongs to nobody cannot answer for a recovery code.").
			WithNext("Use the console, or a token of an administrator.")
	}
	return by, nil
}

// Approve is a second person agreeing.
func (s *Service) Approve(ctx context.Context, id postern.RecoveryID, in postern.RecoveryInput) (postern.Recovery, error) {
	out, err := s.decide(ctx, id, in, func(q *Request, by postern.AdministratorID) (audit.Code, string, error) {
		switch {
		case q.State != postern.RecoveryWaiting:
			return audit.Code{}, "", wrongState(*q)
		case by == q.RequestedByID:
			return audit.RecoveryRefused, "", postern.Errorf(postern.CodeRecoverySelf, "")
		}
		q.State, q.ExpiresAt = postern.RecoveryReady, s.Now().UTC().Add(recoveryWindow)
		return audit.RecoveryApproved, "A second person agreed to a recovery code.", nil
	})
	return out, err
}

// Reject is a second person refusing.
func (s *Service) Reject(ctx context.Context, id postern.RecoveryID, in postern.RecoveryInput) (postern.Recovery, error) {
	return s.decide(ctx, id, in, func(q *Request, _ postern.AdministratorID) (audit.Code, string, error) {
		if q.State != postern.RecoveryWaiting && q.State != postern.RecoveryReady {
			return audit.Code{}, "", wrongState(*q)
		}
		q.State = postern.RecoveryRejected
		return audit.RecoveryRejected, "A recovery code was refused.", nil
	})
}

// Withdraw ends a recovery whose code nobody has seen.
func (s *Service) Withdraw(ctx context.Context, id postern.RecoveryID, in postern.RecoveryInput) (postern.Recovery, error) {
	return s.decide(ctx, id, in, func(q *Request, _ postern.AdministratorID) (audit.Code, string, error) {
		if q.State != postern.RecoveryWaiting && q.State != postern.RecoveryReady {
			return audit.Code{}, "", wrongState(*q)
		}
		q.State = postern.RecoveryWithdrawn
		return audit.RecoveryWithdrawn, "A recovery code was withdrawn before anybody saw it.", nil
	})
}

// decide lets act change a recovery that has not run out, with a reason. A refusal that act names an event for is written
// down.
func (s *Service) decide(ctx context.Context, id postern.RecoveryID, in postern.RecoveryInput, act func(q *Request, by postern.AdministratorID) (audit.Code, string, error)) (postern.Recovery, error) {
	note, err := noted(in.Note, true)
	if err != nil {
		return postern.Recovery{}, err
	}
	by, err := s.person(ctx)
	if err != nil {
		return postern.Recovery{}, err
	}
	var q Request
	var refusal error
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		refusal = nil
		if q, err = s.Store.Recovery(ctx, id); err != nil {
			return err
		}
		if s.over(q) {
			refusal = ranOut()
			return s.lapse(ctx, &q)
		}
		code, message, err := act(&q, by)
		if err != nil && code.Code != "" {
			refused := recoveryEvent(code, q, postern.AsError(err).Message, nil)
			refused.Success, refused.ErrorCode = false, postern.AsError(err).Code
			refusal = err
			return s.Audit.Record(ctx, refused)
		}
		if err != nil {
			return err
		}
		q.DecidedBy, q.DecidedByID, q.DecisionNote = postern.ActorFrom(ctx).Name, by, note
		return s.store(ctx, &q, code, message, map[string]string{"reason": note})
	})
	if err == nil {
		err = refusal
	}
	return q.Recovery, err
}

// Code shows a recovery code, once and to who asked for it. From then on it counts as given out, whether the answer arrives
// or not.
func (s *Service) Code(ctx context.Context, id postern.RecoveryID) (postern.RecoveryCode, error) {
	var none postern.RecoveryCode
	by, err := s.person(ctx)
	if err != nil {
		return none, err
	}
	var out postern.RecoveryCode
	var refusal error
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		refusal = nil
		q, err := s.Store.Recovery(ctx, id)
		if err != nil {
			return err
		}
		switch {
		case by != q.RequestedByID:
			return postern.Errorf(postern.CodeForbidden, "A recovery code is shown to the person who asked for it.").WithNext("Ask for one yourself.")
		case s.over(q):
			refusal = ranOut()
			return s.lapse(ctx, &q)
		case q.State == postern.RecoveryWaiting:
			return postern.Errorf(postern.CodeRecoverySelf, "")
		case q.State != postern.RecoveryReady:
			return wrongState(q)
		}
		code, err := s.draw(ctx, &q)
		if err != nil {
			return err
		}
		now := s.Now().UTC()
		q.State, q.ShownAt = postern.RecoveryShown, &now
		if err := s.store(ctx, &q, audit.RecoveryShown, "A recovery code was shown to who asked for it.", nil); err != nil {
			return err
		}
		out = postern.RecoveryCode{Recovery: q.Recovery, Code: code}
		return nil
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return none, err
	}
	return out, nil
}

// draw takes the next code from the sheet that the workstation has, in the transaction of ctx.
func (s *Service) draw(ctx context.Context, q *Request) (string, error) {
	pairing, err := s.Store.Pairing(ctx, q.Pairing)
	if err != nil {
		return "", err
	}
	p, err := s.parties(ctx, pairing)
	if err != nil {
		return "", err
	}
	r, err := s.Store.OfflineSignIn(ctx, q.Pairing)
	if err != nil {
		return "", err
	}
	if err := p.recoverable(r, s.Now()); err != nil {
		return "", err
	}
	sheet := r.Sheets.InUse
	kept, err := s.open(ctx, q.Pairing, sheet)
	if err != nil {
		return "", err
	}
	defer kept.Batch.Wipe()
	q.SheetID, q.Index = bytes.Clone(sheet.ID), sheet.next()
	sheet.Given = q.Index + 1
	return kept.Batch.Code(q.Index), s.keep(ctx, &r)
}

// Recovery returns one recovery.
func (s *Service) Recovery(ctx context.Context, id postern.RecoveryID) (postern.Recovery, error) {
	q, err := s.Store.Recovery(ctx, id)
	return s.shown(q), err
}

// Recoveries lists recoveries, newest first.
func (s *Service) Recoveries(ctx context.Context, q RecoveryQuery) ([]postern.Recovery, error) {
	all, err := s.Store.Recoveries(ctx, q)
	out := make([]postern.Recovery, 0, len(all))
	for _, one := range all {
		out = append(out, s.shown(one))
	}
	return out, err
}

// shown is a recovery as it stands now: one whose time is over is withdrawn, whether the job came by or not.
func (s *Service) shown(q Request) postern.Recovery {
	if s.over(q) {
		q.State = postern.RecoveryWithdrawn
	}
	return q.Recovery
}

// over reports whether a recovery ran out before anybody saw its code.
func (s *Service) over(q Request) bool {
	return (q.State == postern.RecoveryWaiting || q.State == postern.RecoveryReady) && !s.Now().Before(q.ExpiresAt)
}

func ranOut() error {
	return postern.Errorf(postern.CodeRecoveryState, "Nobody looked at the recovery code in time, so it was withdrawn.")
}

func wrongState(q Request) error {
	return postern.Errorf(postern.CodeRecoveryState, "The recovery code is %s.", map[postern.RecoveryState]string{
		postern.RecoveryWaiting: "waiting for a second person", postern.RecoveryReady: "ready", postern.RecoveryShown: "shown already",
		postern.RecoveryUsed: "used already", postern.RecoveryRejected: "refused", postern.RecoveryWithdrawn: "withdrawn",
	}[q.State])
}

// store keeps a change of a recovery with its entry, in the transaction of ctx.
func (s *Service) store(ctx context.Context, q *Request, code audit.Code, message string, fields map[string]string) error {
	if err := s.Store.UpdateRecovery(ctx, q); err != nil {
		return err
	}
	s.tellRecovery(ctx, *q)
	return s.Audit.Record(ctx, recoveryEvent(code, *q, message, fields))
}

func (s *Service) tellRecovery(ctx context.Context, q Request) {
	s.Store.AfterCommit(ctx, func() { s.Tell(q.UserID, "", "") })
}

func recoveryEvent(code audit.Code, q Request, message string, fields map[string]string) postern.AuditEvent {
	if fields == nil {
		fields = make(map[string]string)
	}
	fields["user"], fields["pairing"], fields["recovery"] = string(q.UserID), string(q.Pairing), string(q.ID)
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: q.IntegrationID, Target: string(q.WorkstationID), TargetName: q.Workstation,
		Success: true, Message: message, Fields: fields,
	}
}

// withdrawAll ends what is open for a pairing, in the transaction of ctx.
func (s *Service) withdrawAll(ctx context.Context, id postern.PairingID) error {
	all, err := s.Store.Recoveries(ctx, RecoveryQuery{Pairing: id, Limit: recentRecoveries})
	if err != nil {
		return err
	}
	for _, q := range all {
		if q.State != postern.RecoveryWaiting && q.State != postern.RecoveryReady {
			continue
		}
		q.State = postern.RecoveryWithdrawn
		if err := s.store(ctx, &q, audit.RecoveryWithdrawn, "The workstation lost its recovery codes, so this one was withdrawn.", nil); err != nil {
			return err
		}
	}
	return nil
}

// LapseJob withdraws a recovery whose code nobody looked at in time.
type LapseJob struct {
	Recovery postern.RecoveryID `json:"recovery"`
}

// Kind implements [job.Args].
func (LapseJob) Kind() string { return "offline.recovery_lapse" }

// Lapse handles [LapseJob].
func (s *Service) Lapse(ctx context.Context, args LapseJob) error {
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		q, err := s.Store.Recovery(ctx, args.Recovery)
		if err != nil || q.State != postern.RecoveryWaiting && q.State != postern.RecoveryReady {
			return err
		}
		if left := q.ExpiresAt.Sub(s.Now()); left > 0 {
			return job.Snooze(left)
		}
		return s.lapse(ctx, &q)
	})
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil
	}
	return err
}

// lapse withdraws a recovery that ran out, in the transaction of ctx.
func (s *Service) lapse(ctx context.Context, q *Request) error {
	q.State = postern.RecoveryWithdrawn
	return s.store(ctx, q, audit.RecoveryWithdrawn, "Nobody looked at the recovery code in time, so it was withdrawn.", nil)
}
