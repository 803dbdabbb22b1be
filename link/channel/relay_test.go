package channel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world is a phone and a workstation that know each other, and between them a relay that is the enemy. It holds all that
// was ever sent, keys of its own, and the order of events.
type world struct {
	*rapid.T
	phoneKey, workstationKey, enemyKey Static
	seeds                              uint64
	now                                time.Time

	phone       *Phone
	workstation *Workstation
	twins       bool // the two hold the ends of one session

	toPhone, toWorkstation [][]byte // sent and not yet delivered
	sent                   [][]byte // everything sealed, of all sessions
	firsts, seconds        [][]byte // handshake messages of all sessions

	issued   map[uint32]Asked  // what the workstation asked in this session
	asked    map[uint32]bool   // what the phone was asked in this session
	answers  map[uint32][]byte // what the phone's user answered in this session
	answered map[uint32]bool   // what the workstation took as answer in this session
	waits    uint32            // the request the workstation's host waits for
	tally    *tally
}

// tally shows that the enemy let enough through for the property to mean something.
type tally struct{ asked, answered, ended, attacked int }

// TestHostileRelay: whatever the relay does, what the phone shows is what the workstation asked in this session, each
// once and before its deadline; and what the workstation takes is what the phone's user answered to that request.
func TestHostileRelay(t *testing.T) {
	phoneKey, workstationKey, enemyKey := static(t, 1), static(t, 2), static(t, 3)
	var all tally
	rapid.Check(t, func(t *rapid.T) {
		w := &world{T: t, phoneKey: phoneKey, workstationKey: workstationKey, enemyKey: enemyKey, now: t0, tally: &all}
		w.meet(false)
		for range rapid.IntRange(20, 100).Draw(t, "steps") {
			w.step()
		}
	})
	if all.asked < 100 || all.answered < 10 || all.ended < 20 || all.attacked < 40 {
		t.Errorf("too little happened: %+v", all)
	}
	t.Logf("%+v", all)
}

func (w *world) random() *rand.ChaCha8 {
	w.seeds++
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[8:], w.seeds)
	return rand.NewChaCha8(seed)
}

func (w *world) config(own Static, peer PublicKey) Config {
	return Config{Random: w.random(), Time: w.now, Static: own, Peer: peer, Prologue: prologue}
}

// meet begins a new session through the relay, which may put other messages in the place of either.
func (w *world) meet(hostile bool) {
	workstation := begin(w, NewWorkstationSession, w.config(w.workstationKey, w.phoneKey.Public()))
	phone := begin(w, NewPhoneSession, w.config(w.phoneKey, w.workstationKey.Public()))
	w.phone, w.workstation, w.twins = nil, nil, false
	w.toPhone, w.toWorkstation, w.waits = nil, nil, 0
	w.issued, w.asked, w.answers, w.answered = map[uint32]Asked{}, map[uint32]bool{}, map[uint32][]byte{}, map[uint32]bool{}

	first, err := workstation.Write()
	if err != nil {
		w.Fatal(err)
	}
	enemy := begin(w, NewWorkstationSession, w.config(w.enemyKey, w.phoneKey.Public()))
	forged, _ := enemy.Write()
	got := w.swap(hostile, first, w.firsts, forged)
	old := contains(w.firsts, got)
	w.firsts = append(w.firsts, first)
	var second []byte
	if err := phone.Read(got); err == nil {
		if !bytes.Equal(got, first) && !old {
			w.Fatal("the phone took a first message that no workstation sent")
		}
		if second, err = phone.Write(); err != nil {
			w.Fatal(err)
		}
		s, _ := phone.Done()
		if w.phone, err = NewPhone(s); err != nil {
			w.Fatal(err)
		}
	}
	forged = make([]byte, 48)
	_, _ = w.random().Read(forged)
	reply := w.swap(hostile, second, w.seconds, forged)
	if second != nil {
		w.seconds = append(w.seconds, second)
	}
	if err := workstation.Read(reply); err == nil {
		if second == nil || !bytes.Equal(reply, second) || !bytes.Equal(got, first) {
			w.Fatal("the workstation took a second message that the phone did not send to it")
		}
		s, _ := workstation.Done()
		if w.workstation, err = NewWorkstation(s); err != nil {
			w.Fatal(err)
		}
		w.twins = true
	}
}

