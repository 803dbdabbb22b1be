package enrolment

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Store keeps policies, proofs and sign-ins. Methods join the transaction of ctx; what is not there is CodeNotFound, an
// outdated version CodeStale, a duplicate CodeConflict.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	AfterCommit(ctx context.Context, f func())

	Document(ctx context.Context, integration postern.IntegrationID, name string) (version int64, body []byte, err error)
	SetDocument(ctx context.Context, integration postern.IntegrationID, name string, version int64, body []byte) (int64, error)

	Phone(ctx context.Context, id postern.PhoneID) (postern.Phone, error)
	Integrations(ctx context.Context) ([]postern.Integration, error)
	User(ctx context.Context, id postern.UserID) (postern.User, error)
	UserByObjectID(ctx context.Context, integration postern.IntegrationID, objectID string) (postern.User, error)
	// Invitations lists those of a user, newest first.
	Invitations(ctx context.Context, user postern.UserID) ([]postern.Invitation, error)
	// KnownUsers are the users of an integration, by object id, as far as impact needs them.
	KnownUsers(ctx context.Context, integration postern.IntegrationID) (map[string]Known, error)
	// PhonesAwaitingProof are active phones on which a passkey waits for proofs, the longest waiting first.
	PhonesAwaitingProof(ctx context.Context, integration postern.IntegrationID) ([]postern.Phone, error)

	IdentityProofs(ctx context.Context, phone postern.PhoneID) ([]postern.IdentityProof, error) // oldest first
	// AddIdentityProof answers CodeConflict when the phone has an approval of the same person. A proof of another kind
	// takes the place of the one before.
	AddIdentityProof(ctx context.Context, phone postern.PhoneID, p postern.IdentityProof) error

	SignIn(ctx context.Context, id string) (SignIn, error)
	// CreateSignIn forgets those whose time was over.
	CreateSignIn(ctx context.Context, s SignIn, now time.Time) error
	// UpdateSignIn stores step and sealed part, and answers CodeStale when the version is not the one that is stored.
	UpdateSignIn(ctx context.Context, s *SignIn) error
}

// Known is what Postern knows of a user already.
type Known struct {
	UPN   string
	Phase postern.Phase
}

// Step is how far a sign-in at Entra is.
type Step string

// The steps.
const (
	StepBegun     Step = "begun"     // the user is at Entra
	StepReturned  Step = "returned"  // they signed in; the number of the app is to be typed
	StepConfirmed Step = "confirmed" // the number was right; a phone may be enrolled with the ticket
	StepOver      Step = "over"      // it was used, or came to nothing
)

// SignIn is a sign-in at Entra that was begun.
type SignIn struct {
	ID            string // base64url of SHA-256 over the state
	IntegrationID postern.IntegrationID
	PhoneID       postern.PhoneID // empty: it is to enrol one
	Version       int64
	Step          Step
	Sealed        []byte // everything else
	ExpiresAt     time.Time
}
