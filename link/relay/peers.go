package relay

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// arrive takes a message from another hub.
func (s *session) arrive(b []byte) {
	m, ok := decodeMessage(b)
	if !ok {
		s.hub.log.Warn("a message between replicas is not in their protocol", "to", s.device)
		return
	}
	ctx, cancel := s.hub.brief()
	defer cancel()
	code := s.deliver(ctx, m)
	if code == "" || m.kind != messageData {
		return
	}
	s.hub.tell(ctx, m.from, message{kind: messageRefusal, session: s.id, from: s.device, via: m.via, body: []byte(code)})
}

// deliver does what a message asks of this session, and returns why it cannot. It keeps nothing of the message.
func (s *session) deliver(ctx context.Context, m message) postern.Code {
	switch m.kind {
	case messageData:
		return s.deliverData(ctx, m)
	case messagePresence:
		s.show(ctx, m)
	case messageRefusal:
		peer := m.from
		if m.via != "" {
			peer = m.via
		}
		s.refuse(postern.Code(m.body), peer)
	case messageClaim:
		if m.session != s.id {
			s.end(postern.CodeLinkReplaced, true)
		}
	case messageCut:
		s.end(postern.CodeLinkCut, false)
	case messageRecheck:
		s.recheck(ctx)
	case messageNews:
		s.notice(func(seq uint64) Frame { return News{Seq: seq} })
	case messageForget:
		s.forgetPeer(ctx, m.from)
	}
	return ""
}

// deliverData puts a payload in line for the device. Its own policy is asked too: a verdict that the sender's hub kept
// too long lets nothing through.
func (s *session) deliverData(ctx context.Context, m message) postern.Code {
	peer := m.from
	if m.via != "" {
		if code := s.admitted(ctx, m.from, m.via); code != "" {
			return code
		}
		peer = m.via
	} else if code := s.allowed(ctx, m.from, false); code != "" {
		return code
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return postern.CodeLinkPeerGone
	}
	err := s.push(true, len(m.body), func(seq uint64) []byte {
		f := Data{Seq: seq, Peer: peer, Payload: m.body}
		return f.AppendTo(make([]byte, 0, 10+len(peer)+len(m.body)))
	})
	if err != nil {
		return postern.CodeLinkPeerSlow
	}
	if s.wake == nil {
		s.hub.missed(m.from, s.device)
	}
	return ""
}

// allowed asks whether the device may send to the peer (out), or the peer to the device.
func (s *session) allowed(ctx context.Context, peer string, out bool) postern.Code {
	key, from, to := "<"+peer, peer, s.device
	if out {
		key, from, to = ">"+peer, s.device, peer
	}
	if peer == s.device {
		return postern.CodeLinkNotPaired
	}
	now := time.Now()
	s.mu.Lock()
	known, ok := s.verdicts[key]
	asked := s.asked
	s.mu.Unlock()
	if ok && now.Before(known.until) {
		return known.code
	}
	code := s.hub.codeOf(ctx, s.hub.policy.MayTalk(ctx, from, to))
	s.mu.Lock()
	defer s.mu.Unlock()
	if code == postern.CodeInternal || code == postern.CodeUnavailable {
		return code // not an answer, so ask again the next time
	}
	if s.asked == asked { // otherwise the answer may be from before the change
		if len(s.verdicts) >= 2*maxPeers {
			clear(s.verdicts)
		}
		s.verdicts[key] = verdict{code, now.Add(VerdictLife)}
	}
	return code
}

// state is how the device stands.
func (s *session) state() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.ended:
		return Gone
	case s.wake == nil && s.expiry != nil:
		return Away
	}
	return Present
}

// announce tells the peers how the device stands, unless they know. ask has them answer in kind.
func (s *session) announce(ctx context.Context, ask bool) {
	s.telling.Lock()
	defer s.telling.Unlock()
	state := s.state()
	if state == s.told && !ask {
		return
	}
	s.told = state
	s.mu.Lock()
	peers := make([]string, 0, len(s.peers))
	for p := range s.peers {
		peers = append(peers, p)
	}
	s.mu.Unlock()
	for _, p := range peers {
		s.hub.tell(ctx, p, s.presence(state, ask))
	}
}

func (s *session) presence(state State, ask bool) message {
	body := []byte{byte(state), 0}
	if ask {
		body[1] = 1
	}
	return message{kind: messagePresence, session: s.id, from: s.device, body: body}
}

// show tells the device how a peer stands. A peer with another session than before was gone in between, whatever was
// heard of that.
func (s *session) show(ctx context.Context, m message) {
	state := State(m.body[0])
	if state != Gone && s.allowed(ctx, m.from, false) != "" {
		return
	}
	s.mu.Lock()
	before, known := s.shown[m.from]
	if state == Gone {
		if known && before.session == m.session {
			delete(s.shown, m.from)
		} else {
			known = false
		}
	} else if known || len(s.shown) < maxPeers {
		s.shown[m.from] = shown{m.session, state}
	}
	s.mu.Unlock()
	changed := known && before.session != m.session
	switch {
	case state == Gone && known, changed:
		s.showState(m.from, Gone)
	}
	if state != Gone && (!known || changed || before.state != state) {
		s.showState(m.from, state)
	}
	if m.body[1] == 1 {
		s.hub.tell(ctx, m.from, s.presence(s.state(), false))
	}
}

func (s *session) showState(peer string, state State) {
	s.notice(func(seq uint64) Frame { return Presence{Seq: seq, Peer: peer, State: state} })
}

// hide tells the device that a peer that it may no longer talk to is gone.
func (s *session) hide(peer string) {
	s.mu.Lock()
	_, known := s.shown[peer]
	delete(s.shown, peer)
	s.mu.Unlock()
	if known {
		s.showState(peer, Gone)
	}
}

// distrust forgets what the policy answered, and what it is about to answer to a question asked before.
func (s *session) distrust() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	clear(s.verdicts)
}

// recheck asks the policy for everything anew, and has the peers do so for this device.
func (s *session) recheck(ctx context.Context) {
	s.distrust()
	s.mu.Lock()
	concerned := make(map[string]struct{})
	for p := range s.peers {
		concerned[p] = struct{}{}
	}
	for p := range s.shown {
		concerned[p] = struct{}{}
	}
	s.mu.Unlock()
	if err := s.loadPeers(ctx); err != nil {
		s.hub.log.WarnContext(ctx, "the peers of a device could not be read again", "device", s.device, "error", err)
	}
	s.mu.Lock()
	for p := range s.peers {
		concerned[p] = struct{}{}
	}
	s.mu.Unlock()
	for p := range concerned {
		if s.allowed(ctx, p, false) != "" {
			s.hide(p)
		}
		s.hub.tell(ctx, p, message{kind: messageForget, session: s.id, from: s.device})
	}
	s.announce(ctx, true)
}

// forgetPeer drops what is known of a peer and asks again.
func (s *session) forgetPeer(ctx context.Context, peer string) {
	s.mu.Lock()
	s.asked++
	delete(s.verdicts, "<"+peer)
	delete(s.verdicts, ">"+peer)
	s.mu.Unlock()
	may := s.allowed(ctx, peer, false) == ""
	s.mu.Lock()
	if !may {
		delete(s.peers, peer)
	} else if len(s.peers) < maxPeers {
		s.peers[peer] = struct{}{}
	}
	s.mu.Unlock()
	if !may {
		s.hide(peer)
	}
}
