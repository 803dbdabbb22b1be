package workstation_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"testing/synctest"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
)

// phone is a phone's end of the link, whose user does what the test says.
type phone struct {
	*wire
	id     postern.PhoneID
	name   string
	static channel.Static
	caller *signed.Caller

	mu      sync.Mutex
	pairing postern.PairingID
	peer    channel.PublicKey
	desk    postern.WorkstationID
	greets  *channel.Handshake // of the pairing that is being made
	shown   string
	current *channel.Phone
	next    *channel.Phone
	session *channel.Session // of current
	fresh   *channel.Session // of next
	asked   []channel.Asked
	numbers []string
	gone    []channel.Withdrawn
	answer  func(channel.Asked) (ctap []byte, reason channel.Reason) // nil: the user lets everything lie
	deaf    bool                                                     // drops what it is sent
	begun   int
	mangle  func(payload []byte) [][]byte // what is sent in the place of a payload; nil: as it is

	client *relay.Client
	stop   context.CancelFunc
	ended  chan struct{}
}

func (w *world) phone(name string) *phone {
	w.t.Helper()
	p := &phone{wire: &wire{w: w}, id: postern.NewID[postern.PhoneID](postern.PrefixPhone), name: name}
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	if p.static, err = channel.GenerateStatic(w.random()); err != nil {
		w.t.Fatal(err)
	}
	if p.caller, err = signed.NewCaller(signed.Phone, origin, w.center, time.Now); err != nil {
		w.t.Fatal(err)
	}
	p.caller.SignAs(string(p.id), private)
	w.center.mu.Lock()
	w.keys[string(p.id)] = public
	w.phones[p.id] = name
	w.center.mu.Unlock()
	p.start()
	return p
}

// start opens the app, close closes it for good.
func (p *phone) start() {
	ctx, stop := context.WithCancel(p.w.ctx)
	p.stop, p.ended = stop, make(chan struct{})
	client := relay.NewClient(relay.ClientConfig{
		Dial:  func(ctx context.Context) (relay.Conn, error) { return p.dial(ctx, "") },
		Hello: func(context.Context) (string, error) { return p.caller.Proof("GET", relay.Path, nil) },
	})
	p.mu.Lock()
	p.client = client
	p.mu.Unlock()
	go func() { _ = client.Run(ctx) }()
	go func() {
		defer close(p.ended)
		for ctx.Err() == nil {
			p.turn(ctx, client)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.drop()
	}()
	synctest.Wait()
}

func (p *phone) close() {
	p.stop()
	<-p.ended
	synctest.Wait()
}

func (p *phone) turn(ctx context.Context, client *relay.Client) {
	p.mu.Lock()
	next := time.Now().Add(time.Hour)
	if p.current != nil && !p.current.Next().IsZero() {
		next = p.current.Next()
	}
	p.mu.Unlock()
	until, cancel := context.WithTimeout(ctx, max(time.Until(next), time.Millisecond))
	event, err := client.Next(until)
	cancel()
	p.mu.Lock()
	defer p.mu.Unlock()
	if errors.Is(err, context.DeadlineExceeded) && p.current != nil {
		p.did(p.current, p.current.Tick(time.Now()))
		return
	}
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		p.stop()
	}
	switch e := event.(type) {
	case relay.Connected:
		if !e.Resumed {
			p.drop()
		}
	case relay.Presence:
		if e.State == relay.Gone {
			p.drop()
		}
	case relay.Data:
		if !p.deaf {
			p.take(e.Peer, e.Payload)
		}
	}
}

func (p *phone) drop() {
	for _, s := range []*channel.Session{p.session, p.fresh} {
		if s != nil {
			s.Close()
		}
	}
	p.current, p.next, p.session, p.fresh = nil, nil, nil, nil
}

func (p *phone) send(peer string, kind byte, body []byte) {
	ctx, cancel := context.WithTimeout(p.w.ctx, time.Minute)
	defer cancel()
	payloads := [][]byte{channel.Payload(kind, body)}
	if p.mangle != nil {
		payloads = p.mangle(payloads[0])
	}
	for _, payload := range payloads {
		_ = p.client.Send(ctx, peer, payload) // lost when the app ends
	}
}

func (p *phone) take(from string, payload []byte) {
	kind, body, err := channel.SplitPayload(payload)
	if err != nil {
		p.w.t.Errorf("the workstation sent %x", payload)
		return
	}
	switch {
	case kind == channel.PayloadPairing && p.greets != nil:
		p.introduced(from, body)
	case kind == channel.PayloadHandshake:
		p.begin(from, body)
	case kind == channel.PayloadSealed:
		p.sealed(from, body)
	case kind == channel.PayloadOver:
		p.drop()
	}
}

