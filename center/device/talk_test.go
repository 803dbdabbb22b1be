package device_test

import (
	"bytes"
	"testing"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/device"
)

func TestMayTalk(t *testing.T) {
	w := newWorld(t)
	p, s := w.enrol(t), w.enrolWorkstation(t)
	other := w.secondPhone(t)
	phone, workstation := postern.DeviceID(p.ID), postern.DeviceID(s.ID)
	ctx := t.Context()
	want := func(code postern.Code) {
		t.Helper()
		for _, way := range [][2]postern.DeviceID{{phone, workstation}, {workstation, phone}} {
			switch err := w.MayTalk(ctx, way[0], way[1]); {
			case code == "" && err != nil:
				t.Errorf("%v: %v", way, err)
			case code != "":
				wantCode(t, err, code)
			}
		}
	}
	want(postern.CodeNotPaired)
	w.pair(t, p, s, 1)
	want(postern.CodeIntegrationDisabled)
	w.change(t, func(i *postern.Integration) { i.State = postern.StateEnabled })
	want("")
	for _, pair := range [][2]postern.DeviceID{
		{postern.DeviceID(other.ID), workstation}, {phone, phone}, {workstation, workstation}, {"", workstation}, {phone, ""}, {phone, postern.DeviceID(other.ID)},
	} {
		wantCode(t, w.MayTalk(ctx, pair[0], pair[1]), postern.CodeNotPaired)
	}

	for _, flag := range []postern.Flag{postern.FlagFIDO2MobileAuthenticator, postern.FlagWorkstation} {
		w.change(t, func(i *postern.Integration) { i.Flags[flag] = false })
		want(postern.CodeFlagOff)
		w.change(t, func(i *postern.Integration) { i.Flags[flag] = true })
	}
	w.change(t, func(i *postern.Integration) { i.RestrictDomains, i.Domains = true, []string{"fabrikam.com"} })
	want(postern.CodeDomainRefused)
	w.change(t, func(i *postern.Integration) { i.RestrictDomains = false })
	phase := func(phase postern.Phase) {
		t.Helper()
		u, err := w.store.User(ctx, w.user.ID)
		if err != nil {
			t.Fatal(err)
		}
		u.Phase = phase
		if err := w.store.UpdateUser(ctx, &u); err != nil {
			t.Fatal(err)
		}
	}
	phase(postern.PhaseSuspended)
	want(postern.CodeUserSuspended)
	phase(postern.PhaseRevoked)
	want(postern.CodeUserRevoked)
	phase(postern.PhasePaired)
	want("")

	// Revoking one device tells so, and leaves the other.
	s2 := w.enrolWorkstation(t)
	w.pair(t, p, s2, 2)
	for range 2 {
		if got, err := w.RevokeWorkstation(ctx, s.ID); err != nil || got.State != postern.WorkstationRevoked || got.RevokedAt == nil {
			t.Fatalf("%+v, %v", got, err)
		}
	}
	want(postern.CodeWorkstationRevoked)
	workstation = postern.DeviceID(s2.ID)
	want("")
	if w.recorded(audit.WorkstationRevoked) != 1 || w.recorded(audit.PairingEnded) != 1 {
		t.Errorf("%+v", w.events)
	}
}

func TestRevokingAPhoneEndsItsPairings(t *testing.T) {
	w := newWorld(t)
	p, s := w.enrol(t), w.enrolWorkstation(t)
	other := w.secondPhone(t)
	w.pair(t, p, s, 1)
	kept := w.pair(t, other, s, 2)
	pending := w.open(t, s, 3)
	if _, err := w.JoinPairing(t.Context(), p.ID, pending); err != nil {
		t.Fatal(err)
	}
	notices, stop := w.Notices.Subscribe(device.WorkstationTopic(s.ID))
	defer stop()
	if _, changed, err := w.MarkRevoked(t.Context(), p.ID); err != nil || !changed {
		t.Fatal(changed, err)
	}
	select {
	case <-notices:
	default:
		t.Error("the workstation was not told")
	}
	peers, err := w.Peers(t.Context(), postern.DeviceID(s.ID))
	if err != nil || len(peers) != 1 || peers[0].ID != kept.ID {
		t.Errorf("%+v, %v", peers, err)
	}
	wantCode(t, w.MayTalk(t.Context(), postern.DeviceID(s.ID), postern.DeviceID(p.ID)), postern.CodePhoneRevoked)
	for _, id := range []postern.PairingID{pairingID(1), pending} {
		got, err := w.store.Pairing(t.Context(), id)
		if err != nil || got.State != postern.PairingEnded || got.Reason != postern.PairingEndPhoneRevoked {
			t.Errorf("%+v, %v", got, err)
		}
	}
	_, err = w.ConfirmPairing(t.Context(), postern.DeviceID(s.ID), pending)
	wantCode(t, err, postern.CodePairingOver)
	_, err = w.JoinPairing(t.Context(), p.ID, w.open(t, s, 4))
	wantCode(t, err, postern.CodePhoneRevoked)
}

func TestPairingRefuses(t *testing.T) {
	w := newWorld(t)
	p, s := w.enrol(t), w.enrolWorkstation(t)
	id := w.open(t, s, 1)
	join := func(want postern.Code) {
		t.Helper()
		before := w.recorded(audit.PairingRefused)
		_, err := w.JoinPairing(t.Context(), p.ID, id)
		wantCode(t, err, want)
		if w.recorded(audit.PairingRefused) != before+1 {
			t.Error("the refusal is not in the trail")
		}
	}
	w.change(t, func(i *postern.Integration) { i.Flags[postern.FlagWorkstation] = false })
	join(postern.CodeFlagOff)
	_, err := w.OpenPairing(t.Context(), s.ID, pairingID(2))
	wantCode(t, err, postern.CodeFlagOff)
	w.change(t, func(i *postern.Integration) { i.Flags[postern.FlagWorkstation] = true })

	foreign, err := w.store.Integration(t.Context(), w.user.IntegrationID)
	if err != nil {
		t.Fatal(err)
	}
	foreign.ID, foreign.ApplicationName = postern.NewID[postern.IntegrationID](postern.PrefixIntegration), "Another"
	if err := w.store.CreateIntegration(t.Context(), foreign, []byte("sealed")); err != nil {
		t.Fatal(err)
	}
	abroad := s
	abroad.ID, abroad.IntegrationID, abroad.IdentityKey = postern.NewID[postern.WorkstationID](postern.PrefixWorkstation), foreign.ID, []byte("other")
	if err := w.store.CreateWorkstation(t.Context(), abroad); err != nil {
		t.Fatal(err)
	}
	id = w.open(t, abroad, 3)
	join(postern.CodePairingForeign)
	_, _, err = w.EnrolWorkstation(t.Context(), workstationEnrolment(newKey(t))) // names none of two
	wantCode(t, err, postern.CodeInvalid)
}

func TestSetLinkKey(t *testing.T) {
	w := newWorld(t)
	p := w.enrol(t)
	_, err := w.SetLinkKey(t.Context(), p.ID, []byte("short"))
	wantCode(t, err, postern.CodeInvalid)
	key := bytes.Repeat([]byte{7}, 32)
	for range 2 {
		if _, err := w.SetLinkKey(t.Context(), p.ID, key); err != nil {
			t.Fatal(err)
		}
	}
	if got, err := w.Phone(t.Context(), p.ID); err != nil || !bytes.Equal(got.LinkKey, key) {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = w.SetLinkKey(t.Context(), p.ID, bytes.Repeat([]byte{8}, 32))
	wantCode(t, err, postern.CodeConflict)
}
