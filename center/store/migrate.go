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
func (s *Store) Migrate(ctx context.Context) (err error) {
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
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return fmt.Errorf("store: migrate: %w", err)
	}
	dialect := goose.DialectSQLite3
	if s.dialect == PostgreSQL {
		dialect = goose.DialectPostgres
	}
	provider, err := goose.NewProvider(dialect, s.writer, files, goose.WithLogger(goose.NopLogger()))
	if err != nil {
		return fmt.Errorf("store: migrate: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("store: migrate: %w", err)
	}
	return nil
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
