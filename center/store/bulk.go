package store

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/bulk"
)

// bulkBody is what nobody searches a job by.
type bulkBody struct {
	Source       string                 `json:"source"`
	ValidMinutes int                    `json:"valid_minutes,omitempty"`
	Mail         postern.InvitationMail `json:"mail,omitempty"`
	Note         string                 `json:"note,omitempty"`
	StartedBy    string                 `json:"started_by"`
	Actor        postern.Actor          `json:"actor"`
	Code         postern.Code           `json:"code,omitempty"`
	Message      string                 `json:"message,omitempty"`
	Next         string                 `json:"next,omitempty"`
	Held         int64                  `json:"held,omitempty"`
	PerMinute    float64                `json:"per_minute,omitempty"`
	Mark         int64                  `json:"mark"`
	MarkFinished int                    `json:"mark_finished"`
}

const bulkColumns = "id, integration_id, version, kind, state, digest, body, total, pending, running, waiting, done, skipped, failed, " +
	"change, codes_until, created_at, updated_at, ended_at"

func bulkValues(r bulk.Record) ([]any, error) {
	b := bulkBody{
		Source: r.Source, ValidMinutes: r.ValidMinutes, Mail: r.Mail, Note: r.Note, StartedBy: r.StartedBy, Actor: r.Actor,
		Code: r.Code, Message: r.Message, Next: r.Next, PerMinute: r.PerMinute, Mark: millis(r.Mark), MarkFinished: r.MarkFinished,
	}
	if !r.Held.IsZero() {
		b.Held = millis(r.Held)
	}
	body, err := toJSON("job", b)
	c := r.Counts
	return []any{
		string(r.ID), string(r.IntegrationID), r.Version, string(r.Kind), string(r.State), r.Digest, body, c.Total, c.Pending, c.Running,
		c.Waiting, c.Done, c.Skipped, c.Failed, r.Change, optionalMillis(r.CodesUntil), millis(r.CreatedAt), millis(r.UpdatedAt),
		optionalMillis(r.EndedAt),
	}, err
}

type scanner interface{ Scan(to ...any) error }

func scanBulk(row scanner) (bulk.Record, error) {
	var r bulk.Record
	var body string
	var codes, ended sql.NullInt64
	var created, updated int64
	c := &r.Counts
	if err := row.Scan(&r.ID, &r.IntegrationID, &r.Version, &r.Kind, &r.State, &r.Digest, &body, &c.Total, &c.Pending, &c.Running, &c.Waiting,
		&c.Done, &c.Skipped, &c.Failed, &r.Change, &codes, &created, &updated, &ended); err != nil {
		return r, failure(err, "job")
	}
	var b bulkBody
	if err := fromJSON("job", body, &b); err != nil {
		return r, err
	}
	r.Source, r.ValidMinutes, r.Mail, r.Note, r.StartedBy, r.Actor = b.Source, b.ValidMinutes, b.Mail, b.Note, b.StartedBy, b.Actor
	r.Code, r.Message, r.Next, r.PerMinute, r.MarkFinished = b.Code, b.Message, b.Next, b.PerMinute, b.MarkFinished
	r.Mark = fromMillis(b.Mark)
	if b.Held != 0 {
		r.Held = fromMillis(b.Held)
	}
	r.CodesUntil, r.EndedAt = fromOptionalMillis(codes), fromOptionalMillis(ended)
	r.CreatedAt, r.UpdatedAt = fromMillis(created), fromMillis(updated)
	return r, nil
}

// placeholders is ($1, …, $n), ($n+1, …) for that many rows of that many columns.
func placeholders(rows, columns int) string {
	var b strings.Builder
	for row := range rows {
		b.WriteString([]string{"", ", "}[min(row, 1)] + "(")
		for column := range columns {
			b.WriteString([]string{"", ", "}[min(column, 1)] + "$" + strconv.Itoa(row*columns+column+1))
		}
		b.WriteByte(')')
	}
	return b.String()
}

// bulkChunk is how many rows one statement inserts: within SQLite's bound of 32,766 values.
const bulkChunk = 500

const bulkRowColumns = "job_id, number, given, times, valid_minutes, user_id, object_id, upn, state, code, message, next, made, tries, due, begun, updated_at, kept"

// CreateBulkJob stores a job with its rows.
func (s *Store) CreateBulkJob(ctx context.Context, r bulk.Record, rows []bulk.Row) error {
	values, err := bulkValues(r)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		if _, err := t.tx.ExecContext(ctx, "INSERT INTO bulk_jobs ("+bulkColumns+") VALUES "+placeholders(1, len(values)), values...); err != nil {
			return failure(err, "job")
		}
		for len(rows) > 0 {
			chunk := rows[:min(len(rows), bulkChunk)]
			rows = rows[len(chunk):]
			const columns = 19
			args := make([]any, 0, len(chunk)*columns)
			for _, row := range chunk {
				var begun int64
				if !row.Begun.IsZero() {
					begun = millis(row.Begun)
				}
				args = append(args, string(r.ID), row.Number, row.Given, row.Times, row.ValidMinutes, string(row.UserID), row.ObjectID, row.UPN,
					string(row.State), string(row.Code), row.Message, row.Next, row.Made, row.Tries, int64(0), begun, millis(row.UpdatedAt), row.Kept, []byte{})
			}
			if _, err := t.tx.ExecContext(ctx, "INSERT INTO bulk_rows ("+bulkRowColumns+", sealed) VALUES "+placeholders(len(chunk), columns), args...); err != nil {
				return failure(err, "row")
			}
		}
		return nil
	})
}

