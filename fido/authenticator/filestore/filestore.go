// Package filestore is an authenticator's credential store in one sealed file.
//
// All of it, private keys and account names alike, is encrypted by package
// sealedfile; every change writes the whole file anew before it counts. That
// costs a few milliseconds and suits the some hundred credentials a person has.
package filestore

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/authenticator/sealedfile"
	"github.com/postern/postern/fido/ctap"
)

const label = "fido credentials"

// Store implements [authenticator.Store]. Close releases the file.
type Store struct {
	capacity int
	file     *sealedfile.File

	mu      sync.Mutex
	current *memory.Store
}

// Open opens the store at path, or begins an empty one there. A capacity below
// 1 means [memory.DefaultCapacity].
func Open(path string, unlock sealedfile.Unlock, capacity int) (*Store, error) {
	file, err := sealedfile.Open(path, label, unlock)
	if err != nil {
		return nil, err
	}
	version, content, exists := file.Read()
	defer clear(content)
	held := &memory.Content{}
	if exists {
		if held, err = decode(version, content); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
		}
	}
	defer held.Wipe()
	return &Store{capacity: capacity, file: file, current: memory.Load(capacity, held)}, nil
}

// Close wipes what can be wiped and releases the file.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current = memory.New(s.capacity)
	return s.file.Close()
}

func (s *Store) snapshot() *memory.Store {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current
}

// change applies f to a copy, writes the copy and only then takes it over.
func (s *Store) change(f func(*memory.Store) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	held := s.current.Content()
	defer held.Wipe()
	next := memory.Load(s.capacity, held)
	if err := f(next); err != nil {
		return err
	}
	changed := next.Content()
	defer changed.Wipe()
	content, err := encode(changed)
	if err != nil {
		return err
	}
	defer clear(content)
	if err := s.file.Write(version, content); err != nil {
		return err
	}
	s.current = next
	return nil
}

// Get implements [authenticator.Store].
func (s *Store) Get(ctx context.Context, rp ctap.RPIDHash, id []byte) (*authenticator.Credential, error) {
	return s.snapshot().Get(ctx, rp, id)
}

// Discoverable implements [authenticator.Store].
func (s *Store) Discoverable(ctx context.Context, rp ctap.RPIDHash) ([]authenticator.Credential, error) {
	return s.snapshot().Discoverable(ctx, rp)
}

// List implements [authenticator.Store].
func (s *Store) List(ctx context.Context) ([]authenticator.Credential, error) {
	return s.snapshot().List(ctx)
}

// Remaining implements [authenticator.Store].
func (s *Store) Remaining(ctx context.Context) (uint64, error) { return s.snapshot().Remaining(ctx) }

// Secret implements [authenticator.Store].
func (s *Store) Secret(ctx context.Context, id []byte) (*authenticator.Secret, error) {
	return s.snapshot().Secret(ctx, id)
}

// Put implements [authenticator.Store].
func (s *Store) Put(ctx context.Context, c *authenticator.Credential, secret *authenticator.Secret) error {
	return s.change(func(m *memory.Store) error { return m.Put(ctx, c, secret) })
}

// Advance implements [authenticator.Store].
func (s *Store) Advance(ctx context.Context, id []byte) (count uint32, err error) {
	err = s.change(func(m *memory.Store) (err error) {
		count, err = m.Advance(ctx, id)
		return err
	})
	return count, err
}

// Delete implements [authenticator.Store].
func (s *Store) Delete(ctx context.Context, id []byte) error {
	return s.change(func(m *memory.Store) error { return m.Delete(ctx, id) })
}

// SetUser implements [authenticator.Store].
func (s *Store) SetUser(ctx context.Context, id []byte, u ctap.User) error {
	return s.change(func(m *memory.Store) error { return m.SetUser(ctx, id, u) })
}

// State implements [authenticator.Store].
func (s *Store) State(ctx context.Context) (*authenticator.State, error) {
	return s.snapshot().State(ctx)
}

// SetState implements [authenticator.Store].
func (s *Store) SetState(ctx context.Context, state *authenticator.State) error {
	return s.change(func(m *memory.Store) error { return m.SetState(ctx, state) })
}

// Reset implements [authenticator.Store].
func (s *Store) Reset(ctx context.Context) error {
	return s.change(func(m *memory.Store) error { return m.Reset(ctx) })
}
