package channel

import "time"

// Workstation is the end that asks. It has at most one request open, and takes as answer only what the phone says to
// that one, before its deadline. A request the host gave up, or that is late, is cancelled; the phone closes every
// request, in the order they came, and what it says to one that was given up is dropped. A Workstation is used by one
// goroutine at a time.
type Workstation struct {
	line
	last     uint32 // the last request that was sent
	closed   uint32 // the last one the phone closed
	open     uint32 // the one the host waits for, or 0
	deadline time.Time
	heard    time.Time
	silent   bool
}

// NewWorkstation is the workstation's end of a session that carries requests; [ErrPairing] if it is that of a pairing.
func NewWorkstation(s *Session) (*Workstation, error) {
	l, err := newLine(s)
	if err != nil {
		return nil, err
	}
	return &Workstation{line: l}, nil
}

// Request asks the phone. The deadline counts in whole seconds and lies at most [MaxDeadline] ahead; program is made to
// fit with [Label]. It fails with [ErrBusy], [ErrDeadline], [ErrMessage] or [ErrSessionOver], and then nothing was asked.
func (w *Workstation) Request(now time.Time, deadline time.Time, ctap []byte, program string) (number uint32, step Step, err error) {
	w.expire(now, &step)
	deadline = deadline.Truncate(time.Second)
	switch at := w.session.at(now); {
	case w.ended:
		return 0, step, ErrSessionOver
	case w.open != 0:
		return 0, step, ErrBusy
	case !deadline.After(at) || deadline.Sub(at) > MaxDeadline:
		return 0, step, ErrDeadline
	}
	m := Message{Kind: KindRequest, Number: w.last + 1, Deadline: deadline, CTAP: ctap, Program: Label(program)}
	if _, err := m.Encode(); err != nil {
		return 0, step, err
	}
	w.say(now, &step, m)
	if w.ended {
		return 0, step, ErrSessionOver
	}
	w.last++
	w.open, w.deadline, w.heard, w.silent = w.last, deadline, w.session.at(now), false
	return w.open, step, nil
}

// Cancel gives the open request up, if there is one.
func (w *Workstation) Cancel(now time.Time) (step Step) {
	w.expire(now, &step)
	w.cancel(now, &step)
	return step
}

func (w *Workstation) cancel(now time.Time, step *Step) {
	if w.open != 0 && !w.ended {
		w.say(now, step, Message{Kind: KindCancel, Number: w.open})
	}
	w.open = 0
}

// Receive takes a sealed message of the phone's.
func (w *Workstation) Receive(now time.Time, sealed []byte) (step Step) {
	w.expire(now, &step)
	m, ok := w.hear(now, &step, sealed)
	if !ok {
		return step
	}
	w.heard, w.silent = w.session.at(now), false
	if m.Kind != KindAnswer && m.Kind != KindRefusal && m.Kind != KindKeepalive || m.Number != w.closed+1 || m.Number > w.last {
		w.breakOff(now, &step, ErrProtocol)
		return step
	}
	wanted := m.Number == w.open
	if m.Kind != KindKeepalive {
		w.closed++
		if wanted {
			w.open = 0
		}
	}
	if !wanted {
		return step
	}
	switch m.Kind {
	case KindAnswer:
		step.Events = append(step.Events, Answered{Number: m.Number, CTAP: m.CTAP})
	case KindRefusal:
		step.Events = append(step.Events, Refused{Number: m.Number, Reason: m.Reason})
	case KindKeepalive:
		step.Events = append(step.Events, Waiting{Number: m.Number, Status: m.Status})
	}
	return step
}

// Tick lets time pass; it is due at [Workstation.Next].
func (w *Workstation) Tick(now time.Time) (step Step) {
	w.expire(now, &step)
	if !w.ended && w.open != 0 && !w.silent && w.session.at(now).Sub(w.heard) >= SilentAfter {
		w.silent = true
		step.Events = append(step.Events, Silent{Number: w.open})
	}
	return step
}

// Next is when Tick has something to do; the zero time once the session is over.
func (w *Workstation) Next() time.Time {
	if w.ended {
		return time.Time{}
	}
	next := w.session.started.Add(SessionLife)
	if w.open != 0 {
		next = earlier(next, w.deadline)
		if !w.silent {
			next = earlier(next, w.heard.Add(SilentAfter))
		}
	}
	return next
}

// Goodbye ends the session and tells the phone.
func (w *Workstation) Goodbye(now time.Time) (step Step) {
	w.breakOff(now, &step, ErrSessionOver)
	return step
}

func (w *Workstation) expire(now time.Time, step *Step) {
	w.age(now, step)
	if w.ended || w.open == 0 || w.session.at(now).Before(w.deadline) {
		return
	}
	step.Events = append(step.Events, Expired{Number: w.open})
	w.cancel(now, step)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
