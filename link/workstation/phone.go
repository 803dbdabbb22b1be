package workstation

import (
	"errors"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
)

const (
	// patience is how long a phone that is there may take to answer a handshake.
	patience = 10 * time.Second
	// longestPause is the longest pause between two handshakes that a phone did not answer.
	longestPause = 5 * time.Minute
	// look is how often a session is looked at whose time nothing else fixes: it may be due to be renewed.
	look = 5 * time.Minute
	// quiet is how long a session must have been quiet to be given up for a new one, so that nothing of it is under way.
	quiet = 10 * time.Second
	// refusedPause is how long a phone is left alone that the relay refused to talk to, if nothing is heard of it.
	refusedPause = time.Minute
)

// phone is a paired phone: where it is, the session with it, and the request it is asked. Workstation.mu guards it.
//
//	no session ── the phone is present, or a request waits ──> greeting ── its answer ──> session
//	     ^                                                        │                          │ due and quiet: greeting,
//	     └──── gone, refused, no answer in time, over, broken ────┴──────────────────────────┘ beside the session
//
// While a session is renewed nothing goes over the one before: the phone tries a message with the new one first, and takes
// one that does not open there for the proof that the new one leads nowhere.
type phone struct {
	w         *Workstation
	known     KnownPhone
	told      *postern.PairedPhone // as the control center listed it; nil before
	notice    *postern.PhoneNotice // what the relay refused since
	presence  relay.State
	forgotten bool

	session  *channel.Session
	line     *channel.Workstation // over session
	stirred  time.Time            // when something last went over it
	greeting *channel.Handshake   // its first message was sent
	greeted  time.Time            // when, or when the phone came after that
	begun    time.Time            // when the last handshake was begun
	tries    int                  // handshakes without an answer
	overs    time.Time            // when the phone was last told that there is no session

	notBefore time.Time // no handshake is begun before
	timer     *time.Timer
	call      *call
}

func (ph *phone) peer() string { return string(ph.known.PhoneID) }

// send has a payload sent; without room for it the session is over, because nothing may be missing.
func (ph *phone) send(kind byte, body []byte) bool {
	return ph.w.post(parcel{peer: ph.peer(), payload: channel.Payload(kind, body)})
}

// drive does what is due now and sees to it that it is called again in time.
func (ph *phone) drive() {
	if ph.forgotten || !ph.w.running && ph.call == nil {
		return
	}
	now := ph.w.now()
	if ph.line != nil {
		ph.did(ph.line.Tick(now))
	}
	ph.greet(now)
	ph.serve(now)
	ph.greet(now) // the request may have found the session over
	if ph.timer != nil {
		ph.timer.Stop()
	}
	wait := max(ph.next(now).Sub(now), time.Millisecond)
	ph.timer = time.AfterFunc(wait, func() {
		ph.w.mu.Lock()
		defer ph.w.mu.Unlock()
		ph.drive()
	})
}

// next is when there is something to do again.
func (ph *phone) next(now time.Time) time.Time {
	at := now.Add(look)
	sooner := func(t time.Time) {
		if !t.IsZero() && t.Before(at) {
			at = t
		}
	}
	if ph.line != nil {
		sooner(ph.line.Next())
		if at := ph.stirred.Add(quiet); ph.call == nil && at.After(now) && ph.session.Due(now) {
			sooner(at)
		}
	}
	if ph.greeting != nil && ph.presence == relay.Present {
		sooner(ph.greeted.Add(patience))
	}
	if ph.greeting == nil && ph.notBefore.After(now) {
		sooner(ph.notBefore)
	}
	if ph.call != nil {
		sooner(ph.call.next(ph))
	}
	return at
}

// idle reports whether nothing of the session can be under way.
func (ph *phone) idle(now time.Time) bool {
	return ph.call == nil && now.Sub(ph.stirred) >= quiet
}

// begin makes a session the one that counts.
func (ph *phone) begin(s *channel.Session) {
	line, err := channel.NewWorkstation(s)
	if err != nil { // only the session of a pairing is refused, and this is none
		s.Close()
		return
	}
	if ph.session != nil {
		ph.session.Close()
	}
	ph.session, ph.line, ph.stirred = s, line, time.Time{}
	ph.w.bump()
}

