package center_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/lifecycle"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
)

// must is for what the test's own side of the channel does.
func must[T any](d *device) func(v T, err error) T {
	return func(v T, err error) T {
		d.Helper()
		if err != nil {
			d.Fatal(err)
		}
		return v
	}
}

// pair brings a connected phone and a connected workstation together, as their users would.
func (w *world) pair(p, s *device) postern.Pairing {
	w.Helper()
	var raw relay.PairingID
	_, _ = rand.Read(raw[:])
	var secret channel.Secret
	_, _ = rand.Read(secret[:])
	id := postern.NewPairingID(raw)
	path, at := "/pairings/"+string(id), raw.Peer()
	var answer postern.PairingAnswer
	s.call(http.MethodPut, path, nil, &answer)
	if err := s.client.Open(w.Context(), raw); err != nil {
		w.Fatal(err)
	}
	next(s, func(r relay.Rendezvous) bool { return r.Pairing == raw })
	p.call(http.MethodPut, path, nil, &answer)
	if public := s.static.Public(); !bytes.Equal(answer.LinkKey, public[:]) || string(answer.Pairing.WorkstationID) != s.id {
		w.Fatalf("a phone that joins is told %+v", answer)
	}
	prologue := channel.Prologue{Origin: w.config.PublicURL, Integration: string(w.integration.ID), Workstation: s.id, PairingID: raw}
	now := time.Now()
	hp := must[*channel.Handshake](p)(channel.NewPhonePairing(channel.Config{
		Random: rand.Reader, Time: now, Static: p.static, Prologue: prologue, Peer: s.static.Public(), Secret: secret,
		Self: channel.Device{Name: "Pixel", ID: p.id, Software: "test"},
	}))
	hs := must[*channel.Handshake](s)(channel.NewWorkstationPairing(channel.Config{
		Random: rand.Reader, Time: now, Static: s.static, Prologue: prologue, Secret: secret,
		Self: channel.Device{Name: "DESKTOP-7", ID: s.id, Software: "test"},
	}))
	hand := func(from, to *device, a, b *channel.Handshake) {
		w.Helper()
		from.send(at, channel.Payload(channel.PayloadPairing, must[[]byte](from)(a.Write())))
		if err := b.Read(to.receive(at, channel.PayloadPairing)); err != nil {
			w.Fatal(err)
		}
	}
	hand(p, s, hp, hs)
	hand(s, p, hs, hp)
	hand(p, s, hp, hs)
	ps, _ := hp.Done()
	ss, _ := hs.Done()
	if ps.Digits() != ss.Digits() || len(ps.Digits()) != 3 {
		w.Fatalf("the ends show %q and %q", ps.Digits(), ss.Digits())
	}
	p.call(http.MethodPost, path+"/confirmation", nil, &answer)
	s.call(http.MethodPost, path+"/confirmation", nil, &answer)
	if answer.Pairing.State != postern.PairingActive {
		w.Fatalf("after both confirmed it is %+v", answer)
	}
	p.sees(s.id, relay.Present)
	s.sees(p.id, relay.Present)
	return answer.Pairing
}

// paired is a phone and a workstation that see each other.
func (w *world) paired() (p, s *device, pairing postern.Pairing) {
	w.Helper()
	p, s = w.phone().connect(), w.workstation().connect()
	return p, s, w.pair(p, s)
}

