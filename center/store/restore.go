package store

import (
	"bufio"
	"bytes"
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
	"slices"
	"strings"

	"github.com/postern/postern"
)

// Restore fills an empty database from the archive at path, which may come from the other kind of database and from an
// older version of Postern. The database needs no schema yet; it ends up with the present one. All of the archive is
// restored or none. A database that holds anything is CodeConflict, an archive that is not whole CodeInvalid.
func (s *Store) Restore(ctx context.Context, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("store: restore: %w", err)
	}
	defer file.Close()
	return s.ReadBackup(ctx, file)
}

// ReadBackup is Restore from a reader.
func (s *Store) ReadBackup(ctx context.Context, r io.Reader) error {
	a := newArchiveReader(r)
	var header archiveHeader
	if err := a.next(&header); err != nil || header.Format != archiveFormat {
		return notWhole("it does not begin as one", err)
	}
	newest, err := newestMigration()
	if err != nil {
		return err
	}
	if header.Version != archiveVersion || header.Schema > newest || header.Schema < 1 {
		return postern.Errorf(postern.CodeInvalid, "The backup was made by another version of Postern (archive %d, schema %d) than this one can read (archive %d, schema %d).",
			header.Version, header.Schema, archiveVersion, newest).WithNext("Restore it with the version that made it, or a newer one.")
	}
	// The tables as they were when the archive was made; later migrations then carry the rows over.
	if err := s.migrate(ctx, header.Schema); err != nil {
		return err
	}
	err = s.Atomically(ctx, func(ctx context.Context) error {
		tx, _ := s.Tx(ctx)
		if a.started {
			// The reader cannot be wound back, so a collision (with whom, in an empty database?) ends it.
			return errors.New("store: restore: the database was busy; begin again with an empty one")
		}
		a.started = true
		if err := s.mustBeEmpty(ctx, tx, header.Schema); err != nil {
			return err
		}
		return s.load(ctx, tx, a, header.Schema)
	})
	if err != nil {
		return err
	}
	return s.Migrate(ctx)
}

func (s *Store) mustBeEmpty(ctx context.Context, tx *sql.Tx, schema int64) error {
	version, err := schemaVersion(ctx, tx)
	if err != nil {
		return err
	}
	if version != schema {
		return postern.Errorf(postern.CodeConflict, "The database has the schema %d already, but the backup needs %d.", version, schema).
			WithNext("Restore into a database that has no tables yet.")
	}
	for _, table := range tablesOf(schema) {
		var rows int
		condition := ""
		if table == "audit_head" {
			condition = " WHERE sequence > 0"
		}
		if err := tx.QueryRowContext(ctx, "SELECT count(*) FROM "+table+condition).Scan(&rows); err != nil {
			return fmt.Errorf("store: restore: %s: %w", table, err)
		}
		if rows > 0 {
			return postern.Errorf(postern.CodeConflict, "The database is not empty, so nothing was restored into it.").
				WithNext("Restore into a new database, then have Postern use that one.")
		}
	}
	if _, err := tx.ExecContext(ctx, "DELETE FROM audit_head"); err != nil {
		return fmt.Errorf("store: restore: %w", err)
	}
	return nil
}

// load reads tables and rows to the end.
func (s *Store) load(ctx context.Context, tx *sql.Tx, a *archiveReader, schema int64) error {
	var insert *sql.Stmt
	var columns []column
	tables := append(tablesOf(schema), jobsTable)
	for {
		before := hex.EncodeToString(a.sum.Sum(nil))
		line, err := a.line()
		if err != nil {
			return notWhole("it ends too early", err)
		}
		if line[0] == '[' {
			if insert == nil {
				return notWhole("a row stands before its table", nil)
			}
			if err := loadRow(ctx, insert, columns, line); err != nil {
				return err
			}
			a.rows++
			continue
		}
		var end archiveEnd
		if err := json.Unmarshal(line, &end); err != nil {
			return notWhole("a line cannot be read", err)
		}
		if end.End {
			if len(tables) > 0 || end.Rows != a.rows || end.SHA256 != before {
				return notWhole("it was changed or cut", nil)
			}
			return nil
		}
		var table archiveTable
		if err := json.Unmarshal(line, &table); err != nil || len(tables) == 0 || table.Table != tables[0] {
			return notWhole("its tables are not the expected ones", err)
		}
		tables = tables[1:]
		if insert, columns, err = s.inserter(ctx, tx, table); err != nil {
			return err
		}
		defer insert.Close() //nolint:errcheck // ends with the transaction anyway; there are few
	}
}

