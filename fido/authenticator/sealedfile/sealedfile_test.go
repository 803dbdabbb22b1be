package sealedfile

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func key(b byte) []byte { return bytes.Repeat([]byte{b}, KeySize) }

func open(t *testing.T, path string, u Unlock) *File {
	t.Helper()
	f, err := Open(path, "test", u)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func TestRoundTrip(t *testing.T) {
	for name, unlock := range map[string]Unlock{"key": WithKey(key(1)), "passphrase": WithPassphrase([]byte("correct horse"))} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "sub", "file")
			f := open(t, path, unlock)
			if _, _, exists := f.Read(); exists {
				t.Fatal("a new file has content")
			}
			secret := []byte("a secret nobody may read")
			for v := range uint16(2) {
				if err := f.Write(7+v, secret); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			onDisk, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if bytes.Contains(onDisk, secret) {
				t.Error("the content lies in the clear")
			}
			info, err := os.Stat(path)
			if err != nil {
				t.Fatal(err)
			}
			if info.Mode().Perm() != 0o600 {
				t.Errorf("mode %v, want 0600", info.Mode().Perm())
			}
			version, content, exists := open(t, path, unlock).Read()
			if !exists || version != 8 || !bytes.Equal(content, secret) {
				t.Errorf("Read = %d, %q, %v", version, content, exists)
			}
		})
	}
}

func TestWrongKeys(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f := open(t, path, WithKey(key(1)))
	if err := f.Write(1, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(path, "test", WithKey(key(2))); !errors.Is(err, ErrUnreadable) {
		t.Errorf("another key: %v, want ErrUnreadable", err)
	}
	if _, err := Open(path, "other", WithKey(key(1))); !errors.Is(err, ErrUnreadable) {
		t.Errorf("another label: %v, want ErrUnreadable", err)
	}
	if _, err := Open(path, "test", WithPassphrase([]byte("p"))); err == nil {
		t.Error("a passphrase opened a file sealed with a key")
	}
	if _, err := Open(path, "test", WithKey([]byte("short"))); err == nil {
		t.Error("a short key was accepted")
	}
	open(t, path, WithKey(key(1))) // failures have released the lock
}

// TestEveryByteIsProtected flips each byte of a file in turn.
func TestEveryByteIsProtected(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f := open(t, path, WithKey(key(1)))
	if err := f.Write(1, []byte("content")); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if f, err := Open(path, "test", WithKey(key(1))); err == nil {
			t.Errorf("byte %d changed unnoticed", i)
			_ = f.Close()
		}
	}
	for size := range good {
		if err := os.WriteFile(path, good[:size], 0o600); err != nil {
			t.Fatal(err)
		}
		if f, err := Open(path, "test", WithKey(key(1))); err == nil {
			t.Errorf("a file cut to %d bytes opened", size)
			_ = f.Close()
		}
	}
}

func TestOneWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "file")
	f := open(t, path, WithKey(key(1)))
	if _, err := Open(path, "test", WithKey(key(1))); !errors.Is(err, ErrInUse) {
		t.Errorf("second Open = %v, want ErrInUse", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, path, WithKey(key(1)))
	if err := f.Write(1, nil); err == nil {
		t.Error("a closed file was written")
	}
}

// TestFailedWriteKeepsTheOldContent makes the directory unwritable by putting a
// directory in the file's place.
func TestFailedWriteKeepsTheOldContent(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "file")
	f := open(t, path, WithKey(key(1)))
	if err := os.MkdirAll(filepath.Join(path, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := f.Write(1, []byte("x")); err == nil {
		t.Fatal("Write over a directory succeeded")
	}
	if _, _, exists := f.Read(); exists {
		t.Error("a failed write changed the content")
	}
	left, err := filepath.Glob(filepath.Join(dir, "*.new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files left: %v, %v", left, err)
	}
}

func TestForgedDerivation(t *testing.T) {
	for name, p := range map[string]argonParams{
		"memory": {time: 1, memory: 1 << 31, threads: 1},
		"time":   {time: 1 << 30, memory: 64, threads: 1},
		"zero":   {},
	} {
		if _, err := WithPassphrase([]byte("p")).Find(Lead{Scheme: SchemePassphrase, Params: p.encode()}); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
