package mail

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Store keeps settings and the outbox. Methods join the transaction of ctx; what is not there is CodeNotFound, an
// outdated version CodeStale.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	AfterCommit(ctx context.Context, f func())

	Document(ctx context.Context, integration postern.IntegrationID, name string) (version int64, body []byte, err error)
	SetDocument(ctx context.Context, integration postern.IntegrationID, name string, version int64, body []byte) (int64, error)
	Setting(ctx context.Context, name string) ([]byte, error)
	SetSetting(ctx context.Context, name string, value []byte) error

	User(ctx context.Context, id postern.UserID) (postern.User, error)
	Invitation(ctx context.Context, id postern.InvitationID) (postern.Invitation, error)
	Invitations(ctx context.Context, user postern.UserID) ([]postern.Invitation, error)

	CreateMessage(ctx context.Context, m Entry) error
	Message(ctx context.Context, id postern.MessageID) (Entry, error)
	Messages(ctx context.Context, q Query) ([]postern.Message, error)
	// DueMessages lists queued messages whose time has come, in the order in which they go out.
	DueMessages(ctx context.Context, now time.Time, limit int) ([]Entry, error)
	// WithdrawMessages withdraws what is queued about an invitation.
	WithdrawMessages(ctx context.Context, invitation postern.InvitationID, problem string) error
	// NextMessage is when the first queued message may be tried; ok is false when none is queued.
	NextMessage(ctx context.Context) (at time.Time, ok bool, err error)
	// MessagesTried counts the messages whose last attempt was begun after that time.
	MessagesTried(ctx context.Context, after time.Time) (int, error)
	// UpdateMessage stores now if state and attempts are still those of was; otherwise it answers CodeStale.
	UpdateMessage(ctx context.Context, was, now Entry) error
	// PostponeMessages has every queued message that is due wait until a time, for a problem that is none of its own.
	PostponeMessages(ctx context.Context, due, until time.Time, problem string) error
	// HastenMessages makes every queued message due whose last attempt was not begun after triedBefore.
	HastenMessages(ctx context.Context, now, triedBefore time.Time) error

	Administrators(ctx context.Context) ([]postern.Administrator, error)
	CreateAlarm(ctx context.Context, m AlarmEntry) error
	Alarm(ctx context.Context, id postern.MessageID) (AlarmEntry, error)
	// UpdateAlarm stores now if state and attempts are still those of was; otherwise it answers CodeStale.
	UpdateAlarm(ctx context.Context, was, now AlarmEntry) error

	// UnfinishedUsers lists the users in phase paired whose account is not known to be closed, by id after that one.
	UnfinishedUsers(ctx context.Context, integration postern.IntegrationID, after postern.UserID, limit int) ([]Unfinished, error)
	// EndingInvitations lists open invitations that end between two times, were valid for longer than life, and about
	// which nobody was reminded, by id after that one.
	EndingInvitations(ctx context.Context, integration postern.IntegrationID, q Ending) ([]Invited, error)
}

// Entry is a message with what only this package reads.
type Entry struct {
	postern.Message
	Sealed    []byte // the letter, empty unless the message is queued
	Rank      int    // 0: somebody waits for it; 1: after those
	TriedAt   *time.Time
	ExpiresAt *time.Time // from then on the message is worth nothing
}

// Query chooses messages. Zero members do not restrict; results are newest first.
type Query struct {
	IntegrationID postern.IntegrationID
	UserID        postern.UserID
	State         postern.MessageState
	Kind          postern.MessageKind
	Offset, Limit int // Limit at most 1000; 0 means 100
}

// Unfinished is a user whose phone is paired while Entra knows no passkey of it.
type Unfinished struct {
	User       postern.User
	Since      time.Time // when the phone was paired
	Reminders  int       // since then
	RemindedAt time.Time // zero: never
}

// Ending chooses open invitations.
type Ending struct {
	From, Until time.Time
	Life        time.Duration
	After       postern.InvitationID
	Limit       int
}

// Invited is a user with an open invitation.
type Invited struct {
	User       postern.User
	Invitation postern.Invitation
}
