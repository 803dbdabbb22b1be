package center_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/internal/testpg"
	"github.com/postern/postern/internal/testport"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/websocket"
)

// soon is how long the tests wait for what follows from a notice. It is well below [relay.VerdictLife], after which the
// relay would find out without one.
const soon = relay.VerdictLife / 2

var dialects = map[string]func(t testing.TB) string{"sqlite": func(testing.TB) string { return "" }, "postgres": testpg.URL}

// world is a whole control center on a real database, before an emulated tenant, with everything it logs.
type world struct {
	*testing.T
	config      center.Config
	center      *center.Center
	tenant      *entrasim.Running
	admin       *postern.Client
	integration postern.Integration
	log         *lockedBuffer
	stop        func()
	invited     int
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) Bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

func newWorld(t *testing.T, database string) *world {
	t.Helper()
	dir := t.TempDir()
	caFile := filepath.Join(dir, "ca.pem")
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	tenant, err := entrasim.Listen(context.Background(), entrasim.Config{Users: 50, Seed: 1, CAFile: caFile, Levers: &levers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tenant.Close() })
	l := listen(t, testport.For(t, "tcp")) // TestRestart opens it again
	w := &world{T: t, tenant: tenant, log: new(lockedBuffer)}
	w.config, err = center.Config{
		Data: dir, Database: database, Listen: l.Addr().String(), PublicURL: fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port),
		Entra: center.EntraConfig{Authority: tenant.AuthorityURL, Graph: tenant.GraphURL, CAFile: caFile},
	}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	w.start(l)
	t.Cleanup(func() { w.stop() })
	token, err := w.center.Auth.CreateToken(t.Context(), postern.APITokenInput{Name: "test", Scopes: postern.Permissions, ValidDays: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.admin = &postern.Client{BaseURL: w.config.PublicURL, Token: token.Value}
	w.integration, err = w.admin.AddIntegration(t.Context(), postern.IntegrationInput{
		ApplicationName: "Postern", TenantID: tenant.TenantID, ClientID: tenant.ClientID, ClientSecret: tenant.ClientSecret, AllowLowAssurance: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.set(postern.StateEnabled)
	return w
}

func listen(t *testing.T, address string) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// start runs the control center until stop is called.
func (w *world) start(l net.Listener) {
	w.Helper()
	log := slog.New(slog.NewJSONHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	c, err := center.New(context.Background(), w.config, center.Options{Logger: log})
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- c.Serve(ctx, l) }()
	w.center = c
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-served, c.Close()); err != nil {
			w.Error(err)
		}
	})
}

func (w *world) set(state postern.State) {
	w.Helper()
	w.change(func(i postern.Integration) (postern.Integration, error) {
		return w.admin.SetIntegrationState(w.Context(), i.ID, postern.StateInput{Version: i.Version, State: state})
	})
}

// change changes the integration as it is now: jobs change it too.
func (w *world) change(do func(i postern.Integration) (postern.Integration, error)) {
	w.Helper()
	for {
		i, err := w.admin.Integration(w.Context(), w.integration.ID)
		if err == nil {
			i, err = do(i)
		}
		if postern.IsCode(err, postern.CodeStale) {
			continue
		}
		if err != nil {
			w.Fatal(err)
		}
		w.integration = i
		return
	}
}

// device is a phone or a workstation with nothing but the packages of the link.
type device struct {
	*testing.T
	*signed.Caller
	id     string
	user   postern.User
	static channel.Static
	client *relay.Client
	ended  chan error // how the client's Run ended
	proofs *lockedBuffer
}

