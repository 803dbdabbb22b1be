package agent_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2/transport"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/join"
	"github.com/postern/postern/agent/remote"
	"github.com/postern/postern/center"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/link/channel"
	codes "github.com/postern/postern/link/offline"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/websocket"
	phonelink "github.com/postern/postern/phone/link"
)

// patience bounds every wait; only what never comes reaches it.
const patience = time.Minute

// The cost of a code is for those who steal a file; here it would only be the test that waits.
func init() { codes.DefaultCost = codes.Cost{Time: 1, Memory: 8} }

// world is a whole control center before an emulated tenant, and an agent whose keys are plugged into pipes.
type world struct {
	*testing.T
	server      string
	center      *center.Center
	tenant      *entrasim.Running
	admin       *postern.Client
	integration postern.Integration
	invited     int

	dir    string
	agent  *agent.Agent
	socket *pipes
	stop   func()
	joined atomic.Pointer[join.Status]
	desk   *offlineDesk // between agent and control center; nil: nobody
	logs   *logs
}

// logs is what the programs of a test write until its end; what a goroutine writes after that is for nobody.
type logs struct {
	mu   sync.Mutex
	into io.Writer // nil after the end
}

func (l *logs) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.into == nil {
		return len(b), nil
	}
	return l.into.Write(b)
}

func (l *logs) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.into = nil
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldWith(t, nil)
}

func newWorldWith(t *testing.T, desk *offlineDesk) *world {
	t.Helper()
	dir := t.TempDir()
	caFile := filepath.Join(dir, "ca.pem")
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	tenant, err := entrasim.Listen(context.Background(), entrasim.Config{Users: 20, Seed: 1, CAFile: caFile, Levers: &levers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tenant.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, tenant: tenant, dir: filepath.Join(t.TempDir(), "agent"), socket: newPipes(), desk: desk, logs: &logs{into: t.Output()}}
	t.Cleanup(w.logs.end)
	w.server = fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port)
	config, err := center.Config{
		Data: dir, Listen: l.Addr().String(), PublicURL: w.server,
		Entra: center.EntraConfig{Authority: tenant.AuthorityURL, Graph: tenant.GraphURL, CAFile: caFile},
	}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	w.center, err = center.New(context.Background(), config, center.Options{Logger: w.log("center", slog.LevelWarn)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- w.center.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-served, w.center.Close()); err != nil {
			t.Error(err)
		}
	})
	token, err := w.center.Auth.CreateToken(t.Context(), postern.APITokenInput{Name: "test", Scopes: postern.Permissions, ValidDays: 1})
	if err != nil {
		t.Fatal(err)
	}
	w.admin = &postern.Client{BaseURL: w.server, Token: token.Value}
	w.integration, err = w.admin.AddIntegration(t.Context(), postern.IntegrationInput{
		ApplicationName: "Postern", TenantID: tenant.TenantID, ClientID: tenant.ClientID, ClientSecret: tenant.ClientSecret, AllowLowAssurance: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	w.set(postern.StateEnabled)
	w.joined.Store(&join.Status{State: postern.JoinNone, DeviceName: "DESKTOP-7.contoso.com"})
	w.start()
	return w
}

// log is where a program of the world writes what a failure may be understood by.
func (w *world) log(program string, level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(w.logs, &slog.HandlerOptions{Level: level})).With("program", program)
}

// set switches the integration. Jobs change it too, so it is tried until nobody was quicker.
func (w *world) set(state postern.State) {
	w.Helper()
	for {
		i, err := w.admin.Integration(w.Context(), w.integration.ID)
		if err == nil {
			i, err = w.admin.SetIntegrationState(w.Context(), i.ID, postern.StateInput{Version: i.Version, State: state})
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

func noTPM() (transport.TPMCloser, error) { return nil, errors.New("there is none in a test") }

func (w *world) config() agent.Config {
	c := agent.Config{
		Dir: w.dir, Software: "postern-agent test", System: "Test OS", Socket: w.socket, TPM: noTPM,
		Join:   func(context.Context) (join.Status, error) { return *w.joined.Load(), nil },
		Remote: func() remote.Session { return remote.Session{} }, Log: w.log("agent", slog.LevelDebug),
	}
	if w.desk != nil {
		c.Transport, c.Dial, c.Now = w.desk, w.desk.dial, w.desk.now
		c.Sleep = func(ctx context.Context, _ time.Duration) error {
			select {
			case <-ctx.Done():
			case <-time.After(pause):
			}
			return ctx.Err()
		}
	}
	return c
}

// start runs the agent until stop is called.
func (w *world) start() {
	w.Helper()
	a, err := agent.New(w.config())
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	w.agent = a
	w.stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-ended, a.Close()); err != nil {
			w.Error(err)
		}
	})
	w.Cleanup(w.stop)
}

// enrol makes the agent known.
func (w *world) enrol() {
	w.Helper()
	if err := w.agent.Enrol(w.Context(), agent.Enrolment{Server: w.server}); err != nil {
		w.Fatal(err)
	}
	w.await("the relay", func(v agent.View) bool { return v.Connected })
}

