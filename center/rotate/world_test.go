package rotate_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/backbone"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/integration"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/rotate"
	"github.com/postern/postern/center/seal"
	"github.com/postern/postern/center/store"
	"github.com/postern/postern/entrasim"
)

// world is the service on a real database, against an emulated tenant, with one clock. Its jobs run when the test says so.
type world struct {
	*rotate.Service
	t            *testing.T
	sim          *entrasim.Running
	store        *store.Store
	integrations *integration.Service
	jobs         *jobtest.Queue
	id           postern.IntegrationID
	client       *http.Client

	mu     sync.Mutex
	now    time.Time
	events []postern.AuditEvent
	alarms []postern.Alarm
	lose   func(method, path string, sent bool) bool // an answer, or a request
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

// Record implements [audit.Recorder].
func (w *world) Record(_ context.Context, e postern.AuditEvent) error {
	w.events = append(w.events, e)
	return nil
}

// RoundTrip loses what the test wants lost.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	lost := errors.New("the connection broke")
	graph := r.Method != http.MethodGet && !strings.Contains(r.URL.Path, "/oauth2/")
	if graph && w.lose != nil && w.lose(r.Method, r.URL.Path, false) {
		return nil, lost
	}
	answer, err := w.client.Transport.RoundTrip(r)
	if err == nil && graph && w.lose != nil && w.lose(r.Method, r.URL.Path, true) {
		_ = answer.Body.Close()
		return nil, lost
	}
	return answer, err
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, now: time.Now().UTC().Truncate(time.Second)}
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	levers.TokenLifetime = entrasim.Duration(20000 * time.Hour)
	levers.CredentialDelay = entrasim.Duration(40 * time.Second)
	var err error
	w.sim, err = entrasim.Listen(t.Context(), entrasim.Config{Users: 10, Now: w.clock, Levers: &levers})
	w.must(err)
	t.Cleanup(func() { _ = w.sim.Close() })
	_, err = w.sim.Server.Populate("first", entrasim.Population{Users: []entrasim.UserSpec{
		{UPN: "admin", DisplayName: "Admin", Roles: []string{"62e90394-69f5-4237-9190-012177145e10"}},
	}})
	w.must(err)
	w.store, err = store.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "postern.db"), store.Options{Now: w.clock})
	w.must(err)
	t.Cleanup(func() { _ = w.store.Close() })
	w.must(w.store.Migrate(t.Context()))
	sealer, err := seal.NewKey(make([]byte, 32))
	w.must(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.sim.CAPEM)
	w.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(w.client.CloseIdleConnections)
	var registry job.Registry
	w.jobs = jobtest.New(t, w.store, &registry, w.clock)
	w.integrations = &integration.Service{
		Store: w.store, Sealer: sealer, Audit: w, Queue: w.jobs, Notices: &backbone.InProcess{},
		Cloud:  entra.Cloud{Authority: w.sim.AuthorityURL, Graph: w.sim.GraphURL, CAs: pool},
		Logger: slog.New(slog.DiscardHandler), Now: w.clock, Transport: w,
		Sleep: func(_ context.Context, d time.Duration) error { w.pass(d); return nil },
	}
	w.Service = &rotate.Service{
		Store: w.store, Integrations: w.integrations, Sealer: sealer, Audit: w, Queue: w.jobs, Notices: &backbone.InProcess{},
		Logger: slog.New(slog.DiscardHandler), Now: w.clock,
		Tell: func(_ context.Context, a postern.Alarm) error { w.alarms = append(w.alarms, a); return nil },
	}
	w.integrations.Rotating = w.Busy
	w.integrations.Handle(&registry)
	w.Handle(&registry)
	return w
}

