package store

import (
	"context"
	"database/sql"

	"github.com/postern/postern"
	"github.com/postern/postern/center/rotate"
)

// rotationBody is what is kept of a rotation beside what is searched for.
type rotationBody struct {
	Rotation postern.Rotation `json:"rotation"`
	Progress rotate.Progress  `json:"progress"`
}

const rotationColumns = "version, state, body, sealed"

func scanRotation(row scanner) (rotate.Record, error) {
	var version int64
	var state, text string
	var sealed []byte
	if err := row.Scan(&version, &state, &text, &sealed); err != nil {
		return rotate.Record{}, failure(err, "rotation")
	}
	var body rotationBody
	if err := fromJSON("rotation", text, &body); err != nil {
		return rotate.Record{}, err
	}
	body.Rotation.Version, body.Rotation.State = version, postern.RotationState(state)
	return rotate.Record{Rotation: body.Rotation, Progress: body.Progress, Sealed: fromBlob(sealed)}, nil
}

// Rotation returns one rotation.
func (s *Store) Rotation(ctx context.Context, id postern.RotationID) (rotate.Record, error) {
	return scanRotation(s.queryRow(ctx, "SELECT "+rotationColumns+" FROM rotations WHERE id = $1", string(id)))
}

// LastRotation returns the newest rotation of an integration.
func (s *Store) LastRotation(ctx context.Context, integration postern.IntegrationID) (rotate.Record, error) {
	return scanRotation(s.queryRow(ctx, "SELECT "+rotationColumns+" FROM rotations WHERE integration_id = $1 ORDER BY created_at DESC, id DESC LIMIT 1", string(integration)))
}

// CreateRotation stores a new rotation; CodeConflict while another one of the integration is not over.
func (s *Store) CreateRotation(ctx context.Context, r rotate.Record) error {
	body, err := toJSON("rotation", rotationBody{r.Rotation, r.Progress})
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		result, err := t.tx.ExecContext(ctx, "INSERT INTO rotations (id, integration_id, version, state, created_at, body, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
			string(r.ID), string(r.IntegrationID), r.Version, string(r.State), millis(r.CreatedAt), body, blob(r.Sealed))
		if err != nil {
			return failure(err, "rotation")
		}
		n, err := result.RowsAffected()
		return inserted(n, err, "rotation")
	})
}

// UpdateRotation stores r if r.Version is still the stored one, and increments it.
func (s *Store) UpdateRotation(ctx context.Context, r *rotate.Record) error {
	body, err := toJSON("rotation", rotationBody{r.Rotation, r.Progress})
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		result, err := t.tx.ExecContext(ctx, "UPDATE rotations SET version = version + 1, state = $3, body = $4, sealed = $5 WHERE id = $1 AND version = $2",
			string(r.ID), r.Version, string(r.State), body, blob(r.Sealed))
		if err := s.changed(ctx, result, err, "rotation", "SELECT 1 FROM rotations WHERE id = $1", string(r.ID)); err != nil {
			return err
		}
		t.bump(&r.Version)
		return nil
	})
}

// changed tells a statement that changed nothing because the row is gone from one that came too late.
func (s *Store) changed(ctx context.Context, result sql.Result, err error, kind, there string, args ...any) error {
	if err != nil {
		return failure(err, kind)
	}
	n, err := result.RowsAffected()
	if err != nil || n > 0 {
		return failure(err, kind)
	}
	var one int
	if err := s.queryRow(ctx, there, args...).Scan(&one); err != nil {
		return failure(err, kind)
	}
	return stale(kind)
}