// ask begins a session and has the phone answer one request.
func (w *world) ask(p, s *device, pairing postern.Pairing, request, reply []byte) (sealed [][]byte) {
	w.Helper()
	raw := must[[]byte](s)(base64.RawURLEncoding.DecodeString(string(pairing.ID)))
	prologue := channel.Prologue{
		Origin: w.config.PublicURL, Integration: string(w.integration.ID), Workstation: s.id, PairingID: [16]byte(raw),
	}
	config := func(own, other *device) channel.Config {
		return channel.Config{Random: rand.Reader, Time: time.Now(), Static: own.static, Prologue: prologue, Peer: other.static.Public()}
	}
	hs, hp := must[*channel.Handshake](s)(channel.NewWorkstationSession(config(s, p))), must[*channel.Handshake](p)(channel.NewPhoneSession(config(p, s)))
	hand := func(from, to *device, a, b *channel.Handshake) {
		w.Helper()
		from.send(to.id, channel.Payload(channel.PayloadHandshake, must[[]byte](from)(a.Write())))
		if err := b.Read(to.receive(from.id, channel.PayloadHandshake)); err != nil {
			w.Fatal(err)
		}
	}
	hand(s, p, hs, hp)
	hand(p, s, hp, hs)
	ss, _ := hs.Done()
	sp, _ := hp.Done()
	workstation, phone := must[*channel.Workstation](s)(channel.NewWorkstation(ss)), must[*channel.Phone](p)(channel.NewPhone(sp))
	say := func(from, to *device, step channel.Step) {
		w.Helper()
		for _, message := range step.Send {
			sealed = append(sealed, message)
			from.send(to.id, channel.Payload(channel.PayloadSealed, message))
		}
	}
	number, step, err := workstation.Request(time.Now(), time.Now().Add(time.Minute), request, "login")
	if err != nil {
		w.Fatal(err)
	}
	say(s, p, step)
	step = phone.Receive(time.Now(), p.receive(s.id, channel.PayloadSealed))
	if len(step.Events) != 1 || !bytes.Equal(step.Events[0].(channel.Asked).CTAP, request) {
		w.Fatalf("the phone was asked %+v", step.Events)
	}
	say(p, s, step)
	step, err = phone.Answer(time.Now(), number, reply)
	if err != nil {
		w.Fatal(err)
	}
	say(p, s, step)
	for {
		for _, event := range workstation.Receive(time.Now(), s.receive(p.id, channel.PayloadSealed)).Events {
			if got, ok := event.(channel.Answered); ok {
				if !bytes.Equal(got.CTAP, reply) {
					w.Fatalf("the answer is %x", got.CTAP)
				}
				return sealed
			}
		}
	}
}

// TestLink: enrol, pair, ask. What passed through is in no log, nor is what the devices proved themselves with.
func TestLink(t *testing.T) {
	for dialect, database := range dialects {
		t.Run(dialect, func(t *testing.T) {
			w := newWorld(t, database(t))
			p, s, pairing := w.paired()
			request, reply := make([]byte, 600), make([]byte, 700)
			_, _ = rand.Read(request)
			_, _ = rand.Read(reply)
			passed := w.ask(p, s, pairing, request, reply)

			var self postern.PhoneSelf
			p.call(http.MethodGet, "/self", nil, &self)
			if len(self.Pairings) != 1 || self.Pairings[0].Name != "DESKTOP-7" || self.Pairings[0].Pairing.ID != pairing.ID || self.Pairings[0].Notice != nil {
				t.Errorf("the phone is told %+v", self.Pairings)
			}
			var phones []postern.PairedPhone
			s.call(http.MethodGet, "/pairings", nil, &phones)
			if len(phones) != 1 || phones[0].UPN != p.user.UPN || phones[0].Phase != postern.PhasePaired || !phones[0].Incomplete() || phones[0].Notice != nil {
				t.Errorf("the workstation is told %+v", phones)
			}
			s.call(http.MethodPut, "/self", postern.WorkstationUpdate{Name: "DESKTOP-8", Software: "test", OS: "test", JoinState: postern.JoinNone}, nil)
			p.hears()
			var workstations []postern.PairedWorkstation
			p.call(http.MethodGet, "/pairings", nil, &workstations)
			if len(workstations) != 1 || workstations[0].Name != "DESKTOP-8" {
				t.Errorf("the phone is told %+v", workstations)
			}

			metrics := w.get("/metrics")
			for _, want := range []string{"postern_link_sessions 2", "postern_link_forwarded_total ", "postern_link_waiting_bytes 0"} {
				if !strings.Contains(metrics, want) {
					t.Errorf("the metrics lack %q", want)
				}
			}
			w.stop()
			log := w.log.Bytes()
			if !bytes.Contains(log, []byte(`"actor":"`+p.id+`"`)) {
				t.Error("the access log does not say who was at the link")
			}
			secrets := append(passed, request, reply)
			for proof := range bytes.Lines(append(p.proofs.Bytes(), s.proofs.Bytes()...)) {
				secrets = append(secrets, bytes.TrimSpace(proof))
			}
			for _, secret := range secrets {
				part := secret[len(secret)/2:][:24]
				for _, form := range []string{
					string(part), hex.EncodeToString(part), base64.StdEncoding.EncodeToString(part), base64.RawURLEncoding.EncodeToString(part),
				} {
					if bytes.Contains(log, []byte(form)) {
						t.Fatal("what passed through the link stands in the log")
					}
				}
			}
			if !bytes.Contains(log, []byte(pairing.ID)) {
				t.Error("the search through the log finds nothing at all") // it stands in the path of a request
			}
		})
	}
}

