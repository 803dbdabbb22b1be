package ctap_test

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"testing"

	"pgregory.net/rapid"

	"github.com/postern/postern/fido/ctap"
)

// TestES256Point: the short way to the point of a key agrees with the long one,
// and takes nothing that the long one refuses.
func TestES256Point(t *testing.T) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	agreement, err := ctap.EncodeKeyAgreement(key.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := ctap.ES256Point(agreement); ok {
		t.Error("a key agreement key is taken for one that signs")
	}
	pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), key.PublicKey().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	cose, err := ctap.EncodePublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	point, ok := ctap.ES256Point(cose)
	if !ok || !bytes.Equal(point[:], key.PublicKey().Bytes()) {
		t.Fatalf("%x, %v", point, ok)
	}
	rapid.Check(t, func(t *rapid.T) {
		changed := bytes.Clone(cose)
		changed[rapid.IntRange(0, len(changed)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		changed = changed[:len(changed)-rapid.IntRange(0, 3).Draw(t, "cut")]
		_, ok := ctap.ES256Point(changed)
		alg, _, err := ctap.DecodePublicKey(changed)
		if err == nil && alg == ctap.ES256 && !ok {
			t.Fatalf("%x is a key", changed)
		}
		if ok && ctap.Check(changed) != nil {
			t.Fatalf("%x is not even CBOR", changed)
		}
	})
}
