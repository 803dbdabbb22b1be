package channel

import (
	"errors"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestPairing(t *testing.T) {
	pc, wc := pairingConfigs(t)
	p, w := begin(t, NewPhonePairing, pc), begin(t, NewWorkstationPairing, wc)
	if err := pair(p, w); err != nil {
		t.Fatal(err)
	}
	ps, ws := done(t, p), done(t, w)
	if ps.Digits() != ws.Digits() || !regexp.MustCompile(`^[0-9]{3}$`).MatchString(ps.Digits()) {
		t.Errorf("digits %q at the phone, %q at the workstation", ps.Digits(), ws.Digits())
	}
	if diff := cmp.Diff(Peer{Key: pc.Static.Public(), Device: pc.Self}, ws.Peer()); diff != "" {
		t.Errorf("the workstation met somebody else (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Peer{Key: wc.Static.Public(), Device: wc.Self}, ps.Peer()); diff != "" {
		t.Errorf("the phone met somebody else (-want +got):\n%s", diff)
	}
	if !ps.Confirmed() || !ws.Confirmed() {
		t.Error("a finished pairing is not confirmed")
	}
	for _, s := range []*Session{ps, ws} {
		if _, err := NewPhone(s); !errors.Is(err, ErrPairing) {
			t.Errorf("requests on the session of a pairing: %v", err)
		}
		if _, err := NewWorkstation(s); !errors.Is(err, ErrPairing) {
			t.Errorf("requests on the session of a pairing: %v", err)
		}
	}
	sealed, err := ws.Seal(t0, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ps.Open(t0, sealed); err != nil || string(got) != "hello" {
		t.Errorf("opened %q, %v", got, err)
	}
}

// TestDisagreement changes each thing both ends must agree on, in turn.
func TestDisagreement(t *testing.T) {
	changes := map[string]func(*Config){
		"origin":      func(c *Config) { c.Prologue.Origin = "https://postern.contoso.example" },
		"integration": func(c *Config) { c.Prologue.Integration = "int_2" },
		"workstation": func(c *Config) { c.Prologue.Workstation = "wks_2" },
		"pairing id":  func(c *Config) { c.Prologue.PairingID[0]++ },
		"a border":    func(c *Config) { c.Prologue.Integration, c.Prologue.Workstation = "int_1w", "ks_1" },
		"secret":      func(c *Config) { c.Secret[31]++ },
		"peer":        func(c *Config) { c.Peer = static(t, 99).Public() },
	}
	for name, change := range changes {
		t.Run("pairing/"+name, func(t *testing.T) {
			pc, wc := pairingConfigs(t)
			change(&pc)
			p, w := begin(t, NewPhonePairing, pc), begin(t, NewWorkstationPairing, wc)
			if err := pair(p, w); !errors.Is(err, ErrHandshake) {
				t.Errorf("the pairing came off: %v", err)
			}
			notDone(t, w)
		})
		if name == "secret" {
			continue
		}
		t.Run("session/"+name, func(t *testing.T) {
			pc, wc := sessionConfigs(t, 10)
			change(&pc)
			p, w := begin(t, NewPhoneSession, pc), begin(t, NewWorkstationSession, wc)
			if err := pass(w, p); !errors.Is(err, ErrHandshake) {
				t.Errorf("the phone accepted: %v", err)
			}
			notDone(t, p)
		})
	}
}

func notDone(t *testing.T, h *Handshake) {
	t.Helper()
	if s, ok := h.Done(); ok || s != nil {
		t.Error("a handshake that failed gave a session")
	}
	if _, err := h.Write(); !errors.Is(err, ErrHandshake) {
		t.Errorf("a handshake that failed writes on: %v", err)
	}
	if err := h.Read(make([]byte, 48)); !errors.Is(err, ErrHandshake) {
		t.Errorf("a handshake that failed reads on: %v", err)
	}
}

// TestWorkstationWaitsForProof is the phone of an enemy who knows the workstation's link key and not the secret: it may
// begin, and the workstation has to answer, but nothing is done before the secret is proved.
func TestWorkstationWaitsForProof(t *testing.T) {
	pc, wc := pairingConfigs(t)
	pc.Secret = Secret{9}
	p, w := begin(t, NewPhonePairing, pc), begin(t, NewWorkstationPairing, wc)
	if err := pass(p, w); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(); err != nil {
		t.Fatal(err)
	}
	if _, ok := w.Done(); ok {
		t.Fatal("the workstation holds a phone for paired that has not proved the secret")
	}
	if err := w.Read(make([]byte, padding+tagSize)); !errors.Is(err, ErrHandshake) {
		t.Errorf("the workstation took a proof from nowhere: %v", err)
	}
	notDone(t, w)
}

// TestManInTheMiddle is an enemy who has the secret and makes the phone take his link key for the workstation's. Both
// pairings come off; the digits tell.
func TestManInTheMiddle(t *testing.T) {
	same := 0
	const tries = 40
	for seed := range byte(tries) {
		pc, wc := pairingConfigs(t)
		pc.Random, wc.Random = random(100+seed), random(50+seed)
		enemy := static(t, 77)
		realWorkstation := pc.Peer
		pc.Peer = enemy.Public()
		asWorkstation := wc
		asWorkstation.Static, asWorkstation.Random = enemy, random(200+seed)
		asPhone := pc
		asPhone.Static, asPhone.Peer, asPhone.Random = enemy, realWorkstation, random(201+seed)

		p, fakeW := begin(t, NewPhonePairing, pc), begin(t, NewWorkstationPairing, asWorkstation)
		fakeP, w := begin(t, NewPhonePairing, asPhone), begin(t, NewWorkstationPairing, wc)
		if err := errors.Join(pair(p, fakeW), pair(fakeP, w)); err != nil {
			t.Fatal(err)
		}
		if done(t, p).Digits() == done(t, w).Digits() {
			same++
		}
	}
	if same > 1 {
		t.Errorf("in %d of %d attacks both ends showed the same digits", same, tries)
	}
}

// TestCommitment is an enemy who changes his nonce once he knows which digits he needs: a phone that confirms with
// another nonce than it committed to.
func TestCommitment(t *testing.T) {
	pc, wc := pairingConfigs(t)
	p, w := begin(t, NewPhonePairing, pc), begin(t, NewWorkstationPairing, wc)
	if err := errors.Join(pass(p, w), pass(w, p)); err != nil {
		t.Fatal(err)
	}
	p.nonce[0]++
	if err := pass(p, w); !errors.Is(err, ErrHandshake) {
		t.Errorf("the workstation accepted another nonce: %v", err)
	}
	notDone(t, w)
}

// TestDigitsNeedTheNonce shows that the digits are not decided by what is known before the nonce is.
func TestDigitsNeedTheNonce(t *testing.T) {
	pc, wc := pairingConfigs(t)
	p, w := begin(t, NewPhonePairing, pc), begin(t, NewWorkstationPairing, wc)
	if err := errors.Join(pass(p, w), pass(w, p)); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i := range byte(20) {
		if err := p.compare([]byte{i}); err != nil {
			t.Fatal(err)
		}
		seen[p.session.digits] = true
	}
	if len(seen) < 15 {
		t.Errorf("20 nonces gave %d digits", len(seen))
	}
}

// TestOldHandshake plays a recorded first message to the phone, and a recorded second one to the workstation.
func TestOldHandshake(t *testing.T) {
	pc, wc := sessionConfigs(t, 20)
	p, w := begin(t, NewPhoneSession, pc), begin(t, NewWorkstationSession, wc)
	first, _ := w.Write()
	if err := p.Read(first); err != nil {
		t.Fatal(err)
	}
	second, _ := p.Write()
	if err := w.Read(second); err != nil {
		t.Fatal(err)
	}
	sealed, _ := done(t, w).Seal(t0, []byte("old"))

	pc, wc = sessionConfigs(t, 30)
	p, w = begin(t, NewPhoneSession, pc), begin(t, NewWorkstationSession, wc)
	if _, err := w.Write(); err != nil {
		t.Fatal(err)
	}
	if err := w.Read(second); !errors.Is(err, ErrHandshake) {
		t.Errorf("the workstation took an old answer: %v", err)
	}
	if err := p.Read(first); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write(); err != nil {
		t.Fatal(err)
	}
	s := done(t, p)
	if s.Confirmed() {
		t.Error("the phone takes a recorded message for the workstation's presence")
	}
	if _, err := s.Open(t0, sealed); !errors.Is(err, ErrSession) {
		t.Errorf("an old message opened: %v", err)
	}
}

func TestLowOrderKey(t *testing.T) {
	pc, _ := sessionConfigs(t, 1)
	p := begin(t, NewPhoneSession, pc)
	if err := p.Read(make([]byte, 48)); !errors.Is(err, ErrHandshake) {
		t.Errorf("the phone took a key of low order: %v", err)
	}
}

// TestSessionPayload sends something along where a session's handshake says nothing.
func TestSessionPayload(t *testing.T) {
	pc, wc := sessionConfigs(t, 40)
	p, w := begin(t, NewPhoneSession, pc), begin(t, NewWorkstationSession, wc)
	message, _, _, err := w.state.WriteMessage(nil, []byte("more"))
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Read(message); !errors.Is(err, ErrHandshake) {
		t.Errorf("the phone took a payload: %v", err)
	}
}

func TestTurns(t *testing.T) {
	pc, wc := pairingConfigs(t)
	if err := begin(t, NewPhonePairing, pc).Read(make([]byte, 100)); !errors.Is(err, ErrHandshake) {
		t.Errorf("the phone read first: %v", err)
	}
	if _, err := begin(t, NewWorkstationPairing, wc).Write(); !errors.Is(err, ErrHandshake) {
		t.Errorf("the workstation wrote first: %v", err)
	}
}

func TestConfig(t *testing.T) {
	pc, wc := pairingConfigs(t)
	spoil := func(c Config, f func(*Config)) Config { f(&c); return c }
	for name, try := range map[string]func() (*Handshake, error){
		"no randomness": func() (*Handshake, error) { return NewPhonePairing(spoil(pc, func(c *Config) { c.Random = nil })) },
		"no key":        func() (*Handshake, error) { return NewPhonePairing(spoil(pc, func(c *Config) { c.Static = Static{} })) },
		"wiped key":     func() (*Handshake, error) { return NewPhonePairing(spoil(pc, func(c *Config) { c.Static.Wipe() })) },
		"no peer": func() (*Handshake, error) {
			return NewPhonePairing(spoil(pc, func(c *Config) { c.Peer = PublicKey{} }))
		},
		"itself": func() (*Handshake, error) {
			return NewPhonePairing(spoil(pc, func(c *Config) { c.Peer = c.Static.Public() }))
		},
		"wiped secret": func() (*Handshake, error) { return NewPhonePairing(spoil(pc, func(c *Config) { c.Secret.Wipe() })) },
		"no id":        func() (*Handshake, error) { return NewPhonePairing(spoil(pc, func(c *Config) { c.Self.ID = "" })) },
		"odd name": func() (*Handshake, error) {
			return NewPhonePairing(spoil(pc, func(c *Config) { c.Self.Name = "a\u202eb" }))
		},
		"known phone": func() (*Handshake, error) {
			return NewWorkstationPairing(spoil(wc, func(c *Config) { c.Peer = pc.Static.Public() }))
		},
		"secret later": func() (*Handshake, error) { return NewPhoneSession(pc) },
	} {
		if h, err := try(); err == nil || h != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestRequestDigits: both ends show the same number for a request, and another one for the next.
func TestRequestDigits(t *testing.T) {
	ps, ws := meet(t, 1)
	seen := map[string]bool{}
	for n := range uint32(20) {
		if ps.RequestDigits(n) != ws.RequestDigits(n) || len(ps.RequestDigits(n)) != 2 {
			t.Fatalf("request %d: %s at the phone, %s at the workstation", n, ps.RequestDigits(n), ws.RequestDigits(n))
		}
		seen[ps.RequestDigits(n)] = true
	}
	if other, _ := meet(t, 2); other.RequestDigits(1) == ps.RequestDigits(1) && other.RequestDigits(2) == ps.RequestDigits(2) {
		t.Error("two sessions have the same numbers")
	}
	if len(seen) < 10 {
		t.Errorf("20 requests have %d numbers", len(seen))
	}
}
