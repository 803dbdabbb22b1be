package relay

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern/postern"
)

func TestPhoneAndWorkstationTalkAcrossHubs(t *testing.T) {
	inWorld(t, paired("phone", "desk"), func(w *world) {
		phone := w.device(0, "phone")
		phone.expect("connected false")
		desk := w.device(1, "desk")
		desk.expect("connected false", "phone is present")
		phone.expect("desk is present")
		desk.says("phone", "request")
		phone.expect("desk: request")
		phone.says("desk", "answer")
		desk.expect("phone: answer")

		phone.breaks()
		desk.expect("phone is away")
		desk.says("phone", "one")
		desk.says("phone", "two")
		time.Sleep(time.Second)
		phone.expect("desk: one", "desk: two") // a resume that nobody had to hear of
		desk.expect("phone is present")

		phone.cancel()
		desk.expect("phone is gone")
		desk.says("phone", "three")
		desk.expect("refused link_peer_gone for phone")
		c := w.hubs[1].Counts()
		if c.Sessions != 1 || c.Forwarded != 3 || c.ForwardedBytes != 13 || c.Refused[postern.CodeLinkPeerGone] != 1 || c.WaitingBytes != 0 {
			t.Errorf("%+v", c)
		}
		if c := w.hubs[0].Counts(); c.Resumed != 1 || c.Sessions != 0 {
			t.Errorf("%+v", c)
		}
	})
}

// TestRefusals has one line for each way to be refused: what a device sends after its hello, and what it is told.
func TestRefusals(t *testing.T) {
	data := func(seq uint64, peer string) Frame {
		return Data{Seq: seq, Peer: peer, Payload: []byte("secret payload")}
	}
	disabled := paired("phone", "desk")
	disabled.pairs[[2]string{"desk", "phone"}] = postern.Errorf(postern.CodeIntegrationDisabled, "")
	fault := paired("phone", "desk")
	fault.pairs[[2]string{"desk", "phone"}] = errors.New("the database is gone")
	for name, tt := range map[string]struct {
		rules *rules
		first []Frame // instead of a hello
		send  []Frame
		want  []string
	}{
		"a wrong signature":        {first: []Frame{Hello{Proof: "by-nobody"}}, want: []string{"refused phone_proof_invalid"}},
		"no hello":                 {first: []Frame{Ping{}}, want: []string{"refused link_protocol"}},
		"an unknown session":       {first: []Frame{Resume{Token: Token{1}}, Hello{Proof: "by.desk"}}, want: []string{"refused link_session_gone", "welcome 0"}},
		"two unknown sessions":     {first: []Frame{Resume{Token: Token{1}}, Resume{Token: Token{2}}}, want: []string{"refused link_session_gone", "refused link_protocol"}},
		"a stranger":               {send: []Frame{data(1, "stranger")}, want: []string{"refused link_not_paired for stranger"}},
		"oneself":                  {send: []Frame{data(1, "desk")}, want: []string{"refused link_not_paired for desk"}},
		"a peer who is not there":  {send: []Frame{data(1, "phone")}, want: []string{"refused link_peer_gone for phone"}},
		"a DISABLED integration":   {rules: disabled, send: []Frame{data(1, "phone")}, want: []string{"refused integration_disabled for phone"}},
		"a policy that fails":      {rules: fault, send: []Frame{data(1, "phone")}, want: []string{"refused internal for phone"}},
		"an unknown rendezvous":    {send: []Frame{data(1, pairing.Peer())}, want: []string{"refused link_rendezvous_unknown for " + pairing.Peer()}},
		"a rendezvous of no guest": {send: []Frame{Rendezvous{Seq: 1, Pairing: pairing}, data(2, pairing.Peer())}, want: []string{"open at " + pairing.Peer(), "refused link_peer_gone for " + pairing.Peer()}},
		"a number left out":        {send: []Frame{data(2, "phone")}, want: []string{"refused link_protocol"}},
		"a number again":           {send: []Frame{data(1, "phone"), data(1, "phone")}, want: []string{"refused link_peer_gone for phone"}},
		"a second hello":           {send: []Frame{Hello{Proof: "by.desk"}}, want: []string{"refused link_protocol"}},
		"a relay's frame":          {send: []Frame{Presence{Seq: 1, Peer: "phone"}}, want: []string{"refused link_protocol"}},
		"taking what was not sent": {send: []Frame{Acknowledge{Seq: 1}}, want: []string{"refused link_protocol"}},
		"nothing wrong":            {send: []Frame{Ping{}, Pong{}}, want: []string{"relay.Pong"}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.rules == nil {
				tt.rules = paired("phone", "desk")
			}
			inWorld(t, tt.rules, func(w *world) {
				c := w.wire(0)
				if tt.first == nil {
					tt.first, tt.want = []Frame{Hello{Proof: "by.desk"}}, append([]string{"welcome 0"}, tt.want...)
				}
				for _, f := range append(tt.first, tt.send...) {
					c.send(f)
				}
				c.expect(tt.want...)
				if strings.HasPrefix(tt.want[len(tt.want)-1], "refused link_protocol") {
					if _, err := c.Read(w.ctx); err == nil {
						t.Error("the connection goes on")
					}
				} else {
					c.expectNothing()
				}
			})
		})
	}
}

