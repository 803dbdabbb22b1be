package link

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
)

// Workstation is a workstation that this phone is paired with.
type Workstation struct {
	Pairing postern.PairingID
	ID      postern.WorkstationID
	Key     channel.PublicKey
}

// Config is what a link stands on. All fields but Changed and News are needed.
type Config struct {
	// API calls the control center in the phone's name; its address is the origin that the handshakes bind.
	API         *signed.Caller
	Integration postern.IntegrationID
	Self        channel.Device // how the phone introduces itself at pairing
	Key         channel.Static
	// Dial opens the WebSocket at a URL.
	Dial   func(ctx context.Context, url string) (relay.Conn, error)
	Random io.Reader
	Now    func() time.Time
	// Handle answers a request. It returns soon after ctx ends; what it then answers counts for nothing.
	Handle func(ctx context.Context, r *Request) Answer
	// Changed is told when [Link.Status] has changed, News when the control center has something to tell. Neither may
	// call the link before it returns.
	Changed, News func()
	Log           *slog.Logger
}

// Request is what a workstation asks.
type Request struct {
	Workstation postern.WorkstationID
	Pairing     postern.PairingID
	// Session is the same for all requests of a session, and never again another's.
	Session  uint64
	CTAP     []byte
	Program  string // what the workstation says it is for
	Number   string // two digits, which the workstation shows too
	Deadline time.Time

	waiting func(bool)
}

// Waiting says whether the request waits for the user. The workstation is told so.
func (r *Request) Waiting(user bool) { r.waiting(user) }

// Answer is what becomes of a request: a CTAP message, or where Reason is not 0, a refusal.
type Answer struct {
	CTAP   []byte
	Reason channel.Reason
}

// The causes of the context of a request.
var (
	// ErrCancelled means that the workstation gave the request up, or is gone.
	ErrCancelled = errors.New("the workstation gave the request up")
	// ErrLate means that the deadline passed.
	ErrLate = errors.New("the request was not answered in time")
)

// State says how the link stands.
type State string

// The states of a link.
const (
	Connecting State = "connecting" // for the first time, or again after the app was shown
	Online     State = "online"
	Offline    State = "offline" // the connection broke, or cannot be made
	Refused    State = "refused" // by the control center
)

// Status is how a link stands.
type Status struct {
	State   State
	Problem *postern.Error // why the control center refuses
	Present map[postern.WorkstationID]bool
	// Sessions tells which session each workstation has.
	Sessions map[postern.WorkstationID]uint64
}

// Times of a link that is refused: most reasons pass, and are asked about again. How far the clock is off is known soon,
// from the first call that the control center answers.
const (
	refusedPause = time.Minute
	clockPause   = 2 * time.Second
)

// Link is the phone's half of the link. Its methods may be called at once.
type Link struct {
	cfg Config

	mu       sync.Mutex
	state    State
	problem  *postern.Error
	peers    map[postern.WorkstationID]*peer
	sessions uint64 // how many there have been
	active   *open  // the request in hand
	pairing  *meeting
	client   *relay.Client // nil while there is none
	conn     relay.Conn
	queue    []outgoing
	queued   chan struct{}
	due      chan struct{} // something may be due earlier
	again    chan struct{} // connect anew
	tail     chan struct{} // closed when the handler before has returned
	run      context.Context
}

type outgoing struct {
	peer    string
	payload []byte
}

// maxQueue bounds what waits to be sent; a link that is that far behind begins anew.
const maxQueue = 256

// maxPeers bounds the workstations that are remembered at the relay's word.
const maxPeers = 256

// New makes a link that is not connected yet.
func New(cfg Config) *Link {
	if cfg.Changed == nil {
		cfg.Changed = func() {}
	}
	if cfg.News == nil {
		cfg.News = func() {}
	}
	return &Link{
		cfg: cfg, state: Connecting, peers: map[postern.WorkstationID]*peer{},
		queued: make(chan struct{}, 1), due: make(chan struct{}, 1), again: make(chan struct{}, 1),
	}
}

// now is the time as the control center has it, as far as a difference was noticed.
func (l *Link) now() time.Time { return l.cfg.Now().Add(l.cfg.API.Offset()) }

