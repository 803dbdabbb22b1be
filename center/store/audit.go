package store

import (
	"context"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/store/internal/query"
)

// AuditHead returns sequence and hash of the last entry, 0 and "" when there is none, and locks the head until the
// transaction of ctx ends. Without a transaction it only reads.
func (s *Store) AuditHead(ctx context.Context) (sequence int64, hash string, err error) {
	if t := s.transaction(ctx); t != nil {
		row, err := t.q.LockAuditHead(ctx)
		return row.Sequence, row.Hash, failure(err, "head of the audit trail")
	}
	row, err := s.readers.GetAuditHead(ctx)
	return row.Sequence, row.Hash, failure(err, "head of the audit trail")
}

// InsertAuditEvent stores e and makes it the head; CodeConflict when e.Sequence is not the one after the head's.
func (s *Store) InsertAuditEvent(ctx context.Context, e postern.AuditEvent) error {
	fields, err := toJSON("audit event", e.Fields)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		q := t.q
		subject, err := subjectOf(ctx, q, e)
		if err != nil {
			return err
		}
		rows, err := q.SetAuditHead(ctx, query.SetAuditHeadParams{Sequence: e.Sequence, Hash: e.Hash})
		if err := inserted(rows, err, "audit event"); err != nil {
			return err
		}
		rows, err = q.InsertAuditEvent(ctx, query.InsertAuditEventParams{
			Sequence: e.Sequence, ID: string(e.ID), At: millis(e.At), Code: e.Code, Name: e.Name, ActorKind: e.Actor.Kind,
			ActorID: e.Actor.ID, ActorName: e.Actor.Name, ActorAddr: e.Actor.Addr, IntegrationID: string(e.IntegrationID),
			Target: e.Target, TargetName: e.TargetName, Success: e.Success, ErrorCode: string(e.ErrorCode),
			Message: e.Message, Fields: fields, Previous: e.Previous, Hash: e.Hash, Subject: subject,
		})
		return inserted(rows, err, "audit event")
	})
}

const auditColumns = "sequence, id, at, code, name, actor_kind, actor_id, actor_name, actor_addr, integration_id, target, " +
	"target_name, success, error_code, message, fields, previous, hash"

// AuditEvents returns the entries that q chooses, oldest first unless q.Descending.
func (s *Store) AuditEvents(ctx context.Context, q audit.Query) ([]postern.AuditEvent, error) {
	f := filter{}
	f.equal("integration_id", string(q.IntegrationID))
	f.equal("target", q.Target)
	if q.Name != "" {
		f.where(eventCondition(&f, q.Name))
	}
	f.equal("actor_id", q.ActorID)
	f.equal("subject", string(q.User))
	if q.FailuresOnly {
		f.where("success = " + f.bind(false))
	}
	if q.SuccessOnly {
		f.where("success = " + f.bind(true))
	}
	if len(q.Names) > 0 {
		any := make([]string, len(q.Names))
		for n, name := range q.Names {
			any[n] = eventCondition(&f, name)
		}
		f.where("(" + strings.Join(any, " OR ") + ")")
	}
	for _, word := range strings.Fields(q.Text) {
		containsAnywhere(&f, word)
	}
	if !q.From.IsZero() {
		f.where("at >= " + f.bind(millis(q.From)))
	}
	if !q.To.IsZero() {
		f.where("at < " + f.bind(millis(q.To)))
	}
	if q.AfterSequence != 0 {
		f.where("sequence > " + f.bind(q.AfterSequence))
	}
	if q.Before != 0 {
		f.where("sequence < " + f.bind(q.Before))
	}
	order := "sequence"
	if q.Descending {
		order = "sequence DESC"
	}
	f.page(order, 0, q.Limit)
	rows, err := s.list(ctx, "SELECT "+auditColumns+" FROM audit_events", f)
	if err != nil {
		return nil, failure(err, "audit event")
	}
	defer rows.Close()
	events := []postern.AuditEvent{}
	for rows.Next() {
		var e postern.AuditEvent
		var at int64
		var fields string
		if err := rows.Scan(&e.Sequence, &e.ID, &at, &e.Code, &e.Name, &e.Actor.Kind, &e.Actor.ID, &e.Actor.Name,
			&e.Actor.Addr, &e.IntegrationID, &e.Target, &e.TargetName, &e.Success, &e.ErrorCode, &e.Message, &fields,
			&e.Previous, &e.Hash); err != nil {
			return nil, failure(err, "audit event")
		}
		e.At = fromMillis(at)
		if err := fromJSON("audit event", fields, &e.Fields); err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, failure(rows.Err(), "audit event")
}
