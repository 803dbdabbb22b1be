package entra

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // the thumbprint by which Entra names certificates
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
)

func ecPair(t *testing.T) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	b, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: b})
}

func TestParseCertificate(t *testing.T) {
	cert, key := keyPair(t, 2048, nil)
	other, _ := keyPair(t, 2048, nil)
	block, _ := pem.Decode(key)
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	pkcs1 := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(parsed.(*rsa.PrivateKey))})
	der, _ := pem.Decode(cert)
	for name, c := range map[string]struct{ cert, key []byte }{
		"PKCS#8":        {cert, key},
		"PKCS#1":        {cert, pkcs1},
		"with a chain":  {append(bytes.Clone(cert), other...), key},
		"with comments": {append([]byte("subject=CN = Postern\n"), cert...), append([]byte("Bag Attributes\n"), key...)},
	} {
		info, pair, err := ParseCertificate(c.cert, c.key, time.Now())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if want := fmt.Sprintf("%X", sha1.Sum(der.Bytes)); info.Thumbprint != want || len(info.Warnings) != 0 || info.Algorithm != "RSA 2048, SHA256-RSA" || info.Subject != "CN=Postern test" {
			t.Errorf("%s: %+v, want the thumbprint %s", name, info, want)
		}
		if pair.PrivateKey == nil || !bytes.Equal(pair.Certificate[0], der.Bytes) {
			t.Errorf("%s: the pair is not the one given", name)
		}
	}
	soon, soonKey := keyPair(t, 2048, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(29 * 24 * time.Hour) })
	if info, _, err := ParseCertificate(soon, soonKey, time.Now()); err != nil || len(info.Warnings) != 1 {
		t.Errorf("a certificate that ends in 29 days: %+v, %v", info, err)
	}
}

func TestParseCertificateRefuses(t *testing.T) {
	cert, key := keyPair(t, 2048, nil)
	_, otherKey := keyPair(t, 2048, nil)
	small, smallKey := keyPair(t, 1024, nil)
	ec, ecKey := ecPair(t)
	old, oldKey := keyPair(t, 2048, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Minute) })
	young, youngKey := keyPair(t, 2048, func(c *x509.Certificate) { c.NotBefore = time.Now().Add(time.Hour) })
	block := func(kind string, header map[string]string) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Headers: header, Bytes: []byte("anything")})
	}
	for name, c := range map[string]struct {
		cert, key []byte
		code      postern.Code
		field     string
		says      string
	}{
		"nothing":               {nil, key, postern.CodeCertificateInvalid, fieldCertificate, "empty"},
		"no PEM":                {[]byte("MIIC"), key, postern.CodeCertificateInvalid, fieldCertificate, "no certificate"},
		"rubbish":               {block("CERTIFICATE", nil), key, postern.CodeCertificateInvalid, fieldCertificate, "cannot be read"},
		"key as certificate":    {key, key, postern.CodeCertificateInvalid, fieldCertificate, "private key"},
		"request":               {block("CERTIFICATE REQUEST", nil), key, postern.CodeCertificateInvalid, fieldCertificate, "certificate request"},
		"huge":                  {bytes.Repeat([]byte(" "), maxPEM+1), key, postern.CodeCertificateInvalid, fieldCertificate, "longer"},
		"no key":                {cert, []byte("\n"), postern.CodeCertificateInvalid, fieldPrivateKey, "empty"},
		"key no PEM":            {cert, []byte("MIIC"), postern.CodeCertificateInvalid, fieldPrivateKey, "no private key"},
		"key rubbish":           {cert, block("PRIVATE KEY", nil), postern.CodeCertificateInvalid, fieldPrivateKey, "cannot be read"},
		"two keys":              {cert, append(bytes.Clone(key), otherKey...), postern.CodeCertificateInvalid, fieldPrivateKey, "more than"},
		"certificate as key":    {cert, cert, postern.CodeCertificateInvalid, fieldPrivateKey, "holds a certificate"},
		"encrypted PKCS#8":      {cert, block("ENCRYPTED PRIVATE KEY", nil), postern.CodeCertificateInvalid, fieldPrivateKey, "passphrase"},
		"encrypted PKCS#1":      {cert, block("RSA PRIVATE KEY", map[string]string{"Proc-Type": "4,ENCRYPTED"}), postern.CodeCertificateInvalid, fieldPrivateKey, "passphrase"},
		"another's key":         {cert, otherKey, postern.CodeCertificateMismatch, fieldPrivateKey, "does not belong"},
		"1024 bits":             {small, smallKey, postern.CodeCertificateWeak, fieldCertificate, "1024"},
		"elliptic curve":        {ec, ecKey, postern.CodeCertificateWeak, fieldCertificate, "ECDSA"},
		"RSA with an EC key":    {cert, ecKey, postern.CodeCertificateWeak, fieldPrivateKey, "not an RSA key"},
		"SEC 1 key":             {cert, block("EC PRIVATE KEY", nil), postern.CodeCertificateWeak, fieldPrivateKey, "elliptic"},
		"ended":                 {old, oldKey, postern.CodeCertificateExpired, fieldCertificate, "ended on"},
		"not yet":               {young, youngKey, postern.CodeCertificateExpired, fieldCertificate, "valid only from"},
		"certificate after key": {append(bytes.Clone(cert), key...), key, postern.CodeCertificateInvalid, fieldCertificate, "private key"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := ParseCertificate(c.cert, c.key, time.Now())
			e := wantCode(t, err, c.code)
			if e.Field != c.field || !strings.Contains(e.Message, c.says) {
				t.Errorf("%q on %s, want %q on %s", e.Message, e.Field, c.says, c.field)
			}
		})
	}
}

func TestOnlySHA2(t *testing.T) {
	for _, a := range []x509.SignatureAlgorithm{x509.MD5WithRSA, x509.SHA1WithRSA, x509.DSAWithSHA1, x509.ECDSAWithSHA1, x509.PureEd25519, x509.UnknownSignatureAlgorithm} {
		if sha2(a) {
			t.Errorf("%v passes as SHA-2", a)
		}
	}
	for _, a := range []x509.SignatureAlgorithm{x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSAPSS, x509.ECDSAWithSHA256} {
		if !sha2(a) {
			t.Errorf("%v does not pass", a)
		}
	}
}

func FuzzParseCertificate(f *testing.F) {
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"), []byte("-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"))
	now := time.Date(2026, 4, 20, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, cert, key []byte) {
		info, pair, err := ParseCertificate(cert, key, now)
		if err != nil {
			if e := postern.AsError(err); e.Field != fieldCertificate && e.Field != fieldPrivateKey || pair.PrivateKey != nil || info.Thumbprint != "" {
				t.Errorf("a refusal with a result or without a field: %v", err)
			}
		}
	})
}
