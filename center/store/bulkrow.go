package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/bulk"
)

func scanBulkRow(row scanner) (bulk.Row, error) {
	var r bulk.Row
	var due, begun, updated int64
	if err := row.Scan(&r.JobID, &r.Number, &r.Given, &r.Times, &r.ValidMinutes, &r.UserID, &r.ObjectID, &r.UPN, &r.State, &r.Code, &r.Message,
		&r.Next, &r.Made, &r.Tries, &due, &begun, &updated, &r.Kept); err != nil {
		return r, failure(err, "row")
	}
	if due > 0 && !r.State.Final() && r.State != postern.BulkRowRunning {
		at := fromMillis(due)
		r.Due = &at
	}
	if begun > 0 {
		r.Begun = fromMillis(begun)
	}
	r.UpdatedAt = fromMillis(updated)
	return r, nil
}

// BulkRows returns the rows of a job that q chooses, by number.
func (s *Store) BulkRows(ctx context.Context, id postern.BulkJobID, q bulk.RowQuery) ([]postern.BulkRow, error) {
	f := filter{}
	f.equal("job_id", string(id))
	f.equal("state", string(q.State))
	if q.After > 0 {
		f.where("number > " + f.bind(q.After))
	}
	f.page("number", 0, q.Limit)
	rows, err := s.list(ctx, "SELECT "+bulkRowColumns+" FROM bulk_rows", f)
	if err != nil {
		return nil, failure(err, "row")
	}
	defer rows.Close()
	out := []postern.BulkRow{}
	for rows.Next() {
		r, err := scanBulkRow(rows)
		if err != nil {
			return nil, err
		}
		out = append(out, r.BulkRow)
	}
	return out, failure(rows.Err(), "row")
}

// openRow restricts to the rows that the partial index bulk_rows_open holds.
const openRow = "state IN ('pending', 'running', 'waiting')"

// TakeBulkRow marks the open row whose time came first as running until a time, and returns it as it was, with Tries
// counted up; nil when no row's time has come.
func (s *Store) TakeBulkRow(ctx context.Context, id postern.BulkJobID, now, until time.Time, begunOnly bool) (*bulk.Row, error) {
	var taken *bulk.Row
	err := s.write(ctx, func(ctx context.Context, t *transaction) error {
		taken = nil
		text := "SELECT " + bulkRowColumns + " FROM bulk_rows WHERE job_id = $1 AND due <= $2 AND " + openRow
		if begunOnly {
			text += " AND state = 'running'"
		}
		row, err := scanBulkRow(t.tx.QueryRowContext(ctx, text+" ORDER BY due, number LIMIT 1", string(id), millis(now)))
		if postern.IsCode(err, postern.CodeNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		row.Tries++
		row.Again = !row.Begun.IsZero()
		if !row.Again {
			row.Begun = fromMillis(millis(now))
		}
		if _, err := t.tx.ExecContext(ctx, `UPDATE bulk_rows SET state = 'running', due = $3, tries = $4, begun = $5, updated_at = $6
			WHERE job_id = $1 AND number = $2`, string(id), row.Number, millis(until), row.Tries, millis(row.Begun), millis(now)); err != nil {
			return failure(err, "row")
		}
		row.Due = nil
		taken = &row
		return nil
	})
	return taken, err
}

// KeepBulkRow notes that the act on a row that was taken until a time has happened, and what it made; CodeStale when the
// row is no longer taken so.
func (s *Store) KeepBulkRow(ctx context.Context, row bulk.Row, until time.Time, sealed []byte) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		result, err := t.tx.ExecContext(ctx, `UPDATE bulk_rows SET user_id = $4, upn = $5, made = $6, sealed = $7, kept = $8
			WHERE job_id = $1 AND number = $2 AND state = 'running' AND due = $3`,
			string(row.JobID), row.Number, millis(until), string(row.UserID), row.UPN, row.Made, blob(sealed), true)
		if err != nil {
			return failure(err, "row")
		}
		n, err := result.RowsAffected()
		if err == nil && n == 0 {
			return postern.Errorf(postern.CodeStale, "Somebody else does this row by now.")
		}
		return failure(err, "row")
	})
}

