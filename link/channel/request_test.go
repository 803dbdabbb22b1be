package channel

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// ends are a phone and a workstation with nothing between them, and a clock.
type ends struct {
	testing.TB
	phone       *Phone
	workstation *Workstation
	now         time.Time
}

func newEnds(t testing.TB) *ends {
	p, w := machines(t, 21)
	return &ends{TB: t, phone: p, workstation: w, now: t0}
}

// toPhone delivers and gives what the phone sends and tells.
func (e *ends) toPhone(s Step) (out Step) {
	for _, sealed := range s.Send {
		got := e.phone.Receive(e.now, sealed)
		out.Send, out.Events = append(out.Send, got.Send...), append(out.Events, got.Events...)
	}
	return out
}

func (e *ends) toWorkstation(s Step) (out Step) {
	for _, sealed := range s.Send {
		got := e.workstation.Receive(e.now, sealed)
		out.Send, out.Events = append(out.Send, got.Send...), append(out.Events, got.Events...)
	}
	return out
}

func (e *ends) expect(s Step, sent int, events ...Event) {
	e.Helper()
	if len(s.Send) != sent {
		e.Errorf("%d messages to send, want %d", len(s.Send), sent)
	}
	if diff := cmp.Diff(events, s.Events, cmpopts.EquateErrors()); diff != "" {
		e.Errorf("events (-want +got):\n%s", diff)
	}
}

// ask opens a request at both ends, good for a minute.
func (e *ends) ask(number uint32) Asked {
	e.Helper()
	deadline := e.now.Add(time.Minute)
	n, s, err := e.workstation.Request(e.now, deadline, []byte{4, byte(number)}, "portal")
	if err != nil || n != number {
		e.Fatalf("request %d: %d, %v", number, n, err)
	}
	s = e.toPhone(s)
	asked := Asked{Number: number, Deadline: deadline, CTAP: []byte{4, byte(number)}, Program: "portal"}
	e.expect(s, 1, asked)
	e.expect(e.toWorkstation(s), 0, Waiting{number, StatusProcessing})
	return asked
}

func TestRequestAndAnswer(t *testing.T) {
	e := newEnds(t)
	for number := uint32(1); number <= 3; number++ {
		e.ask(number)
		if _, _, err := e.workstation.Request(e.now, e.now.Add(time.Minute), []byte{4}, ""); !errors.Is(err, ErrBusy) {
			t.Errorf("a second request: %v", err)
		}
		e.expect(e.toWorkstation(e.phone.Waiting(e.now, number, StatusUPNeeded)), 0, Waiting{number, StatusUPNeeded})
		e.expect(e.phone.Waiting(e.now, number, StatusUPNeeded), 0)
		e.expect(e.phone.Waiting(e.now, number, 9), 0)
		if _, err := e.phone.Answer(e.now, number+1, []byte{0}); !errors.Is(err, ErrClosed) {
			t.Errorf("an answer to nothing: %v", err)
		}
		if _, err := e.phone.Answer(e.now, number, nil); !errors.Is(err, ErrMessage) {
			t.Errorf("an empty answer: %v", err)
		}
		s, err := e.phone.Answer(e.now, number, []byte{0, 1})
		if err != nil {
			t.Fatal(err)
		}
		e.expect(e.toWorkstation(s), 0, Answered{number, []byte{0, 1}})
		if _, err := e.phone.Answer(e.now, number, []byte{0, 2}); !errors.Is(err, ErrClosed) {
			t.Errorf("a second answer: %v", err)
		}
	}
}

func TestRefusal(t *testing.T) {
	e := newEnds(t)
	e.ask(1)
	s, err := e.phone.Refuse(e.now, 1, ReasonNotAllowed)
	if err != nil {
		t.Fatal(err)
	}
	e.expect(e.toWorkstation(s), 0, Refused{1, ReasonNotAllowed})
	e.ask(2)
}

func TestKeepalives(t *testing.T) {
	e := newEnds(t)
	e.expect(e.phone.Tick(e.now), 0)
	e.ask(1)
	for range 5 {
		if next := e.phone.Next(); !next.Equal(e.now.Add(KeepaliveEvery)) {
			t.Fatalf("next at %v", next)
		}
		e.now = e.now.Add(KeepaliveEvery - time.Millisecond)
		e.expect(e.phone.Tick(e.now), 0)
		e.now = e.now.Add(time.Millisecond)
		e.expect(e.toWorkstation(e.phone.Tick(e.now)), 0, Waiting{1, StatusProcessing})
	}
	if next := e.workstation.Next(); !next.Equal(e.now.Add(SilentAfter)) {
		t.Errorf("the workstation waits until %v", next)
	}
	e.now = e.now.Add(SilentAfter)
	e.expect(e.workstation.Tick(e.now), 0, Silent{1})
	e.expect(e.workstation.Tick(e.now), 0)
	e.expect(e.toWorkstation(e.phone.Tick(e.now)), 0, Waiting{1, StatusProcessing})
}

