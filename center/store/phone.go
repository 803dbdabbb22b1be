package store

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/store/internal/query"
)

// Phone returns one phone.
func (s *Store) Phone(ctx context.Context, id postern.PhoneID) (postern.Phone, error) {
	row, err := s.read(ctx).GetPhone(ctx, string(id))
	if err != nil {
		return postern.Phone{}, failure(err, "phone")
	}
	return phoneOf(row)
}

// Phones returns the phones of a user, oldest first, revoked ones included.
func (s *Store) Phones(ctx context.Context, user postern.UserID) ([]postern.Phone, error) {
	rows, err := s.read(ctx).ListPhones(ctx, string(user))
	return convert(rows, err, "phone", phoneOf)
}

// CreatePhone stores a new phone.
func (s *Store) CreatePhone(ctx context.Context, p postern.Phone) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertPhone(ctx, query.InsertPhoneParams(phoneRow(p)))
		return inserted(rows, err, "phone")
	})
}

// UpdatePhone stores p if p.Version is still the stored one, and increments it. The user of a phone never changes.
func (s *Store) UpdatePhone(ctx context.Context, p *postern.Phone) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		row := phoneRow(*p)
		rows, err := t.q.UpdatePhone(ctx, query.UpdatePhoneParams{
			ID: row.ID, Version: row.Version, Name: row.Name, Platform: row.Platform, State: row.State, Assurance: row.Assurance,
			IdentityKey: row.IdentityKey, SealKey: row.SealKey, CreatedAt: row.CreatedAt, LastSeenAt: row.LastSeenAt, RevokedAt: row.RevokedAt,
			LinkKey: row.LinkKey,
		})
		if err := versioned(rows, err, "phone", func() error { _, err := t.q.GetPhone(ctx, row.ID); return err }); err != nil {
			return err
		}
		t.bump(&p.Version)
		return nil
	})
}

// SeePhone notes when the phone was last heard of, without changing its version.
func (s *Store) SeePhone(ctx context.Context, id postern.PhoneID, at time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.SeePhone(ctx, query.SeePhoneParams{ID: string(id), LastSeenAt: optionalMillis(&at)})
		return found(rows, err, "phone")
	})
}

// UsePhoneProof remembers the id of a signed request until expires and reports whether it is new. It also forgets those
// of the phone whose time is over at now.
func (s *Store) UsePhoneProof(ctx context.Context, phone postern.PhoneID, id string, now, expires time.Time) (fresh bool, err error) {
	err = s.write(ctx, func(ctx context.Context, t *transaction) error {
		err := t.q.DeleteSpentProofs(ctx, query.DeleteSpentProofsParams{PhoneID: string(phone), ExpiresAt: millis(now)})
		if err != nil {
			return failure(err, "phone")
		}
		rows, err := t.q.InsertProof(ctx, query.InsertProofParams{PhoneID: string(phone), ProofID: id, ExpiresAt: millis(expires)})
		fresh = rows == 1
		return failure(err, "phone")
	})
	return fresh && err == nil, err
}

// AttestationCA returns the attestation CA of an integration: its certificate and its sealed private key.
func (s *Store) AttestationCA(ctx context.Context, integration postern.IntegrationID) (certificate, sealedKey []byte, err error) {
	row, err := s.read(ctx).GetAttestationCA(ctx, string(integration))
	if err != nil {
		return nil, nil, failure(err, "attestation CA")
	}
	return row.Certificate, row.SealedKey, nil
}

// CreateAttestationCA stores the attestation CA of an integration; CodeConflict when there is one.
func (s *Store) CreateAttestationCA(ctx context.Context, integration postern.IntegrationID, certificate, sealedKey []byte) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertAttestationCA(ctx, query.InsertAttestationCAParams{
			IntegrationID: string(integration), Certificate: blob(certificate), SealedKey: blob(sealedKey),
		})
		return inserted(rows, err, "attestation CA")
	})
}

func phoneRow(p postern.Phone) query.Phone {
	return query.Phone{
		ID: string(p.ID), IntegrationID: string(p.IntegrationID), UserID: string(p.UserID), Version: p.Version, Name: p.Name,
		Platform: p.Platform, State: string(p.State), Assurance: string(p.Assurance), IdentityKey: blob(p.IdentityKey),
		SealKey: blob(p.SealKey), CreatedAt: millis(p.CreatedAt), LastSeenAt: optionalMillis(p.LastSeenAt),
		RevokedAt: optionalMillis(p.RevokedAt), LinkKey: p.LinkKey,
	}
}

func phoneOf(row query.Phone) (postern.Phone, error) {
	return postern.Phone{
		ID: postern.PhoneID(row.ID), IntegrationID: postern.IntegrationID(row.IntegrationID),
		UserID: postern.UserID(row.UserID), Version: row.Version, Name: row.Name, Platform: row.Platform,
		State: postern.PhoneState(row.State), Assurance: postern.Assurance(row.Assurance),
		IdentityKey: fromBlob(row.IdentityKey), SealKey: fromBlob(row.SealKey), CreatedAt: fromMillis(row.CreatedAt),
		LastSeenAt: fromOptionalMillis(row.LastSeenAt), RevokedAt: fromOptionalMillis(row.RevokedAt),
		LinkKey: fromBlob(row.LinkKey),
	}, nil
}
