package policy_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/center/policy"
	"github.com/postern/postern/entrasim"
)

// The models in use in the tenants of these tests.
const (
	yubikey = "2fc0579f-8113-47ea-b116-bb5a8db9202a"
	solo    = "8876631b-d4a0-427f-5773-0ec71c9e0279"
	ours    = "8a208249-8aef-41b3-907f-776d51e6526f"
)

// world is a control center that serves nobody, connected to an emulated tenant without throttle, with one clock. Its jobs
// run when the test says so.
type world struct {
	*center.Center
	t           *testing.T
	sim         *entrasim.Running
	integration postern.Integration
	jobs        *jobtest.Queue

	mu    sync.Mutex
	now   time.Time
	point func(name string) error // called around every write to Graph; an error is a lost answer
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

// newWorld makes a tenant with Ada (a YubiKey), Bo (a Solo and one of ours), Cy (a Solo alone, privileged) and Di, who has
// none. The policy has no restrictions.
func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{t: t, now: time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)}
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	levers.TokenLifetime = entrasim.Duration(10000 * time.Hour)
	dir := t.TempDir()
	var err error
	if w.sim, err = entrasim.Listen(ctx, entrasim.Config{Users: 10, Now: w.clock, Levers: &levers, CAFile: dir + "/ca.pem"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.sim.Close() })
	key := func(aaguid string) []entrasim.PasskeySpec {
		return []entrasim.PasskeySpec{{AAGUID: aaguid, Name: "key"}}
	}
	if _, err := w.sim.Server.Populate("first", entrasim.Population{
		Reset: true,
		Groups: []entrasim.GroupSpec{
			{Name: "Pilot", Members: []string{"ada", "Inner"}}, {Name: "Inner", Members: []string{"bo"}}, {Name: "Mailing", Kind: "distribution"},
		},
		Users: []entrasim.UserSpec{
			{UPN: "ada", DisplayName: "Ada", Passkeys: key(yubikey), Methods: []string{"email"}},
			{UPN: "bo", DisplayName: "Bo", Passkeys: append(key(solo), key(ours)...)},
			{UPN: "cy", DisplayName: "Cy", Passkeys: key(solo), Roles: []string{"62e90394-69f5-4237-9190-012177145e10"}},
			{UPN: "di", DisplayName: "Di"},
			{UPN: "eve", DisplayName: "Eve", Roles: []string{"62e90394-69f5-4237-9190-012177145e10"}},
		},
	}); err != nil {
		t.Fatal(err)
	}
	w.control(http.MethodPatch, "tenants/first/apps/"+w.sim.ClientID, map[string]any{"grant": []string{"Policy.ReadWrite.ConditionalAccess", "Application.Read.All"}})
	config, err := center.Config{
		Data: dir, Listen: "127.0.0.1:0",
		Entra: center.EntraConfig{Authority: w.sim.AuthorityURL, Graph: w.sim.GraphURL, CAFile: dir + "/ca.pem"},
	}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	sleep := func(_ context.Context, d time.Duration) error { w.pass(d); return nil }
	if w.Center, err = center.New(ctx, config, center.Options{Now: w.clock, Sleep: sleep}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.Close() })
	i, err := w.Integrations.Add(ctx, postern.IntegrationInput{
		ApplicationName: "Test", TenantID: w.sim.TenantID, ClientID: w.sim.ClientID, ClientSecret: w.sim.ClientSecret,
		PermissionSet: postern.PermissionsFull, ChallengeTimeout: 60, AllowLowAssurance: true,
	})
	w.must(err)
	w.integration, err = w.Integrations.SetState(ctx, i.ID, i.Version, postern.StateEnabled)
	w.must(err)
	var registry job.Registry
	w.jobs = jobtest.New(t, w.Store, &registry, w.clock)
	w.Policies.Queue, w.Inventory.Queue = w.jobs, w.jobs
	w.Policies.Integrations = tenants{w}
	w.Policies.Handle(&registry)
	w.Inventory.Handle(&registry)
	return w
}

// tenants opens the connector with points at which it loses answers.
type tenants struct{ w *world }

func (t tenants) List(ctx context.Context) ([]postern.Integration, error) {
	return t.w.Integrations.List(ctx)
}

func (t tenants) Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error) {
	return t.w.Integrations.Get(ctx, id)
}

func (t tenants) Graph(ctx context.Context, id postern.IntegrationID) (policy.Graph, postern.Integration, error) {
	tenant, i, err := t.w.Integrations.Tenant(ctx, id)
	return graph{tenant, t.w}, i, err
}

type graph struct {
	*entra.Tenant
	w *world
}

// at does one write, between two points.
func (g graph) at(name string, do func() error) error {
	point := g.w.point
	if point == nil {
		return do()
	}
	if err := point("before " + name); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return point("after " + name)
}