// greet begins a handshake where one is due, and gives one up that is not answered.
func (ph *phone) greet(now time.Time) {
	if ph.greeting != nil && ph.presence == relay.Present && now.Sub(ph.greeted) >= patience {
		ph.unanswered(now)
	}
	knock := ph.call != nil && !ph.call.sent && !ph.call.knocked && ph.line == nil
	renewal := ph.line != nil && ph.idle(now) && ph.session.Due(now)
	wanted := ph.presence == relay.Present && (ph.line == nil || renewal) || knock
	if !wanted || ph.greeting != nil || !ph.w.connected || now.Before(ph.notBefore) {
		return
	}
	first, err := ph.firstMessage(now)
	if err != nil || !ph.send(channel.PayloadHandshake, first) {
		ph.w.env.Log.Error("a session with a phone could not be begun", "phone", ph.peer(), "error", err)
		ph.unanswered(now)
		return
	}
	ph.greeted, ph.begun = now, now
	if ph.call != nil && ph.presence != relay.Present {
		ph.call.knocked = true
		ph.call.tell(func(m *mail) { m.waking = true })
	}
}

func (ph *phone) firstMessage(now time.Time) ([]byte, error) {
	prologue, err := ph.w.prologue(ph.known.PairingID)
	if err != nil {
		return nil, err
	}
	c := channel.Config{Random: ph.w.env.Random, Time: now, Static: ph.w.static, Prologue: prologue}
	copy(c.Peer[:], ph.known.LinkKey)
	h, err := channel.NewWorkstationSession(c)
	if err != nil {
		return nil, err
	}
	first, err := h.Write()
	if err != nil {
		return nil, err
	}
	ph.greeting = h
	return first, nil
}

// unanswered gives the handshake up; the next one waits longer each time.
func (ph *phone) unanswered(now time.Time) {
	ph.endGreeting()
	ph.notBefore = now.Add(min(channel.OverEvery<<min(ph.tries, 10), longestPause))
	ph.tries++
}

func (ph *phone) endGreeting() {
	if ph.greeting != nil {
		ph.greeting.Close()
		ph.greeting = nil
	}
}

// receive takes what the phone sent.
func (ph *phone) receive(payload []byte) {
	now := ph.w.now()
	kind, body, err := channel.SplitPayload(payload)
	if err != nil {
		return
	}
	switch kind {
	case channel.PayloadHandshake:
		ph.answered(now, body)
	case channel.PayloadSealed:
		if ph.line == nil {
			ph.over(now)
			break
		}
		ph.stirred = now
		ph.did(ph.line.Receive(now, body))
	case channel.PayloadOver:
		// An answer to what was sealed before the handshake that is under way says nothing new.
		if ph.line != nil {
			ph.lose(errBroken(nil), true)
			ph.notBefore = later(ph.notBefore, ph.begun.Add(channel.OverEvery))
		}
	}
	ph.drive()
}

// over tells the phone that there is no session for what it sent, so that it takes off its screen what belonged to it.
func (ph *phone) over(now time.Time) {
	if now.Sub(ph.overs) >= channel.OverEvery {
		ph.overs = now
		ph.send(channel.PayloadOver, nil)
	}
}

// answered takes the second message of a handshake. One that does not fit may be the answer to an earlier first message.
func (ph *phone) answered(now time.Time, second []byte) {
	if ph.greeting == nil {
		return
	}
	if err := ph.greeting.Read(second); err != nil {
		ph.unanswered(now)
		return
	}
	s, _ := ph.greeting.Done()
	ph.greeting, ph.tries = nil, 0
	ph.begin(s)
}

// did carries out what came of something that happened to the session.
func (ph *phone) did(step channel.Step) {
	full := false
	for _, sealed := range step.Send {
		full = !ph.send(channel.PayloadSealed, sealed) || full
	}
	for _, event := range step.Events {
		ph.happened(event)
	}
	if full {
		ph.lose(postern.Errorf(postern.CodeUnavailable, "The control center does not take what is sent to the phone.").
			WithNext("Check the network, then start the sign-in again."), false)
	}
}

