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
	UpdateUser(ctx context.Context, u *postern.User) error // increments u.Version, leaves u.GroupPhase
	// UsersOutOfGroup lists users whose phase is not the one whose group they were last put into, or who were about to be
	// put into one, and whose account is not deleted, oldest change first, beginning behind after; the zero value means from
	// the start.
	UsersOutOfGroup(ctx context.Context, integration postern.IntegrationID, after Mover, limit int) ([]Mover, error)
	// NoteGroupToward stores into whose group a user is about to be put, NoteGroupPhase into whose they were put; the
	// latter ends the former. Both leave the version alone.
	NoteGroupToward(ctx context.Context, id postern.UserID, phase postern.Phase) error
	NoteGroupPhase(ctx context.Context, id postern.UserID, phase postern.Phase) error
	// UserFacts counts what decides a phase. Within a transaction it locks the user.
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

	// Document and SetDocument keep what people edit, as JSON with a version; version 0 says that there is nothing yet.
	Document(ctx context.Context, integration postern.IntegrationID, name string) (version int64, body []byte, err error)
	SetDocument(ctx context.Context, integration postern.IntegrationID, name string, version int64, body []byte) (int64, error)
}

// Mover is a user whom the groups have to follow.
type Mover struct {
	postern.User
	// Toward is the phase into whose group the user was perhaps put already, without GroupPhase saying so.
	Toward postern.Phase
}

// UserQuery chooses users. Zero members do not restrict; results are ordered by display name, then id.
type UserQuery struct {
	IntegrationID postern.IntegrationID
	Phase         postern.Phase // PhaseNone chooses users without one
	Account       postern.AccountState
	Search        string // part of the display name or user principal name, any case
	Offset, Limit int    // Limit at most 1000; 0 means 100
}

// Facts are what decides a phase, counted by the store.
type Facts struct {
	OpenInvitations int
	Phones          int // active
	Passkeys        int // on phones, active at Entra; revocations pending not counted
}
