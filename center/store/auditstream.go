package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit/stream"
	"github.com/postern/postern/center/store/internal/query"
)

// AuditStreams lists all streams by name.
func (s *Store) AuditStreams(ctx context.Context) ([]stream.Stream, error) {
	rows, err := s.read(ctx).ListAuditStreams(ctx)
	return convert(rows, err, "stream", auditStreamOf)
}

// AuditStream returns one stream.
func (s *Store) AuditStream(ctx context.Context, id postern.AuditStreamID) (stream.Stream, error) {
	row, err := s.read(ctx).GetAuditStream(ctx, string(id))
	if err != nil {
		return stream.Stream{}, failure(err, "stream")
	}
	return auditStreamOf(row)
}

// CreateAuditStream stores a new stream.
func (s *Store) CreateAuditStream(ctx context.Context, one stream.Stream) error {
	config, err := toJSON("stream", one.Config)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertAuditStream(ctx, query.InsertAuditStreamParams{
			ID: string(one.ID), Version: one.Version, Name: one.Name, Paused: one.Paused, Config: config, Secrets: blob(one.Secrets),
			Cursor: one.Cursor, DeliveredAt: optionalMillis(one.DeliveredAt), Failures: int64(one.Failures), Problem: one.Problem,
			ProblemAt: optionalMillis(one.ProblemAt), NextAt: orZero(one.NextAt), CreatedAt: millis(one.CreatedAt), UpdatedAt: millis(one.UpdatedAt),
		})
		return inserted(rows, err, "stream")
	})
}

// UpdateAuditStream stores what people change of a stream if its version is still the stored one, and increments it.
func (s *Store) UpdateAuditStream(ctx context.Context, one *stream.Stream) error {
	config, err := toJSON("stream", one.Config)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.UpdateAuditStream(ctx, query.UpdateAuditStreamParams{
			ID: string(one.ID), Version: one.Version, Name: one.Name, Paused: one.Paused, Config: config, Secrets: blob(one.Secrets),
			UpdatedAt: millis(one.UpdatedAt),
		})
		if err := versioned(rows, err, "stream", s.streamExists(ctx, t, one.ID)); err != nil {
			return err
		}
		t.bump(&one.Version)
		return nil
	})
}

// DeleteAuditStream removes a stream if version is still the stored one.
func (s *Store) DeleteAuditStream(ctx context.Context, id postern.AuditStreamID, version int64) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.DeleteAuditStream(ctx, query.DeleteAuditStreamParams{ID: string(id), Version: version})
		return versioned(rows, err, "stream", s.streamExists(ctx, t, id))
	})
}

func (s *Store) streamExists(ctx context.Context, t *transaction, id postern.AuditStreamID) func() error {
	return func() error {
		_, err := t.q.GetAuditStream(ctx, string(id))
		return err
	}
}

// HoldAuditStream gives a stream to holder until a time, unless another one holds it or it is paused.
func (s *Store) HoldAuditStream(ctx context.Context, id postern.AuditStreamID, holder string, now, until time.Time) (bool, error) {
	return s.oneStream(ctx, func(q *query.Queries) (int64, error) {
		return q.HoldAuditStream(ctx, query.HoldAuditStreamParams{ID: string(id), Holder: holder, Now: millis(now), HeldUntil: millis(until)})
	})
}

// AdvanceAuditStream notes, for its holder, that the sink has everything up to cursor.
func (s *Store) AdvanceAuditStream(ctx context.Context, id postern.AuditStreamID, holder string, cursor int64, at time.Time) (bool, error) {
	return s.oneStream(ctx, func(q *query.Queries) (int64, error) {
		return q.AdvanceAuditStream(ctx, query.AdvanceAuditStreamParams{ID: string(id), Holder: holder, Cursor: cursor, DeliveredAt: optionalMillis(&at)})
	})
}

// FailAuditStream notes, for its holder, why the sink took nothing and when it is tried again.
func (s *Store) FailAuditStream(ctx context.Context, id postern.AuditStreamID, holder, problem string, at, next time.Time) error {
	_, err := s.oneStream(ctx, func(q *query.Queries) (int64, error) {
		return q.FailAuditStream(ctx, query.FailAuditStreamParams{
			ID: string(id), Holder: holder, Problem: problem, ProblemAt: optionalMillis(&at), NextAt: millis(next),
		})
	})
	return err
}

// ReleaseAuditStream lets go of a stream.
func (s *Store) ReleaseAuditStream(ctx context.Context, id postern.AuditStreamID, holder string) error {
	_, err := s.oneStream(ctx, func(q *query.Queries) (int64, error) {
		return q.ReleaseAuditStream(ctx, query.ReleaseAuditStreamParams{ID: string(id), Holder: holder})
	})
	return err
}

// oneStream runs a statement that touches at most one stream, and reports whether it did.
func (s *Store) oneStream(ctx context.Context, do func(q *query.Queries) (int64, error)) (bool, error) {
	var rows int64
	err := s.write(ctx, func(_ context.Context, t *transaction) error {
		var err error
		rows, err = do(t.q)
		return failure(err, "stream")
	})
	return rows == 1, err
}

func orZero(t *time.Time) int64 {
	if t == nil {
		return 0
	}
	return millis(*t)
}

func auditStreamOf(row query.AuditStream) (stream.Stream, error) {
	one := stream.Stream{
		ID: postern.AuditStreamID(row.ID), Version: row.Version, Name: row.Name, Paused: row.Paused, Secrets: fromBlob(row.Secrets),
		Cursor: row.Cursor, DeliveredAt: fromOptionalMillis(row.DeliveredAt), Failures: int(row.Failures), Problem: row.Problem,
		ProblemAt: fromOptionalMillis(row.ProblemAt), NextAt: fromOptionalMillis(sql.NullInt64{Int64: row.NextAt, Valid: row.NextAt != 0}),
		CreatedAt: fromMillis(row.CreatedAt), UpdatedAt: fromMillis(row.UpdatedAt),
	}
	return one, fromJSON("stream", row.Config, &one.Config)
}
