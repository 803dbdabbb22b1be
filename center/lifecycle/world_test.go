package lifecycle_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
	"github.com/postern/postern/entrasim"
)

// world is users and groups on a real database against a real emulated tenant, with jobs that run when the test says so.
type world struct {
	t       testing.TB
	store   *store.Store
	sim     *entrasim.Running
	groups  *integration.Service
	users   *lifecycle.Service
	queue   *jobtest.Queue
	trail   *audit.Log
	revoked []postern.UserID
	id      postern.IntegrationID
	people  []postern.DirectoryUser
	now     time.Time
}

func newWorld(t testing.TB, configure func(*entrasim.Levers)) *world {
	t.Helper()
	w := &world{t: t, now: time.Now().Truncate(time.Second)}
	clock := func() time.Time { return w.now }
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	levers.TokenLifetime = entrasim.Duration(10000 * time.Hour)
	if configure != nil {
		configure(&levers)
	}
	sim, err := entrasim.Listen(t.Context(), entrasim.Config{Users: 60, Now: clock, Levers: &levers})
	w.must(err)
	w.sim = sim
	t.Cleanup(func() { _ = sim.Close() })
	w.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "postern.db"), store.Options{Now: clock})
	w.must(err)
	t.Cleanup(func() { _ = w.store.Close() })
	w.must(w.store.Migrate(t.Context()))
	sealer, err := seal.NewKey(make([]byte, 32))
	w.must(err)
	log := slog.New(slog.DiscardHandler)
	w.trail = &audit.Log{Store: w.store, Sealer: sealer, Now: clock, Origin: "test"}
	var registry job.Registry
	w.queue = jobtest.New(t, w.store, &registry, clock)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(sim.CAPEM)
	notices := &backbone.InProcess{}
	w.groups = &integration.Service{
		Store: w.store, Sealer: sealer, Audit: w.trail, Queue: w.queue, Notices: notices, Logger: log, Now: clock,
		Cloud: entra.Cloud{Authority: sim.AuthorityURL, Graph: sim.GraphURL, CAs: pool},
		Sleep: func(_ context.Context, d time.Duration) error { w.now = w.now.Add(d); return nil },
	}
	w.users = &lifecycle.Service{
		Store: w.store, Tenants: w.groups, Audit: w.trail, Queue: w.queue, Notices: notices, Logger: log, Now: clock,
		RevokeUser: func(_ context.Context, id postern.UserID, _ postern.RevocationReason, _ string) error {
			w.revoked = append(w.revoked, id)
			return nil
		},
	}
	w.groups.Follow = w.users.FollowGroups
	w.groups.Handle(&registry)
	w.users.Handle(&registry)
	i, err := w.groups.Add(t.Context(), postern.IntegrationInput{
		ApplicationName: "Postern", TenantID: sim.TenantID, ClientID: sim.ClientID, ClientSecret: sim.ClientSecret,
	})
	w.must(err)
	w.id = i.ID
	tenant := w.tenant()
	for u, err := range tenant.AllUsers(t.Context()) {
		w.must(err)
		if u.Enabled && !u.Guest {
			w.people = append(w.people, u)
		}
	}
	w.run()
	return w
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) tenant() *entra.Tenant {
	t, _, err := w.groups.Tenant(w.t.Context(), w.id)
	w.must(err)
	return t
}

