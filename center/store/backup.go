package store

import (
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Backup writes an archive of the whole database, as it is at one moment, to the file at path, while everything goes on.
// The file is complete or not there; it can be read by its owner only. See archive.go for its form.
func (s *Store) Backup(ctx context.Context, path string) error {
	file, err := os.CreateTemp(filepath.Dir(path), ".backup-*") // readable by its owner only
	if err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	defer os.Remove(file.Name()) // gone already when all went well
	err = s.WriteBackup(ctx, file)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	if err := os.Rename(file.Name(), path); err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	return nil
}

// WriteBackup writes an archive to w.
func (s *Store) WriteBackup(ctx context.Context, w io.Writer) error {
	// One snapshot for all tables: SQLite's reader sees the database as at its first read; PostgreSQL is told to.
	options := &sql.TxOptions{ReadOnly: true}
	if s.dialect == PostgreSQL {
		options.Isolation = sql.LevelRepeatableRead
	}
	tx, err := s.reader.BeginTx(ctx, options)
	if err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	a := newArchiveWriter(w)
	schema, err := schemaVersion(ctx, tx)
	if err != nil {
		return err
	}
	a.line(archiveHeader{Format: archiveFormat, Version: archiveVersion, Schema: schema, Dialect: s.dialect, At: time.Now().UTC().Truncate(time.Second)})
	for _, table := range archivedTables {
		columns, err := s.columns(ctx, tx, table)
		if err != nil {
			return err
		}
		selection := "SELECT " + strings.Join(names(columns), ", ") + " FROM " + table + " ORDER BY 1"
		if err := a.table(ctx, tx, table, columns, selection); err != nil {
			return err
		}
	}
	if err := a.table(ctx, tx, jobsTable, jobColumns, jobSelections[s.dialect]); err != nil {
		return err
	}
	return a.end()
}

// jobSelections list the jobs that are not over, in jobColumns. One that is running will have to run again.
var jobSelections = map[Dialect]string{
	SQLite: `SELECT kind, json(args), queue, CAST(round((julianday(scheduled_at) - 2440587.5) * 86400000) AS integer), attempt,
		max_attempts FROM river_job WHERE finalized_at IS NULL ORDER BY id`,
	PostgreSQL: `SELECT kind, args::text, queue, CAST(extract(epoch FROM scheduled_at) * 1000 AS bigint), attempt::bigint,
		max_attempts::bigint FROM river_job WHERE finalized_at IS NULL ORDER BY id`,
}

// archiveWriter writes lines and remembers the first error.
type archiveWriter struct {
	out  *bufio.Writer
	sum  hash.Hash
	rows int64
	err  error
}

func newArchiveWriter(w io.Writer) *archiveWriter {
	sum := sha256.New()
	return &archiveWriter{out: bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16), sum: sum}
}

func (a *archiveWriter) line(v any) {
	if a.err != nil {
		return
	}
	encoder := json.NewEncoder(a.out) // which ends each value with a line break
	encoder.SetEscapeHTML(false)
	a.err = encoder.Encode(v)
}

func (a *archiveWriter) table(ctx context.Context, tx *sql.Tx, table string, columns []column, selection string) error {
	a.line(archiveTable{Table: table, Columns: names(columns)})
	rows, err := tx.QueryContext(ctx, selection)
	if err != nil {
		return fmt.Errorf("store: backup: %s: %w", table, err)
	}
	defer rows.Close()
	values, targets := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() && a.err == nil {
		if err := rows.Scan(targets...); err != nil {
			return fmt.Errorf("store: backup: %s: %w", table, err)
		}
		out := make([]any, len(columns))
		for i, c := range columns {
			if out[i], err = c.archived(values[i]); err != nil {
				return err
			}
		}
		a.line(out)
		a.rows++
	}
	if err := errors.Join(rows.Err(), a.err); err != nil {
		return fmt.Errorf("store: backup: %s: %w", table, err)
	}
	return nil
}

func (a *archiveWriter) end() error {
	if err := errors.Join(a.err, a.out.Flush()); err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	a.line(archiveEnd{End: true, Rows: a.rows, SHA256: hex.EncodeToString(a.sum.Sum(nil))})
	if err := errors.Join(a.err, a.out.Flush()); err != nil {
		return fmt.Errorf("store: backup: %w", err)
	}
	return nil
}

// columns asks the database for the columns of a table, so that no migration can be forgotten here.
func (s *Store) columns(ctx context.Context, tx *sql.Tx, table string) ([]column, error) {
	text := `SELECT name, upper(type) FROM pragma_table_info($1) ORDER BY cid`
	if s.dialect == PostgreSQL {
		text = `SELECT column_name, upper(data_type) FROM information_schema.columns
			WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position`
	}
	rows, err := tx.QueryContext(ctx, text, table)
	if err != nil {
		return nil, fmt.Errorf("store: columns of %s: %w", table, err)
	}
	defer rows.Close()
	var columns []column
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.name, &c.kind); err != nil {
			return nil, fmt.Errorf("store: columns of %s: %w", table, err)
		}
		columns = append(columns, c)
	}
	if len(columns) == 0 {
		return nil, fmt.Errorf("store: there is no table %s", table)
	}
	return columns, rows.Err()
}

func names(columns []column) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.name
	}
	return all
}

func schemaVersion(ctx context.Context, tx *sql.Tx) (version int64, err error) {
	if err := tx.QueryRowContext(ctx, "SELECT max(version_id) FROM goose_db_version").Scan(&version); err != nil {
		return 0, fmt.Errorf("store: version of the schema: %w", err)
	}
	return version, nil
}
