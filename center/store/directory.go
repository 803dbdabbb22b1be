package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/directory"
)

// The statements of a mirror carry a page of users each, so they are written here and not generated.

// DirectoryProgress returns how far the directory of an integration was read; a zero Version says never.
func (s *Store) DirectoryProgress(ctx context.Context, integration postern.IntegrationID) (directory.Progress, error) {
	p := directory.Progress{Integration: integration}
	var body string
	err := s.queryRow(ctx, "SELECT version, body FROM directory_progress WHERE integration_id = $1", string(integration)).Scan(&p.Version, &body)
	if errors.Is(err, sql.ErrNoRows) {
		return p, nil
	}
	if err != nil {
		return p, failure(err, "directory")
	}
	return p, fromJSON("progress of a directory", body, &p)
}

// SetDirectoryProgress stores p if p.Version is still the stored one, and increments it; CodeStale otherwise.
func (s *Store) SetDirectoryProgress(ctx context.Context, p *directory.Progress) error {
	body, err := toJSON("progress of a directory", p)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		text := "UPDATE directory_progress SET version = version + 1, body = $3 WHERE integration_id = $1 AND version = $2"
		if p.Version == 0 {
			text = "INSERT INTO directory_progress (integration_id, version, body) VALUES ($1, $2 + 1, $3) ON CONFLICT DO NOTHING"
		}
		result, err := t.tx.ExecContext(ctx, text, string(p.Integration), p.Version, body)
		if err != nil {
			return failure(err, "directory")
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(postern.Errorf(postern.CodeStale, ""), err)
		}
		t.bump(&p.Version)
		return nil
	})
}

const directoryColumns = "object_id, upn, display_name, mail, enabled, guest, synced, privileged, roles"

// DirectoryUsers returns those of the users with these object ids that the mirror has.
func (s *Store) DirectoryUsers(ctx context.Context, integration postern.IntegrationID, objectIDs []string) ([]postern.DirectoryUser, error) {
	if len(objectIDs) == 0 {
		return nil, nil
	}
	var f filter
	f.equal("integration_id", string(integration))
	if err := s.among(&f, "object_id", objectIDs); err != nil {
		return nil, err
	}
	return s.directoryUsers(ctx, f)
}

// DirectoryUsersWithRoles lists the users that are marked with roles.
func (s *Store) DirectoryUsersWithRoles(ctx context.Context, integration postern.IntegrationID) ([]postern.DirectoryUser, error) {
	var f filter
	f.equal("integration_id", string(integration))
	f.where("roles <> 'null'")
	return s.directoryUsers(ctx, f)
}

// DirectoryUsersBefore lists users that no reading of the whole directory has seen since generation.
func (s *Store) DirectoryUsersBefore(ctx context.Context, integration postern.IntegrationID, generation int64, limit int) ([]postern.DirectoryUser, error) {
	var f filter
	f.equal("integration_id", string(integration))
	f.where("generation < " + f.bind(generation))
	f.page("object_id", 0, limit)
	return s.directoryUsers(ctx, f)
}

func (s *Store) directoryUsers(ctx context.Context, f filter) ([]postern.DirectoryUser, error) {
	rows, err := s.list(ctx, "SELECT "+directoryColumns+" FROM directory_users", f)
	if err != nil {
		return nil, failure(err, "directory")
	}
	defer rows.Close()
	var users []postern.DirectoryUser
	for rows.Next() {
		u, err := scanDirectoryUser(rows)
		if err != nil {
			return nil, err
		}
		users = append(users, u)
	}
	return users, failure(rows.Err(), "directory")
}

func scanDirectoryUser(rows *sql.Rows, more ...any) (postern.DirectoryUser, error) {
	var u postern.DirectoryUser
	var roles string
	to := append([]any{&u.ObjectID, &u.UPN, &u.DisplayName, &u.Mail, &u.Enabled, &u.Guest, &u.Synced, &u.Privileged, &roles}, more...)
	if err := rows.Scan(to...); err != nil {
		return u, failure(err, "directory")
	}
	return u, fromJSON("roles of a user", roles, &u.Roles)
}

