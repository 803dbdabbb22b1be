package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/store/internal/query"
)

// txKey finds the transaction of one store in a context; the transaction of another store is not joined.
type txKey struct{ s *Store }

type transaction struct {
	tx          *sql.Tx
	q           *query.Queries
	savepoints  int
	afterCommit []func()
	undo        []func() // puts back what was changed in memory, newest last
}

// maxAttempts bounds how often a transaction is begun again after it collided with another one.
const maxAttempts = 8

// Atomically runs do in a transaction and commits it when do returns nil. An error or a panic undoes everything; after a
// panic, the panic goes on.
//
// Pass the context that do receives to every method that belongs to the transaction. A method given another context
// runs outside; on SQLite a write would then wait for the very transaction it stands in, and fails after ten seconds.
//
// A call inside a call joins: an inner do that fails is undone by itself, and the outer one may go on or fail too.
// Nothing is committed before the outermost do returns.
//
// When the database says that the transaction collided with another (serialisation failure, deadlock, busy file), the
// outermost call undoes it and runs do again, up to eight times. So do must not act on anything but the database and
// values it sets anew each time; [Store.AfterCommit] is for the rest. Versions that Update methods had incremented in
// memory are put back.
func (s *Store) Atomically(ctx context.Context, do func(ctx context.Context) error) error {
	if t := s.transaction(ctx); t != nil {
		return s.nested(ctx, t, do)
	}
	for attempt := 1; ; attempt++ {
		after, err := s.attempt(ctx, do)
		if err == nil {
			for _, f := range after {
				f()
			}
			return nil
		}
		if !collided(err) {
			return err
		}
		if attempt == maxAttempts {
			return postern.Errorf(postern.CodeUnavailable, "The database is too busy: others changed the same things at the same time.").
				Because(err)
		}
		// 2, 4, 8 … 256 ms, each between half and all of it, so that two that collided do not meet again.
		pause := time.Millisecond << attempt
		select {
		case <-time.After(pause/2 + rand.N(pause/2)):
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		}
	}
}

// attempt runs do in one transaction and returns what is to be done after its commit.
func (s *Store) attempt(ctx context.Context, do func(ctx context.Context) error) (after []func(), err error) {
	conn, err := s.connection(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Close() //nolint:errcheck // gives the connection back; a broken one is dropped by the pool
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("store: begin: %w", err)
	}
	t := &transaction{tx: tx, q: query.New(tx)}
	committed := false
	defer func() {
		if !committed {
			_ = tx.Rollback() // the error that led here says more
			t.takeBack(0)
		}
	}()
	if err := do(context.WithValue(ctx, txKey{s}, t)); err != nil {
		return nil, err
	}
	if err := tx.Commit(); err != nil {
		return nil, fmt.Errorf("store: commit: %w", err)
	}
	committed = true
	return t.afterCommit, nil
}

// connection waits for a connection, on SQLite no longer than busyTimeout: longer means that a transaction is held up,
// or that the caller stands in one itself and passed the wrong context.
func (s *Store) connection(ctx context.Context) (*sql.Conn, error) {
	waiting, cancel := ctx, context.CancelFunc(func() {})
	if s.dialect == SQLite {
		waiting, cancel = context.WithTimeout(ctx, busyTimeout)
	}
	defer cancel()
	conn, err := s.writer.Conn(waiting)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() == nil && waiting.Err() != nil:
		return nil, postern.Errorf(postern.CodeUnavailable, "The database is busy: another change held it for %s.", busyTimeout).Because(err)
	default:
		return nil, fmt.Errorf("store: connection: %w", err)
	}
}

// nested runs do between savepoints.
func (s *Store) nested(ctx context.Context, t *transaction, do func(ctx context.Context) error) error {
	t.savepoints++
	name := "postern_" + strconv.Itoa(t.savepoints)
	if _, err := t.tx.ExecContext(ctx, "SAVEPOINT "+name); err != nil {
		return fmt.Errorf("store: savepoint: %w", err)
	}
	hooks, undo := len(t.afterCommit), len(t.undo)
	if err := do(ctx); err != nil {
		t.takeBack(undo)
		t.afterCommit = t.afterCommit[:hooks]
		if _, back := t.tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT "+name); back != nil {
			return errors.Join(err, fmt.Errorf("store: rollback to savepoint: %w", back))
		}
		return err
	}
	if _, err := t.tx.ExecContext(ctx, "RELEASE SAVEPOINT "+name); err != nil {
		return fmt.Errorf("store: release savepoint: %w", err)
	}
	return nil
}

func (t *transaction) takeBack(to int) {
	for i := len(t.undo) - 1; i >= to; i-- {
		t.undo[i]()
	}
	t.undo = t.undo[:to]
}

func (s *Store) transaction(ctx context.Context) *transaction {
	t, _ := ctx.Value(txKey{s}).(*transaction)
	return t
}

// Tx returns the transaction of ctx, for packages that bring their own statements. They must not end it.
func (s *Store) Tx(ctx context.Context) (*sql.Tx, bool) {
	if t := s.transaction(ctx); t != nil {
		return t.tx, true
	}
	return nil, false
}

// AfterCommit runs f once the transaction of ctx is committed, in the goroutine that called Atomically, or at once when
// there is none. A transaction that is undone, or the inner part that is, forgets f.
func (s *Store) AfterCommit(ctx context.Context, f func()) {
	if t := s.transaction(ctx); t != nil {
		t.afterCommit = append(t.afterCommit, f)
		return
	}
	f()
}

// read returns the queries bound to the transaction of ctx, or to the pool of readers.
func (s *Store) read(ctx context.Context) *query.Queries {
	if t := s.transaction(ctx); t != nil {
		return t.q
	}
	return s.readers
}

// write runs do in the transaction of ctx, or in one of its own.
func (s *Store) write(ctx context.Context, do func(ctx context.Context, t *transaction) error) error {
	if t := s.transaction(ctx); t != nil {
		return do(ctx, t)
	}
	return s.Atomically(ctx, func(ctx context.Context) error { return do(ctx, s.transaction(ctx)) })
}

// bump increments a version in memory, and puts it back if the transaction is undone.
func (t *transaction) bump(version *int64) {
	*version++
	t.undo = append(t.undo, func() { *version-- })
}
