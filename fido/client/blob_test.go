package client

import (
	"bytes"
	"compress/flate"
	"crypto/rand"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"

	"github.com/postern/postern/fido/ctap"
)

func blobKey() []byte {
	key := make([]byte, ctap.LargeBlobKeySize)
	for i := range key {
		key[i] = byte(i)
	}
	return key
}

// TestBlobOfAnotherClient opens an entry made by Python's zlib and cryptography.
func TestBlobOfAnotherClient(t *testing.T) {
	entry, err := hex.DecodeString("a301582dad4c34e78c8450772d36cf874f548a93396172d9de7b936d6ebeaf857fb39a0d772b2a0a565799d8003d53566d024ca0a1a2a3a4a5a6a7a8a9aaab03182e")
	if err != nil {
		t.Fatal(err)
	}
	blob, found, err := openBlob(blobKey(), []ctap.Raw{entry})
	if err != nil || !found || string(blob) != "a blob of a credential, a blob of a credential" {
		t.Errorf("%q, %v, %v", blob, found, err)
	}
}

func TestBlobRoundTrip(t *testing.T) {
	garbage := []ctap.Raw{{0xF6}, {0xA0}, {0x61, 'a'}, {0xA1, 1, 0x40}, {0xBF, 0xFF}, {0xA3, 1, 0x50, 2}}
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(rapid.Byte()).Draw(t, "blob")
		entry, err := sealBlob(rand.Reader, blobKey(), want)
		if err != nil {
			t.Fatal(err)
		}
		other, err := sealBlob(rand.Reader, make([]byte, ctap.LargeBlobKeySize), []byte("another credential's"))
		if err != nil {
			t.Fatal(err)
		}
		got, found, err := openBlob(blobKey(), append(append([]ctap.Raw{other}, garbage...), entry))
		if err != nil || !found || !bytes.Equal(got, want) {
			t.Fatalf("%x, %v, %v; want %x", got, found, err, want)
		}
		changed := bytes.Clone(entry)
		changed[rapid.IntRange(0, len(changed)-1).Draw(t, "at")] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
		if got, found, err := openBlob(blobKey(), []ctap.Raw{changed}); found {
			t.Fatalf("a changed entry opens: %x, %v", got, err)
		}
	})
}

// TestBlobsThatLie: entries whose key is right and whose content is not.
func TestBlobsThatLie(t *testing.T) {
	seal := func(packed []byte, size uint64) ctap.Raw {
		aead, err := blobCipher(blobKey())
		if err != nil {
			t.Fatal(err)
		}
		e := &ctap.LargeBlobEntry{Nonce: make([]byte, ctap.LargeBlobNonceSize), OriginalSize: size}
		e.Ciphertext = aead.Seal(nil, e.Nonce, packed, blobAAD(size))
		raw, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	deflate := func(size int) []byte {
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, flate.BestCompression)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(make([]byte, size))
		_ = w.Close()
		return b.Bytes()
	}
	for name, entry := range map[string]ctap.Raw{
		"longer than it says":   seal(deflate(1000), 10),
		"a bomb":                seal(deflate(16<<20), 10),
		"a bomb that says so":   seal(deflate(16<<20), 16<<20),
		"an endless size":       seal(deflate(10), 1<<63),
		"shorter than it says":  seal(deflate(10), 1000),
		"not packed":            seal([]byte{0xFF, 0xFF}, 2),
		"nothing at all inside": seal(nil, 0),
	} {
		if blob, found, err := openBlob(blobKey(), []ctap.Raw{entry}); err == nil || found || blob != nil {
			t.Errorf("%s: %d bytes, %v, %v", name, len(blob), found, err)
		}
	}
	if _, err := sealBlob(rand.Reader, blobKey(), make([]byte, MaxLargeBlob+1)); err == nil {
		t.Error("a blob too long was sealed")
	}
	if _, err := sealBlob(rand.Reader, blobKey()[1:], nil); err == nil {
		t.Error("a key too short was used")
	}
}
