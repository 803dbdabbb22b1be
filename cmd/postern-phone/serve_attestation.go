package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"os"
	"time"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/phone"
)

// What WebAuthn §8.2.1 asks of an attestation certificate. ZZ is ISO 3166's code
// for "unknown", kept free for uses like this one.
var (
	oidAAGUID          = asn1.ObjectIdentifier{1, 3, 6, 1, 4, 1, 45724, 1, 1, 4}
	attestationSubject = pkix.Name{Country: []string{"ZZ"}, Organization: []string{"Postern"}}
)

const (
	attestationUnit = "Authenticator Attestation"
	rootYears       = 30
	leafYears       = 10
	backdate        = 24 * time.Hour // for verifiers whose clock is behind
)

// keyLeaf is an attestation certificate and its key: one for all passkeys, as a
// maker of keys gives it to a batch of them.
type keyLeaf struct{ leaf authenticator.Leaf }

// Leaf implements [authenticator.LeafSource].
func (k *keyLeaf) Leaf(context.Context, authenticator.AttestationRequest) (*authenticator.Leaf, error) {
	return &k.leaf, nil
}

// authority issues attestation certificates.
type authority struct {
	root *x509.Certificate
	key  *ecdsa.PrivateKey
}

// leaf makes a certificate: of the model or, with a serial number, of one key.
func (a *authority) leaf(serial string) (*keyLeaf, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	aaguid, err := asn1.Marshal(phone.AAGUID[:])
	if err != nil {
		return nil, err
	}
	subject := attestationSubject
	subject.OrganizationalUnit, subject.CommonName, subject.SerialNumber = []string{attestationUnit}, "Postern security key", serial
	template := certificate(subject, leafYears)
	template.KeyUsage = x509.KeyUsageDigitalSignature
	template.ExtraExtensions = []pkix.Extension{{Id: oidAAGUID, Value: aaguid}}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, key.Public(), a.key)
	if err != nil {
		return nil, err
	}
	return &keyLeaf{authenticator.Leaf{Key: key, Chain: [][]byte{der}}}, nil
}

// certificate is what all certificates made here have in common.
func certificate(subject pkix.Name, years int) *x509.Certificate {
	serial := make([]byte, 16)
	_, _ = rand.Read(serial) // never fails: package crypto/rand ends the program instead
	serial[0] = serial[0]&0x7F | 1
	now := time.Now().UTC()
	return &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial), Subject: subject, BasicConstraintsValid: true,
		NotBefore: now.Add(-backdate), NotAfter: now.AddDate(years, 0, 0),
	}
}

// newAuthority reads the authority in a file or makes it there; without a file it
// makes one that nobody keeps.
func newAuthority(file string) (*authority, error) {
	if file != "" {
		text, err := os.ReadFile(file)
		if err == nil {
			a, err := readAuthority(text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			return a, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	subject := attestationSubject
	subject.CommonName = "Postern security key attestation"
	template := certificate(subject, rootYears)
	template.IsCA, template.MaxPathLenZero, template.KeyUsage = true, true, x509.KeyUsageCertSign|x509.KeyUsageCRLSign
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return nil, err
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, err
	}
	a := &authority{root, key}
	if file != "" {
		err = a.write(file)
	}
	return a, err
}

// readAuthority finds the certificate and its key.
func readAuthority(text []byte) (*authority, error) {
	var a authority
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			break
		}
		var err error
		switch block.Type {
		case "CERTIFICATE":
			a.root, err = x509.ParseCertificate(block.Bytes)
		case "PRIVATE KEY":
			var parsed any
			parsed, err = x509.ParsePKCS8PrivateKey(block.Bytes)
			a.key, _ = parsed.(*ecdsa.PrivateKey)
		}
		if err != nil {
			return nil, err
		}
	}
	if a.root == nil || a.key == nil || !a.root.IsCA || !a.key.PublicKey.Equal(a.root.PublicKey) {
		return nil, errors.New("holds no certificate authority with its P-256 key in PEM form")
	}
	return &a, nil
}

// write keeps the authority for its owner alone.
func (a *authority) write(file string) error {
	secret, err := x509.MarshalPKCS8PrivateKey(a.key)
	if err != nil {
		return err
	}
	defer clear(secret)
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	err = pem.Encode(f, &pem.Block{Type: "CERTIFICATE", Bytes: a.root.Raw})
	if err == nil {
		err = pem.Encode(f, &pem.Block{Type: "PRIVATE KEY", Bytes: secret})
	}
	return errors.Join(err, f.Sync(), f.Close())
}
