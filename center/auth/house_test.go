package auth_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/auth"
	"github.com/postern/postern/center/store"
)

const origin = "https://postern.example.com"

// house is a door with a real store behind it.
type house struct {
	t     *testing.T
	door  *auth.Service
	trail *trail
	log   *bytes.Buffer

	mu  sync.Mutex
	now time.Time
}

// trail keeps what was recorded, for tests to read.
type trail struct{ events []postern.AuditEvent }

func (r *trail) Record(ctx context.Context, e postern.AuditEvent) error {
	e.Actor = postern.ActorFrom(ctx)
	r.events = append(r.events, e)
	return nil
}

func (r *trail) last(t *testing.T) postern.AuditEvent {
	t.Helper()
	if len(r.events) == 0 {
		t.Fatal("nothing was audited")
	}
	return r.events[len(r.events)-1]
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{t: t, trail: &trail{}, log: &bytes.Buffer{}, now: time.Now()}
	db, err := store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "postern.db"), store.Options{Now: h.clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	if h.door, err = auth.New(db, h.trail, auth.Config{PublicURL: origin, Log: log, Now: h.clock}); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *house) clock() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.now
}

func (h *house) pass(d time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now = h.now.Add(d)
}

// browser keeps one session, from one address.
type browser struct {
	h      *house
	addr   string
	cookie *http.Cookie
	who    auth.Identity // as of the last request
}

func (h *house) browser() *browser { return &browser{h: h, addr: "192.0.2.1"} }

// request runs do within one request of the browser, in the name of whoever is signed in.
func (b *browser) request(do func(ctx context.Context) error) error {
	b.h.t.Helper()
	r := httptest.NewRequest(http.MethodPost, origin+"/", nil)
	r = r.WithContext(postern.WithActor(r.Context(), postern.Actor{Kind: postern.ActorAnonymous, Addr: b.addr}))
	if b.cookie != nil {
		r.AddCookie(b.cookie)
	}
	w := httptest.NewRecorder()
	var result error
	b.who = auth.Identity{}
	b.h.door.Sessions(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if who, err := b.h.door.Authenticate(r); err == nil {
			b.who = who
			ctx = who.Enter(ctx)
		}
		result = do(ctx)
	})).ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.h.t.Fatalf("sessions answered %d: %s", w.Code, w.Body)
	}
	for _, c := range w.Result().Cookies() {
		if c.MaxAge < 0 {
			b.cookie = nil
			continue
		}
		b.cookie = c
	}
	return result
}

// signedIn reports who is signed in.
func (b *browser) signedIn() (auth.Identity, bool) {
	b.h.t.Helper()
	if err := b.request(func(context.Context) error { return nil }); err != nil {
		b.h.t.Fatal(err)
	}
	return b.who, b.who.Administrator != ""
}

// welcome becomes an administrator by a one-time link.
func (b *browser) welcome(link, name string, key *passkey) (postern.Administrator, error) {
	b.h.t.Helper()
	code := strings.TrimPrefix(link, origin+"/welcome#")
	var answer []byte
	err := b.request(func(ctx context.Context) error {
		creation, err := b.h.door.BeginWelcome(ctx, code, name)
		if err == nil {
			answer = key.create(b.h.t, creation)
		}
		return err
	})
	if err != nil {
		return postern.Administrator{}, err
	}
	var a postern.Administrator
	err = b.request(func(ctx context.Context) (err error) {
		a, err = b.h.door.FinishWelcome(ctx, answer)
		return err
	})
	return a, err
}

// signIn signs in with a passkey.
func (b *browser) signIn(key *passkey) error {
	b.h.t.Helper()
	var answer []byte
	err := b.request(func(ctx context.Context) error {
		assertion, err := b.h.door.BeginSignIn(ctx)
		if err == nil {
			answer = key.get(b.h.t, assertion)
		}
		return err
	})
	if err != nil {
		return err
	}
	return b.request(func(ctx context.Context) error {
		_, err := b.h.door.FinishSignIn(ctx, answer)
		return err
	})
}

// owner makes the first administrator, signed in.
func (h *house) owner() (*browser, *passkey, postern.Administrator) {
	h.t.Helper()
	link, err := h.door.SetupLink(h.t.Context())
	if err != nil {
		h.t.Fatal(err)
	}
	b, key := h.browser(), newPasskey(h.t, origin)
	a, err := b.welcome(link, "Olga Owner", key)
	if err != nil {
		h.t.Fatal(err)
	}
	return b, key, a
}

// invited makes a further administrator, signed in.
func (h *house) invited(by *browser, name string, role postern.Role) (*browser, *passkey, postern.Administrator) {
	h.t.Helper()
	var made postern.AdministratorInvitation
	err := by.request(func(ctx context.Context) (err error) {
		made, err = h.door.Invite(ctx, postern.AdministratorInvitationInput{Name: name, Role: role})
		return err
	})
	if err != nil {
		h.t.Fatal(err)
	}
	b, key := h.browser(), newPasskey(h.t, origin)
	a, err := b.welcome(made.Link, "", key)
	if err != nil {
		h.t.Fatal(err)
	}
	return b, key, a
}

func wantCode(t *testing.T, err error, code postern.Code) {
	t.Helper()
	if !postern.IsCode(err, code) {
		t.Fatalf("got %v, want the code %s", err, code)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func sawCode(events []postern.AuditEvent, code audit.Code) bool {
	for _, e := range events {
		if e.Code == code.Code {
			return true
		}
	}
	return false
}
