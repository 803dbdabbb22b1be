package filestore

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/fxamacker/cbor/v2"
	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/sealedfile"
	"github.com/postern/postern/fido/authenticator/storetest"
	"github.com/postern/postern/fido/ctap"
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

// TestReadsVersion1 opens what the first version of this package wrote.
func TestReadsVersion1(t *testing.T) {
	path := filepath.Join(t.TempDir(), "credentials")
	c, secret := storetest.Sample(1)
	secret.CredBlob, secret.LargeBlobKey = nil, nil // not in version 1
	records, err := cbor.Marshal([]map[int]any{{
		1: c.ID, 2: c.RP.ID, 3: c.RP.Name, 4: c.User.ID, 5: c.User.Name, 6: c.User.DisplayName, 7: c.User.Icon,
		8: int64(c.Algorithm), 9: []byte(c.PublicKey), 10: true, 11: uint8(c.CredProtect), 12: true,
		13: c.Created.UnixNano(), 14: 7, 15: secret.PrivateKey, 16: secret.CredRandomWithUV, 17: secret.CredRandomWithoutUV,
	}})
	if err != nil {
		t.Fatal(err)
	}
	f, err := sealedfile.Open(path, label, unlock)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Write(1, records), f.Close()); err != nil {
		t.Fatal(err)
	}
	s := openAt(t, path)
	c.SignCount = 7
	got, err := s.Get(t.Context(), ctap.HashRPID(c.RP.ID), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c, got); diff != "" {
		t.Errorf("credential: %s", diff)
	}
	kept, err := s.Secret(t.Context(), c.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(secret, kept); diff != "" {
		t.Errorf("secret: %s", diff)
	}
}
