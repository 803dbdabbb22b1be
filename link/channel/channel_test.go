package channel

import (
	"io"
	"math/rand/v2"
	"testing"
	"time"
)

var t0 = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// random is a stream of bytes that a number decides.
func random(seed byte) io.Reader { return rand.NewChaCha8([32]byte{seed}) }

func static(t testing.TB, seed byte) Static {
	t.Helper()
	s, err := GenerateStatic(rand.NewChaCha8([32]byte{seed, 1}))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var prologue = Prologue{
	Origin:      "https://postern.contoso.com",
	Integration: "int_1",
	Workstation: "wks_1",
	PairingID:   [16]byte{15: 7},
}

// pairingConfigs are what an honest phone and workstation pair with.
func pairingConfigs(t testing.TB) (phone, workstation Config) {
	t.Helper()
	secret := Secret{1, 2, 3}
	p, w := static(t, 1), static(t, 2)
	phone = Config{
		Random: random(3), Time: t0, Static: p, Peer: w.Public(), Prologue: prologue, Secret: secret,
		Self: Device{Name: "Ana's phone", ID: "phn_1", Software: "postern 1.0"},
	}
	workstation = Config{
		Random: random(4), Time: t0, Static: w, Prologue: prologue, Secret: secret,
		Self: Device{Name: "LAPTOP-7", ID: "wks_1", Software: "postern-agent 1.0"},
	}
	return phone, workstation
}

// sessionConfigs are what a phone and a workstation that know each other meet with.
func sessionConfigs(t testing.TB, seed byte) (phone, workstation Config) {
	t.Helper()
	p, w := static(t, 1), static(t, 2)
	phone = Config{Random: random(2 * seed), Time: t0, Static: p, Peer: w.Public(), Prologue: prologue}
	workstation = Config{Random: random(2*seed + 1), Time: t0, Static: w, Peer: p.Public(), Prologue: prologue}
	return phone, workstation
}

func begin(t fataler, f func(Config) (*Handshake, error), c Config) *Handshake {
	t.Helper()
	h, err := f(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// pass lets the first end write and the other read.
func pass(from, to *Handshake) error {
	message, err := from.Write()
	if err != nil {
		return err
	}
	return to.Read(message)
}

func done(t fataler, h *Handshake) *Session {
	t.Helper()
	s, ok := h.Done()
	if !ok {
		t.Fatal("the handshake is not done")
	}
	return s
}

// meet runs the handshake of a session.
func meet(t testing.TB, seed byte) (phone, workstation *Session) {
	t.Helper()
	pc, wc := sessionConfigs(t, seed)
	p, w := begin(t, NewPhoneSession, pc), begin(t, NewWorkstationSession, wc)
	for _, step := range [][2]*Handshake{{w, p}, {p, w}} {
		if err := pass(step[0], step[1]); err != nil {
			t.Fatal(err)
		}
	}
	return done(t, p), done(t, w)
}

// pair runs a pairing to its end, or to the first failure.
func pair(p, w *Handshake) error {
	for _, step := range [][2]*Handshake{{p, w}, {w, p}, {p, w}} {
		if err := pass(step[0], step[1]); err != nil {
			return err
		}
	}
	return nil
}

func machines(t testing.TB, seed byte) (*Phone, *Workstation) {
	t.Helper()
	ps, ws := meet(t, seed)
	p, err := NewPhone(ps)
	if err != nil {
		t.Fatal(err)
	}
	w, err := NewWorkstation(ws)
	if err != nil {
		t.Fatal(err)
	}
	return p, w
}

// fataler is a test of this language or of rapid's.
type fataler interface {
	Helper()
	Fatal(...any)
}
