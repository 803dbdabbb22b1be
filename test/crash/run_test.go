package crash_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/internal/testport"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/phone"
)

// scene is a world that stands still: what the control center, Entra and the phone have kept, to go on from many times.
type scene struct {
	folder   string    // the control center's data, and what the tenant keeps
	database string    // empty: SQLite in the folder
	at       time.Time // when it was frozen
	token    string
	owner    string // the token of a person
	actors
	state    *phone.State
	passkeys *memory.Content
}

// actors are what a story speaks of.
type actors struct {
	integration postern.IntegrationID
	person      entrasim.UserInfo
	user        postern.UserID    // empty: the control center does not know the person
	key         postern.PasskeyID // the passkey that the story is about
	credential  []byte            // that the person registered themselves
	plan        postern.PolicyPlanID
	setUp       postern.SetupID
	thumbprint  string // of the certificate that is rotated
	desk        desk
}

// run is a scene that plays on.
type run struct {
	t *testing.T
	actors
	folder, database, listen string
	token, ownerToken        string
	ahead                    atomic.Int64 // of the clock of everybody
	tenant                   *entrasim.Running
	graph                    *entra.Tenant
	admin                    *postern.Client
	owner                    *postern.Client // a person
	phone                    *phone.Phone
	store                    *memory.Store
	refused                  bool // the person said no

	cmd    *exec.Cmd
	said   bytes.Buffer // to standard error, when something went wrong
	stdin  *os.File
	lines  chan string
	ctx    context.Context // ends with the process
	gone   chan struct{}
	armed  string
	deaths int
	points []string // recorded
}

const address = "127.0.0.1:0"

// play copies a scene and opens it, with Entra listing passkeys that late. The control center is not started.
func (s *scene) play(t *testing.T, late time.Duration) *run {
	t.Helper()
	w := &run{t: t, actors: s.actors, folder: t.TempDir(), database: s.database, token: s.token, ownerToken: s.owner}
	if !s.at.IsZero() {
		w.ahead.Store(int64(time.Until(s.at)))
	}
	must(t, os.CopyFS(w.folder, os.DirFS(s.folder)))
	must(t, os.Chmod(filepath.Join(w.folder, "data", "seal.key"), 0o600)) // a copy is everybody's to read
	if w.database != "" {
		w.database = copyDatabase(t, s.database)
	}
	levers := entrasim.Levers{MethodDelay: entrasim.Duration(late)}
	var err error
	w.tenant, err = entrasim.Listen(t.Context(), entrasim.Config{
		Users: 20, Now: w.now, Levers: &levers, StateFile: filepath.Join(w.folder, "tenant.json"), CAFile: filepath.Join(w.folder, "ca.pem"),
	})
	must(t, err)
	t.Cleanup(func() { _ = w.tenant.Close() })
	client := w.tenant.Client()
	t.Cleanup(client.CloseIdleConnections)
	w.graph, err = entra.Open(entra.Options{
		Cloud:    entra.Cloud{Authority: w.tenant.AuthorityURL, Graph: w.tenant.GraphURL},
		TenantID: w.tenant.TenantID, ClientID: w.tenant.ClientID, Transport: client.Transport,
		Credential: entra.Credential{Kind: postern.CredentialSecret, ClientSecret: w.tenant.ClientSecret},
	})
	must(t, err)
	w.listen = testport.For(t, "tcp")
	web := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	w.admin = &postern.Client{BaseURL: "http://" + w.listen, Token: w.token, HTTPClient: web}
	w.owner = &postern.Client{BaseURL: "http://" + w.listen, Token: w.ownerToken, HTTPClient: web}
	w.store = memory.New(20)
	if s.state != nil {
		w.store = memory.Load(20, s.passkeys)
		var kept phone.State // a copy: the phone changes what it keeps
		text, err := json.Marshal(s.state)
		must(t, err)
		must(t, json.Unmarshal(text, &kept))
		kept.Server = "http://" + w.listen
		w.phone, err = phone.Open(&kept, w.env())
		must(t, err)
	}
	t.Cleanup(w.kill)
	return w
}

