package relay

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/postern/postern"
)

// How a client tries again.
const (
	firstPause = 250 * time.Millisecond
	longPause  = 30 * time.Second
	// steady is how long a connection must have lasted for the next pause to be a short one again.
	steady = 10 * time.Second
)

// Event is what [Client.Next] returns: [Connected], [Disconnected], [Data], [Presence], [Refusal], [Rendezvous] or [News].
type Event any

// Connected says that there is a connection. With Resumed it goes on where the one before broke, and nothing was lost.
// Without, everything is new: all peers are gone until a [Presence] says otherwise, what was sent and is unanswered is
// lost, and a rendezvous must be opened again.
type Connected struct{ Resumed bool }

// Disconnected says that the connection broke. The client is about to make a new one. When it resumes before this is
// read, neither is told.
type Disconnected struct{}

// ClientConfig is what a client stands on.
type ClientConfig struct {
	// Dial opens a connection to the control center. Required.
	Dial func(ctx context.Context) (Conn, error)
	// Hello returns the device's signature for GET [Path]: a compact JWS, made anew each time. Required.
	Hello func(ctx context.Context) (string, error)
	// Jitter returns a number in [0, 1) by which pauses differ from one device to the next. nil: a random one.
	Jitter func() float64
}

// Client is a device's side of the link. Run keeps it connected; Send and Next may be called from then on, and from
// other goroutines.
type Client struct {
	cfg  ClientConfig
	done chan struct{} // closed when Run returns
	err  error         // of Run, after done

	mu      sync.Mutex
	stream  *stream       // of the present session; nil before the first
	token   Token         // of it
	room    chan struct{} // closed and replaced when there may be room to send
	events  []numbered
	arrived chan struct{}
}

// numbered is an event and its place in the relay's stream; 0 for the client's own.
type numbered struct {
	seq   uint64
	event Event
}

// NewClient returns a client that is not connected yet.
func NewClient(cfg ClientConfig) *Client {
	if cfg.Jitter == nil {
		cfg.Jitter = rand.Float64
	}
	return &Client{cfg: cfg, done: make(chan struct{}), room: make(chan struct{}), arrived: make(chan struct{}, 1)}
}

