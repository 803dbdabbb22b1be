package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/store/internal/query"
)

// AuditFloor returns the last removal, the zero Floor when nothing was ever removed.
func (s *Store) AuditFloor(ctx context.Context) (audit.Floor, error) {
	row, err := s.read(ctx).GetAuditFloor(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return audit.Floor{}, nil
	}
	return floorOf(row), failure(err, "floor of the audit trail")
}

// AuditFloorAt returns the removal that ended with the given sequence.
func (s *Store) AuditFloorAt(ctx context.Context, sequence int64) (audit.Floor, error) {
	row, err := s.read(ctx).GetAuditFloorAt(ctx, sequence)
	return floorOf(row), failure(err, "floor of the audit trail")
}

func floorOf(row query.AuditFloor) audit.Floor {
	return audit.Floor{Sequence: row.Sequence, Hash: row.Hash, At: fromMillis(row.At), Note: row.Note}
}

// RemoveAuditEvents stores the floor and removes the entries up to it, in one transaction. The order matters: the
// database's own guard lets only those go that lie below a floor.
func (s *Store) RemoveAuditEvents(ctx context.Context, f audit.Floor) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		rows, err := t.q.InsertAuditFloor(ctx, query.InsertAuditFloorParams{Sequence: f.Sequence, Hash: f.Hash, At: millis(f.At), Note: f.Note})
		if err := inserted(rows, err, "floor of the audit trail"); err != nil {
			return err
		}
		_, err = t.q.DeleteAuditEvents(ctx, f.Sequence)
		return failure(err, "audit event")
	})
}

// FirstAuditEventSince returns the lowest sequence of the entries at or after a time, 0 when there is none.
func (s *Store) FirstAuditEventSince(ctx context.Context, at time.Time) (int64, error) {
	sequence, err := s.read(ctx).FirstAuditEventSince(ctx, millis(at))
	return sequence, failure(err, "audit event")
}

// guards keep entries as they were written: the database refuses to change one, and to remove one that does not lie below
// a floor. They stop mistakes and whoever has only a part of the rights; whoever owns the database can drop them, which
// is why there is a chain. A migration that has to touch entries drops the guards first; they come back by themselves.
var guards = map[Dialect][]string{
	SQLite: {
		`CREATE TRIGGER IF NOT EXISTS audit_events_unchanged BEFORE UPDATE ON audit_events
		BEGIN SELECT RAISE(ABORT, 'entries of the audit trail are not changed'); END`,
		`CREATE TRIGGER IF NOT EXISTS audit_events_kept BEFORE DELETE ON audit_events
		WHEN OLD.sequence > COALESCE((SELECT MAX(sequence) FROM audit_floors), 0)
		BEGIN SELECT RAISE(ABORT, 'entries of the audit trail are removed by retention only'); END`,
		`CREATE TRIGGER IF NOT EXISTS audit_floors_unchanged BEFORE UPDATE ON audit_floors
		BEGIN SELECT RAISE(ABORT, 'floors of the audit trail are not changed'); END`,
		`CREATE TRIGGER IF NOT EXISTS audit_floors_kept BEFORE DELETE ON audit_floors
		BEGIN SELECT RAISE(ABORT, 'floors of the audit trail are not removed'); END`,
	},
	PostgreSQL: {
		`CREATE OR REPLACE FUNCTION audit_guard() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			IF TG_TABLE_NAME = 'audit_events' AND TG_OP = 'DELETE' THEN
				IF OLD.sequence <= COALESCE((SELECT MAX(sequence) FROM audit_floors), 0) THEN
					RETURN OLD;
				END IF;
			END IF;
			RAISE EXCEPTION 'the audit trail is not changed';
		END $$`,
		`CREATE OR REPLACE FUNCTION audit_guard_all() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			RAISE EXCEPTION 'the audit trail is not changed';
		END $$`,
		`CREATE OR REPLACE TRIGGER audit_events_kept BEFORE UPDATE OR DELETE ON audit_events FOR EACH ROW EXECUTE FUNCTION audit_guard()`,
		`CREATE OR REPLACE TRIGGER audit_events_whole BEFORE TRUNCATE ON audit_events EXECUTE FUNCTION audit_guard_all()`,
		`CREATE OR REPLACE TRIGGER audit_floors_kept BEFORE UPDATE OR DELETE ON audit_floors FOR EACH ROW EXECUTE FUNCTION audit_guard()`,
		`CREATE OR REPLACE TRIGGER audit_floors_whole BEFORE TRUNCATE ON audit_floors EXECUTE FUNCTION audit_guard_all()`,
	},
}

// guardTrail puts the guards up.
func (s *Store) guardTrail(ctx context.Context) error {
	for _, statement := range guards[s.dialect] {
		if _, err := s.writer.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("store: guard the audit trail: %w", err)
		}
	}
	return nil
}
