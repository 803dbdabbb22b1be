package store

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/inventory"
)

// crowd is the table that says who is in a tenant.
type crowd struct {
	table   string
	real    string // restricts d to users who are there
	enabled string // whether the account may sign in
}

// crowdOf chooses it.
func crowdOf(p inventory.People) crowd {
	if p.Known {
		return crowd{"users", "d.account <> 'deleted' AND d.object_id <> ''", "d.account <> 'disabled'"}
	}
	return crowd{"directory_users", "1 = 1", "d.enabled"}
}

// NoteDue puts users on the list of those who are still to be asked.
func (s *Store) NoteDue(ctx context.Context, integration postern.IntegrationID, objectIDs []string) error {
	ids := slices.Clone(objectIDs)
	slices.Sort(ids)
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		for some := range slices.Chunk(slices.Compact(ids), 10*putAtOnce) {
			var values filter // only for what it binds
			var rows []string
			in := values.bind(string(integration))
			for _, id := range some {
				rows = append(rows, "("+in+", "+values.bind(id)+", 0)")
			}
			if _, err := t.tx.ExecContext(ctx, "INSERT INTO inventory_due (integration_id, object_id, attempts) VALUES "+strings.Join(rows, ", ")+
				" ON CONFLICT DO NOTHING", values.args...); err != nil {
				return failure(err, "inventory")
			}
		}
		return nil
	})
}

const due = "INSERT INTO inventory_due (integration_id, object_id, attempts) "

// NoteEverybodyDue puts people after one, ordered by object id, on that list, at most limit of them.
func (s *Store) NoteEverybodyDue(ctx context.Context, people inventory.People, after string, limit int) (last string, err error) {
	c := crowdOf(people)
	err = s.write(ctx, func(ctx context.Context, t *transaction) error {
		if last, err = lastOf(ctx, t, c, people, after, limit); err != nil {
			return err
		}
		text := due + "SELECT d.integration_id, d.object_id, 0 FROM " + c.table + " d WHERE d.integration_id = $1 AND d.object_id > $2 AND " + c.real
		args := []any{string(people.Integration), after}
		if last != "" {
			text, args = text+" AND d.object_id <= $3", append(args, last)
		}
		_, err := t.tx.ExecContext(ctx, text+" ON CONFLICT DO NOTHING", args...)
		return failure(err, "inventory")
	})
	return last, err
}

// lastOf is the object id of the last of limit people after one, or "" where there are no more than those.
func lastOf(ctx context.Context, t *transaction, c crowd, people inventory.People, after string, limit int) (last string, err error) {
	err = t.tx.QueryRowContext(ctx, "SELECT d.object_id FROM "+c.table+" d WHERE d.integration_id = $1 AND d.object_id > $2 AND "+c.real+
		" ORDER BY d.object_id LIMIT 1 OFFSET $3", string(people.Integration), after, limit-1).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return last, failure(err, "inventory")
}

// NoteHoldersDue puts people on that list who have a passkey, as far as was known, or a managed one in the books.
func (s *Store) NoteHoldersDue(ctx context.Context, people inventory.People) error {
	c := crowdOf(people)
	return s.note(ctx, "SELECT d.integration_id, d.object_id, 0 FROM "+c.table+" d WHERE d.integration_id = $1 AND "+c.real+` AND (
		EXISTS (SELECT 1 FROM inventory_users i WHERE i.integration_id = d.integration_id AND i.object_id = d.object_id AND i.passkeys > 0)
		OR EXISTS (SELECT 1 FROM users u JOIN passkeys k ON k.user_id = u.id WHERE u.integration_id = d.integration_id AND u.object_id = d.object_id AND k.state <> 'revoked'))`,
		string(people.Integration))
}

// NoteUnreadDue puts people on that list whose passkeys were never read, or not at the last attempt.
func (s *Store) NoteUnreadDue(ctx context.Context, people inventory.People) error {
	c := crowdOf(people)
	return s.note(ctx, "SELECT d.integration_id, d.object_id, 0 FROM "+c.table+" d"+unread+" WHERE d.integration_id = $1 AND "+c.real+" AND "+isUnread, string(people.Integration))
}

const (
	unread   = " LEFT JOIN inventory_users i ON i.integration_id = d.integration_id AND i.object_id = d.object_id"
	isUnread = "(i.object_id IS NULL OR i.looked_at = 0 OR i.failures > 0)"
)

// NoteOldestDue puts the people on that list whose passkeys were read longest ago, at most limit of them.
func (s *Store) NoteOldestDue(ctx context.Context, people inventory.People, limit int) error {
	return s.note(ctx, `SELECT integration_id, object_id, 0 FROM (SELECT integration_id, object_id FROM inventory_users
		WHERE integration_id = $1 ORDER BY looked_at, object_id LIMIT $2) AS oldest WHERE 1 = 1`, string(people.Integration), limit)
}

func (s *Store) note(ctx context.Context, selection string, args ...any) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		_, err := t.tx.ExecContext(ctx, due+selection+" ON CONFLICT DO NOTHING", args...)
		return failure(err, "inventory")
	})
}

// Due lists those who are still to be asked, those first who were asked least often, and counts all of them.
func (s *Store) Due(ctx context.Context, integration postern.IntegrationID, limit int) (objectIDs []string, all int, err error) {
	if err := s.queryRow(ctx, "SELECT count(*) FROM inventory_due WHERE integration_id = $1", string(integration)).Scan(&all); err != nil {
		return nil, 0, failure(err, "inventory")
	}
	objectIDs, err = s.ids(ctx, "SELECT object_id FROM inventory_due WHERE integration_id = $1 ORDER BY attempts, object_id LIMIT $2", string(integration), limit)
	return objectIDs, all, err
}

