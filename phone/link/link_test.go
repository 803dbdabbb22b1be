package link

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
)

// wants holds what was heard, but for that the phone is at work, to what is wanted.
func (d *desk) wants(what string, events ...any) {
	d.w.t.Helper()
	heard := slices.DeleteFunc(d.heard(), func(e any) bool { w, ok := e.(channel.Waiting); return ok && w.Status == channel.StatusProcessing })
	if diff := cmp.Diff(events, heard, cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) })); diff != "" {
		d.w.t.Errorf("%s (-want +heard):\n%s", what, diff)
	}
}

// TestRequests: one request at a time for the whole phone, answered in the session it came in.
func TestRequests(t *testing.T) {
	inWorld(t, func(w *world) {
		one, two := w.desk(), w.desk()
		one.begin()
		two.begin()
		n := one.ask("hello", time.Minute)
		one.wants("a request", channel.Answered{Number: n, CTAP: []byte("\x00hello")})
		var got *Request
		release := make(chan struct{})
		w.answers(func(_ context.Context, r *Request) Answer {
			got = r
			r.Waiting(true)
			<-release
			return Answer{CTAP: []byte{0}}
		})
		n = one.ask("wait", time.Minute)
		if got == nil || got.Workstation != one.paired.ID || got.Pairing != one.paired.Pairing || string(got.CTAP) != "wait" || got.Program != "a program" || len(got.Number) != 2 {
			t.Fatalf("the request is %+v", got)
		}
		one.wants("a question to the user", channel.Waiting{Number: n, Status: channel.StatusUPNeeded})
		other := two.ask("too", time.Minute)
		two.wants("another's while one is open", channel.Refused{Number: other, Reason: channel.ReasonBusy})
		close(release)
		one.wants("the answer", channel.Answered{Number: n, CTAP: []byte{0}})
		w.answers(func(context.Context, *Request) Answer { return Answer{Reason: channel.ReasonLocked} })
		other = two.ask("again", time.Minute)
		two.wants("a refusal", channel.Refused{Number: other, Reason: channel.ReasonLocked})
		w.answers(func(context.Context, *Request) Answer { return Answer{} })
		other = two.ask("again", time.Minute)
		two.wants("an answer that is none", channel.Refused{Number: other, Reason: channel.ReasonNotAllowed})
	})
}

// TestGivenUp: what the workstation gave up, what came too late and what belonged to a session that is over has its
// handler told why, and holds up nobody.
func TestGivenUp(t *testing.T) {
	inWorld(t, func(w *world) {
		d, other := w.desk(), w.desk()
		d.begin()
		other.begin()
		causes := make(chan error, 1)
		slow := func(ctx context.Context, _ *Request) Answer {
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return Answer{CTAP: []byte("nobody waits for it")}
		}
		quick := func(context.Context, *Request) Answer { return Answer{CTAP: []byte{0}} }
		why := func(what string, want error) {
			t.Helper()
			synctest.Wait()
			select {
			case got := <-causes:
				if !errors.Is(got, want) {
					t.Errorf("%s: the cause is %v", what, got)
				}
			default:
				t.Fatalf("%s: the handler was not told", what)
			}
			w.answers(quick)
			d.heard()
			n := other.ask("next", time.Minute)
			other.wants("the next after "+what, channel.Answered{Number: n, CTAP: []byte{0}})
			w.answers(slow)
		}
		w.answers(slow)
		d.ask("cancelled", time.Minute)
		d.mu.Lock()
		d.follow(d.machine.Cancel(time.Now()))
		d.mu.Unlock()
		why("a cancel", ErrCancelled)
		d.ask("late", 10*time.Second)
		time.Sleep(11 * time.Second)
		why("a deadline", ErrLate)
		d.ask("in a session that is over", time.Minute)
		d.begin()
		w.answers(quick)
		d.ask("in the new one", time.Minute) // which counts from its first message on
		why("a new session", ErrCancelled)
		if w.link.Status().Sessions[d.paired.ID] == 0 {
			t.Error("the workstation has no session")
		}
	})
}

// TestReplayedHandshake: an old first message that somebody plays again takes nobody's session away.
func TestReplayedHandshake(t *testing.T) {
	inWorld(t, func(w *world) {
		d := w.desk()
		d.begin()
		d.ask("a", time.Minute)
		d.heard()
		before := w.link.Status().Sessions[d.paired.ID]
		d.post(channel.PayloadHandshake, d.first)
		synctest.Wait()
		n := d.ask("b", time.Minute)
		d.wants("after an old handshake", channel.Answered{Number: n, CTAP: []byte("\x00b")})
		if now := w.link.Status().Sessions[d.paired.ID]; now != before {
			t.Errorf("the session is %d, and was %d", now, before)
		}
		for range Sessions.Burst + 5 {
			d.post(channel.PayloadHandshake, d.first)
			synctest.Wait()
		}
		w.link.mu.Lock()
		begun := w.link.sessions
		w.link.mu.Unlock()
		if begun > uint64(Sessions.Burst) {
			t.Errorf("%d sessions were begun, at most %d may at once", begun, Sessions.Burst)
		}
	})
}

