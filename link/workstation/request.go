package workstation

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
)

// Request is a CTAP message for a phone. The functions may be nil; they are called one at a time, by the goroutine that
// called [Workstation.Request], and return soon.
type Request struct {
	CTAP    []byte // command byte and parameters, at most [channel.MaxCTAP] bytes
	Program string // what the request is for, for people
	// Deadline is when nobody waits any more, by [Env.Now]; what is more than [Longest] ahead is brought down to that. The
	// phone counts whole seconds and is told the last one before it. Zero is two minutes ahead.
	Deadline time.Time
	// Waking is told that the phone is not there and is being woken.
	Waking func()
	// Asked is told the two digits that the phone shows with the request. When the request has to be asked again, because
	// the phone came back anew before it took the request up, it is told the new ones.
	Asked func(number string)
	// Waiting is told what the phone says while its user decides.
	Waiting func(channel.Status)
	// Silent is told that the phone has said nothing for [channel.SilentAfter]. Waiting follows when it speaks again.
	Silent func()
}

// Longest is how far ahead the deadline of a request may lie: a little less than what phones take, for one whose clock is
// behind.
const Longest = channel.MaxDeadline - 15*time.Second

const (
	usualDeadline = 2 * time.Minute
	// connectPatience is how long a request waits for a connection to the relay.
	connectPatience = 5 * time.Second
	// meetPatience is how long a request waits for a session with a phone that is there.
	meetPatience = 20 * time.Second
	// maxRepeats is how often a request is asked again that the phone did not take up.
	maxRepeats = 3
)

// Refusal says that the phone, or this package in its name, did not answer a request.
type Refusal struct{ Reason channel.Reason }

var refusals = map[channel.Reason]string{
	channel.ReasonBusy:      "The phone is busy with another request. Wait for it, or cancel it, then try again.",
	channel.ReasonLate:      "Nobody answered on the phone in time. Start the sign-in again and accept it on the phone.",
	channel.ReasonLocked:    "The phone cannot use its passkeys now. Open Postern on the phone, look at what it says, then try again.",
	channel.ReasonClock:     "The clocks of phone and workstation differ by too much. Set both to automatic time, then try again.",
	channel.ReasonCancelled: "The request was cancelled. Start the sign-in again if it is still wanted.",
}

// Error is a sentence for people.
func (r *Refusal) Error() string {
	if text, ok := refusals[r.Reason]; ok {
		return text
	}
	return "The request was not allowed on the phone. If you refused it by mistake, start the sign-in again."
}

// Request asks a phone and returns its answer: a CTAP status byte and what follows. A phone that is not there is woken
// and waited for until the deadline. When ctx ends the request is cancelled.
//
// It fails with a [*Refusal] (a second request at once is refused as busy, one past its deadline as late), a
// [*postern.Error] or the context's error.
func (w *Workstation) Request(ctx context.Context, phone postern.PhoneID, r Request) (ctap []byte, err error) {
	if len(r.CTAP) == 0 || len(r.CTAP) > channel.MaxCTAP {
		return nil, postern.Errorf(postern.CodeTooLarge, "A request to a phone has 1 to %d bytes; this one has %d.", channel.MaxCTAP, len(r.CTAP)).
			WithNext("Sign in with fewer keys or extensions in the request.")
	}
	c, err := w.call(phone, r)
	if err != nil {
		return nil, err
	}
	for {
		select {
		case <-ctx.Done():
			w.mu.Lock()
			defer w.mu.Unlock()
			w.cancel(c)
			return nil, ctx.Err()
		case <-c.mailed:
			w.mu.Lock()
			m, over := c.mail, c.over
			c.mail = mail{}
			w.mu.Unlock()
			if over {
				return c.ctap, c.err
			}
			c.request.tell(m)
		}
	}
}

func (r Request) tell(m mail) {
	if m.waking && r.Waking != nil {
		r.Waking()
	}
	if m.number != "" && r.Asked != nil {
		r.Asked(m.number)
	}
	if m.status != 0 && r.Waiting != nil {
		r.Waiting(m.status)
	}
	if m.silent && r.Silent != nil {
		r.Silent()
	}
}

// call is a request that is open here. Workstation.mu guards it, but for what is set before over.
type call struct {
	request  Request
	phone    *phone
	began    time.Time
	deadline time.Time
	meeting  time.Time // since when the phone is there and there is no session; zero: it is not so

	sent    bool
	number  uint32 // while sent
	heard   bool   // the phone said that it took the request up
	repeats int
	knocked bool // a handshake was sent to a phone that is not there, which wakes it

	mail   mail
	mailed chan struct{} // has one element when there is mail, or it is over
	over   bool
	ctap   []byte
	err    error
}

// mail is what the functions of a request are still to be told. What was not told in time is told as it is by then.
type mail struct {
	waking, silent bool
	number         string
	status         channel.Status
}

func (c *call) tell(write func(m *mail)) {
	write(&c.mail)
	c.signal()
}