// freeze ends a run in peace and gives the scene that it left.
func (w *run) freeze() *scene {
	w.t.Helper()
	w.stop()
	must(w.t, w.tenant.Shutdown(context.Background()))
	s := &scene{folder: w.folder, database: w.database, at: w.now(), token: w.token, owner: w.ownerToken, actors: w.actors}
	if w.phone != nil {
		s.state, s.passkeys = w.phone.State, w.store.Content()
	}
	return s
}

func (w *run) now() time.Time { return time.Now().Add(time.Duration(w.ahead.Load())) }

func (w *run) env() phone.Env {
	return phone.Env{
		Keeper: keeper{}, Passkeys: w.store, User: &authtest.User{}, Random: rand.Reader, Now: w.now,
		Transport: signed.HTTP(&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}),
	}
}

// keeper is that of a phone that never dies.
type keeper struct{}

func (keeper) Save(context.Context, *phone.State) error { return nil }

// start starts the control center.
func (w *run) start() {
	w.t.Helper()
	w.cmd = exec.Command(os.Args[0])
	w.cmd.Env = append(os.Environ(), envListen+"="+w.listen, envData+"="+filepath.Join(w.folder, "data"), envDatabase+"="+w.database,
		envEntra+"="+w.tenant.GraphURL, envCA+"="+filepath.Join(w.folder, "ca.pem"), envAhead+"="+time.Duration(w.ahead.Load()).String())
	w.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	w.cmd.Stderr = io.MultiWriter(os.Stderr, &w.said)
	in, out, err := os.Pipe()
	must(w.t, err)
	w.cmd.Stdin, w.stdin = in, out
	output, err := w.cmd.StdoutPipe()
	must(w.t, err)
	must(w.t, w.cmd.Start())
	must(w.t, in.Close())
	ctx, end := context.WithCancel(w.t.Context())
	lines, gone, cmd := make(chan string, 10000), make(chan struct{}), w.cmd
	w.ctx, w.lines, w.gone = ctx, lines, gone
	go func() {
		for scan := bufio.NewScanner(output); scan.Scan(); {
			if slept, is := strings.CutPrefix(scan.Text(), "slept "); is {
				d, _ := time.ParseDuration(slept)
				w.ahead.Add(int64(d))
				continue
			}
			lines <- scan.Text()
		}
		close(lines)
		_ = cmd.Wait()
		close(gone)
		end()
	}()
	w.hear("listening")
}

// hear reads what the control center says, up to a line.
func (w *run) hear(until string) {
	w.t.Helper()
	limit := time.After(longest)
	for {
		select {
		case line, ok := <-w.lines:
			if point, is := strings.CutPrefix(line, "point "); is {
				w.points = append(w.points, point)
			}
			if !ok || line == until {
				return
			}
		case <-limit:
			w.t.Fatalf("%sthe control center never said %q", w.where(), until)
		}
	}
}

func (w *run) say(line string) {
	w.t.Helper()
	if _, err := w.stdin.WriteString(line + "\n"); err == nil { // else it is dead, which shows elsewhere
		w.hear("done")
	}
}

// record has the points written down from here on, die has one of them kill the control center.
func (w *run) record() { w.say("record") }

// scheduled are parts of labels of what runs by the clock, whatever the story is.
var scheduled = []string{"GET users/delta", "GET group"}

// recorded gives the points written down so far, without those with one of the parts in them, and without what runs by
// the clock unless the table has it.
func (w *run) recorded(skip, table []string) []string {
	w.say("record") // and all before has been heard
	has := func(point string, parts []string) bool {
		return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(point, part) })
	}
	return slices.DeleteFunc(slices.Clone(w.points), func(point string) bool {
		return has(point, skip) || has(point, scheduled) && !slices.Contains(table, first(point))
	})
}

func (w *run) die(at string) {
	w.armed = at
	w.say("die " + at)
}

// pass has time go by, for everybody, and has the jobs run that waited for it.
func (w *run) pass(d time.Duration) {
	w.ahead.Add(int64(d))
	w.say("pass " + d.String())
}

