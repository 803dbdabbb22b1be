package app_test

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/websocket"
	"github.com/postern/postern/phone"
	"github.com/postern/postern/phone/app"
	"github.com/postern/postern/phone/vault"
)

// world is a control center and an emulated tenant, both the real programs, listening on loopback.
type world struct {
	*testing.T
	tenant      *entrasim.Running
	center      *center.Center
	admin       *postern.Client
	integration postern.Integration
	server      string
	invited     int
}

func newWorld(t *testing.T) *world {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	dir := t.TempDir()
	caFile := filepath.Join(dir, "ca.pem")
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	tenant, err := entrasim.Listen(ctx, entrasim.Config{Users: 100, Seed: 1, CAFile: caFile, Levers: &levers})
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
	s, err := center.New(ctx, config, center.Options{Logger: testLog(t), Statement: phone.Statement})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-served, s.Close(), tenant.Close()); err != nil {
			t.Error(err)
		}
	})
	token, err := s.Auth.CreateToken(ctx, postern.APITokenInput{Name: "test", Scopes: postern.Permissions, ValidDays: 1})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, tenant: tenant, center: s, server: config.PublicURL, admin: &postern.Client{BaseURL: config.PublicURL, Token: token.Value}}
	w.integration, err = w.admin.AddIntegration(ctx, postern.IntegrationInput{
		ApplicationName: "Postern", TenantID: tenant.TenantID, ClientID: tenant.ClientID, ClientSecret: tenant.ClientSecret, Attestation: postern.AttestationPacked,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.setState(postern.StateEnabled)
	return w
}

func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
}

func (w *world) setState(s postern.State) {
	w.Helper()
	var err error
	w.integration, err = w.admin.SetIntegrationState(w.Context(), w.integration.ID, postern.StateInput{Version: w.integration.Version, State: s})
	if err != nil {
		w.Fatal(err)
	}
}

// invite invites an ordinary user, another one than the time before, and gives the code.
func (w *world) invite() postern.InvitationCreated {
	w.Helper()
	u := w.tenant.Users[w.invited%len(w.tenant.Users)]
	w.invited++
	made, err := w.admin.InviteUser(w.Context(), w.integration.ID, postern.InvitationInput{User: u.ID})
	if err != nil {
		w.Fatal(err)
	}
	return made
}

// device is a phone in a hand: its storage, its biometric, its screen.
type device struct {
	w       *world
	backing vault.Backing
	gate    []byte // what its biometric gives; nil: it has no PRF
	app     *app.App

	mu    sync.Mutex
	view  app.View
	shown chan struct{} // closed at the next view
	dials int
	down  bool
	ahead time.Duration // of the right time, by its clock
	// alters changes what the control center answers, where it is set.
	alters func(signed.Request, *signed.Response)
	seen   func(app.View) // is told of every view, where it is set
}

func (w *world) device() *device {
	d := &device{w: w, backing: new(vault.Memory), gate: make([]byte, 32), shown: make(chan struct{})}
	_, _ = rand.Read(d.gate)
	return d
}

// open starts the app anew, as a reload of the page does.
func (d *device) open() {
	d.w.Helper()
	if d.app != nil {
		d.app.Stop()
	}
	d.mu.Lock()
	d.view = app.View{}
	d.mu.Unlock()
	d.app = app.New(app.Host{
		Server: d.w.server, Platform: "Test OS", Version: "1", Backing: d.backing, Erase: d.erase,
		Transport: network{d}, Dial: d.dial, Random: rand.Reader, Now: d.now, View: d.show, Log: testLog(d.w.T),
	})
	if err := d.app.Start(context.Background()); err != nil {
		d.w.Fatal(err)
	}
	stop := d.app.Stop
	d.w.Cleanup(stop)
}

func (d *device) erase(ctx context.Context) error {
	records, err := d.backing.Read(ctx)
	if err != nil {
		return err
	}
	var changes []vault.Change
	for name, r := range records {
		changes = append(changes, vault.Change{Name: name, From: r.Version})
	}
	return d.backing.Replace(ctx, changes...)
}

var errDown = errors.New("the network is down")

// network is the phone's, which can be switched off.
type network struct{ d *device }

func (n network) RoundTrip(ctx context.Context, r signed.Request) (*signed.Response, error) {
	n.d.mu.Lock()
	down, alters := n.d.down, n.d.alters
	n.d.mu.Unlock()
	if down {
		return nil, errDown
	}
	answer, err := signed.HTTP(nil).RoundTrip(ctx, r)
	if err == nil && alters != nil {
		alters(r, answer)
	}
	return answer, err
}

func (d *device) dial(ctx context.Context, url string) (relay.Conn, error) {
	d.mu.Lock()
	d.dials++
	down := d.down
	d.mu.Unlock()
	if down {
		return nil, errDown
	}
	return websocket.Dial(ctx, url)
}

func (d *device) now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return time.Now().Add(d.ahead)
}

func (d *device) setAhead(ahead time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ahead = ahead
}

func (d *device) setDown(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

func (d *device) show(v app.View) {
	if _, err := json.Marshal(v); err != nil {
		panic(err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.seen != nil {
		d.seen(v)
	}
	d.view = v
	close(d.shown)
	d.shown = make(chan struct{})
}

// watch has every view seen from now on.
func (d *device) watch(see func(app.View)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.seen = see
}

func (d *device) screen() app.View {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.view
}

// await waits until the screen shows what is looked for.
func (d *device) await(what string, there func(app.View) bool) app.View {
	d.w.Helper()
	late := time.NewTimer(time.Minute)
	defer late.Stop()
	for {
		d.mu.Lock()
		v, shown := d.view, d.shown
		d.mu.Unlock()
		if v.Revision > 0 && there(v) {
			return v
		}
		select {
		case <-shown:
		case <-late.C:
			data, _ := json.MarshalIndent(v, "", " ")
			d.w.Fatalf("the screen never showed %s, but\n%s", what, data)
		case <-d.w.Context().Done():
			d.w.Fatal("the test is over")
		}
	}
}

// try gives a command, and does with its name what the skin does.
func (d *device) try(name string, in any) *app.Problem {
	d.w.Helper()
	data, err := json.Marshal(in)
	if err != nil {
		d.w.Fatal(err)
	}
	var output []byte
	if slices.Contains([]string{app.CommandEnrol, app.CommandApprove, app.CommandAccept, app.CommandCode}, name) {
		output = slices.Clone(d.gate)
	}
	err = d.app.Do(d.w.Context(), name, data, output)
	if err == nil {
		return nil
	}
	var p *app.Problem
	if !errors.As(err, &p) || p.Message == "" || p.Next == "" {
		d.w.Fatalf("%s failed with %v, which is not for people", name, err)
	}
	return p
}

func (d *device) do(name string, in any) {
	d.w.Helper()
	if p := d.try(name, in); p != nil {
		d.w.Fatalf("%s: %+v", name, *p)
	}
}

// enrol takes a fresh phone through the first start.
func (d *device) enrol() {
	d.w.Helper()
	d.open()
	v := d.await("the first start", func(v app.View) bool { return v.Setup != nil })
	if len(v.Setup.Salt) != 32 || len(v.Setup.UserID) == 0 || v.Setup.Problem != nil {
		d.w.Fatalf("setup is %+v", v.Setup)
	}
	d.do(app.CommandEnrol, app.Enrol{Code: d.w.invite().Code, Name: "Kim's phone", CredentialID: []byte("the gate")})
	d.await("the phone", func(v app.View) bool { return v.Phone != nil })
}
