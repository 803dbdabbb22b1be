package link

import (
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
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/websocket"
	"github.com/postern/postern/link/workstation"
	"github.com/postern/postern/phone/link"
)

// world is a control center before an emulated tenant.
type world struct {
	*testing.T
	config      center.Config
	admin       *postern.Client
	integration postern.Integration
	tenant      *entrasim.Running
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	caFile := filepath.Join(dir, "ca.pem")
	levers := entrasim.DefaultLevers()
	levers.Throttle = false
	tenant, err := entrasim.Listen(context.Background(), entrasim.Config{Users: 5, Seed: 1, CAFile: caFile, Levers: &levers})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tenant.Close() })
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{T: t, tenant: tenant}
	w.config, err = center.Config{
		Data: dir, Listen: l.Addr().String(), PublicURL: fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port),
		Entra: center.EntraConfig{Authority: tenant.AuthorityURL, Graph: tenant.GraphURL, CAFile: caFile},
	}.Complete()
	if err != nil {
		t.Fatal(err)
	}
	c, err := center.New(context.Background(), w.config, center.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- c.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-served, c.Close()); err != nil {
			t.Error(err)
		}
	})
	token, err := c.Auth.CreateToken(t.Context(), postern.APITokenInput{Name: "test", Scopes: postern.Permissions, ValidDays: 1})
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

// set enables or disables the integration, which jobs change too.
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

// phone is a phone's half, whose user accepts everything and answers with what was asked.
type phone struct {
	*link.Link
	*world
	id      postern.PhoneID
	upn     string
	digits  chan string
	compare chan error // what the user says to the digits

	mu   sync.Mutex
	all  []link.Workstation
	lies bool // requests lie there until they are taken away
	seen []link.Request
	stop context.CancelFunc
	done chan struct{}
}

func (w *world) phone() *phone {
	w.Helper()
	user := w.tenant.Users[0]
	made, err := w.admin.InviteUser(w.Context(), w.integration.ID, postern.InvitationInput{User: user.ID})
	if err != nil {
		w.Fatal(err)
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	static, err := channel.GenerateStatic(rand.Reader)
	if err != nil {
		w.Fatal(err)
	}
	caller, err := signed.NewCaller(signed.Phone, w.config.PublicURL, signed.HTTP(nil), time.Now)
	if err != nil {
		w.Fatal(err)
	}
	sealKey, shared := make([]byte, 32), static.Public()
	_, _ = rand.Read(sealKey)
	var self postern.PhoneSelf
	err = caller.Call(w.Context(), http.MethodPost, "/enrolments", nil, postern.PhoneEnrolment{
		Code: made.Code, Name: "Pixel", Platform: "test", Assurance: postern.AssuranceFile, IdentityKey: postern.Bytes(public), SealKey: sealKey,
		Proof: ed25519.Sign(key, postern.EnrolmentMessage(made.Code, public, sealKey)),
	}, &self)
	if err != nil {
		w.Fatal(err)
	}
	caller.SignAs(string(self.Phone.ID), key)
	if err := caller.Call(w.Context(), http.MethodPut, "/self/link-key", nil, postern.LinkKeyInput{LinkKey: shared[:]}, &self); err != nil {
		w.Fatal(err)
	}
	p := &phone{world: w, id: self.Phone.ID, upn: self.User.UPN, digits: make(chan string, 1), compare: make(chan error, 1)}
	p.Link = link.New(link.Config{
		API: caller, Integration: w.integration.ID, Self: channel.Device{Name: "Pixel", ID: string(p.id), Software: "test"}, Key: static,
		Dial: websocket.Dial, Random: rand.Reader, Now: time.Now, Handle: p.handle, Log: slog.New(slog.DiscardHandler),
	})
	p.open()
	w.Cleanup(func() { p.close() })
	return p
}

// open starts the app, close ends it.
func (p *phone) open() {
	ctx, stop := context.WithCancel(context.Background())
	p.stop, p.done = stop, make(chan struct{})
	go func() {
		defer close(p.done)
		_ = p.Run(ctx)
	}()
}

func (p *phone) close() {
	p.stop()
	<-p.done
}

func (p *phone) handle(ctx context.Context, r *link.Request) link.Answer {
	p.mu.Lock()
	p.seen = append(p.seen, *r)
	lies := p.lies
	p.mu.Unlock()
	r.Waiting(true)
	if lies {
		<-ctx.Done()
		return link.Answer{Reason: channel.ReasonCancelled}
	}
	return link.Answer{CTAP: append([]byte{0}, r.CTAP...)}
}

func (p *phone) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// Joined, Compare and Keep implement [link.Person].
func (p *phone) Joined(link.Candidate) {}

func (p *phone) Compare(ctx context.Context, c link.Candidate) error {
	p.digits <- c.Digits
	select {
	case err := <-p.compare:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *phone) Keep(_ context.Context, c link.Candidate) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all = []link.Workstation{c.Workstation}
	p.SetWorkstations(p.all)
	return nil
}

type keeper struct{}

func (keeper) Save(context.Context, *workstation.State) error { return nil }

// desk is a running workstation.
type desk struct {
	*workstation.Workstation
	*world
	ended chan error
}

func (w *world) desk() *desk {
	w.Helper()
	ws, err := workstation.Enrol(w.Context(), workstation.Enrolment{
		Server: w.config.PublicURL, Name: "Desk", Kind: postern.WorkstationAgent, Software: "test", OS: "test", JoinState: postern.JoinNone,
	}, workstation.Env{Keeper: keeper{}, Transport: signed.HTTP(nil), Dial: websocket.Dial})
	if err != nil {
		w.Fatal(err)
	}
	d := &desk{Workstation: ws, world: w, ended: make(chan error, 1)}
	ctx, cancel := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		d.ended <- ws.Run(ctx)
	}()
	w.Cleanup(func() { cancel(); <-stopped })
	return d
}

// until waits until the status is as wanted.
func (d *desk) until(what string, wanted func(s workstation.Status) bool) {
	d.Helper()
	ctx, cancel := context.WithTimeout(d.Context(), time.Minute)
	defer cancel()
	for {
		changed := d.Changed()
		s := d.Status()
		if wanted(s) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			d.Fatalf("%s; it stands so: %+v", what, s)
		}
	}
}
