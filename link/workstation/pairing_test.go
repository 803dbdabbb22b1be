package workstation_test

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/workstation"
)

func (w *world) pairing(d *desk, typed bool) *workstation.Pairing {
	w.t.Helper()
	p, err := d.Pair(w.ctx, typed)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// pending counts the pairings that the control center holds open.
func (w *world) pending() (n int) {
	synctest.Wait()
	w.center.mu.Lock()
	defer w.center.mu.Unlock()
	for _, p := range w.pairings {
		if p.State == postern.PairingPending && time.Now().Before(p.ExpiresAt) {
			n++
		}
	}
	return n
}

// nothingKept checks that a pairing that failed left nothing behind.
func (w *world) nothingKept(d *desk) {
	w.t.Helper()
	if s := d.Status(); len(s.Phones) != 0 || len(d.keeper.last(w.t).Phones) != 0 || w.pending() != 0 {
		w.t.Errorf("left: %+v, %+v, %d pairings pending", s.Phones, d.keeper.last(w.t).Phones, w.pending())
	}
}

func TestPairTyped(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.enrol(), w.phone("Alice's phone")
		w.taken = 2 // the ids of the first two codes belong to somebody else's
		pairing := w.pairing(d, true)
		if pairing.URL() != "" || len(pairing.Code()) != 14 || time.Until(pairing.Expires()) > time.Minute {
			t.Errorf("%q, %q, %s", pairing.URL(), pairing.Code(), pairing.Expires())
		}
		if err := p.scan(strings.ToLower(pairing.Code())); err != nil {
			t.Fatal(err)
		}
		c, err := pairing.Wait(w.ctx)
		if err != nil || c.Digits != p.digits() || c.Software != "phone 1" {
			t.Fatalf("%+v, %v; the phone shows %s", c, err, p.digits())
		}
		// The workstation confirms first, and the phone later.
		done := make(chan error, 1)
		go func() { done <- pairing.Confirm(w.ctx) }()
		time.Sleep(20 * time.Second)
		if len(d.Status().Phones) != 0 || len(d.keeper.last(t).Phones) != 1 {
			t.Errorf("while it is confirmed: %+v, kept %+v", d.Status(), d.keeper.last(t))
		}
		if err := d.Refresh(w.ctx); err != nil || len(d.keeper.last(t).Phones) != 1 {
			t.Error("a refresh forgot the pairing that is being made", err)
		}
		p.confirm()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if !d.only().Ready {
			t.Errorf("%+v", d.only())
		}
		pairing.Close()
		if err := pairing.Refuse(w.ctx); err != nil || w.state(d.only().Pairing) != postern.PairingActive {
			t.Error("closing ended a pairing that was done", err)
		}
	})
}

func TestTypedGivesUpDrawing(t *testing.T) {
	inWorld(t, func(w *world) {
		d := w.enrol()
		w.taken = 100
		_, err := d.Pair(w.ctx, true)
		wantCode(t, err, postern.CodeConflict)
		if w.taken > 95 {
			t.Errorf("drew %d times", 100-w.taken)
		}
		w.taken = 1
		_, err = d.Pair(w.ctx, false)
		wantCode(t, err, postern.CodeConflict)
	})
}

// TestDigitsOnlyAfterTheNonce: before the phone's third message there is nothing to compare.
func TestDigitsOnlyAfterTheNonce(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.enrol(), w.phone("Alice's phone")
		pairing := w.pairing(d, false)
		p.set(func() { p.deaf = true }) // the phone's answer never comes
		if err := p.scan(pairing.URL()); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		short, cancel := context.WithTimeout(w.ctx, 30*time.Second)
		defer cancel()
		if c, err := pairing.Wait(short); !errors.Is(err, context.DeadlineExceeded) || c.Digits != "" {
			t.Errorf("%+v, %v", c, err)
		}
		wantCode(t, pairing.Confirm(w.ctx), postern.CodePairingState)
		_, err := pairing.Wait(w.ctx)
		wantCode(t, err, postern.CodePairingExpired)
		if lasted := time.Since(began).Round(time.Second); lasted > 3*time.Minute || lasted < 3*time.Minute-2*time.Second {
			t.Errorf("expired after %s", lasted)
		}
		w.nothingKept(d)
	})
}

