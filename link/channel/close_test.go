package channel

import (
	"errors"
	"testing"
)

// TestClose: a handshake that was given up goes on no more, and one that is over keeps its session.
func TestClose(t *testing.T) {
	phone, workstation := pairingConfigs(t)
	p, w := begin(t, NewPhonePairing, phone), begin(t, NewWorkstationPairing, workstation)
	if err := pass(p, w); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if _, err := w.Write(); !errors.Is(err, ErrHandshake) {
		t.Errorf("Write after Close: %v", err)
	}
	if _, done := w.Done(); done {
		t.Error("a handshake given up gave a session")
	}
	p, w = begin(t, NewPhonePairing, phone), begin(t, NewWorkstationPairing, workstation)
	if err := pair(p, w); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if s, done := w.Done(); !done || s.Over() {
		t.Error("closing a handshake that is over ended its session")
	}
}
