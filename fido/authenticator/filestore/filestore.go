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
	"time"

	"github.com/fxamacker/cbor/v2"

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
	var entries []memory.Entry
	if exists {
		if entries, err = decode(version, content); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
		}
	}
	return &Store{capacity: capacity, file: file, current: memory.New(capacity, entries...)}, nil
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
	next := memory.New(s.capacity, s.current.Entries()...)
	if err := f(next); err != nil {
		return err
	}
	content, err := encode(next.Entries())
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
func (s *Store) Get(ctx context.Context, rpID string, id []byte) (*authenticator.Credential, error) {
	return s.snapshot().Get(ctx, rpID, id)
}

// Discoverable implements [authenticator.Store].
func (s *Store) Discoverable(ctx context.Context, rpID string) ([]authenticator.Credential, error) {
	return s.snapshot().Discoverable(ctx, rpID)
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

// version is the version of the content this package writes. Version 1, of
// 2026, is a CBOR array of records, oldest first. A later version adds a
// number, a line here, and a step to migrations.
const version = 1

// migrations turn the content of a version into that of the next.
var migrations = map[uint16]func([]byte) ([]byte, error){}

type record struct {
	ID                  []byte `cbor:"1,keyasint"`
	RPID                string `cbor:"2,keyasint"`
	RPName              string `cbor:"3,keyasint,omitempty"`
	UserID              []byte `cbor:"4,keyasint"`
	UserName            string `cbor:"5,keyasint,omitempty"`
	UserDisplayName     string `cbor:"6,keyasint,omitempty"`
	UserIcon            string `cbor:"7,keyasint,omitempty"`
	Algorithm           int64  `cbor:"8,keyasint"`
	PublicKey           []byte `cbor:"9,keyasint"`
	Discoverable        bool   `cbor:"10,keyasint"`
	CredProtect         uint8  `cbor:"11,keyasint,omitempty"`
	HMACSecret          bool   `cbor:"12,keyasint,omitempty"`
	Created             int64  `cbor:"13,keyasint"` // nanoseconds since 1970
	SignCount           uint32 `cbor:"14,keyasint"`
	PrivateKey          []byte `cbor:"15,keyasint"`
	CredRandomWithUV    []byte `cbor:"16,keyasint"`
	CredRandomWithoutUV []byte `cbor:"17,keyasint"`
}

func encode(entries []memory.Entry) ([]byte, error) {
	records := make([]record, len(entries))
	for i := range entries {
		c, s := &entries[i].Credential, &entries[i].Secret
		defer s.Wipe()
		records[i] = record{
			ID: c.ID, RPID: c.RP.ID, RPName: c.RP.Name,
			UserID: c.User.ID, UserName: c.User.Name, UserDisplayName: c.User.DisplayName, UserIcon: c.User.Icon,
			Algorithm: int64(c.Algorithm), PublicKey: c.PublicKey, Discoverable: c.Discoverable,
			CredProtect: uint8(c.CredProtect), HMACSecret: c.HMACSecret,
			Created: c.Created.UnixNano(), SignCount: c.SignCount,
			PrivateKey: s.PrivateKey, CredRandomWithUV: s.CredRandomWithUV, CredRandomWithoutUV: s.CredRandomWithoutUV,
		}
	}
	return cbor.Marshal(records)
}

func decode(v uint16, content []byte) ([]memory.Entry, error) {
	content, err := migrate(v, version, content, migrations)
	if err != nil {
		return nil, err
	}
	var records []record
	if err := cbor.Unmarshal(content, &records); err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	entries := make([]memory.Entry, len(records))
	for i, r := range records {
		entries[i] = memory.Entry{
			Credential: authenticator.Credential{
				ID: r.ID, RP: ctap.RelyingParty{ID: r.RPID, Name: r.RPName},
				User:      ctap.User{ID: r.UserID, Name: r.UserName, DisplayName: r.UserDisplayName, Icon: r.UserIcon},
				Algorithm: ctap.Algorithm(r.Algorithm), PublicKey: r.PublicKey, Discoverable: r.Discoverable,
				CredProtect: ctap.CredProtect(r.CredProtect), HMACSecret: r.HMACSecret,
				Created: time.Unix(0, r.Created).UTC(), SignCount: r.SignCount,
			},
			Secret: authenticator.Secret{
				PrivateKey: r.PrivateKey, CredRandomWithUV: r.CredRandomWithUV, CredRandomWithoutUV: r.CredRandomWithoutUV,
			},
		}
	}
	return entries, nil
}

// migrate brings content from one version to another, step by step.
func migrate(from, to uint16, content []byte, steps map[uint16]func([]byte) ([]byte, error)) ([]byte, error) {
	if from > to {
		return nil, fmt.Errorf("written in version %d, this program knows %d: use a newer program", from, to)
	}
	for v := from; v < to; v++ {
		step, ok := steps[v]
		if !ok {
			return nil, fmt.Errorf("content version %d is unknown: the file is damaged", v)
		}
		var err error
		if content, err = step(content); err != nil {
			return nil, fmt.Errorf("migrate version %d: %w", v, err)
		}
	}
	return content, nil
}
