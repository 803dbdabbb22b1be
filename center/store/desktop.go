package store

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/store/internal/query"
)

// InstallToken returns one install token. Its state is not kept: it is that of a time.
func (s *Store) InstallToken(ctx context.Context, id postern.InstallTokenID) (postern.InstallToken, error) {
	row, err := s.read(ctx).GetInstallToken(ctx, string(id))
	if err != nil {
		return postern.InstallToken{}, failure(err, "install token")
	}
	return installTokenOf(row)
}

// InstallTokenByHash finds an install token by the SHA-256 of its value.
func (s *Store) InstallTokenByHash(ctx context.Context, hash []byte) (postern.InstallToken, error) {
	row, err := s.read(ctx).GetInstallTokenByHash(ctx, hash)
	if err != nil {
		return postern.InstallToken{}, failure(err, "install token")
	}
	return installTokenOf(row)
}

// InstallTokens lists those of an integration, newest first.
func (s *Store) InstallTokens(ctx context.Context, integration postern.IntegrationID) ([]postern.InstallToken, error) {
	rows, err := s.read(ctx).ListInstallTokens(ctx, string(integration))
	return convert(rows, err, "install token", installTokenOf)
}

// CountLiveInstallTokens counts those of an integration that can be used at a time.
func (s *Store) CountLiveInstallTokens(ctx context.Context, integration postern.IntegrationID, now time.Time) (int64, error) {
	n, err := s.read(ctx).CountLiveInstallTokens(ctx, query.CountLiveInstallTokensParams{IntegrationID: string(integration), ExpiresAt: millis(now)})
	return n, failure(err, "install token")
}

// CreateInstallToken stores a new install token with the SHA-256 of its value.
func (s *Store) CreateInstallToken(ctx context.Context, k postern.InstallToken, hash []byte) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertInstallToken(ctx, query.InsertInstallTokenParams{
			ID: string(k.ID), IntegrationID: string(k.IntegrationID), Name: k.Name, Hash: blob(hash), MaxUses: int64(k.MaxUses),
			Uses: int64(k.Uses), CreatedAt: millis(k.CreatedAt), CreatedBy: k.CreatedBy, ExpiresAt: millis(k.ExpiresAt),
			LastUsedAt: optionalMillis(k.LastUsedAt), RevokedAt: optionalMillis(k.RevokedAt),
		})
		return inserted(rows, err, "install token")
	})
}

// UseInstallToken counts a use and reports whether the token was live then; a token that was not is left as it is.
func (s *Store) UseInstallToken(ctx context.Context, id postern.InstallTokenID, now time.Time) (live bool, err error) {
	err = s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.UseInstallToken(ctx, query.UseInstallTokenParams{ID: string(id), Now: optionalMillis(&now)})
		live = rows == 1
		return failure(err, "install token")
	})
	return live && err == nil, err
}

// RevokeInstallToken revokes a token and reports whether it was not before.
func (s *Store) RevokeInstallToken(ctx context.Context, id postern.InstallTokenID, now time.Time) (revoked bool, err error) {
	err = s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.RevokeInstallToken(ctx, query.RevokeInstallTokenParams{ID: string(id), RevokedAt: optionalMillis(&now)})
		revoked = rows == 1
		return failure(err, "install token")
	})
	return revoked && err == nil, err
}

func installTokenOf(row query.InstallToken) (postern.InstallToken, error) {
	return postern.InstallToken{
		ID: postern.InstallTokenID(row.ID), IntegrationID: postern.IntegrationID(row.IntegrationID), Name: row.Name,
		MaxUses: int(row.MaxUses), Uses: int(row.Uses), CreatedAt: fromMillis(row.CreatedAt), CreatedBy: row.CreatedBy,
		ExpiresAt: fromMillis(row.ExpiresAt), LastUsedAt: fromOptionalMillis(row.LastUsedAt), RevokedAt: fromOptionalMillis(row.RevokedAt),
	}, nil
}