// Unread lists people whose passkeys were never read, or not at the last attempt.
func (s *Store) Unread(ctx context.Context, people inventory.People, limit int) ([]string, error) {
	c := crowdOf(people)
	return s.ids(ctx, "SELECT d.object_id FROM "+c.table+" d"+unread+" WHERE d.integration_id = $1 AND "+c.real+" AND "+isUnread+" ORDER BY d.object_id LIMIT $2",
		string(people.Integration), limit)
}

// CountUnread counts them.
func (s *Store) CountUnread(ctx context.Context, people inventory.People) (n int, err error) {
	c := crowdOf(people)
	err = s.queryRow(ctx, "SELECT count(*) FROM "+c.table+" d"+unread+" WHERE d.integration_id = $1 AND "+c.real+" AND "+isUnread, string(people.Integration)).Scan(&n)
	return n, failure(err, "inventory")
}

// CountPeople counts people.
func (s *Store) CountPeople(ctx context.Context, people inventory.People) (n int, err error) {
	c := crowdOf(people)
	err = s.queryRow(ctx, "SELECT count(*) FROM "+c.table+" d WHERE d.integration_id = $1 AND "+c.real, string(people.Integration)).Scan(&n)
	return n, failure(err, "inventory")
}

// ids runs a SELECT of one column.
func (s *Store) ids(ctx context.Context, text string, args ...any) ([]string, error) {
	rows, err := s.list(ctx, text, filter{args: args})
	if err != nil {
		return nil, failure(err, "inventory")
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, failure(err, "inventory")
		}
		ids = append(ids, id)
	}
	return ids, failure(rows.Err(), "inventory")
}

// ForgetDue empties the list.
func (s *Store) ForgetDue(ctx context.Context, integration postern.IntegrationID) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		_, err := t.tx.ExecContext(ctx, "DELETE FROM inventory_due WHERE integration_id = $1", string(integration))
		return failure(err, "inventory")
	})
}

// CoverPeople marks people after one, ordered by object id, who are not on the list of those to be asked, as known to have
// no passkey at a time, at most limit of them.
func (s *Store) CoverPeople(ctx context.Context, people inventory.People, at time.Time, after string, limit int) (last string, err error) {
	c := crowdOf(people)
	err = s.write(ctx, func(ctx context.Context, t *transaction) error {
		if last, err = lastOf(ctx, t, c, people, after, limit); err != nil {
			return err
		}
		bound := ""
		args := []any{string(people.Integration), after, millis(at)}
		if last != "" {
			bound, args = " AND d.object_id <= $4", append(args, last)
		}
		_, err := t.tx.ExecContext(ctx, `INSERT INTO inventory_users (integration_id, object_id, looked_at, last_use_at, passkeys, failures, methods, methods_at)
			SELECT d.integration_id, d.object_id, CAST($3 AS BIGINT), 0, 0, 0, 'null', 0 FROM `+c.table+" d WHERE d.integration_id = $1 AND d.object_id > $2"+bound+" AND "+c.real+`
			AND NOT EXISTS (SELECT 1 FROM inventory_due q WHERE q.integration_id = d.integration_id AND q.object_id = d.object_id)
			ON CONFLICT (integration_id, object_id) DO UPDATE SET looked_at = excluded.looked_at, failures = 0`, args...)
		return failure(err, "inventory")
	})
	return last, err
}

// ForgetGone removes what is kept of users who are not among people, and returns how many passkeys that were.
func (s *Store) ForgetGone(ctx context.Context, people inventory.People) (passkeys int, err error) {
	c := crowdOf(people)
	err = s.write(ctx, func(ctx context.Context, t *transaction) error {
		for _, table := range []string{"inventory_passkeys", "inventory_users", "inventory_due"} {
			result, err := t.tx.ExecContext(ctx, "DELETE FROM "+table+" WHERE integration_id = $1 AND NOT EXISTS (SELECT 1 FROM "+c.table+
				" d WHERE d.integration_id = $1 AND d.object_id = "+table+".object_id AND "+c.real+")", string(people.Integration))
			if err != nil {
				return failure(err, "inventory")
			}
			if table == "inventory_passkeys" {
				n, err := result.RowsAffected()
				if err != nil {
					return failure(err, "inventory")
				}
				passkeys = int(n)
			}
		}
		return nil
	})
	return passkeys, err
}

// ObjectIDs finds people by their user principal names, in any case; names that nobody has are left out.
func (s *Store) ObjectIDs(ctx context.Context, people inventory.People, upns []string) ([]string, error) {
	if len(upns) == 0 {
		return nil, nil
	}
	c := crowdOf(people)
	folded := make([]string, len(upns))
	for n, upn := range upns {
		folded[n] = strings.ToLower(upn)
	}
	var f filter
	f.where("d.integration_id = " + f.bind(string(people.Integration)))
	f.where(c.real)
	if err := s.among(&f, "lower(d.upn)", folded); err != nil {
		return nil, err
	}
	return s.ids(ctx, "SELECT d.object_id FROM "+c.table+" d WHERE "+strings.Join(f.conditions, " AND "), f.args...)
}
