package passkey

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // x5t is defined as the SHA-1 thumbprint (RFC 7515 §4.1.7)
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"strings"
	"time"

	"github.com/google/uuid"
)

// A challenge is not a random number but sealed state, as Entra sends it: the ASCII text of a compact JWE (RFC 7516 §3.1),
//
//	base64url(header) . base64url(encrypted key) . base64url(iv) . base64url(ciphertext) . base64url(tag)
//
//	header     {"alg":"RSA-OAEP-256","enc":"A256GCM","x5c":["<DER>"],"x5t":"<SHA-1, upper-case hex>"}
//	plaintext  JSON of [Challenge], then spaces up to the size seen in captures
//
// The certificate's subject is CN=<GUID>, its issuer CN=MS-Organization-Access. The server keeps nothing: what it needs to
// know comes back inside the challenge, and expiry is checked on opening.

// ChallengeSize is the length in bytes of a challenge before its base64url form, as captured from the real service. Every
// buffer, column and frame that carries a challenge must have room for it.
const ChallengeSize = 5198

// maxChallenge bounds what Open looks at.
const maxChallenge = 8 << 10

// Purpose keeps a challenge for one ceremony from being used in the other.
type Purpose string

// The two ceremonies.
const (
	ForRegistration Purpose = "registration"
	ForSignIn       Purpose = "sign-in"
)

// Challenge is the state sealed into a challenge.
type Challenge struct {
	Tenant  string    `json:"tid,omitempty"` // empty when a sign-in does not know its tenant yet
	User    string    `json:"oid,omitempty"` // empty when a sign-in does not know its user yet
	Purpose Purpose   `json:"purpose"`
	Expires time.Time `json:"exp"`
	Nonce   []byte    `json:"nonce"` // 16 random bytes; a caller that wants single use remembers them until Expires
}

// Challenges seals and opens challenges. It is safe for concurrent use.
type Challenges struct {
	key    *rsa.PrivateKey
	random io.Reader
	header string // base64url, also the additional authenticated data
}

// NewChallenges returns a sealer for key, which must be an RSA key of at least 2048 bits; a nil key generates one. A
// challenge sealed under one key cannot be opened under another.
func NewChallenges(key *rsa.PrivateKey, random io.Reader) (*Challenges, error) {
	if key == nil {
		var err error
		if key, err = rsa.GenerateKey(random, 2048); err != nil {
			return nil, fmt.Errorf("challenge key: %w", err)
		}
	}
	if key.N.BitLen() < 2048 {
		return nil, fmt.Errorf("challenge key: %d bits are too few, 2048 is the least", key.N.BitLen())
	}
	der, err := challengeCertificate(key.Public(), random)
	if err != nil {
		return nil, fmt.Errorf("challenge certificate: %w", err)
	}
	thumbprint := sha1.Sum(der) //nolint:gosec // see the import
	header, err := json.Marshal(struct {
		Alg string   `json:"alg"`
		Enc string   `json:"enc"`
		X5C []string `json:"x5c"`
		X5T string   `json:"x5t"`
	}{"RSA-OAEP-256", "A256GCM", []string{base64.StdEncoding.EncodeToString(der)}, strings.ToUpper(hex.EncodeToString(thumbprint[:]))})
	if err != nil {
		return nil, err
	}
	return &Challenges{key: key, random: random, header: base64.RawURLEncoding.EncodeToString(header)}, nil
}

// challengeCertificate issues the certificate that names the key: valid for a long time, since nobody verifies it.
func challengeCertificate(pub crypto.PublicKey, random io.Reader) ([]byte, error) {
	issuer, err := ecdsa.GenerateKey(elliptic.P256(), random)
	if err != nil {
		return nil, err
	}
	var serial [16]byte
	if _, err := io.ReadFull(random, serial[:]); err != nil {
		return nil, err
	}
	id, err := uuid.NewRandomFromReader(random)
	if err != nil {
		return nil, err
	}
	leaf := &x509.Certificate{
		SerialNumber: new(big.Int).SetBytes(serial[:]),
		Subject:      pkix.Name{CommonName: id.String()},
		NotBefore:    time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC),
		NotAfter:     time.Date(2060, 1, 1, 0, 0, 0, 0, time.UTC),
		KeyUsage:     x509.KeyUsageKeyEncipherment,
	}
	parent := &x509.Certificate{Subject: pkix.Name{CommonName: "MS-Organization-Access"}}
	return x509.CreateCertificate(random, leaf, parent, pub, issuer)
}

