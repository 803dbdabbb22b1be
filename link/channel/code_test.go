package channel

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"
)

// codeVector was computed with another implementation of PBKDF2.
const codeVector = "4cb55245470ad773c8efac9cc6b1bcb1 ef7b034c1954778d12d6ba6deff806db575149d2b1528736b89dee398783cadf"

// TestCodeVector holds the derivation: phones and workstations of different versions must agree about it.
func TestCodeVector(t *testing.T) {
	for _, text := range []string{"K7QF-01AB-CDEF", "k7qf olab cdef", " K7QFOIABCDEF"} {
		i, err := ReadCode(text)
		if err != nil {
			t.Fatal(text, err)
		}
		if got := hex.EncodeToString(i.PairingID[:]) + " " + hex.EncodeToString(i.Secret[:]); got != codeVector {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestCodeRefused(t *testing.T) {
	for _, text := range []string{"", "K7QF-01AB-CDE", "K7QF-01AB-CDEFG", "U7QF-01AB-CDEF", "K7QF_01AB_CDEF", "К7QF-01AB-CDEF", strings.Repeat("A", 1<<16)} {
		if _, err := ReadCode(text); !errors.Is(err, ErrInvitationForeign) {
			t.Errorf("%.20q: %v", text, err)
		}
	}
}

func TestDrawnCodesAreRead(t *testing.T) {
	source := random(9)
	code, err := DrawCode(source)
	if err != nil || len(code) != 14 {
		t.Fatal(code, err)
	}
	again, err := DrawCode(source)
	if err != nil || again == code {
		t.Fatal(again, err)
	}
	first, err := ReadCode(code)
	if err != nil {
		t.Fatal(err)
	}
	second, err := ReadCode(code[:4] + again[4:])
	if err != nil || second.PairingID != first.PairingID || second.Secret == first.Secret {
		t.Errorf("the first letters name the pairing, all of them are the secret: %v", err)
	}
}
