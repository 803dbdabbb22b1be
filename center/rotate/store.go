package rotate

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Store keeps rotations. Methods join the transaction of ctx; what is not there is CodeNotFound, an outdated version
// CodeStale.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	AfterCommit(ctx context.Context, f func())

	Rotation(ctx context.Context, id postern.RotationID) (Record, error)
	// LastRotation returns the newest rotation of an integration.
	LastRotation(ctx context.Context, integration postern.IntegrationID) (Record, error)
	// CreateRotation is refused with CodeConflict while another rotation of the integration is not over.
	CreateRotation(ctx context.Context, r Record) error
	// UpdateRotation stores r if r.Version is still the stored one, and increments it.
	UpdateRotation(ctx context.Context, r *Record) error

	// Document and SetDocument keep settings with a version.
	Document(ctx context.Context, integration postern.IntegrationID, name string) (version int64, body []byte, err error)
	SetDocument(ctx context.Context, integration postern.IntegrationID, name string, version int64, body []byte) (int64, error)
}

// Record is a rotation with what only this package reads.
type Record struct {
	postern.Rotation
	Progress Progress
	Sealed   []byte // [secrets]; empty once the rotation is over
}

// Progress is how far a rotation has come at Entra.
type Progress struct {
	ObjectID string `json:"object_id,omitempty"` // of the registration
	KeyID    string `json:"key_id,omitempty"`    // of the new credential, once Entra told it
	OldKeyID string `json:"old_key_id,omitempty"`
	// Sent counts the requests that registered the new credential; SentAt is when the last one was about to be sent.
	Sent   int       `json:"sent,omitempty"`
	SentAt time.Time `json:"sent_at,omitzero"`
	// Private says that the application was refused a look at its own registration, or a change of it.
	Private bool `json:"private,omitempty"`
	// Since is when the present state began, RemovedAt when removing was last asked for in it.
	Since     time.Time `json:"since,omitzero"`
	RemovedAt time.Time `json:"removed_at,omitzero"`
	// Removals counts how often removing was asked for in the present state, Refusal is why the last time came to nothing,
	// if Entra said no.
	Removals int    `json:"removals,omitempty"`
	Refusal  string `json:"refusal,omitempty"`
	// Interval is the pause between two questions whether an administrator typed the code.
	Interval time.Duration `json:"interval,omitempty"`
	// Ends is what undoing ends in.
	Ends postern.RotationState `json:"ends,omitempty"`
	// UsedAt is when the integration was given the new credential, as [postern.Credential.SetAt] tells it.
	UsedAt time.Time `json:"used_at,omitzero"`
}
