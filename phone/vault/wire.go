package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/fxamacker/cbor/v2"
)

// The records of a vault.
//
//	name                           content
//	"vault"                        the head: the gate, the directory, the authenticator's state
//	"credential/" base64url(id)    one credential and its sealed secret
//	"note/" base64url(name)        one note, sealed
//
// Every record is
//
//	magic "postern vault " and a letter, 'h' head, 'c' credential, 'n' note    15 bytes
//	version of the content, big endian                                          2
//	SHA-256 of kind letter, version and content                                32
//	content: CBOR, a map with the integer keys below
//
// The hash notices accidents; what notices intent is the directory and the seals.
//
// # Keys
//
// output is what the gate gives: 32 bytes. HKDF is that of RFC 5869 with SHA-256.
//
//	context         vault id | epoch, 8 bytes big endian | kind, 1 byte | credential id of the gate
//	wrapping key    HKDF(output, salt = install salt, info = "postern vault 1 wrapping key" | 0 | context), 32 bytes
//	check value     HKDF(output, salt = install salt, info = "postern vault 1 check value" | 0 | context), 32 bytes
//	credential key  HKDF(wrapping key, no salt, info = "postern vault 1 credential key" | 0 | credential id), 32 bytes
//	note key        HKDF(wrapping key, no salt, info = "postern vault 1 note key" | 0 | name), 32 bytes
//
// The check value is stored. It is of no use to guess the output by: that is 32 bytes nobody chose.
//
// # Sealed secrets
//
//	nonce, random, 12 bytes | AES-256-GCM(credential key, nonce, secret, additional data)
//	additional data = "postern vault 1 secret" | 0 | bound
//
// where bound is member 1 of the record, byte for byte, and secret is CBOR. The key belongs to one credential, and is
// used once for each signature, so that random nonces do not meet (NIST SP 800-38D §8.3 allows 2^32 uses).
//
// # Sealed notes
//
//	by the gate     nonce, random, 12 bytes | AES-256-GCM(note key, nonce, note, additional data = info)
//	by the mailbox  encapsulated key, 32 bytes | HPKE (RFC 9180), base mode, to the mailbox of the head, with DHKEM(X25519,
//	                HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, info and no additional data
//	info = "postern vault 1 note" | 0 | bound, or "postern vault 1 mail" | 0 | bound
//
// where bound is member 1 of the record, byte for byte. The mailbox's private key is the note "vault/mailbox", 32 bytes, sealed
// by the gate.
//
// Seals have a number of their own, the 1 in the labels. A later version of the content re-encodes records around
// the seals, because records are migrated while the vault is locked; a later seal is made when it is next written.
const (
	magic    = "postern vault "
	headName = "vault"
	prefix   = "credential/"
	notes    = "note/"

	// mailboxName is the name of the note that holds the mailbox's private key; own begins such names.
	own         = "vault/"
	mailboxName = own + "mailbox"

	labelWrapping   = "postern vault 1 wrapping key\x00"
	labelCheck      = "postern vault 1 check value\x00"
	labelCredential = "postern vault 1 credential key\x00"
	labelSecret     = "postern vault 1 secret\x00"
	labelNoteKey    = "postern vault 1 note key\x00"
	labelNote       = "postern vault 1 note\x00"
	labelMail       = "postern vault 1 mail\x00"

	kindHead       = 'h'
	kindCredential = 'c'
	kindNote       = 'n'

	frameSize = len(magic) + 1 + 2 + sha256.Size
	keySize   = 32
	nonceSize = 12
	idSize    = 16 // of a vault

	// maxRecord bounds a record. The head is the largest: 80 bytes a credential or a note and its name, and the large-blob
	// array.
	maxRecord = 1 << 20
	// maxID bounds credential ids in bytes; base64 of it fits a name.
	maxID = 255
)

// version is the version of the content this package writes.
//
//	1  without notes and mailbox
//	2  as described here
//
// A later version adds a line here and a step to migrations. What a version means never changes.
const version = 2

