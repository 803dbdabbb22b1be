package entra

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // the thumbprint by which Entra names certificates
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"strings"
	"time"

	"github.com/postern/postern"
)

// What Entra accepts of a client certificate.
const (
	leastRSABits = 2048
	mostRSABits  = 8192 // beyond that a signature takes longer than anybody gains from
)

// warnBefore is how long before its end a certificate is warned about.
const warnBefore = 30 * 24 * time.Hour

// maxPEM bounds the text of a certificate chain or key.
const maxPEM = 256 << 10

// The form's fields, for errors.
const (
	fieldCertificate = "client_certificate"
	fieldPrivateKey  = "client_private_key"
)

// certificate is a validated client certificate.
type certificate struct {
	info  postern.CertificateInfo
	chain []*x509.Certificate // the leaf first
	key   *rsa.PrivateKey
}

// ParseCertificate validates a client certificate and its key, both PEM. The certificate may be followed by its chain.
// The key may be PKCS#8 or PKCS#1 and must not be encrypted. It must be an RSA key of at least 2048 bits that belongs to
// the certificate; the certificate must be valid at now and signed with SHA-2. Less than 30 days of remaining validity
// is a warning.
//
// Errors are *postern.Error on the field client_certificate or client_private_key.
func ParseCertificate(certPEM, keyPEM []byte, now time.Time) (postern.CertificateInfo, tls.Certificate, error) {
	c, err := parseCertificate(certPEM, keyPEM, now)
	if err != nil {
		return postern.CertificateInfo{}, tls.Certificate{}, err
	}
	pair := tls.Certificate{PrivateKey: c.key, Leaf: c.chain[0]}
	for _, x := range c.chain {
		pair.Certificate = append(pair.Certificate, x.Raw)
	}
	return c.info, pair, nil
}

func parseCertificate(certPEM, keyPEM []byte, now time.Time) (*certificate, error) {
	chain, err := parseChain(certPEM)
	if err != nil {
		return nil, err
	}
	leaf := chain[0]
	public, ok := leaf.PublicKey.(*rsa.PublicKey)
	if !ok {
		return nil, postern.Errorf(postern.CodeCertificateWeak, "The certificate's key is %s; Entra accepts only RSA keys of applications.", leaf.PublicKeyAlgorithm).OnField(fieldCertificate)
	}
	if bits := public.N.BitLen(); bits < leastRSABits || bits > mostRSABits {
		return nil, postern.Errorf(postern.CodeCertificateWeak, "The certificate's RSA key has %d bits; at least %d are needed, and at most %d.", bits, leastRSABits, mostRSABits).OnField(fieldCertificate)
	}
	key, err := parseKey(keyPEM)
	if err != nil {
		return nil, err
	}
	if !key.PublicKey.Equal(public) {
		return nil, postern.Errorf(postern.CodeCertificateMismatch, "").OnField(fieldPrivateKey)
	}
	if !sha2(leaf.SignatureAlgorithm) {
		return nil, postern.Errorf(postern.CodeCertificateWeak, "The certificate is signed with %s; SHA-256 or better is needed.", leaf.SignatureAlgorithm).OnField(fieldCertificate)
	}
	if now.Before(leaf.NotBefore) {
		return nil, postern.Errorf(postern.CodeCertificateExpired, "The certificate is valid only from %s on.", leaf.NotBefore.UTC().Format(time.DateTime)).
			WithNext("Check this server's clock, or wait until the certificate is valid.").OnField(fieldCertificate)
	}
	if now.After(leaf.NotAfter) {
		return nil, postern.Errorf(postern.CodeCertificateExpired, "The certificate ended on %s.", leaf.NotAfter.UTC().Format(time.DateTime)).OnField(fieldCertificate)
	}
	return &certificate{info: describe(leaf, public, now), chain: chain, key: key}, nil
}

