package store

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/auth"
	"github.com/postern/postern/center/store/internal/query"
)

// Administrators returns all administrators, oldest first.
func (s *Store) Administrators(ctx context.Context) ([]postern.Administrator, error) {
	rows, err := s.read(ctx).ListAdministrators(ctx)
	if err != nil {
		return nil, failure(err, "administrator")
	}
	addresses, err := s.addresses(ctx)
	return convert(rows, err, "administrator", func(row query.ListAdministratorsRow) (postern.Administrator, error) {
		return administratorOf(row.Administrator, row.Passkeys, addresses), nil
	})
}

// Administrator returns one administrator.
func (s *Store) Administrator(ctx context.Context, id postern.AdministratorID) (postern.Administrator, error) {
	row, err := s.read(ctx).GetAdministrator(ctx, string(id))
	if err != nil {
		return postern.Administrator{}, failure(err, "administrator")
	}
	addresses, err := s.addresses(ctx)
	return administratorOf(row.Administrator, row.Passkeys, addresses), err
}

// CreateAdministrator stores a new administrator.
func (s *Store) CreateAdministrator(ctx context.Context, a postern.Administrator) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertAdministrator(ctx, query.InsertAdministratorParams{
			ID: string(a.ID), Version: a.Version, Name: a.Name, Role: string(a.Role), CreatedAt: millis(a.CreatedAt),
			LastSignIn: optionalMillis(a.LastSignIn), DisabledAt: optionalMillis(a.DisabledAt),
		})
		if err := inserted(rows, err, "administrator"); err != nil {
			return err
		}
		return setAddress(ctx, t, a.ID, a.Mail)
	})
}

// UpdateAdministrator stores a if a.Version is still the stored one, and increments it. The number of passkeys is
// counted, not stored.
func (s *Store) UpdateAdministrator(ctx context.Context, a *postern.Administrator) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.UpdateAdministrator(ctx, query.UpdateAdministratorParams{
			ID: string(a.ID), Version: a.Version, Name: a.Name, Role: string(a.Role), CreatedAt: millis(a.CreatedAt),
			LastSignIn: optionalMillis(a.LastSignIn), DisabledAt: optionalMillis(a.DisabledAt),
		})
		if err := versioned(rows, err, "administrator", func() error { _, err := t.q.GetAdministrator(ctx, string(a.ID)); return err }); err != nil {
			return err
		}
		t.bump(&a.Version)
		return setAddress(ctx, t, a.ID, a.Mail)
	})
}

// DeleteAdministrator removes an administrator and their passkeys.
func (s *Store) DeleteAdministrator(ctx context.Context, id postern.AdministratorID, version int64) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.DeleteAdministrator(ctx, query.DeleteAdministratorParams{ID: string(id), Version: version})
		return versioned(rows, err, "administrator", func() error { _, err := t.q.GetAdministrator(ctx, string(id)); return err })
	})
}

func administratorOf(row query.Administrator, passkeys int64, addresses map[postern.AdministratorID]string) postern.Administrator {
	return postern.Administrator{
		ID: postern.AdministratorID(row.ID), Version: row.Version, Name: row.Name, Role: postern.Role(row.Role),
		Passkeys: int(passkeys), CreatedAt: fromMillis(row.CreatedAt), LastSignIn: fromOptionalMillis(row.LastSignIn),
		DisabledAt: fromOptionalMillis(row.DisabledAt), Mail: addresses[postern.AdministratorID(row.ID)],
	}
}

// AdministratorCredentials returns the passkeys of an administrator, oldest first.
func (s *Store) AdministratorCredentials(ctx context.Context, id postern.AdministratorID) ([]auth.Credential, error) {
	rows, err := s.read(ctx).ListCredentials(ctx, string(id))
	return convert(rows, err, "passkey", credentialOf)
}

// CredentialByID returns the passkey with that credential id.
func (s *Store) CredentialByID(ctx context.Context, credentialID []byte) (auth.Credential, error) {
	row, err := s.read(ctx).GetCredential(ctx, blob(credentialID))
	if err != nil {
		return auth.Credential{}, failure(err, "passkey")
	}
	return credentialOf(row)
}

// CreateCredential stores a new passkey of an administrator.
func (s *Store) CreateCredential(ctx context.Context, c auth.Credential) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertCredential(ctx, query.InsertCredentialParams{
			ID: blob(c.ID), AdministratorID: string(c.AdministratorID), Name: c.Name, Data: blob(c.Data),
			CreatedAt: millis(c.CreatedAt), LastUsed: optionalMillis(c.LastUsed),
		})
		return inserted(rows, err, "passkey")
	})
}

// UpdateCredential stores name, data and times of a passkey. Its administrator never changes.
func (s *Store) UpdateCredential(ctx context.Context, c auth.Credential) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.UpdateCredential(ctx, query.UpdateCredentialParams{
			ID: blob(c.ID), Name: c.Name, Data: blob(c.Data), CreatedAt: millis(c.CreatedAt), LastUsed: optionalMillis(c.LastUsed),
		})
		return found(rows, err, "passkey")
	})
}

