package workstation_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/workstation"
)

func TestEnrolKeepsTheKeysBeforeItAsks(t *testing.T) {
	inWorld(t, func(w *world) {
		d := &desk{wire: &wire{w: w}, keeper: &keeper{}}
		env := w.env(d)
		w.lose = "/workstation/v1/enrolments"
		_, err := workstation.Enrol(w.ctx, enrolment, env)
		wantCode(t, err, postern.CodeUnavailable)
		begun := d.keeper.last(t)
		if begun.ID != "" || len(begun.IdentityKey) != 32 || len(begun.LinkKey) != 32 || begun.Server != origin {
			t.Fatalf("kept %+v", begun)
		}
		if _, err := workstation.Open(begun, env); !errors.Is(err, workstation.ErrUnfinished) {
			t.Fatal(err)
		}
		known := w.desk.ID
		again := enrolment
		again.Begun = begun
		ws, err := workstation.Enrol(w.ctx, again, env)
		if err != nil {
			t.Fatal(err)
		}
		s := ws.Status()
		if s.ID != known || s.Application != "Contoso" || s.Name != "Desk" || s.Server != origin {
			t.Errorf("%+v", s)
		}
		kept := d.keeper.last(t)
		if kept.ID != known || !slices.Equal(kept.IdentityKey, begun.IdentityKey) || kept.IntegrationID != integration.ID {
			t.Errorf("kept %+v", kept)
		}
		// The keys belong to one server.
		again.Server = "https://other.example.com"
		_, err = workstation.Enrol(w.ctx, again, env)
		wantCode(t, err, postern.CodeUnavailable)
		if slices.Equal(d.keeper.last(t).IdentityKey, begun.IdentityKey) {
			t.Error("the keys were used for another server")
		}
	})
}

func TestNothingIsAskedThatCouldNotBeKept(t *testing.T) {
	inWorld(t, func(w *world) {
		d := &desk{wire: &wire{w: w}, keeper: &keeper{err: errors.New("the disk is full")}}
		if _, err := workstation.Enrol(w.ctx, enrolment, w.env(d)); err == nil || len(w.calls) != 0 {
			t.Errorf("%v, after %q", err, w.calls)
		}
	})
}

func TestServerAddress(t *testing.T) {
	for _, server := range []string{"", "postern.example.com", "ftp://x", "https://x/path", "https://u@x", "https://x?y", "http://x"} {
		in := enrolment
		in.Server = server
		_, err := workstation.Enrol(t.Context(), in, workstation.Env{Keeper: &keeper{}})
		if e := postern.AsError(err); e.Code != postern.CodeInvalid || e.Field != "server" {
			t.Errorf("%q: %v", server, err)
		}
	}
}

func TestPairAndAsk(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		if d.urls[0] != "wss://postern.example.com/link/v1" {
			t.Errorf("dialled %q", d.urls)
		}
		got := d.only()
		want := workstation.Phone{
			Pairing: p.pairing, ID: p.id, Name: p.name, UPN: "alice@contoso.com", User: "Alice", Phase: postern.PhasePaired,
			Incomplete: true, Presence: relay.Present, Ready: true, Paired: got.Paired, Told: true,
		}
		if diff := cmp.Diff(want, got); diff != "" || got.Paired.IsZero() {
			t.Error(diff)
		}
		p.set(func() { p.answer = func(a asked) ([]byte, reason) { return append([]byte{0}, a.CTAP...), 0 } })
		for range 3 {
			var number string
			ctap, err := d.Request(w.ctx, p.id, workstation.Request{CTAP: []byte{4}, Program: "Edge", Asked: func(n string) { number = n }})
			if err != nil || !slices.Equal(ctap, []byte{0, 4}) {
				t.Fatal(ctap, err)
			}
			if last := p.numbers[len(p.numbers)-1]; number != "" && number != last || p.asked[len(p.asked)-1].Program != "Edge" {
				t.Errorf("the workstation shows %q, the phone %q", number, last)
			}
		}
		if p.begun != 1 {
			t.Errorf("%d sessions were begun", p.begun)
		}
	})
}

func TestTakenUpFromItsState(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		d.stop()
		<-d.ended
		if !errors.Is(d.err, context.Canceled) {
			t.Errorf("Run: %v", d.err)
		}
		_, err := d.Request(w.ctx, p.id, workstation.Request{CTAP: []byte{4}})
		wantCode(t, err, postern.CodeUnavailable)
		again := &desk{wire: &wire{w: w}, keeper: d.keeper}
		if again.Workstation, err = workstation.Open(d.keeper.last(t), w.env(again)); err != nil {
			t.Fatal(err)
		}
		if got := again.only(); got.UPN != "alice@contoso.com" || got.Presence != relay.Gone {
			t.Errorf("before it runs: %+v", got)
		}
		again.run()
		if got := again.only(); !got.Ready {
			t.Errorf("%+v", got)
		}
	})
}

