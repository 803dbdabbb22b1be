package workstation_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/workstation"
)

type (
	asked  = channel.Asked
	reason = channel.Reason
)

// opened is a request under way, and what it was told.
type opened struct {
	cancel context.CancelFunc
	done   chan struct{}
	ctap   []byte
	err    error

	mu      sync.Mutex
	numbers []string
	waits   []channel.Status
	wakes   int
	silent  int
}

func (o *opened) wait() ([]byte, error) {
	<-o.done
	return o.ctap, o.err
}

func (o *opened) open() bool {
	synctest.Wait()
	select {
	case <-o.done:
		return false
	default:
		return true
	}
}

// ask begins a request and returns when all have nothing more to do at once.
func (w *world) ask(d *desk, p *phone, change func(*workstation.Request)) *opened {
	ctx, cancel := context.WithCancel(w.ctx)
	o := &opened{cancel: cancel, done: make(chan struct{})}
	note := func(f func()) {
		o.mu.Lock()
		defer o.mu.Unlock()
		f()
	}
	r := workstation.Request{
		CTAP: []byte{4}, Program: "Edge",
		Asked:   func(n string) { note(func() { o.numbers = append(o.numbers, n) }) },
		Waiting: func(s channel.Status) { note(func() { o.waits = append(o.waits, s) }) },
		Waking:  func() { note(func() { o.wakes++ }) },
		Silent:  func() { note(func() { o.silent++ }) },
	}
	if change != nil {
		change(&r)
	}
	go func() {
		defer close(o.done)
		o.ctap, o.err = d.Request(ctx, p.id, r)
	}()
	synctest.Wait()
	return o
}

func wantRefusal(t testing.TB, err error, want channel.Reason) {
	t.Helper()
	if r := (*workstation.Refusal)(nil); !errors.As(err, &r) || r.Reason != want || r.Error() == "" {
		t.Fatalf("got %v, want a refusal %d", err, want)
	}
}

func TestOneRequestAtATime(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		first := w.ask(d, p, nil)
		if first.numbers == nil || first.numbers[0] != p.numbers[0] {
			t.Errorf("the workstation shows %q, the phone %q", first.numbers, p.numbers)
		}
		_, err := w.ask(d, p, nil).wait()
		wantRefusal(t, err, channel.ReasonBusy)
		time.Sleep(12 * time.Second)
		p.accept([]byte{0, 1})
		if ctap, err := first.wait(); err != nil || !slices.Equal(ctap, []byte{0, 1}) {
			t.Error(ctap, err)
		}
		if len(first.waits) < 3 || first.silent != 0 || first.wakes != 0 {
			t.Errorf("told %+v", first.waits)
		}
	})
}

func TestCancelAndAskAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		first := w.ask(d, p, nil)
		first.cancel()
		if _, err := first.wait(); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		second := w.ask(d, p, nil)
		if len(p.gone) != 1 || p.gone[0].Reason != channel.ReasonCancelled || len(p.asked) != 2 {
			t.Fatalf("the phone was asked %+v, and told of %+v", p.asked, p.gone)
		}
		p.accept([]byte{0, 2})
		if ctap, err := second.wait(); err != nil || !slices.Equal(ctap, []byte{0, 2}) {
			t.Error(ctap, err)
		}
	})
}

func TestRefusedLateAndSilent(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		for _, want := range []channel.Reason{channel.ReasonNotAllowed, channel.ReasonLocked, channel.ReasonBusy} {
			p.set(func() { p.answer = func(asked) ([]byte, reason) { return nil, want } })
			_, err := w.ask(d, p, nil).wait()
			wantRefusal(t, err, want)
		}
		p.set(func() { p.answer = nil })
		late := w.ask(d, p, func(r *workstation.Request) { r.Deadline = time.Now().Add(10 * time.Second) })
		_, err := late.wait()
		wantRefusal(t, err, channel.ReasonLate)
		if _, err := w.ask(d, p, func(r *workstation.Request) { r.Deadline = time.Now() }).wait(); err == nil {
			t.Error("a request was asked past its deadline")
		}
		// The phone's connection stalls without breaking.
		silent := w.ask(d, p, nil)
		p.set(func() {
			p.current = nil // its machine stands still, so nothing more is said
		})
		time.Sleep(channel.SilentAfter + time.Second)
		if synctest.Wait(); silent.silent != 1 || !silent.open() {
			t.Errorf("told of silence %d times", silent.silent)
		}
		_, err = silent.wait()
		wantRefusal(t, err, channel.ReasonLate)
	})
}

