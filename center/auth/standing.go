package auth

import (
	"context"

	"github.com/postern/postern"
)

// May says whether somebody who is not here at the moment has a permission now, so that what is done in their name while
// they are away ends when they lose it. The error is CodeForbidden if not.
func (s *Service) May(ctx context.Context, who postern.Actor, p postern.Permission) error {
	switch who.Kind {
	case postern.ActorSystem:
		return nil
	case postern.ActorAdministrator:
		return s.administratorMay(ctx, postern.AdministratorID(who.ID), who.Name, p)
	case postern.ActorToken:
		t, err := s.store.Token(ctx, postern.TokenID(who.ID))
		if postern.IsCode(err, postern.CodeNotFound) {
			return postern.Errorf(postern.CodeForbidden, "The token %s is gone.", who.Name)
		}
		if err != nil {
			return err
		}
		i := Identity{Permissions: t.Scopes}
		switch {
		case t.RevokedAt != nil:
			return postern.Errorf(postern.CodeForbidden, "The token %s was revoked.", t.Name)
		case !s.now().Before(t.ExpiresAt):
			return postern.Errorf(postern.CodeForbidden, "The token %s has expired.", t.Name)
		case !i.Allows(p):
			return postern.Errorf(postern.CodeForbidden, "The token %s does not have the permission %s.", t.Name, p)
		case t.CreatedBy == byOperator:
			return nil
		}
		return s.administratorMay(ctx, postern.AdministratorID(t.CreatedBy), "whose token "+t.Name+" is", p)
	}
	return postern.Errorf(postern.CodeForbidden, "Only administrators and tokens have the permission %s.", p)
}

func (s *Service) administratorMay(ctx context.Context, id postern.AdministratorID, name string, p postern.Permission) error {
	a, err := s.store.Administrator(ctx, id)
	switch {
	case postern.IsCode(err, postern.CodeNotFound):
		return postern.Errorf(postern.CodeForbidden, "The administrator %s was removed.", name)
	case err != nil:
		return err
	case a.DisabledAt != nil:
		return postern.Errorf(postern.CodeForbidden, "The administrator %s may not sign in any more.", a.Name)
	case !a.Role.Allows(p):
		return postern.Errorf(postern.CodeForbidden, "The administrator %s no longer has the permission %s.", a.Name, p)
	}
	return nil
}