func TestNobodyScans(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.enrol(), w.phone("Alice's phone")
		began := time.Now()
		pairing := w.pairing(d, false)
		_, err := pairing.Wait(w.ctx)
		wantCode(t, err, postern.CodePairingExpired)
		if lasted := time.Since(began).Round(time.Second); lasted != time.Minute && lasted != 59*time.Second {
			t.Errorf("expired after %s", lasted)
		}
		if err := p.scan(pairing.URL()); err == nil {
			t.Error("an expired code was opened")
		}
		w.nothingKept(d)
	})
}

// TestFirstMessageLost: a phone that came to the control center and was never heard here learns there that the pairing is over.
func TestFirstMessageLost(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.enrol(), w.phone("Alice's phone")
		pairing := w.pairing(d, false)
		_, i, err := channel.ParseInvitation(pairing.URL(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.join(postern.NewPairingID(i.PairingID), p.id); err != nil {
			t.Fatal(err)
		}
		_, err = pairing.Wait(w.ctx)
		wantCode(t, err, postern.CodePairingExpired)
		time.Sleep(time.Second)
		w.nothingKept(d)
	})
}

func TestPairingRefused(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.enrol(), w.phone("Alice's phone")
		met := func() *workstation.Pairing {
			time.Sleep(time.Minute) // the relay lets a phone come to four rendezvous in three minutes
			pairing := w.pairing(d, false)
			if err := p.scan(pairing.URL()); err != nil {
				t.Fatal(err)
			}
			if _, err := pairing.Wait(w.ctx); err != nil {
				t.Fatal(err)
			}
			return pairing
		}
		confirming := func(pairing *workstation.Pairing, ctx context.Context) chan error {
			done := make(chan error, 1)
			go func() { done <- pairing.Confirm(ctx) }()
			synctest.Wait()
			return done
		}
		// At the workstation, before and while it is confirmed.
		a := met()
		if err := a.Refuse(w.ctx); err != nil || w.state(p.pairing) != postern.PairingEnded {
			t.Errorf("%v, %s", err, w.state(p.pairing))
		}
		wantCode(t, a.Confirm(w.ctx), postern.CodePairingOver)
		w.nothingKept(d)
		b := met()
		done := confirming(b, w.ctx)
		b.Close()
		wantCode(t, <-done, postern.CodePairingOver)
		w.nothingKept(d)
		// By whoever waited.
		ctx, cancel := context.WithCancel(w.ctx)
		done = confirming(met(), ctx)
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		w.nothingKept(d)
		// On the phone.
		done = confirming(met(), w.ctx)
		w.end(p.pairing, postern.PairingEndRefused)
		wantCode(t, <-done, postern.CodePairingOver)
		w.nothingKept(d)
		// By nobody, in time.
		calls := w.called("")
		done = confirming(met(), w.ctx)
		wantCode(t, <-done, postern.CodePairingExpired)
		w.nothingKept(d)
		if n := w.called("") - calls; n > 300 {
			t.Errorf("the control center was asked %d times in three minutes", n)
		}
		// What cannot be kept is not confirmed.
		c := met()
		before := w.called("confirmation")
		d.keeper.err = errors.New("the disk is full")
		if err := c.Confirm(w.ctx); err == nil || w.called("confirmation") != before {
			t.Error(err)
		}
		d.keeper.err = nil
		w.nothingKept(d)
	})
}

// TestAnotherPhoneAtTheCenter: the phone of the handshake must be the one that the control center knows.
func TestAnotherPhoneAtTheCenter(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.enrol(), w.phone("Alice's phone")
		pairing := w.pairing(d, false)
		if err := p.scan(pairing.URL()); err != nil {
			t.Fatal(err)
		}
		if _, err := pairing.Wait(w.ctx); err != nil {
			t.Fatal(err)
		}
		w.center.mu.Lock()
		w.pairings[p.pairing].PhoneID = postern.NewID[postern.PhoneID](postern.PrefixPhone)
		w.center.mu.Unlock()
		wantCode(t, pairing.Confirm(w.ctx), postern.CodePairingTaken)
		w.nothingKept(d)
	})
}

