package enrolment

import (
	"context"
	"log/slog"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/device"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/center/seal"
)

// Tenants opens the connector of an integration.
type Tenants interface {
	Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
	Tenant(ctx context.Context, id postern.IntegrationID) (*entra.Tenant, postern.Integration, error)
}

// Service is everything that can be done with policies, proofs and approvals. All fields are needed.
type Service struct {
	Store     Store
	Tenants   Tenants
	Sealer    seal.Sealer
	Audit     audit.Recorder
	Notices   backbone.Backbone
	Logger    *slog.Logger
	Now       func() time.Time
	PublicURL string

	// Know keeps a user of the directory, in the transaction of ctx.
	Know func(ctx context.Context, integration postern.IntegrationID, who postern.DirectoryUser) (postern.User, error)
	// Proven is called in the transaction that adds a proof, so that what waited for it goes on.
	Proven func(ctx context.Context, phone postern.PhoneID) error
	// Revoke takes a phone away, with its passkeys.
	Revoke func(ctx context.Context, phone postern.PhoneID) (postern.Phone, error)
	// Person is the administrator on whose word something is done; empty where it is nobody's in particular.
	Person func(ctx context.Context) postern.AdministratorID

	modes modes
}

// tell wakes whoever looks at a phone or its user, once the transaction of ctx is committed.
func (s *Service) tell(ctx context.Context, p postern.Phone) {
	s.Store.AfterCommit(ctx, func() {
		s.Notices.Publish(device.Topic(p.ID))
		s.Notices.Publish(lifecycle.Topic(p.UserID))
	})
}

func event(code audit.Code, p postern.Phone, message string, fields map[string]string) postern.AuditEvent {
	if fields == nil {
		fields = make(map[string]string)
	}
	fields["user"] = string(p.UserID)
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: p.IntegrationID, Target: string(p.ID), TargetName: p.Name,
		Success: true, Message: message, Fields: fields,
	}
}