// TestWake: a request for a phone that is not there is a first message to it, which makes the control center wake it.
func TestWake(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		p.close()
		if got := d.only(); got.Presence != relay.Gone || got.Ready {
			t.Fatalf("%+v", got)
		}
		o := w.ask(d, p, nil)
		if o.wakes != 1 || !slices.Equal(w.woken, []string{string(p.id)}) || !o.open() {
			t.Fatalf("told %d times; woken %q", o.wakes, w.woken)
		}
		time.Sleep(30 * time.Second)
		if synctest.Wait(); w.wakes() != 1 {
			t.Errorf("woken %d times", w.wakes())
		}
		p.start()
		if len(o.numbers) != 1 || len(p.asked) != 1 {
			t.Fatalf("the workstation shows %q, the phone %+v", o.numbers, p.asked)
		}
		p.accept([]byte{0})
		if _, err := o.wait(); err != nil {
			t.Error(err)
		}
		// Nobody comes.
		p.close()
		began := time.Now()
		_, err := w.ask(d, p, func(r *workstation.Request) { r.Deadline = began.Add(time.Minute) }).wait()
		wantCode(t, err, postern.CodeLinkPeerGone)
		if waited := time.Since(began); waited < 59*time.Second || waited > time.Minute {
			t.Errorf("waited %s", waited)
		}
	})
}

// TestAway: the phone sleeps with its connection broken. What is asked lies at the relay, and is asked again of an app that
// begins anew.
func TestAway(t *testing.T) {
	for _, anew := range []bool{false, true} {
		inWorld(t, func(w *world) {
			d, p := w.start()
			p.setDown(true)
			synctest.Wait()
			if got := d.only(); got.Presence != relay.Away {
				t.Fatalf("%+v", got)
			}
			o := w.ask(d, p, nil)
			if o.wakes != 1 || w.wakes() != 1 || len(o.numbers) != 1 {
				t.Errorf("told %d times, woken %d times, shown %q", o.wakes, w.wakes(), o.numbers)
			}
			if anew {
				p.close()
			}
			p.setDown(false)
			if anew {
				p.start()
			}
			time.Sleep(40 * time.Second)
			synctest.Wait()
			want := 1
			if anew {
				want = 2
			}
			if len(p.asked) != 1 || len(o.numbers) != want || o.numbers[want-1] != p.numbers[0] {
				t.Fatalf("anew %t: the workstation shows %q, the phone %q", anew, o.numbers, p.numbers)
			}
			p.accept([]byte{0})
			if _, err := o.wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestVanished: a phone that took the request up and then vanished may have answered; nothing is asked twice.
func TestVanished(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		o := w.ask(d, p, nil)
		if len(o.waits) == 0 {
			t.Fatal("the phone did not say that it has the request")
		}
		p.close()
		if o.open() {
			t.Error("the request waits for a phone that may have answered it")
		}
		_, err := o.wait()
		wantCode(t, err, postern.CodeLinkPeerGone)
		p.start()
		p.set(func() { p.answer = func(asked) ([]byte, reason) { return []byte{0}, 0 } })
		if _, err := w.ask(d, p, nil).wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestConnectionBreaksUnderARequest(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		o := w.ask(d, p, nil)
		d.breaks()
		time.Sleep(10 * time.Second)
		p.accept([]byte{0, 7})
		if ctap, err := o.wait(); err != nil || !slices.Equal(ctap, []byte{0, 7}) || p.begun != 1 {
			t.Errorf("after it resumed: %x, %v, %d sessions", ctap, err, p.begun)
		}
		// Away for longer than the relay keeps its session.
		o = w.ask(d, p, nil)
		d.setDown(true)
		time.Sleep(70 * time.Second)
		if s := d.Status(); s.Connected || s.Problem == nil || s.Problem.Code != postern.CodeUnavailable {
			t.Errorf("%+v", s)
		}
		_, err := w.ask(d, p, nil).wait()
		wantRefusal(t, err, channel.ReasonBusy)
		d.setDown(false)
		_, err = o.wait()
		wantCode(t, err, postern.CodeLinkSessionGone)
		time.Sleep(time.Minute)
		synctest.Wait()
		if s := d.Status(); !s.Connected || s.Problem != nil || !s.Phones[0].Ready {
			t.Errorf("%+v", s)
		}
		d.setDown(true)
		synctest.Wait()
		began := time.Now()
		_, err = w.ask(d, p, nil).wait()
		if wantCode(t, err, postern.CodeUnavailable); time.Since(began) > 5*time.Second {
			t.Errorf("waited %s for a connection", time.Since(began))
		}
	})
}

// TestOver: the phone lost its session, or says so. A new one is begun at most every five seconds, and what the phone had
// not taken up is asked in it.
func TestOver(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		p.set(p.drop)
		o := w.ask(d, p, nil)
		if !o.open() {
			t.Fatal(o.wait())
		}
		time.Sleep(channel.OverEvery)
		synctest.Wait()
		if len(p.asked) != 1 || p.begun != 2 || len(o.numbers) != 2 || o.numbers[1] != p.numbers[0] {
			t.Fatalf("asked %d times in %d sessions; shown %q and %q", len(p.asked), p.begun, o.numbers, p.numbers)
		}
		p.accept([]byte{0})
		if _, err := o.wait(); err != nil {
			t.Error(err)
		}
		before := p.begun
		for range 100 {
			p.set(func() { p.send(string(p.desk), channel.PayloadOver, nil) })
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(channel.OverEvery)
		synctest.Wait()
		if n := p.begun - before; n < 1 || n > 3 {
			t.Errorf("%d sessions were begun in 15 seconds", n)
		}
		if !d.only().Ready {
			t.Error("there is no session")
		}
	})
}

func TestGarbageEndsTheSession(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		o := w.ask(d, p, nil)
		p.set(func() { p.send(string(p.desk), channel.PayloadSealed, make([]byte, 272)) })
		_, err := o.wait()
		wantCode(t, err, postern.CodeLinkSessionGone)
		p.set(func() { p.answer = func(asked) ([]byte, reason) { return []byte{0}, 0 } })
		if _, err := w.ask(d, p, nil).wait(); err != nil || p.begun != 2 {
			t.Errorf("%v, %d sessions", err, p.begun)
		}
		for _, payload := range [][]byte{{9, 9}, {2, 1, 2, 3}, {1, 1}, {4, 4}, {3}} {
			p.set(func() { _ = p.client.Send(w.ctx, string(p.desk), payload) })
		}
		time.Sleep(channel.OverEvery)
		if _, err := w.ask(d, p, nil).wait(); err != nil && !postern.IsCode(err, postern.CodeLinkSessionGone) {
			t.Error(err)
		}
	})
}