// CountDirectoryUsers counts all users, and those not seen since generation.
func (s *Store) CountDirectoryUsers(ctx context.Context, integration postern.IntegrationID, generation int64) (all, before int, err error) {
	err = s.queryRow(ctx, "SELECT count(*), count(CASE WHEN generation < $2 THEN 1 END) FROM directory_users WHERE integration_id = $1",
		string(integration), generation).Scan(&all, &before)
	return all, before, failure(err, "directory")
}

// KnownOutsideDirectory lists the object ids of users who were looked up before a time, are not taken for deleted, and are
// not in the mirror.
func (s *Store) KnownOutsideDirectory(ctx context.Context, integration postern.IntegrationID, before time.Time, limit int) ([]string, error) {
	rows, err := s.list(ctx, `SELECT u.object_id FROM users u WHERE u.integration_id = $1 AND u.account IN ('enabled', 'disabled')
		AND u.created_at < $2 AND NOT EXISTS (SELECT 1 FROM directory_users d WHERE d.integration_id = $1 AND d.object_id = u.object_id)
		ORDER BY u.object_id LIMIT $3`, filter{args: []any{string(integration), millis(before), bounded(limit)}})
	if err != nil {
		return nil, failure(err, "directory")
	}
	defer rows.Close()
	var ids []string
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, failure(err, "directory")
		}
		ids = append(ids, id)
	}
	return ids, failure(rows.Err(), "directory")
}

// putAtOnce is how many users one statement stores. SQLite takes a time for the parameters of a statement that grows with
// their square, and each user has a dozen: a page of Graph's at once would take ten times as long as in parts.
const putAtOnce = 50

// PutDirectoryUsers stores users, each of them once, as seen in that reading of the whole directory.
func (s *Store) PutDirectoryUsers(ctx context.Context, integration postern.IntegrationID, generation int64, users []postern.DirectoryUser) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		for some := range slices.Chunk(users, putAtOnce) {
			var values filter // only for what it binds
			var text strings.Builder
			text.WriteString("INSERT INTO directory_users (integration_id, generation, " + directoryColumns + ", sort_key, search_text) VALUES ")
			in, at := values.bind(string(integration)), values.bind(generation)
			for n, u := range some {
				roles, err := toJSON("roles of a user", u.Roles)
				if err != nil {
					return err
				}
				folded := strings.ToLower(u.DisplayName)
				if n > 0 {
					text.WriteString(", ")
				}
				text.WriteString("(" + in + ", " + at)
				for _, v := range []any{
					u.ObjectID, u.UPN, u.DisplayName, u.Mail, u.Enabled, u.Guest, u.Synced, u.Privileged, roles, []byte(folded),
					// Line breaks between them, which nobody searches for, so that no match spans two.
					folded + "\n" + strings.ToLower(u.UPN) + "\n" + strings.ToLower(u.Mail),
				} {
					text.WriteString(", " + values.bind(v))
				}
				text.WriteString(")")
			}
			text.WriteString(" ON CONFLICT (integration_id, object_id) DO UPDATE SET generation = excluded.generation, upn = excluded.upn," +
				" display_name = excluded.display_name, mail = excluded.mail, enabled = excluded.enabled, guest = excluded.guest," +
				" synced = excluded.synced, privileged = excluded.privileged, roles = excluded.roles, sort_key = excluded.sort_key," +
				" search_text = excluded.search_text")
			if _, err := t.tx.ExecContext(ctx, text.String(), values.args...); err != nil {
				return failure(err, "directory")
			}
		}
		return nil
	})
}

