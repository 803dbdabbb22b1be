package auth_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/auth"
)

// bearer authenticates a request with a token.
func (h *house) bearer(addr, value string) (auth.Identity, error) {
	r := httptest.NewRequest(http.MethodGet, origin+"/", nil)
	r = r.WithContext(postern.WithActor(r.Context(), postern.Actor{Kind: postern.ActorAnonymous, Addr: addr}))
	r.Header.Set("Authorization", "Bearer "+value)
	return h.door.Authenticate(r)
}

func (h *house) token(b *browser, scopes ...postern.Permission) postern.APITokenCreated {
	h.t.Helper()
	var made postern.APITokenCreated
	must(h.t, b.request(func(ctx context.Context) (err error) {
		made, err = h.door.CreateToken(ctx, postern.APITokenInput{Name: "ci", Scopes: scopes, ValidDays: 30})
		return err
	}))
	return made
}

func TestToken(t *testing.T) {
	h := newHouse(t)
	owner, _, a := h.owner()
	made := h.token(owner, postern.PermUsersRead, postern.PermAuditRead)
	if !regexp.MustCompile(`^ptn_[0-9A-Za-z]{49}$`).MatchString(made.Value) {
		t.Fatalf("the token has the form %q", made.Value)
	}
	who, err := h.bearer("192.0.2.7", made.Value)
	must(t, err)
	if who.Actor.Kind != postern.ActorToken || who.Actor.ID != string(made.Token.ID) || who.Actor.Addr != "192.0.2.7" || who.Administrator != a.ID {
		t.Fatalf("the token is %+v", who)
	}
	if !who.Allows(postern.PermUsersRead) || who.Allows(postern.PermUsersInvite) {
		t.Fatalf("the token may %v", who.Permissions)
	}
	must(t, h.door.Require(who.Enter(t.Context()), postern.PermAuditRead))
	wantCode(t, h.door.Require(who.Enter(t.Context()), postern.PermTokens), postern.CodeForbidden)
	if e := h.trail.last(t); e.Code != audit.AccessDenied.Code || e.Actor.ID != string(made.Token.ID) {
		t.Fatalf("audited: %+v", e)
	}
	wantCode(t, h.door.Require(t.Context(), postern.PermAuditRead), postern.CodeUnauthenticated)
}

func TestTokenEnds(t *testing.T) {
	for name, end := range map[string]func(h *house, owner *browser, a postern.Administrator, made postern.APITokenCreated){
		"revoked": func(h *house, owner *browser, _ postern.Administrator, made postern.APITokenCreated) {
			must(t, owner.request(func(ctx context.Context) error { _, err := h.door.RevokeToken(ctx, made.Token.ID); return err }))
		},
		"expired": func(h *house, _ *browser, _ postern.Administrator, _ postern.APITokenCreated) {
			h.pass(30 * 24 * time.Hour)
		},
		"its maker removed": func(h *house, owner *browser, a postern.Administrator, _ postern.APITokenCreated) {
			must(t, owner.request(func(ctx context.Context) error { return h.door.RemoveAdministrator(ctx, a.ID, a.Version) }))
		},
		"its maker disabled": func(h *house, owner *browser, a postern.Administrator, _ postern.APITokenCreated) {
			must(t, owner.request(func(ctx context.Context) error {
				_, err := h.door.UpdateAdministrator(ctx, a.ID, postern.AdministratorInput{Version: a.Version, Name: a.Name, Role: a.Role, Disabled: true})
				return err
			}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			owner, _, _ := h.owner()
			b, _, a := h.invited(owner, "Ada", postern.RoleAdministrator)
			made := h.token(b, postern.PermUsersRead)
			_, err := h.bearer("192.0.2.7", made.Value)
			must(t, err)
			end(h, owner, a, made)
			_, err = h.bearer("192.0.2.7", made.Value)
			wantCode(t, err, postern.CodeUnauthenticated)
		})
	}
}

func TestTokenAllowsNoMoreThanItsMaker(t *testing.T) {
	h := newHouse(t)
	owner, _, _ := h.owner()
	b, _, a := h.invited(owner, "Ada", postern.RoleAdministrator)
	err := b.request(func(ctx context.Context) error {
		_, err := h.door.CreateToken(ctx, postern.APITokenInput{Name: "more", Scopes: []postern.Permission{postern.PermAdministrators}, ValidDays: 1})
		return err
	})
	wantCode(t, err, postern.CodeForbidden)

	made := h.token(b, postern.PermTokens, postern.PermIntegrationsWrite)
	must(t, owner.request(func(ctx context.Context) error {
		_, err := h.door.UpdateAdministrator(ctx, a.ID, postern.AdministratorInput{Version: a.Version, Name: a.Name, Role: postern.RoleAuditor})
		return err
	}))
	who, err := h.bearer("192.0.2.7", made.Value)
	must(t, err)
	if len(who.Permissions) != 0 {
		t.Fatalf("the token of a demoted maker may %v", who.Permissions)
	}
}

func TestTokenMakesTokensInItsMakersName(t *testing.T) {
	h := newHouse(t)
	owner, _, a := h.owner()
	who, err := h.bearer("192.0.2.7", h.token(owner, postern.PermTokens).Value)
	must(t, err)
	child, err := h.door.CreateToken(who.Enter(t.Context()), postern.APITokenInput{Name: "child", Scopes: []postern.Permission{postern.PermTokens}, ValidDays: 1})
	must(t, err)
	if child.Token.CreatedBy != string(a.ID) {
		t.Fatalf("made by %s", child.Token.CreatedBy)
	}
	_, err = h.door.CreateToken(who.Enter(t.Context()), postern.APITokenInput{Name: "child", Scopes: []postern.Permission{postern.PermAuditRead}, ValidDays: 1})
	wantCode(t, err, postern.CodeForbidden)
}

func TestTokenUseIsNotedOnceAMinute(t *testing.T) {
	h := newHouse(t)
	owner, _, _ := h.owner()
	made := h.token(owner, postern.PermUsersRead)
	used := func() time.Time {
		t.Helper()
		_, err := h.bearer("192.0.2.7", made.Value)
		must(t, err)
		all, err := h.door.Tokens(t.Context())
		must(t, err)
		return *all[0].LastUsed
	}
	first := used()
	h.pass(59 * time.Second)
	if again := used(); !again.Equal(first) {
		t.Fatalf("noted at %s and %s", first, again)
	}
	h.pass(time.Second)
	if later := used(); !later.After(first) {
		t.Fatalf("not noted after a minute: %s", later)
	}
}

func TestWrongTokensAreLimitedPerAddress(t *testing.T) {
	h := newHouse(t)
	owner, _, _ := h.owner()
	made := h.token(owner, postern.PermUsersRead)
	wrong := made.Value[:len(made.Value)-1] + "0"
	if strings.HasSuffix(made.Value, "0") {
		wrong = made.Value[:len(made.Value)-1] + "1"
	}
	for range 10 {
		_, err := h.bearer("192.0.2.7", wrong)
		wantCode(t, err, postern.CodeUnauthenticated)
	}
	_, err := h.bearer("192.0.2.7", wrong)
	wantCode(t, err, postern.CodeTooMany)
	_, err = h.bearer("192.0.2.8", made.Value)
	must(t, err)
	h.pass(time.Minute)
	_, err = h.bearer("192.0.2.7", made.Value)
	must(t, err)
}
