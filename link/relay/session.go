package relay

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/postern/postern"
)

// session is a device at a hub: the stream to it, and what is known of its peers. It outlives its connection by
// [ResumeWindow].
//
// Two locks beside the stream's order what the device does. inbound is held while one of its frames is handled, so
// that a connection that takes over begins after the last frame of the one before. telling is held while its peers are
// told how it stands, so that the last they hear is the last that happened. The stream's lock is held for moments
// only, never while a policy, a fabric or another session is called.
type session struct {
	hub    *Hub
	device string
	id     sessionID
	token  Token
	stream

	inbound sync.Mutex
	rate    bucket // of the present reader

	telling sync.Mutex
	told    State

	// The rest is held by stream.mu.
	ended    bool
	cancel   context.CancelFunc // of the present connection
	expiry   *time.Timer        // while there is none
	stops    []func()           // of subscriptions
	peers    map[string]struct{}
	verdicts map[string]verdict
	asked    int // counts what made verdicts invalid
	shown    map[string]shown
	meeting  *meeting             // that this device opened
	joined   map[string]time.Time // rendezvous of others that it came to, and until when
}

// verdict is a policy's answer.
type verdict struct {
	code  postern.Code // empty: yes
	until time.Time
}

// shown is what the device was told of a peer.
type shown struct {
	session sessionID
	state   State
}

// start makes the session known to other hubs and to the device's peers.
func (s *session) start(ctx context.Context) error {
	stop, err := s.hub.fabric.Subscribe(s.device, s.arrive)
	if err != nil {
		return postern.Errorf(postern.CodeUnavailable, "").Because(err)
	}
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		stop()
		return postern.Errorf(postern.CodeLinkReplaced, "")
	}
	s.stops = append(s.stops, stop)
	s.mu.Unlock()
	claim := message{kind: messageClaim, session: s.id, from: s.device}
	if err := s.hub.fabric.Publish(ctx, s.device, claim.encode()); err != nil && !errors.Is(err, ErrNobody) {
		return postern.Errorf(postern.CodeUnavailable, "").Because(err)
	}
	if err := s.loadPeers(ctx); err != nil {
		return err
	}
	s.announce(ctx, true)
	return nil
}

func (s *session) loadPeers(ctx context.Context) error {
	peers, err := s.hub.policy.Peers(ctx, s.device)
	if err != nil {
		return err
	}
	if len(peers) > maxPeers {
		s.hub.log.WarnContext(ctx, "a device has more peers than are told of it", "device", s.device, "peers", len(peers))
		peers = peers[:maxPeers]
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.peers)
	for _, p := range peers {
		s.peers[p] = struct{}{}
	}
	return nil
}

// serve runs a connection of the session.
func (s *session) serve(ctx context.Context, cancel context.CancelFunc, conn Conn, heard uint64) error {
	epoch, wake, err := s.connect(cancel, heard)
	if err != nil {
		return postern.Errorf(postern.CodeLinkSessionGone, "").Because(err)
	}
	var writer sync.WaitGroup
	writer.Go(func() {
		defer cancel()
		if errors.Is(s.write(ctx, conn, epoch, wake), errFinished) {
			_ = conn.Close(Refused)
		}
	})
	s.announce(ctx, false)
	err = s.read(ctx, cancel, conn, epoch)
	if refused := (*postern.Error)(nil); errors.As(err, &refused) {
		s.hub.tally.refused(refused.Code)
		s.end(refused.Code, false) // the writer says so
		writer.Wait()
		return fmt.Errorf("relay: session ended: %w", refused.Err)
	}
	cancel()
	_ = conn.Close(Broken)
	writer.Wait()
	s.leave(epoch, orderly(err))
	return err
}

// connect makes a connection the session's present one.
func (s *session) connect(cancel context.CancelFunc, heard uint64) (int, <-chan struct{}, error) {
	s.mu.Lock()
	before := s.cancel
	s.mu.Unlock()
	if before != nil {
		before()
	}
	s.inbound.Lock()
	defer s.inbound.Unlock()
	s.mu.Lock()
	welcome := Welcome{Token: s.token, PingSeconds: uint16(s.hub.limits.Ping / time.Second), Received: s.received}
	s.mu.Unlock()
	epoch, wake, err := s.attach(heard, Encode(welcome))
	if err != nil {
		s.end(postern.CodeLinkSessionGone, false)
		return 0, nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel = cancel
	if s.expiry != nil {
		s.expiry.Stop()
		s.expiry = nil
	}
	return epoch, wake, nil
}

// leave is what follows the end of a connection: the end of the session when it was closed for good, otherwise the
// wait for the next.
func (s *session) leave(epoch int, forGood bool) {
	s.mu.Lock()
	if s.ended || s.epoch != epoch {
		s.mu.Unlock()
		return
	}
	s.epoch++
	s.wake = nil
	away := s.epoch
	if !forGood {
		s.expiry = time.AfterFunc(ResumeWindow, func() {
			s.mu.Lock()
			late := s.epoch == away
			s.mu.Unlock()
			if late {
				s.end(postern.CodeLinkSessionGone, false)
			}
		})
	}
	s.mu.Unlock()
	if forGood {
		s.end(postern.CodeLinkSessionGone, false)
		return
	}
	ctx, cancel := s.hub.brief()
	defer cancel()
	s.announce(ctx, false)
}

// end ends the session and tells its connection why. quiet leaves it to the session that takes its place to tell the
// peers.
func (s *session) end(code postern.Code, quiet bool) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.ended = true
	s.final = Encode(Refusal{Code: code})
	s.waiting, s.sent, s.data, s.bytes = nil, 0, 0, 0
	if s.expiry != nil {
		s.expiry.Stop()
	}
	stops := s.stops
	s.stops = nil
	s.signal()
	s.mu.Unlock()
	s.hub.forget(s)
	s.closeMeeting(nil)
	for _, stop := range stops {
		stop()
	}
	if quiet {
		s.telling.Lock() // so that nothing of this session is told after what follows
		defer s.telling.Unlock()
		s.told = Gone
		return
	}
	ctx, cancel := s.hub.brief()
	defer cancel()
	s.announce(ctx, false)
}

