package vaultfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator/sealedfile"
	"github.com/postern/postern/phone/vault"
	"github.com/postern/postern/phone/vault/backingtest"
)

var unlock = sealedfile.WithKey(bytes.Repeat([]byte{7}, sealedfile.KeySize))

func openAt(t *testing.T, path string) *Backing {
	t.Helper()
	b, err := Open(path, unlock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = b.Close() })
	return b
}

func TestBacking(t *testing.T) {
	paths := map[vault.Backing]string{}
	backingtest.Run(t,
		func(t *testing.T) vault.Backing {
			path := filepath.Join(t.TempDir(), "vault")
			b := openAt(t, path)
			paths[b] = path
			return b
		},
		func(t *testing.T, old vault.Backing) vault.Backing {
			if err := old.(*Backing).Close(); err != nil {
				t.Fatal(err)
			}
			return openAt(t, paths[old])
		})
}

// TestFailedWriteChangesNothing: a change that did not reach the disk is not seen by this process either.
func TestFailedWriteChangesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "vault")
	b := openAt(t, filepath.Join(dir, "records"))
	if err := b.Replace(t.Context(), vault.Change{Name: "a", Data: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	before, err := b.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := b.Replace(t.Context(), vault.Change{Name: "a", From: before["a"].Version, Data: []byte("2")}); err == nil || errors.Is(err, vault.ErrConflict) {
		t.Errorf("Replace without a directory = %v", err)
	}
	after, err := b.Read(t.Context())
	if diff := cmp.Diff(before, after); err != nil || diff != "" {
		t.Errorf("after a failed write: %v %s", err, diff)
	}
}

func TestUnknownVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "vault")
	f, err := sealedfile.Open(path, label, unlock)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Write(version+1, nil), f.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, unlock); err == nil {
		t.Error("a file of a newer version opened")
	}
}
