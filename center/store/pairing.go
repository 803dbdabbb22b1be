package store

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/store/internal/query"
)

// Pairing returns one pairing.
func (s *Store) Pairing(ctx context.Context, id postern.PairingID) (postern.Pairing, error) {
	row, err := s.read(ctx).GetPairing(ctx, string(id))
	if err != nil {
		return postern.Pairing{}, failure(err, "pairing")
	}
	return pairingOf(row)
}

// PairingsOfPhone lists those of a phone that have not ended, oldest first.
func (s *Store) PairingsOfPhone(ctx context.Context, phone postern.PhoneID) ([]postern.Pairing, error) {
	rows, err := s.read(ctx).ListPairingsOfPhone(ctx, optionalText(phone))
	return convert(rows, err, "pairing", pairingOf)
}

// PairingsOfWorkstation lists those of a workstation that have not ended, oldest first.
func (s *Store) PairingsOfWorkstation(ctx context.Context, workstation postern.WorkstationID) ([]postern.Pairing, error) {
	rows, err := s.read(ctx).ListPairingsOfWorkstation(ctx, string(workstation))
	return convert(rows, err, "pairing", pairingOf)
}

// PairingsBetween lists those of the two that both had confirmed, newest first, ended ones included.
func (s *Store) PairingsBetween(ctx context.Context, phone postern.PhoneID, workstation postern.WorkstationID) ([]postern.Pairing, error) {
	rows, err := s.read(ctx).ListPairingsBetween(ctx, query.ListPairingsBetweenParams{
		PhoneID: optionalText(phone), WorkstationID: string(workstation),
	})
	return convert(rows, err, "pairing", pairingOf)
}

// CountPairings counts the active pairings of each workstation of an integration that has any.
func (s *Store) CountPairings(ctx context.Context, integration postern.IntegrationID) (map[postern.WorkstationID]int, error) {
	rows, err := s.read(ctx).CountPairings(ctx, string(integration))
	if err != nil {
		return nil, failure(err, "pairing")
	}
	counts := make(map[postern.WorkstationID]int, len(rows))
	for _, row := range rows {
		counts[postern.WorkstationID(row.WorkstationID)] = int(row.Count)
	}
	return counts, nil
}

// CreatePairing stores a new pairing.
func (s *Store) CreatePairing(ctx context.Context, p postern.Pairing) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertPairing(ctx, query.InsertPairingParams(pairingRow(p)))
		return inserted(rows, err, "pairing")
	})
}

// UpdatePairing stores p if p.Version is still the stored one, and increments it. Its workstation never changes. A second
// active pairing of the same two is CodeConflict.
func (s *Store) UpdatePairing(ctx context.Context, p *postern.Pairing) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		row := pairingRow(*p)
		rows, err := t.q.UpdatePairing(ctx, query.UpdatePairingParams{
			ID: row.ID, Version: row.Version, PhoneID: row.PhoneID, State: row.State, CreatedAt: row.CreatedAt,
			ExpiresAt: row.ExpiresAt, PhoneConfirmed: row.PhoneConfirmed, WorkstationConfirmed: row.WorkstationConfirmed,
			ConfirmedAt: row.ConfirmedAt, EndedAt: row.EndedAt, Reason: row.Reason,
		})
		if err := versioned(rows, err, "pairing", func() error { _, err := t.q.GetPairing(ctx, row.ID); return err }); err != nil {
			return err
		}
		t.bump(&p.Version)
		return nil
	})
}

// EndPairingsOfPhone ends all pairings of a phone and returns those that had not ended.
func (s *Store) EndPairingsOfPhone(ctx context.Context, phone postern.PhoneID, at time.Time, reason string) (ended []postern.Pairing, err error) {
	err = s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.EndPairingsOfPhone(ctx, query.EndPairingsOfPhoneParams{PhoneID: optionalText(phone), EndedAt: optionalMillis(&at), Reason: reason})
		ended, err = convert(rows, err, "pairing", pairingOf)
		return err
	})
	return ended, err
}

// EndPairingsOfWorkstation ends all pairings of a workstation and returns those that had not ended.
func (s *Store) EndPairingsOfWorkstation(ctx context.Context, workstation postern.WorkstationID, at time.Time, reason string) (ended []postern.Pairing, err error) {
	err = s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.EndPairingsOfWorkstation(ctx, query.EndPairingsOfWorkstationParams{
			WorkstationID: string(workstation), EndedAt: optionalMillis(&at), Reason: reason,
		})
		ended, err = convert(rows, err, "pairing", pairingOf)
		return err
	})
	return ended, err
}

// DeleteUnconfirmedPairings forgets those that never became active and whose time was over at a time.
func (s *Store) DeleteUnconfirmedPairings(ctx context.Context, expired time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		return failure(t.q.DeleteUnconfirmedPairings(ctx, millis(expired)), "pairing")
	})
}

func pairingRow(p postern.Pairing) query.Pairing {
	return query.Pairing{
		ID: string(p.ID), IntegrationID: string(p.IntegrationID), WorkstationID: string(p.WorkstationID),
		PhoneID: optionalText(p.PhoneID), Version: p.Version, State: string(p.State), CreatedAt: millis(p.CreatedAt),
		ExpiresAt: millis(p.ExpiresAt), PhoneConfirmed: p.PhoneConfirmed, WorkstationConfirmed: p.WorkstationConfirmed,
		ConfirmedAt: optionalMillis(p.ConfirmedAt), EndedAt: optionalMillis(p.EndedAt), Reason: p.Reason,
	}
}

func pairingOf(row query.Pairing) (postern.Pairing, error) {
	return postern.Pairing{
		ID: postern.PairingID(row.ID), IntegrationID: postern.IntegrationID(row.IntegrationID),
		WorkstationID: postern.WorkstationID(row.WorkstationID), PhoneID: postern.PhoneID(row.PhoneID.String), Version: row.Version,
		State: postern.PairingState(row.State), CreatedAt: fromMillis(row.CreatedAt), ExpiresAt: fromMillis(row.ExpiresAt),
		PhoneConfirmed: row.PhoneConfirmed, WorkstationConfirmed: row.WorkstationConfirmed,
		ConfirmedAt: fromOptionalMillis(row.ConfirmedAt), EndedAt: fromOptionalMillis(row.EndedAt), Reason: row.Reason,
	}, nil
}