// TestUnpaired: a workstation that is taken off the list hears goodbye, loses what it asked, and is not answered any more.
func TestUnpaired(t *testing.T) {
	inWorld(t, func(w *world) {
		d := w.desk()
		d.begin()
		ended := make(chan error, 1)
		w.answers(func(ctx context.Context, _ *Request) Answer {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return Answer{}
		})
		d.ask("held", time.Minute)
		w.link.SetWorkstations(nil)
		synctest.Wait()
		if err := <-ended; !errors.Is(err, ErrCancelled) {
			t.Errorf("the request ended with %v", err)
		}
		heard := d.heard()
		if len(heard) == 0 {
			t.Fatal("the workstation was told nothing")
		}
		if e, ok := heard[len(heard)-1].(channel.Ended); !ok || !errors.Is(e.Err, channel.ErrGoodbye) {
			t.Errorf("it heard %+v", heard)
		}
		h, err := channel.NewWorkstationSession(channel.Config{Random: w.link.cfg.Random, Time: time.Now(), Static: d.key, Prologue: d.prologue, Peer: w.key.Public()})
		if err != nil {
			t.Fatal(err)
		}
		first, err := h.Write()
		if err != nil {
			t.Fatal(err)
		}
		d.mu.Lock()
		d.hello, d.machine = h, nil
		d.mu.Unlock()
		d.post(channel.PayloadHandshake, first)
		synctest.Wait()
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.machine != nil {
			t.Error("the phone answered a workstation that it is not paired with")
		}
	})
}

// TestConnection: a connection that breaks comes back by itself and at once when the app is shown; one that the control
// center refuses says why, and is asked about again.
func TestConnection(t *testing.T) {
	inWorld(t, func(w *world) {
		d := w.desk()
		d.begin()
		if s := w.link.Status(); !s.Present[d.paired.ID] {
			t.Error("the workstation is not there")
		}
		_ = w.conn.Close(relay.Broken)
		time.Sleep(30 * time.Second)
		synctest.Wait()
		if s := w.link.Status(); s.State != Online {
			t.Fatalf("half a minute after a break the link is %s", s.State)
		}
		n := d.ask("after a break", time.Minute)
		d.wants("a session outlives a break", channel.Answered{Number: n, CTAP: []byte("\x00after a break")})
		w.link.Wake() // the connection of a page that slept
		time.Sleep(5 * time.Second)
		synctest.Wait()
		if s := w.link.Status(); s.State != Online {
			t.Fatalf("woken, the link is %s", s.State)
		}
		w.part(w.phone, postern.CodePhoneRevoked)
		w.hub.Cut(w.ctx, w.phone)
		synctest.Wait()
		if s := w.link.Status(); s.State != Refused || s.Problem == nil || s.Problem.Message == "" {
			t.Fatalf("cut, the link is %+v", s)
		}
		w.part(w.phone, "")
		time.Sleep(2 * refusedPause)
		synctest.Wait()
		if s := w.link.Status(); s.State != Online || s.Problem != nil {
			t.Errorf("allowed again, the link is %+v", s)
		}
		w.handling.Lock()
		defer w.handling.Unlock()
		if w.news < 2 {
			t.Errorf("the app was told %d times to ask what is new", w.news)
		}
	})
}

// TestPairingOutlivesAConnection: what a pairing has to say waits for a connection that is new, and what sessions had to say went
// with theirs.
func TestPairingOutlivesAConnection(t *testing.T) {
	l := New(Config{})
	l.pairing = &meeting{peer: "met"}
	l.tell("met", []byte("first")) // the app was opened by the code itself: there is no connection yet
	l.client = relay.NewClient(relay.ClientConfig{})
	l.mu.Lock()
	l.post("wks_1", channel.PayloadSealed, []byte("of a session"))
	l.mu.Unlock()
	l.take(relay.Connected{})
	if len(l.queue) != 1 || l.queue[0].peer != "met" {
		t.Errorf("waiting are %+v", l.queue)
	}
	l.pairing = nil
	l.take(relay.Connected{})
	if len(l.queue) != 0 {
		t.Errorf("without a pairing %+v are waiting", l.queue)
	}
}
