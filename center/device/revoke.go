package device

import (
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// lapseBatch is how many workstations one round forgets at most.
const lapseBatch = 500

// RevokeWorkstation cuts a workstation off and ends its pairings.
func (s *Service) RevokeWorkstation(ctx context.Context, id postern.WorkstationID) (postern.Workstation, error) {
	var out postern.Workstation
	err := s.Store.Atomically(ctx, func(ctx context.Context) (err error) {
		if out, err = s.Store.Workstation(ctx, id); err != nil || out.State == postern.WorkstationRevoked {
			return err
		}
		now := s.Now().UTC()
		out.State, out.RevokedAt = postern.WorkstationRevoked, &now
		if err := s.Store.UpdateWorkstation(ctx, &out); err != nil {
			return err
		}
		ended, err := s.Store.EndPairingsOfWorkstation(ctx, id, now, postern.PairingEndWorkstationRevoked)
		if err != nil {
			return err
		}
		if err := s.tellEnded(ctx, ended); err != nil {
			return err
		}
		s.Store.AfterCommit(ctx, func() { s.Notices.Publish(WorkstationTopic(id)) })
		return s.Audit.Record(ctx, workstationEvent(audit.WorkstationRevoked, out, "The workstation was revoked and is cut off.", nil))
	})
	return out, err
}

// Lapse forgets workstations that have not paired within [postern.WorkstationLapse], and pairings that nobody confirmed.
// An administrator vouched for those that were enrolled with an install token, and may roll them out long before anybody
// pairs: they are forgotten after a silence of [postern.InstalledLapse].
func (s *Service) Lapse(ctx context.Context) error {
	now := s.Now().UTC()
	if err := s.Store.DeleteUnconfirmedPairings(ctx, now); err != nil {
		return err
	}
	lapsed, err := s.Store.UnpairedWorkstations(ctx, now.Add(-postern.WorkstationLapse), now.Add(-postern.InstalledLapse), lapseBatch)
	if err != nil {
		return err
	}
	for _, w := range lapsed {
		err := s.Store.Atomically(ctx, func(ctx context.Context) error {
			if err := s.Store.DeleteUnpairedWorkstation(ctx, w.ID); err != nil {
				return err
			}
			s.Store.AfterCommit(ctx, func() { s.Notices.Publish(WorkstationTopic(w.ID)) })
			return s.Audit.Record(ctx, workstationEvent(audit.WorkstationLapsed, w, "The workstation "+w.Name+" never paired and was forgotten.", nil))
		})
		if err != nil && !postern.IsCode(err, postern.CodeNotFound) {
			return err
		}
	}
	return nil
}

// tellEnded writes down that pairings ended with one of their devices, and tells both ends.
func (s *Service) tellEnded(ctx context.Context, ended []postern.Pairing) error {
	for _, p := range ended {
		s.publish(ctx, p)
		if err := s.over(ctx, p); err != nil {
			return err
		}
		if err := s.Audit.Record(ctx, pairingEvent(audit.PairingEnded, p, "The pairing ended because one of its devices was revoked.")); err != nil {
			return err
		}
	}
	return nil
}
