package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	ws "github.com/coder/websocket"

	"github.com/postern/postern/entrasim"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
	"github.com/postern/postern/link/websocket"
	"github.com/postern/postern/link/workstation"
	"github.com/postern/postern/phone/link"
)

const (
	linkPayload = 256 // bytes, each way
	linkRounds  = 300
	// A device may send 100 frames a second, and an exchange takes it two: one more is acknowledged. What is measured must
	// not stand in that queue.
	linkPace       = 25 * time.Millisecond
	ceremonyRounds = 50
	ceremonyPace   = 150 * time.Millisecond // several requests each
)

// measureLink times an exchange between a workstation and a phone, each over a WebSocket of its own to a whole control
// center, against the same bytes to and fro over one WebSocket with nothing behind it.
func measureLink(ctx context.Context) (figures []figure, err error) {
	link.Requests.Burst = 4 * (linkRounds + 2*ceremonyRounds) // what else keeps a workstation from bothering a person
	w, err := newWorld(ctx, 20, 1, entrasim.Levers{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.stop()) }()
	bare, stopBare, err := echoWebSocket(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stopBare()) }()
	p, err := w.newPair(ctx)
	if err != nil {
		return nil, err
	}
	defer p.close()

	ctap := bytes.Repeat([]byte{1}, linkPayload)
	sealed := func() error {
		answer, err := p.ask(ctx, ctap)
		if err == nil && !bytes.Equal(answer, ctap) {
			err = fmt.Errorf("%x came back", answer)
		}
		return err
	}
	both, err := alternating(ctx, linkRounds, linkPace, sealed, bare)
	if err != nil {
		return nil, err
	}
	figures = append(figures, both.figures("link.sealed", "an echo of 256 bytes over one WebSocket")...)

	request, err := p.register(ctx)
	if err != nil {
		return nil, err
	}
	near := &client.Client{Random: rand.Reader, Channel: client.ChannelFunc(func(ctx context.Context, b []byte) ([]byte, error) { return p.key.Handle(ctx, b), nil })}
	far := &client.Client{Random: rand.Reader, Channel: client.ChannelFunc(p.ask)}
	signIn := func(c *client.Client) func() error {
		return func() error {
			_, err := c.Get(ctx, request, ceremonyOrigin)
			return err
		}
	}
	p.echo.Store(false)
	both, err = alternating(ctx, ceremonyRounds, ceremonyPace, signIn(far), signIn(near))
	if err != nil {
		return nil, err
	}
	figures = append(figures, both.figures("link.sign_in", "the same ceremony in one process")[0])

	forward, stop, err := p.relayOnly(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	both, err = alternating(ctx, linkRounds, linkPace, forward, bare)
	if err != nil {
		return nil, err
	}
	figures = append(figures, both.figures("link.relay", "an echo of 256 bytes over one WebSocket")...)
	thin, stopThin, err := forwardWebSocket(ctx)
	if err != nil {
		return figures, err
	}
	defer func() { err = errors.Join(err, stopThin()) }()
	both, err = alternating(ctx, linkRounds/2, linkPace, forward, thin)
	if err != nil {
		return figures, err
	}
	return append(figures, both.figures("link.relay_rules", "a server that copies between two WebSockets")[0]), nil
}

// latencies are the times of two things, each sorted.
type latencies struct{ ours, bare []time.Duration }

// alternating does two things by turns, at a pace that neither is slowed down for.
func alternating(ctx context.Context, rounds int, pace time.Duration, ours, bare func() error) (l latencies, err error) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for n := range rounds + rounds/10 {
		for _, one := range []struct {
			do   func() error
			into *[]time.Duration
		}{{ours, &l.ours}, {bare, &l.bare}} {
			begin := time.Now()
			if err := one.do(); err != nil {
				return l, err
			}
			if n >= rounds/10 { // what comes before is for warming up
				*one.into = append(*one.into, time.Since(begin))
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return l, ctx.Err()
		}
	}
	slices.Sort(l.ours)
	slices.Sort(l.bare)
	return l, nil
}

// figures are the median and the 99th of a hundred.
func (l latencies) figures(name, against string) []figure {
	at := func(all []time.Duration, of float64) float64 { return all[int(of*float64(len(all)-1))].Seconds() * 1e6 }
	var out []figure
	for _, q := range []struct {
		name string
		of   float64
	}{{"p50", 0.5}, {"p99", 0.99}} {
		out = append(out, figure{Name: name + "." + q.name, Value: at(l.ours, q.of), Unit: "µs", Baseline: at(l.bare, q.of), Against: against})
	}
	return out
}