// await waits until the view shows what is looked for.
func (w *world) await(what string, there func(agent.View) bool) agent.View {
	w.Helper()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		changed := w.agent.Changed()
		v := w.agent.View()
		if there(v) {
			return v
		}
		select {
		case <-changed:
		case <-late.C:
			w.Fatalf("the agent never showed %s, but %+v", what, v)
		}
	}
}

// key waits until the key of a phone stands so.
func (w *world) key(p *phone, states ...agent.KeyState) agent.View {
	w.Helper()
	return w.await(fmt.Sprintf("the key of %s as %v", p.name, states), func(v agent.View) bool {
		for _, one := range v.Phones {
			for _, s := range states {
				if one.ID == p.id && one.Key == s {
					return true
				}
			}
		}
		return false
	})
}

// phone is a phone in somebody's hand: the phone's half of the link before the authenticator.
type phone struct {
	w      *world
	name   string
	id     postern.PhoneID
	user   postern.User
	caller *signed.Caller
	key    *authenticator.Authenticator
	person *person
	config phonelink.Config
	link   *phonelink.Link
	refuse atomic.Uint32 // a reason, in place of answers
	asked  chan phonelink.Request
	stop   func()
	paired []phonelink.Workstation
	vendor func(*phonelink.Request) phonelink.Answer // takes what is for the app; nil: nothing
}

// phone enrols a phone of another user than the time before.
func (w *world) phone(name string) *phone {
	w.Helper()
	made, err := w.admin.InviteUser(w.Context(), w.integration.ID, postern.InvitationInput{User: w.tenant.Users[w.invited].ID})
	if err != nil {
		w.Fatal(err)
	}
	w.invited++
	_, identity, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	static, err := channel.GenerateStatic(rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	caller, err := signed.NewCaller(signed.Phone, w.server, signed.HTTP(nil), time.Now)
	if err != nil {
		w.Fatal(err)
	}
	public, sealKey := identity.Public().(ed25519.PublicKey), bytes.Repeat([]byte{7}, 32)
	var self postern.PhoneSelf
	if err := caller.Call(w.Context(), http.MethodPost, "/enrolments", nil, postern.PhoneEnrolment{
		Code: made.Code, Name: name, Platform: "test", Assurance: postern.AssuranceFile, IdentityKey: postern.Bytes(public), SealKey: sealKey,
		Proof: ed25519.Sign(identity, postern.EnrolmentMessage(made.Code, public, sealKey)),
	}, &self); err != nil {
		w.Fatal(err)
	}
	caller.SignAs(string(self.Phone.ID), identity)
	link := static.Public()
	if err := caller.Call(w.Context(), http.MethodPut, "/self/link-key", nil, postern.LinkKeyInput{LinkKey: link[:]}, &self); err != nil {
		w.Fatal(err)
	}
	p := &phone{w: w, name: name, id: self.Phone.ID, user: self.User, caller: caller, person: &person{answer: make(chan error)}, asked: make(chan phonelink.Request, 64)}
	p.key, err = authenticator.New(authenticator.Config{Store: memory.New(0), User: p.person, Random: rand.Reader, Now: time.Now, PIN: true})
	if err != nil {
		w.Fatal(err)
	}
	p.config = phonelink.Config{
		API: caller, Integration: w.integration.ID, Self: channel.Device{Name: name, ID: string(p.id), Software: "test"}, Key: static,
		Dial: websocket.Dial, Random: rand.Reader, Now: time.Now, Handle: p.handle, Log: w.log(name, slog.LevelDebug),
	}
	p.open()
	return p
}

// open shows the app; it is closed by stop.
func (p *phone) open() {
	ctx, cancel := context.WithCancel(context.Background())
	p.link = phonelink.New(p.config)
	p.link.SetWorkstations(p.paired)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p.link.Run(ctx)
	}()
	p.stop = sync.OnceFunc(func() {
		cancel()
		<-done
	})
	p.w.Cleanup(p.stop)
}

// handle answers a request as the phone's authenticator does.
func (p *phone) handle(ctx context.Context, r *phonelink.Request) phonelink.Answer {
	select {
	case p.asked <- *r:
	default:
	}
	if reason := channel.Reason(p.refuse.Load()); reason != 0 && r.CTAP[0] != 4 {
		return phonelink.Answer{Reason: reason}
	}
	if p.vendor != nil && codes.Vendor(ctap.Command(r.CTAP[0])) {
		return p.vendor(r)
	}
	show := r.Waiting
	p.person.show.Store(&show)
	return phonelink.Answer{CTAP: p.key.Handle(ctx, r.CTAP)}
}

// person is the phone's user, who answers when the test says so.
type person struct {
	answer  chan error
	show    atomic.Pointer[func(bool)]
	waiting atomic.Int32
}

func (*person) Verification() authenticator.Verification { return authenticator.VerificationReady }

