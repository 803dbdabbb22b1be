package workstation

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/relay"
)

const (
	// callTimeout bounds a call that nobody waits for.
	callTimeout = 10 * time.Second
	// againFirst and againLongest are the pauses after which a workstation that the relay refused tries again.
	againFirst   = time.Second
	againLongest = 5 * time.Minute
	// steady is how long a connection must have lasted for the next pause to be a short one again.
	steady = time.Minute
	// maxPlaces bounds the devices whose presence is kept.
	maxPlaces = 256
)

// Run keeps the connection to the relay, the sessions with phones and what is known of them, until ctx ends or the
// control center refuses the workstation for good. It returns the context's error or the refusal, a [*postern.Error]. It
// runs once at a time; requests and pairings need it.
func (w *Workstation) Run(ctx context.Context) error {
	w.mu.Lock()
	if w.running {
		w.mu.Unlock()
		return errors.New("workstation: it runs already")
	}
	w.running, w.parted = true, w.now()
	w.mu.Unlock()
	ctx, cancel := context.WithCancelCause(ctx)
	var helpers sync.WaitGroup
	helpers.Go(func() {
		if err := w.refreshing(ctx); final(err) {
			cancel(err)
		}
	})
	err := w.linking(ctx)
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	cancel(err)
	helpers.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.running = false
	w.apart()
	w.anew()
	if refused := (*postern.Error)(nil); errors.As(err, &refused) {
		w.problem = refused
	}
	if p := w.pairing; p != nil && p.stage < stageConfirming {
		p.fail(postern.Errorf(postern.CodeUnavailable, "The workstation stopped while it was being paired.").
			WithNext("Start it again and show a new code."), true)
	}
	w.bump()
	return err
}

// linking makes connections to the relay until ctx ends or there is no use in it.
func (w *Workstation) linking(ctx context.Context) error {
	pause := againFirst
	for {
		began := w.env.Now()
		err := w.link(ctx)
		if ctx.Err() != nil {
			return err
		}
		w.env.Log.WarnContext(ctx, "the relay refused the workstation", "error", err)
		w.trouble(err)
		if postern.IsCode(err, postern.CodeLinkReplaced) {
			return err // somebody runs this workstation elsewhere; taking turns helps neither
		}
		// The relay has few words. The control center says more, and corrects a wrong clock.
		if err := w.Refresh(ctx); final(err) {
			return err
		}
		w.trouble(err)
		if w.env.Now().Sub(began) >= steady {
			pause = againFirst
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		pause = min(2*pause, againLongest)
	}
}

// link runs one client of the relay, which makes connections until it is refused.
func (w *Workstation) link(ctx context.Context) error {
	client := relay.NewClient(relay.ClientConfig{
		Dial: func(ctx context.Context) (relay.Conn, error) {
			conn, err := w.env.Dial(ctx, "ws"+strings.TrimPrefix(w.caller.Server(), "http")+relay.Path)
			if err != nil && ctx.Err() == nil {
				w.trouble(postern.Errorf(postern.CodeUnavailable, "The control center at %s cannot be reached.", w.caller.Server()).
					WithNext("Check the network, and that nothing in between refuses WebSocket connections.").Because(err))
			}
			return conn, err
		},
		Hello: func(context.Context) (string, error) { return w.caller.Proof("GET", relay.Path, nil) },
	})
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var helpers sync.WaitGroup
	defer helpers.Wait()
	helpers.Go(func() { _ = client.Run(ctx) }) // Next returns the same error
	helpers.Go(func() { w.sending(ctx, client) })
	for {
		event, err := client.Next(ctx)
		if err != nil {
			cancel()
			w.mu.Lock()
			w.apart()
			w.anew()
			w.mu.Unlock()
			return err
		}
		w.mu.Lock()
		w.take(event)
		w.mu.Unlock()
	}
}

// sending hands what is in the outbox to the client, in order.
func (w *Workstation) sending(ctx context.Context, client *relay.Client) {
	for {
		w.mu.Lock()
		var next *parcel
		if len(w.outbox) > 0 {
			next = &w.outbox[0]
			w.outbox = w.outbox[1:]
		}
		w.mu.Unlock()
		if next == nil {
			select {
			case <-w.queued:
				continue
			case <-ctx.Done():
				return
			}
		}
		var err error
		if next.open != nil {
			err = client.Open(ctx, *next.open)
		} else {
			err = client.Send(ctx, next.peer, next.payload)
		}
		if err != nil && ctx.Err() != nil {
			return
		}
		if err != nil {
			w.env.Log.ErrorContext(ctx, "the relay's client did not take a message", "to", next.peer, "error", err)
		}
	}
}

// take does what an event of the relay asks.
func (w *Workstation) take(event relay.Event) {
	switch e := event.(type) {
	case relay.Connected:
		if !e.Resumed {
			w.anew()
		}
		w.connected, w.problem = true, nil
		w.ask()
		for _, ph := range w.phones {
			ph.drive()
		}
		w.bump()
	case relay.Disconnected:
		w.apart()
	case relay.News:
		w.newsCount++
		close(w.news)
		w.news = make(chan struct{})
		w.ask()
	case relay.Presence:
		if e.State == relay.Gone {
			delete(w.places, e.Peer)
		} else if len(w.places) < maxPlaces {
			w.places[e.Peer] = e.State
		}
		if ph := w.phones[postern.PhoneID(e.Peer)]; ph != nil {
			ph.stands(e.State)
		}
	case relay.Data:
		if p := w.pairing; p != nil && p.raw.Peer() == e.Peer {
			p.receive(e.Payload)
		} else if ph := w.phones[postern.PhoneID(e.Peer)]; ph != nil {
			ph.receive(e.Payload)
		}
	case relay.Rendezvous:
		if p := w.pairing; p != nil && p.raw == e.Pairing {
			p.opened(nil)
		}
	case relay.Refusal:
		w.refused(e)
	}
}

// apart notes that there is no connection.
func (w *Workstation) apart() {
	if w.connected {
		w.connected, w.parted = false, w.now()
		w.bump()
	}
	for _, ph := range w.phones {
		ph.drive() // a request waits for a connection only so long
	}
}

// anew begins a new session with the relay: everybody is gone, and what was sent is lost.
func (w *Workstation) anew() {
	w.outbox = nil
	clear(w.places)
	for _, ph := range w.phones {
		ph.presence = relay.Gone
		ph.lose(postern.Errorf(postern.CodeLinkSessionGone, "The connection to the control center was lost while the phone was asked.").
			WithNext("Start the sign-in again."), false)
	}
	if p := w.pairing; p != nil {
		p.again()
	}
	w.bump()
}

// refused takes a refusal of the relay that is about something that was sent.
func (w *Workstation) refused(r relay.Refusal) {
	if p := w.pairing; p != nil && p.raw.Peer() == r.Peer {
		p.refused(r.Code)
		return
	}
	if r.Peer == "" {
		w.notice = noticeOf(r.Code)
		w.ask()
		w.bump()
		return
	}
	if ph := w.phones[postern.PhoneID(r.Peer)]; ph != nil {
		ph.refused(r.Code)
	}
}
