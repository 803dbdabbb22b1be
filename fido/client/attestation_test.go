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

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
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

// TestAttestationAsked: what the relying party says about attestation, as it
// reaches an authenticator that has enterprise attestation enabled.
func TestAttestationAsked(t *testing.T) {
	for _, tc := range []struct {
		name, attestation string
		formats, managed  []string
		enterprise        *uint64
		want              []string
	}{
		{"none", "", []string{"packed"}, nil, nil, []string{"none"}},
		{"direct", "direct", nil, nil, nil, nil},
		{"formats", "direct", []string{"tpm", "none", "packed"}, nil, nil, []string{"none", "packed"}},
		{"enterprise", "enterprise", nil, []string{"example.org"}, new(uint64(1)), nil},
		{"enterprise, managed", "enterprise", nil, []string{rpID}, new(uint64(2)), nil},
	} {
		ca := newAttestationCA(t)
		c, d := newClient(t, func(cfg *authenticator.Config) {
			cfg.Attester = authenticator.PackedAttestation{Source: ca}
			cfg.Enterprise = &authenticator.Enterprise{Source: ca}
		})
		if err := c.EnableEnterpriseAttestation(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.Managed = tc.managed
		var sent *ctap.MakeCredentialRequest
		c.Channel = client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
			if ctap.Command(request[0]) == ctap.MakeCredential {
				var err error
				if sent, err = ctap.DecodeMakeCredentialRequest(request[1:]); err != nil {
					return nil, err
				}
			}
			return d.CBOR(ctx, request)
		})
		o := creation()
		o.Attestation, o.AttestationFormats = tc.attestation, tc.formats
		mustCreate(t, c, o)
		if diff := cmp.Diff(tc.enterprise, sent.EnterpriseAttestation); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
		if diff := cmp.Diff(tc.want, sent.AttestationFormats); diff != "" {
			t.Errorf("%s: %s", tc.name, diff)
		}
	}
}
