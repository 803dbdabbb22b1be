package entra

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"time"
)

// clockMargin is how far another's clock may be behind ours without finding a new certificate not valid yet.
const clockMargin = 5 * time.Minute

// MakeCertificate makes a key and a certificate of its own for a client, both PEM, the key as PKCS#8. Entra looks at the
// key alone, so nobody else signs it.
func MakeCertificate(name string, now time.Time, life time.Duration) (certificate, key []byte, err error) {
	private, err := rsa.GenerateKey(rand.Reader, leastRSABits)
	if err != nil {
		return nil, nil, fmt.Errorf("entra: make a key: %w", err)
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 126))
	if err != nil {
		return nil, nil, fmt.Errorf("entra: make a certificate: %w", err)
	}
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-clockMargin).UTC(), NotAfter: now.Add(life).UTC(),
		SignatureAlgorithm: x509.SHA256WithRSA, KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}, &x509.Certificate{Subject: pkix.Name{CommonName: name}}, &private.PublicKey, private)
	if err != nil {
		return nil, nil, fmt.Errorf("entra: make a certificate: %w", err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, fmt.Errorf("entra: make a certificate: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), nil
}
