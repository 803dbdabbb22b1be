package device_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/device"
)

// told reports whether somebody who waits for the topic was told by do.
func (w *world) told(topic string, do func()) bool {
	notices, stop := w.Notices.Subscribe(topic)
	defer stop()
	do()
	select {
	case <-notices:
		return true
	default:
		return false
	}
}

func TestUpdateWorkstation(t *testing.T) {
	w := newWorld(t)
	s := w.enrolWorkstation(t)
	in := postern.WorkstationUpdate{Name: " Desk 8 ", Software: "test 2", OS: "Windows 12", JoinState: postern.JoinHybrid}
	if !w.told(device.WorkstationTopic(s.ID), func() {
		got, err := w.UpdateWorkstation(t.Context(), s.ID, in)
		if err != nil || got.Name != "Desk 8" || got.Software != "test 2" || got.OS != "Windows 12" || got.JoinState != postern.JoinHybrid || got.EnterpriseJoined {
			t.Errorf("%+v, %v", got, err)
		}
	}) {
		t.Error("nobody was told of the change")
	}
	if w.recorded(audit.WorkstationRenamed) != 1 {
		t.Error("the new name is not in the trail")
	}
	dressed := in
	dressed.Name = "Desk\u200b 8"
	if _, err := w.UpdateWorkstation(t.Context(), s.ID, dressed); !postern.IsCode(err, postern.CodeInvalid) {
		t.Errorf("a name with a sign that nobody sees: %v", err)
	}
	in.Name, in.Software = "Desk 8", "test 3"
	if got, err := w.UpdateWorkstation(t.Context(), s.ID, in); err != nil || got.Software != "test 3" || w.recorded(audit.WorkstationRenamed) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	if w.told(device.WorkstationTopic(s.ID), func() {
		if got, err := w.UpdateWorkstation(t.Context(), s.ID, in); err != nil || got.Version != 3 {
			t.Errorf("the same again: %+v, %v", got, err)
		}
	}) {
		t.Error("somebody was told of no change")
	}
	for field, edit := range map[string]func(u *postern.WorkstationUpdate){
		"name":       func(u *postern.WorkstationUpdate) { u.Name = "  " },
		"software":   func(u *postern.WorkstationUpdate) { u.Software = strings.Repeat("s", 121) },
		"os":         func(u *postern.WorkstationUpdate) { u.OS = strings.Repeat("s", 121) },
		"join_state": func(u *postern.WorkstationUpdate) { u.JoinState = "perhaps" },
	} {
		bad := in
		edit(&bad)
		_, err := w.UpdateWorkstation(t.Context(), s.ID, bad)
		if wantCode(t, err, postern.CodeInvalid); postern.AsError(err).Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if _, err := w.RevokeWorkstation(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	in.Name = "Desk 9"
	_, err := w.UpdateWorkstation(t.Context(), s.ID, in)
	wantCode(t, err, postern.CodeWorkstationRevoked)
}

func TestEndsAreToldOfEachOther(t *testing.T) {
	w := newWorld(t)
	p, s := w.enrol(t), w.enrolWorkstation(t)
	w.open(t, s, 9) // nobody came: it is in no list
	w.pair(t, p, s, 1)
	// What is in the way: the integration is DISABLED, then nothing, then each of the rest.
	for _, try := range []struct {
		edit        func(i *postern.Integration)
		workstation postern.Code // to a workstation, of itself
		pairing     postern.Code // to both, of the pairing
	}{
		{func(*postern.Integration) {}, postern.CodeIntegrationDisabled, postern.CodeIntegrationDisabled},
		{func(i *postern.Integration) { i.State = postern.StateEnabled }, "", ""},
		{func(i *postern.Integration) { i.RestrictDomains, i.Domains = true, []string{"elsewhere.example"} }, "", postern.CodeDomainRefused},
		{func(i *postern.Integration) { i.Flags[postern.FlagWorkstation] = false }, postern.CodeFlagOff, postern.CodeFlagOff},
	} {
		w.change(t, try.edit)
		self, err := w.WorkstationSelf(t.Context(), s)
		if err != nil || codeOf(self.Notice) != try.workstation || self.Workstation.ID != s.ID || self.Integration.ApplicationName != "Postern" {
			t.Errorf("%+v, %v", self, err)
		}
		phones, err := w.PairedPhones(t.Context(), s)
		if err != nil || len(phones) != 1 || phones[0].Name != p.Name || phones[0].UPN != w.user.UPN || phones[0].User != "Ada" ||
			phones[0].Phase != postern.PhasePaired || codeOf(phones[0].Notice) != try.pairing {
			t.Errorf("%+v, %v", phones, err)
		}
		workstations, err := w.PairedWorkstations(t.Context(), p)
		if err != nil || len(workstations) != 1 || workstations[0].Name != s.Name || workstations[0].Kind != s.Kind || workstations[0].OS != s.OS ||
			workstations[0].JoinState != s.JoinState || codeOf(workstations[0].Notice) != try.pairing {
			t.Errorf("%+v, %v", workstations, err)
		}
		answer, err := w.AnswerPairing(t.Context(), workstations[0].Pairing)
		if err != nil || codeOf(answer.Notice) != try.pairing || answer.LinkKey != nil {
			t.Errorf("%+v, %v", answer, err)
		}
	}
	if _, err := w.EndPairing(t.Context(), postern.DeviceID(p.ID), pairingID(1)); err != nil {
		t.Fatal(err)
	}
	phones, err := w.PairedPhones(t.Context(), s)
	if err != nil || phones == nil || len(phones) != 0 {
		t.Errorf("after it ended: %+v, %v", phones, err)
	}
}

func codeOf(n *postern.PhoneNotice) postern.Code {
	if n == nil {
		return ""
	}
	return n.Code
}

func TestMayMeet(t *testing.T) {
	w := newWorld(t)
	p, s, other := w.enrol(t), w.enrolWorkstation(t), w.secondPhone(t)
	id := w.open(t, s, 1)
	meet := func(phone postern.PhoneID) error {
		return w.MayMeet(t.Context(), postern.DeviceID(s.ID), postern.DeviceID(phone))
	}
	wantCode(t, meet(p.ID), postern.CodeNotPaired)
	wantCode(t, meet(""), postern.CodeNotPaired) // nobody is not the phone of a pairing that nobody joined
	answer, err := w.JoinPairing(t.Context(), p.ID, id)
	if err != nil || string(answer.LinkKey) != string(s.LinkKey) {
		t.Fatalf("%+v, %v", answer, err)
	}
	if err := meet(p.ID); err != nil {
		t.Error(err)
	}
	wantCode(t, meet(other.ID), postern.CodeNotPaired)
	w.now = w.now.Add(postern.PairingWindowJoined)
	wantCode(t, meet(p.ID), postern.CodePairingExpired)
	id = w.open(t, s, 2)
	if _, err := w.JoinPairing(t.Context(), p.ID, id); err != nil {
		t.Fatal(err)
	}
	if err := meet(p.ID); err != nil {
		t.Error("an earlier code that expired is in the way:", err)
	}
	if _, err := w.EndPairing(t.Context(), postern.DeviceID(s.ID), id); err != nil {
		t.Fatal(err)
	}
	if err := meet(p.ID); err == nil {
		t.Error("they meet after the pairing was refused")
	}
}

// TestStands, and that whoever watches is told when a device does no longer.
func TestStands(t *testing.T) {
	w := newWorld(t)
	p, s, lapsing := w.enrol(t), w.enrolWorkstation(t), w.enrolWorkstation(t)
	w.pair(t, p, s, 1)
	stands := func(id postern.DeviceID) bool {
		t.Helper()
		yes, err := w.Stands(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return yes
	}
	for _, id := range []postern.DeviceID{postern.DeviceID(p.ID), postern.DeviceID(s.ID), postern.DeviceID(lapsing.ID)} {
		if !stands(id) {
			t.Errorf("%s does not stand", id)
		}
	}
	alone := w.secondPhone(t) // without a pairing whose end would tell
	for _, try := range []struct {
		id    postern.DeviceID
		topic string
		end   func() error
	}{
		{postern.DeviceID(alone.ID), device.Topic(alone.ID), func() error {
			return w.store.Atomically(t.Context(), func(ctx context.Context) error { _, _, err := w.MarkRevoked(ctx, alone.ID); return err })
		}},
		{postern.DeviceID(s.ID), device.WorkstationTopic(s.ID), func() error { _, err := w.RevokeWorkstation(t.Context(), s.ID); return err }},
		{postern.DeviceID(lapsing.ID), device.WorkstationTopic(lapsing.ID), func() error {
			w.now = w.now.Add(postern.WorkstationLapse + time.Second)
			return w.Lapse(t.Context())
		}},
	} {
		if !w.told(try.topic, func() {
			if err := try.end(); err != nil {
				t.Fatal(err)
			}
		}) {
			t.Errorf("nobody was told that %s ended", try.id)
		}
		if stands(try.id) {
			t.Errorf("%s still stands", try.id)
		}
	}
	if stands("phn_unknown") || stands("") {
		t.Error("nobody stands")
	}
}