func (g graph) WritePasskeyPolicy(ctx context.Context, from, to postern.PasskeyPolicy) error {
	return g.at("passkeys", func() error { return g.Tenant.WritePasskeyPolicy(ctx, from, to) })
}

func (g graph) CreateStrength(ctx context.Context, s postern.AuthenticationStrength) (out postern.AuthenticationStrength, err error) {
	return out, g.at("create strength", func() error { out, err = g.Tenant.CreateStrength(ctx, s); return err })
}

func (g graph) CreateConditionalAccess(ctx context.Context, p postern.ConditionalAccessPolicy) (out postern.ConditionalAccessPolicy, err error) {
	return out, g.at("create access", func() error { out, err = g.Tenant.CreateConditionalAccess(ctx, p); return err })
}

func (g graph) DeleteStrength(ctx context.Context, id string) error {
	return g.at("delete strength", func() error { return g.Tenant.DeleteStrength(ctx, id) })
}

func (g graph) DeleteConditionalAccess(ctx context.Context, id string) error {
	return g.at("delete access", func() error { return g.Tenant.DeleteConditionalAccess(ctx, id) })
}

func (w *world) must(errs ...error) {
	w.t.Helper()
	for _, err := range errs {
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// refused fails the test unless err has the code, and returns it.
func (w *world) refused(err error, code postern.Code) *postern.Error {
	w.t.Helper()
	if !postern.IsCode(err, code) {
		w.t.Fatalf("got %v, not %s", err, code)
	}
	return postern.AsError(err)
}

func (w *world) as(name string) context.Context {
	return postern.WithActor(w.t.Context(), postern.Actor{Kind: postern.ActorAdministrator, ID: "adm_" + name, Name: name})
}

// work runs jobs until the plan is neither worked out nor applied any more; time passes as they ask for.
func (w *world) work(id postern.PolicyPlanID) postern.PolicyPlan {
	w.t.Helper()
	for range 400 {
		p, err := w.Policies.PlanOf(w.t.Context(), id)
		w.must(err)
		if p.State != postern.PolicyPlanning && p.State != postern.PolicyApplying {
			return p
		}
		w.step()
	}
	w.t.Fatalf("the plan %s never comes to its end", id)
	return postern.PolicyPlan{}
}

// step runs one job, and lets the time pass until it is due.
func (w *world) step() {
	w.t.Helper()
	due, some, err := w.jobs.NextDue(w.t.Context())
	w.must(err)
	if !some {
		w.t.Fatal("no job waits")
	}
	if wait := due.Sub(w.clock()); wait > 0 {
		w.pass(wait)
	}
	_, err = w.jobs.RunOne(w.t.Context())
	if _, died := errors.AsType[jobtest.Crash](err); !died {
		w.must(err)
	}
}

// plan plans a document and waits for its impact.
func (w *world) plan(text string) postern.PolicyPlan {
	w.t.Helper()
	p, err := w.Policies.Plan(w.as("Ada Admin"), w.integration.ID, postern.PolicyPlanInput{Document: "version: 1\n" + text, Note: "For a test."})
	w.must(err)
	return w.work(p.ID)
}

// apply applies a plan, and waits for what becomes of it.
func (w *world) apply(p postern.PolicyPlan, lockOut ...string) postern.PolicyPlan {
	w.t.Helper()
	p, err := w.Policies.Apply(w.as("Ada Admin"), p.ID, postern.PolicyApplyInput{Version: p.Version, LockOut: lockOut})
	w.must(err)
	return w.work(p.ID)
}

func (w *world) tenant() postern.TenantPolicy {
	w.t.Helper()
	p, _, err := w.Policies.Tenant(w.t.Context(), w.integration.ID)
	w.must(err)
	return p
}

// events are the messages of the audit entries of an event, oldest first.
func (w *world) events(code audit.Code) []string {
	w.t.Helper()
	all, err := w.Trail.Events(w.t.Context(), audit.Query{Limit: 500})
	w.must(err)
	var out []string
	for _, e := range all {
		if e.Code == code.Code {
			out = append([]string{e.Message}, out...)
		}
	}
	return out
}

func (w *world) upn(name string) string { return name + "@" + w.sim.Domain }

// control speaks to the emulator's control API.
func (w *world) control(method, path string, body any) {
	w.t.Helper()
	raw, err := json.Marshal(body)
	w.must(err)
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.sim.GraphURL+"/_entrasim/"+path, bytes.NewReader(raw))
	w.must(err)
	r.Header.Set("Content-Type", "application/json")
	cas := x509.NewCertPool()
	cas.AppendCertsFromPEM(w.sim.CAPEM)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: cas, MinVersion: tls.VersionTLS12}}}
	defer client.CloseIdleConnections()
	answer, err := client.Do(r)
	w.must(err)
	defer answer.Body.Close()
	if said, _ := io.ReadAll(answer.Body); answer.StatusCode >= 300 {
		w.t.Fatalf("%s %s: %s %s", method, path, answer.Status, said)
	}
}
