package auth

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// usedEvery is how often the last use of a token is noted.
const usedEvery = time.Minute

// Longest validity of a token, and the most tokens there can be at once.
const (
	maxTokenDays = 365
	maxTokens    = 1000
)

// Tokens lists all tokens, revoked and expired ones included.
func (s *Service) Tokens(ctx context.Context) ([]postern.APIToken, error) { return s.store.Tokens(ctx) }

// CreateToken makes a token in the name of the identity of ctx. It can only have scopes that its maker has; without an
// identity it is Postern itself that makes one, on the word of whoever runs the server.
func (s *Service) CreateToken(ctx context.Context, in postern.APITokenInput) (postern.APITokenCreated, error) {
	name, err := checkName(in.Name)
	if err != nil {
		return postern.APITokenCreated{}, err
	}
	if in.ValidDays < 1 || in.ValidDays > maxTokenDays {
		return postern.APITokenCreated{}, postern.FieldErrorf("valid_days", "A token is valid for 1 to %d days.", maxTokenDays)
	}
	i, known := IdentityFrom(ctx)
	if !known {
		i = Identity{Permissions: postern.Permissions}
	}
	scopes, err := checkScopes(i, in.Scopes)
	if err != nil {
		return postern.APITokenCreated{}, err
	}
	now := s.now().UTC()
	value := newToken()
	t := postern.APIToken{
		ID: postern.NewID[postern.TokenID](postern.PrefixToken), Name: name, Scopes: scopes, CreatedBy: maker(i),
		CreatedAt: now, ExpiresAt: now.AddDate(0, 0, in.ValidDays),
	}
	err = s.alone(ctx, func(ctx context.Context) error {
		all, err := s.store.Tokens(ctx)
		if err != nil {
			return err
		}
		if live := countLive(all, now); live >= maxTokens {
			return postern.Errorf(postern.CodeConflict, "There are %d live tokens; that is the most.", live).WithNext("Revoke tokens that are not used.")
		}
		if err := s.store.CreateToken(ctx, t, hashToken(value)); err != nil {
			return err
		}
		return s.audit.Record(ctx, postern.AuditEvent{
			Code: audit.TokenMade.Code, Name: audit.TokenMade.Name, Success: true, Target: string(t.ID), TargetName: t.Name, Message: audit.TokenMade.Text,
			Fields: map[string]string{"scopes": joinScopes(t.Scopes), "expires_at": t.ExpiresAt.Format(time.RFC3339)},
		})
	})
	if err != nil {
		return postern.APITokenCreated{}, err
	}
	return postern.APITokenCreated{Token: t, Value: value}, nil
}

// checkScopes orders the scopes and refuses those that do not exist or that the maker does not have.
func checkScopes(i Identity, asked []postern.Permission) ([]postern.Permission, error) {
	if len(asked) == 0 {
		return nil, postern.FieldErrorf("scopes", "A token without scopes could do nothing.")
	}
	for _, scope := range asked {
		if !slices.Contains(postern.Permissions, scope) {
			return nil, postern.FieldErrorf("scopes", "There is no permission %q.", scope)
		}
		if !i.Allows(scope) {
			return nil, postern.Errorf(postern.CodeForbidden, "You cannot give a token the permission %s, which you do not have.", scope).OnField("scopes")
		}
	}
	var scopes []postern.Permission
	for _, p := range postern.Permissions {
		if slices.Contains(asked, p) {
			scopes = append(scopes, p)
		}
	}
	return scopes, nil
}

func joinScopes(scopes []postern.Permission) string {
	parts := make([]string, len(scopes))
	for i, scope := range scopes {
		parts[i] = string(scope)
	}
	return strings.Join(parts, " ")
}

func countLive(all []postern.APIToken, now time.Time) int {
	live := 0
	for _, t := range all {
		if t.RevokedAt == nil && now.Before(t.ExpiresAt) {
			live++
		}
	}
	return live
}

