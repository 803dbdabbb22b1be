package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"time"

	"github.com/postern/postern/center/store/internal/query"
)

// Sessions of the console, in the shape that scs asks for. The token in a browser's cookie is kept as its SHA-256 only.

// FindCtx returns the data of a session that has not expired.
func (s *Store) FindCtx(ctx context.Context, token string) (data []byte, found bool, err error) {
	data, err = s.read(ctx).GetSession(ctx, query.GetSessionParams{TokenHash: sessionHash(token), ExpiresAt: millis(s.now())})
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, failure(err, "session")
	}
	return fromBlob(data), true, nil
}

// CommitCtx stores a session until expires, and forgets all that have expired.
func (s *Store) CommitCtx(ctx context.Context, token string, data []byte, expires time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		if err := t.q.DeleteExpiredSessions(ctx, millis(s.now())); err != nil {
			return failure(err, "session")
		}
		err := t.q.PutSession(ctx, query.PutSessionParams{TokenHash: sessionHash(token), Data: blob(data), ExpiresAt: millis(expires)})
		return failure(err, "session")
	})
}

// DeleteCtx forgets a session. There need not be one.
func (s *Store) DeleteCtx(ctx context.Context, token string) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		return failure(t.q.DeleteSession(ctx, sessionHash(token)), "session")
	})
}

// Find is FindCtx without a context.
func (s *Store) Find(token string) ([]byte, bool, error) {
	return s.FindCtx(context.Background(), token)
}

// Commit is CommitCtx without a context.
func (s *Store) Commit(token string, data []byte, expires time.Time) error {
	return s.CommitCtx(context.Background(), token, data, expires)
}

// Delete is DeleteCtx without a context.
func (s *Store) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

func sessionHash(token string) []byte {
	hash := sha256.Sum256([]byte(token))
	return hash[:]
}
