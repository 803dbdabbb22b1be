package reconcile

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/provision"
)

// Graph is what reconciling needs of the connector.
type Graph interface {
	MemberChanges(ctx context.Context, link string, groups []string) (entra.MemberChanges, error)
	MemberOf(ctx context.Context, objectID string, groupIDs []string) ([]string, error)
	PutMembers(ctx context.Context, groupID string, objectIDs []string) (unknown []string, err error)
	RemoveMembers(ctx context.Context, groupID string, objectIDs []string) error
	PasskeyEvents(ctx context.Context, since time.Time) ([]entra.PasskeyEvent, error)
	PasskeysOf(ctx context.Context, users []string) iter.Seq2[entra.UserPasskeys, error]
}

// Integrations opens the connector of an integration.
type Integrations interface {
	List(ctx context.Context) ([]postern.Integration, error)
	Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
	Graph(ctx context.Context, id postern.IntegrationID) (Graph, postern.Integration, error)
}

// Directory brings what Postern knows of the tenant's users up to date.
type Directory interface {
	Refresh(ctx context.Context, id postern.IntegrationID) error
}

// Groups keeps the three groups.
type Groups interface {
	MendGroups(ctx context.Context, id postern.IntegrationID) ([]postern.GroupFinding, error)
}

// Passkeys compares what Entra lists of a user with the books.
type Passkeys interface {
	ReconcileUser(ctx context.Context, user postern.UserID, listed []entra.Passkey, look provision.Look) (provision.Reconciled, error)
}

// Service compares and mends. Directory and Groups may be nil; everything else is needed.
type Service struct {
	Store        Store
	Integrations Integrations
	Directory    Directory
	Groups       Groups
	Passkeys     Passkeys
	Audit        audit.Recorder
	Queue        job.Queue
	Notices      backbone.Backbone
	Logger       *slog.Logger
	Now          func() time.Time

	// Listed, if not nil, is told what Entra lists of users, by object id, in the transaction that keeps what was found.
	Listed func(ctx context.Context, id postern.IntegrationID, users []entra.UserPasskeys) error
}
