package authenticator

import (
	"context"
	"errors"
	"time"

	"github.com/postern/postern/fido/ctap"
)

// Errors a [Store] answers with.
var (
	// ErrNotFound means that no such credential exists, or not for that relying
	// party.
	ErrNotFound = errors.New("credential not found")
	// ErrFull means that no credential can be added.
	ErrFull = errors.New("credential store is full")
	// ErrSealed means that a secret cannot be had before the user is verified.
	ErrSealed = errors.New("credential is sealed until the user is verified")
)

// CredRandomSize is the size of each hmac-secret key in bytes (CTAP 2.1 §12.5).
const CredRandomSize = 32

// Credential is what an authenticator knows about a credential apart from its
// secrets.
type Credential struct {
	ID []byte
	// RPIDHash says for whom the credential is. RP.ID hashes to it, or is empty
	// for a credential made by a U2F message, which tells the hash alone.
	RPIDHash     ctap.RPIDHash
	RP           ctap.RelyingParty
	User         ctap.User
	Algorithm    ctap.Algorithm
	PublicKey    ctap.Raw // COSE_Key
	Discoverable bool
	CredProtect  ctap.CredProtect // 0: no policy was asked for
	HMACSecret   bool             // hmac-secret was asked for at creation
	Created      time.Time
	SignCount    uint32 // of the last signature
}

// Secret is the key material of one credential.
type Secret struct {
	// PrivateKey is 32 bytes for ES256 (the scalar) and EdDSA (the seed), and
	// the two primes of equal size for RS256.
	PrivateKey []byte
	// CredRandomWithUV and CredRandomWithoutUV key hmac-secret. Every
	// credential has them: a platform may ask later for what it did not
	// mention at creation.
	CredRandomWithUV    []byte
	CredRandomWithoutUV []byte
	// CredBlob is what the relying party left at creation (CTAP 2.1 §12.2), nil
	// for nothing.
	CredBlob []byte
	// LargeBlobKey is 32 bytes where the key was asked for (CTAP 2.1 §12.3),
	// else nil.
	LargeBlobKey []byte
}

// Wipe overwrites the key material.
func (s *Secret) Wipe() {
	clear(s.PrivateKey)
	clear(s.CredRandomWithUV)
	clear(s.CredRandomWithoutUV)
	clear(s.CredBlob)
	clear(s.LargeBlobKey)
}

// State is what an authenticator keeps beside its credentials. The zero value
// is that of a new one. It holds what verifies a PIN, so a store protects it
// like the secrets; but it has to be readable before any user is verified.
type State struct {
	PINHash     []byte // the left 16 bytes of the PIN's SHA-256; nil: no PIN
	PINLength   uint64 // code points
	PINFailures uint64 // wrong PINs in a row
	UVFailures  uint64 // failed built-in verifications in a row

	// Settings of authenticatorConfig (CTAP 2.1 §6.11).
	MinPINLength          uint64 // code points; 0: the default
	MinPINLengthRPIDs     []string
	ForcePINChange        bool
	AlwaysUV              bool
	EnterpriseAttestation bool

	// LargeBlobs is the large-blob array as it is stored (CTAP 2.1 §6.10.2), nil for
	// the initial one.
	LargeBlobs []byte

	// What CTAP 2.2 and 2.3 derive identifiers from; nil until it is needed.
	PersistentToken      []byte // 32 bytes
	DeviceIdentifier     []byte // 16 bytes
	CredentialStoreState []byte // 16 bytes
}

// Store keeps credentials. Every method is atomic and, once it has returned
// without error, durable as far as the store is at all. A store may keep
// secrets sealed under a key that exists only after the user was verified:
// [Store.Put], [Store.Secret] and [Store.Advance] may answer [ErrSealed] then, and
// nothing else may. But for silent requests and listings, which do without the
// key, they are called after the [User] agreed, never before.
//
// What a method returns belongs to the caller.
type Store interface {
	// Get finds a credential by id. One that belongs to another relying party
	// is ErrNotFound.
	Get(ctx context.Context, rp ctap.RPIDHash, id []byte) (*Credential, error)
	// Discoverable lists the discoverable credentials of a relying party,
	// newest first.
	Discoverable(ctx context.Context, rp ctap.RPIDHash) ([]Credential, error)
	// List gives all credentials, newest first.
	List(ctx context.Context) ([]Credential, error)
	// Remaining estimates how many more discoverable credentials fit.
	Remaining(ctx context.Context) (uint64, error)
	// Put adds a credential. A discoverable one takes the place of the
	// discoverable credential with the same relying party and user handle.
	Put(ctx context.Context, c *Credential, s *Secret) error
	// Secret gives the key material; the caller wipes it.
	Secret(ctx context.Context, id []byte) (*Secret, error)
	// Advance adds one to the signature counter and gives the new value.
	Advance(ctx context.Context, id []byte) (uint32, error)
	// SetUser replaces what is known of a credential's account. The user handle
	// stays: a caller never changes it.
	SetUser(ctx context.Context, id []byte, u ctap.User) error
	// Delete removes a credential and its secrets.
	Delete(ctx context.Context, id []byte) error
	// State gives what SetState stored last; a new store has the zero value.
	State(ctx context.Context) (*State, error)
	// SetState replaces the state as a whole.
	SetState(ctx context.Context, s *State) error
	// Reset removes every credential and the state.
	Reset(ctx context.Context) error
}