func TestTwoPairingsAtOnce(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.enrol(), w.phone("Alice's phone")
		first := w.pairing(d, false)
		second := w.pairing(d, false)
		_, err := first.Wait(w.ctx)
		wantCode(t, err, postern.CodePairingOver)
		if w.pending() != 1 {
			t.Errorf("%d are open", w.pending())
		}
		if err := p.scan(second.URL()); err != nil {
			t.Fatal(err)
		}
		if _, err := second.Wait(w.ctx); err != nil {
			t.Fatal(err)
		}
		done := make(chan error, 1)
		go func() { done <- second.Confirm(w.ctx) }()
		synctest.Wait()
		_, err = d.Pair(w.ctx, false)
		wantCode(t, err, postern.CodeConflict)
		p.confirm()
		if err := <-done; err != nil {
			t.Error(err)
		}
		for range 10 { // however often a page is opened, the control center holds one
			w.pairing(d, false)
			synctest.Wait()
		}
	})
}

func TestPairedAgain(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		before := d.only().Pairing
		o := w.ask(d, p, nil)
		w.pair(d, p)
		if _, err := o.wait(); err == nil {
			t.Error("a request outlived its pairing")
		}
		after := d.only()
		if after.Pairing == before || w.state(before) != postern.PairingEnded || len(d.keeper.last(t).Phones) != 1 {
			t.Fatalf("%+v, kept %+v", after, d.keeper.last(t).Phones)
		}
		p.set(func() { p.answer = func(asked) ([]byte, reason) { return []byte{0}, 0 } })
		if _, err := w.ask(d, p, nil).wait(); err != nil {
			t.Error(err)
		}
	})
}

func TestPairingOverABrokenConnection(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.enrol(), w.phone("Alice's phone")
		pairing := w.pairing(d, false)
		w.hub.Cut(w.ctx, string(w.desk.ID)) // the session at the relay is lost, and the rendezvous with it
		time.Sleep(5 * time.Second)
		if s := d.Status(); !s.Connected {
			t.Fatalf("%+v", s)
		}
		if err := p.scan(pairing.URL()); err != nil {
			t.Fatal(err)
		}
		c, err := pairing.Wait(w.ctx)
		if err != nil || c.Digits != p.digits() {
			t.Fatalf("%+v, %v", c, err)
		}
		// Once the digits are known, the relay is not needed.
		d.setDown(true)
		p.confirm()
		if err := pairing.Confirm(w.ctx); err != nil {
			t.Error(err)
		}
		d.setDown(false)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if !d.only().Ready {
			t.Errorf("%+v", d.only())
		}
	})
}

// TestConnectionLostBetweenTheMessages: a code is good for one handshake, which cannot go on.
func TestConnectionLostBetweenTheMessages(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.enrol(), w.phone("Alice's phone")
		pairing := w.pairing(d, false)
		p.set(func() { p.deaf = true })
		if err := p.scan(pairing.URL()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.hub.Cut(w.ctx, string(w.desk.ID))
		_, err := pairing.Wait(w.ctx)
		wantCode(t, err, postern.CodeLinkSessionGone)
		w.nothingKept(d)
	})
}

func TestPairWithoutConnection(t *testing.T) {
	inWorld(t, func(w *world) {
		d := w.enrol()
		d.setDown(true)
		time.Sleep(2 * time.Minute)
		began := time.Now()
		_, err := d.Pair(w.ctx, false)
		if wantCode(t, err, postern.CodeUnavailable); time.Since(began) > 15*time.Second {
			t.Errorf("waited %s", time.Since(began))
		}
		w.nothingKept(d)
		w.away = true
		_, err = d.Pair(w.ctx, false)
		wantCode(t, err, postern.CodeUnavailable)
	})
}

