package client_test

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

// attestationCA issues a leaf per credential, as an organisation's CA would.
type attestationCA struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

var oidAAGUID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}

func newAttestationCA(t *testing.T) *attestationCA {
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
	return &attestationCA{key: key, cert: cert}
}

func (ca *attestationCA) Leaf(_ context.Context, r authenticator.AttestationRequest) (*authenticator.Leaf, error) {
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
		NotBefore: ca.cert.NotBefore, NotAfter: ca.cert.NotAfter,
		ExtraExtensions: []pkix.Extension{{Id: oidAAGUID, Value: aaguid}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, key.Public(), ca.key)
	if err != nil {
		return nil, err
	}
	return &authenticator.Leaf{Key: key, Chain: [][]byte{der}}, nil
}