func (c *call) signal() {
	select {
	case c.mailed <- struct{}{}:
	default:
	}
}

// call opens a request. mu is not held.
func (w *Workstation) call(id postern.PhoneID, r Request) (*call, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	ph := w.phones[id]
	if ph == nil {
		return nil, postern.Errorf(postern.CodeNotPaired, "This workstation is not paired with that phone.").
			WithNext("Pair the phone with this workstation.")
	}
	local := w.env.Now()
	now := local.Add(w.caller.Offset()) // of the same moment, so that a deadline in whole seconds stays the same
	left := usualDeadline
	if !r.Deadline.IsZero() {
		left = min(r.Deadline.Sub(local), Longest)
	}
	if left < time.Second { // deadlines count in whole seconds
		return nil, &Refusal{Reason: channel.ReasonLate}
	}
	if ph.call != nil {
		return nil, &Refusal{Reason: channel.ReasonBusy}
	}
	if ph.presence != relay.Present {
		if err := ph.barred(); err != nil {
			return nil, err
		}
	}
	c := &call{request: r, phone: ph, began: now, deadline: now.Add(left).Truncate(time.Second), mailed: make(chan struct{}, 1)}
	ph.call, ph.notBefore = c, time.Time{}
	if ph.line == nil && !ph.begun.IsZero() && ph.presence == relay.Present {
		ph.notBefore = ph.begun.Add(channel.OverEvery)
	}
	ph.drive()
	return c, nil
}

// barred is why a phone that is not there need not be woken: the control center said that it cannot be used.
func (ph *phone) barred() error {
	n := ph.notice
	if n == nil && ph.told != nil {
		n = ph.told.Notice
	}
	if n == nil {
		n = ph.w.notice
	}
	if n == nil {
		return nil
	}
	return postern.Errorf(n.Code, "%s", n.Message).WithNext(n.Next)
}

// cancel gives a request up that its caller no longer waits for.
func (w *Workstation) cancel(c *call) {
	ph := c.phone
	if ph.call != c {
		return
	}
	ph.call = nil
	c.over = true
	if c.sent && ph.line != nil {
		ph.stirred = w.now()
		ph.did(ph.line.Cancel(w.now()))
	}
	ph.drive()
}

// finish closes the request.
func (ph *phone) finish(ctap []byte, err error) {
	c := ph.call
	if c == nil {
		return
	}
	ph.call = nil
	c.over, c.ctap, c.err = true, ctap, err
	c.signal()
}

// serve asks the request where that is possible, and ends it where waiting is of no use.
func (ph *phone) serve(now time.Time) {
	c := ph.call
	if c == nil || c.sent {
		return
	}
	if ph.presence != relay.Present || ph.line != nil {
		c.meeting = time.Time{}
	} else if c.meeting.IsZero() {
		c.meeting = now
	}
	switch {
	case !now.Before(c.deadline):
		ph.finish(nil, postern.Errorf(postern.CodeLinkPeerGone, "The phone was called and did not come in time.").
			WithNext("Open Postern on the phone, check that it is online, then start the sign-in again."))
	case !ph.w.connected && !now.Before(later(c.began, ph.w.parted).Add(connectPatience)):
		ph.finish(nil, postern.Errorf(postern.CodeUnavailable, "This workstation is not connected to the control center, so the phone cannot be asked.").
			WithNext("Check the network, then start the sign-in again."))
	case ph.line != nil && ph.w.connected:
		if ph.greeting != nil && ph.presence == relay.Present {
			return // the session is being renewed, which takes a moment
		}
		ph.endGreeting()
		ph.put(c, now)
	case !c.meeting.IsZero() && !now.Before(c.meeting.Add(meetPatience)):
		ph.finish(nil, postern.Errorf(postern.CodeLinkPeerGone, "The phone is connected, but no secure connection to it came about.").
			WithNext("Close Postern on the phone, open it again and try once more. If it stays so, pair the phone again."))
	}
}

// put asks the phone.
func (ph *phone) put(c *call, now time.Time) {
	number, step, err := ph.line.Request(now, c.deadline, c.request.CTAP, c.request.Program)
	if err != nil {
		ph.did(step)
		if ph.line != nil && ph.call == c { // the time of the session is far off this clock's: it was set back
			ph.did(ph.line.Goodbye(now))
		}
		return
	}
	digits := ph.session.RequestDigits(number)
	c.sent, c.number, c.heard = true, number, false
	ph.stirred = now
	c.tell(func(m *mail) {
		m.number = digits
		if ph.presence != relay.Present {
			m.waking = true
		}
	})
	ph.did(step)
}

// next is when the request is to be looked at while it is not with the phone.
func (c *call) next(ph *phone) time.Time {
	if c.sent {
		return time.Time{}
	}
	at := c.deadline
	if !ph.w.connected {
		at = earlier(at, later(c.began, ph.w.parted).Add(connectPatience))
	}
	if !c.meeting.IsZero() {
		at = earlier(at, c.meeting.Add(meetPatience))
	}
	return at
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