// died reports whether the process is gone, and holds that it went as it should.
func (w *run) died() bool {
	w.t.Helper()
	select {
	case <-w.gone:
	default:
		return false
	}
	status, ok := w.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL || w.armed == "" || w.deaths > 0 { //nolint:misspell // the name of the method
		w.t.Fatalf("%sthe control center ended by itself: %v\n%s", w.where(), w.cmd.ProcessState, &w.said)
	}
	w.deaths++
	_ = w.stdin.Close()
	return true
}

func (w *run) where() string {
	if w.armed == "" {
		return ""
	}
	return "killed at «" + w.armed + "»: "
}

func (w *run) stop() {
	w.t.Helper()
	must(w.t, w.cmd.Process.Signal(syscall.SIGTERM))
	<-w.gone
	_ = w.stdin.Close()
	if !w.cmd.ProcessState.Success() {
		w.t.Fatalf("the control center stopped with %v\n%s", w.cmd.ProcessState, &w.said)
	}
	w.cmd = nil
}

func (w *run) kill() {
	if w.cmd != nil {
		_ = w.cmd.Process.Kill()
		<-w.gone
		_ = w.stdin.Close()
	}
}

// The times of a wait: between two tries, before time is made to pass, and for all of it.
const (
	pause   = 10 * time.Millisecond
	patient = 500 * time.Millisecond
	longest = 2 * time.Minute
	jump    = 31 * time.Second // longer than a doubt about a lost answer
)

// until repeats a step until it succeeds. When the control center dies over it, it is started again; when nothing comes
// of it and no job is running, time passes.
func (w *run) until(what string, step func(ctx context.Context) error) {
	w.t.Helper()
	end, jumpAt := time.Now().Add(longest), time.Now().Add(patient)
	for {
		err := step(w.ctx)
		if w.died() {
			w.start()
			jumpAt = time.Now().Add(patient)
			continue
		}
		if err == nil {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("%s%s did not come about: %v", w.where(), what, err)
		}
		if time.Now().After(jumpAt) {
			if running, _, err := w.jobs(w.ctx); err == nil && running == 0 {
				w.pass(jump)
			}
			jumpAt = time.Now().Add(patient)
		}
		time.Sleep(pause)
	}
}

var gauge = regexp.MustCompile(`(?m)^postern_jobs\{kind="((?:provision|lifecycle|integration)\.[a-z_]+|reconcile\.run|policy\.(?:plan|apply)|setup\.(?:sign_in|work)|rotate\.carry|inventory\.read)",state="([a-z]+)"\} ([1-9].*)$`)

// jobs counts those that matter here: running, and to be run.
func (w *run) jobs(ctx context.Context) (running, waiting int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.listen+"/metrics", http.NoBody)
	if err != nil {
		return 0, 0, err
	}
	res := httptest.NewRecorder()
	answer, err := w.admin.HTTPClient.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer answer.Body.Close()
	if _, err := res.Body.ReadFrom(answer.Body); err != nil {
		return 0, 0, err
	}
	for _, m := range gauge.FindAllStringSubmatch(res.Body.String(), -1) {
		switch m[2] {
		case "running":
			running++
		case "available", "retryable", "scheduled", "pending":
			waiting++
		}
	}
	return running, waiting, nil
}

// quiet reports that no job is left to do.
func (w *run) quiet(ctx context.Context) error {
	running, waiting, err := w.jobs(ctx)
	if err == nil && running+waiting > 0 {
		err = fmt.Errorf("%d kinds of jobs are running, %d are waiting", running, waiting)
	}
	return err
}

// atEntra has somebody else change something of the tenant there.
func (w *run) atEntra(method, path string, change map[string]any) {
	w.t.Helper()
	body, err := json.Marshal(change)
	must(w.t, err)
	r := httptest.NewRequest(method, "https://localhost/_entrasim/tenants/"+w.tenant.TenantID+path, strings.NewReader(string(body)))
	r.Header.Set("Content-Type", "application/json")
	res := httptest.NewRecorder()
	w.tenant.Server.ServeHTTP(res, r)
	if res.Code/100 != 2 {
		w.t.Fatalf("the tenant answers %d %s", res.Code, res.Body)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
