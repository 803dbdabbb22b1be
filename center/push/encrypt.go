package push

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// A message is one record of the content encoding aes128gcm (RFC 8188 §2):
//
//	salt (16) ‖ record size (4) ‖ length of the key id (1) = 65 ‖ key id: the sender's public key (65)
//	AES-128-GCM( plaintext ‖ 02 ‖ zeros ), with its tag (16)
//
// The content key comes of ECDH between the sender's one-time key and the subscription's, and of its auth secret (RFC
// 8291 §3.4). Plaintexts are padded to one length, so that a push service cannot tell a kind from another.
const (
	saltSize   = 16
	publicSize = 65
	authSize   = 16
	tagSize    = 16
	headerSize = saltSize + 4 + 1 + publicSize
	paddedSize = 512 // of the plaintext with its delimiter; names of workstations are at most 64 characters
)

// encrypt makes the body of a message for a subscription.
func encrypt(plaintext, p256dh, auth []byte) ([]byte, error) {
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	salt := make([]byte, saltSize)
	rand.Read(salt)
	return encryptWith(key, salt, plaintext, p256dh, auth, paddedSize)
}

// encryptWith is encrypt with everything that is otherwise random. padded is at least the plaintext and one.
func encryptWith(key *ecdh.PrivateKey, salt, plaintext, p256dh, auth []byte, padded int) ([]byte, error) {
	if len(plaintext) >= padded {
		return nil, fmt.Errorf("push: a message of %d bytes is too long", len(plaintext))
	}
	receiver, err := ecdh.P256().NewPublicKey(p256dh)
	if err != nil {
		return nil, fmt.Errorf("push: the subscription's key: %w", err)
	}
	shared, err := key.ECDH(receiver)
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	info := append(append([]byte("WebPush: info\x00"), p256dh...), key.PublicKey().Bytes()...)
	ikm, err := hkdf.Key(sha256.New, shared, auth, string(info), sha256.Size)
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	content, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	nonce, err := hkdf.Key(sha256.New, ikm, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	block, err := aes.NewCipher(content)
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("push: %w", err)
	}
	record := make([]byte, padded)
	copy(record, plaintext)
	record[len(plaintext)] = 2 // the last record
	out := make([]byte, 0, headerSize+padded+tagSize)
	out = append(out, salt...)
	out = binary.BigEndian.AppendUint32(out, recordSize)
	out = append(out, publicSize)
	out = append(out, key.PublicKey().Bytes()...)
	return aead.Seal(out, nonce, record, nil), nil
}

// recordSize is what push services expect to read (RFC 8291 §4); the one record of a message is shorter.
const recordSize = 4096
