package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/mail"
	"github.com/postern/postern/center/store/internal/query"
)

// CreateMessage puts a message into the outbox.
func (s *Store) CreateMessage(ctx context.Context, m mail.Entry) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		next := m.CreatedAt
		if m.NextAt != nil {
			next = *m.NextAt
		}
		rows, err := t.q.InsertMessage(ctx, query.InsertMessageParams{
			ID: string(m.ID), IntegrationID: string(m.IntegrationID), UserID: string(m.UserID), InvitationID: string(m.InvitationID),
			Kind: string(m.Kind), Language: string(m.Language), Address: m.Address, Name: m.Name, State: string(m.State),
			Attempts: int64(m.Attempts), Problem: m.Problem, Sealed: blob(m.Sealed), Rank: int64(m.Rank),
			CreatedAt: millis(m.CreatedAt), NextAt: millis(next), TriedAt: optionalMillis(m.TriedAt),
			SentAt: optionalMillis(m.SentAt), ExpiresAt: optionalMillis(m.ExpiresAt),
		})
		return inserted(rows, err, "message")
	})
}

// Message returns one message.
func (s *Store) Message(ctx context.Context, id postern.MessageID) (mail.Entry, error) {
	row, err := s.read(ctx).GetMessage(ctx, string(id))
	if err != nil {
		return mail.Entry{}, failure(err, "message")
	}
	return messageOf(row)
}

const messageColumns = `id, integration_id, user_id, invitation_id, kind, language, address, name, state, attempts, problem,
	created_at, next_at, sent_at`

// Messages returns the messages that q chooses, newest first, without what they are made of.
func (s *Store) Messages(ctx context.Context, q mail.Query) ([]postern.Message, error) {
	f := filter{}
	f.equal("integration_id", string(q.IntegrationID))
	f.equal("user_id", string(q.UserID))
	f.equal("state", string(q.State))
	f.equal("kind", string(q.Kind))
	f.page("created_at DESC, id DESC", q.Offset, q.Limit)
	rows, err := s.list(ctx, "SELECT "+messageColumns+" FROM messages", f)
	if err != nil {
		return nil, failure(err, "message")
	}
	defer rows.Close()
	all := []postern.Message{}
	for rows.Next() {
		var m query.Message
		if err := rows.Scan(&m.ID, &m.IntegrationID, &m.UserID, &m.InvitationID, &m.Kind, &m.Language, &m.Address, &m.Name, &m.State,
			&m.Attempts, &m.Problem, &m.CreatedAt, &m.NextAt, &m.SentAt); err != nil {
			return nil, failure(err, "message")
		}
		entry, err := messageOf(m)
		if err != nil {
			return nil, err
		}
		all = append(all, entry.Message)
	}
	return all, failure(rows.Err(), "message")
}

// DueMessages lists queued messages whose time has come, in the order in which they go out.
func (s *Store) DueMessages(ctx context.Context, now time.Time, limit int) ([]mail.Entry, error) {
	rows, err := s.read(ctx).ListDueMessages(ctx, query.ListDueMessagesParams{NextAt: millis(now), Limit: bounded(limit)})
	return convert(rows, err, "message", messageOf)
}

// WithdrawMessages withdraws what is queued about an invitation, and wipes what it is made of.
func (s *Store) WithdrawMessages(ctx context.Context, invitation postern.InvitationID, problem string) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		err := t.q.WithdrawMessages(ctx, query.WithdrawMessagesParams{InvitationID: string(invitation), Problem: problem, Sealed: blob(nil)})
		return failure(err, "message")
	})
}

// NextMessage is when the first queued message may be tried; ok is false when none is queued.
func (s *Store) NextMessage(ctx context.Context) (at time.Time, ok bool, err error) {
	ms, err := s.read(ctx).NextMessageAt(ctx)
	return fromMillis(ms), ms != 0, failure(err, "message")
}

// MessagesTried counts the messages whose last attempt was begun after that time.
func (s *Store) MessagesTried(ctx context.Context, after time.Time) (int, error) {
	n, err := s.read(ctx).CountMessagesTried(ctx, sql.NullInt64{Int64: millis(after), Valid: true})
	return int(n), failure(err, "message")
}