// TestRenewal: before a session is too old, another takes its place, and no request notices, however long it takes and
// however soon the next one comes.
func TestRenewal(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		for range 30 * 12 {
			o := w.ask(d, p, func(r *workstation.Request) { r.Deadline = time.Now().Add(channel.MaxDeadline) })
			time.Sleep(4 * time.Minute)
			p.accept([]byte{0})
			if _, err := o.wait(); err != nil || len(o.numbers) != 1 {
				t.Fatalf("%v, asked %d times", err, len(o.numbers))
			}
			time.Sleep(57 * time.Second) // twelve hours are no multiple of the whole
		}
		if p.begun < 3 || p.begun > 4 {
			t.Errorf("%d sessions in 30 hours", p.begun)
		}
		if s := d.Status(); len(s.Phones) != 1 || !s.Phones[0].Ready {
			t.Errorf("%+v", s)
		}
	})
}

func TestPolicyRefuses(t *testing.T) {
	for _, code := range []postern.Code{postern.CodeIntegrationDisabled, postern.CodeUserSuspended, postern.CodeFlagOff, postern.CodeDomainRefused} {
		inWorld(t, func(w *world) {
			d, p := w.start()
			o := w.ask(d, p, nil)
			w.bar(code, string(w.desk.ID), string(p.id))
			if _, err := o.wait(); err == nil {
				t.Error("the request was answered")
			}
			time.Sleep(2 * time.Second)
			_, err := w.ask(d, p, nil).wait()
			wantCode(t, err, code)
			n := d.only().Notice
			if want := postern.Errorf(code, ""); n == nil || n.Code != code || n.Message != want.Message || n.Next != want.Next {
				t.Errorf("%s: %+v", code, n)
			}
			w.bar("", string(w.desk.ID), string(p.id))
			p.set(func() { p.answer = func(asked) ([]byte, reason) { return []byte{0}, 0 } })
			time.Sleep(2 * time.Second)
			if _, err := w.ask(d, p, nil).wait(); err != nil || d.only().Notice != nil {
				t.Errorf("%s: %v, %+v", code, err, d.only().Notice)
			}
		})
	}
}

func TestNobodyAnswersTheHandshake(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		p.close()
		p.deaf = true
		p.start()
		began := time.Now()
		_, err := w.ask(d, p, nil).wait()
		wantCode(t, err, postern.CodeLinkPeerGone)
		if waited := time.Since(began); waited > 30*time.Second {
			t.Errorf("waited %s", waited)
		}
		p.set(func() { p.deaf, p.answer = false, func(asked) ([]byte, reason) { return []byte{0}, 0 } })
		if _, err := w.ask(d, p, nil).wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestRequestForm(t *testing.T) {
	inWorld(t, func(w *world) {
		d := w.enrol()
		_, err := d.Request(w.ctx, "phn_x", workstation.Request{CTAP: []byte{4}})
		wantCode(t, err, postern.CodeNotPaired)
		for _, size := range []int{0, channel.MaxCTAP + 1} {
			_, err = d.Request(w.ctx, "phn_x", workstation.Request{CTAP: make([]byte, size)})
			wantCode(t, err, postern.CodeTooLarge)
		}
	})
}
