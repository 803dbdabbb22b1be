package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/go-tpm/tpm2/transport"

	"github.com/postern/postern"
	"github.com/postern/postern/agent"
	"github.com/postern/postern/agent/join"
	"github.com/postern/postern/agent/remote"
	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/udp"
	"github.com/postern/postern/internal/testport"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/websocket"
	"github.com/postern/postern/phone/link"
)

const (
	attachRounds = 100
	// A phone may connect anew so often; what is measured must not stand in that queue.
	attachPace   = 250 * time.Millisecond
	promptRounds = 100
	promptPace   = 100 * time.Millisecond
)

// measureAgent times two waits of the person before a workstation, with a whole control center between agent and phone: from
// the moment the phone begins to connect until its key is at the agent's socket, and from a program's request at that key until
// the phone asks its user.
func measureAgent(ctx context.Context) (figures []figure, err error) {
	link.Requests.Burst = 20 * (attachRounds + promptRounds)
	w, err := newWorld(ctx, 20, 1, entrasim.Levers{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	d, err := w.newDesk(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.close()) }()

	other := &pair{server: d.phone.server, key: d.phone.key}
	if err := other.enrolPhone(ctx, w); err != nil {
		return nil, err
	}
	both, err := d.attaching(ctx, other)
	if err != nil {
		return nil, fmt.Errorf("attach: %w", err)
	}
	figures = both.figures("agent.attach", "a phone's connection to the same relay alone, until it is welcome")

	bare, stopBare, err := echoWebSocket(ctx)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, stopBare()) }()
	both, err = d.prompting(ctx, bare)
	if err != nil {
		return figures, fmt.Errorf("prompt: %w", err)
	}
	return append(figures, both.figures("agent.prompt", "an echo of 256 bytes over one WebSocket")...), nil
}

// agentDesk is an agent whose keys lie at a simulator port, and a phone that comes and goes.
type agentDesk struct {
	agent    *agent.Agent
	phone    *pair
	socket   *watched
	prompted chan time.Time // when the phone asked its user
	paired   []link.Workstation
	close    func() error
}

// watched is a socket that tells when a key is there.
type watched struct {
	agent.UDP
	in chan time.Time
}

func (s *watched) Plug(ctx context.Context, id hid.Identity, in func(), serve func(context.Context, hid.Reports) error) error {
	return s.UDP.Plug(ctx, id, func() {
		select {
		case s.in <- time.Now():
		default:
		}
		in()
	}, serve)
}

// asked is a phone's user who agrees at once, and tells when they were asked.
type asked struct{ at chan time.Time }

func (asked) Verification() authenticator.Verification { return authenticator.VerificationReady }

func (a asked) Present(context.Context, authenticator.Prompt) error { return a.tell() }

func (a asked) Verify(context.Context, authenticator.Prompt) error { return a.tell() }

func (a asked) tell() error {
	select {
	case a.at <- time.Now():
	default:
	}
	return nil
}

// newDesk enrols an agent and a phone, and pairs them.
func (w *world) newDesk(ctx context.Context) (d *agentDesk, err error) {
	address, err := testport.Reserve(ctx, "udp")
	if err != nil {
		return nil, err
	}
	d = &agentDesk{
		phone: &pair{server: w.center.Config.PublicURL}, socket: &watched{agent.UDP{Address: address}, make(chan time.Time, 1)}, prompted: make(chan time.Time, 1),
	}
	if d.phone.key, err = authenticator.New(authenticator.Config{
		AAGUID: ctap.AAGUID{1}, Store: memory.New(4), User: asked{d.prompted}, Random: rand.Reader, Now: time.Now,
	}); err != nil {
		return nil, err
	}
	if err := d.phone.enrolPhone(ctx, w); err != nil {
		return nil, err
	}
	if d.agent, err = agent.New(agent.Config{
		Dir: filepath.Join(w.dir, "agent"), Software: "bench", System: "bench", Socket: d.socket,
		Join: func(context.Context) (join.Status, error) {
			return join.Status{State: postern.JoinNone, DeviceName: "desk"}, nil
		},
		Remote: func() remote.Session { return remote.Session{} },
		TPM:    func() (transport.TPMCloser, error) { return nil, errors.New("the bench uses none here") },
	}); err != nil {
		return nil, err
	}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- d.agent.Run(running) }()
	d.close = func() error {
		stop()
		return errors.Join(<-ended, d.agent.Close())
	}
	if err := d.meet(ctx); err != nil {
		return nil, errors.Join(err, d.close())
	}
	return d, nil
}

// meet makes the agent known and pairs it with the phone, which stays away then.
func (d *agentDesk) meet(ctx context.Context) error {
	if err := d.agent.Enrol(ctx, agent.Enrolment{Server: d.phone.server}); err != nil {
		return err
	}
	if err := d.until(ctx, func(v agent.View) bool { return v.Connected }); err != nil {
		return err
	}
	if err := d.agent.Pair(ctx, false); err != nil {
		return err
	}
	leave := d.comes(ctx)
	defer leave()
	url, joined := d.agent.View().Pairing.URL, make(chan error, 1)
	go func() {
		_, err := d.phone.link.Pair(ctx, url, meeting{agreeing{d.phone.link}, d})
		joined <- err
	}()
	if err := d.until(ctx, func(v agent.View) bool { return v.Pairing != nil && v.Pairing.Digits != "" }); err != nil {
		return err
	}
	if err := errors.Join(d.agent.Compared(ctx, true), <-joined); err != nil {
		return err
	}
	return errors.Join(d.until(ctx, func(v agent.View) bool { return v.Pairing != nil && v.Pairing.Step == agent.PairingDone }), d.agent.EndPairing(ctx))
}

