// Package audit keeps the trail of what happened: who did what to which thing, when, and whether it worked.
//
// It owns the event codes, which never change their meaning, and the hash chain that makes a later change show. Each
// entry is appended in the transaction of the act it tells of, so there is no act without its entry and no entry
// without its act. It does not own storage (package store does) nor who may read (package rest does).
package audit

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Recorder appends to the trail.
type Recorder interface {
	// Record appends e in the transaction of ctx, in the name of the actor of ctx. The caller fills in Code (from this
	// package), IntegrationID, Target, TargetName, Success, ErrorCode, Message and Fields; the rest is set here. It
	// takes the lock on the head of the chain until the transaction ends: do it last.
	Record(ctx context.Context, e postern.AuditEvent) error
}

// Store is what the trail needs of a database. All methods join the transaction of ctx.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	AfterCommit(ctx context.Context, f func())
	// AuditHead returns sequence and hash of the last entry, 0 and "" when there is none, and locks the head until the
	// transaction ends.
	AuditHead(ctx context.Context) (sequence int64, hash string, err error)
	// InsertAuditEvent stores e and makes it the head.
	InsertAuditEvent(ctx context.Context, e postern.AuditEvent) error
	AuditEvents(ctx context.Context, q Query) ([]postern.AuditEvent, error)
	// Setting and SetSetting keep the key that signs checkpoints, sealed.
	Setting(ctx context.Context, name string) ([]byte, error)
	SetSetting(ctx context.Context, name string, value []byte) error

	Retained
}

// Retained is what retention needs of a database.
type Retained interface {
	// AuditFloor returns the last removal, the zero Floor when nothing was ever removed.
	AuditFloor(ctx context.Context) (Floor, error)
	// AuditFloorAt returns the removal that ended with the given sequence; CodeNotFound when none did.
	AuditFloorAt(ctx context.Context, sequence int64) (Floor, error)
	// RemoveAuditEvents stores the floor and removes the entries up to it.
	RemoveAuditEvents(ctx context.Context, f Floor) error
	// FirstAuditEventSince returns the lowest sequence of the entries at or after a time, 0 when there is none.
	FirstAuditEventSince(ctx context.Context, at time.Time) (int64, error)
	Document(ctx context.Context, integration postern.IntegrationID, name string) (version int64, body []byte, err error)
	SetDocument(ctx context.Context, integration postern.IntegrationID, name string, version int64, body []byte) (int64, error)
}

// Floor is the end of what retention removed: the last entry that went.
type Floor struct {
	Sequence int64
	Hash     string
	At       time.Time // when it was removed
	Note     string    // signed
}

// Query chooses entries. Zero members do not restrict.
type Query struct {
	IntegrationID postern.IntegrationID
	Target        string
	Name          string // "integration.created", or a family with a trailing dot: "integration."
	ActorID       string
	FailuresOnly  bool
	SuccessOnly   bool
	Text          string         // every word of it in message, names, identifiers, code or fields
	Names         []string       // any of these codes, names or families
	User          postern.UserID // everything about this user
	From, To      time.Time      // From is in, To is out
	AfterSequence int64          // only entries above it
	Before        int64          // only entries below it, 0 for no bound
	Descending    bool           // newest first
	Limit         int            // at most 1000; 0 means 100
}