func (ph *phone) happened(event channel.Event) {
	c := ph.call
	mine := func(number uint32) bool { return c != nil && c.sent && c.number == number }
	switch e := event.(type) {
	case channel.Answered:
		if mine(e.Number) {
			ph.finish(e.CTAP, nil)
		}
	case channel.Refused:
		if mine(e.Number) {
			ph.finish(nil, &Refusal{Reason: e.Reason})
		}
	case channel.Expired:
		if mine(e.Number) {
			ph.finish(nil, &Refusal{Reason: channel.ReasonLate})
		}
	case channel.Waiting:
		if mine(e.Number) {
			c.heard = true
			c.tell(func(m *mail) { m.status, m.silent = e.Status, false })
		}
	case channel.Silent:
		if mine(e.Number) {
			c.tell(func(m *mail) { m.silent = true })
		}
	case channel.Ended:
		if !isOrderly(e.Err) {
			ph.over(ph.w.now())
			ph.notBefore = later(ph.notBefore, ph.begun.Add(channel.OverEvery))
		}
		ph.lose(errBroken(e.Err), false)
	}
}

// isOrderly reports whether a session ended so that the phone knows of it.
func isOrderly(err error) bool {
	return errors.Is(err, channel.ErrGoodbye) || errors.Is(err, channel.ErrSessionOver) || errors.Is(err, channel.ErrProtocol)
}

func errBroken(cause error) *postern.Error {
	return postern.Errorf(postern.CodeLinkSessionGone, "The secure connection to the phone ended while the phone was asked; it is being made again.").
		WithNext("Start the sign-in again.").Because(cause)
}

// lose drops the session and what is on the way to one. A request that the phone may have taken up fails with err; one
// that it did not take up is asked again in the next session, where again says that the phone alone began anew.
func (ph *phone) lose(err *postern.Error, again bool) {
	ph.endGreeting()
	if ph.session != nil {
		ph.session.Close()
		ph.session, ph.line = nil, nil
		ph.w.bump()
	}
	c := ph.call
	if c == nil {
		return
	}
	if c.knocked = false; !c.sent {
		return
	}
	if c.repeats++; again && !c.heard && c.repeats <= maxRepeats {
		c.sent, c.number = false, 0
		return
	}
	ph.finish(nil, err)
}

// stands takes word of where the phone is.
func (ph *phone) stands(state relay.State) {
	before := ph.presence
	ph.presence = state
	switch {
	case state == relay.Gone:
		ph.lose(postern.Errorf(postern.CodeLinkPeerGone, "The phone disconnected while it was asked.").
			WithNext("Open Postern on the phone, then start the sign-in again."), true)
	case state == relay.Present && before == relay.Gone:
		ph.tries, ph.notBefore, ph.notice = 0, time.Time{}, nil
		fallthrough
	case state == relay.Present:
		ph.greeted = ph.w.now()
	}
	if state != before {
		ph.w.bump()
	}
	ph.drive()
}

// refused takes the relay's word that something was not brought to the phone: nothing of the session goes on.
func (ph *phone) refused(code postern.Code) {
	now := ph.w.now()
	err := postern.Errorf(code, "")
	switch code {
	case postern.CodeLinkPeerGone:
		knocked := ph.call != nil && ph.call.knocked
		ph.lose(err, true)
		if ph.call != nil && !ph.call.sent {
			ph.call.knocked = true // it is being woken, once
			if !knocked {
				ph.call.tell(func(m *mail) { m.waking = true })
			}
		}
		ph.notBefore = later(ph.notBefore, now.Add(channel.OverEvery))
	case postern.CodeLinkPeerSlow, postern.CodeUnavailable, postern.CodeInternal, postern.CodeTooMany:
		ph.lose(err, false)
		ph.stop(err)
		ph.notBefore = later(ph.notBefore, now.Add(channel.OverEvery))
	default:
		ph.lose(err, false)
		ph.stop(err)
		ph.notice, ph.notBefore = noticeOf(code), now.Add(refusedPause)
		if code == postern.CodeIntegrationDisabled || code == postern.CodeFlagOff {
			ph.w.notice = noticeOf(code)
		}
		ph.w.ask()
		ph.w.bump()
	}
	ph.drive()
}

// stop ends the request, sent or not.
func (ph *phone) stop(err error) {
	if ph.call != nil {
		ph.finish(nil, err)
	}
}

// forget ends everything with a phone that is paired no more.
func (ph *phone) forget() {
	ph.stop(postern.Errorf(postern.CodePairingOver, ""))
	ph.lose(nil, false)
	ph.forgotten = true
	if ph.timer != nil {
		ph.timer.Stop()
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
