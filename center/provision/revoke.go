package provision

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
)

// RevokeJob deletes a managed passkey from Entra and reads back until it is gone.
type RevokeJob struct {
	Passkey postern.PasskeyID `json:"passkey"`
}

// Kind implements [job.Args].
func (RevokeJob) Kind() string { return "provision.revoke" }

// RevokePasskey stores the intent to take a passkey away; from then on it counts as gone here, and a job removes it
// from Entra. Revoking it again changes nothing.
func (s *Service) RevokePasskey(ctx context.Context, id postern.PasskeyID) (postern.Passkey, error) {
	var out postern.Passkey
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		p, err := s.Store.Passkey(ctx, id)
		if err != nil {
			return err
		}
		if out, err = s.intendRevocation(ctx, p, postern.RevocationRequested); err != nil {
			return err
		}
		return s.Users.Settle(ctx, p.UserID)
	})
	if err == nil {
		s.publishPasskey(ctx, out)
	}
	return out, err
}

// RevokeOwnPasskey is RevokePasskey for the phone that holds it.
func (s *Service) RevokeOwnPasskey(ctx context.Context, phone postern.Phone, id postern.PasskeyID) (postern.Passkey, error) {
	p, err := s.Store.Passkey(ctx, id)
	if err != nil {
		return p, err
	}
	if p.PhoneID != phone.ID {
		return postern.Passkey{}, postern.Errorf(postern.CodeNotFound, "")
	}
	return s.RevokePasskey(ctx, id)
}

// intendRevocation stores the intent with its reason, in the transaction of ctx. The first reason stays.
func (s *Service) intendRevocation(ctx context.Context, p postern.Passkey, reason postern.RevocationReason) (postern.Passkey, error) {
	if p.State != postern.PasskeyActive {
		return p, nil
	}
	p.State, p.Reason = postern.PasskeyRevocation, reason
	if err := s.Store.UpdatePasskey(ctx, &p); err != nil {
		return p, err
	}
	if err := s.Queue.Enqueue(ctx, RevokeJob{p.ID}); err != nil {
		return p, err
	}
	if err := s.tellOfflinePasskey(ctx, p); err != nil {
		return p, err
	}
	if s.Push != nil && p.PhoneID != "" && postern.ActorFrom(ctx).Kind != postern.ActorPhone {
		s.Store.AfterCommit(ctx, func() { s.Push.Notify(p.PhoneID) }) // its user did not do it
	}
	return p, s.Audit.Record(ctx, passkeyEvent(audit.PasskeyRevocation, p, "The passkey is to be revoked.",
		map[string]string{"reason": string(reason)}))
}

// RevokePhone cuts a phone off at once and takes all its passkeys away. Other passkeys of the user stay.
func (s *Service) RevokePhone(ctx context.Context, id postern.PhoneID) (postern.Phone, error) {
	var out postern.Phone
	err := s.Store.Atomically(ctx, func(ctx context.Context) error {
		var err error
		if out, _, err = s.takePhone(ctx, id, postern.RevocationPhone); err != nil {
			return err
		}
		return s.Users.Settle(ctx, out.UserID)
	})
	if err == nil {
		s.tell(ctx, out.UserID, out.ID)
	}
	return out, err
}

// takePhone cuts a phone off, cancels what it has open and stores the intent to take its passkeys away, in the
// transaction of ctx. It returns how many passkeys those are. What workstations have by the user's word on this phone goes
// first, because it goes with its pairing otherwise, and this reason says more.
func (s *Service) takePhone(ctx context.Context, id postern.PhoneID, reason postern.RevocationReason) (postern.Phone, int, error) {
	taken, err := s.takeWorkstationsOf(ctx, id, reason)
	if err != nil {
		return postern.Phone{}, 0, err
	}
	phone, changed, err := s.Phones.MarkRevoked(ctx, id)
	if err != nil {
		return phone, 0, err
	}
	if changed && s.Mail != nil && (reason == postern.RevocationPhone || reason == postern.RevocationUser) {
		if err := s.Mail.PhoneRevoked(ctx, phone.UserID, phone.Name); err != nil {
			return phone, 0, err
		}
	}
	open, err := s.Store.OpenProvisionings(ctx, id)
	if err != nil {
		return phone, 0, err
	}
	for n := range open {
		if err := s.cancel(ctx, &open[n]); err != nil {
			return phone, 0, err
		}
	}
	passkeys, err := s.Store.PasskeysOfPhone(ctx, id)
	if err != nil {
		return phone, 0, err
	}
	for _, p := range passkeys {
		if p.State == postern.PasskeyActive {
			taken++
		}
		if _, err := s.intendRevocation(ctx, p, reason); err != nil {
			return phone, 0, err
		}
	}
	return phone, taken, nil
}

