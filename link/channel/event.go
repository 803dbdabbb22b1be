package channel

import (
	"errors"
	"time"
)

const (
	// MaxDeadline is how far ahead the deadline of a request may lie.
	MaxDeadline = 5 * time.Minute
	// KeepaliveEvery is how often a phone says that it is still at an open request.
	KeepaliveEvery = 5 * time.Second
	// SilentAfter is how long a workstation that has a request open hears nothing before it says so.
	SilentAfter = 3 * KeepaliveEvery
	// OverEvery is the least time between two sessions begun because the other end had none.
	OverEvery = 5 * time.Second
)

var (
	// ErrProtocol says that the other end, which holds the right keys, did what it must not.
	ErrProtocol = errors.New("phone and workstation disagree about what was asked and answered; the connection has ended and will be made again. Update both if it happens again")
	// ErrGoodbye says that the other end ended the session.
	ErrGoodbye = errors.New("the other device ended the connection")
	// ErrBusy says that a request is open already.
	ErrBusy = errors.New("the phone is busy with another request; wait for it or cancel it")
	// ErrDeadline says that a deadline is past or too far ahead.
	ErrDeadline = errors.New("a request to the phone needs a deadline within the next five minutes")
	// ErrClosed says that a request is no longer open: answered, refused, cancelled or late.
	ErrClosed = errors.New("this request is no longer open; start the sign-in again")
	// ErrPairing says that a session is for comparing the digits of a pairing, and carries no requests.
	ErrPairing = errors.New("the devices have just been paired; a new session is needed to use them")
)

// Step is what came of something that happened: sealed messages to send, in that order, and events.
type Step struct {
	Send   [][]byte
	Events []Event
}

// Event is something the program around has to act upon: one of the types below.
type Event interface{ event() }

// Asked tells a phone that a request is open.
type Asked struct {
	Number   uint32
	Deadline time.Time
	CTAP     []byte
	Program  string // what the workstation says it is for
}

// Withdrawn tells a phone that the open request is closed: [ReasonCancelled] or [ReasonLate].
type Withdrawn struct {
	Number uint32
	Reason Reason
}

// Answered tells a workstation the answer to the open request, which is then closed.
type Answered struct {
	Number uint32
	CTAP   []byte
}

// Waiting tells a workstation that the phone is still at the open request.
type Waiting struct {
	Number uint32
	Status Status
}

// Refused tells a workstation that the phone closed the open request.
type Refused struct {
	Number uint32
	Reason Reason
}

// Expired tells a workstation that the deadline of the open request passed, which is then closed.
type Expired struct{ Number uint32 }

// Silent tells a workstation, once, that the phone no longer says that it is at the open request, which stays open.
type Silent struct{ Number uint32 }

// Ended tells either that the session is over, and open requests with it.
type Ended struct{ Err error }

func (Asked) event()     {}
func (Withdrawn) event() {}
func (Answered) event()  {}
func (Waiting) event()   {}
func (Refused) event()   {}
func (Expired) event()   {}
func (Silent) event()    {}
func (Ended) event()     {}

// line is what both machines do with their session.
type line struct {
	session *Session
	ended   bool
}

func newLine(s *Session) (line, error) {
	if s.Digits() != "" {
		return line{}, ErrPairing
	}
	return line{session: s}, nil
}

// say seals a message of this end's own making. What cannot be sealed has ended the session.
func (l *line) say(now time.Time, step *Step, m Message) {
	if l.ended {
		return
	}
	content, err := m.Encode()
	if err != nil {
		l.end(step, err)
		return
	}
	sealed, err := l.session.Seal(now, content)
	if err != nil {
		l.end(step, err)
		return
	}
	step.Send = append(step.Send, sealed)
}

// hear opens and reads a message; ok is false when that ended the session.
func (l *line) hear(now time.Time, step *Step, sealed []byte) (m Message, ok bool) {
	if l.ended {
		return m, false
	}
	content, err := l.session.Open(now, sealed)
	if err != nil {
		l.end(step, err)
		return m, false
	}
	if m, err = DecodeMessage(content); err != nil {
		l.breakOff(now, step, err)
		return m, false
	}
	if m.Kind == KindGoodbye {
		l.end(step, ErrGoodbye)
		return m, false
	}
	return m, true
}

// breakOff ends the session because of what the other end did, and tells it so.
func (l *line) breakOff(now time.Time, step *Step, err error) {
	l.say(now, step, Message{Kind: KindGoodbye})
	l.end(step, err)
}

func (l *line) end(step *Step, err error) {
	l.session.Close()
	if !l.ended {
		l.ended = true
		step.Events = append(step.Events, Ended{Err: err})
	}
}

// age ends the session when its life is over.
func (l *line) age(now time.Time, step *Step) {
	if !l.ended && l.session.alive(now, 0) != nil {
		l.end(step, ErrSessionOver)
	}
}
