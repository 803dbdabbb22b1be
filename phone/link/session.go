package link

import (
	"context"
	"errors"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
)

// peer is a workstation and its sessions.
type peer struct {
	Workstation
	present          bool
	current, next    *session // next: begun, and not yet known to be more than an old message played again
	requests, starts bucket
}

// session is one session, its machine and what is open in it.
type session struct {
	id    uint64
	noise *channel.Session
	phone *channel.Phone
	open  *open
}

// open is a request in hand.
type open struct {
	number uint32
	cancel context.CancelCauseFunc
}

// data takes a payload.
func (l *Link) data(from string, payload []byte) {
	kind, body, err := channel.SplitPayload(payload)
	if err != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if m := l.pairing; m != nil && from == m.peer {
		if kind == channel.PayloadPairing {
			m.take(body)
		}
		return
	}
	p := l.peers[postern.WorkstationID(from)]
	if p == nil || p.Key == (channel.PublicKey{}) {
		return
	}
	switch kind {
	case channel.PayloadHandshake:
		l.begin(p, body)
	case channel.PayloadSealed:
		l.sealed(p, body)
	case channel.PayloadOver:
		l.drop(p, ErrCancelled) // the workstation begins anew
	}
}

// begin answers the first message of a session. l.mu is held.
func (l *Link) begin(p *peer, message []byte) {
	now := l.now()
	if !p.starts.take(now) {
		return
	}
	prologue, err := l.prologue(p.Workstation)
	if err != nil {
		return
	}
	h, err := channel.NewPhoneSession(channel.Config{Random: l.cfg.Random, Time: now, Static: l.cfg.Key, Prologue: prologue, Peer: p.Key})
	if err != nil {
		return
	}
	defer h.Close()
	if err := h.Read(message); err != nil {
		l.cfg.Log.Debug("a workstation's handshake did not come off", "workstation", p.ID)
		return
	}
	answer, err := h.Write()
	if err != nil {
		return
	}
	noise, ok := h.Done()
	if !ok {
		return
	}
	phone, err := channel.NewPhone(noise)
	if err != nil {
		return
	}
	if p.next != nil {
		p.next.noise.Close()
	}
	l.sessions++
	p.next = &session{id: l.sessions, noise: noise, phone: phone}
	l.post(string(p.ID), channel.PayloadHandshake, answer)
	signal(l.due)
}

func (l *Link) prologue(w Workstation) (channel.Prologue, error) {
	id, err := rawID(w.Pairing)
	return channel.Prologue{Origin: l.cfg.API.Server(), Integration: string(l.cfg.Integration), Workstation: string(w.ID), PairingID: id}, err
}

// sealed takes a sealed message: the new session's, if it opens there, else that of the session before. l.mu is held.
func (l *Link) sealed(p *peer, body []byte) {
	now := l.now()
	if s := p.next; s != nil {
		step := s.phone.Receive(now, body)
		if s.noise.Confirmed() {
			if p.current != nil {
				l.end(p.current, ErrCancelled)
			}
			p.current, p.next = s, nil
			l.follow(p, s, step)
			l.changed()
			return
		}
		p.next = nil
	}
	if p.current == nil {
		l.post(string(p.ID), channel.PayloadOver, nil)
		return
	}
	l.follow(p, p.current, p.current.phone.Receive(now, body))
}

// follow does what a step says. l.mu is held.
func (l *Link) follow(p *peer, s *session, step channel.Step) {
	for _, m := range step.Send {
		l.post(string(p.ID), channel.PayloadSealed, m)
	}
	for _, event := range step.Events {
		switch e := event.(type) {
		case channel.Asked:
			l.asked(p, s, e)
		case channel.Withdrawn:
			cause := ErrCancelled
			if e.Reason == channel.ReasonLate {
				cause = ErrLate
			}
			l.withdraw(s, cause)
		case channel.Ended:
			l.end(s, ErrCancelled)
			if p.current == s {
				p.current = nil
			}
			if p.next == s {
				p.next = nil
			}
			if !errors.Is(e.Err, channel.ErrGoodbye) {
				l.post(string(p.ID), channel.PayloadOver, nil)
			}
			l.changed()
		}
	}
	if len(step.Events) > 0 {
		signal(l.due)
	}
}

// asked has a request handled, unless the phone is busy with another workstation's. l.mu is held.
func (l *Link) asked(p *peer, s *session, e channel.Asked) {
	if l.active != nil || !p.requests.take(l.now()) {
		l.refuse(p, s, e.Number, channel.ReasonBusy)
		return
	}
	ctx, cancel := context.WithCancelCause(l.run)
	o := &open{number: e.Number, cancel: cancel}
	l.active, s.open = o, o
	r := &Request{
		Workstation: p.ID, Pairing: p.Pairing, Session: s.id, CTAP: e.CTAP, Program: e.Program,
		Number: s.noise.RequestDigits(e.Number), Deadline: e.Deadline,
		waiting: func(user bool) { l.waiting(p, s, e.Number, user) },
	}
	before, done := l.tail, make(chan struct{})
	l.tail = done
	go func() {
		defer close(done)
		if before != nil {
			<-before // one that was given up is on its way out
		}
		answer := Answer{Reason: channel.ReasonCancelled}
		if ctx.Err() == nil {
			answer = l.cfg.Handle(ctx, r)
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		if s.open != o {
			return
		}
		l.withdraw(s, context.Canceled)
		l.close(p, s, e.Number, answer)
	}()
}

func (l *Link) close(p *peer, s *session, number uint32, answer Answer) {
	if answer.Reason == 0 && (len(answer.CTAP) == 0 || len(answer.CTAP) > channel.MaxCTAP) {
		answer.Reason = channel.ReasonNotAllowed
	}
	if answer.Reason != 0 {
		l.refuse(p, s, number, answer.Reason)
		return
	}
	if step, err := s.phone.Answer(l.now(), number, answer.CTAP); err == nil || len(step.Events) > 0 {
		l.follow(p, s, step)
	}
}

func (l *Link) refuse(p *peer, s *session, number uint32, reason channel.Reason) {
	if step, err := s.phone.Refuse(l.now(), number, reason); err == nil || len(step.Events) > 0 {
		l.follow(p, s, step)
	}
}

func (l *Link) waiting(p *peer, s *session, number uint32, user bool) {
	status := channel.StatusProcessing
	if user {
		status = channel.StatusUPNeeded
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.follow(p, s, s.phone.Waiting(l.now(), number, status))
}

// withdraw takes the open request of a session from its handler. l.mu is held.
func (l *Link) withdraw(s *session, cause error) {
	if s.open == nil {
		return
	}
	s.open.cancel(cause)
	if l.active == s.open {
		l.active = nil
	}
	s.open = nil
}

func (l *Link) end(s *session, cause error) {
	l.withdraw(s, cause)
	s.noise.Close()
}

func (l *Link) goodbye(p *peer) {
	if p.current != nil {
		for _, m := range p.current.phone.Goodbye(l.now()).Send {
			l.post(string(p.ID), channel.PayloadSealed, m)
		}
	}
}

// drop ends the sessions of a workstation. l.mu is held.
func (l *Link) drop(p *peer, cause error) {
	for _, s := range []*session{p.current, p.next} {
		if s != nil {
			l.end(s, cause)
		}
	}
	p.current, p.next = nil, nil
	l.changed()
}

func (l *Link) dropAll() {
	for _, p := range l.peers {
		l.drop(p, ErrCancelled)
		p.present = false
	}
}

// changed tells of a change from where l.mu is held.
func (l *Link) changed() { go l.cfg.Changed() }
