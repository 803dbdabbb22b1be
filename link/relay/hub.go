package relay

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/postern/postern"
)

// Policy knows the devices. An error that is a [postern.Error] is told to the device by its code; any other is logged
// and told as an internal one. Answers are kept for [VerdictLife] at most.
type Policy interface {
	// Authenticate checks the signature of a [Hello] and returns the id of the device, which is a valid peer.
	Authenticate(ctx context.Context, proof string) (device string, err error)
	// MayTalk says whether from may send to the other device.
	MayTalk(ctx context.Context, from, to string) error
	// Peers lists the devices that the device is paired with.
	Peers(ctx context.Context, device string) ([]string, error)
	// MayMeet says whether the phone that came to a rendezvous may talk to the workstation that opened it.
	MayMeet(ctx context.Context, opener, comer string) error
}

// Times of the protocol.
const (
	// ResumeWindow is how long a session outlives its connection.
	ResumeWindow = 60 * time.Second
	// VerdictLife is how long an answer of the policy counts without being asked again.
	VerdictLife = 30 * time.Second
	// RendezvousLife is how long a rendezvous waits for a phone, and RendezvousMet how long it lasts once one came,
	// both from its opening.
	RendezvousLife = time.Minute
	RendezvousMet  = 3 * time.Minute

	handshakeTimeout = 10 * time.Second
	askTimeout       = 5 * time.Second
	maxPeers         = 256 // of one device
)

// Limits are what one hub gives. A zero member takes its default.
type Limits struct {
	FramesPerSecond int           // of one device; faster ones are read slower. 100
	Sessions        int           // 50,000
	Handshakes      int           // connections that have not said who they are. 1,024
	Ping            time.Duration // between two pings of a device, whole seconds. 20 s
}

// HubConfig is what a hub stands on.
type HubConfig struct {
	Policy Policy
	Fabric Fabric       // nil: this hub is the only one
	Log    *slog.Logger // nil: no log
	Limits Limits
	// Missed is told of a payload for a device that has no connection now, so that it may be woken in another way. It
	// returns soon; nil tells nobody.
	Missed func(from, to string)
}

// Hub is the relay's side of the link in one process.
type Hub struct {
	policy Policy
	fabric Fabric
	log    *slog.Logger
	limits Limits
	base   context.Context // ends with Close
	stop   context.CancelFunc
	missed func(from, to string)
	tally  tally

	mu       sync.Mutex
	closed   bool
	greeting int                            // connections before their welcome
	sessions map[string]*session            // by device
	tokens   map[[sha256.Size]byte]*session // by hash, so that the time of a look-up tells nothing of a token
	meetings map[string]*session            // by rendezvous, the session that opened it
}

// NewHub returns a hub. Close ends it.
func NewHub(cfg HubConfig) *Hub {
	h := &Hub{
		policy: cfg.Policy, fabric: cfg.Fabric, log: cfg.Log, limits: cfg.Limits, missed: cfg.Missed,
		sessions: make(map[string]*session),
		tokens:   make(map[[sha256.Size]byte]*session),
		meetings: make(map[string]*session),
	}
	h.base, h.stop = context.WithCancel(context.Background())
	if h.fabric == nil {
		h.fabric = new(InProcess)
	}
	if h.missed == nil {
		h.missed = func(string, string) {}
	}
	if h.log == nil {
		h.log = slog.New(slog.DiscardHandler)
	}
	for _, d := range []struct {
		limit    *int
		standard int
	}{{&h.limits.FramesPerSecond, 100}, {&h.limits.Sessions, 50_000}, {&h.limits.Handshakes, 1024}} {
		if *d.limit == 0 {
			*d.limit = d.standard
		}
	}
	if h.limits.Ping == 0 {
		h.limits.Ping = 20 * time.Second
	}
	return h
}

// Close ends all sessions. Devices connect anew, to another replica or to this one's successor.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	all := make([]*session, 0, len(h.sessions))
	for _, s := range h.sessions {
		all = append(all, s)
	}
	h.mu.Unlock()
	for _, s := range all {
		s.end(postern.CodeUnavailable, false)
	}
	h.stop()
}

// Cut ends the device's session at whatever hub it is, at once. Whether it may come again is the policy's to say.
func (h *Hub) Cut(ctx context.Context, device string) {
	h.tell(ctx, device, message{kind: messageCut, from: device})
}

// Recheck has what is known of the device asked of the policy again: whom it may talk to, and who sees it.
func (h *Hub) Recheck(ctx context.Context, device string) {
	h.tell(ctx, device, message{kind: messageRecheck, from: device})
}

// News has the device told that what is kept of it has changed. A device that is not connected is not told: it asks when
// it comes.
func (h *Hub) News(ctx context.Context, device string) {
	h.tell(ctx, device, message{kind: messageNews, from: device})
}

// Distrust forgets every answer of the policy that is kept at this hub, so that the next payload of any device is asked
// about anew, and returns the devices that have a session here. It is quick: whoever sees them is as before until each is
// given to [Hub.Recheck].
func (h *Hub) Distrust() []string {
	h.mu.Lock()
	all := make([]*session, 0, len(h.sessions))
	for _, s := range h.sessions {
		all = append(all, s)
	}
	h.mu.Unlock()
	devices := make([]string, 0, len(all))
	for _, s := range all {
		s.distrust()
		devices = append(devices, s.device)
	}
	return devices
}

// tell routes a message whose arrival nobody waits for.
func (h *Hub) tell(ctx context.Context, address string, m message) {
	if code := h.route(ctx, address, m); code != "" && code != postern.CodeLinkPeerGone {
		h.log.DebugContext(ctx, "a notice between devices was not taken", "to", address, "code", code)
	}
}

