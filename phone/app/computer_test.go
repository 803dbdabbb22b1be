package app_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/websocket"
	"github.com/postern/postern/link/workstation"
	"github.com/postern/postern/phone/app"
)

// computer is a workstation: the real other half of the link, with a real client platform in front.
type computer struct {
	*workstation.Workstation
	w        *world
	phone    postern.PhoneID
	deadline time.Duration
	platform *client.Client
}

// nothing keeps nothing: the computers of these tests are never started again.
type nothing struct{}

func (nothing) Save(context.Context, *workstation.State) error { return nil }

func (w *world) computer(name string) *computer {
	return w.computerOf(name, postern.WorkstationExtension)
}

func (w *world) computerOf(name string, kind postern.WorkstationKind) *computer {
	w.Helper()
	made, err := workstation.Enrol(w.Context(), workstation.Enrolment{
		Server: w.server, Name: name, Kind: kind, Software: "test", OS: "Test OS", JoinState: postern.JoinEntra,
	}, workstation.Env{Keeper: nothing{}, Transport: signed.HTTP(nil), Dial: websocket.Dial, Random: rand.Reader, Now: time.Now, Log: testLog(w.T)})
	if err != nil {
		w.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() { _ = made.Run(ctx) })
	w.Cleanup(func() { cancel(); done.Wait() })
	c := &computer{Workstation: made, w: w, deadline: time.Minute}
	c.platform = &client.Client{Random: rand.Reader, Channel: client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		return c.request(ctx, request)
	})}
	return c
}

func (c *computer) request(ctx context.Context, request []byte) ([]byte, error) {
	return c.Request(ctx, c.phone, workstation.Request{CTAP: request, Program: "Test browser", Deadline: time.Now().Add(c.deadline)})
}

func (c *computer) await(what string, there func(workstation.Status) bool) {
	c.w.Helper()
	late := time.NewTimer(30 * time.Second)
	defer late.Stop()
	for {
		changed := c.Changed()
		s := c.Status()
		if there(s) {
			return
		}
		select {
		case <-changed:
		case <-late.C:
			c.w.Fatalf("the computer never got to %s: %+v", what, s)
		}
	}
}

// pair pairs a phone with a computer, by QR code or by typing.
func (d *device) pair(c *computer, typed bool) {
	d.w.Helper()
	d.await("online", func(v app.View) bool { return v.Link.State == app.LinkOnline })
	c.await("the relay", func(s workstation.Status) bool { return s.Connected })
	p, err := c.Pair(d.w.Context(), typed)
	if err != nil {
		d.w.Fatal(err)
	}
	defer p.Close()
	text := p.URL()
	if typed {
		text = p.Code()
	}
	d.do(app.CommandPair, app.Pair{Text: text})
	candidate, err := p.Wait(d.w.Context())
	if err != nil {
		d.w.Fatal(err)
	}
	v := d.await("the digits", func(v app.View) bool { return v.Pairing != nil && v.Pairing.Step != app.PairingJoining })
	if v.Pairing.Digits != candidate.Digits || len(candidate.Digits) != 3 || v.Pairing.Workstation == "" {
		d.w.Fatalf("phone shows %+v, computer %+v", v.Pairing, candidate)
	}
	confirmed := make(chan error, 1)
	go func() { confirmed <- p.Confirm(d.w.Context()) }()
	d.do(app.CommandSame, app.Same{})
	if err := <-confirmed; err != nil {
		d.w.Fatal(err)
	}
	d.await("the pairing", func(v app.View) bool { return v.Pairing != nil && v.Pairing.Step == app.PairingDone })
	d.do(app.CommandClose, app.Close{})
	c.phone = d.await("the computer", func(v app.View) bool { return v.Pairing == nil && len(v.Computers) > 0 }).Phone.ID
	c.ready()
}

func (c *computer) ready() {
	c.w.Helper()
	c.await("a session", func(s workstation.Status) bool {
		for _, p := range s.Phones {
			if p.ID == c.phone && p.Ready {
				return true
			}
		}
		return false
	})
}

// person answers what the phone asks, as it comes, and counts.
type person struct {
	d           *device
	stop        chan struct{}
	done        sync.WaitGroup
	mu          sync.Mutex
	asked       []app.Approval
	biometrics  int
	answer      func(app.Approval) // nil: approve
	choice      int
	lastApprove time.Time
}