// UpdateMessage stores now if state and attempts are still those of was; otherwise it answers CodeStale. What a message
// is made of is wiped unless it stays queued.
func (s *Store) UpdateMessage(ctx context.Context, was, now mail.Entry) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		sealed := now.Sealed
		if now.State != postern.MessageQueued {
			sealed = nil
		}
		next := now.CreatedAt
		if now.NextAt != nil {
			next = *now.NextAt
		}
		rows, err := t.q.UpdateMessage(ctx, query.UpdateMessageParams{
			ID: string(was.ID), WasState: string(was.State), WasAttempts: int64(was.Attempts),
			State: string(now.State), Attempts: int64(now.Attempts), Problem: now.Problem, Sealed: blob(sealed),
			NextAt: millis(next), TriedAt: optionalMillis(now.TriedAt), SentAt: optionalMillis(now.SentAt),
		})
		return versioned(rows, err, "message", func() error { _, err := t.q.GetMessage(ctx, string(was.ID)); return err })
	})
}

// PostponeMessages has every queued message that is due wait until a time, for a problem that is none of its own.
func (s *Store) PostponeMessages(ctx context.Context, due, until time.Time, problem string) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		err := t.q.PostponeDueMessages(ctx, query.PostponeDueMessagesParams{Problem: problem, NextAt: millis(until), Due: millis(due)})
		return failure(err, "message")
	})
}

// HastenMessages makes every queued message due whose last attempt was not begun after triedBefore.
func (s *Store) HastenMessages(ctx context.Context, now, triedBefore time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		err := t.q.HastenMessages(ctx, query.HastenMessagesParams{At: millis(now), TriedBefore: sql.NullInt64{Int64: millis(triedBefore), Valid: true}})
		return failure(err, "message")
	})
}

// UnfinishedUsers lists the users in phase paired whose account is not known to be closed, by id after that one.
func (s *Store) UnfinishedUsers(ctx context.Context, integration postern.IntegrationID, after postern.UserID, limit int) ([]mail.Unfinished, error) {
	rows, err := s.read(ctx).ListUnfinishedUsers(ctx, query.ListUnfinishedUsersParams{
		IntegrationID: string(integration), ID: string(after), Limit: bounded(limit),
	})
	return convert(rows, err, "user", func(row query.ListUnfinishedUsersRow) (mail.Unfinished, error) {
		u, err := userOf(row.User)
		out := mail.Unfinished{User: u, Since: fromMillis(row.Since), Reminders: int(row.Reminders)}
		if row.RemindedAt != 0 {
			out.RemindedAt = fromMillis(row.RemindedAt)
		}
		return out, err
	})
}

// EndingInvitations lists open invitations that end soon and about which nobody was reminded.
func (s *Store) EndingInvitations(ctx context.Context, integration postern.IntegrationID, q mail.Ending) ([]mail.Invited, error) {
	rows, err := s.read(ctx).ListEndingInvitations(ctx, query.ListEndingInvitationsParams{
		IntegrationID: string(integration), Now: millis(q.From), Until: millis(q.Until), Life: q.Life.Milliseconds(),
		After: string(q.After), Count: bounded(q.Limit),
	})
	return convert(rows, err, "invitation", func(row query.ListEndingInvitationsRow) (mail.Invited, error) {
		u, err := userOf(row.User)
		if err != nil {
			return mail.Invited{}, err
		}
		inv, err := invitationOf(row.Invitation)
		return mail.Invited{User: u, Invitation: inv}, err
	})
}

func messageOf(row query.Message) (mail.Entry, error) {
	m := mail.Entry{
		Message: postern.Message{
			ID: postern.MessageID(row.ID), IntegrationID: postern.IntegrationID(row.IntegrationID), UserID: postern.UserID(row.UserID),
			InvitationID: postern.InvitationID(row.InvitationID), Kind: postern.MessageKind(row.Kind),
			Language: postern.Language(row.Language), Address: row.Address, Name: row.Name, State: postern.MessageState(row.State),
			Attempts: int(row.Attempts), Problem: row.Problem, CreatedAt: fromMillis(row.CreatedAt), SentAt: fromOptionalMillis(row.SentAt),
		},
		Sealed: fromBlob(row.Sealed), Rank: int(row.Rank), TriedAt: fromOptionalMillis(row.TriedAt), ExpiresAt: fromOptionalMillis(row.ExpiresAt),
	}
	if m.State == postern.MessageQueued {
		next := fromMillis(row.NextAt)
		m.NextAt = &next
	}
	return m, nil
}
