package setup

import (
	"context"
	"encoding/json"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/setup/recipe"
)

// Store keeps set-ups. Methods join the transaction of ctx; what is not there is CodeNotFound, an outdated version
// CodeStale.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	AfterCommit(ctx context.Context, f func())

	Setup(ctx context.Context, id postern.SetupID) (Record, error)
	// Setups lists all set-ups, newest first.
	Setups(ctx context.Context) ([]Record, error)
	CreateSetup(ctx context.Context, r Record) error
	// UpdateSetup stores r if r.Version is still the stored one, and increments it.
	UpdateSetup(ctx context.Context, r *Record) error
	// DeleteSetup removes a set-up with its secrets and its sign-in.
	DeleteSetup(ctx context.Context, id postern.SetupID, version int64) error

	// SetupSecrets returns what a set-up holds sealed until the integration has it; nil if nothing. Nil removes it.
	SetupSecrets(ctx context.Context, id postern.SetupID) ([]byte, error)
	SetSetupSecrets(ctx context.Context, id postern.SetupID, sealed []byte) error

	// SetupSignIn returns the sealed sign-in of an administrator that has not ended at that time; nil if there is none.
	// It is in no backup.
	SetupSignIn(ctx context.Context, id postern.SetupID, at time.Time) ([]byte, error)
	SetSetupSignIn(ctx context.Context, id postern.SetupID, sealed []byte, ends time.Time) error
	// ForgetSetupSignIns removes those that have ended at that time.
	ForgetSetupSignIns(ctx context.Context, at time.Time) error
}

// Record is a set-up with how far it has come, so that another process goes on where one died.
type Record struct {
	postern.Setup
	Progress Progress
}

// Progress is what is kept of a set-up beside what people see. No secret is in it.
type Progress struct {
	// Certificate is what was made here, as PEM; empty under a client secret.
	Certificate string `json:"certificate,omitempty"`
	// Values are those that answers gave, by the names of package recipe.
	Values map[string]string `json:"values,omitempty"`
	// Seen is what the last look found.
	Seen recipe.Seen `json:"seen"`
	// Steps are those for which something was sent or found, by key.
	Steps map[string]*Step `json:"steps,omitempty"`
	// Back is the state to which signing in and looking lead.
	Back postern.SetupState `json:"back,omitempty"`
	// ByHand says that somebody else did the steps at Entra; ClientSecret is the kind of credential then given.
	ByHand *ByHand `json:"by_hand,omitempty"`
}

// ByHand is what somebody told of what they made.
type ByHand struct {
	ClientID string                 `json:"client_id"`
	Kind     postern.CredentialKind `json:"kind"`
	Username string                 `json:"username,omitempty"`
}

// Step is how far one step has come.
type Step struct {
	// Sent counts how often its requests were about to be sent, SentAt is the last time.
	Sent   int       `json:"sent,omitempty"`
	SentAt time.Time `json:"sent_at,omitzero"`
	// Open says that nobody knows what became of the last sending.
	Open bool `json:"open,omitempty"`
	// TookAt is when Entra accepted it; it is read until it shows.
	TookAt time.Time `json:"took_at,omitzero"`
	// Since is since when Entra refuses it for want of something that was made a moment ago.
	Since time.Time `json:"since,omitzero"`
	// Was is what to take it back by, as it was before the first sending.
	Was json.RawMessage `json:"was,omitempty"`
	// Outcome and State are what came of it, once it was seen done, failed, undone or kept.
	State   postern.SetupStepState `json:"state,omitempty"`
	Outcome string                 `json:"outcome,omitempty"`
	Problem *postern.SetupProblem  `json:"problem,omitempty"`
	At      time.Time              `json:"at,omitzero"`
}