// Status tells how the link stands.
func (l *Link) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := Status{State: l.state, Problem: l.problem, Present: map[postern.WorkstationID]bool{}, Sessions: map[postern.WorkstationID]uint64{}}
	for id, p := range l.peers {
		s.Present[id] = p.present && l.state == Online
		if p.current != nil {
			s.Sessions[id] = p.current.id
		}
	}
	return s
}

// SetWorkstations says which workstations may ask. One that is no longer among them loses its session, and what it asked.
func (l *Link) SetWorkstations(all []Workstation) {
	l.mu.Lock()
	defer l.mu.Unlock()
	keep := map[postern.WorkstationID]bool{}
	for _, w := range all {
		keep[w.ID] = true
		p := l.peers[w.ID]
		if p == nil {
			p = &peer{Workstation: w, requests: full(Requests), starts: full(Sessions)}
			l.peers[w.ID] = p
		} else if p.Workstation != w {
			l.drop(p, ErrCancelled)
			p.Workstation = w
		}
	}
	for id, p := range l.peers {
		if !keep[id] {
			l.goodbye(p)
			l.drop(p, ErrCancelled)
			if p.present {
				p.Workstation = Workstation{ID: id}
				continue // it may be paired again while it is there
			}
			delete(l.peers, id)
		}
	}
}

// Wake connects at once: the app is on the screen again, or the network is back. What the browser says of a connection
// that slept is not to be believed, so it is made anew.
func (l *Link) Wake() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == Online {
		if l.conn != nil {
			_ = l.conn.Close(relay.Broken)
		}
		return
	}
	select {
	case l.again <- struct{}{}:
	default:
	}
}

