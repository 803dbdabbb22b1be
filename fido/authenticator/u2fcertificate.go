package authenticator

import (
	"context"
	"crypto"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/u2f"
)

// FormatU2F is the attestation statement format of U2F registrations (WebAuthn
// §8.6), by which a [LeafSource] tells them from others.
const FormatU2F = "fido-u2f"

// u2fLeaf finds what a registration is signed with: a leaf of the configured
// source, or the new key itself under a certificate made for it, which says no
// more than that.
func (a *Authenticator) u2fLeaf(ctx context.Context, r *u2f.Register, response *u2f.RegisterResponse, public ctap.Raw, secret *Secret) (*Leaf, error) {
	if a.u2fCertificate != nil {
		leaf, err := a.u2fCertificate.Leaf(ctx, AttestationRequest{
			Format: FormatU2F, CredentialID: response.KeyHandle, Algorithm: ctap.ES256, PublicKey: public, ClientDataHash: r.Challenge[:],
		})
		if err != nil {
			return nil, fmt.Errorf("U2F certificate: %w", err)
		}
		if len(leaf.Chain) == 0 {
			return nil, fmt.Errorf("U2F certificate: the source gave none")
		}
		return leaf, nil
	}
	key, err := es256Key(public, secret.PrivateKey)
	if err != nil {
		return nil, err
	}
	certificate, err := selfSigned(key, response.PublicKey[:], response.KeyHandle)
	if err != nil {
		return nil, err
	}
	return &Leaf{Key: key, Chain: [][]byte{certificate}}, nil
}

// The parts of an X.509 certificate (RFC 5280 §4.1). Package x509 would bring
// networks and files into a core that knows of neither.
type (
	certificate struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}
	tbsCertificate struct {
		Version   int `asn1:"explicit,tag:0"`
		Serial    *big.Int
		Algorithm pkix.AlgorithmIdentifier
		Issuer    pkix.RDNSequence
		Validity  validity
		Subject   pkix.RDNSequence
		PublicKey publicKeyInfo
	}
	validity      struct{ NotBefore, NotAfter time.Time }
	publicKeyInfo struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
)

var (
	oidECPublicKey     = asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}
	oidP256            = asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}
	oidECDSAWithSHA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
)

// selfSigned makes the certificate of a key. It is the same for every
// authenticator but for the key and the serial number, and is valid as long as
// the encoding of its dates allows, so it tells nothing about its maker.
func selfSigned(key crypto.Signer, point, keyHandle []byte) ([]byte, error) {
	curve, err := asn1.Marshal(oidP256)
	if err != nil {
		return nil, err
	}
	signing := pkix.AlgorithmIdentifier{Algorithm: oidECDSAWithSHA256}
	name := pkix.Name{CommonName: "Self-signed U2F key"}.ToRDNSequence()
	// Positive, never zero, at most 20 bytes (RFC 5280 §4.1.2.2).
	serial := new(big.Int).SetBytes(append([]byte{1}, keyHandle[:min(len(keyHandle), 16)]...))
	tbs, err := asn1.Marshal(tbsCertificate{
		Version: 2, // v3
		Serial:  serial, Algorithm: signing, Issuer: name, Subject: name,
		Validity: validity{time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC)},
		PublicKey: publicKeyInfo{
			Algorithm: pkix.AlgorithmIdentifier{Algorithm: oidECPublicKey, Parameters: asn1.RawValue{FullBytes: curve}},
			PublicKey: asn1.BitString{Bytes: point, BitLength: 8 * len(point)},
		},
	})
	if err != nil {
		return nil, err
	}
	_, sig, err := (&Leaf{Key: key}).sign(tbs)
	if err != nil {
		return nil, err
	}
	return asn1.Marshal(certificate{
		TBS: asn1.RawValue{FullBytes: tbs}, Algorithm: signing, Signature: asn1.BitString{Bytes: sig, BitLength: 8 * len(sig)},
	})
}
