package ctap_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"testing"

	"github.com/postern/postern/fido/ctap"
)

// TestSubjectPublicKeyInfo compares with what crypto/x509 writes.
func TestSubjectPublicKeyInfo(t *testing.T) {
	ec, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ed, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, pub := range []crypto.PublicKey{ec.Public(), ed, rs.Public()} {
		want, err := x509.MarshalPKIXPublicKey(pub)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := ctap.SubjectPublicKeyInfo(pub); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%T: %x, %v; want %x", pub, got, err, want)
		}
	}
	other, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, pub := range []crypto.PublicKey{other.Public(), "no key", nil} {
		if got, err := ctap.SubjectPublicKeyInfo(pub); !errors.Is(err, ctap.ErrUnsupportedAlgorithm) {
			t.Errorf("%T: %x, %v", pub, got, err)
		}
	}
}
