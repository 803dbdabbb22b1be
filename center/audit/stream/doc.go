// Package stream sends the audit trail to other systems while it grows: to syslog receivers (RFC 5424 over TLS, RFC 5425)
// and to webhooks (Standard Webhooks). Each sink gets every entry at least once and in order; a cursor in the database
// says how far it came, so that neither a restart nor a sink that is away for a week loses anything.
//
// It owns sinks, their secrets, cursors and the goroutines that send. It does not own the forms of entries (package
// export) nor the trail. Nothing that Postern does waits for a sink.
package stream

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// Store is what streams need of a database. All methods join the transaction of ctx.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	AuditHead(ctx context.Context) (sequence int64, hash string, err error)
	AuditEvents(ctx context.Context, q audit.Query) ([]postern.AuditEvent, error)
	AuditFloor(ctx context.Context) (audit.Floor, error)

	// AuditStreams lists all streams by name.
	AuditStreams(ctx context.Context) ([]Stream, error)
	AuditStream(ctx context.Context, id postern.AuditStreamID) (Stream, error)
	CreateAuditStream(ctx context.Context, s Stream) error
	// UpdateAuditStream stores name, pause, settings and secrets if s.Version is still the stored one, and increments it;
	// CodeStale otherwise. It forgets what went wrong, so that the sink is tried at once.
	UpdateAuditStream(ctx context.Context, s *Stream) error
	DeleteAuditStream(ctx context.Context, id postern.AuditStreamID, version int64) error

	// HoldAuditStream gives the stream to holder until a time, unless another one holds it or it is paused.
	HoldAuditStream(ctx context.Context, id postern.AuditStreamID, holder string, now, until time.Time) (bool, error)
	// AdvanceAuditStream notes, for its holder, that the sink has everything up to cursor. It reports whether holder still
	// holds the stream.
	AdvanceAuditStream(ctx context.Context, id postern.AuditStreamID, holder string, cursor int64, at time.Time) (bool, error)
	// FailAuditStream notes, for its holder, why the sink took nothing, and when it is tried again.
	FailAuditStream(ctx context.Context, id postern.AuditStreamID, holder, problem string, at, next time.Time) error
	ReleaseAuditStream(ctx context.Context, id postern.AuditStreamID, holder string) error
}

// Stream is a stream as it is stored.
type Stream struct {
	ID          postern.AuditStreamID
	Version     int64
	Name        string
	Paused      bool
	Config      Config
	Secrets     []byte // sealed
	Cursor      int64
	DeliveredAt *time.Time
	Failures    int
	Problem     string
	ProblemAt   *time.Time
	NextAt      *time.Time // after a failure, not before
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

// Config is what a stream needs beside its secrets.
type Config struct {
	Kind              string     `json:"kind"`
	Format            string     `json:"format"`
	Address           string     `json:"address"`
	CA                string     `json:"ca,omitempty"`
	ClientCertificate string     `json:"client_certificate,omitempty"`
	OldSecretUntil    *time.Time `json:"old_secret_until,omitempty"`
}

// secrets are sealed in one piece.
type secrets struct {
	Signing   []byte `json:"signing,omitempty"` // of a webhook
	Old       []byte `json:"old,omitempty"`     // the one before, until Config.OldSecretUntil
	ClientKey string `json:"client_key,omitempty"`
}