func (d *device) person() *person {
	p := &person{d: d, stop: make(chan struct{})}
	p.done.Go(func() {
		seen := ""
		for {
			d.mu.Lock()
			v, shown := d.view, d.shown
			d.mu.Unlock()
			if a := v.Approval; a != nil && a.ID != seen {
				seen = a.ID
				p.see(*a)
			}
			select {
			case <-shown:
			case <-p.stop:
				return
			}
		}
	})
	d.w.Cleanup(p.leave)
	return p
}

func (p *person) leave() {
	select {
	case <-p.stop:
	default:
		close(p.stop)
	}
	p.done.Wait()
}

func (p *person) see(a app.Approval) {
	p.mu.Lock()
	p.asked = append(p.asked, a)
	answer := p.answer
	if a.Biometric {
		p.biometrics++
	}
	p.lastApprove = time.Now()
	p.mu.Unlock()
	switch {
	case answer != nil:
		answer(a)
	case a.Choosing:
		_ = p.d.try(app.CommandChoose, app.Choose{ID: a.ID, Account: p.choice})
	default:
		_ = p.d.try(app.CommandApprove, app.Approve{ID: a.ID})
	}
}

// costs runs do and checks how often the user was asked, and by the biometric.
func (p *person) costs(t *testing.T, what string, asked, biometrics int, do func() error) {
	t.Helper()
	began := time.Now()
	defer func() { t.Logf("%s took %v", what, time.Since(began)) }()
	p.mu.Lock()
	a, b := len(p.asked), p.biometrics
	p.mu.Unlock()
	if err := do(); err != nil {
		t.Errorf("%s: %v", what, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked)-a != asked || p.biometrics-b != biometrics {
		t.Errorf("%s asked %d times, by the biometric %d, want %d and %d: %+v", what, len(p.asked)-a, p.biometrics-b, asked, biometrics, p.asked[a:])
	}
}

const origin = "https://login.microsoft.com"

// entra gives creation options like those of Microsoft Entra ID.
func entra(user string) *client.CreationOptions {
	return &client.CreationOptions{
		RP: client.RelyingParty{ID: "login.microsoft.com", Name: "Microsoft"}, User: client.UserAccount{ID: []byte(user), Name: user, DisplayName: user},
		Challenge:  bytes.Repeat([]byte{1}, 32),
		Parameters: []client.CredentialParameter{{Type: "public-key", Algorithm: ctap.ES256}, {Type: "public-key", Algorithm: ctap.RS256}},
		Selection:  client.Selection{Attachment: "cross-platform", ResidentKey: client.Required, UserVerification: client.Required},
		Extensions: client.ExtensionInputs{HMACCreateSecret: true, ProtectionPolicy: "userVerificationOptional", EnforcePolicy: true},
	}
}

func signIn(allow ...[]byte) *client.RequestOptions {
	o := &client.RequestOptions{Challenge: bytes.Repeat([]byte{2}, 32), RPID: "login.microsoft.com", UserVerification: client.Required}
	for _, id := range allow {
		o.AllowCredentials = append(o.AllowCredentials, client.Descriptor{ID: id, Type: "public-key"})
	}
	return o
}

// TestApprovalRule sends what client platforms send, over the real link, and holds each row of the rule in
// docs/phone-app.md: how often the user is asked, and how often by the biometric.
func TestApprovalRule(t *testing.T) {
	w := newWorld(t)
	d := w.device()
	d.enrol()
	c := w.computer("LAPTOP-1")
	d.pair(c, false)
	p := d.person()
	ctx := t.Context()
	var id []byte
	p.costs(t, "registration", 1, 1, func() error {
		made, err := c.platform.Create(ctx, entra("alex@example.com"), origin)
		if err == nil {
			id = made.ID
		}
		return err
	})
	p.costs(t, "sign-in without a list", 1, 1, func() error { _, err := c.platform.Get(ctx, signIn(), origin); return err })
	p.costs(t, "sign-in by name", 1, 1, func() error { _, err := c.platform.Get(ctx, signIn(id), origin); return err })
	p.costs(t, "sign-in by a long list", 1, 1, func() error {
		o := signIn()
		for i := range 40 {
			o.AllowCredentials = append(o.AllowCredentials, client.Descriptor{ID: bytes.Repeat([]byte{byte(i)}, 32), Type: "public-key"})
		}
		o.AllowCredentials = append(o.AllowCredentials, client.Descriptor{ID: id, Type: "public-key"})
		_, err := c.platform.Get(ctx, o, origin)
		return err
	})
	p.costs(t, "sign-in with prf", 1, 1, func() error {
		o := signIn(id)
		o.Extensions.PRF = &client.PRFInput{Eval: &client.PRFValues{First: []byte("a")}}
		got, err := c.platform.Get(ctx, o, origin)
		if err == nil && (got.Extensions.PRF == nil || got.Extensions.PRF.Results == nil || len(got.Extensions.PRF.Results.First) != 32) {
			return errors.New("no secret")
		}
		return err
	})
	p.costs(t, "sign-in with hmac-secret, as for the lock screen", 1, 1, func() error {
		o := signIn()
		o.Extensions.HMACGetSecret = &client.HMACSalts{Salt1: make([]byte, 32)}
		_, err := c.platform.Get(ctx, o, origin)
		return err
	})
	p.costs(t, "sign-in without verification", 1, 1, func() error {
		o := signIn(id)
		o.UserVerification = client.Discouraged
		_, err := c.platform.Get(ctx, o, origin)
		return err
	})
	p.costs(t, "registration of what is here", 1, 1, func() error {
		o := entra("alex@example.com")
		o.ExcludeCredentials = []client.Descriptor{{ID: id, Type: "public-key"}}
		if _, err := c.platform.Create(ctx, o, origin); ctap.StatusOf(err) != ctap.ErrCredentialExcluded {
			return errors.Join(errors.New("want excluded"), err)
		}
		return nil
	})
	silent := (&ctap.GetAssertionRequest{
		RPID: "login.microsoft.com", ClientDataHash: make([]byte, 32), AllowList: []ctap.CredentialDescriptor{{ID: id, Type: ctap.PublicKeyType}},
		Options: map[string]bool{"up": false},
	})
	p.costs(t, "a silent search", 0, 0, func() error {
		request, err := silent.Encode()
		if err != nil {
			return err
		}
		return c.status(ctx, request, ctap.OK)
	})
	p.costs(t, "sign-in by the option uv", 1, 1, func() error {
		byOption := *silent
		byOption.Options = map[string]bool{"uv": true}
		request, err := byOption.Encode()
		if err != nil {
			return err
		}
		return c.status(ctx, request, ctap.OK)
	})
	p.costs(t, "sign-in with a token that nothing followed for 30 seconds, and then with another", 2, 2, func() error {
		serve := c.platform.Channel
		c.platform.Channel = client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
			if ctap.Command(request[0]) == ctap.GetAssertion {
				d.setAhead(31 * time.Second)
			}
			return serve.CBOR(ctx, request)
		})
		_, err := c.platform.Get(ctx, signIn(), origin)
		c.platform.Channel = serve
		if ctap.StatusOf(err) != ctap.ErrPINAuthInvalid {
			return errors.Join(errors.New("want that the token is refused"), err)
		}
		_, err = c.platform.Get(ctx, signIn(), origin)
		d.setAhead(0)
		return err
	})
	p.costs(t, "getInfo", 0, 0, func() error { return c.status(ctx, []byte{byte(ctap.GetInfo)}, ctap.OK) })
	p.costs(t, "selection", 1, 0, func() error { return c.platform.Select(ctx) })
	p.costs(t, "reset", 0, 0, func() error { return c.status(ctx, []byte{byte(ctap.Reset)}, ctap.ErrNotAllowed) })
	p.costs(t, "credential management", 1, 1, func() error { _, err := c.platform.Credentials(ctx); return err })
	p.costs(t, "a second account, then a choice", 3, 2, func() error {
		made, err := c.platform.Create(ctx, entra("kim@example.com"), origin)
		if err != nil {
			return err
		}
		p.choice = 1 // the newest comes first
		got, err := c.platform.Get(ctx, signIn(), origin)
		if err != nil {
			return err
		}
		if bytes.Equal(got.ID, made.ID) || !bytes.Equal(got.ID, id) {
			return errors.New("another account than the chosen one signed")
		}
		return nil
	})
	v := d.await("the log", func(v app.View) bool { return len(v.Activity) > 8 })
	for _, a := range v.Activity {
		if a.Workstation != "LAPTOP-1" || a.Outcome != "accepted" && a.Outcome != "failed" && a.Kind != app.ApproveRegister {
			t.Errorf("activity %+v", a)
		}
	}
	if v.Computers[0].LastUsed == nil {
		t.Error("the computer was never used")
	}
}

func (c *computer) status(ctx context.Context, request []byte, want ctap.Status) error {
	answer, err := c.request(ctx, request)
	if err == nil && (len(answer) == 0 || ctap.Status(answer[0]) != want) {
		return errors.New("another status: " + ctap.Status(answer[0]).Error())
	}
	return err
}
