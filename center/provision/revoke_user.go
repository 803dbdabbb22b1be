package provision

import (
	"context"
	"strconv"
	"time"
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

// RevokeUser takes everything of a user away: the phones are cut off, what is open is cancelled, invitations are
// withdrawn, and the managed passkeys, on phones and on security keys, are to be deleted at Entra. Passkeys that Postern
// did not make stay. It joins the transaction of ctx. Doing it again changes nothing.
func (s *Service) RevokeUser(ctx context.Context, id postern.UserID, reason postern.RevocationReason, note string) (postern.User, error) {
	var out postern.User
	if err := checkNote(note); err != nil {
		return out, err
	}
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		phones, err := s.Phones.Phones(ctx, id)
		if err != nil {
			return err
		}
		devices, passkeys := 0, 0
		for _, p := range phones {
			_, taken, err := s.takePhone(ctx, p.ID, reason)
			if err != nil {
				return err
			}
			if p.State == postern.PhoneActive {
				devices++
				s.Store.AfterCommit(ctx, func() { s.tell(context.WithoutCancel(ctx), id, p.ID) })
			}
			passkeys += taken
		}
		if err := s.CancelOpen(ctx, id); err != nil {
			return err
		}
		stored, err := s.Store.PasskeysOfUser(ctx, id)
		if err != nil {
			return err
		}
		for _, p := range stored {
			if p.State == postern.PasskeyActive { // on a security key
				passkeys++
			}
			if _, err := s.intendRevocation(ctx, p, reason); err != nil {
				return err
			}
		}
		u, changed, err := s.Users.TakenAway(ctx, id)
		if err != nil {
			return err
		}
		out = u
		if !changed && devices == 0 && passkeys == 0 {
			return nil
		}
		return s.Audit.Record(ctx, postern.AuditEvent{
			Code: audit.UserRevoked.Code, Name: audit.UserRevoked.Name, IntegrationID: u.IntegrationID, Target: string(u.ID),
			TargetName: u.UPN, Success: true, Message: "Everything of the user is taken away.",
			Fields: map[string]string{
				"reason": string(reason), "note": note, "phones": strconv.Itoa(devices), "passkeys": strconv.Itoa(passkeys),
			},
		})
	})
	return out, err
}

// CancelOpen cancels the provisionings of a user that are not final, in the transaction of ctx. What may have reached
// Entra already is undone by a job.
func (s *Service) CancelOpen(ctx context.Context, id postern.UserID) error {
	records, err := s.Store.ProvisioningsOfUser(ctx, id)
	if err != nil {
		return err
	}
	for n := range records {
		r := &records[n]
		if r.State.Final() {
			continue
		}
		if err := s.cancel(ctx, r); err != nil {
			return err
		}
		told := r.Provisioning
		s.Store.AfterCommit(ctx, func() { s.publish(context.WithoutCancel(ctx), told) })
	}
	return nil
}

// RevokeAllJob takes everything of every user of an integration away.
type RevokeAllJob struct {
	Integration postern.IntegrationID `json:"integration"`
	Note        string                `json:"note"`
	By          postern.Actor         `json:"by"`
}

// Kind implements [job.Args].
func (RevokeAllJob) Kind() string { return "provision.revoke_all" }

// RevokeIntegration disables an integration at once, so that nobody signs in through it any more, and takes everything of
// its users away by a job. The integration itself and its groups stay.
func (s *Service) RevokeIntegration(ctx context.Context, id postern.IntegrationID, in postern.IntegrationRevocation) (postern.Integration, error) {
	var out postern.Integration
	if err := checkNote(in.Note); err != nil {
		return out, err
	}
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		i, err := s.Integrations.Get(ctx, id)
		if err != nil {
			return err
		}
		if in.ApplicationName != i.ApplicationName {
			return postern.FieldErrorf("application_name", "That is not the application name of the integration.").
				WithNext("Type the application name exactly as it is shown, to confirm that every phone and passkey of it is to go.")
		}
		if out, err = s.Disable(ctx, id); err != nil {
			return err
		}
		if err := s.Queue.Enqueue(ctx, RevokeAllJob{Integration: id, Note: in.Note, By: postern.ActorFrom(ctx)}); err != nil {
			return err
		}
		return s.Audit.Record(ctx, postern.AuditEvent{
			Code: audit.IntegrationRevocation.Code, Name: audit.IntegrationRevocation.Name, IntegrationID: id, Target: string(id),
			TargetName: i.ApplicationName, Success: true, Message: "Every phone and passkey of the integration is taken away.",
			Fields: map[string]string{"reason": in.Note},
		})
	})
	return out, err
}