func parseChain(text []byte) ([]*x509.Certificate, error) {
	invalid := func(format string, args ...any) *postern.Error {
		return postern.Errorf(postern.CodeCertificateInvalid, format, args...).OnField(fieldCertificate)
	}
	if len(text) > maxPEM {
		return nil, invalid("The certificate text is longer than %d KiB.", maxPEM>>10)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, invalid("The certificate is empty.")
	}
	var chain []*x509.Certificate
	for rest := text; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		switch {
		case block.Type == "CERTIFICATE":
			c, err := x509.ParseCertificate(block.Bytes)
			if err != nil {
				return nil, invalid("Certificate number %d of the text cannot be read.", len(chain)+1)
			}
			chain = append(chain, c)
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return nil, invalid("The certificate field holds a private key.").
				WithNext("Put only the certificate here and the key into the field for the private key.")
		default:
			return nil, invalid("The certificate field holds a %s.", strings.ToLower(block.Type))
		}
	}
	if len(chain) == 0 {
		return nil, invalid("There is no certificate in the text.")
	}
	return chain, nil
}

func parseKey(text []byte) (*rsa.PrivateKey, error) {
	invalid := func(format string, args ...any) *postern.Error {
		return postern.Errorf(postern.CodeCertificateInvalid, format, args...).OnField(fieldPrivateKey)
	}
	if len(text) > maxPEM {
		return nil, invalid("The key text is longer than %d KiB.", maxPEM>>10)
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, invalid("The private key is empty.")
	}
	block, rest := pem.Decode(text)
	if block == nil {
		return nil, invalid("There is no private key in the text.")
	}
	if more, _ := pem.Decode(rest); more != nil {
		return nil, invalid("The private key field holds more than a private key.").WithNext("Put exactly one private key here.")
	}
	_, procType := block.Headers["Proc-Type"]
	var key crypto.PrivateKey
	var err error
	switch {
	case block.Type == "ENCRYPTED PRIVATE KEY" || procType:
		return nil, invalid("The private key is encrypted with a passphrase.").
			WithNext("Take the passphrase off, for example with openssl pkey -in key.pem -out plain.pem; Postern seals the key itself.")
	case block.Type == "PRIVATE KEY":
		key, err = x509.ParsePKCS8PrivateKey(block.Bytes)
	case block.Type == "RSA PRIVATE KEY":
		key, err = x509.ParsePKCS1PrivateKey(block.Bytes)
	case block.Type == "EC PRIVATE KEY":
		return nil, postern.Errorf(postern.CodeCertificateWeak, "The private key is an elliptic-curve key; Entra accepts only RSA keys of applications.").OnField(fieldPrivateKey)
	case block.Type == "CERTIFICATE":
		return nil, invalid("The private key field holds a certificate.")
	default:
		return nil, invalid("The text is no private key in PKCS#8 or PKCS#1 form.")
	}
	if err != nil {
		return nil, invalid("The private key cannot be read.")
	}
	r, ok := key.(*rsa.PrivateKey)
	if !ok {
		return nil, postern.Errorf(postern.CodeCertificateWeak, "The private key is not an RSA key; Entra accepts only RSA keys of applications.").OnField(fieldPrivateKey)
	}
	return r, nil
}

// sha2 reports whether the signature is over a SHA-2 digest.
func sha2(a x509.SignatureAlgorithm) bool {
	switch a {
	case x509.SHA256WithRSA, x509.SHA384WithRSA, x509.SHA512WithRSA,
		x509.SHA256WithRSAPSS, x509.SHA384WithRSAPSS, x509.SHA512WithRSAPSS,
		x509.ECDSAWithSHA256, x509.ECDSAWithSHA384, x509.ECDSAWithSHA512:
		return true
	}
	return false
}

func describe(leaf *x509.Certificate, public *rsa.PublicKey, now time.Time) postern.CertificateInfo {
	info := postern.CertificateInfo{
		Subject:    leaf.Subject.String(),
		Thumbprint: fmt.Sprintf("%X", sha1.Sum(leaf.Raw)), //nolint:gosec // a name, not a protection
		SHA256:     fmt.Sprintf("%X", sha256.Sum256(leaf.Raw)),
		NotBefore:  leaf.NotBefore.UTC(),
		NotAfter:   leaf.NotAfter.UTC(),
		Algorithm:  fmt.Sprintf("RSA %d, %s", public.N.BitLen(), leaf.SignatureAlgorithm),
	}
	if left := leaf.NotAfter.Sub(now); left < warnBefore {
		info.Warnings = append(info.Warnings, fmt.Sprintf("The certificate ends on %s, in %d days. Register its successor in Entra before that.",
			info.NotAfter.Format(time.DateOnly), int(left/(24*time.Hour))))
	}
	return info
}
