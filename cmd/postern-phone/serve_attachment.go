package main

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/ctap/u2f"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/udp"
	"github.com/postern/postern/internal/cli"
)

// attachment is one way in which programs reach the key.
type attachment interface {
	// name is that of its flag.
	name() string
	// simulator: nothing but tests comes this way.
	simulator() bool
	// open makes the key reachable and tells where. close undoes it.
	open() (address string, err error)
	// serve answers until ctx ends or nobody can come any more.
	serve(ctx context.Context, a hid.Authenticator, c ctaphid.Config) error
	close() error
}

// attachments are those the command line asks for.
func (c *serveCmd) attachments(std cli.Streams) []attachment {
	var all []attachment
	if c.UDP != "" {
		all = append(all, &simulatorPort{address: c.UDP, peer: c.UDPPeer})
	}
	return append(all, c.usbFlags.attachments(std.Err)...)
}

// simulatorPort is the attachment of --udp.
type simulatorPort struct {
	address, peer string
	device        *udp.Device
}

func (*simulatorPort) name() string { return "udp" }

func (*simulatorPort) simulator() bool { return true }

func (p *simulatorPort) open() (address string, err error) {
	if p.device, err = udp.Listen(p.address, p.peer); err != nil {
		return "", postern.FieldErrorf("udp", "The simulator port cannot be opened: %v.", err).
			WithNext("Give --udp an address of this machine alone: 127.0.0.1 and a free port, or port 0 for any.").Because(err)
	}
	return p.device.Address().String(), nil
}

func (p *simulatorPort) serve(ctx context.Context, a hid.Authenticator, c ctaphid.Config) error {
	return hid.Serve(ctx, p.device, a, c)
}

func (p *simulatorPort) close() error { return p.device.Close() }

// serveAll serves one authenticator at all attachments until ctx ends or one of
// them fails.
func serveAll(ctx context.Context, a key, std cli.Streams, attachments []attachment, c ctaphid.Config) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	turn := make(chan struct{}, 1)
	var all sync.WaitGroup
	var failure atomic.Pointer[error]
	for _, at := range attachments {
		all.Go(func() {
			if err := at.serve(ctx, &shared{key: a, std: std, turn: turn}, c); err != nil {
				err = fmt.Errorf("%s: %w", at.name(), err)
				failure.CompareAndSwap(nil, &err)
				cancel(err)
			}
		})
	}
	all.Wait()
	if err := failure.Load(); err != nil {
		return *err
	}
	return nil
}

// key is the authenticator, with who is told of everything it was asked.
type key struct {
	*authenticator.Authenticator
	answered func(request, response []byte)
}

// Handle shadows that of the authenticator.
func (k key) Handle(ctx context.Context, request []byte) []byte {
	response := k.Authenticator.Handle(ctx, request)
	k.answered(request, response)
	return response
}

// shared is the key as one attachment has it: it waits while the key is busy at
// another.
type shared struct {
	key     key
	std     cli.Streams
	turn    chan struct{}
	holding atomic.Bool
}

// Handle implements [hid.Authenticator].
func (s *shared) Handle(ctx context.Context, request []byte) []byte {
	return s.hold(ctx, func() []byte { return s.key.Handle(ctx, request) }, byte(ctap.ErrKeepaliveCancel))
}

// U2FEnabled implements [hid.U2F].
func (s *shared) U2FEnabled() bool { return s.key.U2FEnabled() }

// HandleU2F implements [hid.U2F].
func (s *shared) HandleU2F(ctx context.Context, message []byte) []byte {
	return s.hold(ctx, func() []byte { return s.key.HandleU2F(ctx, message) }, u2f.EncodeResponse(nil, u2f.ConditionsNotSatisfied)...)
}

// hold runs f when it is this attachment's turn, and gives otherwise where ctx
// ends before that.
func (s *shared) hold(ctx context.Context, f func() []byte, otherwise ...byte) []byte {
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return otherwise
	}
	s.holding.Store(true)
	defer func() {
		s.holding.Store(false)
		<-s.turn
	}()
	return f()
}

var _ hid.U2F = (*shared)(nil)

// AwaitingUser implements [hid.Authenticator].
func (s *shared) AwaitingUser() bool { return s.holding.Load() && s.key.AwaitingUser() }

// PowerCycle implements [hid.PowerCycler].
func (s *shared) PowerCycle() {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	s.key.PowerCycle()
}

// Wink implements [hid.Winker].
func (s *shared) Wink() {
	fmt.Fprintln(s.std.Err, "A program asks which security key this is: it is this one.")
}
