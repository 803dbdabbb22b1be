package channel

import "time"

// Phone is the end that is asked. It shows one request at a time, only the workstation's next one and only before its
// deadline, and closes every request with an answer or a refusal. A Phone is used by one goroutine at a time.
type Phone struct {
	line
	last     uint32 // the last request that came
	open     uint32 // the one that is shown, or 0
	deadline time.Time
	status   Status
	kept     time.Time // when the last keepalive was sent
}

// NewPhone is the phone's end of a session that carries requests; [ErrPairing] if it is that of a pairing.
func NewPhone(s *Session) (*Phone, error) {
	l, err := newLine(s)
	if err != nil {
		return nil, err
	}
	return &Phone{line: l}, nil
}

// Receive takes a sealed message of the workstation's.
func (p *Phone) Receive(now time.Time, sealed []byte) (step Step) {
	p.expire(now, &step)
	m, ok := p.hear(now, &step, sealed)
	if !ok {
		return step
	}
	switch {
	case m.Kind == KindRequest && m.Number == p.last+1:
		p.last++
		p.ask(now, &step, m)
	case m.Kind == KindCancel && m.Number == p.open:
		p.withdraw(now, &step, ReasonCancelled)
	case m.Kind == KindCancel && m.Number <= p.last:
		// It crossed the answer or refusal that closed the request.
	default:
		p.breakOff(now, &step, ErrProtocol)
	}
	return step
}

func (p *Phone) ask(now time.Time, step *Step, m Message) {
	at := p.session.at(now)
	refuse := func(r Reason) { p.say(now, step, Message{Kind: KindRefusal, Number: m.Number, Reason: r}) }
	switch {
	case p.open != 0:
		refuse(ReasonBusy)
	case !m.Deadline.After(at):
		refuse(ReasonLate)
	case m.Deadline.Sub(at) > MaxDeadline:
		refuse(ReasonClock)
	default:
		p.open, p.deadline, p.status = m.Number, m.Deadline, StatusProcessing
		step.Events = append(step.Events, Asked{Number: m.Number, Deadline: m.Deadline, CTAP: m.CTAP, Program: m.Program})
		p.keepalive(now, step)
	}
}

// Answer closes the open request with a CTAP message. It fails with [ErrClosed] if that request is no longer open, and
// with [ErrMessage] if the message is empty or longer than [MaxCTAP], which leaves the request open.
func (p *Phone) Answer(now time.Time, number uint32, ctap []byte) (Step, error) {
	return p.close(now, Message{Kind: KindAnswer, Number: number, CTAP: ctap})
}

// Refuse closes the open request with a reason. It fails with [ErrClosed] if that request is no longer open.
func (p *Phone) Refuse(now time.Time, number uint32, reason Reason) (Step, error) {
	return p.close(now, Message{Kind: KindRefusal, Number: number, Reason: reason})
}

func (p *Phone) close(now time.Time, m Message) (step Step, err error) {
	p.expire(now, &step)
	if p.ended || m.Number == 0 || m.Number != p.open {
		return step, ErrClosed
	}
	if _, err := m.Encode(); err != nil {
		return step, err
	}
	p.open = 0
	p.say(now, &step, m)
	if p.ended {
		return step, ErrClosed
	}
	return step, nil
}

// Waiting sets what keepalives of the open request say, and says it; nothing if that request is no longer open.
func (p *Phone) Waiting(now time.Time, number uint32, status Status) (step Step) {
	p.expire(now, &step)
	known := status == StatusProcessing || status == StatusUPNeeded
	if p.ended || number == 0 || number != p.open || !known || status == p.status {
		return step
	}
	p.status = status
	p.keepalive(now, &step)
	return step
}

// Tick lets time pass; it is due at [Phone.Next].
func (p *Phone) Tick(now time.Time) (step Step) {
	p.expire(now, &step)
	if !p.ended && p.open != 0 && p.session.at(now).Sub(p.kept) >= KeepaliveEvery {
		p.keepalive(now, &step)
	}
	return step
}

// Next is when Tick has something to do; the zero time once the session is over.
func (p *Phone) Next() time.Time {
	if p.ended {
		return time.Time{}
	}
	next := p.session.started.Add(SessionLife)
	if p.open != 0 {
		next = earlier(earlier(next, p.deadline), p.kept.Add(KeepaliveEvery))
	}
	return next
}

// Goodbye ends the session and tells the workstation.
func (p *Phone) Goodbye(now time.Time) (step Step) {
	p.breakOff(now, &step, ErrSessionOver)
	return step
}

func (p *Phone) keepalive(now time.Time, step *Step) {
	p.kept = p.session.at(now)
	p.say(now, step, Message{Kind: KindKeepalive, Number: p.open, Status: p.status})
}

func (p *Phone) expire(now time.Time, step *Step) {
	p.age(now, step)
	if p.ended || p.open == 0 || p.session.at(now).Before(p.deadline) {
		return
	}
	p.withdraw(now, step, ReasonLate)
}

// withdraw takes the open request off the screen and closes it.
func (p *Phone) withdraw(now time.Time, step *Step, reason Reason) {
	step.Events = append(step.Events, Withdrawn{Number: p.open, Reason: reason})
	m := Message{Kind: KindRefusal, Number: p.open, Reason: reason}
	p.open = 0
	p.say(now, step, m)
}
