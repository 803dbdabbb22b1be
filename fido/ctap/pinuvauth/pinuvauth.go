// Package pinuvauth implements PIN/UV auth protocols 1 and 2 (CTAP 2.1 §6.5.6,
// §6.5.7): the key agreement, encryption and authentication between a client
// platform and an authenticator. Both ends use it.
//
//	                protocol 1                     protocol 2
//	shared secret   SHA-256(Z), both uses          HKDF-SHA-256(Z), an HMAC key ‖ an AES key
//	encryption      AES-256-CBC, zero IV           IV(16) ‖ AES-256-CBC
//	authentication  HMAC-SHA-256, left 16 bytes    HMAC-SHA-256, 32 bytes
//
// Z is the x coordinate of the ECDH P-256 result. The package keeps no state:
// when keys are made and thrown away is the authenticator's business.
package pinuvauth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"io"

	"github.com/postern/postern/fido/ctap"
)

// The protocol numbers, as they travel.
const (
	One uint64 = 1
	Two uint64 = 2
)

// TokenSize is the size of a pinUvAuthToken in bytes, under either protocol.
const TokenSize = 32

const (
	hmacInfo = "CTAP2 HMAC key"
	aesInfo  = "CTAP2 AES key"
	macV1    = 16
)

// Supported reports whether a protocol number is known.
func Supported(protocol uint64) bool {
	return protocol == One || protocol == Two
}

// GenerateKey makes a P-256 key from random. Package ecdh would not take its
// randomness from a caller; a core that is told where randomness comes from
// must. A scalar outside the group order is drawn again, which happens about
// once in 2^32 draws.
func GenerateKey(random io.Reader) (*ecdh.PrivateKey, error) {
	var scalar [32]byte
	defer clear(scalar[:])
	for range 16 {
		if _, err := io.ReadFull(random, scalar[:]); err != nil {
			return nil, fmt.Errorf("read randomness: %w", err)
		}
		if key, err := ecdh.P256().NewPrivateKey(scalar[:]); err == nil {
			return key, nil
		}
	}
	return nil, fmt.Errorf("randomness does not yield a P-256 key: %w", ctap.ErrOther)
}

// SharedSecret is the result of a key agreement under one protocol.
type SharedSecret struct {
	protocol uint64
	hmacKey  []byte
	aesKey   []byte
}

// Agree derives the shared secret of own and peer. The authenticator calls it
// decapsulate, the platform encapsulate; they are the same computation.
func Agree(protocol uint64, own *ecdh.PrivateKey, peer *ecdh.PublicKey) (*SharedSecret, error) {
	z, err := own.ECDH(peer)
	if err != nil {
		return nil, fmt.Errorf("key agreement: %w", ctap.ErrInvalidParameter)
	}
	defer clear(z)
	return derive(protocol, z)
}

func derive(protocol uint64, z []byte) (*SharedSecret, error) {
	switch protocol {
	case One:
		key := sha256.Sum256(z)
		return &SharedSecret{protocol: One, hmacKey: key[:], aesKey: key[:]}, nil
	case Two:
		salt := make([]byte, sha256.Size)
		hmacKey, err := hkdf.Key(sha256.New, z, salt, hmacInfo, 32)
		if err != nil {
			return nil, err
		}
		aesKey, err := hkdf.Key(sha256.New, z, salt, aesInfo, 32)
		if err != nil {
			return nil, err
		}
		return &SharedSecret{protocol: Two, hmacKey: hmacKey, aesKey: aesKey}, nil
	}
	return nil, fmt.Errorf("PIN/UV auth protocol %d: %w", protocol, ctap.ErrInvalidParameter)
}

// Wipe forgets the keys.
func (s *SharedSecret) Wipe() {
	clear(s.hmacKey)
	clear(s.aesKey)
}

// Encrypt encrypts whole AES blocks. Random is read under protocol 2 only.
func (s *SharedSecret) Encrypt(random io.Reader, plaintext []byte) ([]byte, error) {
	if len(plaintext)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("plaintext of %d bytes: %w", len(plaintext), ctap.ErrInvalidLength)
	}
	block, err := aes.NewCipher(s.aesKey)
	if err != nil {
		return nil, err
	}
	iv := make([]byte, aes.BlockSize)
	if s.protocol == One {
		out := make([]byte, len(plaintext))
		cipher.NewCBCEncrypter(block, iv).CryptBlocks(out, plaintext)
		return out, nil
	}
	if _, err := io.ReadFull(random, iv); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	out := make([]byte, len(iv)+len(plaintext))
	copy(out, iv)
	cipher.NewCBCEncrypter(block, iv).CryptBlocks(out[len(iv):], plaintext)
	return out, nil
}

// Decrypt reverses Encrypt; a length no encryption gives is
// [ctap.ErrInvalidParameter].
func (s *SharedSecret) Decrypt(ciphertext []byte) ([]byte, error) {
	iv := make([]byte, aes.BlockSize)
	if s.protocol == Two {
		if len(ciphertext) < aes.BlockSize {
			return nil, fmt.Errorf("ciphertext of %d bytes: %w", len(ciphertext), ctap.ErrInvalidParameter)
		}
		iv, ciphertext = ciphertext[:aes.BlockSize], ciphertext[aes.BlockSize:]
	}
	if len(ciphertext)%aes.BlockSize != 0 {
		return nil, fmt.Errorf("ciphertext of %d bytes: %w", len(ciphertext), ctap.ErrInvalidParameter)
	}
	block, err := aes.NewCipher(s.aesKey)
	if err != nil {
		return nil, err
	}
	out := make([]byte, len(ciphertext))
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(out, ciphertext)
	return out, nil
}

// Authenticate gives the MAC of message under the shared secret.
func (s *SharedSecret) Authenticate(message []byte) []byte {
	return Authenticate(s.protocol, s.hmacKey, message)
}

// Verify checks a MAC under the shared secret in constant time.
func (s *SharedSecret) Verify(message, mac []byte) bool {
	return hmac.Equal(s.Authenticate(message), mac)
}

// Authenticate gives the MAC of message under a key, which is a pinUvAuthToken
// wherever it is not a shared secret.
func Authenticate(protocol uint64, key, message []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(message)
	mac := h.Sum(nil)
	if protocol == One {
		return mac[:macV1]
	}
	return mac
}

// Verify checks a MAC in constant time. The length has to be the protocol's: a
// prefix of a right MAC is a wrong one.
func Verify(protocol uint64, key, message, mac []byte) bool {
	return hmac.Equal(Authenticate(protocol, key, message), mac)
}
