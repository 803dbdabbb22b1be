// Package seal encrypts what must not lie readable in the database: credentials of tenants, private keys of
// attestation CAs, signing keys.
//
// It owns the envelope and the key file. It does not own where the envelope is stored. What is sealed is bound to a
// purpose, so that a sealed value moved to another row does not open.
package seal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Sealer encrypts and decrypts. purpose names what the value is and whose, such as "integration/int_…/credential".
type Sealer interface {
	Seal(ctx context.Context, purpose string, plaintext []byte) ([]byte, error)
	Open(ctx context.Context, purpose string, sealed []byte) ([]byte, error)
}

// Envelope: version (1 byte, 1), nonce (12 bytes, random), AES-256-GCM ciphertext with tag. The additional data is the
// purpose. Random nonces are safe for far more values than a control center ever seals (2^32 under one key).
const (
	version   = 1
	nonceSize = 12
	keySize   = 32
)

// ErrOpen says that a value does not open: another key, another purpose, or changed bytes. Which one it is cannot be
// told apart, by design.
var ErrOpen = errors.New("seal: the value does not open with this key and purpose")

// KeyFile seals with a key from a file.
type KeyFile struct{ aead cipher.AEAD }

// OpenKeyFile reads the key from path, and makes the file with a fresh key if there is none. The file is 32 raw bytes,
// readable by its owner only; a file that others may read is refused.
func OpenKeyFile(path string) (*KeyFile, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = makeKeyFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("seal: key file: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("seal: key file: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("seal: key file %s may be read by others; run chmod 600 on it", path)
	}
	return NewKey(key)
}

// makeKeyFile links a complete temporary file into place, so that of two starting programs one makes the key and the
// other reads it, and nobody reads half a key.
func makeKeyFile(path string) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	key := make([]byte, keySize)
	rand.Read(key)
	tmp, err := os.CreateTemp(filepath.Dir(path), ".key-*")
	if err != nil {
		return nil, err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(key)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return nil, err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path)
}

// NewKey seals with a key of 32 bytes.
func NewKey(key []byte) (*KeyFile, error) {
	if len(key) != keySize {
		return nil, fmt.Errorf("seal: the key has %d bytes, not %d", len(key), keySize)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &KeyFile{aead}, nil
}

// Seal implements [Sealer].
func (k *KeyFile) Seal(_ context.Context, purpose string, plaintext []byte) ([]byte, error) {
	out := make([]byte, 1+nonceSize, 1+nonceSize+len(plaintext)+k.aead.Overhead())
	out[0] = version
	rand.Read(out[1:])
	return k.aead.Seal(out, out[1:], plaintext, []byte(purpose)), nil
}

// Open implements [Sealer].
func (k *KeyFile) Open(_ context.Context, purpose string, sealed []byte) ([]byte, error) {
	if len(sealed) < 1+nonceSize+k.aead.Overhead() || sealed[0] != version {
		return nil, ErrOpen
	}
	plaintext, err := k.aead.Open(nil, sealed[1:1+nonceSize], sealed[1+nonceSize:], []byte(purpose))
	if err != nil {
		return nil, ErrOpen
	}
	return plaintext, nil
}