// migrations turn the content of a version into that of the next, by kind of record. There is no note of version 1.
var migrations = map[byte]map[uint16]func([]byte) ([]byte, error){kindHead: {1: same}, kindCredential: {1: same}, kindNote: {1: same}}

// same is the step to a version that only adds.
func same(body []byte) ([]byte, error) { return body, nil }

// head is the content of the head record.
type head struct {
	Vault    []byte  `cbor:"1,keyasint"` // random id
	Install  []byte  `cbor:"2,keyasint"` // the salt of HKDF, random
	Revision uint64  `cbor:"3,keyasint"` // one more with every change of anything
	Epoch    uint64  `cbor:"4,keyasint"` // one more with every gate
	Gate     gate    `cbor:"5,keyasint"`
	Check    []byte  `cbor:"6,keyasint"`
	Entries  []entry `cbor:"7,keyasint"` // the directory, by order of arrival
	State    state   `cbor:"8,keyasint"`
	Notes    []entry `cbor:"9,keyasint,omitempty"`  // the directory of notes; an id is a name
	Mailbox  []byte  `cbor:"10,keyasint,omitempty"` // X25519 public key; made with the first note
}

type gate struct {
	Kind         uint8  `cbor:"1,keyasint"`
	CredentialID []byte `cbor:"2,keyasint"`
	Salt         []byte `cbor:"3,keyasint"`
	Created      int64  `cbor:"4,keyasint"` // nanoseconds since 1970
}

type entry struct {
	ID       []byte `cbor:"1,keyasint"`
	Revision uint64 `cbor:"2,keyasint"` // that of the head which wrote the record
	Digest   []byte `cbor:"3,keyasint"` // SHA-256 of the whole record
}

// state is [authenticator.State].
type state struct {
	PINHash               []byte   `cbor:"1,keyasint,omitempty"`
	PINLength             uint64   `cbor:"2,keyasint,omitempty"`
	PINFailures           uint64   `cbor:"3,keyasint,omitempty"`
	UVFailures            uint64   `cbor:"4,keyasint,omitempty"`
	MinPINLength          uint64   `cbor:"5,keyasint,omitempty"`
	MinPINLengthRPIDs     []string `cbor:"6,keyasint,omitempty"`
	ForcePINChange        bool     `cbor:"7,keyasint,omitempty"`
	AlwaysUV              bool     `cbor:"8,keyasint,omitempty"`
	EnterpriseAttestation bool     `cbor:"9,keyasint,omitempty"`
	LargeBlobs            []byte   `cbor:"10,keyasint,omitempty"`
	PersistentToken       []byte   `cbor:"11,keyasint,omitempty"`
	DeviceIdentifier      []byte   `cbor:"12,keyasint,omitempty"`
	CredentialStoreState  []byte   `cbor:"13,keyasint,omitempty"`
}

// credential is the content of a credential record. Names change while the vault is locked, so they stand outside
// of what the seal binds.
type credential struct {
	Bound           []byte `cbor:"1,keyasint"` // CBOR of bound
	Revision        uint64 `cbor:"2,keyasint"`
	UserName        string `cbor:"3,keyasint,omitempty"`
	UserDisplayName string `cbor:"4,keyasint,omitempty"`
	UserIcon        string `cbor:"5,keyasint,omitempty"`
	Sealed          []byte `cbor:"6,keyasint"`
}

// bound is what a secret is sealed to.
type bound struct {
	Vault        []byte `cbor:"1,keyasint"`
	Epoch        uint64 `cbor:"2,keyasint"`
	ID           []byte `cbor:"3,keyasint"`
	RPIDHash     []byte `cbor:"4,keyasint"`
	RPID         string `cbor:"5,keyasint,omitempty"`
	RPName       string `cbor:"6,keyasint,omitempty"`
	UserID       []byte `cbor:"7,keyasint,omitempty"`
	Algorithm    int64  `cbor:"8,keyasint"`
	PublicKey    []byte `cbor:"9,keyasint"`
	Discoverable bool   `cbor:"10,keyasint"`
	CredProtect  uint8  `cbor:"11,keyasint,omitempty"`
	HMACSecret   bool   `cbor:"12,keyasint,omitempty"`
	Created      int64  `cbor:"13,keyasint"` // nanoseconds since 1970
	SignCount    uint32 `cbor:"14,keyasint"`
}

