package offline

import (
	"bytes"
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	wire "github.com/postern/postern/link/offline"
)

// clockSkew is how far the clock of a workstation may be ahead.
const clockSkew = time.Hour

// Offer is what the workstation of a pairing is told; nil: it is off, or may not be.
func (s *Service) Offer(ctx context.Context, pairing postern.Pairing) (*postern.OfflineOffer, error) {
	settings, err := s.settings(ctx, pairing.IntegrationID)
	if err != nil || !settings.Offline.Enabled {
		return nil, err
	}
	p, err := s.parties(ctx, pairing)
	if err != nil || p.allows() != nil {
		return nil, err
	}
	r, err := s.Store.OfflineSignIn(ctx, pairing.ID)
	if err != nil && !postern.IsCode(err, postern.CodeNotFound) {
		return nil, err
	}
	return &postern.OfflineOffer{Settings: settings.Offline, Recovery: settings.Recovery.Enabled, State: r.State, BatchID: r.Batch.ID}, nil
}

// OfPairing is the offline passkey of a pairing as its phone is told of it; nil: there never was one.
func (s *Service) OfPairing(ctx context.Context, pairing postern.Pairing) (*postern.OfflineAnswer, error) {
	r, err := s.Store.OfflineSignIn(ctx, pairing.ID)
	if postern.IsCode(err, postern.CodeNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	out := answer(r)
	return &out, nil
}

// Look is what the workstation of a pairing is told when it asks, with the reason why it may not use what it has now.
func (s *Service) Look(ctx context.Context, w postern.Workstation, id postern.PairingID) (postern.OfflineAnswer, error) {
	p, err := s.mine(ctx, postern.DeviceID(w.ID), id)
	if err != nil {
		return postern.OfflineAnswer{}, err
	}
	r, err := s.Store.OfflineSignIn(ctx, id)
	if postern.IsCode(err, postern.CodeNotFound) {
		err = postern.Errorf(postern.CodeNotFound, "Nobody asked for an offline passkey of this pairing.")
	}
	return p.answer(r), err
}

// answer is what either end is told of a record.
func answer(r Record) postern.OfflineAnswer {
	return postern.OfflineAnswer{State: r.State, BatchID: r.Batch.ID, Code: r.Code, Message: r.Message, Next: r.OfflineSignIn.Next}
}

// answer adds why an offline passkey may not be used now.
func (p parties) answer(r Record) postern.OfflineAnswer {
	out := answer(r)
	err := p.allows()
	if err == nil && r.State != "" && r.State != postern.OfflineEnded {
		err = p.sealed(r.Seal)
	}
	if err != nil && out.Code == "" {
		e := postern.AsError(err)
		out.Code, out.Message, out.Next = e.Code, e.Message, e.Next
	}
	return out
}

// Ask is a workstation that wants an offline passkey, or new codes for the one it has. Asking again with the same batch
// changes nothing; another batch takes the place of one that no passkey was made with, and the phone is asked anew.
func (s *Service) Ask(ctx context.Context, w postern.Workstation, id postern.PairingID, in postern.OfflineRequest) (postern.OfflineAnswer, error) {
	p, err := s.mine(ctx, postern.DeviceID(w.ID), id)
	if err != nil {
		return postern.OfflineAnswer{}, err
	}
	if err := p.allows(); err != nil {
		return postern.OfflineAnswer{}, err
	}
	if err := p.sealed(in.Seal); err != nil {
		return postern.OfflineAnswer{}, err
	}
	batch, err := s.batch(p.settings.Offline, in)
	if err != nil {
		return postern.OfflineAnswer{}, err
	}
	r, err := s.change(ctx, id, func(ctx context.Context, r *Record) error { return s.ask(ctx, p, r, batch, in.Seal) })
	return p.answer(r), err
}

// batch holds what a workstation wants to its form and to the settings.
func (s *Service) batch(settings postern.OfflineSettings, in postern.OfflineRequest) (Batch, error) {
	const again = "Read the settings again, and ask with them."
	now := s.Now().UTC()
	last := now.AddDate(0, 0, settings.Days)
	expires := in.ExpiresAt.UTC().Truncate(time.Second)
	switch {
	case len(in.BatchID) != wire.IDSize:
		return Batch{}, postern.FieldErrorf("batch_id", "The id of a batch has %d bytes, not %d.", wire.IDSize, len(in.BatchID))
	case in.Length != settings.Length:
		return Batch{}, postern.FieldErrorf("length", "A code has %d digits here, not %d.", settings.Length, in.Length).WithNext(again)
	case in.Codes < 1 || in.Codes > settings.Codes:
		return Batch{}, postern.FieldErrorf("codes", "A workstation takes up to %d codes here, not %d.", settings.Codes, in.Codes).WithNext(again)
	case !expires.After(now):
		return Batch{}, postern.FieldErrorf("expires_at", "The codes would be over already.").WithNext("Set the clock of the workstation.")
	case expires.After(last.Add(clockSkew)):
		return Batch{}, postern.FieldErrorf("expires_at", "Codes are good for %d days here at most.", settings.Days).WithNext("Set the clock of the workstation, or read the settings again.")
	}
	return Batch{ID: bytes.Clone(in.BatchID), Length: in.Length, Codes: in.Codes, ExpiresAt: earlier(expires, last)}, nil
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b.Truncate(time.Second)
	}
	return a
}