// meeting is a person who keeps the pairing for each time the phone comes.
type meeting struct {
	agreeing
	desk *agentDesk
}

func (m meeting) Keep(ctx context.Context, c link.Candidate) error {
	m.desk.paired = []link.Workstation{c.Workstation}
	return m.agreeing.Keep(ctx, c)
}

// comes has the phone connect, until leave is called.
func (d *agentDesk) comes(ctx context.Context) (leave func()) {
	ctx, stop := context.WithCancel(ctx)
	d.phone.link = link.New(d.phone.config)
	d.phone.link.SetWorkstations(d.paired)
	var ended sync.WaitGroup
	ended.Go(func() { _ = d.phone.link.Run(ctx) })
	return func() { stop(); ended.Wait() }
}

// until waits for the agent to stand so.
func (d *agentDesk) until(ctx context.Context, there func(agent.View) bool) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		changed := d.agent.Changed()
		if there(d.agent.View()) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: the agent is at %+v", ctx.Err(), d.agent.View())
		}
	}
}

// attaching measures by turns the phone until its key is there, and another phone that nobody is paired with until the relay
// welcomes it.
func (d *agentDesk) attaching(ctx context.Context, other *pair) (latencies, error) {
	var l latencies
	out := func(v agent.View) bool { return len(v.Phones) == 1 && v.Phones[0].Key == agent.KeyOut }
	tick := time.NewTicker(attachPace)
	defer tick.Stop()
	for n := range attachRounds + attachRounds/10 {
		if err := d.until(ctx, out); err != nil {
			return l, err
		}
		select {
		case <-d.socket.in: // of an attempt before
		default:
		}
		begin := time.Now()
		leave := d.comes(ctx)
		var at time.Time
		select {
		case at = <-d.socket.in:
		case <-time.After(patience):
			leave()
			return l, fmt.Errorf("the key was never there: %+v", d.agent.View())
		}
		leave()
		<-tick.C
		bare, err := other.welcomed(ctx)
		if err != nil {
			return l, err
		}
		if n >= attachRounds/10 {
			l.ours, l.bare = append(l.ours, at.Sub(begin)), append(l.bare, bare)
		}
		<-tick.C
	}
	slices.Sort(l.ours)
	slices.Sort(l.bare)
	return l, nil
}

// welcomed connects to the relay and nothing else.
func (p *pair) welcomed(ctx context.Context) (took time.Duration, err error) {
	ctx, cancel := context.WithCancel(ctx)
	client := relay.NewClient(relay.ClientConfig{
		Dial: func(ctx context.Context) (relay.Conn, error) {
			return websocket.Dial(ctx, "ws"+strings.TrimPrefix(p.server, "http")+relay.Path)
		},
		Hello: func(context.Context) (string, error) { return p.caller.Proof(http.MethodGet, relay.Path, nil) },
	})
	var ended sync.WaitGroup
	defer ended.Wait()
	defer cancel()
	begin := time.Now()
	ended.Go(func() { _ = client.Run(ctx) })
	for {
		event, err := client.Next(ctx)
		if err != nil {
			return 0, err
		}
		if _, is := event.(relay.Connected); is {
			return time.Since(begin), nil
		}
	}
}

// prompting measures, at the simulator port as programs do, from a getAssertion until the phone asks its user.
func (d *agentDesk) prompting(ctx context.Context, bare func() error) (l latencies, err error) {
	defer d.comes(ctx)()
	if _, err := d.phone.register(ctx); err != nil {
		return l, err
	}
	if err := d.until(ctx, func(v agent.View) bool { return len(v.Phones) == 1 && v.Phones[0].Key == agent.KeyIn }); err != nil {
		return l, err
	}
	host, err := udp.Dial(d.socket.Address, "")
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	program, err := hid.Open(ctx, host)
	if err != nil {
		return l, err
	}
	request, err := (&ctap.GetAssertionRequest{RPID: ceremonyRPID, ClientDataHash: make([]byte, 32), Options: map[string]bool{ctap.OptionUV: true}}).Encode()
	if err != nil {
		return l, err
	}
	select {
	case <-d.prompted: // by the registration
	default:
	}
	tick := time.NewTicker(promptPace)
	defer tick.Stop()
	for n := range promptRounds + promptRounds/10 {
		begin := time.Now()
		answer, err := program.CBOR(ctx, request)
		if err != nil {
			return l, err
		}
		if len(answer) == 0 || ctap.Status(answer[0]) != ctap.OK {
			return l, fmt.Errorf("the key answers %x", answer)
		}
		at := <-d.prompted
		between := time.Now()
		if err := bare(); err != nil {
			return l, err
		}
		if n >= promptRounds/10 {
			l.ours, l.bare = append(l.ours, at.Sub(begin)), append(l.bare, time.Since(between))
		}
		<-tick.C
	}
	slices.Sort(l.ours)
	slices.Sort(l.bare)
	return l, nil
}