// TestStranger sends to a rendezvous what no phone sends that read the code.
func TestStranger(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.enrol(), w.phone("Mallory's phone")
		pairing := w.pairing(d, false)
		_, i, err := channel.ParseInvitation(pairing.URL(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.join(postern.NewPairingID(i.PairingID), p.id); err != nil {
			t.Fatal(err)
		}
		p.set(func() { p.send(relay.PairingID(i.PairingID).Peer(), channel.PayloadPairing, make([]byte, 200)) })
		_, err = pairing.Wait(w.ctx)
		wantCode(t, err, postern.CodePairingState)
		w.nothingKept(d)
	})
}

// TestHalfConfirmed: the workstation ended between keeping the phone and hearing that the pairing is active.
func TestHalfConfirmed(t *testing.T) {
	for _, active := range []bool{true, false} {
		inWorld(t, func(w *world) {
			d, p := w.enrol(), w.phone("Alice's phone")
			pairing := w.pairing(d, false)
			if err := p.scan(pairing.URL()); err != nil {
				t.Fatal(err)
			}
			if _, err := pairing.Wait(w.ctx); err != nil {
				t.Fatal(err)
			}
			go func() { _ = pairing.Confirm(w.ctx) }()
			synctest.Wait()
			kept := d.keeper.last(t)
			d.setDown(true)
			d.stop()
			<-d.ended
			if active {
				p.confirm()
			} else {
				w.end(p.pairing, postern.PairingEndPhone)
			}
			again := &desk{wire: &wire{w: w}, keeper: d.keeper}
			var err error
			if again.Workstation, err = workstation.Open(kept, w.env(again)); err != nil {
				t.Fatal(err)
			}
			again.run()
			if s := again.Status(); len(s.Phones) != map[bool]int{true: 1}[active] {
				t.Errorf("active %t: %+v", active, s)
			}
		})
	}
}

// TestKeyLost: a state from before the pairing. The phone is shown, and can be removed or paired again.
func TestKeyLost(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		d.stop()
		<-d.ended
		old := d.keeper.last(t)
		old.Phones = nil
		again := &desk{wire: &wire{w: w}, keeper: d.keeper}
		var err error
		if again.Workstation, err = workstation.Open(old, w.env(again)); err != nil {
			t.Fatal(err)
		}
		again.run()
		if got := again.only(); got.Ready || got.Notice == nil || got.Notice.Code != postern.CodeNotPaired || got.Pairing != p.pairing {
			t.Errorf("%+v", got)
		}
		w.pair(again, p)
		if !again.only().Ready {
			t.Errorf("%+v", again.only())
		}
		if err := again.Unpair(w.ctx, again.only().Pairing); err != nil || len(again.Status().Phones) != 0 {
			t.Errorf("%v, %+v", err, again.Status())
		}
	})
}

// dashes makes the first ids that are drawn begin with a dash.
type dashes struct {
	io.Reader
	left int
}

func (d *dashes) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if len(p) == 16 && d.left > 0 {
		d.left--
		p[0] = 62 << 2
	}
	return n, err
}

// TestPairingIDIsNoFlag: an id can be given to a command as it stands.
func TestPairingIDIsNoFlag(t *testing.T) {
	inWorld(t, func(w *world) {
		d := &desk{wire: &wire{w: w}, keeper: &keeper{}}
		d.env = w.env(d)
		random := &dashes{Reader: w.random()}
		d.env.Random = random
		var err error
		if d.Workstation, err = workstation.Enrol(w.ctx, enrolment, d.env); err != nil {
			t.Fatal(err)
		}
		d.run()
		random.left = 2
		p := w.pairing(d, false)
		_, i, err := channel.ParseInvitation(p.URL(), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		if id := postern.NewPairingID(i.PairingID); id[0] == '-' || random.left != 0 {
			t.Errorf("%s, and %d draws of a dash are left", id, random.left)
		}
	})
}
