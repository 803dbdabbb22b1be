package device

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// maxOpenPairings is how many codes one workstation may have open: the one on the screen, and those before it that a
// phone may just have read.
const maxOpenPairings = 3

// maxTries bounds how often a change of a pairing is repeated because the other end changed it at the same time.
const maxTries = 4

// OpenPairing makes a pairing whose code the workstation shows. The id is the one in the code.
func (s *Service) OpenPairing(ctx context.Context, workstation postern.WorkstationID, id postern.PairingID) (postern.PairingAnswer, error) {
	var none postern.PairingAnswer
	if !id.Valid() {
		return none, postern.FieldErrorf("id", "The id of a pairing is the base64url of 16 bytes.")
	}
	w, err := s.Store.Workstation(ctx, workstation)
	if err != nil {
		return none, err
	}
	i, err := s.Integrations.Get(ctx, w.IntegrationID)
	if err != nil {
		return none, err
	}
	if !i.Flags[postern.FlagWorkstation] {
		return none, flagOff(i, postern.FlagWorkstation)
	}
	now := s.Now().UTC()
	p := postern.Pairing{
		ID: id, IntegrationID: w.IntegrationID, WorkstationID: w.ID, Version: 1, State: postern.PairingPending,
		CreatedAt: now, ExpiresAt: now.Add(postern.PairingWindow),
	}
	err = s.Store.Atomically(ctx, func(ctx context.Context) error {
		// Writing first makes openings of one workstation wait for each other, so that the count holds.
		if err := s.Store.SeeWorkstation(ctx, w.ID, now); err != nil {
			return err
		}
		current, err := s.Store.Workstation(ctx, w.ID)
		if err != nil {
			return err
		}
		if current.State != postern.WorkstationActive {
			return postern.Errorf(postern.CodeWorkstationRevoked, "")
		}
		if err := s.roomForPairing(ctx, w.ID, now); err != nil {
			return err
		}
		if err := s.Store.CreatePairing(ctx, p); err != nil {
			return err
		}
		return s.Audit.Record(ctx, pairingEvent(audit.PairingOpened, p, "The workstation "+w.Name+" showed a code to pair with."))
	})
	if err != nil {
		return none, err
	}
	return postern.PairingAnswer{Pairing: p, Notice: notice(i, nil)}, nil
}

func (s *Service) roomForPairing(ctx context.Context, id postern.WorkstationID, now time.Time) error {
	all, err := s.Store.PairingsOfWorkstation(ctx, id)
	if err != nil {
		return err
	}
	open, first := 0, time.Duration(0)
	for _, p := range all {
		if left := p.ExpiresAt.Sub(now); p.State == postern.PairingPending && left > 0 {
			if open++; first == 0 || left < first {
				first = left
			}
		}
	}
	if open >= maxOpenPairings {
		e := postern.Errorf(postern.CodeTooMany, "This workstation has %d pairing codes open already.", open)
		e.After = first
		return e
	}
	return nil
}

// JoinPairing is a phone that opened the code of a workstation. The first phone has the pairing to itself; asking again
// changes nothing. It works while the integration is DISABLED, which the notice then tells.
func (s *Service) JoinPairing(ctx context.Context, phone postern.PhoneID, id postern.PairingID) (postern.PairingAnswer, error) {
	var i postern.Integration
	var u postern.User
	p, err := s.change(ctx, id, func(ctx context.Context, p *postern.Pairing) (bool, error) {
		ph, err := s.Store.Phone(ctx, phone)
		if err != nil {
			return false, err
		}
		if ph.State != postern.PhoneActive {
			return false, postern.Errorf(postern.CodePhoneRevoked, "")
		}
		if p.PhoneID != "" && p.PhoneID != phone {
			return false, postern.Errorf(postern.CodePairingTaken, "")
		}
		if p.IntegrationID != ph.IntegrationID {
			return false, postern.Errorf(postern.CodePairingForeign, "")
		}
		if i, u, err = s.parties(ctx, ph); err != nil {
			return false, err
		}
		if err := admit(i, u); err != nil || p.PhoneID == phone {
			return false, err
		}
		p.PhoneID, p.ExpiresAt = phone, p.CreatedAt.Add(postern.PairingWindowJoined)
		return true, s.Audit.Record(ctx, pairingEvent(audit.PairingJoined, *p, "The phone "+ph.Name+" opened the code of a workstation."))
	})
	if err != nil {
		return postern.PairingAnswer{}, s.refused(ctx, p, err)
	}
	w, err := s.Store.Workstation(ctx, p.WorkstationID)
	if err != nil {
		return postern.PairingAnswer{}, err
	}
	return postern.PairingAnswer{Pairing: p, Notice: notice(i, &u), LinkKey: w.LinkKey}, nil
}

// ConfirmPairing is one end saying that both show the same digits. The pairing is active once both have; an earlier one
// of the same two then ends.
func (s *Service) ConfirmPairing(ctx context.Context, by postern.DeviceID, id postern.PairingID) (postern.Pairing, error) {
	p, err := s.change(ctx, id, func(ctx context.Context, p *postern.Pairing) (bool, error) {
		switch {
		case by == "" || by != postern.DeviceID(p.PhoneID) && by != postern.DeviceID(p.WorkstationID):
			return false, postern.Errorf(postern.CodeNotFound, "This device has no such pairing.")
		case p.State == postern.PairingActive:
			return false, nil
		case p.PhoneID == "":
			return false, postern.Errorf(postern.CodePairingState, "No phone has opened the code yet.")
		}
		confirmed := &p.WorkstationConfirmed
		if by == postern.DeviceID(p.PhoneID) {
			confirmed = &p.PhoneConfirmed
		}
		if *confirmed {
			return false, nil // nothing to tell anybody: an end that repeats itself at every news would cause them
		}
		*confirmed = true
		if !p.PhoneConfirmed || !p.WorkstationConfirmed {
			return true, nil
		}
		return true, s.activate(ctx, p)
	})
	return p, s.refused(ctx, p, err)
}

// activate turns a pairing that both have confirmed into one that counts.
func (s *Service) activate(ctx context.Context, p *postern.Pairing) error {
	phone, err := s.Store.Phone(ctx, p.PhoneID)
	if err != nil {
		return err
	}
	i, u, err := s.parties(ctx, phone)
	if err != nil {
		return err
	}
	if err := admit(i, u); err != nil {
		return err
	}
	w, err := s.Store.Workstation(ctx, p.WorkstationID)
	if err != nil {
		return err
	}
	now := s.Now().UTC()
	earlier, err := s.Store.PairingsBetween(ctx, p.PhoneID, p.WorkstationID)
	if err != nil {
		return err
	}
	for _, old := range earlier {
		if old.State != postern.PairingActive {
			continue
		}
		end(&old, now, postern.PairingEndReplaced)
		if err := s.Store.UpdatePairing(ctx, &old); err != nil {
			return err
		}
		if err := s.over(ctx, old); err != nil {
			return err
		}
		if err := s.Audit.Record(ctx, pairingEvent(audit.PairingEnded, old, "The same phone and workstation were paired again.")); err != nil {
			return err
		}
	}
	if w.PairedAt == nil {
		w.PairedAt = &now
		if err := s.Store.UpdateWorkstation(ctx, &w); err != nil {
			return err
		}
	}
	p.State, p.ConfirmedAt = postern.PairingActive, &now
	return s.Audit.Record(ctx, pairingEvent(audit.PairingActive, *p, "The phone "+phone.Name+" of "+u.UPN+" and the workstation "+w.Name+" are paired."))
}
