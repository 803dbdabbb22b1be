package audit

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/seal"
)

// Log is the trail of one Postern. Its members are set before the first use and not changed afterwards.
type Log struct {
	Store  Store
	Kept   FilterStore      // saved filters; nil where there are none
	Sealer seal.Sealer      // keeps the key that signs checkpoints
	Now    func() time.Time // nil means time.Now
	// Origin names this trail in its checkpoints, such as "postern.example.com/audit". It must hold neither white space
	// nor a plus sign. Empty means "postern/audit".
	Origin string
	// Sent reports how far the trail was sent by the stream that is furthest behind, and its name; any is false when there
	// is no stream. nil: nothing is ever sent.
	Sent func(ctx context.Context) (through int64, name string, any bool, err error)
	// Recorded is called after the transaction that appended an entry. It must not block. nil: nobody waits.
	Recorded func()
}

var _ Recorder = (*Log)(nil)

type noteKey struct{}

// WithNote has every entry that is recorded with the context carry a person's reason in its field note, unless the entry
// has one of its own.
func WithNote(ctx context.Context, note string) context.Context {
	return context.WithValue(ctx, noteKey{}, note)
}

func noteFrom(ctx context.Context) string {
	note, _ := ctx.Value(noteKey{}).(string)
	return note
}

// Record implements [Recorder]. Give it no secrets: no token, password, key, challenge, PIN or one-time code, neither in
// Message nor in Fields; entries are never deleted and are sent to other systems. Texts that are too long are cut.
func (l *Log) Record(ctx context.Context, e postern.AuditEvent) error {
	if e.Code == "" {
		return errors.New("audit: the event has no code")
	}
	return l.Store.Atomically(ctx, func(ctx context.Context) error {
		sequence, head, err := l.Store.AuditHead(ctx)
		if err != nil {
			return err
		}
		// The lock is held: from here on nobody else appends.
		next := e
		next.Actor = postern.ActorFrom(ctx)
		next = bounded(next)
		if note := noteFrom(ctx); note != "" && next.Fields["note"] == "" {
			next.Fields = merged(next.Fields, map[string]string{"note": note})
		}
		if ids := postern.GraphRequests(ctx); len(ids) > 0 {
			next.Fields = merged(next.Fields, map[string]string{FieldGraphRequests: strings.Join(ids, " ")})
		}
		next.Sequence, next.Previous = sequence+1, head
		next.ID = postern.NewID[postern.EventID](postern.PrefixEvent)
		next.At = l.now().Truncate(time.Millisecond)
		next.Hash = Hash(next)
		if err := l.Store.InsertAuditEvent(ctx, next); err != nil {
			return err
		}
		if l.Recorded != nil {
			l.Store.AfterCommit(ctx, l.Recorded)
		}
		return nil
	})
}

// Events returns the entries that q chooses.
func (l *Log) Events(ctx context.Context, q Query) ([]postern.AuditEvent, error) {
	return l.Store.AuditEvents(ctx, q)
}
