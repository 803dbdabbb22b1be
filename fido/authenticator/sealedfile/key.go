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

// KeySize is the size of a file's key in bytes.
const KeySize = chacha20poly1305.KeySize

// Schemes are the ways to a key, as they are written.
const (
	SchemeKey        = 0
	SchemePassphrase = 1
	SchemeTPM        = 2
)

// Lead is what a file's header holds so that its key is found again. It is in
// the clear, and what a forged file says: an [Unlock] bounds what it does for it.
type Lead struct {
	Scheme byte
	Params []byte
}

// Key opens and seals one file.
type Key struct {
	Secret []byte // KeySize bytes; the file wipes it
	Lead   Lead
	// Marker keeps the mark of the newest copy; nil: older copies are not noticed.
	Marker Marker
	// AcceptOlder takes the copy at hand for the newest.
	AcceptOlder bool
}

// Unlock is a way to the key of a file.
type Unlock interface {
	// Create makes the key of a new file.
	Create() (*Key, error)
	// Find finds the key of a file that has this lead.
	Find(Lead) (*Key, error)
}

type givenKey []byte

// WithKey uses a key of [KeySize] bytes, of which the caller keeps custody.
func WithKey(key []byte) Unlock { return givenKey(bytes.Clone(key)) }

func (k givenKey) Create() (*Key, error) {
	return k.Find(Lead{Scheme: SchemeKey, Params: make([]byte, argonParamsSize)})
}

func (k givenKey) Find(l Lead) (*Key, error) {
	if l.Scheme != SchemeKey {
		return nil, otherScheme(l.Scheme)
	}
	if len(k) != KeySize {
		return nil, fmt.Errorf("the key has %d bytes: %d are wanted", len(k), KeySize)
	}
	return &Key{Secret: bytes.Clone(k), Lead: l}, nil
}

// otherScheme says what to do with a file that is sealed in another way.
func otherScheme(scheme byte) error {
	switch scheme {
	case SchemeKey:
		return errors.New("the file is sealed with a key: give the key")
	case SchemePassphrase:
		return errors.New("the file is sealed with a passphrase: give the passphrase")
	case SchemeTPM:
		return errors.New("the file is sealed by the TPM of a machine: open it there, through its TPM")
	}
	return fmt.Errorf("the file is sealed in way %d, which this program does not know: use a newer program", scheme)
}

// argonParams are the parameters of argon2id.
type argonParams struct {
	salt    [16]byte
	time    uint32
	memory  uint32 // KiB
	threads uint8
}

const argonParamsSize = 16 + 4 + 4 + 1

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

func (p *argonParams) encode() []byte {
	b := append(make([]byte, 0, argonParamsSize), p.salt[:]...)
	b = binary.BigEndian.AppendUint32(b, p.time)
	b = binary.BigEndian.AppendUint32(b, p.memory)
	return append(b, p.threads)
}

type passphrase []byte

// WithPassphrase derives the key by argon2id, with a salt of the file's own.
func WithPassphrase(p []byte) Unlock { return passphrase(bytes.Clone(p)) }

func (p passphrase) Create() (*Key, error) {
	params := argonParams{time: argonTime, memory: argonMemory, threads: argonThreads}
	_, _ = rand.Read(params.salt[:]) // never fails: package crypto/rand ends the program instead
	return p.Find(Lead{Scheme: SchemePassphrase, Params: params.encode()})
}

func (p passphrase) Find(l Lead) (*Key, error) {
	if l.Scheme != SchemePassphrase {
		return nil, otherScheme(l.Scheme)
	}
	if len(p) == 0 {
		return nil, errors.New("the passphrase is empty")
	}
	if len(l.Params) != argonParamsSize {
		return nil, errors.New("the file has key derivation parameters of a wrong size: it is damaged")
	}
	params := argonParams{
		salt:    [16]byte(l.Params),
		time:    binary.BigEndian.Uint32(l.Params[16:]),
		memory:  binary.BigEndian.Uint32(l.Params[20:]),
		threads: l.Params[24],
	}
	if params.time < 1 || params.time > maxArgonTime || params.memory < 8 || params.memory > maxArgonMemory || params.threads < 1 {
		return nil, errors.New("the file asks for impossible key derivation parameters: it is damaged")
	}
	return &Key{Secret: argon2.IDKey(p, params.salt[:], params.time, params.memory, params.threads, KeySize), Lead: l}, nil
}
