package entrasim

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
)

// Bounds on what a Windows computer may send.
const (
	maxWindowsToken = 256 << 10
	maxContext      = 256 // bytes of ctx
)

// windowsToken is the JWT of a request: signed by the device key (x5c) or by a key derived from a session key (ctx).
type windowsToken struct {
	header    windowsHeader
	claims    windowsClaims
	payload   []byte // the JSON text of the claims; version 2 of the key derivation takes it in
	signed    string // what the signature is over
	signature []byte
}

type windowsHeader struct {
	Type      string `json:"typ"`
	Algorithm string `json:"alg"`
	X5C       string `json:"x5c"` // one base64 text; RFC 7515 §4.1.6 has a list
	Context   string `json:"ctx"`
	KDF       int    `json:"kdf_ver"`
}

type windowsClaims struct {
	ClientID     string          `json:"client_id"`
	Nonce        string          `json:"request_nonce"`
	Scope        string          `json:"scope"`
	Grant        string          `json:"grant_type"`
	Username     string          `json:"username"`
	Password     string          `json:"password"`
	RefreshToken string          `json:"refresh_token"`
	Assertion    string          `json:"assertion"`
	Resource     string          `json:"resource"`
	Expires      json.RawMessage `json:"exp"` // a number, or a number as text
}

var errWindowsToken = errors.New("not a JWT as Windows writes it")

// parseWindowsToken takes a compact JWT apart. It verifies nothing.
func parseWindowsToken(text string) (t windowsToken, err error) {
	parts := strings.Split(text, ".")
	if len(text) > maxWindowsToken || len(parts) != 3 || strings.ContainsAny(text, "\r\n") {
		return t, errWindowsToken
	}
	var raw [3][]byte
	for i, p := range parts {
		if raw[i], err = base64.RawURLEncoding.Strict().DecodeString(p); err != nil || len(raw[i]) == 0 {
			return t, errWindowsToken
		}
	}
	if json.Unmarshal(raw[0], &t.header) != nil || json.Unmarshal(raw[1], &t.claims) != nil {
		return t, errWindowsToken
	}
	t.payload, t.signature, t.signed = raw[1], raw[2], parts[0]+"."+parts[1]
	return t, nil
}

// expiry is exp in seconds; 0 if there is none.
func (c *windowsClaims) expiry() (seconds int64, ok bool) {
	if len(c.Expires) == 0 || string(c.Expires) == "null" {
		return 0, true
	}
	var n json.Number
	if json.Unmarshal(c.Expires, &n) != nil { // takes a number in quotes as well
		return 0, false
	}
	seconds, err := n.Int64()
	return seconds, err == nil
}

// secureConversation is the label of every key derived from a session key ([MS-OAPXBC] section 3.1.5.1.3.3).
const secureConversation = "AzureAD-SecureConversation"

// deriveKey is the key derivation function of NIST SP 800-108 in counter mode with HMAC-SHA-256: one block of 256 bits,
// counter and length of 32 bits each.
func deriveKey(sessionKey, context []byte) []byte {
	m := hmac.New(sha256.New, sessionKey)
	_ = binary.Write(m, binary.BigEndian, uint32(1)) // a hash takes everything
	m.Write([]byte(secureConversation))
	m.Write([]byte{0})
	m.Write(context)
	_ = binary.Write(m, binary.BigEndian, uint32(256))
	return m.Sum(nil)
}

// signedBy says whether a token is signed with a key derived from a session key. known is false for a version of the key
// derivation that nobody knows.
func (t *windowsToken) signedBy(sessionKey []byte) (ok, known bool) {
	context, err := anyBase64(t.header.Context)
	if err != nil || len(context) == 0 || len(context) > maxContext {
		return false, true
	}
	switch t.header.KDF {
	case 0, 1:
	case 2:
		h := sha256.New()
		h.Write(context)
		h.Write(t.payload)
		context = h.Sum(nil)
	default:
		return false, false
	}
	m := hmac.New(sha256.New, deriveKey(sessionKey, context))
	m.Write([]byte(t.signed))
	return hmac.Equal(m.Sum(nil), t.signature), true
}

// sealReply encrypts for the holder of a session key: a compact JWE (RFC 7516 §3.1) whose key is derived from it with the
// ctx of the header.
func sealReply(sessionKey, plain []byte) (string, error) {
	context := make([]byte, 24)
	_, _ = rand.Read(context) // crypto/rand does not fail
	return sealJWE(object{
		"alg": "dir", "enc": "A256GCM", "ctx": base64.StdEncoding.EncodeToString(context), "kid": "session",
	}, nil, deriveKey(sessionKey, context), plain)
}

// sealJWE writes a compact JWE with A256GCM.
func sealJWE(header object, encryptedKey, key, plain []byte) (string, error) {
	text, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	aead, err := newGCM(key)
	if err != nil {
		return "", err
	}
	iv := make([]byte, aead.NonceSize())
	_, _ = rand.Read(iv)
	protected := encodeBase64URL(text)
	sealed := aead.Seal(nil, iv, plain, []byte(protected))
	body, tag := sealed[:len(plain)], sealed[len(plain):]
	return strings.Join([]string{protected, encodeBase64URL(encryptedKey), encodeBase64URL(iv), encodeBase64URL(body), encodeBase64URL(tag)}, "."), nil
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}