// note is the content of a note's record.
type note struct {
	Bound    []byte `cbor:"1,keyasint"` // CBOR of noteBound
	Revision uint64 `cbor:"2,keyasint"`
	Sealed   []byte `cbor:"3,keyasint"`
}

// noteBound is what a note is sealed to.
type noteBound struct {
	Vault  []byte `cbor:"1,keyasint"`
	Epoch  uint64 `cbor:"2,keyasint"`
	Name   string `cbor:"3,keyasint"`
	Mailed bool   `cbor:"4,keyasint,omitempty"` // by the mailbox, else by the gate
}

// secret is [authenticator.Secret].
type secret struct {
	PrivateKey          []byte `cbor:"1,keyasint"`
	CredRandomWithUV    []byte `cbor:"2,keyasint"`
	CredRandomWithoutUV []byte `cbor:"3,keyasint"`
	CredBlob            []byte `cbor:"4,keyasint,omitempty"`
	LargeBlobKey        []byte `cbor:"5,keyasint,omitempty"`
}

func recordName(id []byte) string { return prefix + base64.RawURLEncoding.EncodeToString(id) }

func noteName(name string) string { return notes + base64.RawURLEncoding.EncodeToString([]byte(name)) }

// encodeRecord frames content.
func encodeRecord(kind byte, content any) ([]byte, error) {
	body, err := cbor.Marshal(content)
	if err != nil {
		return nil, err
	}
	if frameSize+len(body) > maxRecord {
		return nil, fmt.Errorf("a record of %d bytes is too large for the vault", len(body))
	}
	return frame(kind, version, body), nil
}

func frame(kind byte, v uint16, body []byte) []byte {
	out := make([]byte, 0, frameSize+len(body))
	out = append(append(out, magic...), kind)
	out = binary.BigEndian.AppendUint16(out, v)
	sum := sumOf(kind, v, body)
	return append(append(out, sum[:]...), body...)
}

func sumOf(kind byte, v uint16, body []byte) [sha256.Size]byte {
	return sha256.Sum256(append(binary.BigEndian.AppendUint16([]byte{kind}, v), body...))
}

// decodeRecord reads what encodeRecord made, in this version or an older one.
func decodeRecord(kind byte, data []byte, content any) error {
	if len(data) < frameSize || len(data) > maxRecord || !bytes.HasPrefix(data, []byte(magic)) || data[len(magic)] != kind {
		return ErrDamaged
	}
	v := binary.BigEndian.Uint16(data[len(magic)+1:])
	body := data[frameSize:]
	if sum := sumOf(kind, v, body); !bytes.Equal(sum[:], data[len(magic)+3:frameSize]) {
		return ErrDamaged
	}
	body, err := migrate(v, version, body, migrations[kind])
	if err != nil {
		return err
	}
	if err := cbor.Unmarshal(body, content); err != nil {
		return ErrDamaged
	}
	return nil
}

// migrate brings content from one version to another, step by step.
func migrate(from, to uint16, body []byte, steps map[uint16]func([]byte) ([]byte, error)) ([]byte, error) {
	if from > to {
		return nil, fmt.Errorf("%w: it is written in version %d and this program knows %d", ErrNewer, from, to)
	}
	for v := from; v < to; v++ {
		step, ok := steps[v]
		if !ok {
			return nil, ErrDamaged
		}
		var err error
		if body, err = step(body); err != nil {
			return nil, fmt.Errorf("migrate version %d: %w", v, err)
		}
	}
	return body, nil
}

// idOf is the reverse of recordName.
func idOf(name string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimPrefix(name, prefix))
}