// brief is the context of work that outlives the connection that caused it. It goes on while the hub closes, because
// peers are told of that too.
func (h *Hub) brief() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(h.base), askTimeout)
}

// read handles the device's frames until the connection ends. A [postern.Error] ends the session.
func (s *session) read(ctx context.Context, cancel context.CancelFunc, conn Conn, epoch int) error {
	silence := s.hub.limits.Ping*2 + s.hub.limits.Ping/2
	dead := time.AfterFunc(silence, cancel)
	defer dead.Stop()
	for {
		frame, err := readFrame(ctx, conn)
		if err != nil {
			return err
		}
		dead.Reset(silence)
		if err := s.handle(ctx, epoch, frame); err != nil {
			if errors.Is(err, errStale) {
				return err
			}
			return postern.Errorf(postern.CodeLinkProtocol, "").Because(err)
		}
	}
}

// handle does what one frame asks. An error ends the connection.
func (s *session) handle(ctx context.Context, epoch int, frame Frame) error {
	s.inbound.Lock()
	defer s.inbound.Unlock()
	if err := s.rate.wait(ctx); err != nil {
		return errStale
	}
	switch f := frame.(type) {
	case Acknowledge:
		return s.acknowledged(f.Seq)
	case Ping:
		s.pushUrgent(Encode(Pong(f)))
		return nil
	case Pong:
		return nil
	case Data:
		if again, err := s.hear(epoch, f.Seq); err != nil || again {
			return err
		}
		code := s.forward(ctx, f)
		s.refuse(code, f.Peer)
		s.take(f.Seq)
		return nil
	case Rendezvous:
		if again, err := s.hear(epoch, f.Seq); err != nil || again {
			return err
		}
		if code := s.open(ctx, f.Pairing); code != "" {
			s.refuse(code, f.Pairing.Peer())
		} else {
			s.notice(func(seq uint64) Frame { return Rendezvous{Seq: seq, Pairing: f.Pairing} })
		}
		s.take(f.Seq)
		return nil
	}
	return fmt.Errorf("%w: a device sends no %T", errFrame, frame)
}

// forward sends a payload on its way and returns why it cannot.
func (s *session) forward(ctx context.Context, f Data) postern.Code {
	m := message{kind: messageData, session: s.id, from: s.device, body: f.Payload}
	to := f.Peer
	if isRendezvous(f.Peer) {
		var code postern.Code
		if to, code = s.throughMeeting(f.Peer); code != "" {
			return code
		}
		m.via = f.Peer
	} else if code := s.allowed(ctx, f.Peer, true); code != "" {
		return code
	}
	code := s.hub.route(ctx, to, m)
	switch code {
	case postern.CodeLinkPeerGone:
		if m.via == "" {
			s.hub.missed(s.device, to)
		}
	case "":
		s.hub.tally.forwarded.Add(1)
		s.hub.tally.bytes.Add(uint64(len(f.Payload)))
	}
	return code
}

// refuse tells the device that something for a peer was not done. An empty code is nothing to tell.
func (s *session) refuse(code postern.Code, peer string) {
	if code == "" {
		return
	}
	s.hub.tally.refused(code)
	if code == postern.CodeLinkRendezvousUnknown || code == postern.CodeLinkRendezvousTaken {
		s.mu.Lock()
		delete(s.joined, peer)
		s.mu.Unlock()
	}
	s.notice(func(seq uint64) Frame { return Refusal{Seq: seq, Code: code, Peer: peer} })
}

// notice sends the device a frame that must not be lost. A device that takes none of them loses its session.
func (s *session) notice(frame func(seq uint64) Frame) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	err := s.push(false, 0, func(seq uint64) []byte { return Encode(frame(seq)) })
	s.mu.Unlock()
	if err != nil {
		s.end(postern.CodeLinkSessionGone, false)
	}
}

// bucket is a token bucket that holds two seconds' worth.
type bucket struct {
	perSecond float64
	left      float64
	at        time.Time
}

// wait takes one token, waiting for it when there is none.
func (b *bucket) wait(ctx context.Context) error {
	now := time.Now()
	if b.at.IsZero() {
		b.left = 2 * b.perSecond
	} else {
		b.left = min(2*b.perSecond, b.left+now.Sub(b.at).Seconds()*b.perSecond)
	}
	b.at = now
	b.left--
	if b.left >= 0 {
		return nil
	}
	timer := time.NewTimer(time.Duration(-b.left / b.perSecond * float64(time.Second)))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