// Seal returns the text of a challenge. Times are kept to the second.
func (c *Challenges) Seal(ch Challenge) (string, error) {
	if len(ch.Nonce) == 0 {
		ch.Nonce = make([]byte, 16)
		if _, err := io.ReadFull(c.random, ch.Nonce); err != nil {
			return "", err
		}
	}
	ch.Expires = ch.Expires.UTC().Truncate(time.Second)
	plain, err := json.Marshal(ch)
	if err != nil {
		return "", err
	}
	cek := make([]byte, 32)
	iv := make([]byte, 12)
	if _, err := io.ReadFull(c.random, cek); err != nil {
		return "", err
	}
	if _, err := io.ReadFull(c.random, iv); err != nil {
		return "", err
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), c.random, &c.key.PublicKey, cek, nil)
	if err != nil {
		return "", err
	}
	aead, err := contentCipher(cek)
	if err != nil {
		return "", err
	}
	enc := base64.RawURLEncoding
	fixed := len(c.header) + enc.EncodedLen(len(wrapped)) + enc.EncodedLen(len(iv)) + enc.EncodedLen(aead.Overhead()) + 4
	if room := enc.DecodedLen(ChallengeSize - fixed); room > len(plain) {
		plain = append(plain, bytes.Repeat([]byte{' '}, room-len(plain))...)
	}
	sealed := aead.Seal(nil, iv, plain, []byte(c.header))
	text, tag := sealed[:len(plain)], sealed[len(plain):]
	return strings.Join([]string{
		c.header, enc.EncodeToString(wrapped), enc.EncodeToString(iv), enc.EncodeToString(text), enc.EncodeToString(tag),
	}, "."), nil
}

// Open returns the state sealed into text, or a *[Refusal] when the text was not sealed here, was changed, or has expired
// at now.
func (c *Challenges) Open(text string, now time.Time) (Challenge, error) {
	ch, ok := c.open(text)
	if !ok {
		return Challenge{}, refuse(ReasonChallenge, "The challenge was not issued by this service or was changed on its way. Request new creation options and try again.")
	}
	if !now.Before(ch.Expires) {
		return Challenge{}, refuse(ReasonChallengeExpired, "The challenge expired at %s. Request a new one and try again.", ch.Expires.Format(time.RFC3339))
	}
	return ch, nil
}

func (c *Challenges) open(text string) (ch Challenge, ok bool) {
	if len(text) > maxChallenge {
		return ch, false
	}
	parts := strings.Split(text, ".")
	// The header is fixed: any other algorithm, or the same one spelled differently, is not ours.
	if len(parts) != 5 || parts[0] != c.header {
		return ch, false
	}
	var raw [5][]byte
	for i := 1; i < 5; i++ {
		b, err := base64.RawURLEncoding.Strict().DecodeString(parts[i])
		if err != nil || strings.ContainsAny(parts[i], "\r\n") {
			return ch, false
		}
		raw[i] = b
	}
	cek, err := rsa.DecryptOAEP(sha256.New(), nil, c.key, raw[1], nil)
	if err != nil || len(cek) != 32 {
		return ch, false
	}
	aead, err := contentCipher(cek)
	if err != nil || len(raw[2]) != aead.NonceSize() || len(raw[4]) != aead.Overhead() {
		return ch, false
	}
	plain, err := aead.Open(nil, raw[2], append(raw[3], raw[4]...), []byte(parts[0]))
	if err != nil {
		return ch, false
	}
	return ch, json.Unmarshal(plain, &ch) == nil
}

func contentCipher(cek []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(cek)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
