package web_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center"
	"github.com/postern/postern/center/auth"
	"github.com/postern/postern/center/web"
	"github.com/postern/postern/entrasim"
)

// world is a whole control center on SQLite before an emulated tenant.
type world struct {
	*testing.T
	*center.Center
	tenant *entrasim.Running
	url    string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, entrasim.Config{Users: 60, Seed: 1})
}

// newWorldWith is a world whose tenant begins otherwise.
func newWorldWith(t *testing.T, begins entrasim.Config) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	caFile := filepath.Join(dir, "ca.pem")
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	begins.CAFile, begins.Levers = caFile, &levers
	tenant, err := entrasim.Listen(ctx, begins)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config, err := center.Config{
		Data: dir, Listen: l.Addr().String(), PublicURL: fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port),
		Entra: center.EntraConfig{Authority: tenant.AuthorityURL, Graph: tenant.GraphURL, CAFile: caFile},
	}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	c, err := center.New(ctx, config, center.Options{Logger: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- c.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-served, c.Close(), tenant.Close()); err != nil {
			t.Error(err)
		}
	})
	return &world{t, c, tenant, config.PublicURL}
}

// connected adds an integration and enables it.
func (w *world) connected() postern.Integration {
	w.Helper()
	i, err := w.Integrations.Add(w.Context(), postern.IntegrationInput{
		ApplicationName: "Postern Passkeys", TenantID: w.tenant.TenantID, ClientID: w.tenant.ClientID, ClientSecret: w.tenant.ClientSecret,
	})
	if err != nil {
		w.Fatal(err)
	}
	if i, err = w.Integrations.SetState(w.Context(), i.ID, i.Version, postern.StateEnabled); err != nil {
		w.Fatal(err)
	}
	return i
}

// opened is the real door with one thing less: whoever stands in it has signed in already. Signing in itself takes a
// browser; see [TestFirstDay].
type opened struct {
	*auth.Service
	who auth.Identity
}

func (o opened) Authenticate(*http.Request) (auth.Identity, error) { return o.who, nil }

// visitor is somebody of a role in front of the console.
type visitor struct {
	*world
	console http.Handler
}

func (w *world) as(role postern.Role) visitor {
	who := auth.Identity{
		Actor:       postern.Actor{Kind: postern.ActorAdministrator, ID: "adm_test", Name: "Test " + string(role)},
		Permissions: role.Permissions(), Administrator: "adm_test", Role: role,
	}
	return w.before(who)
}

// before is the console in front of one person.
func (w *world) before(who auth.Identity) visitor {
	return visitor{w, web.New(web.Deps{
		Integrations: w.Integrations, Users: w.Users, Phones: w.Phones, Passkeys: w.Passkeys, Trail: w.Trail, Mail: w.Mail, Streams: w.Streams,
		Enrolment: w.Enrolment, Groups: w.Enrolment, Directory: w.Directory, Reconciler: w.Reconcile, Bulk: w.Bulk,
		Inventory: w.Inventory, Models: w.Models, Policies: w.Policies, Setups: w.Setups, Rotations: w.Rotations, Desktop: w.Desktop, Offline: w.Offline, Allowed: w.Inventory.Allowed,
		Door: opened{w.Auth, who}, PublicURL: w.url, Version: "test",
	})}
}

// answer is what the console sent.
type answer struct {
	*httptest.ResponseRecorder
	t    *testing.T
	body string
}

func (v visitor) send(method, path string, form url.Values, headers ...string) answer {
	v.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	rec := httptest.NewRecorder()
	v.console.ServeHTTP(rec, r)
	return answer{rec, v.T, rec.Body.String()}
}

func (v visitor) get(path string, headers ...string) answer {
	v.Helper()
	return v.send(http.MethodGet, path, nil, headers...)
}

func (v visitor) post(path string, form url.Values, headers ...string) answer {
	v.Helper()
	return v.send(http.MethodPost, path, form, headers...)
}

// main is what of the answer is worth reading when a test fails.
func (a answer) main() string {
	_, main, whole := strings.Cut(a.body, "<main")
	if !whole {
		return a.body
	}
	return main
}

// is checks status and that the page holds every text; one that begins with ! it must not hold.
func (a answer) is(status int, texts ...string) answer {
	a.t.Helper()
	if a.Code != status {
		a.t.Fatalf("status %d, not %d:\n%s", a.Code, status, a.main())
	}
	for _, text := range texts {
		without, refuse := strings.CutPrefix(text, "!")
		if strings.Contains(a.body, without) == refuse {
			a.t.Errorf("the page should hold %q:\n%s", text, a.main())
		}
	}
	return a
}

// leads checks where a redirect leads, by prefix, and returns the address.
func (a answer) leads(prefix string) string {
	a.t.Helper()
	to := a.Header().Get("Location")
	if a.Code != http.StatusSeeOther || !strings.HasPrefix(to, prefix) {
		a.t.Fatalf("status %d, to %q, not to %q:\n%s", a.Code, to, prefix, a.main())
	}
	return to
}