// RevokeToken ends a token at once. Revoking a revoked token changes nothing.
func (s *Service) RevokeToken(ctx context.Context, id postern.TokenID) (postern.APIToken, error) {
	var t postern.APIToken
	err := s.alone(ctx, func(ctx context.Context) error {
		all, err := s.store.Tokens(ctx)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(all, func(t postern.APIToken) bool { return t.ID == id })
		if at < 0 {
			return postern.Errorf(postern.CodeNotFound, "There is no token %s.", id)
		}
		if t = all[at]; t.RevokedAt != nil {
			return nil
		}
		now := s.now().UTC()
		t.RevokedAt = &now
		if err := s.store.UpdateToken(ctx, t); err != nil {
			return err
		}
		return s.audit.Record(ctx, postern.AuditEvent{
			Code: audit.TokenRevoked.Code, Name: audit.TokenRevoked.Name, Success: true, Target: string(t.ID), TargetName: t.Name, Message: audit.TokenRevoked.Text,
		})
	})
	return t, err
}

// authenticateToken judges an Authorization header. Every wrong token reads the same.
func (s *Service) authenticateToken(ctx context.Context, header string) (Identity, error) {
	from := AddrKey(address(ctx))
	if wait := s.badTokens.Wait(from); wait > 0 {
		e := postern.Errorf(postern.CodeTooMany, "Too many wrong tokens came from your address.")
		e.After = wait
		return Identity{}, e
	}
	scheme, value, _ := strings.Cut(header, " ")
	value = strings.TrimSpace(value)
	if !strings.EqualFold(scheme, "Bearer") || !wellFormed(value) {
		return Identity{}, s.wrongToken(ctx, from)
	}
	hash := hashToken(value)
	t, err := s.store.TokenByHash(ctx, hash)
	if postern.IsCode(err, postern.CodeNotFound) {
		return Identity{}, s.wrongToken(ctx, from)
	}
	if err != nil {
		return Identity{}, err
	}
	now := s.now().UTC()
	if t.RevokedAt != nil || !now.Before(t.ExpiresAt) {
		return Identity{}, s.wrongToken(ctx, from)
	}
	i := Identity{
		Actor:       postern.Actor{Kind: postern.ActorToken, ID: string(t.ID), Name: t.Name, Addr: address(ctx)},
		Permissions: t.Scopes,
	}
	if t.CreatedBy != byOperator {
		owner, err := s.store.Administrator(ctx, postern.AdministratorID(t.CreatedBy))
		if postern.IsCode(err, postern.CodeNotFound) || err == nil && owner.DisabledAt != nil {
			return Identity{}, s.wrongToken(ctx, from)
		}
		if err != nil {
			return Identity{}, err
		}
		i.Administrator = owner.ID
		i.Permissions = nil
		for _, scope := range t.Scopes {
			if owner.Role.Allows(scope) {
				i.Permissions = append(i.Permissions, scope)
			}
		}
	}
	if t.LastUsed == nil || now.Sub(*t.LastUsed) >= usedEvery {
		if err := s.noteUse(ctx, hash, now); err != nil {
			s.log.ErrorContext(ctx, "the use of a token could not be noted", "token", t.ID, "error", err)
		}
	}
	return i, nil
}

// noteUse notes the last use of a token as it stands now, not as it was read: it may have been revoked meanwhile.
func (s *Service) noteUse(ctx context.Context, hash []byte, now time.Time) error {
	return s.alone(ctx, func(ctx context.Context) error {
		t, err := s.store.TokenByHash(ctx, hash)
		if err != nil {
			return err
		}
		t.LastUsed = &now
		return s.store.UpdateToken(ctx, t)
	})
}

// wrongToken refuses a token, and tells the trail: the first of an address at once, those that follow within the hour as a
// number, so that nobody fills the disk.
func (s *Service) wrongToken(ctx context.Context, from string) error {
	s.badTokens.Take(from)
	refused := postern.Errorf(postern.CodeUnauthenticated, "The token is not valid: it is mistyped, expired or revoked.").
		WithNext("Make a new token in the console or with postern tokens create.")
	s.refusals.Refused(ctx, s.audit, from, audit.TokenRefused, refused)
	return refused
}
