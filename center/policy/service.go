package policy

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/policy/document"
)

// Models is the list of models as a tenant sees it, with the bundle of those in use there.
type Models interface {
	document.Models
	Name(aaguid string) string
}

// Lists opens the list of models.
type Lists interface {
	// Models returns the list, with what is in use in the integration's tenant as a bundle.
	Models(ctx context.Context, id postern.IntegrationID) (Models, error)
}

// Inventory is what planning needs of package inventory.
type Inventory interface {
	Status(ctx context.Context, id postern.IntegrationID) (postern.InventoryStatus, error)
	// Read begins to read everybody's passkeys in the background, if full, and says how that stands.
	Read(ctx context.Context, id postern.IntegrationID, full bool) (postern.InventoryStatus, error)
	// Refresh learns what changed. CodeInventoryIncomplete says that the tenant was never read whole, or that it took too long.
	Refresh(ctx context.Context, id postern.IntegrationID) error
	Each(ctx context.Context, id postern.IntegrationID) iter.Seq2[postern.InventoryUser, error]
}

// Integrations opens the connector of an integration.
type Integrations interface {
	List(ctx context.Context) ([]postern.Integration, error)
	Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
	Graph(ctx context.Context, id postern.IntegrationID) (Graph, postern.Integration, error)
}

// Service plans, applies and watches. All members are needed but Tell.
type Service struct {
	Store        Store
	Integrations Integrations
	Inventory    Inventory
	Lists        Lists
	Audit        audit.Recorder
	Queue        job.Queue
	Notices      backbone.Backbone
	Logger       *slog.Logger
	Now          func() time.Time
	// Tell writes to administrators in the transaction of ctx; nil: nobody is written to.
	Tell func(ctx context.Context, alarm postern.Alarm) error
	// ReadBack is for how long what was written is waited for; 0 means [DefaultReadBack].
	ReadBack time.Duration
}

// DefaultReadBack is for how long Entra may take to show a change before it counts as lost.
const DefaultReadBack = 3 * time.Minute
