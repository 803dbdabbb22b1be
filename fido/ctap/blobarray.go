package ctap

import (
	"fmt"
	"slices"

	"github.com/fxamacker/cbor/v2"
)

// Sizes of an entry of the large-blob array in bytes (CTAP 2.1 §6.10.3).
const (
	LargeBlobNonceSize = 12
	// LargeBlobTagSize is how much longer a ciphertext is than its plaintext.
	LargeBlobTagSize = 16
)

// LargeBlobEntry is one entry of the large-blob array: a blob, compressed by
// DEFLATE and encrypted under the credential's largeBlobKey by AES-256-GCM.
// OriginalSize is that of the blob before compression, in bytes.
type LargeBlobEntry struct {
	Ciphertext   []byte // 01
	Nonce        []byte // 02
	OriginalSize uint64 // 03
}

// Encode gives the entry.
func (e *LargeBlobEntry) Encode() (Raw, error) {
	return Marshal(members{1: e.Ciphertext, 2: e.Nonce, 3: e.OriginalSize})
}

// DecodeLargeBlobEntry reads an entry. Unlike a message it may be longer than
// [MaxMessageSize], because it comes in fragments.
func DecodeLargeBlobEntry(r Raw) (*LargeBlobEntry, error) {
	if err := Check(r); err != nil {
		return nil, err
	}
	o := openObject(r)
	e := &LargeBlobEntry{
		Ciphertext:   mandatory(o, int64(1), readBytes),
		Nonce:        mandatory(o, int64(2), readBytes),
		OriginalSize: mandatory(o, int64(3), readUint),
	}
	o.require(len(e.Nonce) == LargeBlobNonceSize, "nonce", ErrInvalidLength)
	o.require(len(e.Ciphertext) >= LargeBlobTagSize, "ciphertext", ErrInvalidLength)
	return valueOr(e, o.err)
}

// arrayMode reads an array whose entries any platform may have written: they
// are well-formed CBOR, and more is not asked of them.
var arrayMode = func() cbor.DecMode {
	mode, err := cbor.DecOptions{MaxNestedLevels: 16, MaxArrayElements: 1 << 16}.DecMode()
	if err != nil {
		panic(err) // constants within the library's bounds
	}
	return mode
}()

// SplitLargeBlobArray parts a large-blob array, without the hash of its stored
// form, into its entries.
func SplitLargeBlobArray(array []byte) ([]Raw, error) {
	if major, _, _, err := head(array); err != nil || major != majorArray {
		return nil, unexpected("array")
	}
	var entries []Raw
	if err := arrayMode.Unmarshal(array, &entries); err != nil {
		return nil, fmt.Errorf("large-blob array: %w: %w", err, ErrInvalidCBOR)
	}
	return entries, nil
}

// JoinLargeBlobArray gives the array of entries, each as it is, canonical or not.
func JoinLargeBlobArray(entries []Raw) ([]byte, error) {
	array, err := Marshal(uint64(len(entries)))
	if err != nil {
		return nil, err
	}
	array[0] |= majorArray << 5 // the head of a count is that of an integer
	return append(array, slices.Concat(entries...)...), nil
}