func (w *world) must(errs ...error) {
	w.t.Helper()
	for _, err := range errs {
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) refused(err error, code postern.Code) {
	w.t.Helper()
	if !postern.IsCode(err, code) {
		w.t.Fatalf("got %v, not %s", err, code)
	}
}

// withCertificate adds an integration that uses a certificate of that many days, alone: the registration has no secret.
func (w *world) withCertificate(days int) {
	w.t.Helper()
	certificate, key, err := entra.MakeCertificate("first", w.clock(), time.Duration(days)*24*time.Hour)
	w.must(err)
	w.control(http.MethodPost, "tenants/first/apps/"+w.sim.ClientID+"/certificates", map[string]any{"pem": string(certificate)})
	i, err := w.integrations.Add(w.t.Context(), postern.IntegrationInput{
		ApplicationName: "Contoso", TenantID: w.sim.TenantID, ClientID: w.sim.ClientID, ClientCertificate: string(certificate), ClientPrivateKey: string(key),
	})
	w.must(err)
	w.id = i.ID
	for _, secret := range w.registration().Secrets {
		w.control(http.MethodDelete, "tenants/first/apps/"+w.sim.ClientID+"/credentials/"+secret.KeyID, nil)
	}
}

func (w *world) withSecret() {
	w.t.Helper()
	i, err := w.integrations.Add(w.t.Context(), postern.IntegrationInput{
		ApplicationName: "Contoso", TenantID: w.sim.TenantID, ClientID: w.sim.ClientID, ClientSecret: w.sim.ClientSecret,
	})
	w.must(err)
	w.id = i.ID
}

func (w *world) integration() postern.Integration {
	w.t.Helper()
	i, err := w.integrations.Get(w.t.Context(), w.id)
	w.must(err)
	return i
}

func (w *world) registration() entra.AppRegistration {
	w.t.Helper()
	tenant, _, err := w.integrations.Tenant(w.t.Context(), w.id)
	w.must(err)
	reg, err := tenant.AppRegistration(w.t.Context(), w.sim.ClientID)
	w.must(err)
	return reg
}

// works holds that Entra gives a token for the credential in use.
func (w *world) works() {
	w.t.Helper()
	tenant, _, err := w.integrations.Tenant(w.t.Context(), w.id)
	w.must(err)
	if err := tenant.Prove(w.t.Context()); err != nil {
		w.t.Fatalf("the integration is without a valid credential: %v", err)
	}
}

func (w *world) begin(in postern.RotationInput) postern.Rotation {
	w.t.Helper()
	in.Version = w.integration().Version
	r, err := w.Begin(w.t.Context(), w.id, in)
	w.must(err)
	return r
}

func (w *world) rotation() postern.Rotation {
	w.t.Helper()
	s, err := w.Status(w.t.Context(), w.id)
	w.must(err)
	if s.Rotation == nil {
		w.t.Fatal("there is no rotation")
	}
	return *s.Rotation
}

// until runs jobs, in whose pauses time passes, until the rotation is in one of the states. The integration works all the
// while.
func (w *world) until(states ...postern.RotationState) postern.Rotation {
	w.t.Helper()
	for range 300 {
		r := w.rotation()
		for _, state := range states {
			if r.State == state {
				return r
			}
		}
		due, some, err := w.jobs.NextDue(w.t.Context())
		w.must(err)
		if !some {
			w.t.Fatalf("the rotation is %s, and no job waits: %+v", r.State, r.Problem)
		}
		if wait := due.Sub(w.clock()); wait > 0 {
			w.pass(wait)
		}
		_, err = w.jobs.RunOne(w.t.Context())
		w.must(err)
		w.works()
	}
	w.t.Fatalf("the rotation stays %s", w.rotation().State)
	return postern.Rotation{}
}

// over runs the rotation to its end, which must be that one, and holds that exactly one credential is left.
func (w *world) over(state postern.RotationState) postern.Rotation {
	w.t.Helper()
	r := w.until(postern.RotationDone, postern.RotationCancelled, postern.RotationFailed, postern.RotationWaiting)
	if r.State != state {
		w.t.Fatalf("the rotation is %s, not %s: %+v", r.State, state, r.Problem)
	}
	kept, err := w.store.Rotation(w.t.Context(), r.ID)
	w.must(err)
	if r.State.Over() && (len(kept.Sealed) > 0 || r.PEM != "" || r.SignIn != nil) {
		w.t.Error("what the rotation was made of is still there")
	}
	return r
}

func (w *world) alone() {
	w.t.Helper()
	if reg := w.registration(); len(reg.Keys)+len(reg.Secrets) != 1 {
		w.t.Fatalf("%d certificates and %d secrets are registered", len(reg.Keys), len(reg.Secrets))
	}
}

// types has an administrator type the code.
func (w *world) types(r postern.Rotation) {
	w.t.Helper()
	if r.State != postern.RotationSigningIn || r.SignIn == nil {
		w.t.Fatalf("nobody is asked to sign in: %s %+v", r.State, r.Problem)
	}
	w.control(http.MethodPost, "tenants/first/devices/"+r.SignIn.UserCode, map[string]any{"upn": "admin@" + w.sim.Domain, "mfa": true})
}

func (w *world) count(code audit.Code) int {
	n := 0
	for _, e := range w.events {
		if e.Code == code.Code {
			n++
		}
	}
	return n
}

// control speaks to the emulator's control API.
func (w *world) control(method, path string, body any) {
	w.t.Helper()
	raw, err := json.Marshal(body)
	w.must(err)
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.sim.GraphURL+"/_entrasim/"+path, bytes.NewReader(raw))
	w.must(err)
	r.Header.Set("Content-Type", "application/json")
	answer, err := w.client.Do(r)
	w.must(err)
	defer answer.Body.Close()
	if said, _ := io.ReadAll(answer.Body); answer.StatusCode >= 300 {
		w.t.Fatalf("%s %s: %s %s", method, path, answer.Status, said)
	}
}
