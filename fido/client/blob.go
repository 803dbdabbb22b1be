package client

import (
	"bytes"
	"compress/flate"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/postern/postern/fido/ctap"
)

// MaxLargeBlob bounds a large blob in bytes before compression. Authenticators
// have room for some kilobytes.
const MaxLargeBlob = 1 << 20

// sealBlob makes an entry of the large-blob array (CTAP 2.1 §6.10.3). The size
// before compression is bound into the encryption:
//
//	AES-256-GCM(largeBlobKey, nonce, DEFLATE(blob), "blob" ‖ size(8, little endian))
func sealBlob(random io.Reader, key, blob []byte) (ctap.Raw, error) {
	if len(blob) > MaxLargeBlob {
		return nil, fail(TypeError, "a large blob has at most %d bytes", MaxLargeBlob)
	}
	aead, err := blobCipher(key)
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(blob); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	e := &ctap.LargeBlobEntry{Nonce: make([]byte, ctap.LargeBlobNonceSize), OriginalSize: uint64(len(blob))}
	if _, err := io.ReadFull(random, e.Nonce); err != nil {
		return nil, fmt.Errorf("read randomness: %w", err)
	}
	e.Ciphertext = aead.Seal(nil, e.Nonce, packed.Bytes(), blobAAD(e.OriginalSize))
	return e.Encode()
}

// decryptBlob opens an entry without unpacking it; ok is false for one that is
// garbage or another credential's.
func decryptBlob(key []byte, raw ctap.Raw) (packed []byte, size uint64, ok bool) {
	e, err := ctap.DecodeLargeBlobEntry(raw)
	if err != nil {
		return nil, 0, false
	}
	aead, err := blobCipher(key)
	if err != nil {
		return nil, 0, false
	}
	packed, err = aead.Open(nil, e.Nonce, e.Ciphertext, blobAAD(e.OriginalSize))
	return packed, e.OriginalSize, err == nil
}

// openBlob finds and unpacks the blob of a key among the entries.
func openBlob(key []byte, entries []ctap.Raw) (blob []byte, found bool, err error) {
	for _, raw := range entries {
		packed, size, ok := decryptBlob(key, raw)
		if !ok {
			continue
		}
		if size > MaxLargeBlob {
			return nil, false, errors.New("the large blob is longer than any this client takes")
		}
		r := flate.NewReader(bytes.NewReader(packed))
		// One byte more than there may be tells a blob that is longer than it
		// says, and nothing unpacks to more.
		blob, err := io.ReadAll(io.LimitReader(r, int64(size)+1)) // #nosec G115 -- bounded
		if err != nil {
			return nil, false, fmt.Errorf("unpack the large blob: %w", err)
		}
		if uint64(len(blob)) != size {
			return nil, false, errors.New("the large blob has another size than it says")
		}
		return blob, true, nil
	}
	return nil, false, nil
}

func blobCipher(key []byte) (cipher.AEAD, error) {
	if len(key) != ctap.LargeBlobKeySize {
		return nil, fail(TypeError, "a large blob key has %d bytes, not %d", ctap.LargeBlobKeySize, len(key))
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func blobAAD(size uint64) []byte { return binary.LittleEndian.AppendUint64([]byte("blob"), size) }
