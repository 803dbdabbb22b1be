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
)

// DefaultCapacity is the number of credentials a store holds where none is
// given.
const DefaultCapacity = 256

// Entry is a credential and its secrets.
type Entry struct {
	Credential authenticator.Credential
	Secret     authenticator.Secret
}

// Store implements [authenticator.Store]. It is safe for use by several
// goroutines.
type Store struct {
	capacity int

	mu      sync.Mutex
	entries []Entry // oldest first
}

// New makes a store for capacity credentials of either kind, holding copies of
// entries, oldest first. A capacity below 1 means [DefaultCapacity].
func New(capacity int, entries ...Entry) *Store {
	if capacity < 1 {
		capacity = DefaultCapacity
	}
	s := &Store{capacity: capacity}
	for _, e := range entries {
		s.entries = append(s.entries, e.clone())
	}
	return s
}

// Entries gives copies of everything stored, oldest first. The caller wipes the
// secrets.
func (s *Store) Entries() []Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Entry, len(s.entries))
	for i, e := range s.entries {
		out[i] = e.clone()
	}
	return out
}

// Get implements [authenticator.Store].
func (s *Store) Get(_ context.Context, rpID string, id []byte) (*authenticator.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := s.index(id)
	if i < 0 || s.entries[i].Credential.RP.ID != rpID {
		return nil, authenticator.ErrNotFound
	}
	c := cloneCredential(s.entries[i].Credential)
	return &c, nil
}

// Discoverable implements [authenticator.Store].
func (s *Store) Discoverable(_ context.Context, rpID string) ([]authenticator.Credential, error) {
	return s.list(func(c *authenticator.Credential) bool { return c.Discoverable && c.RP.ID == rpID }), nil
}

// List implements [authenticator.Store].
func (s *Store) List(context.Context) ([]authenticator.Credential, error) {
	return s.list(func(*authenticator.Credential) bool { return true }), nil
}

func (s *Store) list(keep func(*authenticator.Credential) bool) []authenticator.Credential {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []authenticator.Credential
	for _, e := range slices.Backward(s.entries) {
		if keep(&e.Credential) {
			out = append(out, cloneCredential(e.Credential))
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
		return c.Discoverable && old.Discoverable && old.RP.ID == c.RP.ID && bytes.Equal(old.User.ID, c.User.ID)
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
	}
}