func (p *phone) prologue() channel.Prologue {
	raw, _ := base64.RawURLEncoding.DecodeString(string(p.pairing))
	return channel.Prologue{Origin: origin, Integration: string(integration.ID), Workstation: string(p.desk), PairingID: [16]byte(raw)}
}

func (p *phone) begin(from string, first []byte) {
	h, err := channel.NewPhoneSession(channel.Config{Random: p.w.random(), Time: time.Now(), Static: p.static, Prologue: p.prologue(), Peer: p.peer})
	if err != nil || h.Read(first) != nil {
		return
	}
	second, err := h.Write()
	if err != nil {
		p.w.t.Error(err)
		return
	}
	p.begun++
	p.fresh, _ = h.Done()
	p.next, _ = channel.NewPhone(p.fresh)
	p.send(from, channel.PayloadHandshake, second)
}

func (p *phone) sealed(from string, body []byte) {
	if p.next != nil {
		step, s, m := p.next.Receive(time.Now(), body), p.fresh, p.next
		p.next, p.fresh = nil, nil
		if s.Confirmed() {
			if p.session != nil {
				p.session.Close()
			}
			p.current, p.session = m, s
			p.did(m, step)
			return
		}
	}
	if p.current == nil {
		p.send(from, channel.PayloadOver, nil)
		return
	}
	p.did(p.current, p.current.Receive(time.Now(), body))
}

func (p *phone) did(m *channel.Phone, step channel.Step) {
	for _, sealed := range step.Send {
		p.send(string(p.desk), channel.PayloadSealed, sealed)
	}
	for _, event := range step.Events {
		switch e := event.(type) {
		case channel.Asked:
			p.asked = append(p.asked, e)
			p.numbers = append(p.numbers, p.session.RequestDigits(e.Number))
			if p.answer != nil {
				p.decide(m, e)
			}
		case channel.Withdrawn:
			p.gone = append(p.gone, e)
		case channel.Ended:
			p.current, p.session = nil, nil
			if !errors.Is(e.Err, channel.ErrGoodbye) {
				p.send(string(p.desk), channel.PayloadOver, nil)
			}
		}
	}
}

func (p *phone) decide(m *channel.Phone, e channel.Asked) {
	ctap, reason := p.answer(e)
	var step channel.Step
	if reason != 0 {
		step, _ = m.Refuse(time.Now(), e.Number, reason)
	} else {
		step, _ = m.Answer(time.Now(), e.Number, ctap)
	}
	p.did(m, step)
}

// accept answers the request that lies there.
func (p *phone) accept(ctap []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.asked) == 0 || p.current == nil {
		p.w.t.Fatal("the phone shows no request")
	}
	step, err := p.current.Answer(time.Now(), p.asked[len(p.asked)-1].Number, ctap)
	if err != nil {
		p.w.t.Fatal(err)
	}
	p.did(p.current, step)
}

// scan opens the QR code, types a code when it is none.
func (p *phone) scan(text string) error {
	o, i, err := channel.ParseInvitation(text, time.Now())
	if !strings.HasPrefix(text, "https://") {
		o = origin
		i, err = channel.ReadCode(text)
	}
	if err != nil || o != origin {
		return errors.Join(err, errors.New(o))
	}
	id := postern.NewPairingID(i.PairingID)
	joined, err := p.w.join(id, p.id)
	if err != nil {
		return err
	}
	if i.LinkKey == (channel.PublicKey{}) {
		copy(i.LinkKey[:], joined.LinkKey)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pairing, p.peer, p.desk, p.shown = id, i.LinkKey, joined.Pairing.WorkstationID, ""
	p.greets, err = channel.NewPhonePairing(channel.Config{
		Random: p.w.random(), Time: time.Now(), Static: p.static, Prologue: p.prologue(), Peer: i.LinkKey, Secret: i.Secret,
		Self: channel.Device{Name: p.name, ID: string(p.id), Software: "phone 1"},
	})
	if err != nil {
		return err
	}
	first, err := p.greets.Write()
	if err == nil {
		p.send(relay.PairingID(i.PairingID).Peer(), channel.PayloadPairing, first)
	}
	return err
}

func (p *phone) introduced(from string, second []byte) {
	if err := p.greets.Read(second); err != nil {
		p.greets = nil
		return
	}
	third, err := p.greets.Write()
	if err != nil {
		p.w.t.Error(err)
		return
	}
	s, _ := p.greets.Done()
	p.shown, p.greets = s.Digits(), nil
	p.send(from, channel.PayloadPairing, third)
}

func (p *phone) digits() string {
	synctest.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown
}

func (p *phone) confirm() {
	if _, err := p.w.confirm(p.pairing, string(p.id)); err != nil {
		p.w.t.Error(err)
	}
}

func (p *phone) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}
