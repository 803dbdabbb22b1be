package auth_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/auth"
)

func TestFirstAdministrator(t *testing.T) {
	h := newHouse(t)
	early, err := h.door.SetupLink(t.Context())
	must(t, err)
	if !strings.HasPrefix(early, origin+"/welcome#") || len(early) < len(origin)+len("/welcome#")+26 {
		t.Fatalf("the link is %q", early)
	}
	b, _, a := h.owner()
	if a.Role != postern.RoleOwner || a.Name != "Olga Owner" {
		t.Fatalf("the first administrator is %+v", a)
	}
	if who, ok := b.signedIn(); !ok || who.Administrator != a.ID || !who.Allows(postern.PermAdministrators) {
		t.Fatalf("after the welcome %+v is signed in", who)
	}
	if link, err := h.door.SetupLink(t.Context()); err != nil || link != "" {
		t.Fatalf("a second setup link: %q %v", link, err)
	}
	_, err = h.browser().welcome(early, "Mallory", newPasskey(t, origin))
	wantCode(t, err, postern.CodeForbidden)
	if !sawCode(h.trail.events, audit.SetupLinkMade) || !sawCode(h.trail.events, audit.AdministratorMade) {
		t.Fatalf("audited: %+v", h.trail.events)
	}
}

func TestLinkWorksOnceAndNotForever(t *testing.T) {
	h := newHouse(t)
	owner, _, _ := h.owner()
	invite := func() string {
		var made postern.AdministratorInvitation
		must(t, owner.request(func(ctx context.Context) (err error) {
			made, err = h.door.Invite(ctx, postern.AdministratorInvitationInput{Name: "Ada", Role: postern.RoleAuditor})
			return err
		}))
		return made.Link
	}
	link := invite()
	a, err := h.browser().welcome(link, "", newPasskey(t, origin))
	must(t, err)
	if a.Role != postern.RoleAuditor || a.Name != "Ada" {
		t.Fatalf("invited: %+v", a)
	}
	_, err = h.browser().welcome(link, "", newPasskey(t, origin))
	wantCode(t, err, postern.CodeForbidden)

	late := invite()
	h.pass(auth.InviteLinkLifetime)
	_, err = h.browser().welcome(late, "", newPasskey(t, origin))
	wantCode(t, err, postern.CodeForbidden)

	_, err = h.door.CheckLink(t.Context(), "WRONG")
	wantCode(t, err, postern.CodeForbidden)
}

func TestLinkDiesWithItsMaker(t *testing.T) {
	h := newHouse(t)
	owner, _, _ := h.owner()
	second, _, a := h.invited(owner, "Second", postern.RoleOwner)
	var made postern.AdministratorInvitation
	must(t, second.request(func(ctx context.Context) (err error) {
		made, err = h.door.Invite(ctx, postern.AdministratorInvitationInput{Name: "Accomplice", Role: postern.RoleOwner})
		return err
	}))
	must(t, owner.request(func(ctx context.Context) error { return h.door.RemoveAdministrator(ctx, a.ID, a.Version) }))
	_, err := h.browser().welcome(made.Link, "", newPasskey(t, origin))
	wantCode(t, err, postern.CodeForbidden)
}

func TestSignIn(t *testing.T) {
	h := newHouse(t)
	_, key, a := h.owner()
	b := h.browser()
	must(t, b.signIn(key))
	if who, ok := b.signedIn(); !ok || who.Administrator != a.ID {
		t.Fatalf("signed in: %+v", who)
	}
	if e := h.trail.last(t); e.Code != audit.SignedIn.Code || e.Actor.ID != string(a.ID) || e.Actor.Addr != "192.0.2.1" {
		t.Fatalf("audited: %+v", e)
	}
	must(t, b.request(h.door.SignOut))
	if _, ok := b.signedIn(); ok {
		t.Fatal("still signed in after signing out")
	}
	all, err := h.door.Administrators(t.Context())
	must(t, err)
	if len(all) != 1 || all[0].LastSignIn == nil || all[0].Passkeys != 1 || all[0].Version != a.Version {
		t.Fatalf("administrators: %+v", all)
	}
}

