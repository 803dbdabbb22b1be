package lifecycle

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

// Topic is what is published on the backbone when something about a user changed.
func Topic(id postern.UserID) string { return "user/" + string(id) }

// Tenants opens the connector of an integration.
type Tenants interface {
	Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
	Tenant(ctx context.Context, id postern.IntegrationID) (*entra.Tenant, postern.Integration, error)
}

// Mailer tells users about invitations. Its methods join the transaction of ctx.
type Mailer interface {
	// Invited writes to an invited user; with withCode the one-time code follows in a message of its own. An error
	// undoes the invitation.
	Invited(ctx context.Context, u postern.User, inv postern.Invitation, code string, withCode bool) error
	// InvitationOver takes back what was not sent yet about an invitation that was used, withdrawn or locked.
	InvitationOver(ctx context.Context, id postern.InvitationID) error
}

// Service is everything that can be done with users and invitations. All fields are needed but those that say otherwise.
type Service struct {
	Store   Store
	Tenants Tenants
	Audit   audit.Recorder
	Queue   job.Queue
	Notices backbone.Backbone
	Logger  *slog.Logger
	Now     func() time.Time

	// Mail writes to the user about an invitation; nil: there is no mail.
	Mail Mailer
	// CancelOpen cancels the provisionings of a user that are not final, in the transaction of ctx; nil: there are none.
	CancelOpen func(ctx context.Context, user postern.UserID) error
	// RevokeUser takes every phone and passkey of a user away, joining the transaction of ctx; nil: there are none.
	RevokeUser func(ctx context.Context, user postern.UserID, reason postern.RevocationReason, note string) error
}

// Search looks users up in the tenant's directory.
func (s *Service) Search(ctx context.Context, id postern.IntegrationID, query string, limit int) ([]postern.DirectoryUser, error) {
	tenant, _, err := s.Tenants.Tenant(ctx, id)
	if err != nil {
		return nil, err
	}
	return tenant.Users(ctx, query, limit)
}

// Users lists the users that Postern knows.
func (s *Service) Users(ctx context.Context, q UserQuery) ([]postern.User, error) {
	return s.Store.Users(ctx, q)
}

// User returns one user.
func (s *Service) User(ctx context.Context, id postern.UserID) (postern.User, error) {
	return s.Store.User(ctx, id)
}

// Know finds what Postern keeps of a user of the directory or begins to keep it, without inviting them, in the
// transaction of ctx.
func (s *Service) Know(ctx context.Context, id postern.IntegrationID, who postern.DirectoryUser) (postern.User, error) {
	return s.know(ctx, id, who)
}

// Counts says how many users stand in each phase.
func (s *Service) Counts(ctx context.Context, id postern.IntegrationID) (map[postern.Phase]int, error) {
	return s.Store.CountUsers(ctx, id)
}

// Settle brings the phase of a user up to date with the facts, in the transaction of ctx, which is the one that
// changed a fact. It audits a change and has the groups follow.
func (s *Service) Settle(ctx context.Context, id postern.UserID) error {
	// The facts come first: reading them locks the user, so that two changes at once settle one after the other.
	u, facts, err := s.locked(ctx, id)
	if err != nil {
		return err
	}
	next := Next(u.Phase, facts)
	if next == u.Phase {
		return nil
	}
	_, err = s.enter(ctx, u, next)
	return err
}

func phaseName(p postern.Phase) string {
	if p == "" {
		return "none"
	}
	return string(p)
}

func event(code audit.Code, u postern.User, message string, fields map[string]string) postern.AuditEvent {
	return postern.AuditEvent{
		Code: code.Code, Name: code.Name, IntegrationID: u.IntegrationID, Target: string(u.ID), TargetName: u.UPN,
		Success: true, Message: message, Fields: fields,
	}
}