func (s *Service) ask(ctx context.Context, p parties, r *Record, batch Batch, seal string) error {
	same := bytes.Equal(r.Batch.ID, batch.ID)
	switch r.State {
	case postern.OfflineEnding:
		return postern.Errorf(postern.CodeOfflineState, "The offline passkey of before is still being taken away at Microsoft Entra ID.").
			WithNext("Try again in a few minutes.")
	case postern.OfflineActive:
		if same || r.Next != nil && bytes.Equal(r.Next.ID, batch.ID) {
			return nil
		}
		r.Next = &batch
		return s.keep(ctx, r)
	case postern.OfflineAsked, postern.OfflineConsented, postern.OfflineRegistering:
		if same {
			return nil
		}
	}
	open := r.ProvisioningID
	*r = asked(p, *r, batch, seal, s.Now().UTC())
	if err := s.put(ctx, r); err != nil {
		return err
	}
	if open != "" {
		if err := s.Passkeys.DropWorkstation(ctx, open); err != nil {
			return err
		}
	}
	return s.record(ctx, audit.OfflineAsked, *r, "The workstation "+p.workstation.Name+" asked for an offline passkey.", map[string]string{"seal": seal})
}

// asked is a record from its beginning. What it had before is over.
func asked(p parties, was Record, batch Batch, seal string, now time.Time) Record {
	return Record{
		OfflineSignIn: postern.OfflineSignIn{
			Pairing: p.pairing.ID, IntegrationID: p.integration.ID, UserID: p.user.ID, PhoneID: p.phone.ID, WorkstationID: p.workstation.ID,
			Version: was.Version, State: postern.OfflineAsked, Seal: seal, CodesLeft: batch.Codes, CreatedAt: now,
		},
		Batch: batch, EventsThrough: was.EventsThrough,
	}
}

// Consent is the phone's word that its user agreed to a batch on the workstation of the pairing.
func (s *Service) Consent(ctx context.Context, phone postern.Phone, id postern.PairingID, in postern.OfflineConsent) (postern.OfflineAnswer, error) {
	p, err := s.mine(ctx, postern.DeviceID(phone.ID), id)
	if err != nil {
		return postern.OfflineAnswer{}, err
	}
	if err := p.allows(); err != nil {
		return postern.OfflineAnswer{}, err
	}
	r, err := s.change(ctx, id, func(ctx context.Context, r *Record) error {
		switch {
		case r.State == "" || !bytes.Equal(r.Batch.ID, in.BatchID):
			return postern.Errorf(postern.CodeOfflineState, "The workstation did not ask for these codes, or has asked for others since.").
				WithNext("Ask again at the workstation.")
		case r.State == postern.OfflineConsented || r.State == postern.OfflineRegistering || r.State == postern.OfflineActive:
			return nil
		case r.State != postern.OfflineAsked:
			return postern.Errorf(postern.CodeOfflineState, "The offline passkey has ended.").WithNext("Ask again at the workstation.")
		}
		r.State = postern.OfflineConsented
		if err := s.put(ctx, r); err != nil {
			return err
		}
		return s.record(ctx, audit.OfflineConsented, *r, "The user agreed on the phone "+p.phone.Name+" that "+p.workstation.Name+" may sign in offline.", nil)
	})
	return p.answer(r), err
}