func (u *person) Present(ctx context.Context, _ authenticator.Prompt) error { return u.ask(ctx) }

func (u *person) Verify(ctx context.Context, _ authenticator.Prompt) error { return u.ask(ctx) }

func (u *person) ask(ctx context.Context) error {
	if show := u.show.Load(); show != nil {
		(*show)(true)
		defer (*show)(false)
	}
	u.waiting.Add(1)
	defer u.waiting.Add(-1)
	select {
	case err := <-u.answer:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// accepts answers every question with yes until the test ends.
func (u *person) accepts(ctx context.Context) {
	go func() {
		for {
			select {
			case u.answer <- nil:
			case <-ctx.Done():
				return
			}
		}
	}()
}

// Joined implements [phonelink.Person].
func (p *phone) Joined(phonelink.Candidate) {}

// Compare implements [phonelink.Person]: the digits are those the agent shows.
func (p *phone) Compare(_ context.Context, c phonelink.Candidate) error {
	v := p.w.await("digits", func(v agent.View) bool { return v.Pairing != nil && v.Pairing.Digits != "" })
	if v.Pairing.Digits != c.Digits {
		return phonelink.ErrDifferent
	}
	return p.w.agent.Compared(p.w.Context(), true)
}

// Keep implements [phonelink.Person].
func (p *phone) Keep(_ context.Context, c phonelink.Candidate) error {
	p.paired = append(p.paired, c.Workstation)
	p.link.SetWorkstations(p.paired)
	return nil
}

// pair pairs the phone with the agent.
func (p *phone) pair(typed bool) {
	p.w.Helper()
	if err := p.w.agent.Pair(p.w.Context(), typed); err != nil {
		p.w.Fatal(err)
	}
	v := p.w.agent.View().Pairing
	text := v.URL
	if typed {
		text = v.Code
	}
	if v.Step != agent.PairingOpen || text == "" || (v.URL == "") != typed || !v.Expires.After(time.Now()) {
		p.w.Fatalf("pairing begins as %+v", v)
	}
	ctx, cancel := context.WithTimeout(p.w.Context(), patience)
	defer cancel()
	if _, err := p.link.Pair(ctx, text, p); err != nil {
		p.w.Fatalf("%v; the phone's link stands as %+v, and the agent as %+v", err, p.link.Status(), p.w.agent.View())
	}
	got := p.w.await("the pairing", func(v agent.View) bool { return v.Pairing != nil && v.Pairing.Step == agent.PairingDone }).Pairing
	if got.Pairing != p.paired[len(p.paired)-1].Pairing || got.URL != "" || got.Digits != "" {
		p.w.Errorf("pairing ended as %+v", got)
	}
	if err := p.w.agent.EndPairing(p.w.Context()); err != nil {
		p.w.Fatal(err)
	}
}

// pipes is a socket whose keys are the device's ends of pipes.
type pipes struct {
	mu      sync.Mutex
	keys    map[string]*hid.PipeEnd // the hosts' ends, by serial number
	names   map[string]string
	changed chan struct{}
	fail    error
	plugged int // so often
}

func newPipes() *pipes {
	return &pipes{keys: map[string]*hid.PipeEnd{}, names: map[string]string{}, changed: make(chan struct{})}
}

// count is how often a key was plugged in.
func (p *pipes) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.plugged
}

func (*pipes) Name() string       { return "pipes" }
func (*pipes) MaxMessage() uint64 { return 1200 }

func (p *pipes) Plug(ctx context.Context, id hid.Identity, in func(), serve func(context.Context, hid.Reports) error) error {
	host, device := hid.Pipe()
	p.mu.Lock()
	if p.fail != nil {
		p.mu.Unlock()
		return p.fail
	}
	if p.keys[id.Serial] != nil {
		p.mu.Unlock()
		return errors.New("two keys of one serial number")
	}
	p.keys[id.Serial], p.names[id.Serial] = host, id.Name
	p.plugged++
	p.mu.Unlock()
	in()
	err := serve(ctx, device)
	p.mu.Lock()
	delete(p.keys, id.Serial)
	p.mu.Unlock()
	return errors.Join(err, host.Close())
}

// channel opens the key of a phone as a program of the machine does.
func (w *world) channel(p *phone) *hid.Channel {
	w.Helper()
	w.key(p, agent.KeyIn)
	var serial string
	for _, one := range w.agent.View().Phones {
		if one.ID == p.id {
			serial = one.Serial
		}
	}
	w.socket.mu.Lock()
	end := w.socket.keys[serial]
	w.socket.mu.Unlock()
	if end == nil {
		w.Fatalf("there is no key of serial number %s", serial)
	}
	c, err := hid.Open(w.Context(), end)
	if err != nil {
		w.Fatal(err)
	}
	return c
}

// silent is a phone whose user never says whether the digits are the same.
type silent struct{ *phone }

func (silent) Compare(ctx context.Context, _ phonelink.Candidate) error {
	<-ctx.Done()
	return ctx.Err()
}
