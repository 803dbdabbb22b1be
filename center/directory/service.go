package directory

import (
	"context"
	"log/slog"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
)

// Followers are told of every change in the transaction that puts it into the mirror. An error undoes the page.
type Followers interface {
	DirectoryChanged(ctx context.Context, integration postern.IntegrationID, changes []postern.DirectoryChange) error
}

// Tenants opens the connector of an integration.
type Tenants interface {
	List(ctx context.Context) ([]postern.Integration, error)
	Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
	Tenant(ctx context.Context, id postern.IntegrationID) (*entra.Tenant, postern.Integration, error)
}

// Service keeps the mirrors. Followers may be nil; all other fields are needed.
type Service struct {
	Store     Store
	Tenants   Tenants
	Followers Followers
	Audit     audit.Recorder
	Queue     job.Queue
	Notices   backbone.Backbone
	Logger    *slog.Logger
	Now       func() time.Time
	PublicURL string // where Entra reaches this control center, if it is https

	// NotifyLocally has notifications asked for at a loopback or private address too, which an emulated tenant reaches.
	NotifyLocally bool

	members memberCache
	turns   turns
}

// Topic is what is published on the backbone when a mirror changed or a reading began or ended.
func Topic(id postern.IntegrationID) string { return "directory/" + string(id) }

// SyncJob reads what changed in the directory of an integration, or all of it.
type SyncJob struct {
	Integration postern.IntegrationID `json:"integration"`
	Full        bool                  `json:"full,omitempty"`
}

// Kind implements [job.Args].
func (SyncJob) Kind() string { return "directory.sync" }
