package offline

import (
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// End takes the offline passkey of a pairing away, for the phone or the workstation that is an end of it, or for an
// administrator when by is empty. Doing it again changes nothing.
func (s *Service) End(ctx context.Context, by postern.DeviceID, id postern.PairingID, note string) (postern.OfflineSignIn, error) {
	note, err := noted(note, false)
	if err != nil {
		return postern.OfflineSignIn{}, err
	}
	reason := postern.OfflineEndAdministrator
	if by != "" {
		p, err := s.mine(ctx, by, id)
		if err != nil {
			return postern.OfflineSignIn{}, err
		}
		if reason = postern.OfflineEndPhone; by == postern.DeviceID(p.workstation.ID) {
			reason = postern.OfflineEndWorkstation
		}
	}
	r, err := s.change(ctx, id, func(ctx context.Context, r *Record) error {
		if r.State == "" {
			return postern.Errorf(postern.CodeNotFound, "This pairing has no offline passkey.")
		}
		return s.take(ctx, r, reason, postern.RevocationRequested, note)
	})
	if err != nil {
		return postern.OfflineSignIn{}, err
	}
	return s.told(ctx, r)
}

// EndOwn is End for a device, told in its words.
func (s *Service) EndOwn(ctx context.Context, by postern.DeviceID, id postern.PairingID) (postern.OfflineAnswer, error) {
	if _, err := s.End(ctx, by, id, ""); err != nil {
		return postern.OfflineAnswer{}, err
	}
	r, err := s.Store.OfflineSignIn(ctx, id)
	return answer(r), err
}

// take stores the intent to take a sign-in away, in the transaction of ctx: what Entra has is deleted by a job, the recovery
// codes are forgotten, and both devices are told. The first reason stays.
func (s *Service) take(ctx context.Context, r *Record, reason string, why postern.RevocationReason, note string) error {
	if r.State == postern.OfflineEnding || r.State == postern.OfflineEnded {
		return nil
	}
	open, key := r.ProvisioningID, r.PasskeyID
	s.ended(r, reason)
	if key != "" {
		r.State, r.EndedAt = postern.OfflineEnding, nil
	}
	if err := s.put(ctx, r); err != nil {
		return err
	}
	if err := s.withdrawAll(ctx, r.Pairing); err != nil {
		return err
	}
	if open != "" && key == "" {
		if err := s.Passkeys.DropWorkstation(ctx, open); err != nil {
			return err
		}
	}
	if key != "" {
		if err := s.Passkeys.TakeWorkstation(ctx, key, why); err != nil {
			return err
		}
	}
	fields := map[string]string{"reason": reason}
	if note != "" {
		fields["note"] = note
	}
	return s.record(ctx, audit.OfflineTaken, *r, "The offline passkey of the workstation is taken away.", fields)
}

// ended brings a record to its end, and forgets what could still sign in.
func (s *Service) ended(r *Record, reason string) {
	now := s.Now().UTC()
	r.State, r.Reason, r.EndedAt = postern.OfflineEnded, reason, &now
	r.Next, r.Sheets = nil, Sheets{}
}

// PairingEnded is told by package device, in its transaction, that a pairing ended, whoever ended it and why.
func (s *Service) PairingEnded(ctx context.Context, p postern.Pairing) error {
	r, found, err := s.of(ctx, p.ID)
	if err != nil || !found {
		return err
	}
	reason, why := postern.OfflineEndPairing, postern.RevocationPairing
	switch p.Reason {
	case postern.PairingEndPhoneRevoked:
		reason, why = postern.OfflineEndPhoneRevoked, postern.RevocationPhone
	case postern.PairingEndWorkstationRevoked:
		reason, why = postern.OfflineEndWorkstationRevoked, postern.RevocationWorkstation
	}
	return s.take(ctx, &r, reason, why, "")
}

// PasskeyChanged is told by package provision, in its transaction, what became of a passkey on a workstation: somebody wants
// it away, or it is gone at Entra.
func (s *Service) PasskeyChanged(ctx context.Context, key postern.Passkey) error {
	r, found, err := s.of(ctx, key.PairingID)
	if err != nil || !found || r.PasskeyID != key.ID {
		return err
	}
	switch {
	case key.State == postern.PasskeyRevocation && r.State == postern.OfflineActive:
		s.ended(&r, string(key.Reason))
		r.State, r.EndedAt = postern.OfflineEnding, nil
	case key.State == postern.PasskeyRevoked && r.State != postern.OfflineEnded:
		if r.State == postern.OfflineEnding {
			s.ended(&r, r.Reason)
			break
		}
		s.ended(&r, string(key.Reason))
	default:
		return nil
	}
	if err := s.put(ctx, &r); err != nil {
		return err
	}
	if err := s.withdrawAll(ctx, r.Pairing); err != nil {
		return err
	}
	if r.State == postern.OfflineEnded {
		return s.record(ctx, audit.OfflineEnded, r, "Entra no longer lists the offline passkey of the workstation.", map[string]string{"reason": r.Reason})
	}
	return s.record(ctx, audit.OfflineTaken, r, "The offline passkey of the workstation is taken away.", map[string]string{"reason": r.Reason})
}
