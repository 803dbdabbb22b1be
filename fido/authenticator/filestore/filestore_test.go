package filestore

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/sealedfile"
	"github.com/postern/postern/fido/authenticator/storetest"
)

var unlock = sealedfile.WithKey(bytes.Repeat([]byte{7}, sealedfile.KeySize))

func openAt(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(path, unlock, storetest.Capacity)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStore(t *testing.T) {
	paths := map[authenticator.Store]string{}
	storetest.Run(t,
		func(t *testing.T) authenticator.Store {
			path := filepath.Join(t.TempDir(), "credentials")
			s := openAt(t, path)
			paths[s] = path
			return s
		},
		func(t *testing.T, old authenticator.Store) authenticator.Store {
			if err := old.(*Store).Close(); err != nil {
				t.Fatal(err)
			}
			return openAt(t, paths[old])
		})
}

// TestFailedWriteChangesNothing: what could not be stored must not be signed
// with, and a counter that could not be stored must not be given out.
func TestFailedWriteChangesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	s := openAt(t, path)
	c, secret := storetest.Sample(1)
	if err := s.Put(t.Context(), c, secret); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	c2, secret2 := storetest.Sample(2)
	if err := s.Put(t.Context(), c2, secret2); err == nil {
		t.Error("Put succeeded without a file")
	}
	if n, err := s.Advance(t.Context(), c.ID); err == nil {
		t.Errorf("Advance gave %d without a file", n)
	}
	list, err := s.List(t.Context())
	if err != nil || len(list) != 1 || list[0].SignCount != 0 {
		t.Errorf("List = %+v, %v; want the first credential as it was", list, err)
	}
}

func TestMigrate(t *testing.T) {
	add := func(b byte) func([]byte) ([]byte, error) {
		return func(c []byte) ([]byte, error) { return append(c, b), nil }
	}
	steps := map[uint16]func([]byte) ([]byte, error){1: add('1'), 2: add('2')}
	got, err := migrate(1, 3, []byte("c"), steps)
	if err != nil || string(got) != "c12" {
		t.Errorf("1 to 3 = %q, %v", got, err)
	}
	if got, err := migrate(3, 3, []byte("c"), steps); err != nil || string(got) != "c" {
		t.Errorf("3 to 3 = %q, %v", got, err)
	}
	if _, err := migrate(4, 3, nil, steps); err == nil {
		t.Error("a newer version was read")
	}
	if _, err := migrate(0, 3, nil, steps); err == nil {
		t.Error("version 0 was read")
	}
}