func TestSignInRefused(t *testing.T) {
	for name, spoil := range map[string]func(h *house, owner *browser, key *passkey, a postern.Administrator) *passkey{
		"another key": func(_ *house, _ *browser, key *passkey, _ postern.Administrator) *passkey {
			other := newPasskey(t, origin)
			other.id, other.user = key.id, key.user
			return other
		},
		"an unknown credential": func(_ *house, _ *browser, key *passkey, _ postern.Administrator) *passkey {
			key.id = []byte("0123456789abcdef")
			return key
		},
		"another user handle": func(_ *house, _ *browser, key *passkey, _ postern.Administrator) *passkey {
			key.user = []byte("adm_someone_else")
			return key
		},
		"no user verification": func(_ *house, _ *browser, key *passkey, _ postern.Administrator) *passkey {
			key.noVerify = true
			return key
		},
		"a phishing site": func(_ *house, _ *browser, key *passkey, _ postern.Administrator) *passkey {
			key.origin = "https://postern.example.net"
			return key
		},
		"a disabled administrator": func(h *house, owner *browser, _ *passkey, _ postern.Administrator) *passkey {
			_, theirs, a := h.invited(owner, "Disabled", postern.RoleAuditor)
			must(t, owner.request(func(ctx context.Context) error {
				_, err := h.door.UpdateAdministrator(ctx, a.ID, postern.AdministratorInput{Version: a.Version, Name: a.Name, Role: a.Role, Disabled: true})
				return err
			}))
			return theirs
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			owner, key, a := h.owner()
			key = spoil(h, owner, key, a)
			b := h.browser()
			wantCode(t, b.signIn(key), postern.CodeUnauthenticated)
			if _, ok := b.signedIn(); ok {
				t.Fatal("signed in all the same")
			}
			if e := h.trail.last(t); e.Code != audit.SignInFailed.Code || e.Success {
				t.Fatalf("audited: %+v", e)
			}
		})
	}
}

func TestClonedPasskeyIsRefused(t *testing.T) {
	h := newHouse(t)
	_, key, _ := h.owner()
	key.counter = 10
	must(t, h.browser().signIn(key))
	key.counter = 3
	wantCode(t, h.browser().signIn(key), postern.CodeUnauthenticated)
}

func TestChallengeIsAnsweredOnce(t *testing.T) {
	h := newHouse(t)
	_, key, _ := h.owner()
	b := h.browser()
	var answer []byte
	must(t, b.request(func(ctx context.Context) error {
		assertion, err := h.door.BeginSignIn(ctx)
		answer = key.get(t, assertion)
		return err
	}))
	finish := func(ctx context.Context) error {
		_, err := h.door.FinishSignIn(ctx, answer)
		return err
	}
	must(t, b.request(finish))
	wantCode(t, b.request(finish), postern.CodeConflict)
	wantCode(t, h.browser().request(finish), postern.CodeConflict)
}

func TestCeremonyRunsOut(t *testing.T) {
	h := newHouse(t)
	_, key, _ := h.owner()
	b := h.browser()
	var answer []byte
	must(t, b.request(func(ctx context.Context) error {
		assertion, err := h.door.BeginSignIn(ctx)
		answer = key.get(t, assertion)
		return err
	}))
	h.pass(5*time.Minute + time.Second)
	wantCode(t, b.request(func(ctx context.Context) error {
		_, err := h.door.FinishSignIn(ctx, answer)
		return err
	}), postern.CodeConflict)
}

func TestSessionCookie(t *testing.T) {
	h := newHouse(t)
	_, key, _ := h.owner()
	b := h.browser()
	must(t, b.request(func(ctx context.Context) error { _, err := h.door.BeginSignIn(ctx); return err }))
	before := b.cookie
	must(t, b.signIn(key))
	c := b.cookie
	if c.Value == before.Value {
		t.Fatal("the cookie was not renewed at sign-in")
	}
	if c.Name != "__Host-postern" || !c.Secure || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" || c.Domain != "" || c.MaxAge != 0 {
		t.Fatalf("the cookie is %+v", c)
	}
	b.cookie = before
	if _, ok := b.signedIn(); ok {
		t.Fatal("the cookie from before the sign-in is signed in")
	}
}

func TestSessionEnds(t *testing.T) {
	h := newHouse(t)
	b, _, _ := h.owner()
	h.pass(auth.SessionIdle - time.Second)
	if _, ok := b.signedIn(); !ok {
		t.Fatal("signed out before the idle time was over")
	}
	h.pass(auth.SessionIdle)
	if _, ok := b.signedIn(); ok {
		t.Fatal("still signed in after the idle time")
	}

	h = newHouse(t)
	b, _, _ = h.owner()
	for range int(auth.SessionLifetime/(20*time.Minute)) - 1 {
		h.pass(20 * time.Minute)
		if _, ok := b.signedIn(); !ok {
			t.Fatal("signed out though active")
		}
	}
	h.pass(20 * time.Minute)
	if _, ok := b.signedIn(); ok {
		t.Fatal("still signed in after the longest time")
	}
}

