package offline

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"time"

	"golang.org/x/crypto/argon2"
)

// Ahead is how many codes past the next one are tried too: those that were shown and not typed.
const Ahead = 10

// HashSize is how much of SHA-256(code) an authenticator gets to see (CTAP 2.1 §6.5.5.7), in bytes.
const HashSize = 16

// Cost is what one guess at a sheet costs: argon2id passes and memory in KiB, with one lane.
type Cost struct {
	Time   uint32 `json:"time"`
	Memory uint32 `json:"memory"`
}

// DefaultCost is OWASP's second choice for argon2id: some 30 ms on a workstation.
var DefaultCost = Cost{Time: 2, Memory: 19 * 1024}

// most bounds what somebody else's sheet may make this program do.
var most = Cost{Time: 8, Memory: 128 * 1024}

// Sheet knows the codes of a batch when it sees one. It goes over the wire and into files as JSON; kept, it is worth a seal,
// for a code has few digits.
type Sheet struct {
	ID      []byte    `json:"id"`
	Length  int       `json:"length"`
	Expires time.Time `json:"expires"`
	Cost    Cost      `json:"cost"`
	Next    int       `json:"next"`   // all before it are used or skipped
	Hashes  [][]byte  `json:"hashes"` // of the codes from 0 on; those before Next are empty
}

// Sheet makes the sheet of a batch. It takes Count times the cost.
func (b Batch) Sheet(cost Cost) *Sheet {
	s := &Sheet{ID: b.ID, Length: b.Length, Expires: b.Expires, Cost: cost, Hashes: make([][]byte, b.Count)}
	for i := range s.Hashes {
		s.Hashes[i] = s.slow(Hash(b.Code(i)), i)
	}
	return s
}

// Check holds a sheet that came from elsewhere to its form.
func (s *Sheet) Check() error {
	if len(s.ID) != IDSize || s.Length < MinLength || s.Length > MaxLength || len(s.Hashes) > MaxCount || s.Next < 0 || s.Next > len(s.Hashes) ||
		s.Cost.Time < 1 || s.Cost.Time > most.Time || s.Cost.Memory < 8 || s.Cost.Memory > most.Memory {
		return ErrBatch
	}
	if at := s.Expires.Unix(); at <= 0 || at > maxExpiry {
		return ErrBatch
	}
	for i, h := range s.Hashes {
		if len(h) != sha256.Size && (i >= s.Next || len(h) != 0) {
			return ErrBatch
		}
	}
	return nil
}

// Left is how many codes are unused.
func (s *Sheet) Left() int { return len(s.Hashes) - s.Next }

// Hash is what an authenticator gets to see of a PIN.
func Hash(pin string) (h [HashSize]byte) {
	sum := sha256.Sum256([]byte(pin))
	copy(h[:], sum[:])
	return h
}

// Match finds the index of the code with that hash, among the next one and the [Ahead] after it. It takes the same time
// whether and where it finds it. It uses nothing up; see [Sheet.Use].
func (s *Sheet) Match(hash [HashSize]byte) (index int, ok bool) {
	index = -1
	for i := s.Next; i < min(s.Next+1+Ahead, len(s.Hashes)); i++ {
		if subtle.ConstantTimeCompare(s.slow(hash, i), s.Hashes[i]) == 1 && index < 0 {
			index = i
		}
	}
	return index, index >= 0
}

// Use ends the code at an index and all before it.
func (s *Sheet) Use(index int) {
	for i := s.Next; i <= index && i < len(s.Hashes); i++ {
		s.Hashes[i] = nil
		s.Next = i + 1
	}
}

func (s *Sheet) slow(hash [HashSize]byte, index int) []byte {
	salt := binary.BigEndian.AppendUint32(append([]byte(nil), s.ID...), uint32(index)) // #nosec G115 -- at most MaxCount
	return argon2.IDKey(hash[:], salt, s.Cost.Time, s.Cost.Memory, 1, sha256.Size)
}
