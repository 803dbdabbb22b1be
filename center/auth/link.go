package auth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// How long one-time links work.
const (
	SetupLinkLifetime  = 24 * time.Hour
	InviteLinkLifetime = 72 * time.Hour
)

// Who made a link, where it was not an administrator.
const (
	bySetup    = "setup"    // the first start; void as soon as there is an administrator
	byOperator = "operator" // somebody with a shell on the server
)

// SetupLink returns a one-time link for the first administrator, an owner, or "" when there is an administrator
// already. Each start of a server without administrators makes a new one; the first to be used voids the others.
func (s *Service) SetupLink(ctx context.Context) (string, error) {
	link := ""
	err := s.store.Atomically(ctx, func(ctx context.Context) error {
		existing, err := s.store.Administrators(ctx)
		if err != nil || len(existing) > 0 {
			return err
		}
		if err := s.store.DeleteExpiredLinks(ctx, s.now()); err != nil {
			return err
		}
		link, err = s.createLink(ctx, Link{Role: postern.RoleOwner, CreatedBy: bySetup, ExpiresAt: s.now().Add(SetupLinkLifetime)})
		if err != nil {
			return err
		}
		return s.audit.Record(ctx, postern.AuditEvent{Code: audit.SetupLinkMade.Code, Name: audit.SetupLinkMade.Name, Success: true, Message: audit.SetupLinkMade.Text})
	})
	return link, err
}

// OwnerLink returns a one-time link for a further owner. It is the way back in for whoever has a shell on the server
// when no owner has a passkey left, and it is audited.
func (s *Service) OwnerLink(ctx context.Context) (string, error) {
	link := ""
	err := s.store.Atomically(ctx, func(ctx context.Context) (err error) {
		link, err = s.createLink(ctx, Link{Role: postern.RoleOwner, CreatedBy: byOperator, ExpiresAt: s.now().Add(SetupLinkLifetime)})
		if err != nil {
			return err
		}
		return s.audit.Record(ctx, postern.AuditEvent{
			Code: audit.AdministratorAsked.Code, Name: audit.AdministratorAsked.Name, Success: true, Message: "A one-time link for an owner was made on the server.",
			Fields: map[string]string{"role": string(postern.RoleOwner)},
		})
	})
	return link, err
}

// Invite returns a one-time link for a further administrator.
func (s *Service) Invite(ctx context.Context, in postern.AdministratorInvitationInput) (postern.AdministratorInvitation, error) {
	name, err := checkName(in.Name)
	if err != nil {
		return postern.AdministratorInvitation{}, err
	}
	if !in.Role.Valid() {
		return postern.AdministratorInvitation{}, postern.FieldErrorf("role", "There is no role %q.", in.Role)
	}
	i, _ := IdentityFrom(ctx)
	out := postern.AdministratorInvitation{Name: name, Role: in.Role, ExpiresAt: s.now().Add(InviteLinkLifetime).UTC()}
	err = s.store.Atomically(ctx, func(ctx context.Context) (err error) {
		if err := s.store.DeleteExpiredLinks(ctx, s.now()); err != nil {
			return err
		}
		out.Link, err = s.createLink(ctx, Link{Role: in.Role, Name: name, CreatedBy: maker(i), ExpiresAt: out.ExpiresAt})
		if err != nil {
			return err
		}
		return s.audit.Record(ctx, postern.AuditEvent{
			Code: audit.AdministratorAsked.Code, Name: audit.AdministratorAsked.Name, Success: true, TargetName: name, Message: audit.AdministratorAsked.Text,
			Fields: map[string]string{"role": string(in.Role)},
		})
	})
	if err != nil {
		return postern.AdministratorInvitation{}, err
	}
	return out, nil
}

// maker is what is stored of who made a link or token: the administrator behind the identity, so that what they made
// goes when they go. Postern itself makes things only on the operator's word.
func maker(i Identity) string {
	if i.Administrator != "" {
		return string(i.Administrator)
	}
	return byOperator
}

// createLink stores a link under the hash of a fresh code. The code travels in the fragment, which browsers send to
// nobody.
func (s *Service) createLink(ctx context.Context, l Link) (string, error) {
	code := rand.Text() // at least 128 bits
	l.Hash = hashCode(code)
	if err := s.store.CreateLink(ctx, l); err != nil {
		return "", err
	}
	return s.publicURL + "/welcome#" + code, nil
}

func hashCode(code string) []byte {
	hash := sha256.Sum256([]byte(strings.ToUpper(strings.TrimSpace(code))))
	return hash[:]
}

// usableLink finds the link and refuses it when its time or its reason is over.
func (s *Service) usableLink(ctx context.Context, hash []byte) (Link, error) {
	refused := postern.Errorf(postern.CodeForbidden, "The link is not valid, or it has been used.").
		WithNext("Ask an owner for a new link. For the very first administrator, start Postern again: it prints a new one.")
	l, err := s.store.LinkByHash(ctx, hash)
	if postern.IsCode(err, postern.CodeNotFound) {
		return Link{}, refused
	}
	if err != nil {
		return Link{}, err
	}
	if !s.now().Before(l.ExpiresAt) {
		return Link{}, refused
	}
	switch l.CreatedBy {
	case byOperator:
	case bySetup:
		existing, err := s.store.Administrators(ctx)
		if err != nil {
			return Link{}, err
		}
		if len(existing) > 0 {
			return Link{}, refused
		}
	default:
		a, err := s.store.Administrator(ctx, postern.AdministratorID(l.CreatedBy))
		if postern.IsCode(err, postern.CodeNotFound) {
			return Link{}, refused
		}
		if err != nil {
			return Link{}, err
		}
		if a.DisabledAt != nil || !a.Role.Allows(postern.PermAdministrators) {
			return Link{}, refused
		}
	}
	return l, nil
}