func TestErrorsHoldNoPayload(t *testing.T) {
	inWorld(t, paired("phone", "desk"), func(w *world) {
		device, relay := Pipe()
		done := make(chan error, 1)
		go func() { done <- w.hubs[0].Serve(w.ctx, relay) }()
		c := &wire{device, w}
		c.send(Hello{Proof: "by.desk"})
		c.expect("welcome 0")
		c.send(Data{Seq: 9, Peer: "phone", Payload: []byte("secret payload")})
		if err := <-done; err == nil || strings.Contains(err.Error(), "payload") || !errors.Is(err, errSequence) {
			t.Errorf("%v", err)
		}
	})
}

func TestResumeRepeatsWhatIsMissing(t *testing.T) {
	inWorld(t, paired("phone", "desk"), func(w *world) {
		desk, _ := w.join(0, "desk")
		phone, welcome := w.join(1, "phone")
		desk.expect("phone is present")
		phone.expect("desk is present")
		for i, text := range []string{"one", "two", "three"} {
			desk.send(Data{Seq: uint64(i + 1), Peer: "phone", Payload: []byte(text)})
		}
		phone.expect("desk: one", "desk: two", "desk: three")
		phone.send(Data{Seq: 1, Peer: "desk", Payload: []byte("yes")})
		desk.expect("phone: yes")
		phone.send(Acknowledge{Seq: 2}) // the presence, and one
		phone.Close(Broken)
		desk.expect("phone is away")

		again := w.wire(1)
		again.send(Resume{Token: welcome.Token, Received: 3}) // two was received; three was not
		again.expect("welcome 1", "desk: three")
		again.send(Data{Seq: 1, Peer: "desk", Payload: []byte("yes")}) // not acknowledged, as far as it knows
		again.send(Data{Seq: 2, Peer: "desk", Payload: []byte("no")})
		desk.expect("phone is present", "phone: no")

		forged := w.wire(1)
		forged.send(Resume{Token: welcome.Token, Received: 1}) // that was taken: it cannot be repeated
		forged.expect("refused link_session_gone")
		desk.expect("phone is gone")
	})
}

func TestSessionEndsAfterTheWindow(t *testing.T) {
	inWorld(t, paired("phone", "desk"), func(w *world) {
		desk := w.device(0, "desk")
		desk.expect("connected false")
		phone, welcome := w.join(0, "phone")
		phone.Close(Broken)
		desk.expect("phone is present", "phone is away")
		time.Sleep(ResumeWindow - 2*time.Second)
		if c := w.hubs[0].Counts(); c.Away != 1 {
			t.Errorf("%+v", c)
		}
		time.Sleep(3 * time.Second)
		desk.expect("phone is gone")
		late := w.wire(0)
		late.send(Resume{Token: welcome.Token})
		late.expect("refused link_session_gone")
	})
}

func TestSilentDeviceIsAway(t *testing.T) {
	inWorld(t, paired("phone", "desk"), func(w *world) {
		desk := w.device(0, "desk") // pings
		w.join(0, "phone")          // does not
		desk.expect("connected false", "phone is present")
		time.Sleep(51 * time.Second)
		desk.expect("phone is away")
		time.Sleep(ResumeWindow)
		desk.expect("phone is gone")
	})
}