// DeleteCredential removes a passkey of an administrator.
func (s *Store) DeleteCredential(ctx context.Context, credentialID []byte) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.DeleteCredential(ctx, blob(credentialID))
		return found(rows, err, "passkey")
	})
}

func credentialOf(row query.AdministratorCredential) (auth.Credential, error) {
	return auth.Credential{
		ID: fromBlob(row.ID), AdministratorID: postern.AdministratorID(row.AdministratorID), Name: row.Name,
		Data: fromBlob(row.Data), CreatedAt: fromMillis(row.CreatedAt), LastUsed: fromOptionalMillis(row.LastUsed),
	}, nil
}

// Tokens returns all API tokens, oldest first, revoked and expired ones included.
func (s *Store) Tokens(ctx context.Context) ([]postern.APIToken, error) {
	rows, err := s.read(ctx).ListTokens(ctx)
	return convert(rows, err, "API token", tokenOf)
}

// Token returns one token, revoked and expired ones included.
func (s *Store) Token(ctx context.Context, id postern.TokenID) (postern.APIToken, error) {
	row, err := s.read(ctx).GetToken(ctx, string(id))
	if err != nil {
		return postern.APIToken{}, failure(err, "API token")
	}
	return tokenOf(row)
}

// TokenByHash returns the token whose value has that hash, revoked and expired ones included.
func (s *Store) TokenByHash(ctx context.Context, hash []byte) (postern.APIToken, error) {
	row, err := s.read(ctx).GetTokenByHash(ctx, blob(hash))
	if err != nil {
		return postern.APIToken{}, failure(err, "API token")
	}
	return tokenOf(row)
}

// CreateToken stores a new token under the hash of its value.
func (s *Store) CreateToken(ctx context.Context, token postern.APIToken, hash []byte) error {
	scopes, err := toJSON("API token", token.Scopes)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertToken(ctx, query.InsertTokenParams{
			ID: string(token.ID), Name: token.Name, Scopes: scopes, CreatedBy: token.CreatedBy, CreatedAt: millis(token.CreatedAt),
			ExpiresAt: millis(token.ExpiresAt), LastUsed: optionalMillis(token.LastUsed),
			RevokedAt: optionalMillis(token.RevokedAt), Hash: blob(hash),
		})
		return inserted(rows, err, "API token")
	})
}

// UpdateToken stores everything of a token but its hash.
func (s *Store) UpdateToken(ctx context.Context, token postern.APIToken) error {
	scopes, err := toJSON("API token", token.Scopes)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.UpdateToken(ctx, query.UpdateTokenParams{
			ID: string(token.ID), Name: token.Name, Scopes: scopes, CreatedBy: token.CreatedBy, CreatedAt: millis(token.CreatedAt),
			ExpiresAt: millis(token.ExpiresAt), LastUsed: optionalMillis(token.LastUsed), RevokedAt: optionalMillis(token.RevokedAt),
		})
		return found(rows, err, "API token")
	})
}

func tokenOf(row query.ApiToken) (postern.APIToken, error) {
	token := postern.APIToken{
		ID: postern.TokenID(row.ID), Name: row.Name, CreatedBy: row.CreatedBy, CreatedAt: fromMillis(row.CreatedAt),
		ExpiresAt: fromMillis(row.ExpiresAt), LastUsed: fromOptionalMillis(row.LastUsed), RevokedAt: fromOptionalMillis(row.RevokedAt),
	}
	return token, fromJSON("API token", row.Scopes, &token.Scopes)
}

// CreateLink stores a one-time link under the hash of its code.
func (s *Store) CreateLink(ctx context.Context, l auth.Link) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertLink(ctx, query.InsertLinkParams{
			Hash: blob(l.Hash), Role: string(l.Role), Name: l.Name, CreatedBy: l.CreatedBy, ExpiresAt: millis(l.ExpiresAt),
		})
		return inserted(rows, err, "link")
	})
}

// LinkByHash returns the link whose code has that hash, expired ones included.
func (s *Store) LinkByHash(ctx context.Context, hash []byte) (auth.Link, error) {
	row, err := s.read(ctx).GetLink(ctx, blob(hash))
	if err != nil {
		return auth.Link{}, failure(err, "link")
	}
	return auth.Link{
		Hash: fromBlob(row.Hash), Role: postern.Role(row.Role), Name: row.Name, CreatedBy: row.CreatedBy,
		ExpiresAt: fromMillis(row.ExpiresAt),
	}, nil
}

// TakeLink deletes the link and reports whether this call was the one that did.
func (s *Store) TakeLink(ctx context.Context, hash []byte) (taken bool, err error) {
	err = s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.DeleteLink(ctx, blob(hash))
		taken = rows == 1
		return failure(err, "link")
	})
	return taken && err == nil, err
}

// DeleteExpiredLinks removes the links whose time is over at now.
func (s *Store) DeleteExpiredLinks(ctx context.Context, now time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		return failure(t.q.DeleteExpiredLinks(ctx, millis(now)), "link")
	})
}
