package directory_test

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/directory"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
	"github.com/postern/postern/entrasim"
)

// world is a mirror on a real database of a real emulated tenant, with one clock for all and jobs that run when the test
// says so.
type world struct {
	t         testing.TB
	store     *store.Store
	sim       *entrasim.Running
	tenant    *entra.Tenant
	directory *directory.Service
	queue     *jobtest.Queue
	followed  *follower

	integration postern.Integration

	mu  sync.Mutex
	now time.Time
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) pass(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// List, Get and Tenant are directory.Tenants.
func (w *world) List(context.Context) ([]postern.Integration, error) {
	return []postern.Integration{w.integration}, nil
}

func (w *world) Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error) {
	return w.store.Integration(ctx, id)
}

func (w *world) Tenant(ctx context.Context, id postern.IntegrationID) (*entra.Tenant, postern.Integration, error) {
	i, err := w.store.Integration(ctx, id)
	return w.tenant, i, err
}

// follower keeps what it was told, as whoever follows users does, and can be made to fail.
type follower struct {
	users   map[string]postern.DirectoryUser
	removed map[string]int
	told    int
	fail    int // that many calls
}

var errFollower = errors.New("the follower fell")

func (f *follower) DirectoryChanged(_ context.Context, _ postern.IntegrationID, changes []postern.DirectoryChange) error {
	if f.fail > 0 {
		f.fail--
		return errFollower
	}
	f.told += len(changes)
	for _, c := range changes {
		if c.Removed {
			delete(f.users, c.User.ObjectID)
			f.removed[c.User.ObjectID]++
		} else {
			f.users[c.User.ObjectID] = c.User
		}
	}
	return nil
}

func newWorld(t testing.TB, users int, permission postern.PermissionSet) *world {
	t.Helper()
	w := &world{t: t, now: time.Now().Truncate(time.Second), followed: &follower{users: map[string]postern.DirectoryUser{}, removed: map[string]int{}}}
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	levers.TokenLifetime = entrasim.Duration(100000 * time.Hour) // the clock below jumps
	var err error
	if w.sim, err = entrasim.Listen(t.Context(), entrasim.Config{Users: users, Now: w.clock, Levers: &levers}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.sim.Close() })
	if w.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "postern.db"), store.Options{Now: w.clock}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	if err := w.store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	client, secret := w.sim.ClientID, w.sim.ClientSecret
	if permission == postern.PermissionsPasskeys {
		client, secret = w.sim.Minimal.ClientID, w.sim.Minimal.ClientSecret
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.sim.CAPEM)
	if w.tenant, err = entra.Open(entra.Options{
		Cloud:    entra.Cloud{Authority: w.sim.AuthorityURL, Graph: w.sim.GraphURL, CAs: pool},
		TenantID: w.sim.TenantID, ClientID: client, PermissionSet: permission,
		Credential: entra.Credential{Kind: postern.CredentialSecret, ClientSecret: secret},
		Now:        w.clock,
		Sleep:      func(_ context.Context, d time.Duration) error { w.pass(d); return nil },
	}); err != nil {
		t.Fatal(err)
	}
	w.integration = postern.Integration{
		ID: postern.NewID[postern.IntegrationID](postern.PrefixIntegration), Version: 1, ApplicationName: "Postern",
		Experience: postern.ExperienceNative, State: postern.StateEnabled, Flags: postern.AllFlags(), Domains: []string{},
		TenantID: w.sim.TenantID, ClientID: client, Credential: postern.Credential{Kind: postern.CredentialSecret, SetAt: w.now},
		PermissionSet: permission, Attestation: postern.AttestationPacked, ChallengeTimeout: 60, CreatedAt: w.now, UpdatedAt: w.now,
	}
	if err := w.store.CreateIntegration(t.Context(), w.integration, []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	var registry job.Registry
	w.queue = jobtest.New(t, w.store, &registry, w.clock)
	sealer, err := seal.OpenKeyFile(filepath.Join(t.TempDir(), "key"))
	if err != nil {
		t.Fatal(err)
	}
	w.directory = &directory.Service{
		Store: w.store, Tenants: w, Followers: w.followed, Queue: w.queue, Notices: &backbone.InProcess{},
		Audit:  &audit.Log{Store: w.store, Sealer: sealer, Now: w.clock, Origin: "test"},
		Logger: slog.New(slog.DiscardHandler), Now: w.clock,
	}
	w.directory.Handle(&registry)
	return w
}

// control calls the emulator's control API.
func (w *world) control(method, path string, body any) {
	w.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.sim.GraphURL+"/_entrasim/"+path, strings.NewReader(string(raw)))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := w.sim.Client().Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode > 299 {
		w.t.Fatalf("%s %s: %d", method, path, resp.StatusCode)
	}
}

func (w *world) sync() directory.SyncResult {
	w.t.Helper()
	r, err := w.directory.Sync(w.t.Context(), w.integration.ID)
	if err != nil {
		w.t.Fatalf("sync: %v", err)
	}
	return r
}

func (w *world) status() postern.DirectoryStatus {
	w.t.Helper()
	s, err := w.directory.Status(w.t.Context(), w.integration.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// truth is the tenant's users as a plain list shows them, with roles.
func (w *world) truth() map[string]postern.DirectoryUser {
	w.t.Helper()
	roles, err := w.tenant.PrivilegedUsers(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	all := map[string]postern.DirectoryUser{}
	for u, err := range w.tenant.AllUsers(w.t.Context()) {
		if err != nil {
			w.t.Fatal(err)
		}
		u.Roles = roles[u.ObjectID]
		u.Privileged = len(u.Roles) > 0
		all[u.ObjectID] = u
	}
	return all
}

// mirror is everybody of the mirror.
func (w *world) mirror() map[string]postern.DirectoryUser {
	w.t.Helper()
	all := map[string]postern.DirectoryUser{}
	for from := 0; ; from += 1000 {
		page, err := w.directory.List(w.t.Context(), directory.Query{IntegrationID: w.integration.ID, Offset: from, Limit: 1000})
		if err != nil {
			w.t.Fatal(err)
		}
		for _, e := range page {
			all[e.ObjectID] = e.DirectoryUser
		}
		if len(page) < 1000 {
			return all
		}
	}
}

func difference(a, b map[string]postern.DirectoryUser) []string {
	var out []string
	for id, u := range a {
		v, ok := b[id]
		if !ok {
			out = append(out, "only here: "+u.UPN)
			continue
		}
		if u.UPN != v.UPN || u.DisplayName != v.DisplayName || u.Mail != v.Mail || u.Enabled != v.Enabled || u.Guest != v.Guest ||
			u.Synced != v.Synced || u.Privileged != v.Privileged || !slices.Equal(u.Roles, v.Roles) {
			out = append(out, "differs: "+u.UPN+" "+v.UPN)
		}
	}
	for id, u := range b {
		if _, ok := a[id]; !ok {
			out = append(out, "missing here: "+u.UPN)
		}
	}
	return out
}

// agree fails unless directory, mirror and what the follower was told are the same.
func (w *world) agree() {
	w.t.Helper()
	truth := w.truth()
	if d := difference(w.mirror(), truth); len(d) > 0 {
		w.t.Fatalf("mirror and directory differ: %v", d)
	}
	if d := difference(w.followed.users, truth); len(d) > 0 {
		w.t.Fatalf("the follower and the directory differ: %v", d)
	}
}
