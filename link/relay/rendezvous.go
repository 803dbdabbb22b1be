package relay

import (
	"context"
	"errors"
	"time"

	"github.com/postern/postern"
)

// maxJoined bounds the rendezvous that a device may be at as the one who came.
const maxJoined = 4

// meeting is a rendezvous at the session of the workstation that opened it.
type meeting struct {
	peer    string // its name
	opened  time.Time
	expires time.Time
	guest   string // the phone that came first, or empty
	stop    func()
	timer   *time.Timer
}

// open opens a rendezvous. A device has one: a new one ends the one before.
func (s *session) open(ctx context.Context, id PairingID) postern.Code {
	peer := id.Peer()
	s.mu.Lock()
	same := s.meeting != nil && s.meeting.peer == peer
	s.mu.Unlock()
	if same {
		return ""
	}
	s.closeMeeting(nil)
	probe := message{kind: messageProbe, from: s.device}
	switch err := s.hub.fabric.Publish(ctx, peer, probe.encode()); {
	case err == nil:
		return postern.CodeLinkRendezvousTaken
	case !errors.Is(err, ErrNobody):
		return postern.CodeUnavailable
	}
	stop, err := s.hub.fabric.Subscribe(peer, s.arrive)
	if err != nil {
		return postern.CodeUnavailable
	}
	h := s.hub
	h.mu.Lock()
	taken := h.meetings[peer] != nil
	if !taken {
		h.meetings[peer] = s
	}
	h.mu.Unlock()
	if taken {
		stop()
		return postern.CodeLinkRendezvousTaken
	}
	now := time.Now()
	mt := &meeting{peer: peer, opened: now, expires: now.Add(RendezvousLife), stop: stop}
	s.mu.Lock()
	mt.timer = time.AfterFunc(RendezvousLife, func() { s.closeMeeting(mt) })
	s.meeting = mt
	ended := s.ended
	s.mu.Unlock()
	if ended {
		s.closeMeeting(mt)
	}
	return ""
}

// closeMeeting ends the session's rendezvous: the given one, or with nil whichever there is.
func (s *session) closeMeeting(only *meeting) {
	s.mu.Lock()
	mt := s.meeting
	if mt == nil || only != nil && mt != only {
		s.mu.Unlock()
		return
	}
	s.meeting = nil
	mt.timer.Stop()
	s.mu.Unlock()
	s.hub.mu.Lock()
	if s.hub.meetings[mt.peer] == s {
		delete(s.hub.meetings, mt.peer)
	}
	s.hub.mu.Unlock()
	mt.stop()
}

// throughMeeting returns the address that a payload for a rendezvous goes to: from the one who opened it to the one
// who came, and the other way round.
func (s *session) throughMeeting(peer string) (address string, code postern.Code) {
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if mt := s.meeting; mt != nil && mt.peer == peer {
		switch {
		case !now.Before(mt.expires):
			return "", postern.CodeLinkRendezvousUnknown
		case mt.guest == "":
			return "", postern.CodeLinkPeerGone
		}
		return mt.guest, ""
	}
	for name, until := range s.joined {
		if !now.Before(until) {
			delete(s.joined, name)
		}
	}
	if _, ok := s.joined[peer]; !ok {
		if len(s.joined) >= maxJoined {
			return "", postern.CodeLinkRendezvousUnknown
		}
		s.joined[peer] = now.Add(RendezvousMet)
	}
	return peer, ""
}

// admitted says whether a payload that came through a rendezvous is for this device.
func (s *session) admitted(ctx context.Context, from, via string) postern.Code {
	now := time.Now()
	s.mu.Lock()
	own := s.meeting != nil && s.meeting.peer == via
	until, joined := s.joined[via]
	code, empty := s.seat(from, via, now)
	s.mu.Unlock()
	if !own && joined && now.Before(until) {
		return ""
	}
	if !empty {
		return code
	}
	if code := s.hub.codeOf(ctx, s.hub.policy.MayMeet(ctx, s.device, from)); code != "" {
		return code
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	code, empty = s.seat(from, via, now)
	if empty {
		mt := s.meeting
		mt.guest = from
		mt.expires = mt.opened.Add(RendezvousMet)
		mt.timer.Reset(mt.expires.Sub(now))
	}
	return code
}

// seat looks whether the place of the one who comes to this session's rendezvous is empty, or is from's. s.mu is held.
func (s *session) seat(from, via string, now time.Time) (code postern.Code, empty bool) {
	mt := s.meeting
	switch {
	case mt == nil || mt.peer != via || !now.Before(mt.expires):
		return postern.CodeLinkRendezvousUnknown, false
	case mt.guest == "":
		return "", true
	case mt.guest != from:
		return postern.CodeLinkRendezvousTaken, false
	}
	return "", false
}
