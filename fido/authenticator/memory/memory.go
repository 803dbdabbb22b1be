// Package memory is an authenticator's credential store in memory. It forgets
// everything with its process: it serves tests and simulators, and is the
// working copy of stores that keep a file.
package memory

import (
	"bytes"
	"cmp"
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
// goroutines. Finding a credential takes the same time however many there are.
type Store struct {
	capacity int

	mu    sync.Mutex
	all   []*record // by order of arrival
	byID  map[string]*record
	byRP  map[ctap.RPIDHash][]*record // the discoverable ones, by order of arrival
	next  uint64
	state authenticator.State
}

// record is an entry and its place in the order of arrival.
type record struct {
	Entry
	arrived uint64
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
	s.clear(len(content.Entries))
	for i := range content.Entries {
		s.add(content.Entries[i].clone())
	}
	return s
}

func (s *Store) clear(size int) {
	s.all = make([]*record, 0, size)
	s.byID, s.byRP = make(map[string]*record, size), map[ctap.RPIDHash][]*record{}
}

// Content gives a copy of everything stored. The caller wipes it.
func (s *Store) Content() *Content {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &Content{State: cloneState(s.state), Entries: make([]Entry, len(s.all))}
	for i, r := range s.all {
		c.Entries[i] = r.clone()
	}
	return c
}

// Get implements [authenticator.Store].
func (s *Store) Get(_ context.Context, rp ctap.RPIDHash, id []byte) (*authenticator.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.byID[string(id)]
	if r == nil || r.Credential.RPIDHash != rp {
		return nil, authenticator.ErrNotFound
	}
	c := cloneCredential(&r.Credential)
	return &c, nil
}

// Discoverable implements [authenticator.Store].
func (s *Store) Discoverable(_ context.Context, rp ctap.RPIDHash) ([]authenticator.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return newestFirst(s.byRP[rp]), nil
}

// List implements [authenticator.Store].
func (s *Store) List(context.Context) ([]authenticator.Credential, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return newestFirst(s.all), nil
}

func newestFirst(records []*record) []authenticator.Credential {
	if len(records) == 0 {
		return nil
	}
	out := make([]authenticator.Credential, len(records))
	for i, r := range slices.Backward(records) {
		out[len(records)-1-i] = cloneCredential(&r.Credential)
	}
	return out
}

// Remaining implements [authenticator.Store].
func (s *Store) Remaining(context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return uint64(max(0, s.capacity-len(s.all))), nil // #nosec G115 -- not negative
}

// Put implements [authenticator.Store].
func (s *Store) Put(_ context.Context, c *authenticator.Credential, secret *authenticator.Secret) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var replaced []*record
	if r := s.byID[string(c.ID)]; r != nil {
		replaced = append(replaced, r)
	}
	if r := s.ofUser(c); r != nil && !slices.Contains(replaced, r) {
		replaced = append(replaced, r)
	}
	if len(replaced) == 0 && len(s.all) >= s.capacity {
		return authenticator.ErrFull
	}
	for _, r := range replaced {
		s.remove(r)
	}
	s.add((&Entry{Credential: *c, Secret: *secret}).clone())
	return nil
}

// ofUser finds the discoverable credential whose place c takes.
func (s *Store) ofUser(c *authenticator.Credential) *record {
	if !c.Discoverable {
		return nil
	}
	for _, r := range s.byRP[c.RPIDHash] {
		if bytes.Equal(r.Credential.User.ID, c.User.ID) {
			return r
		}
	}
	return nil
}

// Secret implements [authenticator.Store].
func (s *Store) Secret(_ context.Context, id []byte) (*authenticator.Secret, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.byID[string(id)]
	if r == nil {
		return nil, authenticator.ErrNotFound
	}
	secret := cloneSecret(&r.Secret)
	return &secret, nil
}

// Advance implements [authenticator.Store].
func (s *Store) Advance(_ context.Context, id []byte) (uint32, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.byID[string(id)]
	if r == nil {
		return 0, authenticator.ErrNotFound
	}
	r.Credential.SignCount++
	return r.Credential.SignCount, nil
}

// SetUser implements [authenticator.Store].
func (s *Store) SetUser(_ context.Context, id []byte, u ctap.User) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.byID[string(id)]
	if r == nil {
		return authenticator.ErrNotFound
	}
	u.ID = r.Credential.User.ID
	r.Credential.User = u
	return nil
}

// Delete implements [authenticator.Store].
func (s *Store) Delete(_ context.Context, id []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.byID[string(id)]
	if r == nil {
		return authenticator.ErrNotFound
	}
	s.remove(r)
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
	for _, r := range s.all {
		r.Secret.Wipe()
	}
	wipeState(&s.state)
	s.state = authenticator.State{}
	s.clear(0)
	return nil
}

// add takes over an entry.
func (s *Store) add(e Entry) {
	s.next++
	r := &record{Entry: e, arrived: s.next}
	s.all = append(s.all, r)
	s.byID[string(e.Credential.ID)] = r
	if e.Credential.Discoverable {
		s.byRP[e.Credential.RPIDHash] = append(s.byRP[e.Credential.RPIDHash], r)
	}
}

func (s *Store) remove(r *record) {
	s.all = without(s.all, r)
	delete(s.byID, string(r.Credential.ID))
	if r.Credential.Discoverable {
		rp := r.Credential.RPIDHash
		if s.byRP[rp] = without(s.byRP[rp], r); len(s.byRP[rp]) == 0 {
			delete(s.byRP, rp)
		}
	}
	r.Secret.Wipe()
}

func without(records []*record, r *record) []*record {
	i, _ := slices.BinarySearchFunc(records, r.arrived, func(e *record, arrived uint64) int { return cmp.Compare(e.arrived, arrived) })
	return slices.Delete(records, i, i+1)
}

func (e *Entry) clone() Entry {
	return Entry{Credential: cloneCredential(&e.Credential), Secret: cloneSecret(&e.Secret)}
}

// cloneCredential copies c, its byte strings into one piece of memory.
func cloneCredential(c *authenticator.Credential) authenticator.Credential {
	out := *c
	memory := make([]byte, 0, len(c.ID)+len(c.User.ID)+len(c.PublicKey))
	out.ID, memory = cloneInto(memory, c.ID)
	out.User.ID, memory = cloneInto(memory, c.User.ID)
	out.PublicKey, _ = cloneInto(memory, c.PublicKey)
	return out
}

func cloneSecret(s *authenticator.Secret) (out authenticator.Secret) {
	memory := make([]byte, 0, len(s.PrivateKey)+len(s.CredRandomWithUV)+len(s.CredRandomWithoutUV)+len(s.CredBlob)+len(s.LargeBlobKey))
	out.PrivateKey, memory = cloneInto(memory, s.PrivateKey)
	out.CredRandomWithUV, memory = cloneInto(memory, s.CredRandomWithUV)
	out.CredRandomWithoutUV, memory = cloneInto(memory, s.CredRandomWithoutUV)
	out.CredBlob, memory = cloneInto(memory, s.CredBlob)
	out.LargeBlobKey, _ = cloneInto(memory, s.LargeBlobKey)
	return out
}

// cloneInto appends b to memory, which has room for it, and gives the copy, which
// nothing can be appended to in place, and the memory after it. Nil stays nil.
func cloneInto(memory, b []byte) (copied, rest []byte) {
	if b == nil {
		return nil, memory
	}
	start := len(memory)
	memory = append(memory, b...)
	return memory[start:len(memory):len(memory)], memory
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
