package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/websocket"
	"github.com/postern/postern/link/workstation"
	"github.com/postern/postern/phone/link"
)

// ceremonyOrigin is the site of the ceremonies over the link.
const ceremonyOrigin = "https://" + ceremonyRPID

const ceremonyRPID = "login.example.com"

// pair is a workstation and a phone that are paired and connected. The phone's user agrees to everything at once.
type pair struct {
	server string
	desk   *workstation.Workstation
	phone  postern.PhoneID
	caller *signed.Caller // signs as the phone
	key    *authenticator.Authenticator
	echo   atomic.Bool // the phone answers with what it was asked
	close  func()

	config link.Config
	link   *link.Link
	mu     sync.Mutex
	state  *workstation.State
}

// newPair enrols both and pairs them as people do: by a QR code, and digits that both confirm.
func (w *world) newPair(ctx context.Context) (p *pair, err error) {
	p = &pair{server: w.center.Config.PublicURL}
	p.echo.Store(true)
	if p.key, err = authenticator.New(authenticator.Config{
		AAGUID: ctap.AAGUID{1}, Store: memory.New(4), User: &authtest.User{}, Random: rand.Reader, Now: time.Now,
	}); err != nil {
		return nil, err
	}
	if err := p.enrolPhone(ctx, w); err != nil {
		return nil, err
	}
	if p.desk, err = workstation.Enrol(ctx, workstation.Enrolment{
		Server: p.server, Name: "Desk", Kind: postern.WorkstationAgent, Software: "bench", OS: "bench", JoinState: postern.JoinNone,
	}, workstation.Env{Keeper: p, Transport: signed.HTTP(nil), Dial: websocket.Dial}); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	var ended sync.WaitGroup
	ended.Go(func() { _ = p.desk.Run(running) })
	ended.Go(func() { _ = p.link.Run(running) })
	p.close = func() { stop(); ended.Wait() }
	if err := p.meet(ctx); err != nil {
		p.close()
		return nil, err
	}
	for {
		changed := p.desk.Changed()
		if s := p.desk.Status(); len(s.Phones) == 1 && s.Phones[0].Ready {
			return p, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			p.close()
			return nil, ctx.Err()
		}
	}
}

func (p *pair) enrolPhone(ctx context.Context, w *world) error {
	users, err := w.take(1)
	if err != nil {
		return err
	}
	invited, err := w.center.Users.Invite(ctx, w.integration.ID, postern.InvitationInput{User: users[0].ObjectID})
	if err != nil {
		return err
	}
	public, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	static, err := channel.GenerateStatic(rand.Reader)
	if err != nil {
		return err
	}
	if p.caller, err = signed.NewCaller(signed.Phone, p.server, signed.HTTP(nil), time.Now); err != nil {
		return err
	}
	sealKey, shared := make([]byte, 32), static.Public()
	_, _ = rand.Read(sealKey)
	var self postern.PhoneSelf
	if err := p.caller.Call(ctx, http.MethodPost, "/enrolments", nil, postern.PhoneEnrolment{
		Code: invited.Code, Name: "bench", Platform: "bench", Assurance: postern.AssuranceFile, IdentityKey: postern.Bytes(public), SealKey: sealKey,
		Proof: ed25519.Sign(key, postern.EnrolmentMessage(invited.Code, public, sealKey)),
	}, &self); err != nil {
		return err
	}
	p.phone = self.Phone.ID
	p.caller.SignAs(string(p.phone), key)
	if err := p.caller.Call(ctx, http.MethodPut, "/self/link-key", nil, postern.LinkKeyInput{LinkKey: shared[:]}, &self); err != nil {
		return err
	}
	p.config = link.Config{
		API: p.caller, Integration: w.integration.ID, Self: channel.Device{Name: "bench", ID: string(p.phone), Software: "bench"}, Key: static,
		Dial: websocket.Dial, Random: rand.Reader, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Handle: func(ctx context.Context, r *link.Request) link.Answer {
			if p.echo.Load() {
				return link.Answer{CTAP: r.CTAP}
			}
			return link.Answer{CTAP: p.key.Handle(ctx, r.CTAP)}
		},
	}
	p.link = link.New(p.config)
	return nil
}

func (p *pair) meet(ctx context.Context) error {
	pairing, err := p.desk.Pair(ctx, false)
	if err != nil {
		return err
	}
	defer pairing.Close()
	joined := make(chan error, 1)
	go func() {
		_, err := p.link.Pair(ctx, pairing.URL(), agreeing{p.link})
		joined <- err
	}()
	if _, err := pairing.Wait(ctx); err != nil {
		return err
	}
	return errors.Join(pairing.Confirm(ctx), <-joined)
}

// agreeing is a person to whom all digits are the same.
type agreeing struct{ phone *link.Link }

func (agreeing) Joined(link.Candidate) {}

func (agreeing) Compare(context.Context, link.Candidate) error { return nil }

func (a agreeing) Keep(_ context.Context, c link.Candidate) error {
	a.phone.SetWorkstations([]link.Workstation{c.Workstation})
	return nil
}

// Save implements [workstation.Keeper].
func (p *pair) Save(_ context.Context, s *workstation.State) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = s
	return nil
}

func (p *pair) kept() *workstation.State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// register has the phone make a passkey, and gives the options of a sign-in with it.
func (p *pair) register(ctx context.Context) (*client.RequestOptions, error) {
	create, err := client.ParseCreationOptions([]byte(`{"rp":{"id":"` + ceremonyRPID + `","name":"Example"},"user":{"id":"AQ","name":"ada","displayName":"Ada"},
		"challenge":"AAAAAAAAAAAAAAAAAAAAAA","pubKeyCredParams":[{"type":"public-key","alg":-7}],"authenticatorSelection":{"residentKey":"required","userVerification":"required"}}`))
	if err != nil {
		return nil, err
	}
	c := &client.Client{Random: rand.Reader, Channel: client.ChannelFunc(func(ctx context.Context, b []byte) ([]byte, error) { return p.key.Handle(ctx, b), nil })}
	if _, err := c.Create(ctx, create, ceremonyOrigin); err != nil {
		return nil, err
	}
	return client.ParseRequestOptions([]byte(`{"challenge":"AAAAAAAAAAAAAAAAAAAAAA","rpId":"` + ceremonyRPID + `","userVerification":"required"}`))
}