func (w *world) get(path string) string {
	w.Helper()
	resp, err := http.Get(w.config.PublicURL + path)
	if err != nil {
		w.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.Fatal(err)
	}
	return string(body)
}

// TestChangesCountAtOnce: what is changed at the control center ends a conversation within its notice, and both ends
// are told to ask anew.
func TestChangesCountAtOnce(t *testing.T) {
	w := newWorld(t, "")
	p, s, pairing := w.paired()
	restrict := func(domains ...string) func() {
		return func() {
			w.change(func(i postern.Integration) (postern.Integration, error) {
				return w.admin.SetLoginSettings(w.Context(), i.ID, postern.LoginSettings{Version: i.Version, RestrictDomains: len(domains) > 0, Domains: domains})
			})
		}
	}
	flag := func(on bool) func() {
		return func() {
			w.change(func(i postern.Integration) (postern.Integration, error) {
				set := postern.AllFlags()
				set[postern.FlagWorkstation] = on
				return w.admin.SetIntegrationFlags(w.Context(), i.ID, postern.FlagsInput{Version: i.Version, Flags: set})
			})
		}
	}
	phase := func(phase postern.Phase) func() {
		return func() {
			u, err := w.center.Store.User(t.Context(), p.user.ID)
			if err != nil {
				t.Fatal(err)
			}
			u.Phase = phase
			if err := w.center.Store.UpdateUser(t.Context(), &u); err != nil {
				t.Fatal(err)
			}
			w.center.Users.Notices.Publish(lifecycle.Topic(u.ID))
		}
	}
	for _, try := range []struct {
		name    string
		off, on func()
		code    postern.Code
	}{
		{"disabled", func() { w.set(postern.StateDisabled) }, func() { w.set(postern.StateEnabled) }, postern.CodeIntegrationDisabled},
		{"flag off", flag(false), flag(true), postern.CodeFlagOff},
		{"restricted domain", restrict("elsewhere.example"), restrict(), postern.CodeDomainRefused},
		{"suspended", phase(postern.PhaseSuspended), phase(postern.PhasePaired), postern.CodeUserSuspended},
		{"revoked user", phase(postern.PhaseRevoked), phase(postern.PhasePaired), postern.CodeUserRevoked},
	} {
		w.ask(p, s, pairing, []byte{4}, []byte{0})
		try.off()
		p.learns(s.id, relay.Gone)
		s.learns(p.id, relay.Gone)
		if code := s.refused(p.id); code != try.code {
			t.Errorf("%s: the workstation is refused with %s", try.name, code)
		}
		if code := p.refused(s.id); code != try.code {
			t.Errorf("%s: the phone is refused with %s", try.name, code)
		}
		var phones []postern.PairedPhone
		s.call(http.MethodGet, "/pairings", nil, &phones)
		if len(phones) != 1 || phones[0].Notice == nil || phones[0].Notice.Code != try.code {
			t.Errorf("%s: the workstation is told %+v", try.name, phones)
		}
		try.on()
		p.learns(s.id, relay.Present)
		s.learns(p.id, relay.Present)
	}
	s.call(http.MethodDelete, "/pairings/"+string(pairing.ID), nil, nil)
	p.sees(s.id, relay.Gone)
	if code := p.refused(s.id); code != postern.CodePairingOver {
		t.Errorf("after the pairing ended: %s", code)
	}
	again := w.pair(p, s)
	w.ask(p, s, again, []byte{4}, []byte{0})
}

