package device

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// EndPairing gives a pairing up, for the phone or the workstation that is an end of it, or for an administrator when by
// is empty. Before both have confirmed that is a refusal. Ending what has ended changes nothing.
func (s *Service) EndPairing(ctx context.Context, by postern.DeviceID, id postern.PairingID) (postern.Pairing, error) {
	return s.alter(ctx, id, func(ctx context.Context, p *postern.Pairing) (bool, error) {
		var reason string
		switch by {
		case "":
			reason = postern.PairingEndAdministrator
		case postern.DeviceID(p.PhoneID):
			reason = postern.PairingEndPhone
		case postern.DeviceID(p.WorkstationID):
			reason = postern.PairingEndWorkstation
		default:
			return false, postern.Errorf(postern.CodeNotFound, "This device has no such pairing.")
		}
		code, message := audit.PairingEnded, "The pairing was given up."
		switch p.State {
		case postern.PairingEnded:
			return false, nil
		case postern.PairingPending:
			code, message = audit.PairingRefused, "The pairing was refused before both ends had confirmed it."
			reason = postern.PairingEndRefused
		}
		end(p, s.Now().UTC(), reason)
		if err := s.over(ctx, *p); err != nil {
			return false, err
		}
		return true, s.Audit.Record(ctx, pairingEvent(code, *p, message))
	})
}

// over takes away what a pairing that ended allowed, in the transaction of ctx.
func (s *Service) over(ctx context.Context, p postern.Pairing) error {
	if s.Offline == nil {
		return nil
	}
	return s.Offline.PairingEnded(ctx, p)
}

func end(p *postern.Pairing, at time.Time, reason string) {
	p.State, p.EndedAt, p.Reason = postern.PairingEnded, &at, reason
}

// change is alter for a pairing that is to go on: one that has ended or expired is refused.
func (s *Service) change(ctx context.Context, id postern.PairingID, do func(ctx context.Context, p *postern.Pairing) (bool, error)) (postern.Pairing, error) {
	p, err := s.alter(ctx, id, func(ctx context.Context, p *postern.Pairing) (bool, error) {
		switch {
		case p.State == postern.PairingEnded:
			return false, postern.Errorf(postern.CodePairingOver, "This pairing was refused or has ended.")
		case p.State == postern.PairingPending && !s.Now().Before(p.ExpiresAt):
			return false, postern.Errorf(postern.CodePairingExpired, "")
		}
		return do(ctx, p)
	})
	if postern.IsCode(err, postern.CodeNotFound) && p.ID == "" {
		return p, postern.Errorf(postern.CodePairingExpired, "") // it is forgotten some time after it expired
	}
	return p, err
}

// alter lets do change a pairing in one transaction, again from its beginning when the other end was faster. Both ends
// are told when do reports a change. The pairing is returned as it was found when there is an error.
func (s *Service) alter(ctx context.Context, id postern.PairingID, do func(ctx context.Context, p *postern.Pairing) (bool, error)) (p postern.Pairing, err error) {
	for range maxTries {
		err = s.Store.Atomically(ctx, func(ctx context.Context) error {
			found, err := s.Store.Pairing(ctx, id)
			if err != nil {
				return err
			}
			p = found
			changed, err := do(ctx, &found)
			if err != nil || !changed {
				return err
			}
			if err := s.Store.UpdatePairing(ctx, &found); err != nil {
				return err
			}
			p = found
			s.publish(ctx, p)
			return nil
		})
		if !postern.IsCode(err, postern.CodeStale) {
			break
		}
	}
	return p, err
}

// publish tells both ends of a pairing, once the transaction of ctx is committed.
func (s *Service) publish(ctx context.Context, p postern.Pairing) {
	s.Store.AfterCommit(ctx, func() {
		s.Notices.Publish(WorkstationTopic(p.WorkstationID))
		if p.PhoneID != "" {
			s.Notices.Publish(Topic(p.PhoneID))
		}
	})
}

// refusals are what is written down when a pairing is refused for it. The others are slips: a code that is too old, an
// end that is too early.
var refusals = []postern.Code{
	postern.CodePairingTaken, postern.CodePairingForeign, postern.CodeFlagOff, postern.CodeDomainRefused,
	postern.CodeUserSuspended, postern.CodeUserRevoked, postern.CodePhoneRevoked,
}

// refused writes down why a pairing was refused, and returns err.
func (s *Service) refused(ctx context.Context, p postern.Pairing, err error) error {
	for _, code := range refusals {
		if !postern.IsCode(err, code) {
			continue
		}
		e := pairingEvent(audit.PairingRefused, p, postern.AsError(err).Message)
		e.Success, e.ErrorCode = false, code
		if failed := s.Audit.Record(ctx, e); failed != nil {
			s.Logger.ErrorContext(ctx, "a refused pairing could not be written down", "error", failed)
		}
	}
	return err
}

// pairingEvent is about the workstation, as whose part of the trail it is found again.
func pairingEvent(code audit.Code, p postern.Pairing, message string) postern.AuditEvent {
	fields := map[string]string{"pairing": string(p.ID)}
	if p.PhoneID != "" {
		fields["phone"] = string(p.PhoneID)
	}
	if p.Reason != "" {
		fields["reason"] = p.Reason
	}
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: p.IntegrationID, Target: string(p.WorkstationID),
		Success: true, Message: message, Fields: fields,
	}
}
