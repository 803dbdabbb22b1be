package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/postern/postern/center/store/internal/query"
)

// Setting returns the value that SetSetting kept under name, nil when there is none.
func (s *Store) Setting(ctx context.Context, name string) ([]byte, error) {
	value, err := s.read(ctx).GetSetting(ctx, name)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return fromBlob(value), failure(err, "setting")
}

// SetSetting keeps value under name. Secrets come here sealed.
func (s *Store) SetSetting(ctx context.Context, name string, value []byte) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		err := t.q.PutSetting(ctx, query.PutSettingParams{Name: name, Value: blob(value)})
		return failure(err, "setting")
	})
}
