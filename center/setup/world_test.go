package setup_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/job"
	"github.com/postern/postern/center/job/jobtest"
	"github.com/postern/postern/entrasim"
)

// world is a control center that serves nobody, beside an emulated tenant that nobody set up, with one clock. Its jobs run
// when the test says so.
type world struct {
	*center.Center
	t      *testing.T
	sim    *entrasim.Running
	jobs   *jobtest.Queue
	client *http.Client

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

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx := t.Context()
	w := &world{t: t, now: time.Now()} // assertions of certificates go by the clock on the wall
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	dir := t.TempDir()
	var err error
	w.sim, err = entrasim.Listen(ctx, entrasim.Config{Empty: true, Now: w.clock, Levers: &levers, CAFile: dir + "/ca.pem"})
	w.must(err)
	t.Cleanup(func() { _ = w.sim.Close() })
	cas := x509.NewCertPool()
	cas.AppendCertsFromPEM(w.sim.CAPEM)
	w.client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: cas, MinVersion: tls.VersionTLS12}}}
	t.Cleanup(w.client.CloseIdleConnections)
	config, err := center.Config{
		Data: dir, Listen: "127.0.0.1:0",
		Entra: center.EntraConfig{Authority: w.sim.AuthorityURL, Graph: w.sim.GraphURL, CAFile: dir + "/ca.pem"},
	}.Complete()
	w.must(err)
	sleep := func(_ context.Context, d time.Duration) error { w.pass(d); return nil }
	w.Center, err = center.New(ctx, config, center.Options{Now: w.clock, Sleep: sleep})
	w.must(err)
	t.Cleanup(func() { _ = w.Close() })
	var registry job.Registry
	w.jobs = jobtest.New(t, w.Store, &registry, w.clock)
	w.Setups.Queue, w.Integrations.Queue = w.jobs, w.jobs
	w.Setups.Handle(&registry)
	w.Integrations.Handle(&registry)
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

// admin is the tenant's Global Administrator.
func (w *world) admin() string { return "admin@" + w.sim.Domain }

func (w *world) get(id postern.SetupID) postern.Setup {
	w.t.Helper()
	s, err := w.Setups.Setup(w.t.Context(), id)
	w.must(err)
	return s
}

func (w *world) begin(in postern.SetupInput) postern.Setup {
	w.t.Helper()
	if in.ApplicationName == "" {
		in.ApplicationName = "Contoso"
	}
	s, err := w.Setups.Begin(w.as("Ada"), in)
	w.must(err)
	return s
}

// signIn has somebody type the code, and waits until the tenant was looked at.
func (w *world) signIn(s postern.Setup, upn string, write bool) postern.Setup {
	w.t.Helper()
	s, err := w.Setups.SignIn(w.as("Ada"), s.ID, postern.SetupAct{Version: s.Version, Write: write})
	w.must(err)
	w.control(http.MethodPost, "tenants/"+w.sim.TenantID+"/devices/"+s.SignIn.UserCode, map[string]any{"upn": upn, "mfa": true})
	return w.work(s.ID)
}

func (w *world) apply(s postern.Setup) postern.Setup {
	w.t.Helper()
	s, err := w.Setups.Apply(w.as("Ada"), s.ID, postern.SetupAct{Version: s.Version})
	w.must(err)
	return w.work(s.ID)
}

func (w *world) undo(s postern.Setup) postern.Setup {
	w.t.Helper()
	s, err := w.Setups.Undo(w.as("Ada"), s.ID, postern.SetupAct{Version: s.Version})
	w.must(err)
	return w.work(s.ID)
}

// work runs jobs until nothing is under way any more; time passes as they ask for.
func (w *world) work(id postern.SetupID) postern.Setup {
	w.t.Helper()
	for range 1000 {
		switch s := w.get(id); s.State {
		case postern.SetupSigningIn, postern.SetupLooking, postern.SetupApplying, postern.SetupUndoing:
			w.step()
		default:
			return s
		}
	}
	w.t.Fatalf("the set-up never comes to its end: %+v", w.get(id))
	return postern.Setup{}
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
	w.must(err)
}

// is fails the test unless the set-up is in a state, and every step in one of those named.
func (w *world) is(s postern.Setup, state postern.SetupState, steps ...postern.SetupStepState) {
	w.t.Helper()
	if s.State != state {
		w.t.Fatalf("the set-up is %s: %+v\n%s", s.State, s.Problem, table(s))
	}
	for n, step := range s.Steps {
		if len(steps) > 0 && step.State != steps[min(n, len(steps)-1)] {
			w.t.Fatalf("the step %s is %s\n%s", step.Key, step.State, table(s))
		}
	}
}

func table(s postern.Setup) string {
	var b bytes.Buffer
	for _, step := range s.Steps {
		b.WriteString(step.Key + " " + string(step.State) + " | " + step.Found + " | " + step.Outcome)
		if step.Problem != nil {
			b.WriteString(" | " + string(step.Problem.Code) + ": " + step.Problem.Message)
		}
		b.WriteByte('\n')
	}
	return b.String()
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

// control speaks to the emulator's control API.
func (w *world) control(method, path string, body any) []byte {
	w.t.Helper()
	raw, err := json.Marshal(body)
	w.must(err)
	r, err := http.NewRequestWithContext(w.t.Context(), method, w.sim.GraphURL+"/_entrasim/"+path, bytes.NewReader(raw))
	w.must(err)
	r.Header.Set("Content-Type", "application/json")
	answer, err := w.client.Do(r)
	w.must(err)
	defer answer.Body.Close()
	said, _ := io.ReadAll(answer.Body)
	if answer.StatusCode >= 300 {
		w.t.Fatalf("%s %s: %s %s", method, path, answer.Status, said)
	}
	return said
}