// TestRevokedIsCut: who is revoked loses the connection at once, gets no other, and the peers see it go.
func TestRevokedIsCut(t *testing.T) {
	w := newWorld(t, "")
	cut := func(d *device, code postern.Code) {
		t.Helper()
		select {
		case err := <-d.ended:
			if !postern.IsCode(err, postern.CodeLinkCut) && !postern.IsCode(err, code) {
				t.Errorf("the connection ended with %v", err)
			}
		case <-time.After(soon):
			t.Fatal("a revoked device is still connected")
		}
		if err := d.Call(t.Context(), http.MethodGet, "/self", nil, nil, nil); !postern.IsCode(err, code) {
			t.Errorf("a revoked device is answered %v", err)
		}
		err := relay.NewClient(relay.ClientConfig{Dial: d.dial, Hello: d.hello}).Run(t.Context())
		if !postern.IsCode(err, code) {
			t.Errorf("a revoked device that connects again is told %v", err)
		}
	}
	p, s, _ := w.paired()
	if _, err := w.admin.RevokePhone(t.Context(), postern.PhoneID(p.id)); err != nil {
		t.Fatal(err)
	}
	cut(p, postern.CodePhoneRevoked)
	s.sees(p.id, relay.Gone)
	if code := s.refused(p.id); code != postern.CodePhoneRevoked {
		t.Errorf("the workstation of a revoked phone is told %s", code)
	}
	p = w.phone().connect()
	w.pair(p, s)
	if _, err := w.admin.RevokeWorkstation(t.Context(), postern.WorkstationID(s.id)); err != nil {
		t.Fatal(err)
	}
	cut(s, postern.CodeWorkstationRevoked)
	p.sees(s.id, relay.Gone)
	p = w.phone().connect() // without a pairing, nobody else hears of it
	p.call(http.MethodDelete, "/self", nil, nil)
	cut(p, postern.CodePhoneRevoked)
}

// TestStrangers: an unknown device is not let in, and one that was never paired reaches nobody and learns nothing.
func TestStrangers(t *testing.T) {
	w := newWorld(t, "")
	p, s, pairing := w.paired()
	unknown, key := w.device(signed.Phone)
	unknown.SignAs(string(postern.NewID[postern.PhoneID](postern.PrefixPhone)), key)
	if err := relay.NewClient(relay.ClientConfig{Dial: unknown.dial, Hello: unknown.hello}).Run(t.Context()); !postern.IsCode(err, postern.CodePhoneUnknown) {
		t.Errorf("an unknown phone is told %v", err)
	}
	stolen, _ := w.device(signed.Workstation)
	stolen.SignAs(s.id, key)
	if err := relay.NewClient(relay.ClientConfig{Dial: stolen.dial, Hello: stolen.hello}).Run(t.Context()); !postern.IsCode(err, postern.CodeWorkstationProof) {
		t.Errorf("who has another's name and not the key is told %v", err)
	}

	stranger := w.workstation().connect()
	if code := stranger.refused(p.id); code != postern.CodeNotPaired {
		t.Errorf("a workstation that never paired is refused with %s", code)
	}
	if code := stranger.refused(string(postern.NewID[postern.PhoneID](postern.PrefixPhone))); code != postern.CodeNotPaired {
		t.Errorf("of a phone that there is not it is told %s", code)
	}
	// A phone that did not join has no seat at the rendezvous.
	var raw relay.PairingID
	_, _ = rand.Read(raw[:])
	stranger.call(http.MethodPut, "/pairings/"+string(postern.NewPairingID(raw)), nil, nil)
	if err := stranger.client.Open(t.Context(), raw); err != nil {
		t.Fatal(err)
	}
	next(stranger, func(relay.Rendezvous) bool { return true })
	p.send(raw.Peer(), []byte{channel.PayloadPairing, 1})
	if got := next(p, func(r relay.Refusal) bool { return r.Peer == raw.Peer() }); got.Code != postern.CodeNotPaired {
		t.Errorf("a phone that did not join is told %s", got.Code)
	}
	w.ask(p, s, pairing, []byte{4}, []byte{0}) // none of it disturbs the others
}

// TestRestart: devices are told that the control center stops, and are at the next one as soon as it is there.
func TestRestart(t *testing.T) {
	w := newWorld(t, "")
	p, s, pairing := w.paired()
	w.stop()
	next(p, func(relay.Disconnected) bool { return true })
	next(s, func(relay.Disconnected) bool { return true })
	w.start(listen(t, w.config.Listen))
	p.sees(s.id, relay.Present)
	s.sees(p.id, relay.Present)
	w.ask(p, s, pairing, []byte{4}, []byte{0})
}

// TestNoApp: a build without the phone app says so, at the addresses where it would be.
func TestNoApp(t *testing.T) {
	w := newWorld(t, "")
	for _, path := range []string{"/app/", "/app/index.html", "/p"} {
		if page := w.get(path); !strings.Contains(page, "no phone app") {
			t.Errorf("%s answers %q", path, page)
		}
	}
}
