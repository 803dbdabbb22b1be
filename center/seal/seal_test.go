package seal

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

func TestSealedValuesAreBound(t *testing.T) {
	k, err := NewKey(make([]byte, keySize))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	rapid.Check(t, func(t *rapid.T) {
		plaintext := rapid.SliceOf(rapid.Byte()).Draw(t, "plaintext")
		sealed, err := k.Seal(ctx, "a/1", plaintext)
		if err != nil {
			t.Fatal(err)
		}
		if opened, err := k.Open(ctx, "a/1", sealed); err != nil || !bytes.Equal(opened, plaintext) {
			t.Fatalf("%x, %v", opened, err)
		}
		if _, err := k.Open(ctx, "a/2", sealed); !errors.Is(err, ErrOpen) {
			t.Fatalf("opens for another purpose: %v", err)
		}
		at := rapid.IntRange(0, len(sealed)-1).Draw(t, "at")
		sealed[at] ^= 1
		if _, err := k.Open(ctx, "a/1", sealed); !errors.Is(err, ErrOpen) {
			t.Fatalf("opens with byte %d changed: %v", at, err)
		}
		if _, err := k.Open(ctx, "a/1", sealed[:at]); !errors.Is(err, ErrOpen) {
			t.Fatalf("opens cut at %d: %v", at, err)
		}
	})
}

func TestKeyFileIsMadeOnceAndKeptPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys", "seal.key")
	sealed := make([][]byte, 8)
	var wg sync.WaitGroup
	for i := range sealed {
		wg.Go(func() {
			k, err := OpenKeyFile(path)
			if err != nil {
				t.Error(err)
				return
			}
			sealed[i], _ = k.Seal(context.Background(), "p", []byte("x"))
		})
	}
	wg.Wait()
	k, err := OpenKeyFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range sealed {
		if _, err := k.Open(context.Background(), "p", s); err != nil {
			t.Errorf("starter %d had another key: %v", i, err)
		}
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeyFile(path); err == nil {
		t.Error("a key that others may read is taken")
	}
	if err := os.Truncate(path, 5); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeyFile(path); err == nil {
		t.Error("half a key is taken")
	}
}