// RevokeAll handles [RevokeAllJob]: user by user, each in a transaction of their own. Who has nothing left is passed
// over, so it may be repeated.
func (s *Service) RevokeAll(ctx context.Context, args RevokeAllJob) error {
	ctx = postern.WithActor(ctx, args.By)
	const atOnce = 500
	after := postern.UserID("")
	for {
		ids, err := s.Store.UserIDs(ctx, args.Integration, after, atOnce)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			after = id
			_, err := s.RevokeUser(ctx, id, postern.RevocationIntegration, args.Note)
			if err != nil && !postern.IsCode(err, postern.CodeNotFound) {
				return err
			}
		}
	}
}

// revokeAllAgain is how long after the last attempt at taking everything of an integration away it is begun anew.
const revokeAllAgain = time.Hour

// RevokeAllGivenUp is called when no attempt is left. The integration stays DISABLED; that some of its users still have
// something is told, and it is begun anew until nobody has.
func (s *Service) RevokeAllGivenUp(ctx context.Context, args RevokeAllJob, cause error) error {
	e := postern.AsError(cause)
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		i, err := s.Integrations.Get(ctx, args.Integration)
		if postern.IsCode(err, postern.CodeNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := s.Queue.Enqueue(ctx, args, job.After(revokeAllAgain)); err != nil {
			return err
		}
		return s.Audit.Record(ctx, postern.AuditEvent{
			Code: audit.RevocationFailed.Code, Name: audit.RevocationFailed.Name, IntegrationID: i.ID, Target: string(i.ID),
			TargetName: i.ApplicationName, ErrorCode: e.Code, Message: e.Message + " It is tried again every hour.",
		})
	})
}

// ReplacePasskey takes a passkey away that no longer signs in and asks for another one on the same phone, in one
// transaction. The old one goes first: Entra's options name every passkey that the user has, and an authenticator that
// holds one of those must not make another (WebAuthn §6.3.2). So the new one waits until Entra no longer lists the old
// one, and the user has none in between; the old one was of no use to them any more.
func (s *Service) ReplacePasskey(ctx context.Context, id postern.PasskeyID) (postern.Provisioning, error) {
	var out postern.Provisioning
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		p, err := s.Store.Passkey(ctx, id)
		if err != nil {
			return err
		}
		if p.Carrier != postern.CarrierPhone {
			return postern.Errorf(postern.CodeConflict, "The passkey lies on a security key, which is not at hand.").
				WithNext("Revoke it, then register the key again while you hold it.")
		}
		if p.State == postern.PasskeyRevoked {
			return postern.Errorf(postern.CodeConflict, "The passkey is revoked already.").WithNext("Ask for a new one on the phone.")
		}
		asked := p.State == postern.PasskeyActive
		if p, err = s.intendRevocation(ctx, p, postern.RevocationReplaced); err != nil {
			return err
		}
		phone, err := s.Phones.Phone(ctx, p.PhoneID)
		if err != nil {
			return err
		}
		if out, _, err = s.begin(ctx, phone); err != nil {
			return err
		}
		if err := s.Users.Settle(ctx, p.UserID); err != nil || !asked {
			return err
		}
		return s.Audit.Record(ctx, passkeyEvent(audit.PasskeyReplaced, p, "Another passkey is to take the place of this one.",
			map[string]string{"provisioning": string(out.ID), "registered_as": p.UPN}))
	})
	if err == nil {
		s.publish(ctx, out)
	}
	return out, err
}

// afterOld has a provisioning wait until Entra no longer lists the passkey of the phone that is being revoked; nil says
// that there is none.
func (s *Service) afterOld(ctx context.Context, r Record) error {
	held, err := s.Store.PasskeysOfPhone(ctx, r.PhoneID)
	if err != nil {
		return err
	}
	for _, p := range held {
		if p.State != postern.PasskeyRevocation {
			continue
		}
		why := postern.Errorf(postern.CodePasskeyGoing, "")
		if p.Problem != "" {
			why.Message += " " + p.Problem
		}
		if err := s.hold(ctx, r, why); err != nil {
			return err
		}
		return job.Snooze(lookForOldEvery)
	}
	return nil
}

// goOn hastens what waited on a phone for a passkey to be gone.
func (s *Service) goOn(ctx context.Context, phone postern.PhoneID) error {
	if phone == "" {
		return nil
	}
	return s.Proven(ctx, phone)
}
