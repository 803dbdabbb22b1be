package reconcile

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Store keeps runs, differences and where listings were left. Methods join the transaction of ctx; what is not there
// is CodeNotFound, an outdated version CodeStale, a duplicate CodeConflict.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	AfterCommit(ctx context.Context, f func())

	ReconcileRun(ctx context.Context, id postern.ReconcileRunID) (Record, error)
	RunningReconcile(ctx context.Context, integration postern.IntegrationID) (Record, error)
	// ReconcileRuns lists the newest runs, newest first.
	ReconcileRuns(ctx context.Context, integration postern.IntegrationID, limit int) ([]postern.ReconcileRun, error)
	// CreateReconcileRun answers CodeConflict while another run of the integration is running.
	CreateReconcileRun(ctx context.Context, r Record) error
	UpdateReconcileRun(ctx context.Context, r *Record) error // increments r.Version
	// ForgetReconcile removes all but the newest runs, and differences that were closed before a time.
	ForgetReconcile(ctx context.Context, integration postern.IntegrationID, keep int, closedBefore time.Time) error

	OpenDifference(ctx context.Context, integration postern.IntegrationID, kind postern.DifferenceKind, object string) (postern.Difference, error)
	OpenDifferencesOfUser(ctx context.Context, integration postern.IntegrationID, user postern.UserID) ([]postern.Difference, error)
	OpenDifferencesOfKind(ctx context.Context, integration postern.IntegrationID, kind postern.DifferenceKind) ([]postern.Difference, error)
	CountOpenDifferences(ctx context.Context, integration postern.IntegrationID) (int, error)
	// CountDifferencesOfRun counts what a run saw, by outcome.
	CountDifferencesOfRun(ctx context.Context, integration postern.IntegrationID, run postern.ReconcileRunID) (map[postern.DifferenceOutcome]int, error)
	Differences(ctx context.Context, q DifferenceQuery) ([]postern.Difference, error)
	// CreateDifference answers CodeConflict when an open one of that kind is about the same object.
	CreateDifference(ctx context.Context, d postern.Difference) error
	UpdateDifference(ctx context.Context, d postern.Difference) error
	// UsersWithDifferences lists users after one, in order, with open differences about passkeys and provisionings; only
	// those with a passkey that Entra did not list if missed.
	UsersWithDifferences(ctx context.Context, integration postern.IntegrationID, after postern.UserID, missed bool, limit int) ([]postern.UserID, error)

	ReconcileState(ctx context.Context, integration postern.IntegrationID) (State, error)
	SetReconcileState(ctx context.Context, integration postern.IntegrationID, state State) error

	User(ctx context.Context, id postern.UserID) (postern.User, error)
	UserByObjectID(ctx context.Context, integration postern.IntegrationID, objectID string) (postern.User, error)
	UserByUPN(ctx context.Context, integration postern.IntegrationID, upn string) (postern.User, error)
	// UsersAfter lists users after one, in the order of their identifiers.
	UsersAfter(ctx context.Context, integration postern.IntegrationID, choice Choice, after postern.UserID, limit int) ([]postern.User, error)
	CountUsersWithPasskeys(ctx context.Context, integration postern.IntegrationID) (int, error)
	CountActivePasskeys(ctx context.Context, integration postern.IntegrationID) (int, error)
}

// Choice says which users are listed.
type Choice int

// The choices.
const (
	Everybody    Choice = iota
	WithPasskeys        // with managed passkeys that are not revoked
	WithDevices         // with managed passkeys or phones of any state
)

// DifferenceQuery chooses differences. They are ordered by the time they were found, newest first.
type DifferenceQuery struct {
	IntegrationID postern.IntegrationID
	Open          bool // only those that are not gone
	RunID         postern.ReconcileRunID
	Offset, Limit int // Limit at most 1000; 0 means 100
}

// Record is a run with how far it has come, so that another process goes on where one died.
type Record struct {
	postern.ReconcileRun
	Progress Progress
}

// Progress is how far a run has come in its steps.
type Progress struct {
	// Began is when its first attempt began; changes from then on belong to the next run.
	Began time.Time `json:"began,omitzero"`
	// Planned says that the members below are filled in.
	Planned bool `json:"planned,omitempty"`
	// Named are users whose passkeys are still to be looked at because something says that they changed, in order.
	Named []postern.UserID `json:"named,omitempty"`
	// Share is how many users are still to be looked at in turn, and After the one looked at last.
	Share   int            `json:"share,omitempty"`
	After   postern.UserID `json:"after,omitempty"`
	Wrapped bool           `json:"wrapped,omitempty"` // the turn has begun anew
	// EventsRead says that the tenant's own log named those who changed.
	EventsRead bool `json:"events_read,omitempty"`
	// Removed are users from whom something was taken away, as the tenant's own log says.
	Removed []postern.UserID `json:"removed,omitempty"`
	// Confirmed is the user whose passkeys were looked at last a second time.
	Confirmed postern.UserID `json:"confirmed,omitempty"`
	// Untold counts strangers in the groups who are not told of one by one, because there are so many.
	Untold int `json:"untold,omitempty"`
	// New counts differences that no run had seen before.
	New int `json:"new,omitempty"`
}

// State is where the listings of an integration were left.
type State struct {
	// MembersLink leads to what changed since in the groups, which are Groups.
	MembersLink string   `json:"members_link,omitempty"`
	Groups      []string `json:"groups,omitempty"`
	// Again are members to look at again, because they were moved a moment ago.
	Again []string `json:"again,omitempty"`
	// EventsAt is until when the tenant's log was read.
	EventsAt time.Time `json:"events_at,omitzero"`
	// Swept is the user whose passkeys were looked at last in turn.
	Swept postern.UserID `json:"swept,omitempty"`
	// AgreedAt is when a run last left nothing open; FullAt when one last looked at everybody, and FullBegan when one
	// last began to.
	AgreedAt  time.Time `json:"agreed_at,omitzero"`
	FullAt    time.Time `json:"full_at,omitzero"`
	FullBegan time.Time `json:"full_began,omitzero"`
}
