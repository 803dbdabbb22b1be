package relay

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern/postern"
)

func TestClientTriesAgainLessAndLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		var at []time.Duration
		began := time.Now()
		c := NewClient(ClientConfig{
			Dial: func(context.Context) (Conn, error) {
				at = append(at, time.Since(began))
				return nil, errBroken
			},
			Jitter: func() float64 { return 1 },
		})
		if err := c.Run(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		want := []time.Duration{0, 250, 750, 1750, 3750, 7750, 15750, 31750, 61750, 91750}
		for i := range want {
			want[i] *= time.Millisecond
		}
		if !slices.Equal(at, want) {
			t.Errorf("dialled at %v", at)
		}
		if _, err := c.Next(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Next after the end: %v", err)
		}
		if err := c.Send(t.Context(), "desk", []byte("x")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Send after the end: %v", err)
		}
	})
}

// TestDeadRelay has a relay that takes everything and says nothing any more.
func TestDeadRelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		dials := make(chan Conn, 4)
		c := NewClient(ClientConfig{
			Dial: func(context.Context) (Conn, error) {
				device, relay := Pipe()
				dials <- relay
				return device, nil
			},
			Hello:  func(context.Context) (string, error) { return "by.desk", nil },
			Jitter: func() float64 { return 0 },
		})
		ended := make(chan error, 1)
		go func() { ended <- c.Run(ctx) }()
		w := &world{t: t, ctx: ctx}
		first := &wire{<-dials, w}
		if f, ok := first.next().(Hello); !ok || f.Proof != "by.desk" {
			t.Errorf("the first frame is %+v", f)
		}
		first.send(Welcome{Token: Token{7}, PingSeconds: 10})
		began := time.Now()
		second := &wire{<-dials, w}
		if d := time.Since(began).Truncate(time.Second); d != 20*time.Second {
			t.Errorf("found dead after %v", d)
		}
		if f, ok := second.next().(Resume); !ok || f.Token != (Token{7}) {
			t.Errorf("it begins with %+v", f)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%v", err)
		}
		second.Close(Broken)
	})
}

func TestClientEndsWhenItIsRefused(t *testing.T) {
	for code, final := range map[postern.Code]bool{
		postern.CodePhoneRevoked:    true,
		postern.CodePhoneClock:      true,
		postern.CodeLinkReplaced:    true,
		postern.CodeLinkCut:         true,
		"a_code_of_tomorrow":        true,
		postern.CodeUnavailable:     false,
		postern.CodeInternal:        false,
		postern.CodePhoneReplay:     false,
		postern.CodeLinkProtocol:    false,
		postern.CodeLinkSessionGone: false,
	} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			dials := 0
			c := NewClient(ClientConfig{
				Dial: func(context.Context) (Conn, error) {
					device, relay := Pipe()
					dials++
					go func() {
						_, _ = relay.Read(ctx)
						_ = relay.Write(ctx, Encode(Refusal{Code: code}))
						_ = relay.Close(Refused)
					}()
					return device, nil
				},
				Hello: func(context.Context) (string, error) { return "by.desk", nil },
			})
			err := c.Run(ctx)
			if got := postern.IsCode(err, code); got != final || (dials == 1) != final {
				t.Errorf("%s: %d dials, %v", code, dials, err)
			}
			if e := postern.AsError(err); final && (e.Message == "" || e.Next == "") {
				t.Errorf("%s has no words", code)
			}
		})
	}
}

func TestSendWaitsForRoom(t *testing.T) {
	inWorld(t, paired("phone", "desk"), func(w *world) {
		desk := w.device(0, "desk")
		desk.expect("connected false")
		desk.setDown(true)
		desk.breaks()
		desk.expect("disconnected")
		for range MaxWaiting {
			desk.says("phone", "x")
		}
		short, cancel := context.WithTimeout(w.ctx, time.Second)
		defer cancel()
		if err := desk.Send(short, "phone", []byte("one too many")); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v", err)
		}
		desk.setDown(false)
		desk.says("phone", "there is room again")
		desk.expect("connected true")
		for range MaxWaiting + 1 {
			desk.expect("refused link_peer_gone for phone")
		}
		for _, bad := range [][]byte{nil, make([]byte, MaxPayload+1)} {
			if err := desk.Send(w.ctx, "phone", bad); err == nil {
				t.Errorf("%d bytes are sent", len(bad))
			}
		}
		if err := desk.Send(w.ctx, "not a peer", []byte("x")); err == nil {
			t.Error("sent to nobody")
		}
	})
}

func TestLostSessionBeginsAnew(t *testing.T) {
	inWorld(t, paired("phone", "desk"), func(w *world) {
		desk := w.device(0, "desk")
		phone := w.device(1, "phone")
		phone.expectSet("connected false", "desk is present")
		desk.expectSet("connected false", "phone is present")
		phone.setDown(true)
		phone.breaks()
		desk.says("phone", "lost")
		time.Sleep(ResumeWindow + time.Second)
		phone.says("desk", "lost too")
		phone.setDown(false)
		time.Sleep(time.Minute)
		phone.expect("connected false", "desk is present")
		desk.expect("phone is away", "phone is gone", "phone is present")
		desk.says("phone", "new")
		phone.expect("desk: new")
	})
}

// TestMoveToAnotherReplica has the connection come back somewhere else: the session does not follow, and the peer
// hears so.
func TestMoveToAnotherReplica(t *testing.T) {
	inWorld(t, paired("phone", "desk"), func(w *world) {
		desk := w.device(0, "desk")
		desk.expect("connected false")
		phone := w.device(0, "phone")
		phone.expect("connected false", "desk is present")
		phone.mu.Lock()
		phone.hub = 1
		phone.mu.Unlock()
		phone.breaks()
		time.Sleep(time.Second)
		phone.expect("connected false", "desk is present")
		desk.expect("phone is present", "phone is away", "phone is gone", "phone is present")
		desk.says("phone", "over there")
		phone.expect("desk: over there")
	})
}
