package ctap

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/asn1"
	"fmt"
	"math/big"
)

// Algorithm identifiers of public keys, in DER: RFC 5480 §2.1.1 with the curve P-256, RFC 8410 §3, RFC 3279 §2.3.1 with
// its NULL.
var (
	spkiP256    = []byte("\x30\x13\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07")
	spkiEd25519 = []byte("\x30\x05\x06\x03\x2b\x65\x70")
	spkiRSA     = []byte("\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x01\x05\x00")
)

// SubjectPublicKeyInfo gives a public key in DER as certificates hold it (RFC 5280 §4.1.2.7) and WebAuthn §5.2.1 hands it
// out. It takes the types that [DecodePublicKey] gives, and writes what crypto/x509 does, without everything that an
// authenticator in a browser would fetch with that.
func SubjectPublicKeyInfo(pub crypto.PublicKey) ([]byte, error) {
	var algorithm, key []byte
	switch k := pub.(type) {
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil || k.Curve != elliptic.P256() {
			return nil, fmt.Errorf("subject public key info: P-256 wanted: %w", ErrUnsupportedAlgorithm)
		}
		algorithm, key = spkiP256, point
	case ed25519.PublicKey:
		algorithm, key = spkiEd25519, k
	case *rsa.PublicKey:
		der, err := asn1.Marshal(struct {
			N *big.Int
			E int
		}{k.N, k.E})
		if err != nil {
			return nil, fmt.Errorf("subject public key info: %w", err)
		}
		algorithm, key = spkiRSA, der
	default:
		return nil, fmt.Errorf("subject public key info of %T: %w", pub, ErrUnsupportedAlgorithm)
	}
	return asn1.Marshal(struct {
		Algorithm asn1.RawValue
		Key       asn1.BitString
	}{asn1.RawValue{FullBytes: algorithm}, asn1.BitString{Bytes: key, BitLength: 8 * len(key)}})
}