func TestSlowPeer(t *testing.T) {
	for name, tt := range map[string]struct{ size, fit int }{
		"many small": {10, MaxWaiting},
		"few large":  {MaxPayload, MaxWaitingBytes / MaxPayload},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, paired("phone", "desk"), func(w *world) {
				desk := w.device(0, "desk")
				desk.expect("connected false")
				phone, _ := w.join(1, "phone")
				desk.expect("phone is present")
				for range tt.fit + 3 {
					desk.says("phone", strings.Repeat("x", tt.size))
				}
				for range 3 {
					desk.expect("refused link_peer_slow for phone")
				}
				if got := w.hubs[1].Counts().WaitingBytes; got != tt.fit*tt.size {
					t.Errorf("%d bytes wait", got)
				}
				phone.expect("desk is present")
				for range tt.fit {
					if _, ok := phone.next().(Data); !ok {
						t.Fatal("a payload that was accepted is missing")
					}
				}
				phone.send(Acknowledge{Seq: uint64(tt.fit + 1)})
				time.Sleep(time.Second)
				desk.says("phone", "again")
				phone.expect("desk: again")
			})
		})
	}
}

func TestSecondConnectionReplacesTheFirst(t *testing.T) {
	for _, hub := range []int{0, 1} {
		inWorld(t, paired("phone", "desk"), func(w *world) {
			desk, _ := w.join(0, "desk")
			first := w.device(0, "phone")
			first.expect("connected false", "desk is present")
			second, _ := w.join(hub, "phone")
			second.expect("desk is present")
			desk.expect("phone is present", "phone is gone", "phone is present")
			first.expect("disconnected")
			if _, err := first.Next(w.ctx); !postern.IsCode(err, postern.CodeLinkReplaced) {
				t.Errorf("the first is told %v", err)
			}
			desk.send(Data{Seq: 1, Peer: "phone", Payload: []byte("to the second")})
			second.expect("desk: to the second")
		})
	}
}

func TestCut(t *testing.T) {
	inWorld(t, paired("phone", "desk"), func(w *world) {
		desk := w.device(0, "desk")
		phone := w.device(1, "phone")
		phone.expectSet("connected false", "desk is present")
		desk.expectSet("connected false", "phone is present")
		w.hubs[0].Cut(w.ctx, "phone") // it is at the other hub
		desk.says("phone", "too late")
		desk.expect("phone is gone", "refused link_peer_gone for phone")
		phone.expect("disconnected")
		synctest.Wait()
		if err := phone.Send(w.ctx, "desk", []byte("x")); !postern.IsCode(err, postern.CodeLinkCut) {
			t.Errorf("the phone is told %v", err)
		}
		w.hubs[0].Cut(w.ctx, "nobody")
	})
}

func TestRecheck(t *testing.T) {
	for _, who := range []string{"phone", "desk"} {
		r := paired("phone", "desk")
		inWorld(t, r, func(w *world) {
			desk := w.device(0, "desk")
			desk.expect("connected false")
			phone := w.device(1, "phone")
			phone.expect("connected false", "desk is present")
			desk.expect("phone is present")
			desk.says("phone", "hello")
			phone.expect("desk: hello")

			r.part("phone", "desk")
			w.hubs[0].Recheck(w.ctx, who)
			phone.expect("desk is gone")
			desk.expect("phone is gone")
			desk.says("phone", "hello?")
			desk.expect("refused link_not_paired for phone")

			r.pair("phone", "desk")
			w.hubs[0].Recheck(w.ctx, who)
			phone.expect("desk is present")
			desk.expect("phone is present")
			phone.says("desk", "here again")
			desk.expect("phone: here again")
		})
	}
}

// TestDistrust: the next payload is asked about anew, before anybody is looked at.
func TestDistrust(t *testing.T) {
	r := paired("phone", "desk")
	inWorld(t, r, func(w *world) {
		desk := w.device(0, "desk")
		desk.expect("connected false")
		phone := w.device(1, "phone")
		phone.expect("connected false", "desk is present")
		desk.expect("phone is present")
		desk.says("phone", "hello")
		phone.expect("desk: hello")
		r.part("phone", "desk")
		if here := w.hubs[0].Distrust(); len(here) != 1 || here[0] != "desk" {
			t.Errorf("the hub has %v", here)
		}
		desk.says("phone", "hello?")
		desk.expect("refused link_not_paired for phone")
	})
}