func (w *world) device(kind signed.Kind) (*device, ed25519.PrivateKey) {
	w.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	static, err := channel.GenerateStatic(rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	caller, err := signed.NewCaller(kind, w.config.PublicURL, signed.HTTP(nil), time.Now)
	if err != nil {
		w.Fatal(err)
	}
	return &device{T: w.T, Caller: caller, static: static, proofs: new(lockedBuffer)}, key
}

// call makes a signed call that has to succeed.
func (d *device) call(method, path string, in, out any) {
	d.Helper()
	if err := d.Call(d.Context(), method, path, nil, in, out); err != nil {
		d.Fatalf("%s %s: %v", method, path, err)
	}
}

// phone enrols a phone of another user than the time before.
func (w *world) phone() *device {
	w.Helper()
	made, err := w.admin.InviteUser(w.Context(), w.integration.ID, postern.InvitationInput{User: w.tenant.Users[w.invited].ID})
	if err != nil {
		w.Fatal(err)
	}
	w.invited++
	d, key := w.device(signed.Phone)
	public := key.Public().(ed25519.PublicKey)
	sealKey := make([]byte, 32)
	_, _ = rand.Read(sealKey)
	var self postern.PhoneSelf
	d.call(http.MethodPost, "/enrolments", postern.PhoneEnrolment{
		Code: made.Code, Name: "Pixel", Platform: "test", Assurance: postern.AssuranceFile, IdentityKey: postern.Bytes(public), SealKey: sealKey,
		Proof: ed25519.Sign(key, postern.EnrolmentMessage(made.Code, public, sealKey)),
	}, &self)
	d.id, d.user = string(self.Phone.ID), self.User
	d.SignAs(d.id, key)
	link := d.static.Public()
	d.call(http.MethodPut, "/self/link-key", postern.LinkKeyInput{LinkKey: link[:]}, &self)
	return d
}

// workstation enrols a workstation.
func (w *world) workstation() *device {
	w.Helper()
	d, key := w.device(signed.Workstation)
	public, link := key.Public().(ed25519.PublicKey), d.static.Public()
	var self postern.WorkstationSelf
	d.call(http.MethodPost, "/enrolments", postern.WorkstationEnrolment{
		Name: "DESKTOP-7", Kind: postern.WorkstationAgent, Software: "test", OS: "test", JoinState: postern.JoinNone,
		IdentityKey: postern.Bytes(public), LinkKey: link[:], Proof: ed25519.Sign(key, postern.WorkstationEnrolmentMessage("", public, link[:])),
	}, &self)
	d.id = string(self.Workstation.ID)
	d.SignAs(d.id, key)
	return d
}

func (d *device) dial(ctx context.Context) (relay.Conn, error) {
	return websocket.Dial(ctx, d.Server()+relay.Path)
}

func (d *device) hello(context.Context) (string, error) {
	proof, err := d.Proof(http.MethodGet, relay.Path, nil)
	_, _ = d.proofs.Write([]byte(proof + "\n"))
	return proof, err
}

// connect keeps the device at the relay until the test ends.
func (d *device) connect() *device {
	d.Helper()
	d.client = relay.NewClient(relay.ClientConfig{
		Dial: d.dial, Hello: d.hello,
	})
	d.ended = make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		d.ended <- d.client.Run(ctx)
	}()
	d.Cleanup(func() { cancel(); <-stopped })
	next(d, func(relay.Connected) bool { return true })
	return d
}

// next waits for an event that fits.
func next[E any](d *device, fits func(E) bool) E {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.Context(), soon)
	defer cancel()
	for {
		event, err := d.client.Next(ctx)
		if err != nil {
			d.Fatalf("%s waited for a %T: %v", d.id, *new(E), err)
		}
		if e, ok := event.(E); ok && fits(e) {
			return e
		}
	}
}

// sees waits until the peer stands so.
func (d *device) sees(peer string, state relay.State) {
	d.Helper()
	next(d, func(p relay.Presence) bool { return p.Peer == peer && p.State == state })
}

// hears waits for news.
func (d *device) hears() {
	d.Helper()
	next(d, func(relay.News) bool { return true })
}

// learns waits for news and until the peer stands so, whichever comes first.
func (d *device) learns(peer string, state relay.State) {
	d.Helper()
	var news, presence bool
	next(d, func(e relay.Event) bool {
		switch e := e.(type) {
		case relay.News:
			news = true
		case relay.Presence:
			presence = presence || e.Peer == peer && e.State == state
		}
		return news && presence
	})
}

// send sends a payload.
func (d *device) send(peer string, payload []byte) {
	d.Helper()
	if err := d.client.Send(d.Context(), peer, payload); err != nil {
		d.Fatal(err)
	}
}

// refused sends a payload and waits for its refusal.
func (d *device) refused(peer string) postern.Code {
	d.Helper()
	d.send(peer, []byte{channel.PayloadOver})
	return next(d, func(r relay.Refusal) bool { return r.Peer == peer }).Code
}

// receive waits for a payload of the kind.
func (d *device) receive(peer string, kind byte) []byte {
	d.Helper()
	got := next(d, func(e relay.Data) bool { return e.Peer == peer && len(e.Payload) > 0 && e.Payload[0] == kind })
	return got.Payload[1:]
}
