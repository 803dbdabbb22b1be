package inventory

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
)

// Graph is what an inventory needs of the connector.
type Graph interface {
	PasskeyEvents(ctx context.Context, since time.Time) ([]entra.PasskeyEvent, error)
	InventoryPasskeys(ctx context.Context, users []string) iter.Seq2[entra.UserPasskeys, error]
	RegistrationReport(ctx context.Context, everybody bool) iter.Seq2[entra.Registration, error]
}

// Integrations opens the connector of an integration.
type Integrations interface {
	List(ctx context.Context) ([]postern.Integration, error)
	Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
	Graph(ctx context.Context, id postern.IntegrationID) (Graph, postern.Integration, error)
}

// Directory brings the mirror of the tenant's users up to date.
type Directory interface {
	Refresh(ctx context.Context, id postern.IntegrationID) error
}

// Models names models. The function returned answers "" for an AAGUID that it does not know.
type Models interface {
	Names(ctx context.Context) (func(aaguid string) string, error)
}

// Service keeps the inventories. Models and Allowed may be nil; everything else is needed.
type Service struct {
	Store        Store
	Integrations Integrations
	Directory    Directory
	Models       Models
	Audit        audit.Recorder
	Queue        job.Queue
	Notices      backbone.Backbone
	Logger       *slog.Logger
	Now          func() time.Time

	// Allowed says of models whether the tenant's policy lets them sign in, for somebody at least. A model that it leaves
	// out is [postern.Unknown].
	Allowed func(ctx context.Context, id postern.IntegrationID, models []postern.InventoryModel) (map[string]postern.Known, error)
}

// Topic is what is published on the backbone when an inventory changed or a reading got on.
func Topic(id postern.IntegrationID) string { return "inventory/" + string(id) }
