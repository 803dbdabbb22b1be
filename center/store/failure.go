package store

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/postern/postern"
)

// SQLSTATE values, PostgreSQL documentation, appendix A.
const (
	pgSerializationFailure = "40001"
	pgDeadlockDetected     = "40P01"
	pgUniqueViolation      = "23505"
	pgForeignKeyViolation  = "23503"
)

// failure turns what a database answers into what callers understand; kind names the thing in plain words.
func failure(err error, kind string) error {
	var known *postern.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return err
	case errors.Is(err, sql.ErrNoRows):
		return missing(kind)
	case isViolation(err, pgUniqueViolation, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY):
		return conflict(kind).Because(err)
	case isViolation(err, pgForeignKeyViolation, sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY):
		return postern.Errorf(postern.CodeNotFound, "What the %s belongs to is no longer there.", kind).Because(err)
	}
	return fmt.Errorf("store: %s: %w", kind, err)
}

func missing(kind string) *postern.Error {
	return postern.Errorf(postern.CodeNotFound, "There is no such %s.", kind)
}

func conflict(kind string) *postern.Error {
	return postern.Errorf(postern.CodeConflict, "There is such a %s already.", kind)
}

func stale(kind string) *postern.Error {
	return postern.Errorf(postern.CodeStale, "Somebody else changed this %s since you opened it.", kind)
}

// inserted judges an INSERT … ON CONFLICT DO NOTHING. A conflict told by the number of rows leaves PostgreSQL's
// transaction usable, as SQLite's is; a violated constraint would not.
func inserted(rows int64, err error, kind string) error {
	if err == nil && rows == 0 {
		return conflict(kind)
	}
	return failure(err, kind)
}

// found judges a statement that must hit one row.
func found(rows int64, err error, kind string) error {
	if err == nil && rows == 0 {
		return missing(kind)
	}
	return failure(err, kind)
}

// versioned judges an UPDATE or DELETE with a version in its condition; exists looks the row up without it.
func versioned(rows int64, err error, kind string, exists func() error) error {
	if err == nil && rows == 0 {
		if err := exists(); err != nil {
			return failure(err, kind)
		}
		return stale(kind)
	}
	return failure(err, kind)
}

func isViolation(err error, sqlState string, codes ...int) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == sqlState
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		for _, code := range codes {
			if lite.Code() == code {
				return true
			}
		}
	}
	return false
}

// collided reports whether running the whole transaction again may help.
func collided(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code == pgSerializationFailure || pg.Code == pgDeadlockDetected
	}
	var lite *sqlite.Error
	if errors.As(err, &lite) {
		primary := lite.Code() & 0xff // extended codes carry the primary one in the low byte
		return primary == sqlite3.SQLITE_BUSY || primary == sqlite3.SQLITE_LOCKED
	}
	return false
}
