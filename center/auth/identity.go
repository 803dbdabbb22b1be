package auth

import (
	"context"
	"net/http"
	"slices"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// Identity is who is asking, and what they may do.
type Identity struct {
	Actor       postern.Actor
	Permissions []postern.Permission
	// Administrator is the one who signed in, or the one whose token it is. It is empty for a token that Postern made
	// for itself.
	Administrator postern.AdministratorID
	// Role is the role of an administrator who signed in, and empty for a token.
	Role postern.Role
}

// Allows reports whether the identity has the permission.
func (i Identity) Allows(p postern.Permission) bool { return slices.Contains(i.Permissions, p) }

type identityKey struct{}

// Enter returns a context in which everything is done, checked and audited in the identity's name.
func (i Identity) Enter(ctx context.Context) context.Context {
	return postern.WithActor(context.WithValue(ctx, identityKey{}, i), i.Actor)
}

// IdentityFrom returns who entered ctx.
func IdentityFrom(ctx context.Context) (Identity, bool) {
	i, ok := ctx.Value(identityKey{}).(Identity)
	return i, ok
}

// Authenticate says who sent r: by its Authorization header if it has one, and only then by its session. The error is
// an [*postern.Error]: CodeUnauthenticated, or CodeTooMany after too many wrong tokens from one address.
func (s *Service) Authenticate(r *http.Request) (Identity, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		return s.authenticateToken(r.Context(), header)
	}
	return s.authenticateSession(r.Context())
}

// Require returns nil if whoever entered ctx has the permission. Otherwise it is CodeUnauthenticated or CodeForbidden,
// and a denial is audited.
func (s *Service) Require(ctx context.Context, p postern.Permission) error {
	i, ok := IdentityFrom(ctx)
	if !ok {
		return postern.Errorf(postern.CodeUnauthenticated, "")
	}
	if i.Allows(p) {
		return nil
	}
	denied := postern.Errorf(postern.CodeForbidden, "That needs the permission %s, which %s does not have.", p, holder(i))
	if s.denials.Take(i.Actor.ID) == 0 {
		err := s.store.Atomically(ctx, func(ctx context.Context) error {
			return s.audit.Record(ctx, postern.AuditEvent{
				Code: audit.AccessDenied.Code, Name: audit.AccessDenied.Name, Success: false, ErrorCode: denied.Code,
				Message: denied.Message, Fields: map[string]string{"permission": string(p)},
			})
		})
		if err != nil {
			s.log.ErrorContext(ctx, "a denial could not be audited", "actor", i.Actor.ID, "permission", p, "error", err)
		}
	}
	return denied
}

func holder(i Identity) string {
	if i.Actor.Kind == postern.ActorToken {
		return "this token"
	}
	return "the role " + string(i.Role)
}

// address is where the request of ctx came from.
func address(ctx context.Context) string { return postern.ActorFrom(ctx).Addr }

// limited takes one ceremony of the address of ctx.
func (s *Service) limited(ctx context.Context) error {
	if wait := s.ceremonies.Take(AddrKey(address(ctx))); wait > 0 {
		e := postern.Errorf(postern.CodeTooMany, "")
		e.After = wait
		return e
	}
	return nil
}
