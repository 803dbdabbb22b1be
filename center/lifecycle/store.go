package lifecycle

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Store keeps users and invitations. Methods join the transaction of ctx; what is not there is CodeNotFound, an
// outdated version CodeStale, a duplicate CodeConflict.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	AfterCommit(ctx context.Context, f func())

	User(ctx context.Context, id postern.UserID) (postern.User, error)
	UserByObjectID(ctx context.Context, integration postern.IntegrationID, objectID string) (postern.User, error)
	Users(ctx context.Context, q UserQuery) ([]postern.User, error)
	CountUsers(ctx context.Context, integration postern.IntegrationID) (map[postern.Phase]int, error)
	CreateUser(ctx context.Context, u postern.User) error
	UpdateUser(ctx context.Context, u *postern.User) error // increments u.Version
	// UsersOutOfGroup lists users whose phase is not the one whose group they were last put into, oldest change first.
	UsersOutOfGroup(ctx context.Context, integration postern.IntegrationID, limit int) ([]postern.User, error)
	// NoteGroupPhase stores into which phase's group a user was put. It leaves the version alone.
	NoteGroupPhase(ctx context.Context, id postern.UserID, phase postern.Phase) error
	UserFacts(ctx context.Context, id postern.UserID, now time.Time) (Facts, error)

	Invitation(ctx context.Context, id postern.InvitationID) (postern.Invitation, error)
	// InvitationByHandle finds the invitation that the first group of a one-time code names, with the hash of the code:
	// the open one, or else the newest. No two open ones share a handle.
	InvitationByHandle(ctx context.Context, handle string) (postern.Invitation, []byte, error)
	Invitations(ctx context.Context, user postern.UserID) ([]postern.Invitation, error)
	// CreateInvitation answers CodeConflict when an open invitation has that handle.
	CreateInvitation(ctx context.Context, i postern.Invitation, handle string, codeHash []byte) error
	// UpdateInvitation stores i if its state and failures are still those of was.
	UpdateInvitation(ctx context.Context, was, i postern.Invitation) error
}

// UserQuery chooses users. Zero members do not restrict; results are ordered by display name, then id.
type UserQuery struct {
	IntegrationID postern.IntegrationID
	Phase         postern.Phase // PhaseNone chooses users without one
	Search        string        // part of the display name or user principal name, any case
	Offset, Limit int           // Limit at most 1000; 0 means 100
}

// Facts are what decides a phase, counted by the store.
type Facts struct {
	OpenInvitations int
	Phones          int // active
	Passkeys        int // on phones, active at Entra; revocations pending not counted
}
