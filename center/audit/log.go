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
	Sealer seal.Sealer      // keeps the key that signs checkpoints
	Now    func() time.Time // nil means time.Now
	// Origin names this trail in its checkpoints, such as "postern.example.com/audit". It must hold neither white space
	// nor a plus sign. Empty means "postern/audit".
	Origin string
}

var _ Recorder = (*Log)(nil)

// Record implements [Recorder]. Give it no secrets: no token, password, key, challenge, PIN or one-time code, neither in
// Message nor in Fields; entries are never deleted and are sent to other systems. Texts that are too long are cut.
func (l *Log) Record(ctx context.Context, e postern.AuditEvent) error {
	if e.Code == "" {
		return errors.New("audit: the event has no code")
	}
	now := time.Now
	if l.Now != nil {
		now = l.Now
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
		if ids := postern.GraphRequests(ctx); len(ids) > 0 {
			next.Fields = merged(next.Fields, map[string]string{FieldGraphRequests: strings.Join(ids, " ")})
		}
		next.Sequence, next.Previous = sequence+1, head
		next.ID = postern.NewID[postern.EventID](postern.PrefixEvent)
		next.At = now().UTC().Truncate(time.Millisecond)
		next.Hash = Hash(next)
		return l.Store.InsertAuditEvent(ctx, next)
	})
}

// Events returns the entries that q chooses.
func (l *Log) Events(ctx context.Context, q Query) ([]postern.AuditEvent, error) {
	return l.Store.AuditEvents(ctx, q)
}
