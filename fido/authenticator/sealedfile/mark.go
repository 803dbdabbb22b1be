package sealedfile

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
)

// MarkSize is the size of a mark in bytes.
const MarkSize = 32

// Marker keeps the mark of one file's newest copy, outside the file and durably.
type Marker interface {
	// Mark gives the mark that was set last, nil before the first.
	Mark() ([]byte, error)
	// SetMark replaces it.
	SetMark([]byte) error
	// Forget removes what the marker keeps, for good.
	Forget() error
}

// ErrOlderCopy means that the file is not the newest copy of itself.
var ErrOlderCopy = errors.New("this is an older copy of the file, or what keeps track of the newest was cleared: " +
	"put the newest copy back, or, if a backup was restored on purpose, accept the older copy once")

// marks is what ties an open file to its marker.
type marks struct {
	marker Marker
	// kept is what the marker is known to keep; tried is what it was told last,
	// which it may keep as well where unsure is set.
	kept, tried [MarkSize]byte
	unsure      bool
}

// split takes the marks off a decrypted file.
func splitMarks(plain []byte) (own, previous [MarkSize]byte, content []byte, err error) {
	if len(plain) < 2*MarkSize {
		return own, previous, nil, ErrUnreadable
	}
	return [MarkSize]byte(plain), [MarkSize]byte(plain[MarkSize:]), plain[2*MarkSize:], nil
}

// load asks the marker. No mark is the zero mark.
func (m *marks) load() (got [MarkSize]byte, err error) {
	b, err := m.marker.Mark()
	if err != nil {
		return got, err
	}
	if b != nil && len(b) != MarkSize {
		return got, fmt.Errorf("a mark of %d bytes", len(b))
	}
	copy(got[:], b)
	return got, nil
}

// check holds the marks of a file that was read against the marker's. Renew is
// set where the file is to be written anew, because an older copy is accepted.
func (m *marks) check(own, previous [MarkSize]byte, acceptOlder bool) (renew bool, err error) {
	kept, err := m.load()
	if err != nil {
		return false, err
	}
	m.kept = kept
	switch {
	case bytes.Equal(kept[:], own[:]):
		return false, nil
	case bytes.Equal(kept[:], previous[:]):
		return false, m.set(own)
	case acceptOlder:
		return true, nil
	}
	return false, ErrOlderCopy
}

// next makes the marks of the next copy.
func (m *marks) next() (own, previous [MarkSize]byte, err error) {
	if m.unsure {
		kept, err := m.load()
		if err != nil {
			return own, previous, err
		}
		if kept != m.kept && kept != m.tried {
			return own, previous, ErrOlderCopy
		}
		m.kept, m.unsure = kept, false
	}
	_, _ = rand.Read(own[:]) // never fails, see WithPassphrase
	return own, m.kept, nil
}

// set tells the marker that the copy with this mark is in place.
func (m *marks) set(own [MarkSize]byte) error {
	m.tried, m.unsure = own, true
	if err := m.marker.SetMark(own[:]); err != nil {
		return err
	}
	m.kept, m.unsure = own, false
	return nil
}