func TestUnpairFromEitherEnd(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		id := d.only().Pairing
		w.away = true
		wantCode(t, d.Unpair(w.ctx, id), postern.CodeUnavailable)
		d.only()
		w.away = false
		if err := d.Unpair(w.ctx, id); err != nil {
			t.Fatal(err)
		}
		if s := d.Status(); len(s.Phones) != 0 || len(d.keeper.last(t).Phones) != 0 || w.state(id) != postern.PairingEnded {
			t.Errorf("%+v", s)
		}
		_, err := d.Request(w.ctx, p.id, workstation.Request{CTAP: []byte{4}})
		wantCode(t, err, postern.CodeNotPaired)

		w.pair(d, p)
		open := w.ask(d, p, nil)
		w.end(d.only().Pairing, postern.PairingEndPhone)
		_, err = open.wait()
		if !postern.IsCode(err, postern.CodePairingOver) && !postern.IsCode(err, postern.CodeLinkPeerGone) {
			t.Errorf("a request at the end of its pairing: %v", err)
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if s := d.Status(); len(s.Phones) != 0 || len(d.keeper.last(t).Phones) != 0 {
			t.Errorf("%+v", s)
		}
	})
}

func TestLeaveAndRevoked(t *testing.T) {
	inWorld(t, func(w *world) {
		d, _ := w.start()
		if err := d.Leave(w.ctx); err != nil {
			t.Fatal(err)
		}
		<-d.ended
		wantCode(t, d.err, postern.CodeWorkstationRevoked)
		if s := d.Status(); s.Connected || s.Problem == nil || s.Problem.Code != postern.CodeWorkstationRevoked {
			t.Errorf("%+v", s)
		}
	})
}

func TestUpdate(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		if err := d.Update(w.ctx, postern.WorkstationUpdate{Name: "Reception", Software: "test 2"}); err != nil {
			t.Fatal(err)
		}
		if s := d.Status(); s.Name != "Reception" || d.keeper.last(t).Software != "test 2" || w.desk.Name != "Reception" || !d.only().Ready || p.begun != 1 {
			t.Errorf("%+v", s)
		}
	})
}

// TestWrongClock: the relay says only that the clock is wrong. The control center tells the time, and both proofs and
// deadlines keep to it from then on.
func TestWrongClock(t *testing.T) {
	inWorld(t, func(w *world) {
		d := &desk{wire: &wire{w: w}, keeper: &keeper{}}
		env := w.env(d)
		env.Now = func() time.Time { return time.Now().Add(-time.Hour) }
		var err error
		if d.Workstation, err = workstation.Enrol(w.ctx, enrolment, env); err != nil {
			t.Fatal(err)
		}
		d.run()
		time.Sleep(5 * time.Second)
		if s := d.Status(); !s.Connected || s.Problem != nil {
			t.Fatalf("%+v", s)
		}
		p := w.phone("Alice's phone")
		w.pair(d, p)
		p.set(func() { p.answer = func(asked) ([]byte, reason) { return []byte{0}, 0 } })
		if _, err := d.Request(w.ctx, p.id, workstation.Request{CTAP: []byte{4}, Deadline: env.Now().Add(time.Minute)}); err != nil {
			t.Error(err)
		}
	})
}

func TestChangedLosesNothing(t *testing.T) {
	inWorld(t, func(w *world) {
		d := w.enrol()
		var names []string
		watching, stop := context.WithCancel(w.ctx)
		done := make(chan struct{})
		go func() {
			defer close(done)
			for {
				changed := d.Changed()
				names = append(names, d.Status().Name)
				select {
				case <-changed:
				case <-watching.Done():
					return
				}
			}
		}()
		for _, name := range []string{"One", "Two", "Three"} {
			if err := d.Update(w.ctx, postern.WorkstationUpdate{Name: name}); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if names[len(names)-1] != name {
				t.Errorf("saw %q", names)
			}
		}
		stop()
		<-done
	})
}

func TestStatusIsACopy(t *testing.T) {
	inWorld(t, func(w *world) {
		d, _ := w.start()
		w.bar(postern.CodeUserSuspended, string(w.desk.ID))
		time.Sleep(2 * time.Second)
		a := d.Status()
		if a.Phones[0].Notice == nil || a.Phones[0].Notice.Code != postern.CodeUserSuspended {
			t.Fatalf("%+v", a)
		}
		a.Phones[0].Notice.Message, a.Phones[0].Name = "changed", "changed"
		if b := d.only(); b.Name == "changed" || b.Notice.Message == "changed" {
			t.Error("a screen can change what is known")
		}
	})
}

func TestStateHoldsWhatItSays(t *testing.T) {
	inWorld(t, func(w *world) {
		d, p := w.start()
		for _, saved := range d.keeper.saved {
			var s workstation.State
			if err := json.Unmarshal([]byte(saved), &s); err != nil || strings.Contains(saved, origin+"/") {
				t.Errorf("%v: %s", err, saved)
			}
		}
		public := p.static.Public()
		if k := d.keeper.last(t).Phones; len(k) != 1 || k[0].PhoneID != p.id || !slices.Equal(k[0].LinkKey, public[:]) {
			t.Errorf("%+v", k)
		}
	})
}