func TestCancel(t *testing.T) {
	e := newEnds(t)
	e.expect(e.workstation.Cancel(e.now), 0)
	e.ask(1)
	s := e.toPhone(e.workstation.Cancel(e.now))
	e.expect(s, 1, Withdrawn{1, ReasonCancelled})
	if _, err := e.phone.Answer(e.now, 1, []byte{0}); !errors.Is(err, ErrClosed) {
		t.Errorf("an answer to a cancelled request: %v", err)
	}
	e.expect(e.toWorkstation(s), 0)
	e.ask(2)
}

// TestCrossing lets answer and cancel cross, and the next request follow before the answer arrives.
func TestCrossing(t *testing.T) {
	e := newEnds(t)
	e.ask(1)
	answer, err := e.phone.Answer(e.now, 1, []byte{0})
	if err != nil {
		t.Fatal(err)
	}
	cancel := e.workstation.Cancel(e.now)
	_, request, err := e.workstation.Request(e.now, e.now.Add(time.Minute), []byte{4}, "")
	if err != nil {
		t.Fatal(err)
	}
	e.expect(e.toPhone(cancel), 0)
	taken := e.toPhone(request)
	e.expect(taken, 1, Asked{Number: 2, Deadline: e.now.Add(time.Minute), CTAP: []byte{4}})
	e.expect(e.toWorkstation(answer), 0)
	e.expect(e.toWorkstation(taken), 0, Waiting{2, StatusProcessing})
}

