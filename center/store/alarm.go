package store

import (
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/mail"
)

const alarmColumns = "state, attempts, body"

func scanAlarm(row scanner) (mail.AlarmEntry, error) {
	var state, text string
	var attempts int
	if err := row.Scan(&state, &attempts, &text); err != nil {
		return mail.AlarmEntry{}, failure(err, "message")
	}
	var m mail.AlarmEntry
	if err := fromJSON("message", text, &m); err != nil {
		return m, err
	}
	m.State, m.Attempts = postern.MessageState(state), attempts
	return m, nil
}

// CreateAlarm stores a message to an administrator.
func (s *Store) CreateAlarm(ctx context.Context, m mail.AlarmEntry) error {
	body, err := toJSON("message", m)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		result, err := t.tx.ExecContext(ctx, "INSERT INTO alarms (id, integration_id, state, attempts, created_at, body) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
			string(m.ID), string(m.Alarm.IntegrationID), string(m.State), int64(m.Attempts), millis(m.CreatedAt), body)
		if err != nil {
			return failure(err, "message")
		}
		n, err := result.RowsAffected()
		return inserted(n, err, "message")
	})
}

// Alarm returns one message to an administrator.
func (s *Store) Alarm(ctx context.Context, id postern.MessageID) (mail.AlarmEntry, error) {
	return scanAlarm(s.queryRow(ctx, "SELECT "+alarmColumns+" FROM alarms WHERE id = $1", string(id)))
}

// UpdateAlarm stores now if state and attempts are still those of was; CodeStale otherwise.
func (s *Store) UpdateAlarm(ctx context.Context, was, now mail.AlarmEntry) error {
	body, err := toJSON("message", now)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		result, err := t.tx.ExecContext(ctx, "UPDATE alarms SET state = $4, attempts = $5, body = $6 WHERE id = $1 AND state = $2 AND attempts = $3",
			string(was.ID), string(was.State), int64(was.Attempts), string(now.State), int64(now.Attempts), body)
		return s.changed(ctx, result, err, "message", "SELECT 1 FROM alarms WHERE id = $1", string(was.ID))
	})
}

// addresses are the mail addresses of administrators.
func (s *Store) addresses(ctx context.Context) (map[postern.AdministratorID]string, error) {
	rows, err := s.list(ctx, "SELECT administrator_id, address FROM administrator_addresses", filter{})
	if err != nil {
		return nil, failure(err, "administrator")
	}
	defer rows.Close()
	all := make(map[postern.AdministratorID]string)
	for rows.Next() {
		var id, address string
		if err := rows.Scan(&id, &address); err != nil {
			return nil, failure(err, "administrator")
		}
		all[postern.AdministratorID(id)] = address
	}
	return all, failure(rows.Err(), "administrator")
}

// setAddress keeps where an administrator reads mail; empty: nowhere.
func setAddress(ctx context.Context, t *transaction, id postern.AdministratorID, address string) error {
	if _, err := t.tx.ExecContext(ctx, "DELETE FROM administrator_addresses WHERE administrator_id = $1", string(id)); err != nil || address == "" {
		return failure(err, "administrator")
	}
	_, err := t.tx.ExecContext(ctx, "INSERT INTO administrator_addresses (administrator_id, address) VALUES ($1, $2)", string(id), address)
	return failure(err, "administrator")
}
