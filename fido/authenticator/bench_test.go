package authenticator_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"testing"

	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/ctap"
)

// Each ceremony stands beside the elliptic curve operation it cannot do
// without, so that the difference is what this package costs.

func BenchmarkMakeCredential(b *testing.B) {
	b.Run("authenticator", func(b *testing.B) {
		d := authtest.New(b)
		req, err := mcRequest().Encode()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if resp := d.Handle(b.Context(), req); ctap.Status(resp[0]) != ctap.OK {
				b.Fatal(ctap.Status(resp[0]))
			}
		}
	})
	b.Run("ecdsa", func(b *testing.B) {
		for b.Loop() {
			if _, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkGetAssertion(b *testing.B) {
	b.Run("authenticator", func(b *testing.B) {
		d := authtest.New(b)
		mc, err := mcRequest().Encode()
		if err != nil {
			b.Fatal(err)
		}
		d.Handle(b.Context(), mc)
		req, err := gaRequest().Encode()
		if err != nil {
			b.Fatal(err)
		}
		b.ReportAllocs()
		for b.Loop() {
			if resp := d.Handle(b.Context(), req); ctap.Status(resp[0]) != ctap.OK {
				b.Fatal(ctap.Status(resp[0]))
			}
		}
	})
	b.Run("ecdsa", func(b *testing.B) {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			b.Fatal(err)
		}
		digest := sha256.Sum256(clientDataHash)
		for b.Loop() {
			if _, err := ecdsa.SignASN1(rand.Reader, key, digest[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
}
