package doctor

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/push"
)

// What a doctor asks of the parts.
type (
	// DatabaseKeeper is the database.
	DatabaseKeeper interface {
		Ping(ctx context.Context) error
		Condition(ctx context.Context) (Database, error)
		ProvisioningFailures(ctx context.Context, integration postern.IntegrationID, since time.Time) ([]Failures, error)
		MessageFailures(ctx context.Context, since time.Time) ([]Failures, error)
		DirectoryUsersWithRoles(ctx context.Context, integration postern.IntegrationID) ([]postern.DirectoryUser, error)
	}
	// Jobs is the job queue.
	Jobs interface {
		Troubles(ctx context.Context, patience time.Duration, since time.Time) (job.Troubles, error)
	}
	// Mail is what writes to people.
	Mail interface {
		Settings(ctx context.Context) (postern.MailSettings, error)
		Check(ctx context.Context) error
	}
	// Push is what wakes phones.
	Push interface {
		Examine(ctx context.Context, most int) (push.Condition, error)
	}
	// Trail is the audit trail.
	Trail interface {
		Coverage(ctx context.Context) (audit.Coverage, error)
	}
	// Streams are where the trail is sent.
	Streams interface {
		List(ctx context.Context) ([]postern.AuditStream, error)
	}
	// Administrators are who may sign in to the console.
	Administrators interface {
		Administrators(ctx context.Context) ([]postern.Administrator, error)
	}
	// Integrations are the connected tenants.
	Integrations interface {
		Tenant(ctx context.Context, id postern.IntegrationID) (*entra.Tenant, postern.Integration, error)
	}
	// Directory is the mirror of a tenant's users.
	Directory interface {
		Status(ctx context.Context, id postern.IntegrationID) (postern.DirectoryStatus, error)
	}
	// Inventory is the passkeys of a tenant.
	Inventory interface {
		Status(ctx context.Context, id postern.IntegrationID) (postern.InventoryStatus, error)
		Summary(ctx context.Context, id postern.IntegrationID) (postern.InventorySummary, error)
	}
	// Policies is the policy of a tenant.
	Policies interface {
		Tenant(ctx context.Context, id postern.IntegrationID) (postern.TenantPolicy, []postern.PolicyNote, error)
		Drift(ctx context.Context, id postern.IntegrationID) (postern.PolicyDrift, error)
	}
)
