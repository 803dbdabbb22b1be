package hid

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/ctaphid"
)

// statusPoll is how often an authenticator at work is asked whether it waits for
// the user. A host that hears of it at once asks its own user at once.
const statusPoll = 10 * time.Millisecond

// u2fPatience is how long a U2F message may wait for the user. Hosts poll with
// such messages, some ten times a second, and take a slow device for a dead one.
const u2fPatience = 300 * time.Millisecond

// Serve puts a behind r until ctx ends or r has no more reports, which both are
// nil; any other error of r ends it too.
//
// Reports are read whatever a does, keepalives go out on time, and a cancelled
// or aborted request has its ctx ended. The next request waits, with keepalives,
// until a has let go of the one before; so does Serve before it returns. What a
// can do besides CBOR it shows by its methods: see [U2F], [Winker] and
// [PowerCycler]. The capabilities of c are completed accordingly; CapNoMsg in c
// switches U2F off.
func Serve(ctx context.Context, r Reports, a Authenticator, c ctaphid.Config) error {
	c.Capabilities |= ctaphid.CapCBOR
	if u, ok := a.(U2F); !ok || !u.U2FEnabled() {
		c.Capabilities |= ctaphid.CapNoMsg
	}
	if _, ok := a.(Winker); ok {
		c.Capabilities |= ctaphid.CapWink
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &server{
		reports: r, authenticator: a, config: c, device: ctaphid.NewDevice(c),
		read: make(chan incoming), finished: make(chan []byte),
	}
	reader := make(chan struct{})
	go func() {
		defer close(reader)
		s.readAll(ctx)
	}()
	err := s.run(ctx)
	cancel()
	<-reader
	if s.cancel != nil {
		<-s.finished
		s.cancel()
	}
	if errors.Is(err, io.EOF) || ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil
	}
	return err
}

// server is the state of one Serve. Everything but the reading of reports and
// the work of the authenticator happens on one goroutine.
type server struct {
	reports       Reports
	authenticator Authenticator
	config        ctaphid.Config
	device        *ctaphid.Device
	read          chan incoming
	finished      chan []byte // the answer of the work in hand

	// working is the request in the authenticator's hands; 0 for one the host
	// no longer waits for, and for a power cycle.
	working uint64
	cancel  context.CancelFunc // of the work in hand; nil: there is none
	waiting *ctaphid.Start     // the request that is next
	cycle   bool               // a power cycle comes before it
}

type incoming struct {
	report ctaphid.Report
	err    error
}

// readAll hands over what is read until an error that reading does not survive.
func (s *server) readAll(ctx context.Context) {
	for {
		report, err := s.reports.Read(ctx)
		select {
		case s.read <- incoming{report, err}:
		case <-ctx.Done():
			return
		}
		if err != nil && !errors.Is(err, ErrPowerCycle) {
			return
		}
	}
}

func (s *server) run(ctx context.Context) error {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Stop()
		if next, ok := s.device.Next(); ok {
			wait := time.Until(next)
			if s.working != 0 {
				wait = min(wait, statusPoll)
			}
			timer.Reset(wait)
		}
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case in := <-s.read:
			switch {
			case errors.Is(in.err, ErrPowerCycle):
				s.losePower()
			case in.err != nil:
				return fmt.Errorf("read report: %w", in.err)
			default:
				if err = s.tellStatus(ctx); err == nil {
					err = s.do(ctx, s.device.Feed(in.report[:], time.Now()))
				}
			}
		case <-timer.C:
			if err = s.tellStatus(ctx); err == nil {
				err = s.do(ctx, s.device.Tick(time.Now()))
			}
		case response := <-s.finished:
			request := s.working
			s.cancel()
			s.cancel, s.working = nil, 0
			err = s.do(ctx, s.device.Done(request, response)) // nothing where the host no longer waits
		}
		if err != nil {
			return err
		}
		s.proceed(ctx)
	}
}

// do carries out what the device asks for.
func (s *server) do(ctx context.Context, actions []ctaphid.Action) error {
	for _, a := range actions {
		switch a := a.(type) {
		case ctaphid.Send:
			if err := s.reports.Write(ctx, a.Report); err != nil {
				return fmt.Errorf("write report: %w", err)
			}
		case ctaphid.Start:
			s.waiting = &a
		case ctaphid.CancelRequest:
			if s.waiting != nil && s.waiting.ID == a.ID {
				s.waiting = nil
				if err := s.do(ctx, s.device.Done(a.ID, []byte{byte(ctap.ErrKeepaliveCancel)})); err != nil {
					return err
				}
			} else if s.working == a.ID {
				s.cancel()
			}
		case ctaphid.AbortRequest:
			s.abandon()
		case ctaphid.Winked:
			if w, ok := s.authenticator.(Winker); ok {
				w.Wink()
			}
		}
	}
	return nil
}

// abandon gives up the device's request, begun or not.
func (s *server) abandon() {
	s.waiting = nil
	if s.working != 0 {
		s.cancel()
		s.working = 0
	}
}

// losePower makes the device new at once; the authenticator's turn comes when it
// has let go of its request.
func (s *server) losePower() {
	s.abandon()
	s.device = ctaphid.NewDevice(s.config)
	s.cycle = true
}

// tellStatus passes on what the request in hand waits for. It comes before
// whatever may send a keepalive.
func (s *server) tellStatus(ctx context.Context) error {
	if s.working == 0 {
		return nil
	}
	status := ctaphid.Processing
	if s.authenticator.AwaitingUser() {
		status = ctaphid.UserPresenceNeeded
	}
	return s.do(ctx, s.device.SetStatus(s.working, status, time.Now()))
}

// proceed gives an idle authenticator what is next.
func (s *server) proceed(ctx context.Context) {
	if s.cancel != nil {
		return
	}
	if s.cycle {
		s.cycle = false
		if p, ok := s.authenticator.(PowerCycler); ok {
			s.work(ctx, 0, func(context.Context) []byte {
				p.PowerCycle()
				return nil
			})
			return
		}
	}
	start := s.waiting
	if start == nil {
		return
	}
	s.waiting = nil
	s.work(ctx, start.ID, func(ctx context.Context) []byte {
		if start.Command == ctaphid.CBOR {
			return s.authenticator.Handle(ctx, start.Payload)
		}
		ctx, cancel := context.WithTimeout(ctx, u2fPatience)
		defer cancel()
		return s.authenticator.(U2F).HandleU2F(ctx, start.Payload) // CapNoMsg keeps MSG from others
	})
}

// work runs f beside the loop. Whoever set cancel receives from finished.
func (s *server) work(ctx context.Context, request uint64, f func(context.Context) []byte) {
	ctx, s.cancel = context.WithCancel(ctx)
	s.working = request
	go func() { s.finished <- f(ctx) }()
}