// BulkJob returns one job.
func (s *Store) BulkJob(ctx context.Context, id postern.BulkJobID) (bulk.Record, error) {
	const text = "SELECT " + bulkColumns + " FROM bulk_jobs WHERE id = $1"
	if t := s.transaction(ctx); t != nil {
		return scanBulk(t.tx.QueryRowContext(ctx, text, string(id)))
	}
	return scanBulk(s.reader.QueryRowContext(ctx, text, string(id)))
}

// BulkJobs returns the jobs that q chooses, newest first.
func (s *Store) BulkJobs(ctx context.Context, q bulk.Query) ([]bulk.Record, error) {
	f := filter{}
	f.equal("integration_id", string(q.IntegrationID))
	f.equal("state", string(q.State))
	f.page("created_at DESC, id DESC", q.Offset, q.Limit)
	rows, err := s.list(ctx, "SELECT "+bulkColumns+" FROM bulk_jobs", f)
	if err != nil {
		return nil, failure(err, "job")
	}
	defer rows.Close()
	jobs := []bulk.Record{}
	for rows.Next() {
		r, err := scanBulk(rows)
		if err != nil {
			return nil, err
		}
		jobs = append(jobs, r)
	}
	return jobs, failure(rows.Err(), "job")
}

// LockBulkJob reads a job and keeps other transactions from changing it until this one ends.
func (s *Store) LockBulkJob(ctx context.Context, id postern.BulkJobID) (bulk.Record, error) {
	var r bulk.Record
	err := s.write(ctx, func(ctx context.Context, t *transaction) error {
		result, err := t.tx.ExecContext(ctx, "UPDATE bulk_jobs SET change = change WHERE id = $1", string(id))
		if err != nil {
			return failure(err, "job")
		}
		n, err := result.RowsAffected()
		if err := found(n, err, "job"); err != nil {
			return err
		}
		r, err = s.BulkJob(ctx, id)
		return err
	})
	return r, err
}

// SaveBulkJob stores a job that is locked.
func (s *Store) SaveBulkJob(ctx context.Context, r bulk.Record) error {
	values, err := bulkValues(r)
	if err != nil {
		return err
	}
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		result, err := t.tx.ExecContext(ctx, `UPDATE bulk_jobs SET version = $3, kind = $4, state = $5, digest = $6, body = $7, total = $8,
			pending = $9, running = $10, waiting = $11, done = $12, skipped = $13, failed = $14, change = $15, codes_until = $16,
			created_at = $17, updated_at = $18, ended_at = $19 WHERE id = $1 AND integration_id = $2`, values...)
		if err != nil {
			return failure(err, "job")
		}
		n, err := result.RowsAffected()
		return found(n, err, "job")
	})
}

// EqualBulkJob finds a job of that digest that is not final.
func (s *Store) EqualBulkJob(ctx context.Context, integration postern.IntegrationID, digest string) (postern.BulkJobID, error) {
	f := filter{}
	f.equal("integration_id", string(integration))
	f.equal("digest", digest)
	f.where("state IN ('running', 'paused')")
	f.page("id", 0, 1)
	rows, err := s.list(ctx, "SELECT id FROM bulk_jobs", f)
	if err != nil {
		return "", failure(err, "job")
	}
	defer rows.Close()
	var id postern.BulkJobID
	if !rows.Next() {
		return "", failure(errors.Join(rows.Err(), sql.ErrNoRows), "job")
	}
	return id, failure(rows.Scan(&id), "job")
}

// DeleteOldBulkJobs forgets jobs that ended before a time, with their rows.
func (s *Store) DeleteOldBulkJobs(ctx context.Context, before time.Time) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		_, err := t.tx.ExecContext(ctx, "DELETE FROM bulk_jobs WHERE ended_at < $1", millis(before))
		return failure(err, "job")
	})
}

// BulkJobsWithSecrets lists jobs whose secrets may be fetched until before a time.
func (s *Store) BulkJobsWithSecrets(ctx context.Context, before time.Time) ([]postern.BulkJobID, error) {
	f := filter{}
	f.where("codes_until <= " + f.bind(millis(before)))
	f.page("codes_until", 0, maxLimit)
	rows, err := s.list(ctx, "SELECT id FROM bulk_jobs", f)
	if err != nil {
		return nil, failure(err, "job")
	}
	defer rows.Close()
	var ids []postern.BulkJobID
	for rows.Next() {
		var id postern.BulkJobID
		if err := rows.Scan(&id); err != nil {
			return nil, failure(err, "job")
		}
		ids = append(ids, id)
	}
	return ids, failure(rows.Err(), "job")
}

// BulkUsers lists the users of an integration by id, those after one, at most limit.
func (s *Store) BulkUsers(ctx context.Context, integration postern.IntegrationID, after postern.UserID, limit int) ([]bulk.KnownUser, error) {
	f := filter{}
	f.equal("integration_id", string(integration))
	f.where("id > " + f.bind(string(after)))
	f.page("id", 0, limit)
	rows, err := s.list(ctx, "SELECT id, object_id, upn, phase, account, guest FROM users", f)
	if err != nil {
		return nil, failure(err, "user")
	}
	defer rows.Close()
	var users []bulk.KnownUser
	for rows.Next() {
		var u bulk.KnownUser
		if err := rows.Scan(&u.ID, &u.ObjectID, &u.UPN, &u.Phase, &u.Account, &u.Guest); err != nil {
			return nil, failure(err, "user")
		}
		users = append(users, u)
	}
	return users, failure(rows.Err(), "user")
}
