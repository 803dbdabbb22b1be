package vault

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
)

// ErrConflict is what a [Backing] answers where a record is not at the version a change was made from.
var ErrConflict = errors.New("the record was changed meanwhile")

// Record is what a [Backing] keeps under a name.
type Record struct {
	// Version is never 0, and never given twice to a name, not even after a deletion.
	Version uint64
	Data    []byte
}

// Change is one part of [Backing.Replace].
type Change struct {
	Name string
	From uint64 // the version the change was made from; 0: there is no such record
	Data []byte // nil deletes
}

// Backing keeps named records. It needs no secrecy of its own. Names are up to 512 bytes of ASCII. What goes in and what
// comes out belongs to the caller.
type Backing interface {
	// Read gives the records of these names, those that exist, as they all were at one moment; without names, every
	// record.
	Read(ctx context.Context, names ...string) (map[string]Record, error)
	// Replace makes all changes or none, and returns when they are durable. Where any record is not at its version
	// it changes nothing and answers ErrConflict. After another error all may have been made, or none.
	Replace(ctx context.Context, changes ...Change) error
}

// Memory is a [Backing] that forgets everything with its process. The zero value is empty and ready.
type Memory struct {
	mu      sync.Mutex
	last    uint64
	records map[string]Record
}

// LoadMemory gives a backing with these records, which it takes over; last is the highest version ever given.
func LoadMemory(records map[string]Record, last uint64) *Memory {
	for _, r := range records {
		last = max(last, r.Version)
	}
	return &Memory{records: records, last: last}
}

// Content gives a copy of all records, and the highest version ever given.
func (m *Memory) Content() (records map[string]Record, last uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return cloneRecords(m.records), m.last
}

// Read implements [Backing].
func (m *Memory) Read(ctx context.Context, names ...string) (map[string]Record, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(names) == 0 {
		return cloneRecords(m.records), nil
	}
	out := map[string]Record{}
	for _, name := range names {
		if r, ok := m.records[name]; ok {
			out[name] = Record{r.Version, bytes.Clone(r.Data)}
		}
	}
	return out, nil
}

// Replace implements [Backing].
func (m *Memory) Replace(ctx context.Context, changes ...Change) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, c := range changes {
		if m.records[c.Name].Version != c.From {
			return fmt.Errorf("%s: %w", c.Name, ErrConflict)
		}
	}
	if m.records == nil {
		m.records = map[string]Record{}
	}
	m.last++
	for _, c := range changes {
		if c.Data == nil {
			delete(m.records, c.Name)
		} else {
			m.records[c.Name] = Record{m.last, bytes.Clone(c.Data)}
		}
	}
	return nil
}

func cloneRecords(in map[string]Record) map[string]Record {
	out := make(map[string]Record, len(in))
	for name, r := range in {
		out[name] = Record{r.Version, bytes.Clone(r.Data)}
	}
	return out
}