// Revoke handles [RevokeJob]. Deleting what is gone already counts as done, so it may be repeated.
func (s *Service) Revoke(ctx context.Context, args RevokeJob) error {
	p, err := s.Store.Passkey(ctx, args.Passkey)
	if postern.IsCode(err, postern.CodeNotFound) || err == nil && p.State == postern.PasskeyRevoked {
		return nil
	}
	if err != nil {
		return err
	}
	u, err := s.Users.User(ctx, p.UserID)
	if err != nil {
		return err
	}
	graph, _, err := s.Integrations.Graph(ctx, p.IntegrationID)
	if err != nil {
		return err
	}
	if err := graph.DeletePasskey(ctx, u.ObjectID, p.MethodID); err != nil {
		return retryLater(err)
	}
	_, err = graph.Passkey(ctx, u.ObjectID, p.MethodID)
	if err == nil {
		return job.Snooze(readBackEvery)
	}
	if !isGone(err) {
		return retryLater(err)
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		now := s.Now().UTC()
		p.State, p.RevokedAt, p.Problem = postern.PasskeyRevoked, &now, ""
		if err := s.Store.UpdatePasskey(ctx, &p); err != nil {
			return err
		}
		if err := s.Users.Settle(ctx, p.UserID); err != nil {
			return err
		}
		if err := s.goOn(ctx, p.PhoneID); err != nil {
			return err
		}
		if err := s.tellOfflinePasskey(ctx, p); err != nil {
			return err
		}
		return s.Audit.Record(ctx, passkeyEvent(audit.PasskeyRevoked, p, "Entra no longer lists the passkey.",
			map[string]string{"reason": string(p.Reason)}))
	})
	if err == nil {
		s.publishPasskey(ctx, p)
	}
	return err
}

// againAfter is how long after the last attempt a revocation that was given up begins anew.
const againAfter = 24 * time.Hour

// RevokeGivenUp is called when no attempt is left. The passkey stays "revocation pending", with the reason, and is tried
// again the day after: a passkey that is to be gone is never forgotten.
func (s *Service) RevokeGivenUp(ctx context.Context, args RevokeJob, cause error) error {
	e := postern.AsError(cause)
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		p, err := s.Store.Passkey(ctx, args.Passkey)
		if postern.IsCode(err, postern.CodeNotFound) || err == nil && p.State != postern.PasskeyRevocation {
			return nil
		}
		if err != nil {
			return err
		}
		p.Problem = e.Message
		if err := s.Store.UpdatePasskey(ctx, &p); err != nil {
			return err
		}
		if err := s.Queue.Enqueue(ctx, args, job.After(againAfter)); err != nil {
			return err
		}
		s.Store.AfterCommit(ctx, func() { s.publishPasskey(ctx, p) })
		failed := passkeyEvent(audit.PasskeyRevokeFail, p, e.Message, nil)
		failed.Success, failed.ErrorCode = false, e.Code
		return s.Audit.Record(ctx, failed)
	})
}

// Passkeys lists a user's passkeys: the managed ones, with revoked ones left out, and whatever else Entra lists. When
// Entra cannot be asked the managed ones are returned with that as their problem.
func (s *Service) Passkeys(ctx context.Context, id postern.UserID) ([]postern.Passkey, error) {
	u, err := s.Users.User(ctx, id)
	if err != nil {
		return nil, err
	}
	graph, _, err := s.Integrations.Graph(ctx, u.IntegrationID)
	if err != nil {
		return nil, err
	}
	out := []postern.Passkey{}
	listed, err := graph.Passkeys(ctx, u.ObjectID)
	stored, failed := s.reconciled(ctx, u, listed)
	if failed != nil {
		return nil, failed
	}
	managed := make(map[string]postern.Passkey)
	for _, p := range stored {
		if p.State != postern.PasskeyRevoked {
			managed[p.MethodID] = p
		}
	}
	for _, p := range listed {
		if own, ok := managed[p.ID]; ok {
			out = append(out, dated(own, u))
			delete(managed, p.ID)
			continue
		}
		out = append(out, postern.Passkey{
			IntegrationID: u.IntegrationID, UserID: u.ID, State: postern.PasskeyActive, MethodID: p.ID,
			DisplayName: p.DisplayName, AAGUID: p.AAGUID, Model: p.Model, Attested: p.Attested(), Synced: p.Synced(),
			CreatedAt: p.CreatedAt,
		})
	}
	for _, own := range slices.SortedFunc(maps.Values(managed), func(a, b postern.Passkey) int { return a.CreatedAt.Compare(b.CreatedAt) }) {
		switch {
		case err != nil:
			own.Problem = "Entra could not be asked: " + postern.AsError(err).Message
		case own.State == postern.PasskeyActive:
			own.Outdated = own.OutdatedFor(u)
			own.Problem = "Entra does not list this passkey. It was deleted there, or is not listed yet."
		}
		out = append(out, own)
	}
	return out, nil
}

// dated says of a passkey that its user has another name by now, if so.
func dated(p postern.Passkey, u postern.User) postern.Passkey {
	if p.Outdated = p.OutdatedFor(u); p.Outdated && p.Problem == "" {
		p.Problem = "The user's name was " + p.UPN + " when this passkey was registered. Microsoft documents that a passkey does not work " +
			"after the name changed: provision it again."
	}
	return p
}

func (s *Service) publishPasskey(ctx context.Context, p postern.Passkey) {
	s.tell(ctx, p.UserID, p.PhoneID)
}

func passkeyEvent(code audit.Code, p postern.Passkey, message string, fields map[string]string) postern.AuditEvent {
	if fields == nil {
		fields = make(map[string]string)
	}
	fields["user"], fields["method"] = string(p.UserID), p.MethodID
	onto(fields, p.Carrier, p.PhoneID, p.WorkstationID)
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: p.IntegrationID, Target: string(p.ID), TargetName: p.DisplayName,
		Success: true, Message: message, Fields: fields,
	}
}