func TestChangesHoldFromTheNextRequest(t *testing.T) {
	h := newHouse(t)
	owner, _, _ := h.owner()
	b, _, a := h.invited(owner, "Ada", postern.RoleAdministrator)
	in := postern.AdministratorInput{Version: a.Version, Name: a.Name, Role: postern.RoleAuditor}
	must(t, owner.request(func(ctx context.Context) (err error) { a, err = h.door.UpdateAdministrator(ctx, a.ID, in); return err }))
	who, ok := b.signedIn()
	if !ok || who.Allows(postern.PermIntegrationsWrite) || !who.Allows(postern.PermAuditRead) {
		t.Fatalf("after the demotion: %+v", who)
	}
	wantCode(t, owner.request(func(ctx context.Context) error { _, err := h.door.UpdateAdministrator(ctx, a.ID, in); return err }), postern.CodeStale)
	must(t, owner.request(func(ctx context.Context) error { return h.door.RemoveAdministrator(ctx, a.ID, a.Version) }))
	if _, ok := b.signedIn(); ok {
		t.Fatal("signed in after being removed")
	}
}

func TestLastOwnerStays(t *testing.T) {
	h := newHouse(t)
	b, _, a := h.owner()
	change := func(in postern.AdministratorInput) error {
		return b.request(func(ctx context.Context) error { _, err := h.door.UpdateAdministrator(ctx, a.ID, in); return err })
	}
	wantCode(t, change(postern.AdministratorInput{Version: a.Version, Name: a.Name, Role: postern.RoleAdministrator}), postern.CodeConflict)
	wantCode(t, change(postern.AdministratorInput{Version: a.Version, Name: a.Name, Role: postern.RoleOwner, Disabled: true}), postern.CodeConflict)
	remove := func(ctx context.Context) error { return h.door.RemoveAdministrator(ctx, a.ID, a.Version) }
	wantCode(t, b.request(remove), postern.CodeConflict)
	h.invited(b, "Second", postern.RoleOwner)
	must(t, b.request(remove))
}

func TestOwnPasskeys(t *testing.T) {
	h := newHouse(t)
	b, first, a := h.owner()
	remove := func(id []byte) error {
		return b.request(func(ctx context.Context) error { return h.door.RemovePasskey(ctx, b64(id)) })
	}
	wantCode(t, remove(first.id), postern.CodeConflict)
	h.pass(time.Second) // passkeys are listed by age
	second := newPasskey(t, origin)
	var answer []byte
	must(t, b.request(func(ctx context.Context) error {
		creation, err := h.door.BeginAddPasskey(ctx, "Spare key")
		answer = second.create(t, creation)
		return err
	}))
	must(t, b.request(func(ctx context.Context) error { _, err := h.door.FinishAddPasskey(ctx, answer); return err }))
	keys, err := h.door.Passkeys(t.Context(), a.ID)
	must(t, err)
	if len(keys) != 2 || keys[1].Name != "Spare key" {
		t.Fatalf("passkeys: %+v", keys)
	}
	must(t, remove(first.id))
	must(t, h.browser().signIn(second))
	wantCode(t, h.browser().signIn(first), postern.CodeUnauthenticated)
	wantCode(t, remove(first.id), postern.CodeNotFound)
}

func TestCeremoniesAreLimitedPerAddress(t *testing.T) {
	h := newHouse(t)
	b := h.browser()
	begin := func(ctx context.Context) error { _, err := h.door.BeginSignIn(ctx); return err }
	for range 30 {
		must(t, b.request(begin))
	}
	err := b.request(begin)
	wantCode(t, err, postern.CodeTooMany)
	if after := postern.AsError(err).After; after <= 0 || after > time.Minute {
		t.Fatalf("told to wait %s", after)
	}
	other := h.browser()
	other.addr = "192.0.2.2"
	must(t, other.request(begin))
	h.pass(time.Minute)
	must(t, b.request(begin))
}

func TestPublicURL(t *testing.T) {
	for url, ok := range map[string]bool{
		"https://postern.example.com": true, "https://postern.example.com:8443/": true, "http://localhost:8080": true,
		"http://postern.example.com": false, "https://postern.example.com/console": false, "postern.example.com": false, "": false,
	} {
		if _, err := auth.New(nil, nil, auth.Config{PublicURL: url}); (err == nil) != ok {
			t.Errorf("%q: %v", url, err)
		}
	}
}
