package device

import (
	"context"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// About is what a device may know of its integration.
func About(i postern.Integration) postern.PhoneIntegration {
	return postern.PhoneIntegration{
		ID: i.ID, ApplicationName: i.ApplicationName, State: i.State, Attestation: i.Attestation,
		CanProvision: i.State == postern.StateEnabled && i.Flags[postern.FlagProvisionAPI],
	}
}

// WorkstationSelf is what a workstation learns of itself.
func (s *Service) WorkstationSelf(ctx context.Context, w postern.Workstation) (postern.WorkstationSelf, error) {
	i, err := s.Integrations.Get(ctx, w.IntegrationID)
	if err != nil {
		return postern.WorkstationSelf{}, err
	}
	return postern.WorkstationSelf{Workstation: w, Integration: About(i), Notice: workstationNotice(i)}, nil
}

// workstationNotice is what keeps every phone from being used at a workstation.
func workstationNotice(i postern.Integration) *postern.PhoneNotice {
	for _, flag := range needed {
		if !i.Flags[flag] {
			return noticeOf(flagOff(i, flag))
		}
	}
	return notice(i, nil)
}

// UpdateWorkstation keeps what a workstation says of itself anew, and tells the phones it is paired with.
func (s *Service) UpdateWorkstation(ctx context.Context, id postern.WorkstationID, in postern.WorkstationUpdate) (postern.Workstation, error) {
	var w postern.Workstation
	in.Name = strings.TrimSpace(in.Name)
	if err := checkWords(in.Name, in.Software, in.OS, in.JoinState); err != nil {
		return w, err
	}
	for range maxTries {
		err := s.Store.Atomically(ctx, func(ctx context.Context) (err error) {
			w, err = s.Store.Workstation(ctx, id)
			switch {
			case err != nil:
				return err
			case w.State != postern.WorkstationActive:
				return postern.Errorf(postern.CodeWorkstationRevoked, "")
			}
			was := postern.WorkstationUpdate{
				Name: w.Name, Software: w.Software, OS: w.OS, JoinState: w.JoinState, EnterpriseJoined: w.EnterpriseJoined,
			}
			if was == in {
				return nil
			}
			w.Name, w.Software, w.OS, w.JoinState, w.EnterpriseJoined = in.Name, in.Software, in.OS, in.JoinState, in.EnterpriseJoined
			if err := s.Store.UpdateWorkstation(ctx, &w); err != nil {
				return err
			}
			s.Store.AfterCommit(ctx, func() { s.Notices.Publish(WorkstationTopic(id)) })
			if was.Name == in.Name {
				return nil
			}
			// People know a workstation by its name, so that it changed belongs to what happened.
			return s.Audit.Record(ctx, workstationEvent(audit.WorkstationRenamed, w, "The workstation "+was.Name+" is now called "+w.Name+".",
				map[string]string{"was": was.Name}))
		})
		if !postern.IsCode(err, postern.CodeStale) {
			return w, err
		}
	}
	return w, postern.Errorf(postern.CodeStale, "")
}

// PairedPhones are the active pairings of a workstation, oldest first.
func (s *Service) PairedPhones(ctx context.Context, w postern.Workstation) ([]postern.PairedPhone, error) {
	pairings, err := s.Peers(ctx, postern.DeviceID(w.ID))
	if err != nil {
		return nil, err
	}
	out := make([]postern.PairedPhone, 0, len(pairings))
	for _, pairing := range pairings {
		p, err := s.Store.Phone(ctx, pairing.PhoneID)
		if err != nil {
			return nil, err
		}
		i, u, err := s.parties(ctx, p)
		if err != nil {
			return nil, err
		}
		paired := postern.PairedPhone{
			Pairing: pairing, Name: p.Name, UPN: u.UPN, User: u.DisplayName, Phase: u.Phase, Notice: notice(i, &u),
		}
		if s.Offline != nil {
			if paired.Offline, err = s.Offline.Offer(ctx, pairing); err != nil {
				return nil, err
			}
		}
		out = append(out, paired)
	}
	return out, nil
}

// PairedWorkstations are the active pairings of a phone, oldest first.
func (s *Service) PairedWorkstations(ctx context.Context, p postern.Phone) ([]postern.PairedWorkstation, error) {
	pairings, err := s.Peers(ctx, postern.DeviceID(p.ID))
	if err != nil {
		return nil, err
	}
	i, u, err := s.parties(ctx, p)
	if err != nil {
		return nil, err
	}
	out := make([]postern.PairedWorkstation, 0, len(pairings))
	for _, pairing := range pairings {
		w, err := s.Store.Workstation(ctx, pairing.WorkstationID)
		if err != nil {
			return nil, err
		}
		paired := postern.PairedWorkstation{
			Pairing: pairing, Name: w.Name, Kind: w.Kind, OS: w.OS, JoinState: w.JoinState, LastSeenAt: w.LastSeenAt,
			Notice: notice(i, &u),
		}
		if s.Offline != nil {
			if paired.Offline, err = s.Offline.OfPairing(ctx, pairing); err != nil {
				return nil, err
			}
		}
		out = append(out, paired)
	}
	return out, nil
}

// AnswerPairing is a pairing as one of its ends is told of it.
func (s *Service) AnswerPairing(ctx context.Context, p postern.Pairing) (postern.PairingAnswer, error) {
	i, err := s.Integrations.Get(ctx, p.IntegrationID)
	if err != nil || p.PhoneID == "" {
		return postern.PairingAnswer{Pairing: p, Notice: notice(i, nil)}, err
	}
	phone, err := s.Store.Phone(ctx, p.PhoneID)
	if err != nil {
		return postern.PairingAnswer{}, err
	}
	u, err := s.Users.User(ctx, phone.UserID)
	return postern.PairingAnswer{Pairing: p, Notice: notice(i, &u)}, err
}