// Run connects, and connects again whenever the connection breaks, until ctx ends or the control center refuses the
// device for good; it returns the context's error or the refusal, a [postern.Error]. It is called once.
func (c *Client) Run(ctx context.Context) (err error) {
	defer func() {
		c.err = err
		close(c.done)
	}()
	pause := firstPause
	for {
		began := time.Now()
		err := c.connect(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if refused := (*postern.Error)(nil); errors.As(err, &refused) && isFinal(refused.Code) {
			return refused
		}
		if time.Since(began) >= steady {
			pause = firstPause
		}
		timer := time.NewTimer(time.Duration((0.5 + c.cfg.Jitter()/2) * float64(pause)))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		pause = min(2*pause, longPause)
	}
}

// isFinal reports whether a refusal will be the same the next time.
func isFinal(code postern.Code) bool {
	switch code {
	case postern.CodeLinkSessionGone, postern.CodeLinkProtocol, postern.CodeInternal, postern.CodeUnavailable,
		postern.CodeTooMany, postern.CodePhoneReplay:
		return false
	}
	return true
}

// refusal makes an error of a refusal that is about the connection.
func refusal(code postern.Code) *postern.Error {
	if _, ok := postern.Catalogue()[code]; ok {
		return postern.Errorf(code, "")
	}
	e := postern.Errorf(code, "The control center refused the connection, for a reason this version does not know.")
	return e.WithNext("Update this app and try again.")
}

// connect makes one connection and runs it to its end. When ctx ends, the connection is closed for good before anything
// that uses it is stopped, so that the peers hear of it at once.
func (c *Client) connect(ctx context.Context) error {
	greeting, stop := context.WithTimeout(ctx, handshakeTimeout)
	defer stop()
	conn, err := c.cfg.Dial(greeting)
	if err != nil {
		return fmt.Errorf("relay: connect: %w", err)
	}
	defer func() { _ = conn.Close(Broken) }()
	welcome, resumed, err := c.greet(greeting, conn)
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	closing := make(chan struct{})
	leave := context.AfterFunc(ctx, func() {
		defer close(closing)
		_ = conn.Close(Done)
		cancel()
	})
	err = c.serve(running, cancel, conn, welcome, resumed)
	if !leave() {
		<-closing
	}
	return err
}

// greet takes the session up again, or says hello where that is not possible.
func (c *Client) greet(ctx context.Context, conn Conn) (w Welcome, resumed bool, err error) {
	c.mu.Lock()
	s, token := c.stream, c.token
	c.mu.Unlock()
	if s != nil {
		s.mu.Lock()
		received := s.received
		s.mu.Unlock()
		if err := writeWithin(ctx, conn, Encode(Resume{Token: token, Received: received})); err != nil {
			return w, false, err
		}
		w, err = readWelcome(ctx, conn)
		if !postern.IsCode(err, postern.CodeLinkSessionGone) {
			return w, true, err
		}
		c.mu.Lock()
		c.stream = nil
		c.mu.Unlock()
	}
	proof, err := c.cfg.Hello(ctx)
	if err != nil {
		return w, false, fmt.Errorf("relay: sign the hello: %w", err)
	}
	if err := writeWithin(ctx, conn, Encode(Hello{Proof: proof})); err != nil {
		return w, false, err
	}
	w, err = readWelcome(ctx, conn)
	return w, false, err
}

func readWelcome(ctx context.Context, conn Conn) (Welcome, error) {
	frame, err := readFrame(ctx, conn)
	if err != nil {
		return Welcome{}, err
	}
	switch f := frame.(type) {
	case Welcome:
		return f, nil
	case Refusal:
		if f.Seq == 0 {
			return Welcome{}, refusal(f.Code)
		}
	}
	return Welcome{}, postern.Errorf(postern.CodeLinkProtocol, "")
}

// serve runs a connection that was welcomed.
func (c *Client) serve(ctx context.Context, cancel context.CancelFunc, conn Conn, w Welcome, resumed bool) error {
	s := c.stream // only Run's goroutine replaces it
	if !resumed {
		s = new(stream)
	}
	epoch, wake, err := s.attach(w.Received, nil)
	if err != nil {
		c.mu.Lock()
		c.stream = nil
		c.mu.Unlock()
		return postern.Errorf(postern.CodeLinkProtocol, "").Because(err)
	}
	c.welcomed(s, w.Token, resumed)
	var helpers sync.WaitGroup
	helpers.Go(func() {
		defer cancel()
		_ = s.write(ctx, conn, epoch, wake) // why it ended, the reader says
	})
	ping := time.Duration(w.PingSeconds) * time.Second
	helpers.Go(func() {
		ticker := time.NewTicker(ping)
		defer ticker.Stop()
		for count := uint64(1); ; count++ {
			select {
			case <-ticker.C:
				s.pushUrgent(Encode(Ping(be.AppendUint64(nil, count))))
			case <-ctx.Done():
				return
			}
		}
	})
	dead := time.AfterFunc(2*ping, cancel)
	defer dead.Stop()
	for {
		frame, err := readFrame(ctx, conn)
		if err == nil {
			dead.Reset(2 * ping)
			err = c.handle(s, epoch, frame)
		}
		if err == nil {
			continue
		}
		cancel()
		helpers.Wait()
		s.detach(epoch)
		c.broke()
		return err
	}
}

// welcomed begins a connection towards whoever calls Next and Send.
func (c *Client) welcomed(s *stream, token Token, resumed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stream, c.token = s, token
	if last := len(c.events) - 1; resumed && last >= 0 && c.events[last].event == (Disconnected{}) {
		c.events = c.events[:last]
	} else {
		if !resumed {
			c.events = nil // of a session that is lost
		}
		c.add(numbered{event: Connected{Resumed: resumed}})
	}
	c.freed()
}

func (c *Client) broke() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(numbered{event: Disconnected{}})
}

