package store

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/store/internal/query"
)

// Workstation returns one workstation.
func (s *Store) Workstation(ctx context.Context, id postern.WorkstationID) (postern.Workstation, error) {
	row, err := s.read(ctx).GetWorkstation(ctx, string(id))
	if err != nil {
		return postern.Workstation{}, failure(err, "workstation")
	}
	return workstationOf(row)
}

// WorkstationByKey finds a workstation by its identity key.
func (s *Store) WorkstationByKey(ctx context.Context, identityKey []byte) (postern.Workstation, error) {
	row, err := s.read(ctx).GetWorkstationByKey(ctx, identityKey)
	if err != nil {
		return postern.Workstation{}, failure(err, "workstation")
	}
	return workstationOf(row)
}

// Workstations returns the workstations of an integration, oldest first, revoked ones included.
func (s *Store) Workstations(ctx context.Context, integration postern.IntegrationID) ([]postern.Workstation, error) {
	rows, err := s.read(ctx).ListWorkstations(ctx, string(integration))
	return convert(rows, err, "workstation", workstationOf)
}

// CreateWorkstation stores a new workstation; CodeConflict when one has the id or the identity key.
func (s *Store) CreateWorkstation(ctx context.Context, w postern.Workstation) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertWorkstation(ctx, query.InsertWorkstationParams(workstationRow(w)))
		return inserted(rows, err, "workstation")
	})
}

// UpdateWorkstation stores w if w.Version is still the stored one, and increments it. Its integration never changes.
func (s *Store) UpdateWorkstation(ctx context.Context, w *postern.Workstation) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		row := workstationRow(*w)
		rows, err := t.q.UpdateWorkstation(ctx, query.UpdateWorkstationParams{
			ID: row.ID, Version: row.Version, Kind: row.Kind, Name: row.Name, Software: row.Software, Os: row.Os,
			JoinState: row.JoinState, EnterpriseJoined: row.EnterpriseJoined, State: row.State, IdentityKey: row.IdentityKey,
			LinkKey: row.LinkKey, CreatedAt: row.CreatedAt, LastSeenAt: row.LastSeenAt, PairedAt: row.PairedAt, RevokedAt: row.RevokedAt,
			InstallTokenID: row.InstallTokenID,
		})
		if err := versioned(rows, err, "workstation", func() error { _, err := t.q.GetWorkstation(ctx, row.ID); return err }); err != nil {
			return err
		}
		t.bump(&w.Version)
		return nil
	})
}

// SeeWorkstation notes when the workstation was last heard of, without changing its version.
func (s *Store) SeeWorkstation(ctx context.Context, id postern.WorkstationID, at time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.SeeWorkstation(ctx, query.SeeWorkstationParams{ID: string(id), LastSeenAt: optionalMillis(&at)})
		return found(rows, err, "workstation")
	})
}

// UseWorkstationProof is UsePhoneProof for workstations.
func (s *Store) UseWorkstationProof(ctx context.Context, workstation postern.WorkstationID, id string, now, expires time.Time) (fresh bool, err error) {
	err = s.write(ctx, func(ctx context.Context, t *transaction) error {
		err := t.q.DeleteSpentWorkstationProofs(ctx, query.DeleteSpentWorkstationProofsParams{WorkstationID: string(workstation), ExpiresAt: millis(now)})
		if err != nil {
			return failure(err, "workstation")
		}
		rows, err := t.q.InsertWorkstationProof(ctx, query.InsertWorkstationProofParams{
			WorkstationID: string(workstation), ProofID: id, ExpiresAt: millis(expires),
		})
		fresh = rows == 1
		return failure(err, "workstation")
	})
	return fresh && err == nil, err
}

// CountUnpairedWorkstations counts those of an integration that never had an active pairing, and no install token.
func (s *Store) CountUnpairedWorkstations(ctx context.Context, integration postern.IntegrationID) (int64, error) {
	n, err := s.read(ctx).CountUnpairedWorkstations(ctx, string(integration))
	return n, failure(err, "workstation")
}

// UnpairedWorkstations lists those that never had an active pairing, oldest first: those created before a time, and of
// those with an install token the ones that nothing was heard of since another.
func (s *Store) UnpairedWorkstations(ctx context.Context, before, silent time.Time, limit int32) ([]postern.Workstation, error) {
	rows, err := s.read(ctx).ListUnpairedWorkstations(ctx, query.ListUnpairedWorkstationsParams{Before: millis(before), Silent: optionalMillis(&silent), Most: limit})
	return convert(rows, err, "workstation", workstationOf)
}

// DeleteUnpairedWorkstation forgets a workstation; CodeNotFound when it is gone or was paired meanwhile.
func (s *Store) DeleteUnpairedWorkstation(ctx context.Context, id postern.WorkstationID) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.DeleteUnpairedWorkstation(ctx, string(id))
		return found(rows, err, "workstation")
	})
}

func workstationRow(w postern.Workstation) query.Workstation {
	return query.Workstation{
		ID: string(w.ID), IntegrationID: string(w.IntegrationID), Version: w.Version, Kind: string(w.Kind), Name: w.Name,
		Software: w.Software, Os: w.OS, JoinState: string(w.JoinState), EnterpriseJoined: w.EnterpriseJoined,
		State: string(w.State), IdentityKey: blob(w.IdentityKey), LinkKey: blob(w.LinkKey), CreatedAt: millis(w.CreatedAt),
		LastSeenAt: optionalMillis(w.LastSeenAt), PairedAt: optionalMillis(w.PairedAt), RevokedAt: optionalMillis(w.RevokedAt),
		InstallTokenID: optionalText(w.InstallTokenID),
	}
}

func workstationOf(row query.Workstation) (postern.Workstation, error) {
	return postern.Workstation{
		ID: postern.WorkstationID(row.ID), IntegrationID: postern.IntegrationID(row.IntegrationID), Version: row.Version,
		Kind: postern.WorkstationKind(row.Kind), Name: row.Name, Software: row.Software, OS: row.Os,
		JoinState: postern.JoinState(row.JoinState), EnterpriseJoined: row.EnterpriseJoined,
		State: postern.WorkstationState(row.State), IdentityKey: fromBlob(row.IdentityKey), LinkKey: fromBlob(row.LinkKey),
		CreatedAt: fromMillis(row.CreatedAt), LastSeenAt: fromOptionalMillis(row.LastSeenAt),
		PairedAt: fromOptionalMillis(row.PairedAt), RevokedAt: fromOptionalMillis(row.RevokedAt),
		InstallTokenID: postern.InstallTokenID(row.InstallTokenID.String),
	}, nil
}
