package device

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"math/big"
	"time"

	"github.com/postern/postern"
)

// AAGUID is Postern's own authenticator model. It never changes and is never another vendor's.
var AAGUID = [16]byte{0x8a, 0x20, 0x82, 0x49, 0x8a, 0xef, 0x41, 0xb3, 0x90, 0x7f, 0x77, 0x6d, 0x51, 0xe6, 0x52, 0x6f}

// The certificates of WebAuthn §8.2.1: the leaf names its AAGUID in id-fido-gen-ce-aaguid and its unit is fixed.
var oidAAGUID = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}

const (
	attestationUnit = "Authenticator Attestation"
	attestationOrg  = "Postern"
	// FIDO verifiers want no country left out, and a self-hosted authority has none of its own: ZZ is ISO 3166's code
	// for "unknown", kept free for such use.
	attestationCountry = "ZZ"
	caYears            = 30
	leafYears          = 10
	backdate           = 24 * time.Hour // for verifiers whose clock is behind
)

func caPurpose(id postern.IntegrationID) string {
	return "integration/" + string(id) + "/attestation_ca"
}

// Certify issues the leaf certificate for the attestation key of one new credential. The phone must have proved that
// it holds the key; that the phone may have one at all is the caller's to know.
func (s *Service) Certify(ctx context.Context, id postern.IntegrationID, provisioning postern.ProvisioningID, in postern.AttestationRequest) ([]byte, error) {
	key, err := attestationKey(provisioning, in)
	if err != nil {
		return nil, err
	}
	ca, caKey, err := s.attestationCA(ctx, id)
	if err != nil {
		return nil, err
	}
	aaguid, err := asn1.Marshal(AAGUID[:])
	if err != nil {
		return nil, err
	}
	now := s.Now().UTC()
	template := &x509.Certificate{
		SerialNumber: newSerial(),
		Subject: pkix.Name{
			Country: []string{attestationCountry}, Organization: []string{attestationOrg},
			OrganizationalUnit: []string{attestationUnit}, CommonName: "Postern passkey",
		},
		NotBefore: now.Add(-backdate), NotAfter: now.AddDate(leafYears, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtraExtensions: []pkix.Extension{{Id: oidAAGUID, Value: aaguid}},
	}
	if template.NotAfter.After(ca.NotAfter) {
		template.NotAfter = ca.NotAfter
	}
	return x509.CreateCertificate(rand.Reader, template, ca, key, caKey)
}

func attestationKey(id postern.ProvisioningID, in postern.AttestationRequest) (*ecdsa.PublicKey, error) {
	if len(in.PublicKey) > 256 {
		return nil, postern.FieldErrorf("public_key", "The attestation key is too long.")
	}
	parsed, err := x509.ParsePKIXPublicKey(in.PublicKey)
	if err != nil {
		return nil, postern.FieldErrorf("public_key", "The attestation key cannot be read.").Because(err)
	}
	key, ok := parsed.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, postern.FieldErrorf("public_key", "The attestation key is not a P-256 key.")
	}
	hash := sha256.Sum256(postern.AttestationMessage(id, in.PublicKey))
	if !ecdsa.VerifyASN1(key, hash[:], in.Proof) {
		return nil, postern.Errorf(postern.CodePhoneProof, "The phone did not prove that it holds the attestation key.").OnField("proof")
	}
	return key, nil
}

// AttestationRoot returns the certificate of the integration's attestation CA, making the CA if there is none.
func (s *Service) AttestationRoot(ctx context.Context, id postern.IntegrationID) (*x509.Certificate, error) {
	certificate, _, err := s.attestationCA(ctx, id)
	return certificate, err
}

func (s *Service) attestationCA(ctx context.Context, id postern.IntegrationID) (*x509.Certificate, *ecdsa.PrivateKey, error) {
	der, sealed, err := s.Store.AttestationCA(ctx, id)
	if postern.IsCode(err, postern.CodeNotFound) {
		if err := s.makeAttestationCA(ctx, id); err != nil && !postern.IsCode(err, postern.CodeConflict) {
			return nil, nil, err
		}
		der, sealed, err = s.Store.AttestationCA(ctx, id)
	}
	if err != nil {
		return nil, nil, err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, nil, fmt.Errorf("attestation CA of %s: %w", id, err)
	}
	pkcs8, err := s.Sealer.Open(ctx, caPurpose(id), sealed)
	if err != nil {
		return nil, nil, fmt.Errorf("attestation CA of %s: %w", id, err)
	}
	key, err := x509.ParsePKCS8PrivateKey(pkcs8)
	if err != nil {
		return nil, nil, fmt.Errorf("attestation CA of %s: %w", id, err)
	}
	return certificate, key.(*ecdsa.PrivateKey), nil
}

func (s *Service) makeAttestationCA(ctx context.Context, id postern.IntegrationID) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := s.Now().UTC()
	template := &x509.Certificate{
		SerialNumber: newSerial(),
		Subject: pkix.Name{
			Country: []string{attestationCountry}, Organization: []string{attestationOrg},
			CommonName: "Postern attestation CA " + string(id),
		},
		NotBefore: now.Add(-backdate), NotAfter: now.AddDate(caYears, 0, 0),
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign, BasicConstraintsValid: true, IsCA: true, MaxPathLenZero: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	sealed, err := s.Sealer.Seal(ctx, caPurpose(id), pkcs8)
	clear(pkcs8)
	if err != nil {
		return err
	}
	return s.Store.Atomically(ctx, func(ctx context.Context) error {
		return s.Store.CreateAttestationCA(ctx, id, der, sealed)
	})
}

// newSerial returns a positive random number of 127 bits.
func newSerial() *big.Int {
	raw := make([]byte, 16)
	rand.Read(raw)
	raw[0] &= 0x7f
	raw[15] |= 1
	return new(big.Int).SetBytes(raw)
}
