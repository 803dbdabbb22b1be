package device_test

import (
	"crypto/ed25519"
	"slices"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/device"
)

func workstationEnrolment(key ed25519.PrivateKey) postern.WorkstationEnrolment {
	public := key.Public().(ed25519.PublicKey)
	linkKey := make([]byte, 32)
	linkKey[0] = 9
	return postern.WorkstationEnrolment{
		Name: "Desk 7", Kind: postern.WorkstationAgent, Software: "test", OS: "Windows 11", JoinState: postern.JoinEntra,
		EnterpriseJoined: true, IdentityKey: postern.Bytes(public), LinkKey: linkKey,
		Proof: ed25519.Sign(key, postern.WorkstationEnrolmentMessage("", public, linkKey)),
	}
}

func (w *world) enrolWorkstation(t *testing.T) postern.Workstation {
	t.Helper()
	s, _, err := w.EnrolWorkstation(t.Context(), workstationEnrolment(newKey(t)))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// change changes the integration of the world.
func (w *world) change(t *testing.T, edit func(i *postern.Integration)) {
	t.Helper()
	i, err := w.store.Integration(t.Context(), w.user.IntegrationID)
	if err != nil {
		t.Fatal(err)
	}
	edit(&i)
	if err := w.store.UpdateIntegration(t.Context(), &i); err != nil {
		t.Fatal(err)
	}
}

func (w *world) recorded(code audit.Code) int {
	n := 0
	for _, e := range w.events {
		if e.Code == code.Code {
			n++
		}
	}
	return n
}

func TestEnrolWorkstation(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	in := workstationEnrolment(key)
	got, _, err := w.EnrolWorkstation(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	kept, err := w.Workstation(t.Context(), got.ID)
	if err != nil || kept.IntegrationID != w.user.IntegrationID || kept.Name != in.Name || kept.Kind != in.Kind || !kept.EnterpriseJoined ||
		kept.JoinState != postern.JoinEntra || !slices.Equal(kept.LinkKey, in.LinkKey) || kept.PairedAt != nil {
		t.Errorf("%+v, %v", kept, err)
	}

	// Again with the same keys, under another name: the same workstation, and one event.
	in.Name = "Desk 8"
	again, _, err := w.EnrolWorkstation(t.Context(), in)
	if err != nil || again.ID != got.ID || w.recorded(audit.WorkstationEnrolled) != 1 {
		t.Errorf("%+v, %v, %d events", again, err, w.recorded(audit.WorkstationEnrolled))
	}

	in.LinkKey = append(postern.Bytes{1}, in.LinkKey[1:]...)
	_, _, err = w.EnrolWorkstation(t.Context(), in)
	wantCode(t, err, postern.CodeWorkstationProof)
	in.Proof = ed25519.Sign(key, postern.WorkstationEnrolmentMessage("", in.IdentityKey, in.LinkKey))
	_, _, err = w.EnrolWorkstation(t.Context(), in)
	wantCode(t, err, postern.CodeConflict)

	for name, bend := range map[string]func(in *postern.WorkstationEnrolment){
		"no name":                          func(in *postern.WorkstationEnrolment) { in.Name = " " },
		"a kind":                           func(in *postern.WorkstationEnrolment) { in.Kind = "toaster" },
		"a join state":                     func(in *postern.WorkstationEnrolment) { in.JoinState = "married" },
		"an identity":                      func(in *postern.WorkstationEnrolment) { in.IdentityKey = in.IdentityKey[1:] },
		"a link key":                       func(in *postern.WorkstationEnrolment) { in.LinkKey = nil },
		"a name that turns the line round": func(in *postern.WorkstationEnrolment) { in.Name = "Kim's PC\u202e" },
		"software for a terminal":          func(in *postern.WorkstationEnrolment) { in.Software = "\x1b[2J" },
		"a system of two lines":            func(in *postern.WorkstationEnrolment) { in.OS = "Windows\u2028Trusted" },
		"long software":                    func(in *postern.WorkstationEnrolment) { in.Software = string(make([]byte, 121)) },
	} {
		in := workstationEnrolment(key)
		bend(&in)
		if _, _, err := w.EnrolWorkstation(t.Context(), in); !postern.IsCode(err, postern.CodeInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}

	named := workstationEnrolment(newKey(t))
	named.Integration = "Postern" // but the proof is for none
	_, _, err = w.EnrolWorkstation(t.Context(), named)
	wantCode(t, err, postern.CodeWorkstationProof)
	for name, want := range map[string]postern.Code{"POSTERN": "", string(w.user.IntegrationID): "", "other": postern.CodeNotFound} {
		key := newKey(t)
		in := workstationEnrolment(key)
		in.Integration, in.Proof = name, ed25519.Sign(key, postern.WorkstationEnrolmentMessage(name, in.IdentityKey, in.LinkKey))
		if _, _, err := w.EnrolWorkstation(t.Context(), in); err != nil && want == "" || want != "" && !postern.IsCode(err, want) {
			t.Errorf("integration %q: %v, want %q", name, err, want)
		}
	}

	w.change(t, func(i *postern.Integration) { i.Flags[postern.FlagWorkstation] = false })
	_, _, err = w.EnrolWorkstation(t.Context(), workstationEnrolment(newKey(t)))
	wantCode(t, err, postern.CodeFlagOff)
}

func TestAuthenticateWorkstation(t *testing.T) {
	w := newWorld(t)
	p := w.enrol(t)
	phoneKey, key := w.phone, newKey(t)
	s, _, err := w.EnrolWorkstation(t.Context(), workstationEnrolment(key))
	if err != nil {
		t.Fatal(err)
	}
	request := device.SignedRequest{Method: "GET", Path: "/link/v1"}
	proof := func(key ed25519.PrivateKey, typ, kid string, off time.Duration) device.SignedRequest {
		w.phone = key
		return w.sign(t, p, request, func(c jwt.MapClaims, h map[string]any) {
			h["typ"], h["kid"], c["iat"] = typ, kid, w.now.Add(off).Unix()
		})
	}
	own := func() device.SignedRequest { return proof(key, postern.WorkstationProofType, string(s.ID), 0) }

	good := own()
	got, err := w.AuthenticateWorkstation(t.Context(), good)
	if err != nil || got.ID != s.ID {
		t.Fatalf("%+v, %v", got, err)
	}
	_, err = w.AuthenticateWorkstation(t.Context(), good)
	wantCode(t, err, postern.CodeWorkstationReplay)
	for _, c := range []struct {
		r    device.SignedRequest
		want postern.Code
	}{
		{proof(phoneKey, postern.WorkstationProofType, string(s.ID), 0), postern.CodeWorkstationProof},
		{proof(phoneKey, postern.PhoneProofType, string(p.ID), 0), postern.CodeWorkstationProof}, // a phone is no workstation
		{proof(key, postern.PhoneProofType, string(s.ID), 0), postern.CodeWorkstationProof},
		{proof(key, postern.WorkstationProofType, string(s.ID), 3*time.Minute), postern.CodeWorkstationClock},
		{
			proof(key, postern.WorkstationProofType, string(postern.NewID[postern.WorkstationID](postern.PrefixWorkstation)), 0),
			postern.CodeWorkstationUnknown,
		},
	} {
		_, err := w.AuthenticateWorkstation(t.Context(), c.r)
		wantCode(t, err, c.want)
	}
	_, err = w.Authenticate(t.Context(), own()) // nor is a workstation a phone
	wantCode(t, err, postern.CodePhoneProof)

	if d, err := w.AuthenticateDevice(t.Context(), own()); err != nil || d != postern.DeviceID(s.ID) {
		t.Error(d, err)
	}
	if d, err := w.AuthenticateDevice(t.Context(), proof(phoneKey, postern.PhoneProofType, string(p.ID), 0)); err != nil || d != postern.DeviceID(p.ID) {
		t.Error(d, err)
	}
	_, err = w.AuthenticateDevice(t.Context(), device.SignedRequest{Proof: "a.b.c"})
	wantCode(t, err, postern.CodePhoneProof)

	if _, err := w.RevokeWorkstation(t.Context(), s.ID); err != nil {
		t.Fatal(err)
	}
	_, err = w.AuthenticateWorkstation(t.Context(), own())
	wantCode(t, err, postern.CodeWorkstationRevoked)
	_, _, err = w.EnrolWorkstation(t.Context(), workstationEnrolment(key))
	wantCode(t, err, postern.CodeWorkstationRevoked)
	_, err = w.OpenPairing(t.Context(), s.ID, postern.NewPairingID([16]byte{1}))
	wantCode(t, err, postern.CodeWorkstationRevoked)
}

func TestWorkstationsLapse(t *testing.T) {
	w := newWorld(t)
	p := w.enrol(t)
	paired, unpaired := w.enrolWorkstation(t), w.enrolWorkstation(t)
	w.pair(t, p, paired, 1)
	lapse := func(wantEvents int) {
		t.Helper()
		if err := w.Lapse(t.Context()); err != nil || w.recorded(audit.WorkstationLapsed) != wantEvents {
			t.Fatalf("%v, %d events", err, w.recorded(audit.WorkstationLapsed))
		}
	}
	w.now = w.now.Add(postern.WorkstationLapse)
	lapse(0)
	w.now = w.now.Add(time.Second)
	lapse(1)
	_, err := w.Workstation(t.Context(), unpaired.ID)
	wantCode(t, err, postern.CodeNotFound)
	if _, err := w.Workstation(t.Context(), paired.ID); err != nil {
		t.Error(err)
	}
}
