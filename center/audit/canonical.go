package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"

	"github.com/postern/postern"
)

// The canonical form of an entry, version 1. Its SHA-256, in lower-case hex, is the entry's hash.
//
//	context      the ASCII text "postern/audit/v1" and a zero byte
//	then, in this order, each as a length (4 bytes, big endian) and that many bytes:
//	previous     hash of the entry before, hex; empty for the first entry
//	sequence     8 bytes, big endian, two's complement; 1 for the first entry
//	id
//	at           Unix milliseconds; 8 bytes, big endian, two's complement
//	code
//	name
//	actor kind
//	actor id
//	actor name
//	actor addr
//	integration id
//	target
//	target name
//	success      1 byte, 0 or 1
//	error code
//	message
//	fields       8 bytes, big endian: how many; then the key and the value of each, in the order of the keys' bytes
//
// Texts are UTF-8. Lengths before all parts make the form injective: two different entries never have the same bytes. A
// new member of an entry makes a new version with a new context; old entries keep theirs.
const canonicalContext = "postern/audit/v1\x00"

// Hash returns the hash of e over everything but e.Hash.
func Hash(e postern.AuditEvent) string {
	sum := sha256.Sum256(canonical(e))
	return hex.EncodeToString(sum[:])
}

func canonical(e postern.AuditEvent) []byte {
	b := append(make([]byte, 0, 512), canonicalContext...)
	text := func(s string) {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s))) //nolint:gosec // bounded long before 4 GiB
		b = append(b, s...)
	}
	number := func(n int64) {
		b = binary.BigEndian.AppendUint32(b, 8)
		b = binary.BigEndian.AppendUint64(b, uint64(n)) //nolint:gosec // two's complement is meant
	}
	text(e.Previous)
	number(e.Sequence)
	text(string(e.ID))
	number(e.At.UnixMilli())
	text(e.Code)
	text(e.Name)
	text(e.Actor.Kind)
	text(e.Actor.ID)
	text(e.Actor.Name)
	text(e.Actor.Addr)
	text(string(e.IntegrationID))
	text(e.Target)
	text(e.TargetName)
	success := "\x00"
	if e.Success {
		success = "\x01"
	}
	text(success)
	text(string(e.ErrorCode))
	text(e.Message)
	number(int64(len(e.Fields)))
	for _, key := range slices.Sorted(maps.Keys(e.Fields)) {
		text(key)
		text(e.Fields[key])
	}
	return b
}