func contains(all [][]byte, one []byte) bool {
	for _, b := range all {
		if bytes.Equal(b, one) {
			return true
		}
	}
	return false
}

// swap is the enemy's choice of what to deliver instead.
func (w *world) swap(hostile bool, genuine []byte, old [][]byte, forged []byte) []byte {
	if !hostile {
		return genuine
	}
	switch rapid.IntRange(0, 3).Draw(w.T, "swap") {
	case 0:
		if len(old) > 0 {
			return rapid.SampledFrom(old).Draw(w.T, "old")
		}
	case 1:
		if len(genuine) > 0 {
			return w.flip(genuine)
		}
	case 2:
		return forged
	}
	return genuine
}

func (w *world) flip(b []byte) []byte {
	b = bytes.Clone(b)
	b[rapid.IntRange(0, len(b)-1).Draw(w.T, "at")] ^= byte(rapid.IntRange(1, 255).Draw(w.T, "bits"))
	return b
}

// acts are what can happen, as often as they are named.
var acts = []string{
	"request", "request", "request", "request", "cancel", "decide", "decide", "decide", "decide", "time", "time",
	"deliver", "deliver", "deliver", "deliver", "deliver", "deliver", "deliver all", "deliver all", "deliver all",
	"attack", "meet", "meet",
}

func (w *world) step() {
	switch rapid.SampledFrom(acts).Draw(w.T, "act") {
	case "request":
		if !w.twins || w.workstation.ended || w.phone.ended {
			w.meet(false)
		}
		w.request()
	case "cancel":
		if w.workstation != nil {
			w.workstationDid(w.workstation.Cancel(w.now))
			w.waits = 0
		}
	case "decide":
		w.decide()
	case "time":
		w.now = w.now.Add(time.Duration(rapid.SampledFrom([]int{-3, 1, 5, 10, 70}).Draw(w.T, "seconds")) * time.Second)
		if w.phone != nil {
			w.phoneDid(w.phone.Tick(w.now))
		}
		if w.workstation != nil {
			w.workstationDid(w.workstation.Tick(w.now))
		}
	case "deliver":
		w.deliver()
	case "deliver all":
		for len(w.toPhone)+len(w.toWorkstation) > 0 {
			w.deliver()
		}
	case "attack":
		w.tally.attacked++
		w.attack()
	case "meet":
		w.meet(rapid.Bool().Draw(w.T, "hostile"))
	}
}

func (w *world) request() {
	if w.workstation == nil {
		return
	}
	deadline := w.now.Add(time.Duration(rapid.SampledFrom([]int{0, 1, 10, 60, 90, 300, 300, 300}).Draw(w.T, "good for")) * time.Second)
	ctap := binary.BigEndian.AppendUint64([]byte{2}, w.random().Uint64())
	number, s, err := w.workstation.Request(w.now, deadline, ctap, "portal")
	w.workstationDid(s)
	if err != nil {
		return
	}
	if _, twice := w.issued[number]; twice {
		w.Fatalf("number %d was given twice", number)
	}
	w.issued[number] = Asked{Number: number, Deadline: deadline, CTAP: ctap, Program: "portal"}
	w.waits = number
}

// decide lets the phone's user answer or refuse something, mostly what is open.
func (w *world) decide() {
	if w.phone == nil {
		return
	}
	number := w.phone.open
	if rapid.SampledFrom([]int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}).Draw(w.T, "other") == 9 {
		number = uint32(rapid.IntRange(0, 5).Draw(w.T, "number"))
	}
	if rapid.SampledFrom([]int{0, 1, 2, 3}).Draw(w.T, "refuse") == 3 {
		s, _ := w.phone.Refuse(w.now, number, ReasonNotAllowed)
		w.phoneDid(s)
		return
	}
	ctap := binary.BigEndian.AppendUint64([]byte{0}, w.random().Uint64())
	s, err := w.phone.Answer(w.now, number, ctap)
	if err == nil {
		if !w.asked[number] || w.answers[number] != nil {
			w.Fatalf("request %d could be answered", number)
		}
		w.answers[number] = ctap
	}
	w.phoneDid(s)
}

// deliver is the relay doing its work.
func (w *world) deliver() {
	queue, hit := &w.toPhone, w.hitPhone
	if len(*queue) == 0 || len(w.toWorkstation) > 0 && rapid.Bool().Draw(w.T, "to the workstation") {
		queue, hit = &w.toWorkstation, w.hitWorkstation
	}
	if len(*queue) > 0 {
		next := (*queue)[0]
		*queue = (*queue)[1:]
		hit(next)
	}
}

