// Package vaultfile keeps the records of a phone's vault in one sealed file, for phones without a browser.
//
// The file is one of package sealedfile: encrypted, written as a whole before a change counts, and locked against other
// processes. It hides the names that a vault leaves readable; what guards the passkeys is the vault.
package vaultfile

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/fxamacker/cbor/v2"

	"github.com/postern/postern/fido/authenticator/sealedfile"
	"github.com/postern/postern/phone/vault"
)

const label = "phone vault records"

// version is the version of the content, in CBOR.
//
//	1  a map: 1 the highest version number ever given; 2 the records by name, each an array of version and data
const version = 1

type content struct {
	Last    uint64            `cbor:"1,keyasint"`
	Records map[string]record `cbor:"2,keyasint"`
}

type record struct {
	_       struct{} `cbor:",toarray"`
	Version uint64
	Data    []byte
}

// Backing implements [vault.Backing]. Close releases the file.
type Backing struct {
	file *sealedfile.File

	mu      sync.Mutex
	current *vault.Memory
}

// Open opens the records at path, or begins with none.
func Open(path string, unlock sealedfile.Unlock) (*Backing, error) {
	file, err := sealedfile.Open(path, label, unlock)
	if err != nil {
		return nil, err
	}
	v, data, exists := file.Read()
	defer clear(data)
	b := &Backing{file: file, current: &vault.Memory{}}
	if !exists {
		return b, nil
	}
	if b.current, err = decode(v, data); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), file.Close())
	}
	return b, nil
}

// Close releases the file.
func (b *Backing) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.file.Close()
}

// Read implements [vault.Backing].
func (b *Backing) Read(ctx context.Context, names ...string) (map[string]vault.Record, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.current.Read(ctx, names...)
}

// Replace implements [vault.Backing].
func (b *Backing) Replace(ctx context.Context, changes ...vault.Change) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	next := vault.LoadMemory(b.current.Content())
	if err := next.Replace(ctx, changes...); err != nil {
		return err
	}
	data, err := encode(next)
	if err != nil {
		return err
	}
	defer clear(data)
	if err := b.file.Write(version, data); err != nil {
		return err
	}
	b.current = next
	return nil
}

func encode(m *vault.Memory) ([]byte, error) {
	records, last := m.Content()
	out := content{Last: last, Records: map[string]record{}}
	for name, r := range records {
		out.Records[name] = record{Version: r.Version, Data: r.Data}
	}
	return cbor.Marshal(out)
}

func decode(v uint16, data []byte) (*vault.Memory, error) {
	if v != version {
		return nil, fmt.Errorf("written in version %d, this program knows %d: use a newer program", v, version)
	}
	var in content
	if err := cbor.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("content: %w", err)
	}
	records := make(map[string]vault.Record, len(in.Records))
	for name, r := range in.Records {
		records[name] = vault.Record{Version: r.Version, Data: r.Data}
	}
	return vault.LoadMemory(records, in.Last), nil
}
