package replica

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/postern/postern/link/relay"
)

// Bounds of the fabric.
const (
	answerWithin = 3 * time.Second // of a replica; it answers before it looks at the message
	maxArrived   = 1 << 14         // messages that no look was taken at yet
	maxQueue     = 512             // messages for one subscriber
)

// Answers to a message.
var (
	answerTaken = []byte{0}
	answerFull  = []byte{1}
)

var (
	errApart  = errors.New("replica: NATS cannot be reached, and nobody listens here")
	errFull   = errors.New("replica: too much waits there")
	errSilent = errors.New("replica: no answer came")
)

// Fabric is the [relay.Fabric] of all replicas.
//
// A replica answers for a message when it stands in line there, before it is worked on: two that send to each other at
// the same time would otherwise wait for each other. So nil means that a living process has it, in order.
type Fabric struct {
	bus     *Bus
	arrived chan *nats.Msg // of all addresses
	closed  chan struct{}
	once    sync.Once

	mu        sync.Mutex
	addresses map[string]*address // by subject
}

// address is a subject with those who listen to it here.
type address struct {
	subscription *nats.Subscription
	subscribers  map[*subscriber]struct{}
}

func newFabric(b *Bus) *Fabric {
	return &Fabric{
		bus: b, arrived: make(chan *nats.Msg, maxArrived), closed: make(chan struct{}), addresses: make(map[string]*address),
	}
}

func (f *Fabric) subject(address string) string {
	return f.bus.prefix + ".link." + base64.RawURLEncoding.EncodeToString([]byte(address))
}

// Subscribe implements [relay.Fabric]. When it returns the server that we are connected to knows of it.
func (f *Fabric) Subscribe(to string, deliver func(message []byte)) (func(), error) {
	subject := f.subject(to)
	s := &subscriber{deliver: deliver}
	first, err := f.add(subject, s)
	if err != nil {
		return nil, fmt.Errorf("replica: %w", err)
	}
	if first && f.bus.conn.IsConnected() {
		// Without an answer the subscription is made when the connection is back.
		_ = f.bus.conn.FlushTimeout(answerWithin)
	}
	return func() { f.remove(subject, s) }, nil
}

func (f *Fabric) add(subject string, s *subscriber) (first bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.addresses[subject]
	if a == nil {
		a = &address{subscribers: make(map[*subscriber]struct{})}
		if a.subscription, err = f.bus.conn.ChanSubscribe(subject, f.arrived); err != nil {
			return false, err
		}
		f.addresses[subject] = a
		first = true
	}
	a.subscribers[s] = struct{}{}
	return first, nil
}

func (f *Fabric) remove(subject string, s *subscriber) {
	s.stop()
	f.mu.Lock()
	defer f.mu.Unlock()
	a := f.addresses[subject]
	if a == nil {
		return
	}
	delete(a.subscribers, s)
	if len(a.subscribers) == 0 {
		delete(f.addresses, subject)
		_ = a.subscription.Unsubscribe() // fails on a closed connection, which has no subscriptions
	}
}

// Publish implements [relay.Fabric]. It takes at most some seconds, and while NATS cannot be reached it delivers to those
// who listen in this process.
func (f *Fabric) Publish(ctx context.Context, to string, message []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	subject := f.subject(to)
	if !f.bus.conn.IsConnected() {
		return f.publishHere(subject, message)
	}
	wait, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	answer, err := f.bus.conn.RequestWithContext(wait, subject, message)
	switch {
	case err == nil && len(answer.Data) == 1 && answer.Data[0] == answerTaken[0]:
		f.bus.counts.sent.Add(1)
		return nil
	case err == nil:
		err = errFull
	case errors.Is(err, nats.ErrNoResponders):
		f.bus.counts.nobody.Add(1)
		return relay.ErrNobody
	case errors.Is(err, nats.ErrReconnectBufExceeded), errors.Is(err, nats.ErrConnectionClosed), errors.Is(err, nats.ErrConnectionReconnecting):
		return f.publishHere(subject, message) // it did not leave
	case ctx.Err() != nil:
		err = ctx.Err()
	case wait.Err() != nil:
		err = errSilent
	default:
		err = fmt.Errorf("replica: %w", err)
	}
	f.bus.counts.failed.Add(1)
	return err
}

func (f *Fabric) publishHere(subject string, message []byte) error {
	taken, listening := f.hand(subject, append([]byte(nil), message...))
	switch {
	case taken:
		f.bus.counts.sent.Add(1)
		return nil
	case listening:
		f.bus.counts.failed.Add(1)
		return errFull
	}
	f.bus.counts.failed.Add(1)
	return errApart
}

// run hands out what arrives until the fabric is closed. It never waits for anybody but the connection.
func (f *Fabric) run() {
	for {
		select {
		case m := <-f.arrived:
			taken, listening := f.hand(m.Subject, m.Data)
			switch {
			case taken:
				f.bus.counts.received.Add(1)
				f.answer(m, answerTaken)
			case listening:
				f.bus.counts.overflown.Add(1)
				f.answer(m, answerFull)
			} // otherwise it came after the end here; another replica may have taken it, and answers
		case <-f.closed:
			return
		}
	}
}

func (f *Fabric) answer(m *nats.Msg, what []byte) {
	if m.Reply != "" {
		_ = f.bus.conn.Publish(m.Reply, what) // whoever gets no answer is told so by the time
	}
}

// hand puts a message in line for everybody who listens here.
func (f *Fabric) hand(subject string, message []byte) (taken, listening bool) {
	f.mu.Lock()
	var all []*subscriber
	if a := f.addresses[subject]; a != nil {
		all = make([]*subscriber, 0, len(a.subscribers))
		for s := range a.subscribers {
			all = append(all, s)
		}
	}
	f.mu.Unlock()
	for _, s := range all {
		taken = s.take(message) || taken
	}
	return taken, len(all) > 0
}

func (f *Fabric) close() { f.once.Do(func() { close(f.closed) }) }