// add queues an event. c.mu is held.
func (c *Client) add(e numbered) {
	c.events = append(c.events, e)
	select {
	case c.arrived <- struct{}{}:
	default:
	}
}

// freed lets waiting senders look again. c.mu is held.
func (c *Client) freed() {
	close(c.room)
	c.room = make(chan struct{})
}

// handle takes one frame of the relay. An error ends the connection.
func (c *Client) handle(s *stream, epoch int, frame Frame) error {
	var seq uint64
	switch f := frame.(type) {
	case Acknowledge:
		err := s.acknowledged(f.Seq)
		c.mu.Lock()
		c.freed()
		c.mu.Unlock()
		return err
	case Ping:
		s.pushUrgent(Encode(Pong(f)))
		return nil
	case Pong:
		return nil
	case Data:
		seq = f.Seq
	case Presence:
		seq = f.Seq
	case Rendezvous:
		seq = f.Seq
	case News:
		seq = f.Seq
	case Refusal:
		if seq = f.Seq; seq == 0 {
			if f.Code == postern.CodeLinkSessionGone || f.Code == postern.CodeLinkProtocol {
				c.mu.Lock()
				c.stream = nil
				c.mu.Unlock()
			}
			return refusal(f.Code)
		}
	default:
		return fmt.Errorf("%w: a relay sends no %T", errFrame, frame)
	}
	if again, err := s.hear(epoch, seq); err != nil || again {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.events) >= 2*(MaxWaiting+maxNotices) {
		return errFull // the relay sends no more than that before it is acknowledged
	}
	c.add(numbered{seq: seq, event: frame})
	return nil
}

// Next returns the next event, waiting for it. A frame counts as taken when Next has returned it, so a caller who
// takes none makes the relay refuse what others send. One goroutine calls it.
func (c *Client) Next(ctx context.Context) (Event, error) {
	for {
		c.mu.Lock()
		if len(c.events) > 0 {
			e, s := c.events[0], c.stream
			c.events[0] = numbered{}
			c.events = c.events[1:]
			c.mu.Unlock()
			if s != nil && e.seq != 0 {
				s.take(e.seq)
			}
			return e.event, nil
		}
		c.mu.Unlock()
		select {
		case <-c.arrived:
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-c.done:
			return nil, c.err
		}
	}
}

// Send has a payload of 1 to [MaxPayload] bytes sent to a peer. It waits for a connection and, while [MaxWaiting]
// payloads or [MaxWaitingBytes] are not taken, for room. nil means that the payload goes to the relay, also over a
// connection that breaks and is resumed; that it does not go on to the peer, a [Refusal] says.
func (c *Client) Send(ctx context.Context, peer string, payload []byte) error {
	if !ValidPeer(peer) || len(payload) == 0 || len(payload) > MaxPayload {
		return fmt.Errorf("relay: %d bytes cannot be sent to %q", len(payload), peer)
	}
	return c.send(ctx, true, len(payload), func(seq uint64) []byte {
		return Encode(Data{Seq: seq, Peer: peer, Payload: payload})
	})
}

// Open asks the relay that the device may be met under the pairing id. The answer is a [Rendezvous] or a [Refusal].
func (c *Client) Open(ctx context.Context, id PairingID) error {
	return c.send(ctx, false, 0, func(seq uint64) []byte { return Encode(Rendezvous{Seq: seq, Pairing: id}) })
}

func (c *Client) send(ctx context.Context, data bool, size int, encode func(seq uint64) []byte) error {
	for {
		select {
		case <-c.done:
			return c.err
		default:
		}
		c.mu.Lock()
		s, room := c.stream, c.room
		c.mu.Unlock()
		if s != nil {
			s.mu.Lock()
			err := s.push(data, size, encode)
			s.mu.Unlock()
			if err == nil {
				return nil
			}
		}
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		case <-c.done:
			return c.err
		}
	}
}