// EndBulkRow stores what became of a row that was taken until a time, and reports whether it was still taken so. What is
// sealed, and whom and what the row made, are only replaced, never emptied, by it.
func (s *Store) EndBulkRow(ctx context.Context, row bulk.Row, until, due time.Time, sealed []byte) (bool, error) {
	var ours bool
	err := s.write(ctx, func(ctx context.Context, t *transaction) error {
		var at int64
		if !due.IsZero() {
			at = millis(due)
		}
		result, err := t.tx.ExecContext(ctx, `UPDATE bulk_rows SET user_id = CASE WHEN $4 = '' THEN user_id ELSE $4 END, object_id = $5,
			upn = CASE WHEN $6 = '' THEN upn ELSE $6 END, state = $7, code = $8, message = $9,
			next = $10, made = CASE WHEN $11 = '' THEN made ELSE $11 END, tries = $12, due = $13, updated_at = $14 WHERE job_id = $1 AND number = $2 AND state = 'running' AND due = $3`,
			string(row.JobID), row.Number, millis(until), string(row.UserID), row.ObjectID, row.UPN, string(row.State), string(row.Code),
			row.Message, row.Next, row.Made, row.Tries, at, millis(row.UpdatedAt))
		if err != nil {
			return failure(err, "row")
		}
		n, err := result.RowsAffected()
		if ours = n == 1; err != nil || !ours || len(sealed) == 0 {
			return failure(err, "row")
		}
		_, err = t.tx.ExecContext(ctx, "UPDATE bulk_rows SET sealed = $3 WHERE job_id = $1 AND number = $2", string(row.JobID), row.Number, sealed)
		return failure(err, "row")
	})
	return ours, err
}

// MoveBulkRows brings all rows of one state into another with a reason, due at once, and counts them. Rows that come
// back to pending begin anew.
func (s *Store) MoveBulkRows(ctx context.Context, id postern.BulkJobID, from, to postern.BulkRowState, why postern.Error, now time.Time) (int, error) {
	var moved int64
	err := s.write(ctx, func(ctx context.Context, t *transaction) error {
		result, err := t.tx.ExecContext(ctx, `UPDATE bulk_rows SET state = $3, code = $4, message = $5, next = $6, due = 0,
			tries = CASE WHEN $3 = 'pending' THEN 0 ELSE tries END, begun = CASE WHEN $3 = 'pending' THEN 0 ELSE begun END,
			made = CASE WHEN $3 = 'pending' THEN '' ELSE made END, kept = (kept AND $3 <> 'pending'), updated_at = $7
			WHERE job_id = $1 AND state = $2`, string(id), string(from), string(to), string(why.Code), why.Message, why.Next, millis(now))
		if err != nil {
			return failure(err, "row")
		}
		moved, err = result.RowsAffected()
		return failure(err, "row")
	})
	return int(moved), err
}

// NextBulkDue is when the first open row is to be looked at.
func (s *Store) NextBulkDue(ctx context.Context, id postern.BulkJobID) (time.Time, bool, error) {
	f := filter{}
	f.equal("job_id", string(id))
	f.where(openRow)
	f.page("due", 0, 1)
	rows, err := s.list(ctx, "SELECT due FROM bulk_rows", f)
	if err != nil {
		return time.Time{}, false, failure(err, "row")
	}
	defer rows.Close()
	if !rows.Next() {
		return time.Time{}, false, failure(rows.Err(), "row")
	}
	var due int64
	err = rows.Scan(&due)
	return fromMillis(due), true, failure(err, "row")
}

// BulkSecrets lists what is sealed in the rows of a job, by number.
func (s *Store) BulkSecrets(ctx context.Context, id postern.BulkJobID) ([]bulk.SealedRow, error) {
	const text = "SELECT number, given, upn, sealed FROM bulk_rows WHERE job_id = $1 AND length(sealed) > 0 ORDER BY number"
	var rows *sql.Rows
	var err error
	if t := s.transaction(ctx); t != nil {
		rows, err = t.tx.QueryContext(ctx, text, string(id))
	} else {
		rows, err = s.reader.QueryContext(ctx, text, string(id))
	}
	if err != nil {
		return nil, failure(err, "row")
	}
	defer rows.Close()
	var out []bulk.SealedRow
	for rows.Next() {
		var r bulk.SealedRow
		if err := rows.Scan(&r.Number, &r.Given, &r.UPN, &r.Sealed); err != nil {
			return nil, failure(err, "row")
		}
		out = append(out, r)
	}
	return out, failure(rows.Err(), "row")
}

// ForgetBulkSecrets wipes what is sealed in the rows of a job.
func (s *Store) ForgetBulkSecrets(ctx context.Context, id postern.BulkJobID) error {
	return s.write(ctx, func(ctx context.Context, t *transaction) error {
		_, err := t.tx.ExecContext(ctx, "UPDATE bulk_rows SET sealed = $2 WHERE job_id = $1 AND length(sealed) > 0", string(id), []byte{})
		return failure(err, "row")
	})
}