func (s *Store) inserter(ctx context.Context, tx *sql.Tx, table archiveTable) (*sql.Stmt, []column, error) {
	columns, statement := jobColumns, jobInserts[s.dialect]
	if table.Table != jobsTable {
		known, err := s.columns(ctx, tx, table.Table)
		if err != nil {
			return nil, nil, err
		}
		columns = known
	}
	// Both databases may keep the columns in an order of their own; the archive's counts.
	ordered := make([]column, len(table.Columns))
	places := make([]string, len(table.Columns))
	for i, name := range table.Columns {
		k := slices.IndexFunc(columns, func(c column) bool { return c.name == name })
		if k < 0 {
			return nil, nil, notWhole("table "+table.Table+" has an unknown column", nil)
		}
		ordered[i], places[i] = columns[k], fmt.Sprintf("$%d", i+1)
	}
	if table.Table != jobsTable {
		statement = "INSERT INTO " + table.Table + " (" + strings.Join(names(ordered), ", ") + ") VALUES (" + strings.Join(places, ", ") + ")"
	} else if !slices.Equal(ordered, jobColumns) {
		return nil, nil, notWhole("table jobs has other columns", nil)
	}
	insert, err := tx.PrepareContext(ctx, statement)
	if err != nil {
		return nil, nil, fmt.Errorf("store: restore: %s: %w", table.Table, err)
	}
	return insert, ordered, nil
}

// jobInserts make waiting jobs of jobColumns.
var jobInserts = map[Dialect]string{
	SQLite: `INSERT INTO river_job (kind, args, queue, scheduled_at, attempt, max_attempts, state)
		VALUES ($1, json($2), $3, strftime('%Y-%m-%d %H:%M:%f', $4 / 1000.0, 'unixepoch'), $5, $6, 'available')`,
	PostgreSQL: `INSERT INTO river_job (kind, args, queue, scheduled_at, attempt, max_attempts, state)
		VALUES ($1, $2::text::jsonb, $3, to_timestamp($4::bigint / 1000.0), $5, $6, 'available')`,
}

func loadRow(ctx context.Context, insert *sql.Stmt, columns []column, line []byte) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(line, &raw); err != nil || len(raw) != len(columns) {
		return notWhole("a row cannot be read", err)
	}
	values := make([]any, len(raw))
	for i, c := range columns {
		var err error
		if values[i], err = c.restored(raw[i]); err != nil {
			return notWhole("a value cannot be read", fmt.Errorf("column %s: %w", c.name, err))
		}
	}
	if _, err := insert.ExecContext(ctx, values...); err != nil {
		return notWhole("a row does not fit", err)
	}
	return nil
}

// notWhole names what is wrong with an archive. The cause never holds a value of it.
func notWhole(what string, err error) error {
	return postern.Errorf(postern.CodeInvalid, "That is not a whole backup of Postern: %s.", what).
		WithNext("Take another copy of the backup, or an older backup.").Because(err)
}

// archiveReader reads lines and sums them.
type archiveReader struct {
	lines   *bufio.Scanner
	sum     hash.Hash
	rows    int64
	started bool
}

func newArchiveReader(r io.Reader) *archiveReader {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 1<<16), maxArchiveLine)
	return &archiveReader{lines: lines, sum: sha256.New()}
}

// line returns the next line, which is valid until the one after.
func (a *archiveReader) line() ([]byte, error) {
	if !a.lines.Scan() {
		return nil, errors.Join(a.lines.Err(), io.ErrUnexpectedEOF)
	}
	line := a.lines.Bytes()
	a.sum.Write(line)
	a.sum.Write([]byte{'\n'})
	if line = bytes.TrimSpace(line); len(line) == 0 {
		return nil, errors.New("an empty line")
	}
	return line, nil
}

func (a *archiveReader) next(v any) error {
	line, err := a.line()
	if err != nil {
		return err
	}
	return json.Unmarshal(line, v)
}
