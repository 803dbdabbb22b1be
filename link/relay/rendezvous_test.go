package relay

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/postern/postern"
)

func TestRendezvous(t *testing.T) {
	for _, hub := range []int{0, 1} {
		inWorld(t, paired(), func(w *world) {
			at := pairing.Peer()
			desk, phone, thief := w.device(0, "desk"), w.device(hub, "phone"), w.device(1, "thief")
			for _, d := range []*device{desk, phone, thief} {
				d.expect("connected false")
			}
			if err := desk.Open(w.ctx, pairing); err != nil {
				t.Fatal(err)
			}
			desk.expect("open at " + at)
			phone.says(at, "one")
			desk.expect(at + ": one")
			desk.says(at, "two")
			phone.expect(at + ": two")

			thief.says(at, "me too")
			thief.expect("refused link_rendezvous_taken for " + at)
			if err := thief.Open(w.ctx, pairing); err != nil {
				t.Fatal(err)
			}
			thief.expect("refused link_rendezvous_taken for " + at)
			desk.says("phone", "by its name")
			desk.expect("refused link_not_paired for phone")

			time.Sleep(RendezvousMet - time.Second)
			phone.says(at, "three")
			desk.expect(at + ": three")
			time.Sleep(2 * time.Second)
			phone.says(at, "four")
			phone.expect("refused link_rendezvous_unknown for " + at)
			desk.says(at, "five")
			desk.expect("refused link_rendezvous_unknown for " + at)
		})
	}
}

func TestRendezvousWaitsAMinute(t *testing.T) {
	inWorld(t, paired(), func(w *world) {
		at := pairing.Peer()
		desk, phone := w.device(0, "desk"), w.device(1, "phone")
		desk.expect("connected false")
		phone.expect("connected false")
		_ = desk.Open(w.ctx, pairing)
		desk.expect("open at " + at)
		time.Sleep(RendezvousLife + time.Second)
		phone.says(at, "late")
		phone.expect("refused link_rendezvous_unknown for " + at)

		_ = desk.Open(w.ctx, pairing)
		_ = desk.Open(w.ctx, pairing) // twice is once
		desk.expect("open at "+at, "open at "+at)
		_ = desk.Open(w.ctx, PairingID{9})
		desk.expect("open at " + PairingID{9}.Peer())
		phone.says(at, "to the one before")
		phone.expect("refused link_rendezvous_unknown for " + at)
		if c := w.hubs[0].Counts(); c.Rendezvous != 1 {
			t.Errorf("%+v", c)
		}
		desk.cancel()
		synctest.Wait()
		phone.says(PairingID{9}.Peer(), "to nobody")
		phone.expect("refused link_rendezvous_unknown for " + PairingID{9}.Peer())
	})
}

func TestPolicyRefusesAMeeting(t *testing.T) {
	r := paired()
	r.meet = postern.Errorf(postern.CodeIntegrationDisabled, "")
	inWorld(t, r, func(w *world) {
		at := pairing.Peer()
		desk, phone := w.device(0, "desk"), w.device(1, "phone")
		desk.expect("connected false")
		phone.expect("connected false")
		_ = desk.Open(w.ctx, pairing)
		desk.expect("open at " + at)
		phone.says(at, "hello")
		phone.expect("refused integration_disabled for " + at)
		r.mu.Lock()
		r.meet = nil
		r.mu.Unlock()
		phone.says(at, "hello") // the place is still empty
		desk.expect(at + ": hello")
	})
}
