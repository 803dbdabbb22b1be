package channel

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"
)

func TestSealedLengths(t *testing.T) {
	p, w := meet(t, 11)
	for content, want := range map[int]int{0: 256, 1: 256, 254: 256, 255: 512, 510: 512, 511: 768, MaxContent: 8192} {
		in := bytes.Repeat([]byte{7}, content)
		sealed, err := p.Seal(t0, in)
		if err != nil || len(sealed) != want+tagSize {
			t.Fatalf("%d bytes became %d, %v; want %d", content, len(sealed), err, want+tagSize)
		}
		if out, err := w.Open(t0, sealed); err != nil || !bytes.Equal(in, out) {
			t.Fatalf("%d bytes did not arrive: %v", content, err)
		}
	}
	if _, err := p.Seal(t0, make([]byte, MaxContent+1)); !errors.Is(err, ErrTooLong) {
		t.Errorf("one byte too many: %v", err)
	}
	if p.Over() {
		t.Error("a content that is too long ended the session")
	}
}

// TestPadding seals plaintexts that no honest end makes.
func TestPadding(t *testing.T) {
	plain := func(size, length int, set ...int) []byte {
		b := make([]byte, size)
		binary.BigEndian.PutUint16(b, uint16(length))
		for _, i := range set {
			b[i] = 1
		}
		return b
	}
	for name, plaintext := range map[string][]byte{
		"no padding":         plain(20, 18),
		"empty":              {},
		"longer than it is":  plain(256, 255),
		"much longer":        plain(256, 65535),
		"a block too many":   plain(512, 10),
		"padding not zero":   plain(256, 10, 12),
		"last byte not zero": plain(256, 10, 255),
		"too large":          plain(8448, 8440),
	} {
		p, w := meet(t, 12)
		sealed, err := p.send.Encrypt(nil, nil, plaintext)
		if err != nil {
			t.Fatal(err)
		}
		if out, err := w.Open(t0, sealed); !errors.Is(err, ErrSession) || out != nil || !w.Over() {
			t.Errorf("%s: %x, %v", name, out, err)
		}
	}
}

// TestFirstFailureEnds shows that after a message that does not open, the right one does not either, in both directions.
func TestFirstFailureEnds(t *testing.T) {
	p, w := meet(t, 13)
	right, err := p.Seal(t0, []byte("right"))
	if err != nil {
		t.Fatal(err)
	}
	wrong := bytes.Clone(right)
	wrong[100] ^= 1
	if _, err := w.Open(t0, wrong); !errors.Is(err, ErrSession) {
		t.Fatalf("a flipped bit: %v", err)
	}
	if _, err := w.Open(t0, right); !errors.Is(err, ErrSessionOver) {
		t.Errorf("the session went on: %v", err)
	}
	if _, err := w.Seal(t0, nil); !errors.Is(err, ErrSessionOver) {
		t.Errorf("the session seals on: %v", err)
	}
	if w.send != nil || w.receive != nil {
		t.Error("a session that is over keeps its ciphers")
	}
}

func TestCloseOverwritesKeys(t *testing.T) {
	p, _ := meet(t, 14)
	send, receive := p.send, p.receive
	before := [2][32]byte{send.UnsafeKey(), receive.UnsafeKey()}
	p.Close()
	if send.UnsafeKey() == before[0] || receive.UnsafeKey() == before[1] {
		t.Error("the keys are still there")
	}
	p.Close()
}

func TestSessionLife(t *testing.T) {
	for name, use := range map[string]func(*Session, time.Time) error{
		"seal": func(s *Session, now time.Time) error { _, err := s.Seal(now, nil); return err },
		"open": func(s *Session, now time.Time) error { _, err := s.Open(now, nil); return err },
	} {
		p, w := meet(t, 15)
		last := t0.Add(SessionLife - time.Second)
		sealed, err := p.Seal(last, []byte("late"))
		if err != nil {
			t.Fatalf("in its last second: %v", err)
		}
		if _, err := w.Open(last, sealed); err != nil {
			t.Fatalf("in its last second: %v", err)
		}
		if err := use(p, t0.Add(SessionLife)); !errors.Is(err, ErrSessionOver) || !p.Over() {
			t.Errorf("%s after its life: %v", name, err)
		}
		if err := use(p, t0); !errors.Is(err, ErrSessionOver) {
			t.Errorf("%s after its life, with the clock set back: %v", name, err)
		}
	}
	p, _ := meet(t, 16)
	if p.Due(t0.Add(11 * time.Hour)) {
		t.Error("due after eleven hours")
	}
	if !p.Due(t0.Add(SessionLife - renewTime)) {
		t.Error("not due before its end")
	}
}

func TestSessionMessages(t *testing.T) {
	p, w := meet(t, 17)
	p.sent, p.received = SessionMessages-1, SessionMessages-1
	if !p.Due(t0) {
		t.Error("not due before its last message")
	}
	sealed, err := w.Seal(t0, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Open(t0, sealed); err != nil {
		t.Fatalf("the last message in: %v", err)
	}
	if p.received != SessionMessages {
		t.Errorf("%d messages counted in, want %d", p.received, SessionMessages)
	}
	if _, err := p.Seal(t0, nil); err != nil {
		t.Fatalf("the last message out: %v", err)
	}
	if _, err := p.Seal(t0, nil); !errors.Is(err, ErrSessionOver) || !p.Over() {
		t.Errorf("one message more: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	p, _ := meet(f, 18)
	sealed, err := p.Seal(t0, []byte("hello"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(sealed[:padding])
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, message []byte) {
		_, w := meet(t, 18)
		content, err := w.Open(t0, message)
		if genuine := bytes.Equal(message, sealed); genuine != (err == nil) || genuine == w.Over() {
			t.Fatalf("opened %x, %v", content, err)
		}
	})
}

func FuzzHandshake(f *testing.F) {
	pc, wc := pairingConfigs(f)
	first, err := begin(f, NewPhonePairing, pc).Write()
	if err != nil {
		f.Fatal(err)
	}
	sp, sw := sessionConfigs(f, 19)
	second, err := begin(f, NewWorkstationSession, sw).Write()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(first)
	f.Add(second)
	f.Add(make([]byte, MaxHandshakeMessage+1))
	f.Fuzz(func(t *testing.T, message []byte) {
		w := begin(t, NewWorkstationPairing, wc)
		if err := w.Read(message); (err == nil) != bytes.Equal(message, first) {
			t.Fatalf("the workstation that pairs: %v", err)
		}
		p := begin(t, NewPhoneSession, sp)
		if err := p.Read(message); (err == nil) != bytes.Equal(message, second) {
			t.Fatalf("the phone that meets: %v", err)
		}
		for _, h := range []*Handshake{w, p} {
			if _, ok := h.Done(); ok {
				t.Fatal("done after one message")
			}
		}
		pc.Random = random(3)
		asks := begin(t, NewPhonePairing, pc)
		if _, err := asks.Write(); err != nil {
			t.Fatal(err)
		}
		if asks.Read(message) == nil {
			t.Fatal("the phone that pairs took an answer nobody gave")
		}
	})
}

// FuzzPayload decodes what the other end of a pairing says of itself, which nothing vouches for before the digits.
func FuzzPayload(f *testing.F) {
	payload, err := encodeFields(fields{1: "LAPTOP-7", 2: "wks_1", 3: "postern-agent 1.0"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(payload)
	f.Fuzz(func(t *testing.T, payload []byte) {
		h := &Handshake{role: phonePairs}
		if h.readPayload(payload) && !h.peer.valid() {
			t.Fatalf("accepted %+v", h.peer)
		}
	})
}
