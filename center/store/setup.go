package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/setup"
)

// setupBody is what is kept of a set-up beside what is searched for.
type setupBody struct {
	Setup    postern.Setup  `json:"setup"`
	Progress setup.Progress `json:"progress"`
}

const setupColumns = "version, state, body"

func scanSetup(row scanner) (setup.Record, error) {
	var version int64
	var state, text string
	if err := row.Scan(&version, &state, &text); err != nil {
		return setup.Record{}, failure(err, "set-up")
	}
	var body setupBody
	if err := fromJSON("set-up", text, &body); err != nil {
		return setup.Record{}, err
	}
	body.Setup.Version, body.Setup.State = version, postern.SetupState(state)
	return setup.Record{Setup: body.Setup, Progress: body.Progress}, nil
}

// Setup returns one set-up.
func (s *Store) Setup(ctx context.Context, id postern.SetupID) (setup.Record, error) {
	return scanSetup(s.queryRow(ctx, "SELECT "+setupColumns+" FROM setups WHERE id = $1", string(id)))
}

// Setups lists all set-ups, newest first.
func (s *Store) Setups(ctx context.Context) ([]setup.Record, error) {
	rows, err := s.list(ctx, "SELECT "+setupColumns+" FROM setups ORDER BY created_at DESC, id DESC", filter{})
	if err != nil {
		return nil, failure(err, "set-up")
	}
	defer rows.Close()
	out := []setup.Record{}
	for rows.Next() {
		r, err := scanSetup(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	return out, failure(rows.Err(), "set-up")
}

// CreateSetup stores a new set-up.
func (s *Store) CreateSetup(ctx context.Context, r setup.Record) error {
	body, err := toJSON("set-up", setupBody{r.Setup, r.Progress})
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		result, err := t.tx.ExecContext(ctx, "INSERT INTO setups (id, version, state, created_at, body) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING",
			string(r.ID), r.Version, string(r.State), millis(r.CreatedAt), body)
		if err != nil {
			return failure(err, "set-up")
		}
		n, err := result.RowsAffected()
		return inserted(n, err, "set-up")
	})
}

// UpdateSetup stores r if r.Version is still the stored one, and increments it.
func (s *Store) UpdateSetup(ctx context.Context, r *setup.Record) error {
	body, err := toJSON("set-up", setupBody{r.Setup, r.Progress})
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		result, err := t.tx.ExecContext(ctx, "UPDATE setups SET version = version + 1, state = $3, body = $4 WHERE id = $1 AND version = $2",
			string(r.ID), r.Version, string(r.State), body)
		if err := s.oneSetup(ctx, result, err, r.ID); err != nil {
			return err
		}
		t.bump(&r.Version)
		return nil
	})
}

// DeleteSetup removes a set-up with its secrets and its sign-in.
func (s *Store) DeleteSetup(ctx context.Context, id postern.SetupID, version int64) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		result, err := t.tx.ExecContext(ctx, "DELETE FROM setups WHERE id = $1 AND version = $2", string(id), version)
		return s.oneSetup(ctx, result, err, id)
	})
}

// oneSetup judges a statement about one set-up at one version.
func (s *Store) oneSetup(ctx context.Context, result sql.Result, err error, id postern.SetupID) error {
	if err != nil {
		return failure(err, "set-up")
	}
	n, err := result.RowsAffected()
	return versioned(n, err, "set-up", func() error { _, err := s.Setup(ctx, id); return err })
}

// SetupSecrets returns what a set-up holds sealed; nil if nothing.
func (s *Store) SetupSecrets(ctx context.Context, id postern.SetupID) ([]byte, error) {
	var sealed []byte
	err := s.queryRow(ctx, "SELECT sealed FROM setup_secrets WHERE setup_id = $1", string(id)).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return sealed, failure(err, "set-up")
}

// SetSetupSecrets replaces what a set-up holds sealed; nil removes it.
func (s *Store) SetSetupSecrets(ctx context.Context, id postern.SetupID, sealed []byte) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		text, args := "INSERT INTO setup_secrets (setup_id, sealed) VALUES ($1, $2) ON CONFLICT (setup_id) DO UPDATE SET sealed = excluded.sealed", []any{string(id), sealed}
		if sealed == nil {
			text, args = "DELETE FROM setup_secrets WHERE setup_id = $1", args[:1]
		}
		_, err := t.tx.ExecContext(ctx, text, args...)
		return failure(err, "set-up")
	})
}

// SetupSignIn returns the sealed sign-in of a set-up that has not ended at that time; nil if there is none.
func (s *Store) SetupSignIn(ctx context.Context, id postern.SetupID, at time.Time) ([]byte, error) {
	var sealed []byte
	err := s.queryRow(ctx, "SELECT sealed FROM setup_sign_ins WHERE setup_id = $1 AND ends_at > $2", string(id), millis(at)).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	return sealed, failure(err, "set-up")
}

// SetSetupSignIn replaces the sealed sign-in of a set-up; nil removes it.
func (s *Store) SetSetupSignIn(ctx context.Context, id postern.SetupID, sealed []byte, ends time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		text := "INSERT INTO setup_sign_ins (setup_id, sealed, ends_at) VALUES ($1, $2, $3) ON CONFLICT (setup_id) DO UPDATE SET sealed = excluded.sealed, ends_at = excluded.ends_at"
		args := []any{string(id), sealed, millis(ends)}
		if sealed == nil {
			text, args = "DELETE FROM setup_sign_ins WHERE setup_id = $1", args[:1]
		}
		_, err := t.tx.ExecContext(ctx, text, args...)
		return failure(err, "set-up")
	})
}

// ForgetSetupSignIns removes the sign-ins that have ended at that time.
func (s *Store) ForgetSetupSignIns(ctx context.Context, at time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		_, err := t.tx.ExecContext(ctx, "DELETE FROM setup_sign_ins WHERE ends_at <= $1", millis(at))
		return failure(err, "set-up")
	})
}
