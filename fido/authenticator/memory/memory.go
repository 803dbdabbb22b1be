// Package memory is an authenticator's credential store in memory. It forgets
// everything with its process: it serves tests and simulators, and is the
// working copy of stores that keep a file.
package memory

import (
	"bytes"
	"context"
	"slices"
	"sync"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
)

// DefaultCapacity is the number of credentials a store holds where none is
// given.
const DefaultCapacity = 256

// Entry is a credential and its secrets.
type Entry struct {
	Credential authenticator.Credential
	Secret     authenticator.Secret
}

// Content is all that a store holds. Entries are oldest first.
type Content struct {
	Entries []Entry
	State   authenticator.State
}

// Wipe overwrites the secrets.
func (c *Content) Wipe() {
	for i := range c.Entries {
		c.Entries[i].Secret.Wipe()
	}
	wipeState(&c.State)
}

// Store implements [authenticator.Store]. It is safe for use by several
// goroutines.
type Store struct {
	capacity int

	mu      sync.Mutex
	entries []Entry // oldest first
	state   authenticator.State
}

// New makes an empty store for capacity credentials of either kind. A capacity
// below 1 means [DefaultCapacity].
func New(capacity int) *Store { return Load(capacity, &Content{}) }

// Load makes a store that holds a copy of content.
func Load(capacity int, content *Content) *Store {
	if capacity < 1 {
		capacity = DefaultCapacity
	}
	s := &Store{capacity: capacity, state: cloneState(content.State)}
	for _, e := range content.Entries {
		s.entries = append(s.entries, e.clone())
	}
	return s
}

// Content gives a copy of everything stored. The caller wipes it.
func (s *Store) Content() *Content {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &Content{State: cloneState(s.state), Entries: make([]Entry, len(s.entries))}
	for i, e := range s.entries {
		c.Entries[i] = e.clone()
	}
	return c
}

// Get implements [authenticator.Store].
func (s *Store) Get(_ context.Context, rp ctap.RPIDHash, id []byte) (*authenticator.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(id)
	if i < 0 || s.entries[i].Credential.RPIDHash != rp {
		return nil, authenticator.ErrNotFound
	}
	c := cloneCredential(s.entries[i].Credential)
	return &c, nil
}

// Discoverable implements [authenticator.Store].
func (s *Store) Discoverable(_ context.Context, rp ctap.RPIDHash) ([]authenticator.Credential, error) {
	return s.list(func(c *authenticator.Credential) bool { return c.Discoverable && c.RPIDHash == rp }), nil
}

// List implements [authenticator.Store].
func (s *Store) List(context.Context) ([]authenticator.Credential, error) {
	return s.list(func(*authenticator.Credential) bool { return true }), nil
}

func (s *Store) list(keep func(*authenticator.Credential) bool) []authenticator.Credential {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []authenticator.Credential
	for i := range slices.Backward(s.entries) {
		if c := &s.entries[i].Credential; keep(c) {
			out = append(out, cloneCredential(*c))
		}
	}
	return out
}

// Remaining implements [authenticator.Store].
func (s *Store) Remaining(context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint64(max(0, s.capacity-len(s.entries))), nil // #nosec G115 -- not negative
}

// Put implements [authenticator.Store].
func (s *Store) Put(_ context.Context, c *authenticator.Credential, secret *authenticator.Secret) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	replaced := slices.IndexFunc(s.entries, func(e Entry) bool {
		old := &e.Credential
		return c.Discoverable && old.Discoverable && old.RPIDHash == c.RPIDHash && bytes.Equal(old.User.ID, c.User.ID)
	})
	if replaced < 0 && len(s.entries) >= s.capacity {
		return authenticator.ErrFull
	}
	if replaced >= 0 {
		s.remove(replaced)
	}
	s.entries = append(s.entries, (&Entry{Credential: *c, Secret: *secret}).clone())
	return nil
}

// Secret implements [authenticator.Store].
func (s *Store) Secret(_ context.Context, id []byte) (*authenticator.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(id)
	if i < 0 {
		return nil, authenticator.ErrNotFound
	}
	secret := cloneSecret(s.entries[i].Secret)
	return &secret, nil
}

// Advance implements [authenticator.Store].
func (s *Store) Advance(_ context.Context, id []byte) (uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(id)
	if i < 0 {
		return 0, authenticator.ErrNotFound
	}
	s.entries[i].Credential.SignCount++
	return s.entries[i].Credential.SignCount, nil
}

// SetUser implements [authenticator.Store].
func (s *Store) SetUser(_ context.Context, id []byte, u ctap.User) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(id)
	if i < 0 {
		return authenticator.ErrNotFound
	}
	u.ID = s.entries[i].Credential.User.ID
	s.entries[i].Credential.User = u
	return nil
}

// Delete implements [authenticator.Store].
func (s *Store) Delete(_ context.Context, id []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(id)
	if i < 0 {
		return authenticator.ErrNotFound
	}
	s.remove(i)
	return nil
}

// State implements [authenticator.Store].
func (s *Store) State(context.Context) (*authenticator.State, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	state := cloneState(s.state)
	return &state, nil
}

// SetState implements [authenticator.Store].
func (s *Store) SetState(_ context.Context, state *authenticator.State) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	next := cloneState(*state)
	wipeState(&s.state)
	s.state = next
	return nil
}

// Reset implements [authenticator.Store].
func (s *Store) Reset(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.entries {
		s.entries[i].Secret.Wipe()
	}
	wipeState(&s.state)
	s.entries, s.state = nil, authenticator.State{}
	return nil
}

func (s *Store) index(id []byte) int {
	return slices.IndexFunc(s.entries, func(e Entry) bool { return bytes.Equal(e.Credential.ID, id) })
}

func (s *Store) remove(i int) {
	s.entries[i].Secret.Wipe()
	s.entries = slices.Delete(s.entries, i, i+1)
}

func (e *Entry) clone() Entry {
	return Entry{Credential: cloneCredential(e.Credential), Secret: cloneSecret(e.Secret)}
}

func cloneCredential(c authenticator.Credential) authenticator.Credential {
	c.ID = bytes.Clone(c.ID)
	c.User.ID = bytes.Clone(c.User.ID)
	c.PublicKey = bytes.Clone(c.PublicKey)
	return c
}

func cloneSecret(s authenticator.Secret) authenticator.Secret {
	return authenticator.Secret{
		PrivateKey:          bytes.Clone(s.PrivateKey),
		CredRandomWithUV:    bytes.Clone(s.CredRandomWithUV),
		CredRandomWithoutUV: bytes.Clone(s.CredRandomWithoutUV),
		CredBlob:            bytes.Clone(s.CredBlob),
		LargeBlobKey:        bytes.Clone(s.LargeBlobKey),
	}
}

func cloneState(s authenticator.State) authenticator.State {
	s.PINHash = bytes.Clone(s.PINHash)
	s.MinPINLengthRPIDs = slices.Clone(s.MinPINLengthRPIDs)
	s.LargeBlobs = bytes.Clone(s.LargeBlobs)
	s.PersistentToken = bytes.Clone(s.PersistentToken)
	s.DeviceIdentifier = bytes.Clone(s.DeviceIdentifier)
	s.CredentialStoreState = bytes.Clone(s.CredentialStoreState)
	return s
}

func wipeState(s *authenticator.State) {
	clear(s.PINHash)
	clear(s.PersistentToken)
}
