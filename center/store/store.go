package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	_ "modernc.org/sqlite"             // the driver "sqlite"

	"github.com/postern/postern/center/store/internal/query"
)

// Dialect names a database.
type Dialect string

// The dialects.
const (
	SQLite     Dialect = "sqlite"
	PostgreSQL Dialect = "postgres"
)

// Options of a store. The zero value is ready for use.
type Options struct {
	// Connections bounds the connections to PostgreSQL, and SQLite's readers. 0 means 16.
	Connections int
	// Now is the clock by which sessions expire; nil means time.Now.
	Now func() time.Time
}

// Store is a database. It is safe for use by many goroutines.
type Store struct {
	dialect Dialect
	writer  *sql.DB // of SQLite: one connection
	reader  *sql.DB // of PostgreSQL: the writer
	now     func() time.Time
	readers *query.Queries
}

// busyTimeout is how long anybody waits for SQLite's one writer before the answer is CodeUnavailable.
const busyTimeout = 10 * time.Second

// Open opens the database at rawURL: sqlite:/path/to/file.db, whose folder is made if need be, or postgres://… with
// everything that pgx understands. It does not migrate.
func Open(ctx context.Context, rawURL string, o Options) (*Store, error) {
	if o.Connections <= 0 {
		o.Connections = 16
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Store{now: o.Now}
	var err error
	switch scheme, rest, _ := strings.Cut(rawURL, ":"); scheme {
	case "sqlite":
		err = s.openSQLite(ctx, rest, o.Connections)
	case "postgres", "postgresql":
		err = s.openPostgreSQL(rawURL, o.Connections)
	default:
		// The URL may hold a password, so it is not repeated.
		return nil, errors.New("store: the database URL must begin with sqlite: or postgres://")
	}
	if err != nil {
		return nil, err
	}
	s.readers = query.New(s.reader)
	if err := s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) openSQLite(ctx context.Context, path string, connections int) error {
	path = strings.TrimPrefix(path, "//")
	if path == "" || strings.HasPrefix(path, ":memory:") {
		return errors.New("store: sqlite: needs the path of a file, such as sqlite:/var/lib/postern/postern.db")
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("store: folder of the database: %w", err)
	}
	s.dialect = SQLite
	var err error
	if s.writer, err = sql.Open("sqlite", sqliteDSN(path, false)); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	// One connection makes writers queue in order in this process; busy_timeout is for other processes only.
	s.writer.SetMaxOpenConns(1)
	// A reader cannot make the file, nor put it into WAL mode.
	if err := s.writer.PingContext(ctx); err != nil {
		return errors.Join(fmt.Errorf("store: the database cannot be opened: %w", err), s.writer.Close())
	}
	if s.reader, err = sql.Open("sqlite", sqliteDSN(path, true)); err != nil {
		return errors.Join(fmt.Errorf("store: %w", err), s.writer.Close())
	}
	s.reader.SetMaxOpenConns(connections)
	s.reader.SetMaxIdleConns(connections)
	return nil
}

// sqliteDSN builds the data source name.
//
// synchronous is FULL: in WAL mode NORMAL may lose the last commits when the power fails, and a commit here can be the
// intent behind an act on Entra or an entry of the audit trail that a checkpoint already covers. FULL costs one sync of
// the log per commit.
//
// Times given as such, which is how River writes when a job runs again, are stored in SQLite's own format: the driver's
// default is one that SQLite's date functions answer NULL for.
func sqliteDSN(path string, readOnly bool) string {
	pragmas := []string{
		"busy_timeout(" + strconv.FormatInt(busyTimeout.Milliseconds(), 10) + ")",
		"foreign_keys(ON)",
	}
	v := url.Values{"_time_format": {"sqlite"}}
	if readOnly {
		v["_pragma"] = append(pragmas, "query_only(ON)")
	} else {
		v["_pragma"] = append(pragmas, "journal_mode(WAL)", "synchronous(FULL)")
		v.Set("_txlock", "immediate")
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: v.Encode()}).String()
}

func (s *Store) openPostgreSQL(rawURL string, connections int) error {
	db, err := sql.Open("pgx", rawURL)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections)
	db.SetConnMaxIdleTime(5 * time.Minute)
	s.dialect, s.writer, s.reader = PostgreSQL, db, db
	return nil
}

// Dialect says which database this is.
func (s *Store) Dialect() Dialect { return s.dialect }

// DB is the database to write through, for packages that bring their own statements. On SQLite it has one connection:
// whoever holds it makes all other writers wait.
func (s *Store) DB() *sql.DB { return s.writer }

// Ping reports whether the database answers. On SQLite it asks a reader, so that a busy writer does not look like a dead
// database.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	if err := s.reader.QueryRowContext(ctx, "SELECT 1").Scan(&one); err != nil {
		return fmt.Errorf("store: the database does not answer: %w", err)
	}
	return nil
}

// Close closes the database.
func (s *Store) Close() error {
	err := s.reader.Close()
	if s.writer != s.reader {
		err = errors.Join(err, s.writer.Close())
	}
	return err
}