// run runs jobs, moving the clock to each in turn, until none waits. It ends early when jobs only fail or wait.
func (w *world) run() {
	w.t.Helper()
	for range 400 {
		due, any, err := w.queue.NextDue(w.t.Context())
		w.must(err)
		if !any {
			return
		}
		if due.After(w.now) {
			w.now = due
		}
		if _, err := w.queue.RunOne(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
	waiting, _ := w.queue.Waiting(w.t.Context())
	w.t.Fatalf("the jobs never come to an end: %+v", waiting)
}

// know makes somebody of the directory known, in a phase.
func (w *world) know(n int, phase postern.Phase) postern.User {
	w.t.Helper()
	var u postern.User
	w.must(w.store.Atomically(w.t.Context(), func(ctx context.Context) (err error) {
		if u, err = w.users.Know(ctx, w.id, w.people[n]); err != nil {
			return err
		}
		u.Phase, u.UpdatedAt = phase, w.now
		if err := w.store.UpdateUser(ctx, &u); err != nil {
			return err
		}
		return w.users.FollowGroups(ctx, w.id)
	}))
	return u
}

func (w *world) user(id postern.UserID) postern.User {
	u, err := w.store.User(w.t.Context(), id)
	w.must(err)
	return u
}

// members lists who is in the group of each phase.
func (w *world) members() map[postern.Phase][]string {
	w.t.Helper()
	out := make(map[postern.Phase][]string)
	i, err := w.groups.Get(w.t.Context(), w.id)
	w.must(err)
	for _, g := range i.Groups {
		for m, err := range w.tenant().Members(w.t.Context(), g.ID) {
			w.must(err)
			out[g.Phase] = append(out[g.Phase], m.ObjectID)
		}
		slices.Sort(out[g.Phase])
	}
	return out
}

// wantTrue holds that everybody is in the group of their phase and in no other.
func (w *world) wantTrue() {
	w.t.Helper()
	want := make(map[postern.Phase][]string)
	all, err := w.store.Users(w.t.Context(), lifecycle.UserQuery{IntegrationID: w.id, Limit: 1000})
	w.must(err)
	for _, u := range all {
		if u.Account == postern.AccountDeleted {
			continue
		}
		switch u.Phase {
		case postern.PhaseEligible, postern.PhasePaired, postern.PhaseActive:
			want[u.Phase] = append(want[u.Phase], u.ObjectID)
		}
		if u.GroupPhase != u.Phase {
			w.t.Errorf("%s is %q, and was put into %q", u.UPN, u.Phase, u.GroupPhase)
		}
	}
	got := w.members()
	for _, phase := range []postern.Phase{postern.PhaseEligible, postern.PhasePaired, postern.PhaseActive} {
		slices.Sort(want[phase])
		if !slices.Equal(got[phase], want[phase]) {
			w.t.Errorf("the group %s has %d members, want %d", phase, len(got[phase]), len(want[phase]))
		}
	}
}

func (w *world) count(name string) (n int) {
	w.t.Helper()
	all, err := w.trail.Events(w.t.Context(), audit.Query{Limit: 1000})
	w.must(err)
	for _, e := range all {
		if e.Name == name {
			n++
		}
	}
	return n
}

func (w *world) group(phase postern.Phase) postern.PhaseGroup {
	w.t.Helper()
	i, err := w.groups.Get(w.t.Context(), w.id)
	w.must(err)
	for _, g := range i.Groups {
		if g.Phase == phase {
			return g
		}
	}
	w.t.Fatalf("no group of %s", phase)
	return postern.PhaseGroup{}
}

// call sends a request to the emulated tenant and decodes the answer into out, if there is one.
func (w *world) call(req *http.Request, out any) {
	w.t.Helper()
	resp, err := w.sim.Client().Do(req)
	w.must(err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	w.must(err)
	if resp.StatusCode > 299 {
		w.t.Fatalf("%s %s: %d %s", req.Method, req.URL.Path, resp.StatusCode, body)
	}
	if out != nil {
		w.must(json.Unmarshal(body, out))
	}
}

// graph does with groups at Graph what an administrator of the tenant does there.
func (w *world) graph(method, path, body string) {
	w.t.Helper()
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {w.sim.ClientID}, "client_secret": {w.sim.ClientSecret},
		"scope": {"https://graph.microsoft.com/.default"},
	}
	ask, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, w.sim.AuthorityURL+"/"+w.sim.TenantID+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	w.must(err)
	ask.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	var token struct {
		Access string `json:"access_token"`
	}
	w.call(ask, &token)
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.sim.GraphURL+path, strings.NewReader(body))
	w.must(err)
	req.Header.Set("Authorization", "Bearer "+token.Access)
	req.Header.Set("Content-Type", "application/json")
	w.call(req, nil)
}

// deleteUser deletes somebody's account.
func (w *world) deleteUser(objectID string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodDelete, w.sim.GraphURL+"/_entrasim/tenants/first/users/"+objectID, http.NoBody)
	w.must(err)
	w.call(req, nil)
}
