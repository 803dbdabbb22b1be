package ctap_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"testing"

	"github.com/postern/postern/fido/ctap"
)

func coseKey(t *testing.T, change func(map[int64]any)) ctap.Raw {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	point := key.PublicKey().Bytes()
	m := map[int64]any{1: 2, 3: -25, -1: 1, -2: point[1:33], -3: point[33:]}
	if change != nil {
		change(m)
	}
	raw, err := ctap.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

func TestKeyAgreement(t *testing.T) {
	good := coseKey(t, nil)
	pub, err := ctap.DecodeKeyAgreement(good)
	if err != nil {
		t.Fatal(err)
	}
	again, err := ctap.EncodeKeyAgreement(pub)
	if err != nil || !bytes.Equal(again, good) {
		t.Errorf("encoded again: %x, %v; want %x", again, err, good)
	}
	for name, tc := range map[string]struct {
		change func(map[int64]any)
		want   ctap.Status
	}{
		"off the curve":   {func(m map[int64]any) { m[-3] = bytes.Repeat([]byte{1}, 32) }, ctap.ErrInvalidParameter},
		"point at zero":   {func(m map[int64]any) { m[-2], m[-3] = make([]byte, 32), make([]byte, 32) }, ctap.ErrInvalidParameter},
		"short x":         {func(m map[int64]any) { m[-2] = make([]byte, 31) }, ctap.ErrInvalidParameter},
		"another curve":   {func(m map[int64]any) { m[-1] = 2 }, ctap.ErrInvalidParameter},
		"signing key":     {func(m map[int64]any) { m[3] = -7 }, ctap.ErrInvalidParameter},
		"another type":    {func(m map[int64]any) { m[1] = 3 }, ctap.ErrInvalidParameter},
		"a member more":   {func(m map[int64]any) { m[2] = []byte("kid") }, ctap.ErrInvalidParameter},
		"y missing":       {func(m map[int64]any) { delete(m, -3) }, ctap.ErrMissingParameter},
		"x of wrong type": {func(m map[int64]any) { m[-2] = "x" }, ctap.ErrCBORUnexpectedType},
	} {
		if pub, err := ctap.DecodeKeyAgreement(coseKey(t, tc.change)); ctap.StatusOf(err) != tc.want || pub != nil {
			t.Errorf("%s: %v, %v; want %v", name, pub, err, tc.want)
		}
	}
}

func TestPublicKeyRefusals(t *testing.T) {
	for name, change := range map[string]func(map[int64]any){
		"key agreement key": func(map[int64]any) {},
		"off the curve":     func(m map[int64]any) { m[3] = -7; m[-3] = bytes.Repeat([]byte{1}, 32) },
		"EdDSA on P-256":    func(m map[int64]any) { m[3] = -8 },
		"short RSA key": func(m map[int64]any) {
			clear(m)
			m[1], m[3], m[-1], m[-2] = 3, -257, bytes.Repeat([]byte{0xFF}, 128), []byte{1, 0, 1}
		},
		"RSA exponent 1": func(m map[int64]any) {
			clear(m)
			m[1], m[3], m[-1], m[-2] = 3, -257, bytes.Repeat([]byte{0xFF}, 256), []byte{1}
		},
	} {
		if _, pub, err := ctap.DecodePublicKey(coseKey(t, change)); err == nil || pub != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
