package authtest

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"math/big"
	"testing"
	"time"

	"github.com/postern/postern/fido/authenticator"
)

// Authority is an attestation CA that issues a leaf for each credential, as an
// organisation's would.
type Authority struct {
	Certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// id-fido-gen-ce-aaguid (WebAuthn §8.2.1).
var oidAAGUID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}

// NewAuthority makes an authority that is valid for an hour.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Attestation CA"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &Authority{Certificate: cert, key: key}
}

// Leaf implements [authenticator.LeafSource].
func (a *Authority) Leaf(_ context.Context, r authenticator.AttestationRequest) (*authenticator.Leaf, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	aaguid, err := asn1.Marshal(r.AAGUID[:])
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), BasicConstraintsValid: true,
		Subject:   pkix.Name{Country: []string{"DE"}, Organization: []string{"Example"}, OrganizationalUnit: []string{"Authenticator Attestation"}, CommonName: "Leaf"},
		NotBefore: a.Certificate.NotBefore, NotAfter: a.Certificate.NotAfter,
		ExtraExtensions: []pkix.Extension{{Id: oidAAGUID, Value: aaguid}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.Certificate, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	return &authenticator.Leaf{Key: key, Chain: [][]byte{der}}, nil
}
