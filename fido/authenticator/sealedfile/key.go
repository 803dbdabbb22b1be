package sealedfile

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/chacha20poly1305"
)

// KeySize is the size of a given key in bytes.
const KeySize = chacha20poly1305.KeySize

// Key derivations, as they are written.
const (
	kdfGiven  = 0
	kdfArgon2 = 1
)

// derivation is the part of the header that leads to the key.
type derivation struct {
	kdf     byte
	salt    [16]byte
	time    uint32
	memory  uint32 // KiB
	threads uint8
}

// The second recommended option of RFC 9106 §4: 64 MiB, three passes.
const (
	argonTime    = 3
	argonMemory  = 64 << 10
	argonThreads = 4
)

// Limits on what a header may ask for, lest a forged file exhaust its reader.
const (
	maxArgonTime   = 32
	maxArgonMemory = 1 << 20 // 1 GiB
)

const derivationSize = 1 + 16 + 4 + 4 + 1

func (d *derivation) append(b []byte) []byte {
	b = append(b, d.kdf)
	b = append(b, d.salt[:]...)
	b = binary.BigEndian.AppendUint32(b, d.time)
	b = binary.BigEndian.AppendUint32(b, d.memory)
	return append(b, d.threads)
}

func parseDerivation(b []byte) derivation {
	return derivation{
		kdf:     b[0],
		salt:    [16]byte(b[1:17]),
		time:    binary.BigEndian.Uint32(b[17:]),
		memory:  binary.BigEndian.Uint32(b[21:]),
		threads: b[25],
	}
}

// Unlock is a way to the key of a file.
type Unlock interface {
	// fresh gives the derivation of a new file.
	fresh() derivation
	// key gives the key a derivation leads to.
	key(d derivation) ([]byte, error)
}

type givenKey []byte

// WithKey uses a key of [KeySize] bytes, of which the caller keeps custody.
func WithKey(key []byte) Unlock { return givenKey(bytes.Clone(key)) }

func (k givenKey) fresh() derivation { return derivation{kdf: kdfGiven} }

func (k givenKey) key(d derivation) ([]byte, error) {
	if d.kdf != kdfGiven {
		return nil, errors.New("the file is sealed with a passphrase: give the passphrase")
	}
	if len(k) != KeySize {
		return nil, fmt.Errorf("the key has %d bytes: %d are wanted", len(k), KeySize)
	}
	return bytes.Clone(k), nil
}

type passphrase []byte

// WithPassphrase derives the key by argon2id, with a salt of the file's own.
func WithPassphrase(p []byte) Unlock { return passphrase(bytes.Clone(p)) }

func (p passphrase) fresh() derivation {
	d := derivation{kdf: kdfArgon2, time: argonTime, memory: argonMemory, threads: argonThreads}
	_, _ = rand.Read(d.salt[:]) // never fails: package crypto/rand ends the program instead
	return d
}

func (p passphrase) key(d derivation) ([]byte, error) {
	if d.kdf != kdfArgon2 {
		return nil, errors.New("the file is sealed with a key, not with a passphrase: give the key")
	}
	if len(p) == 0 {
		return nil, errors.New("the passphrase is empty")
	}
	if d.time < 1 || d.time > maxArgonTime || d.memory < 8 || d.memory > maxArgonMemory || d.threads < 1 {
		return nil, errors.New("the file asks for impossible key derivation parameters: it is damaged")
	}
	return argon2.IDKey(p, d.salt[:], d.time, d.memory, d.threads, KeySize), nil
}
