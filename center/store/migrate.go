package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migrate brings the schema, and that of the job queue, to the state this program needs. It may be called at every
// start. On PostgreSQL several programs may call it at once: one works while the others wait for its session lock. A
// SQLite file belongs to one program.
func (s *Store) Migrate(ctx context.Context) error { return s.migrate(ctx, newestVersion) }

const newestVersion = -1

// migrate brings the schema to a version.
func (s *Store) migrate(ctx context.Context, version int64) (err error) {
	if s.dialect == PostgreSQL {
		locker, err := lock.NewPostgresSessionLocker()
		if err != nil {
			return fmt.Errorf("store: migrate: %w", err)
		}
		conn, err := s.writer.Conn(ctx)
		if err != nil {
			return fmt.Errorf("store: migrate: %w", err)
		}
		defer conn.Close() //nolint:errcheck // gives the connection back
		if err := locker.SessionLock(ctx, conn); err != nil {
			return fmt.Errorf("store: migrate: wait for others that migrate: %w", err)
		}
		defer func() { err = errors.Join(err, locker.SessionUnlock(context.WithoutCancel(ctx), conn)) }()
	}
	// The queue first: our own migrations may add to its tables.
	if err := s.migrateQueue(ctx); err != nil {
		return err
	}
	dialect := goose.DialectSQLite3
	if s.dialect == PostgreSQL {
		dialect = goose.DialectPostgres
	}
	provider, err := goose.NewProvider(dialect, s.writer, migrations(), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("store: migrate: %w", err)
	}
	if version == newestVersion {
		_, err = provider.Up(ctx)
	} else {
		_, err = provider.UpTo(ctx, version)
	}
	if err != nil {
		return fmt.Errorf("store: migrate: %w", err)
	}
	if version == newestVersion {
		return s.guardTrail(ctx)
	}
	return nil
}

// migrations are the files at the root of a file system, where goose looks for them.
func migrations() fs.FS {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		panic(err) // the name is valid
	}
	return files
}

// newestMigration is the number of the last migration that this program has.
func newestMigration() (int64, error) {
	entries, err := fs.ReadDir(migrations(), ".")
	if err != nil {
		return 0, fmt.Errorf("store: migrations: %w", err)
	}
	newest := int64(0)
	for _, e := range entries {
		n, err := goose.NumericComponent(e.Name())
		if err != nil {
			return 0, fmt.Errorf("store: migrations: %w", err)
		}
		newest = max(newest, n)
	}
	return newest, nil
}

func (s *Store) migrateQueue(ctx context.Context) error {
	var driver riverdriver.Driver[*sql.Tx] = riversqlite.New(s.writer)
	if s.dialect == PostgreSQL {
		driver = riverdatabasesql.New(s.writer)
	}
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return fmt.Errorf("store: migrate the job queue: %w", err)
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return fmt.Errorf("store: migrate the job queue: %w", err)
	}
	return nil
}
