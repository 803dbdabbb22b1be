package windows

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1" //nolint:gosec // OAEP with SHA-1 is what "RSA-OAEP" stands for (RFC 7518 §4.3)
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

var url64 = base64.RawURLEncoding

// rsaKey reads a key of the computer.
func rsaKey(der []byte) (*rsa.PrivateKey, error) {
	k, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, err
	}
	key, ok := k.(*rsa.PrivateKey)
	if !ok {
		return nil, errors.New("a key of this computer is no RSA key")
	}
	return key, nil
}

// byDevice signs claims with the device key ([MS-OAPXBC] section 3.2.5.1.2.1). x5c is one text there, where RFC 7515 has a list.
func (t *tie) byDevice(claims map[string]any) (string, error) {
	key, err := rsaKey(t.Device)
	if err != nil {
		return "", err
	}
	return jwt(map[string]any{"typ": "JWT", "alg": "RS256", "x5c": base64.StdEncoding.EncodeToString(t.Certificate), "kdf_ver": 2}, claims, func(signed, _ []byte) ([]byte, error) {
		sum := sha256.Sum256(signed)
		return rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, sum[:])
	})
}

// bySession signs claims with a key derived from the session key.
func bySession(session []byte, claims map[string]any) (string, error) {
	ctx := make([]byte, 24)
	_, _ = rand.Read(ctx) // crypto/rand does not fail
	return jwt(map[string]any{"typ": "JWT", "alg": "HS256", "ctx": base64.StdEncoding.EncodeToString(ctx), "kdf_ver": 2}, claims, func(signed, payload []byte) ([]byte, error) {
		context := sha256.Sum256(append(append([]byte(nil), ctx...), payload...))
		return mac(derive(session, context[:]), signed), nil
	})
}

func jwt(header, claims map[string]any, sign func(signed, payload []byte) ([]byte, error)) (string, error) {
	first, err := json.Marshal(header)
	if err != nil {
		return "", err
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	text := url64.EncodeToString(first) + "." + url64.EncodeToString(payload)
	signature, err := sign([]byte(text), payload)
	if err != nil {
		return "", err
	}
	return text + "." + url64.EncodeToString(signature), nil
}

// derive is the key derivation of a session ([MS-OAPXBC] section 3.1.5.1.3.3): SP 800-108 in counter mode, one block.
func derive(session, context []byte) []byte {
	text := append([]byte{0, 0, 0, 1}, "AzureAD-SecureConversation\x00"...)
	return mac(session, append(append(text, context...), 0, 0, 1, 0))
}

func mac(key, text []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(text)
	return m.Sum(nil)
}

var errJWE = errors.New("what Entra encrypted is malformed")

// wrapped gives the encrypted key of a JWE (RFC 7516 §3.1).
func wrapped(jwe string) ([]byte, error) {
	parts := strings.Split(jwe, ".")
	if len(parts) != 5 {
		return nil, errJWE
	}
	return url64.DecodeString(parts[1])
}

// sessionKey opens a session key with the transport key.
func (m *Machine) sessionKey(wrapped []byte) ([]byte, error) {
	transport, err := rsaKey(m.Entra.Transport)
	if err != nil {
		return nil, err
	}
	key, err := rsa.DecryptOAEP(sha1.New(), nil, transport, wrapped, nil) //nolint:gosec // see the import
	if err != nil || len(key) != 32 {
		return nil, errors.New("the session key does not open with the transport key of this computer")
	}
	return key, nil
}

// reply opens an answer that is encrypted with a key derived from the session key.
func reply(session []byte, jwe string) ([]byte, error) {
	parts := strings.Split(strings.TrimSpace(jwe), ".")
	if len(parts) != 5 {
		return nil, errJWE
	}
	var raw [5][]byte
	for i, part := range parts {
		var err error
		if raw[i], err = url64.DecodeString(part); err != nil {
			return nil, errJWE
		}
	}
	var header struct{ Alg, Enc, Ctx string }
	if json.Unmarshal(raw[0], &header) != nil || header.Alg != "dir" || header.Enc != "A256GCM" {
		return nil, errJWE
	}
	ctx, err := base64.StdEncoding.DecodeString(header.Ctx)
	if err != nil {
		return nil, errJWE
	}
	block, err := aes.NewCipher(derive(session, ctx))
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil || len(raw[2]) != gcm.NonceSize() {
		return nil, errJWE
	}
	return gcm.Open(nil, raw[2], append(raw[3], raw[4]...), []byte(parts[0]))
}