// route brings a message to the session at an address, here or elsewhere, and returns why it could not.
func (h *Hub) route(ctx context.Context, address string, m message) postern.Code {
	h.mu.Lock()
	s := h.sessions[address]
	if s == nil {
		s = h.meetings[address]
	}
	h.mu.Unlock()
	if s != nil {
		return s.deliver(ctx, m)
	}
	switch err := h.fabric.Publish(ctx, address, m.encode()); {
	case err == nil:
		return ""
	case !errors.Is(err, ErrNobody):
		h.log.WarnContext(ctx, "the fabric between replicas did not take a message", "to", address, "error", err)
		return postern.CodeUnavailable
	case isRendezvous(address):
		return postern.CodeLinkRendezvousUnknown
	}
	return postern.CodeLinkPeerGone
}

// Serve runs a device's connection to its end, and closes it. The error says why it ended, for the log.
func (h *Hub) Serve(ctx context.Context, conn Conn) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(h.base, cancel)()
	s, heard, err := h.greet(ctx, conn)
	if err == nil {
		err = s.serve(ctx, cancel, conn, heard)
	}
	var refused *postern.Error
	if errors.As(err, &refused) {
		h.tally.refused(refused.Code)
		_ = writeWithin(ctx, conn, Encode(Refusal{Code: refused.Code})) // the connection may be gone; it is closed next
		_ = conn.Close(Refused)
		return err
	}
	_ = conn.Close(Broken)
	return err
}

// greet reads the first frames of a connection and returns its session.
func (h *Hub) greet(ctx context.Context, conn Conn) (s *session, heard uint64, err error) {
	h.mu.Lock()
	full := h.closed || h.greeting >= h.limits.Handshakes
	if !full {
		h.greeting++
	}
	h.mu.Unlock()
	if full {
		return nil, 0, postern.Errorf(postern.CodeUnavailable, "")
	}
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.greeting--
	}()
	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	for tries := 0; ; tries++ {
		frame, err := readFrame(ctx, conn)
		if err != nil {
			return nil, 0, err
		}
		switch f := frame.(type) {
		case Hello:
			s, err := h.begin(ctx, f.Proof)
			return s, 0, err
		case Resume:
			h.mu.Lock()
			s := h.tokens[sha256.Sum256(f.Token[:])]
			h.mu.Unlock()
			if s != nil {
				h.tally.resumed.Add(1)
				return s, f.Received, nil
			}
			if tries > 0 {
				return nil, 0, postern.Errorf(postern.CodeLinkProtocol, "")
			}
			if err := writeWithin(ctx, conn, Encode(Refusal{Code: postern.CodeLinkSessionGone})); err != nil {
				return nil, 0, err
			}
		default:
			return nil, 0, postern.Errorf(postern.CodeLinkProtocol, "")
		}
	}
}

// readFrame reads one frame; one that is none is refused as such.
func readFrame(ctx context.Context, conn Conn) (Frame, error) {
	b, err := conn.Read(ctx)
	if err != nil {
		return nil, err
	}
	frame, err := Decode(b)
	if err != nil {
		return nil, postern.Errorf(postern.CodeLinkProtocol, "").Because(err)
	}
	return frame, nil
}

// begin makes a new session for the device that signed the proof, in the place of any other it has.
func (h *Hub) begin(ctx context.Context, proof string) (*session, error) {
	device, err := h.policy.Authenticate(ctx, proof)
	if err != nil {
		return nil, postern.AsError(err)
	}
	if !ValidPeer(device) || isRendezvous(device) {
		return nil, postern.Errorf(postern.CodeInternal, "").Because(fmt.Errorf("relay: %q cannot name a device", device))
	}
	s := newSession(h, device)
	h.mu.Lock()
	old := h.sessions[device]
	full := h.closed || old == nil && len(h.sessions) >= h.limits.Sessions
	if !full {
		h.sessions[device] = s
		h.tokens[sha256.Sum256(s.token[:])] = s
	}
	h.mu.Unlock()
	if full {
		return nil, postern.Errorf(postern.CodeUnavailable, "")
	}
	if old != nil {
		old.end(postern.CodeLinkReplaced, true)
	}
	if err := s.start(ctx); err != nil {
		s.end(postern.CodeUnavailable, false)
		return nil, postern.AsError(err)
	}
	return s, nil
}

// forget takes an ended session out of the books.
func (h *Hub) forget(s *session) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.sessions[s.device] == s {
		delete(h.sessions, s.device)
	}
	delete(h.tokens, sha256.Sum256(s.token[:]))
}

// codeOf is what a device is told of a policy's answer.
func (h *Hub) codeOf(ctx context.Context, err error) postern.Code {
	if err == nil {
		return ""
	}
	var e *postern.Error
	if errors.As(err, &e) {
		return e.Code
	}
	h.log.WarnContext(ctx, "the policy of the link could not answer", "error", err)
	return postern.CodeInternal
}

func newSession(h *Hub, device string) *session {
	s := &session{
		hub: h, device: device,
		peers:    make(map[string]struct{}),
		verdicts: make(map[string]verdict),
		shown:    make(map[string]shown),
		joined:   make(map[string]time.Time),
		rate:     bucket{perSecond: float64(h.limits.FramesPerSecond)},
	}
	rand.Read(s.id[:])
	rand.Read(s.token[:])
	return s
}

// orderly reports whether the other end closed for good.
func orderly(err error) bool { return errors.Is(err, io.EOF) }