// echoWebSocket sends and gets back a message through a server of the same library that the link stands on.
func echoWebSocket(ctx context.Context) (once, stop func() error, err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	server := http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.Accept(w, r, &ws.AcceptOptions{CompressionMode: ws.CompressionDisabled})
		if err != nil {
			return
		}
		for {
			kind, message, err := c.Read(r.Context())
			if err != nil || c.Write(r.Context(), kind, message) != nil {
				return
			}
		}
	})}
	go func() { _ = server.Serve(l) }()
	c, _, err := ws.Dial(ctx, "ws://"+l.Addr().String(), &ws.DialOptions{CompressionMode: ws.CompressionDisabled}) //nolint:bodyclose // there is none after a 101
	if err != nil {
		return nil, nil, errors.Join(err, server.Close())
	}
	message := make([]byte, linkPayload)
	return func() error {
			if err := c.Write(ctx, ws.MessageBinary, message); err != nil {
				return err
			}
			_, _, err := c.Read(ctx)
			return err
		}, func() error {
			return errors.Join(c.CloseNow(), server.Close())
		}, nil
}

// forwardWebSocket sends a message through a server that does nothing but copy between two WebSockets, to an end that sends
// it back: what any relay costs that keeps and asks nothing.
func forwardWebSocket(ctx context.Context) (once, stop func() error, err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, err
	}
	accepted := make(chan *ws.Conn, 2)
	server := http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := ws.Accept(w, r, &ws.AcceptOptions{CompressionMode: ws.CompressionDisabled})
		if err != nil {
			return
		}
		accepted <- c
		<-ctx.Done()
	})}
	ctx, cancel := context.WithCancel(ctx)
	go func() { _ = server.Serve(l) }()
	stop = func() error { cancel(); return server.Close() }
	var ends, inner [2]*ws.Conn
	for n := range ends {
		if ends[n], _, err = ws.Dial(ctx, "ws://"+l.Addr().String(), &ws.DialOptions{CompressionMode: ws.CompressionDisabled}); err != nil { //nolint:bodyclose // there is none after a 101
			return nil, nil, errors.Join(err, stop())
		}
		inner[n] = <-accepted
	}
	pump := func(from, to *ws.Conn) {
		for {
			kind, message, err := from.Read(ctx)
			if err != nil || to.Write(ctx, kind, message) != nil {
				return
			}
		}
	}
	go pump(inner[0], inner[1])
	go pump(inner[1], inner[0])
	go pump(ends[1], ends[1])
	message := make([]byte, linkPayload)
	return func() error {
		if err := ends[0].Write(ctx, ws.MessageBinary, message); err != nil {
			return err
		}
		_, _, err := ends[0].Read(ctx)
		return err
	}, stop, nil
}

// relayOnly ends the two halves and puts in their place clients that send what is not sealed, which the relay cannot
// tell.
func (p *pair) relayOnly(ctx context.Context) (once func() error, stop func(), err error) {
	p.close()
	desk, err := signed.NewCaller(signed.Workstation, p.server, signed.HTTP(nil), time.Now)
	if err != nil {
		return nil, nil, err
	}
	state := p.kept()
	desk.SignAs(string(state.ID), ed25519.NewKeyFromSeed(state.IdentityKey))
	ctx, stop = context.WithCancel(ctx)
	connect := func(c *signed.Caller) *relay.Client {
		client := relay.NewClient(relay.ClientConfig{
			Dial: func(ctx context.Context) (relay.Conn, error) {
				return websocket.Dial(ctx, "ws"+strings.TrimPrefix(p.server, "http")+relay.Path)
			},
			Hello: func(context.Context) (string, error) { return c.Proof(http.MethodGet, relay.Path, nil) },
		})
		go func() { _ = client.Run(ctx) }()
		return client
	}
	near, far := connect(desk), connect(p.caller)
	for _, one := range []*relay.Client{near, far} {
		for {
			event, err := one.Next(ctx)
			if err != nil {
				stop()
				return nil, nil, err
			}
			if e, ok := event.(relay.Presence); ok && e.State == relay.Present {
				break
			}
		}
	}
	go func() {
		for {
			event, err := far.Next(ctx)
			if err != nil {
				return
			}
			if e, ok := event.(relay.Data); ok {
				_ = far.Send(ctx, e.Peer, e.Payload)
			}
		}
	}()
	payload := make([]byte, linkPayload)
	return func() error {
		if err := near.Send(ctx, string(p.phone), payload); err != nil {
			return err
		}
		for {
			event, err := near.Next(ctx)
			if err != nil {
				return err
			}
			switch e := event.(type) {
			case relay.Data:
				return nil
			case relay.Refusal:
				return fmt.Errorf("the relay refuses: %s", e.Code)
			}
		}
	}, stop, nil
}

// ask has the phone answer a CTAP message.
func (p *pair) ask(ctx context.Context, ctap []byte) ([]byte, error) {
	return p.desk.Request(ctx, p.phone, workstation.Request{CTAP: ctap, Program: "bench"})
}