func (w *world) attack() {
	queue, hit := &w.toPhone, w.hitPhone
	if rapid.Bool().Draw(w.T, "at the workstation") {
		queue, hit = &w.toWorkstation, w.hitWorkstation
	}
	anything := func() []byte { return rapid.SampledFrom(w.sent).Draw(w.T, "sent") }
	switch how := rapid.SampledFrom([]int{0, 1, 2, 3, 4, 5, 6}).Draw(w.T, "how"); {
	case how == 0 && len(*queue) > 0: // drop
		*queue = (*queue)[1:]
	case how == 1 && len(*queue) > 1: // reorder
		(*queue)[0], (*queue)[1] = (*queue)[1], (*queue)[0]
	case how == 2 && len(w.sent) > 0: // repeat, reflect, serve an old session
		hit(anything())
	case how == 3 && len(w.sent) > 0: // flip
		hit(w.flip(anything()))
	case how == 4 && len(w.sent) > 0: // splice
		a, b := anything(), anything()
		cut := rapid.IntRange(0, min(len(a), len(b))).Draw(w.T, "cut")
		hit(append(bytes.Clone(a[:cut]), b[cut:]...))
	case how == 5: // its own session with the wrong key
		own := begin(w, NewWorkstationSession, w.config(w.enemyKey, w.phoneKey.Public()))
		other := begin(w, NewPhoneSession, w.config(w.phoneKey, w.enemyKey.Public()))
		if err := errors.Join(pass(own, other), pass(other, own)); err != nil {
			w.Fatal(err)
		}
		var s Step
		l := &line{session: done(w, own)}
		l.say(w.now, &s, Message{Kind: KindRequest, Number: 1, Deadline: w.now.Add(time.Minute), CTAP: []byte{4}})
		hit(s.Send[0])
	default: // noise
		b := make([]byte, rapid.IntRange(0, 600).Draw(w.T, "length"))
		_, _ = w.random().Read(b)
		hit(b)
	}
}

func (w *world) hitPhone(sealed []byte) {
	if w.phone != nil {
		w.phoneDid(w.phone.Receive(w.now, sealed))
	}
}

func (w *world) hitWorkstation(sealed []byte) {
	if w.workstation != nil {
		w.workstationDid(w.workstation.Receive(w.now, sealed))
	}
}

func (w *world) phoneDid(s Step) {
	w.toWorkstation, w.sent = append(w.toWorkstation, s.Send...), append(w.sent, s.Send...)
	for _, event := range s.Events {
		switch event := event.(type) {
		case Ended:
			w.tally.ended++
		case Asked:
			w.tally.asked++
			want, issued := w.issued[event.Number]
			same := want.Number == event.Number && want.Deadline.Equal(event.Deadline) && bytes.Equal(want.CTAP, event.CTAP) && want.Program == event.Program
			if !w.twins || !issued || !same {
				w.Fatalf("the phone shows %+v; the workstation asked %+v in this session", event, want)
			}
			if w.asked[event.Number] {
				w.Fatalf("the phone shows request %d again", event.Number)
			}
			if !w.now.Before(event.Deadline) {
				w.Fatalf("the phone shows request %d after its deadline", event.Number)
			}
			w.asked[event.Number] = true
		}
	}
}

func (w *world) workstationDid(s Step) {
	w.toPhone, w.sent = append(w.toPhone, s.Send...), append(w.sent, s.Send...)
	for _, event := range s.Events {
		switch event := event.(type) {
		case Ended:
			w.tally.ended++
		case Expired:
			w.waits = 0
		case Refused:
			w.waits = 0
		case Answered:
			w.tally.answered++
			if !w.twins || w.answers[event.Number] == nil || !bytes.Equal(w.answers[event.Number], event.CTAP) {
				w.Fatalf("the workstation took %+v; the phone answered %x", event, w.answers[event.Number])
			}
			if event.Number != w.waits || w.answered[event.Number] {
				w.Fatalf("the workstation took an answer to request %d, and waits for %d", event.Number, w.waits)
			}
			if !w.now.Before(w.issued[event.Number].Deadline) {
				w.Fatalf("the workstation took an answer to request %d after its deadline", event.Number)
			}
			w.answered[event.Number], w.waits = true, 0
		}
	}
}
