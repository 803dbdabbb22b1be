package ctap

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
)

// Sizes of large blobs in bytes (CTAP 2.1 §6.10). The stored form of the
// large-blob array ends in the left half of the SHA-256 of all before:
//
//	CBOR array ‖ hash(16)
const (
	// LargeBlobOverhead is what a message around a fragment may take: a fragment
	// has at most maxMsgSize - LargeBlobOverhead bytes.
	LargeBlobOverhead = 64
	// LargeBlobHashSize is the size of the hash at the end.
	LargeBlobHashSize = 16
	// MinLargeBlobArray is the size of the empty array in its stored form, the
	// smallest there is.
	MinLargeBlobArray = 1 + LargeBlobHashSize
	// MinLargeBlobCapacity is what an authenticator has room for at least.
	MinLargeBlobCapacity = 1024
	// LargeBlobKeySize is the size of the key of one credential's blob.
	LargeBlobKeySize = 32
)

// SealLargeBlobArray gives the stored form of a large-blob array.
func SealLargeBlobArray(array []byte) []byte {
	sum := sha256.Sum256(array)
	return append(bytes.Clone(array), sum[:LargeBlobHashSize]...)
}

// LargeBlobArrayIntact reports whether the hash at the end of a stored form is
// that of what stands before it.
func LargeBlobArrayIntact(stored []byte) bool {
	if len(stored) < MinLargeBlobArray {
		return false
	}
	array := stored[:len(stored)-LargeBlobHashSize]
	sum := sha256.Sum256(array)
	return bytes.Equal(sum[:LargeBlobHashSize], stored[len(array):])
}

// LargeBlobsRequest is the parameters of authenticatorLargeBlobs (CTAP 2.1
// §6.10.2): Get asks for that many bytes, Set brings a fragment. Set is nil when
// absent.
type LargeBlobsRequest struct {
	Get       *uint64 // 01
	Set       []byte  // 02
	Offset    *uint64 // 03
	Length    *uint64 // 04, of the whole, with the first fragment
	AuthParam []byte  // 05
	Protocol  *uint64 // 06
}

// LargeBlobsAuthMessage is what the pinUvAuthParam of a fragment is computed
// over.
//
//	FF × 32 ‖ 0C 00 ‖ offset(4, little endian) ‖ SHA-256(fragment)
func LargeBlobsAuthMessage(offset uint32, fragment []byte) []byte {
	sum := sha256.Sum256(fragment)
	b := append(bytes.Repeat([]byte{0xFF}, 32), byte(LargeBlobs), 0)
	b = binary.LittleEndian.AppendUint32(b, offset)
	return append(b, sum[:]...)
}

// Encode gives the whole request, command byte included.
func (r *LargeBlobsRequest) Encode() ([]byte, error) {
	m := members{}
	setPointer(m, 1, r.Get)
	m.set(2, r.Set != nil, r.Set)
	setPointer(m, 3, r.Offset)
	setPointer(m, 4, r.Length)
	m.set(5, r.AuthParam != nil, r.AuthParam)
	setPointer(m, 6, r.Protocol)
	return EncodeRequest(LargeBlobs, m)
}

// DecodeLargeBlobsRequest reads the CBOR of a request.
func DecodeLargeBlobsRequest(params []byte) (*LargeBlobsRequest, error) {
	o := decodeObject(params)
	r := &LargeBlobsRequest{
		Get:       pointer(o, int64(1), readUint),
		Set:       optional(o, int64(2), readBytes),
		Offset:    pointer(o, int64(3), readUint),
		Length:    pointer(o, int64(4), readUint),
		AuthParam: optional(o, int64(5), readBytes),
		Protocol:  pointer(o, int64(6), readUint),
	}
	return valueOr(r, o.err)
}

// LargeBlobsResponse is the result of a get; a set has none. Config is nil when
// absent.
type LargeBlobsResponse struct {
	Config []byte // 01
}

// Encode gives the whole response, status byte included.
func (r *LargeBlobsResponse) Encode() ([]byte, error) {
	if r.Config == nil {
		return EncodeResponse(nil)
	}
	return EncodeResponse(members{1: r.Config})
}

// DecodeLargeBlobsResponse reads the CBOR of a response; an empty one has no
// members.
func DecodeLargeBlobsResponse(result []byte) (*LargeBlobsResponse, error) {
	if len(result) == 0 {
		return &LargeBlobsResponse{}, nil
	}
	o := decodeObject(result)
	r := &LargeBlobsResponse{Config: optional(o, int64(1), readBytes)}
	return valueOr(r, o.err)
}
