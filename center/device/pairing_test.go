package device_test

import (
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

func pairingID(n byte) postern.PairingID { return postern.NewPairingID([16]byte{n}) }

func (w *world) open(t *testing.T, s postern.Workstation, n byte) postern.PairingID {
	t.Helper()
	if _, err := w.OpenPairing(t.Context(), s.ID, pairingID(n)); err != nil {
		t.Fatal(err)
	}
	return pairingID(n)
}

// pair pairs phone and workstation to the end.
func (w *world) pair(t *testing.T, p postern.Phone, s postern.Workstation, n byte) postern.Pairing {
	t.Helper()
	id := w.open(t, s, n)
	if _, err := w.JoinPairing(t.Context(), p.ID, id); err != nil {
		t.Fatal(err)
	}
	if got, err := w.ConfirmPairing(t.Context(), postern.DeviceID(p.ID), id); err != nil || got.State != postern.PairingPending {
		t.Fatalf("%+v, %v", got, err)
	}
	got, err := w.ConfirmPairing(t.Context(), postern.DeviceID(s.ID), id)
	if err != nil || got.State != postern.PairingActive || got.ConfirmedAt == nil {
		t.Fatalf("%+v, %v", got, err)
	}
	return got
}

// secondPhone is another phone of the same user.
func (w *world) secondPhone(t *testing.T) postern.Phone {
	t.Helper()
	p := postern.Phone{
		ID: postern.NewID[postern.PhoneID](postern.PrefixPhone), IntegrationID: w.user.IntegrationID, UserID: w.user.ID, Version: 1,
		State: postern.PhoneActive, IdentityKey: []byte("k"), CreatedAt: w.now,
	}
	if err := w.store.CreatePhone(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPairing(t *testing.T) {
	w := newWorld(t)
	p, s := w.enrol(t), w.enrolWorkstation(t)
	other := w.secondPhone(t)
	phone, workstation := postern.DeviceID(p.ID), postern.DeviceID(s.ID)
	ctx := t.Context()

	_, err := w.OpenPairing(ctx, s.ID, "short")
	wantCode(t, err, postern.CodeInvalid)
	id := w.open(t, s, 1)
	_, err = w.OpenPairing(ctx, s.ID, id)
	wantCode(t, err, postern.CodeConflict)
	if peer, err := w.Rendezvous(ctx, workstation, id); err != nil || peer != "" {
		t.Error(peer, err)
	}
	_, err = w.Rendezvous(ctx, phone, id)
	wantCode(t, err, postern.CodeNotPaired)
	_, err = w.ConfirmPairing(ctx, workstation, id)
	wantCode(t, err, postern.CodePairingState)

	// The integration of the world is DISABLED: that is a notice here.
	w.now = w.now.Add(59 * time.Second)
	joined, err := w.JoinPairing(ctx, p.ID, id)
	if err != nil || joined.Notice == nil || joined.Notice.Code != postern.CodeIntegrationDisabled || joined.Pairing.WorkstationID != s.ID {
		t.Fatalf("%+v, %v", joined, err)
	}
	if again, err := w.JoinPairing(ctx, p.ID, id); err != nil || again.Pairing.Version != joined.Pairing.Version {
		t.Errorf("%+v, %v", again, err)
	}
	_, err = w.JoinPairing(ctx, other.ID, id)
	wantCode(t, err, postern.CodePairingTaken)
	if peer, err := w.Rendezvous(ctx, workstation, id); err != nil || peer != phone {
		t.Error(peer, err)
	}
	_, err = w.ConfirmPairing(ctx, postern.DeviceID(other.ID), id)
	wantCode(t, err, postern.CodeNotFound)
	_, err = w.ConfirmPairing(ctx, "", id)
	wantCode(t, err, postern.CodeNotFound)

	w.now = w.now.Add(2 * time.Minute) // a second before its end
	for range 2 {                      // one end twice is still one end
		got, err := w.ConfirmPairing(ctx, phone, id)
		if err != nil || got.State != postern.PairingPending || got.Version != joined.Pairing.Version+1 {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	wantCode(t, w.MayTalk(ctx, phone, workstation), postern.CodeNotPaired)
	if _, err := w.ConfirmPairing(ctx, workstation, id); err != nil {
		t.Fatal(err)
	}
	kept, err := w.Workstation(ctx, s.ID)
	if err != nil || kept.PairedAt == nil {
		t.Errorf("%+v, %v", kept, err)
	}
	for _, d := range []postern.DeviceID{phone, workstation} {
		if peers, err := w.Peers(ctx, d); err != nil || len(peers) != 1 || peers[0].ID != id || peers[0].Peer(d) == "" {
			t.Errorf("%s: %+v, %v", d, peers, err)
		}
	}

	// Paired again, the earlier pairing ends.
	again := w.pair(t, p, s, 2)
	peers, err := w.Peers(ctx, phone)
	if err != nil || len(peers) != 1 || peers[0].ID != again.ID {
		t.Errorf("%+v, %v", peers, err)
	}
	first, err := w.store.Pairing(ctx, id)
	if err != nil || first.State != postern.PairingEnded || first.Reason != postern.PairingEndReplaced {
		t.Errorf("%+v, %v", first, err)
	}
	if w.recorded(audit.PairingOpened) != 2 || w.recorded(audit.PairingJoined) != 2 || w.recorded(audit.PairingActive) != 2 ||
		w.recorded(audit.PairingEnded) != 1 || w.recorded(audit.PairingRefused) != 1 {
		t.Errorf("%+v", w.events)
	}
}

func TestPairingEndsByTimeAndByHand(t *testing.T) {
	w := newWorld(t)
	p, s := w.enrol(t), w.enrolWorkstation(t)
	phone, workstation := postern.DeviceID(p.ID), postern.DeviceID(s.ID)
	ctx := t.Context()

	late, joined := w.open(t, s, 1), w.open(t, s, 2)
	if _, err := w.JoinPairing(ctx, p.ID, joined); err != nil {
		t.Fatal(err)
	}
	w.open(t, s, 3)
	_, err := w.OpenPairing(ctx, s.ID, pairingID(4))
	wantCode(t, err, postern.CodeTooMany)
	if e := postern.AsError(err); e.After != time.Minute {
		t.Errorf("wait %s", e.After)
	}
	w.now = w.now.Add(time.Minute)
	_, err = w.JoinPairing(ctx, p.ID, late)
	wantCode(t, err, postern.CodePairingExpired)
	w.open(t, s, 5)
	w.now = w.now.Add(2 * time.Minute)
	_, err = w.ConfirmPairing(ctx, phone, joined)
	wantCode(t, err, postern.CodePairingExpired)
	_, err = w.Rendezvous(ctx, phone, joined)
	wantCode(t, err, postern.CodePairingExpired)
	_, err = w.JoinPairing(ctx, p.ID, pairingID(99))
	wantCode(t, err, postern.CodePairingExpired)

	// Refused before it was confirmed.
	id := w.open(t, s, 6)
	_, err = w.EndPairing(ctx, phone, id)
	wantCode(t, err, postern.CodeNotFound)
	got, err := w.EndPairing(ctx, workstation, id)
	if err != nil || got.Reason != postern.PairingEndRefused || w.recorded(audit.PairingRefused) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = w.JoinPairing(ctx, p.ID, id)
	wantCode(t, err, postern.CodePairingOver)

	for n, by := range map[byte]postern.DeviceID{7: phone, 8: workstation, 9: ""} {
		id := w.pair(t, p, s, n).ID
		want := map[postern.DeviceID]string{
			phone: postern.PairingEndPhone, workstation: postern.PairingEndWorkstation, "": postern.PairingEndAdministrator,
		}[by]
		for range 2 {
			if got, err := w.EndPairing(ctx, by, id); err != nil || got.State != postern.PairingEnded || got.Reason != want {
				t.Errorf("%+v, %v", got, err)
			}
		}
		wantCode(t, w.MayTalk(ctx, phone, workstation), postern.CodePairingOver)
	}
	if w.recorded(audit.PairingEnded) != 3 {
		t.Errorf("%+v", w.events)
	}
}