func TestDeadlines(t *testing.T) {
	e := newEnds(t)
	for name, d := range map[string]time.Duration{"now": 0, "past": -time.Second, "within the second": 900 * time.Millisecond, "too far": MaxDeadline + time.Second} {
		if _, s, err := e.workstation.Request(e.now, e.now.Add(d), []byte{4}, ""); !errors.Is(err, ErrDeadline) || len(s.Send) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, s, err := e.workstation.Request(e.now, e.now.Add(time.Minute), []byte{4}, "")
	if err != nil {
		t.Fatal(err)
	}
	e.now = e.now.Add(time.Minute)
	refused := e.toPhone(s)
	e.expect(refused, 1)
	cancel := e.workstation.Tick(e.now)
	e.expect(cancel, 1, Expired{1})
	e.expect(e.toPhone(cancel), 0)
	e.expect(e.toWorkstation(refused), 0)

	e.ask(2)
	e.now = e.now.Add(time.Minute)
	e.expect(e.phone.Tick(e.now), 1, Withdrawn{2, ReasonLate})
}

// TestLateAnswer holds back an answer until its request has expired.
func TestLateAnswer(t *testing.T) {
	e := newEnds(t)
	e.ask(1)
	answer, err := e.phone.Answer(e.now, 1, []byte{0})
	if err != nil {
		t.Fatal(err)
	}
	e.now = e.now.Add(time.Minute)
	e.expect(e.toWorkstation(answer), 1, Expired{1})
	e.now = e.now.Add(-time.Minute) // a clock that is set back
	e.ask2Fails()
}

// ask2Fails shows that the workstation's clock did not run back: the deadline a minute from now is past.
func (e *ends) ask2Fails() {
	e.Helper()
	if _, _, err := e.workstation.Request(e.now, e.now.Add(time.Minute), []byte{4}, ""); !errors.Is(err, ErrDeadline) {
		e.Errorf("with the clock set back: %v", err)
	}
}

// TestLateDecision lets the user decide when the deadline has passed, unticked, and with the phone's clock set back.
func TestLateDecision(t *testing.T) {
	e := newEnds(t)
	e.ask(1)
	s, err := e.phone.Answer(e.now.Add(time.Minute), 1, []byte{0})
	if !errors.Is(err, ErrClosed) {
		t.Errorf("a late answer: %v", err)
	}
	e.expect(s, 1, Withdrawn{1, ReasonLate})
	if _, err := e.phone.Answer(e.now, 1, []byte{0}); !errors.Is(err, ErrClosed) {
		t.Errorf("a late answer with the clock set back: %v", err)
	}
}

// TestMisbehaving sends what no workstation and no phone of ours does, sealed with the right keys.
func TestMisbehaving(t *testing.T) {
	request := func(number uint32, ahead time.Duration) Message {
		return Message{Kind: KindRequest, Number: number, Deadline: t0.Add(ahead), CTAP: []byte{4}}
	}
	for name, c := range map[string]struct {
		m      Message
		reason Reason // 0: the session ends
	}{
		"second request": {request(2, time.Minute), ReasonBusy},
		"number again":   {request(1, time.Minute), 0},
		"number skipped": {request(3, time.Minute), 0},
		"future cancel":  {Message{Kind: KindCancel, Number: 2}, 0},
		"answer":         {Message{Kind: KindAnswer, Number: 1, CTAP: []byte{0}}, 0},
		"confirm":        {Message{Kind: KindConfirm, Nonce: nonce}, 0},
	} {
		e := newEnds(t)
		e.ask(1)
		var s Step
		e.workstation.say(e.now, &s, c.m)
		s = e.toPhone(s)
		if c.reason == 0 {
			e.expect(s, 1, Ended{ErrProtocol})
			e.expect(e.toWorkstation(s), 0, Ended{ErrGoodbye})
			continue
		}
		e.expect(s, 1)
		if content, err := e.workstation.session.Open(e.now, s.Send[0]); err != nil {
			t.Error(err)
		} else if m, _ := DecodeMessage(content); m.Kind != KindRefusal || m.Reason != c.reason || m.Number != c.m.Number {
			t.Errorf("%s: %+v", name, m)
		}
	}
	for ahead, reason := range map[time.Duration]Reason{0: ReasonLate, -time.Hour: ReasonLate, MaxDeadline + time.Second: ReasonClock} {
		e := newEnds(t)
		e.workstation.last, e.workstation.open, e.workstation.deadline = 1, 1, t0.Add(time.Hour)
		var s Step
		e.workstation.say(e.now, &s, request(1, ahead))
		e.expect(e.toWorkstation(e.toPhone(s)), 0, Refused{1, reason})
	}
	for name, m := range map[string]Message{
		"answer to the next":  {Kind: KindAnswer, Number: 2, CTAP: []byte{0}},
		"answer to none":      {Kind: KindAnswer, Number: 7, CTAP: []byte{0}},
		"keepalive to none":   {Kind: KindKeepalive, Number: 2, Status: 1},
		"refusal of the next": {Kind: KindRefusal, Number: 2, Reason: 1},
		"request":             request(1, time.Minute),
		"cancel":              {Kind: KindCancel, Number: 1},
	} {
		e := newEnds(t)
		e.ask(1)
		var s Step
		e.phone.say(e.now, &s, m)
		s = e.toWorkstation(s)
		if len(s.Events) != 1 {
			t.Errorf("%s: %v", name, s.Events)
		}
		e.expect(s, 1, Ended{ErrProtocol})
	}
	e := newEnds(t)
	e.ask(1)
	answer, _ := e.phone.Answer(e.now, 1, []byte{0})
	e.expect(e.toWorkstation(answer), 0, Answered{1, []byte{0}})
	var again Step
	e.phone.say(e.now, &again, Message{Kind: KindAnswer, Number: 1, CTAP: []byte{0}})
	e.expect(e.toWorkstation(again), 1, Ended{ErrProtocol})
}

// TestAnswerUnasked answers the request that will come next.
func TestAnswerUnasked(t *testing.T) {
	e := newEnds(t)
	var s Step
	e.phone.say(e.now, &s, Message{Kind: KindAnswer, Number: 1, CTAP: []byte{0}})
	e.expect(e.toWorkstation(s), 1, Ended{ErrProtocol})
}

func TestMalformed(t *testing.T) {
	e := newEnds(t)
	sealed, err := e.phone.session.Seal(e.now, []byte{0xa1, 1})
	if err != nil {
		t.Fatal(err)
	}
	s := e.workstation.Receive(e.now, sealed)
	e.expect(s, 1, Ended{ErrMessage})
	e.expect(e.toPhone(s), 0, Ended{ErrGoodbye})
}

func TestGoodbye(t *testing.T) {
	e := newEnds(t)
	e.ask(1)
	s := e.phone.Goodbye(e.now)
	e.expect(s, 1, Ended{ErrSessionOver})
	e.expect(e.toWorkstation(s), 0, Ended{ErrGoodbye})
	e.expect(e.workstation.Goodbye(e.now), 0)
	e.expect(e.workstation.Cancel(e.now), 0)
	e.expect(e.phone.Tick(e.now.Add(time.Hour)), 0)
	if _, _, err := e.workstation.Request(e.now, e.now.Add(time.Minute), []byte{4}, ""); !errors.Is(err, ErrSessionOver) {
		t.Errorf("a request after the end: %v", err)
	}
	if _, err := e.phone.Answer(e.now, 1, []byte{0}); !errors.Is(err, ErrClosed) {
		t.Errorf("an answer after the end: %v", err)
	}
	if !e.phone.session.Over() || !e.workstation.session.Over() {
		t.Error("a session is said to have ended and lives on")
	}
	if !e.phone.Next().IsZero() || !e.workstation.Next().IsZero() {
		t.Error("something is due after the end")
	}
}

func TestOldAge(t *testing.T) {
	e := newEnds(t)
	end := t0.Add(SessionLife)
	if !e.phone.Next().Equal(end) || !e.workstation.Next().Equal(end) {
		t.Error("the end of the session is not due")
	}
	e.expect(e.phone.Tick(end), 0, Ended{ErrSessionOver})
	e.expect(e.workstation.Tick(end), 0, Ended{ErrSessionOver})
}
