package center

import (
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/bulk"
	"github.com/postern/postern/center/integration"
)

// bulkTenants gives package bulk the integrations in the shape it asks for.
type bulkTenants struct{ *integration.Service }

// GroupMembers implements [bulk.Tenants].
func (b bulkTenants) GroupMembers(ctx context.Context, id postern.IntegrationID, group string, limit int) ([]postern.DirectoryUser, error) {
	tenant, _, err := b.Tenant(ctx, id)
	if err != nil {
		return nil, err
	}
	var users []postern.DirectoryUser
	for m, err := range tenant.Members(ctx, group) {
		if err != nil {
			return nil, err
		}
		if m.Type != "" && m.Type != "user" {
			continue
		}
		if users = append(users, postern.DirectoryUser{ObjectID: m.ObjectID, UPN: m.UPN, DisplayName: m.DisplayName}); len(users) == limit {
			break
		}
	}
	return users, nil
}

// registerBulk says what bulk jobs can do, and what whoever starts one must be allowed to.
func (s *Center) registerBulk() {
	b := s.Bulk
	b.MailReady = func(ctx context.Context) error {
		settings, err := s.Mail.Settings(ctx)
		if err == nil && !settings.Configured() {
			err = postern.Errorf(postern.CodeMailOff, "")
		}
		return err
	}
	b.Register(postern.BulkInvite, postern.PermUsersInvite, bulk.Invite{Users: s.Users, PublicURL: s.Config.PublicURL})
	b.Register(postern.BulkRemind, postern.PermUsersInvite, bulk.Remind{Mail: s.Mail, Store: s.Store})
	b.Register(postern.BulkProvision, postern.PermPasskeysProvision, bulk.Provision{Passkeys: s.Passkeys, Phones: s.Phones, Now: b.Now})
	b.Register(postern.BulkRevokeUser, postern.PermPasskeysRevoke, bulk.RevokeUser{Passkeys: s.Passkeys})
	b.Register(postern.BulkRevokePhones, postern.PermPasskeysRevoke, bulk.RevokePhones{Passkeys: s.Passkeys, Phones: s.Phones})
	b.Register(postern.BulkSuspend, postern.PermPasskeysRevoke, bulk.Suspend{Users: s.Users})
	b.Register(postern.BulkResume, postern.PermPasskeysRevoke, bulk.Resume{Users: s.Users})
}
