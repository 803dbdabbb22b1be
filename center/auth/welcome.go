package auth

import (
	"context"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// Welcome is what a one-time link promises, for the page that it opens.
type Welcome struct {
	Role postern.Role `json:"role"`
	Name string       `json:"name" doc:"Proposed name; empty for the first administrator."`
}

// CheckLink says what the one-time code is good for, without using it.
func (s *Service) CheckLink(ctx context.Context, code string) (Welcome, error) {
	if err := s.limited(ctx); err != nil {
		return Welcome{}, err
	}
	l, err := s.usableLink(ctx, hashCode(code))
	if err != nil {
		return Welcome{}, err
	}
	return Welcome{Role: l.Role, Name: l.Name}, nil
}

// BeginWelcome returns the options with which the bearer of a one-time code makes a passkey (WebAuthn Level 3, §7.1).
// name is the administrator's name; empty takes the one that the link proposes.
func (s *Service) BeginWelcome(ctx context.Context, code, name string) (*protocol.CredentialCreation, error) {
	if err := s.limited(ctx); err != nil {
		return nil, err
	}
	hash := hashCode(code)
	l, err := s.usableLink(ctx, hash)
	if err != nil {
		return nil, err
	}
	if name == "" {
		name = l.Name
	}
	name, err = checkName(name)
	if err != nil {
		return nil, err
	}
	p := person{id: string(postern.NewID[postern.AdministratorID](postern.PrefixAdministrator)), name: name}
	options, data, err := s.web.BeginRegistration(p)
	if err != nil {
		return nil, err
	}
	return options, s.keepCeremony(ctx, ceremony{Kind: kindWelcome, Data: *data, Link: hash, ID: p.id, Name: name, KeyName: "First passkey"})
}

// FinishWelcome verifies the new passkey, uses the code up, makes the administrator and signs them in. response is the
// JSON form of the browser's RegistrationResponseJSON.
func (s *Service) FinishWelcome(ctx context.Context, response []byte) (postern.Administrator, error) {
	if err := s.limited(ctx); err != nil {
		return postern.Administrator{}, err
	}
	c, err := s.takeCeremony(ctx, kindWelcome)
	if err != nil {
		return postern.Administrator{}, err
	}
	credential, err := s.register(person{id: c.ID, name: c.Name}, c, response)
	if err != nil {
		return postern.Administrator{}, err
	}
	now := s.now().UTC()
	a := postern.Administrator{ID: credential.AdministratorID, Version: 1, Name: c.Name, Passkeys: 1, CreatedAt: now, LastSignIn: &now}
	credential.LastUsed = &now
	err = s.alone(ctx, func(ctx context.Context) error {
		l, err := s.usableLink(ctx, c.Link)
		if err != nil {
			return err
		}
		taken, err := s.store.TakeLink(ctx, c.Link)
		if err != nil {
			return err
		}
		if !taken {
			return postern.Errorf(postern.CodeForbidden, "The link is not valid, or it has been used.").WithNext("Ask an owner for a new link.")
		}
		a.Role = l.Role
		if err := s.store.CreateAdministrator(ctx, a); err != nil {
			return err
		}
		if err := s.store.CreateCredential(ctx, credential); err != nil {
			return err
		}
		ctx = identityOf(a, address(ctx)).Enter(ctx)
		return s.audit.Record(ctx, postern.AuditEvent{
			Code: audit.AdministratorMade.Code, Name: audit.AdministratorMade.Name, Success: true, Target: string(a.ID), TargetName: a.Name,
			Message: audit.AdministratorMade.Text, Fields: map[string]string{"role": string(a.Role), "invited_by": l.CreatedBy},
		})
	})
	if err != nil {
		return postern.Administrator{}, err
	}
	return a, s.startSession(ctx, a)
}