// MarkDirectoryUsers stores Privileged and Roles of users that the mirror has, and nothing else of them.
func (s *Store) MarkDirectoryUsers(ctx context.Context, integration postern.IntegrationID, users []postern.DirectoryUser) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		for _, u := range users { // few: those whose roles changed
			roles, err := toJSON("roles of a user", u.Roles)
			if err != nil {
				return err
			}
			if _, err := t.tx.ExecContext(ctx, "UPDATE directory_users SET privileged = $3, roles = $4 WHERE integration_id = $1 AND object_id = $2",
				string(integration), u.ObjectID, u.Privileged, roles); err != nil {
				return failure(err, "directory")
			}
		}
		return nil
	})
}

// DropDirectoryUsers forgets users.
func (s *Store) DropDirectoryUsers(ctx context.Context, integration postern.IntegrationID, objectIDs []string) error {
	if len(objectIDs) == 0 {
		return nil
	}
	var f filter
	f.equal("integration_id", string(integration))
	if err := s.among(&f, "object_id", objectIDs); err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		_, err := t.tx.ExecContext(ctx, "DELETE FROM directory_users WHERE "+strings.Join(f.conditions, " AND "), f.args...)
		return failure(err, "directory")
	})
}

// DirectoryEntries lists what q chooses, ordered by display name without regard to case, then object id. Users that were
// not seen since generation missing are marked.
func (s *Store) DirectoryEntries(ctx context.Context, q directory.Query, missing int64) ([]postern.DirectoryEntry, error) {
	var f filter
	selection := "SELECT d." + strings.ReplaceAll(directoryColumns, ", ", ", d.") +
		", coalesce(u.id, ''), coalesce(u.phase, ''), d.generation < " + f.bind(missing) +
		" FROM directory_users d LEFT JOIN users u ON u.integration_id = d.integration_id AND u.object_id = d.object_id"
	f.where("d.integration_id = " + f.bind(string(q.IntegrationID)))
	f.equal("d.object_id", q.ObjectID)
	f.contains("d.search_text", strings.ToLower(strings.TrimSpace(q.Search)))
	switch q.Account {
	case postern.AccountEnabled:
		f.where("d.enabled")
	case postern.AccountDisabled:
		f.where("NOT d.enabled")
	case "":
	default:
		f.where("1 = 0") // the mirror has no other accounts
	}
	f.flag("d.guest", q.Guest)
	f.flag("d.privileged", q.Privileged)
	if q.Phase == postern.PhaseNone {
		f.where("coalesce(u.phase, '') = ''")
	} else {
		f.equal("u.phase", string(q.Phase))
	}
	if q.Members != nil {
		if err := s.among(&f, "d.object_id", q.Members); err != nil {
			return nil, err
		}
	}
	f.page("d.sort_key, d.object_id", q.Offset, q.Limit)
	rows, err := s.list(ctx, selection, f)
	if err != nil {
		return nil, failure(err, "directory")
	}
	defer rows.Close()
	entries := []postern.DirectoryEntry{}
	for rows.Next() {
		e := postern.DirectoryEntry{IntegrationID: q.IntegrationID}
		if e.DirectoryUser, err = scanDirectoryUser(rows, &e.UserID, &e.Phase, &e.Missing); err != nil {
			return nil, err
		}
		entries = append(entries, e)
	}
	return entries, failure(rows.Err(), "directory")
}

// flag restricts a column that is true or false, unless want is nil.
func (f *filter) flag(column string, want *bool) {
	switch {
	case want == nil:
	case *want:
		f.where(column)
	default:
		f.where("NOT " + column)
	}
}

// among restricts column to values, however many there are.
func (s *Store) among(f *filter, column string, values []string) error {
	text, err := json.Marshal(values)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	one := f.bind(string(text))
	if s.dialect == SQLite {
		f.where(column + " IN (SELECT value FROM json_each(" + one + "))")
	} else {
		f.where(column + " IN (SELECT jsonb_array_elements_text(CAST(" + one + " AS jsonb)))")
	}
	return nil
}

func (s *Store) queryRow(ctx context.Context, text string, args ...any) *sql.Row {
	if t := s.transaction(ctx); t != nil {
		return t.tx.QueryRowContext(ctx, text, args...)
	}
	return s.reader.QueryRowContext(ctx, text, args...)
}
