package authenticator

import (
	"context"
	"errors"
	"time"

	"github.com/postern/postern/fido/ctap"
)

// Errors a [Store] answers with.
var (
	// ErrNotFound means that no such credential exists for that relying party.
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
	ID           []byte
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
}

// Wipe overwrites the key material.
func (s *Secret) Wipe() {
	clear(s.PrivateKey)
	clear(s.CredRandomWithUV)
	clear(s.CredRandomWithoutUV)
}

// Store keeps credentials. Every method is atomic and, once it has returned
// without error, durable as far as the store is at all. A store may keep
// secrets sealed under a key that exists only after the user was verified:
// [Store.Secret] is called after the [User] agreed, never before.
//
// What a method returns belongs to the caller.
type Store interface {
	// Get finds a credential by id. One that belongs to another relying party
	// is ErrNotFound.
	Get(ctx context.Context, rpID string, id []byte) (*Credential, error)
	// Discoverable lists the discoverable credentials of a relying party,
	// newest first.
	Discoverable(ctx context.Context, rpID string) ([]Credential, error)
	// List gives all credentials, newest first.
	List(ctx context.Context) ([]Credential, error)
	// Remaining estimates how many more discoverable credentials fit.
	Remaining(ctx context.Context) (uint64, error)
	// Put adds a credential. A discoverable one takes the place of the
	// discoverable credential with the same relying party and user handle.
	Put(ctx context.Context, c *Credential, s *Secret) error
	// Secret gives the key material; the caller wipes it. A store that seals
	// it may answer ErrSealed.
	Secret(ctx context.Context, id []byte) (*Secret, error)
	// Advance adds one to the signature counter and gives the new value.
	Advance(ctx context.Context, id []byte) (uint32, error)
	// Delete removes a credential and its secrets.
	Delete(ctx context.Context, id []byte) error
}