// TestStaleVerdict has nobody call Recheck: a hub believes what it heard for a while, and no longer.
func TestStaleVerdict(t *testing.T) {
	r := paired("phone", "desk")
	inWorld(t, r, func(w *world) {
		desk := w.device(0, "desk")
		phone := w.device(0, "phone")
		phone.expectSet("connected false", "desk is present")
		desk.expectSet("connected false", "phone is present")
		asked := r.asked
		for range 50 {
			desk.says("phone", "x")
			phone.expect("desk: x")
		}
		if r.asked > asked+2 {
			t.Errorf("the policy was asked %d times for 50 payloads", r.asked-asked)
		}
		r.part("phone", "desk")
		time.Sleep(VerdictLife)
		desk.says("phone", "x")
		desk.expect("refused link_not_paired for phone")
	})
}

// TestPolicyThatFailsIsAskedAgain keeps a fault of a moment from closing the link for the life of a verdict.
func TestPolicyThatFailsIsAskedAgain(t *testing.T) {
	r := paired("phone", "desk")
	inWorld(t, r, func(w *world) {
		desk, phone := w.device(0, "desk"), w.device(1, "phone")
		phone.expectSet("connected false", "desk is present")
		desk.expectSet("connected false", "phone is present")
		time.Sleep(VerdictLife)
		for _, err := range []error{errors.New("the database is gone"), nil} {
			r.mu.Lock()
			r.broken = err
			r.mu.Unlock()
			desk.says("phone", "x")
			if err != nil {
				desk.expect("refused internal for phone")
			} else {
				phone.expect("desk: x")
			}
		}
		if got := fmt.Sprintf("%v %+v", Token{1}, Welcome{Token: Token{1}}); strings.Contains(got, "[1") {
			t.Errorf("a token shows: %s", got)
		}
	})
}

func TestFullHubRefuses(t *testing.T) {
	inWorld(t, paired(), func(w *world) {
		w.hubs[0].limits.Sessions = 1
		w.join(0, "phone")
		c := w.wire(0)
		c.send(Hello{Proof: "by.desk"})
		c.expect("refused unavailable")

		w.hubs[1].limits.Handshakes = 1
		waiting := w.wire(1)
		time.Sleep(time.Second)
		w.wire(1).expect("refused unavailable")
		time.Sleep(handshakeTimeout)
		if waiting.next() != nil {
			t.Error("who says nothing is answered")
		}
		w.join(1, "desk")
	})
}

func TestRateIsHeld(t *testing.T) {
	inWorld(t, paired(), func(w *world) {
		w.hubs[0].limits.FramesPerSecond = 10
		c, _ := w.join(0, "phone")
		began := time.Now()
		for range 70 {
			c.send(Ping{})
			if _, ok := c.next().(Pong); !ok {
				t.Fatal("no answer")
			}
		}
		if d := time.Since(began).Round(time.Second); d != 5*time.Second { // twenty at once, fifty at ten a second
			t.Errorf("70 frames took %v", d)
		}
	})
}

// TestReceivingHubAsksToo hands a hub payloads of devices that another hub should not have let through.
func TestReceivingHubAsksToo(t *testing.T) {
	inWorld(t, paired("phone", "desk"), func(w *world) {
		phone, _ := w.join(1, "phone")
		thief := w.device(0, "thief")
		thief.expect("connected false")
		for _, via := range []string{"", pairing.Peer()} {
			m := message{kind: messageData, from: "thief", via: via, body: []byte("x")}
			if err := w.fabric.Publish(w.ctx, "phone", m.encode()); err != nil {
				t.Fatal(err)
			}
		}
		thief.expect("refused link_not_paired for phone", "refused link_rendezvous_unknown for "+pairing.Peer())
		for _, bad := range [][]byte{nil, {1}, message{kind: messagePresence, from: "desk", body: []byte{9, 9}}.encode()} {
			if err := w.fabric.Publish(w.ctx, "phone", bad); err != nil {
				t.Fatal(err)
			}
		}
		phone.expectNothing()
	})
}

// TestUnreadNoticesEndTheSession bounds what a device that takes nothing makes a hub keep.
func TestUnreadNoticesEndTheSession(t *testing.T) {
	inWorld(t, paired(), func(w *world) {
		c, _ := w.join(0, "desk")
		for i := range maxNotices + 1 {
			c.send(Data{Seq: uint64(i + 1), Peer: "phone", Payload: []byte("x")})
			if i < maxNotices {
				c.expect("refused link_not_paired for phone")
			}
		}
		c.expect("refused link_session_gone")
	})
}