// Run keeps the phone connected until ctx ends.
func (l *Link) Run(ctx context.Context) error {
	for {
		err := l.connect(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		var pause <-chan time.Time
		if refused := (*postern.Error)(nil); errors.As(err, &refused) {
			l.set(Refused, refused)
			if refused.Code == postern.CodeLinkReplaced {
				// The other window would be replaced in turn: only a person decides.
			} else {
				length := refusedPause
				if refused.Code == postern.CodePhoneClock {
					length = clockPause
				}
				timer := time.NewTimer(length)
				defer timer.Stop()
				pause = timer.C
			}
			select {
			case <-pause:
			case <-l.again:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		l.set(Connecting, nil)
	}
}

var errAgain = errors.New("link: connect anew")

// connect runs one relay client to its end.
func (l *Link) connect(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	url := "ws" + strings.TrimPrefix(l.cfg.API.Server(), "http") + relay.Path
	client := relay.NewClient(relay.ClientConfig{
		Dial: func(ctx context.Context) (relay.Conn, error) {
			conn, err := l.cfg.Dial(ctx, url)
			if err != nil {
				l.set(Offline, nil)
				return nil, err
			}
			l.mu.Lock()
			l.conn = conn
			l.mu.Unlock()
			return conn, nil
		},
		Hello: func(context.Context) (string, error) { return l.cfg.API.Proof("GET", relay.Path, nil) },
	})
	l.mu.Lock()
	l.client, l.run, l.queue = client, ctx, l.ofPairing()
	select { // what was asked for before is happening
	case <-l.again:
	default:
	}
	l.mu.Unlock()
	var helpers sync.WaitGroup
	helpers.Go(func() { cancel(client.Run(ctx)) })
	helpers.Go(func() { l.send(ctx, client) })
	helpers.Go(func() { l.tick(ctx) })
	helpers.Go(func() {
		select {
		case <-l.again:
			cancel(errAgain)
		case <-ctx.Done():
		}
	})
	for {
		event, err := client.Next(ctx)
		if err != nil {
			break
		}
		l.take(event)
	}
	cause := context.Cause(ctx)
	if cause == nil { // the client ended a moment before it said why
		<-ctx.Done()
		cause = context.Cause(ctx)
	}
	cancel(nil)
	helpers.Wait()
	l.mu.Lock()
	l.client, l.conn = nil, nil
	l.dropAll()
	l.mu.Unlock()
	return cause
}

func (l *Link) set(state State, problem *postern.Error) {
	l.mu.Lock()
	changed := l.state != state || l.problem != problem
	l.state, l.problem = state, problem
	l.mu.Unlock()
	if changed {
		l.cfg.Changed()
	}
}

// take acts upon an event of the relay.
func (l *Link) take(event relay.Event) {
	switch e := event.(type) {
	case relay.Connected:
		l.mu.Lock()
		if !e.Resumed {
			l.queue = l.ofPairing() // sessions ended with the connection before
			l.dropAll()
		}
		l.mu.Unlock()
		l.set(Online, nil)
		l.cfg.News() // what happened meanwhile
	case relay.Disconnected:
		l.set(Offline, nil)
	case relay.Presence:
		l.mu.Lock()
		id := postern.WorkstationID(e.Peer)
		p := l.peers[id]
		if p == nil && e.State == relay.Present && len(l.peers) < maxPeers { // paired a moment ago, or about to be known
			p = &peer{Workstation: Workstation{ID: id}, requests: full(Requests), starts: full(Sessions)}
			l.peers[id] = p
		}
		if p != nil {
			p.present = e.State == relay.Present
			if e.State == relay.Gone {
				l.drop(p, ErrCancelled)
				if p.Key == (channel.PublicKey{}) {
					delete(l.peers, id)
				}
			}
		}
		l.mu.Unlock()
		l.cfg.Changed()
	case relay.Data:
		l.data(e.Peer, e.Payload)
	case relay.Refusal:
		l.refused(e)
	case relay.News:
		l.mu.Lock()
		if l.pairing != nil {
			l.pairing.wake()
		}
		l.mu.Unlock()
		l.cfg.News()
	}
}

// refused is a payload that the relay did not forward. In a session nothing may be missing, so it is over.
func (l *Link) refused(e relay.Refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := l.pairing; m != nil && (e.Peer == m.peer || e.Peer == "") {
		m.fail(postern.Errorf(e.Code, ""))
		return
	}
	if p := l.peers[postern.WorkstationID(e.Peer)]; p != nil {
		l.drop(p, ErrCancelled)
	}
}

// send hands the client what waits, in order.
func (l *Link) send(ctx context.Context, client *relay.Client) {
	for {
		l.mu.Lock()
		var next *outgoing
		if len(l.queue) > 0 {
			next = new(l.queue[0])
			l.queue = l.queue[1:]
		}
		l.mu.Unlock()
		if next != nil {
			if err := client.Send(ctx, next.peer, next.payload); err != nil && ctx.Err() != nil {
				return
			}
			continue
		}
		select {
		case <-l.queued:
		case <-ctx.Done():
			return
		}
	}
}

// ofPairing is what a pairing has to say of what waits. A pairing is no session: it says so over the next connection. l.mu is held.
func (l *Link) ofPairing() []outgoing {
	return slices.DeleteFunc(l.queue, func(o outgoing) bool { return !l.pairs(o.peer) })
}

// pairs reports whether a pairing is under way at a peer. l.mu is held.
func (l *Link) pairs(peer string) bool { return l.pairing != nil && l.pairing.peer == peer }

// post has a payload sent; a pairing's waits for a connection, others are of one. l.mu is held.
func (l *Link) post(peer string, kind byte, body []byte) {
	if l.client == nil && !l.pairs(peer) {
		return
	}
	if len(l.queue) >= maxQueue {
		l.queue = nil
		l.dropAll()
		return
	}
	l.queue = append(l.queue, outgoing{peer, channel.Payload(kind, body)})
	signal(l.queued)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// tick lets time pass for the sessions.
func (l *Link) tick(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		l.mu.Lock()
		now, wait := l.now(), time.Hour
		for _, p := range l.peers {
			for _, s := range []*session{p.current, p.next} {
				if s == nil {
					continue
				}
				l.follow(p, s, s.phone.Tick(now))
				if at := s.phone.Next(); !at.IsZero() {
					wait = min(wait, max(at.Sub(now), 50*time.Millisecond))
				}
			}
		}
		l.mu.Unlock()
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-l.due:
		case <-ctx.Done():
			return
		}
	}
}
