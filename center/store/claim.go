package store

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/provision"
	"github.com/postern/postern/center/store/internal/query"
)

// Claim returns what a phone said of one credential.
func (s *Store) Claim(ctx context.Context, phone postern.PhoneID, credential []byte) (provision.Claim, error) {
	row, err := s.read(ctx).GetPasskeyClaim(ctx, query.GetPasskeyClaimParams{PhoneID: string(phone), CredentialID: blob(credential)})
	if err != nil {
		return provision.Claim{}, failure(err, "passkey claim")
	}
	return claimOf(row)
}

// ClaimsOfPhone lists the claims of a phone, oldest first.
func (s *Store) ClaimsOfPhone(ctx context.Context, phone postern.PhoneID) ([]provision.Claim, error) {
	rows, err := s.read(ctx).ListPasskeyClaimsOfPhone(ctx, string(phone))
	return convert(rows, err, "passkey claim", claimOf)
}

// CreateClaim stores a new claim; CodeConflict when the phone has one of that credential.
func (s *Store) CreateClaim(ctx context.Context, c provision.Claim) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertPasskeyClaim(ctx, query.InsertPasskeyClaimParams(claimRow(c)))
		return inserted(rows, err, "passkey claim")
	})
}

// UpdateClaim stores c if c.Version is still the stored one, and increments it. Phone, user and credential never change.
func (s *Store) UpdateClaim(ctx context.Context, c *provision.Claim) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		row := claimRow(*c)
		rows, err := t.q.UpdatePasskeyClaim(ctx, query.UpdatePasskeyClaimParams{
			PhoneID: row.PhoneID, CredentialID: row.CredentialID, Version: row.Version, State: row.State, Code: row.Code,
			Message: row.Message, Next: row.Next, CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt,
		})
		exists := func() error {
			_, err := t.q.GetPasskeyClaim(ctx, query.GetPasskeyClaimParams{PhoneID: row.PhoneID, CredentialID: row.CredentialID})
			return err
		}
		if err := versioned(rows, err, "passkey claim", exists); err != nil {
			return err
		}
		t.bump(&c.Version)
		return nil
	})
}

// DeleteClaim removes a claim, if it is there.
func (s *Store) DeleteClaim(ctx context.Context, phone postern.PhoneID, credential []byte) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		return failure(t.q.DeletePasskeyClaim(ctx, query.DeletePasskeyClaimParams{PhoneID: string(phone), CredentialID: blob(credential)}), "passkey claim")
	})
}

// DeleteOldClaims forgets claims of a phone that were given up and whose time was over before a time.
func (s *Store) DeleteOldClaims(ctx context.Context, phone postern.PhoneID, before time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		return failure(t.q.DeleteOldPasskeyClaims(ctx, query.DeleteOldPasskeyClaimsParams{PhoneID: string(phone), ExpiresAt: millis(before)}), "passkey claim")
	})
}

func claimRow(c provision.Claim) query.PasskeyClaim {
	return query.PasskeyClaim{
		PhoneID: string(c.PhoneID), CredentialID: blob(c.CredentialID), IntegrationID: string(c.IntegrationID),
		UserID: string(c.UserID), Version: c.Version, State: string(c.State), Code: string(c.Code), Message: c.Message,
		Next: c.Next, CreatedAt: millis(c.CreatedAt), ExpiresAt: millis(c.ExpiresAt),
	}
}

func claimOf(row query.PasskeyClaim) (provision.Claim, error) {
	return provision.Claim{
		PasskeyClaim: postern.PasskeyClaim{
			CredentialID: fromBlob(row.CredentialID), State: postern.ClaimState(row.State), CreatedAt: fromMillis(row.CreatedAt),
			ExpiresAt: fromMillis(row.ExpiresAt), Code: postern.Code(row.Code), Message: row.Message, Next: row.Next,
		},
		PhoneID: postern.PhoneID(row.PhoneID), UserID: postern.UserID(row.UserID),
		IntegrationID: postern.IntegrationID(row.IntegrationID), Version: row.Version,
	}, nil
}
