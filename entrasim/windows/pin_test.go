package windows

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/hex"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestPINProtocols holds the two protocols to values that were worked out independently, for the shared point's x 00 01 … 1f
// and half the hash of the PIN 1234.
func TestPINProtocols(t *testing.T) {
	half := unhex(t, "03ac674216f3e15c761ee1a5e255f067")
	one, two := &pinProtocol{1}, &pinProtocol{2}
	first := unhex(t, "630dcd2966c4336691125448bbb25b4ff412a49c732db2c8abc1b8581bd710dd")
	if got := one.encrypt(first, half); !bytes.Equal(got, unhex(t, "fe1c3681856425d10cb890b845e05b06")) {
		t.Errorf("protocol 1: %x", got)
	}
	second := unhex(t, "a689b3b92a6ebab91192408da9c4f05c674a2bc5f938d613077716c719a8df39"+"0f6ff2ef211829c11638ef2893ea02edf195658c0572393e7680d93bc2b58d44")
	z := unhex(t, "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
	for p, want := range map[*pinProtocol][]byte{one: first, two: second} {
		if got, err := p.secret(z); err != nil || !bytes.Equal(got, want) {
			t.Errorf("protocol %d: secret %x, %v", p.version, got, err)
		}
	}
	iv := unhex(t, "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf")
	sealed := make([]byte, 16)
	cipher.NewCBCEncrypter(two.block(second), iv).CryptBlocks(sealed, half)
	if !bytes.Equal(sealed, unhex(t, "86e504ffd25638212ff9979d5b541255")) {
		t.Errorf("protocol 2: %x", sealed)
	}
	if !bytes.Equal(two.macKey(second), second[:32]) {
		t.Error("protocol 2 authenticates with the wrong half")
	}
	for _, p := range []*pinProtocol{one, two} {
		shared := map[uint][]byte{1: first, 2: second}[p.version]
		got, err := p.decrypt(shared, p.encrypt(shared, half))
		if err != nil || !bytes.Equal(got, half) {
			t.Errorf("protocol %d: %x, %v", p.version, got, err)
		}
		for _, broken := range [][]byte{make([]byte, aes.BlockSize+1), make([]byte, 7)} {
			if _, err := p.decrypt(shared, broken); err == nil {
				t.Errorf("protocol %d decrypts %d bytes", p.version, len(broken))
			}
		}
	}
	if a, b := len(one.authenticate(first, nil)), len(two.authenticate(second[:32], nil)); a != 16 || b != 32 {
		t.Errorf("authenticators of %d and %d bytes", a, b)
	}
}
