package ctap

import (
	"bytes"
	"testing"
)

// FuzzLargeBlobArray: what splits joins to the same bytes.
func FuzzLargeBlobArray(f *testing.F) {
	for _, seed := range [][]byte{{0x80}, {0x81, 0xF6}, {0x82, 0xBF, 1, 2, 0xFF, 0x20}, {0x9F, 0xFF}, {0x98, 1, 0}, {0x81}, {0xA0}, nil} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, array []byte) {
		entries, err := SplitLargeBlobArray(array)
		if err != nil {
			if entries != nil {
				t.Fatal("both an error and entries")
			}
			return
		}
		again, err := JoinLargeBlobArray(entries)
		if err != nil || !bytes.Equal(again, array) {
			t.Fatalf("%x joins to %x, %v", array, again, err)
		}
		for _, raw := range entries {
			if e, err := DecodeLargeBlobEntry(raw); (err == nil) == (e == nil) {
				t.Fatalf("entry %x: %v, %v", raw, e, err)
			}
		}
	})
}
