package offline

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"
	"time"
)

// Sizes, in bytes.
const (
	IDSize   = 16
	SeedSize = 32
)

// Bounds of a batch.
const (
	MinLength = 6 // of a code, in digits
	MaxLength = 13
	MaxCount  = 200 // codes

	maxExpiry = 253402300799 // the last second of the year 9999, where dates in JSON end (RFC 3339)
)

// Batch is what all codes of one workstation and phone come from, until the next one. It is a secret.
type Batch struct {
	ID      []byte // IDSize random bytes; names the batch and is no secret
	Seed    []byte // SeedSize random bytes
	Length  int    // of a code, in digits
	Count   int
	Expires time.Time // whole seconds
}

// maxDraws bounds how often a batch is drawn. With six digits and 200 codes one in fifty has a code twice.
const maxDraws = 32

// NewBatch draws a batch whose codes all differ, so that a code is good for one use whatever its digits are.
func NewBatch(random io.Reader, length, count int, expires time.Time) (Batch, error) {
	b := Batch{ID: make([]byte, IDSize), Seed: make([]byte, SeedSize), Length: length, Count: count, Expires: expires.UTC().Truncate(time.Second)}
	if err := b.Check(); err != nil {
		return Batch{}, err
	}
	for range maxDraws {
		for _, part := range [][]byte{b.ID, b.Seed} {
			if _, err := io.ReadFull(random, part); err != nil {
				return Batch{}, fmt.Errorf("draw a batch of codes: %w", err)
			}
		}
		if b.distinct() {
			return b, nil
		}
	}
	return Batch{}, errors.New("draw a batch of codes: the source of randomness repeats itself")
}

func (b Batch) distinct() bool {
	seen := make(map[string]bool, b.Count)
	for i := range b.Count {
		code := b.Code(i)
		if seen[code] {
			return false
		}
		seen[code] = true
	}
	return true
}

// ErrBatch says that a batch does not keep to its form.
var ErrBatch = errors.New("the codes for signing in offline are malformed; update the app and the workstation's software")

// Check holds the batch to its form.
func (b Batch) Check() error {
	if len(b.ID) != IDSize || len(b.Seed) != SeedSize || b.Length < MinLength || b.Length > MaxLength || b.Count < 1 || b.Count > MaxCount {
		return ErrBatch
	}
	if s := b.Expires.Unix(); s <= 0 || s > maxExpiry {
		return ErrBatch
	}
	return nil
}

// Code gives the code at an index, from 0 to Count-1.
func (b Batch) Code(index int) string {
	mac := hmac.New(sha256.New, b.Seed)
	mac.Write([]byte("postern/offline/code"))
	mac.Write(b.ID)
	mac.Write(binary.BigEndian.AppendUint32(nil, uint32(index))) // #nosec G115 -- at most MaxCount
	number := new(big.Int).SetBytes(mac.Sum(nil))
	number.Mod(number, new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(b.Length)), nil))
	return fmt.Sprintf("%0*d", b.Length, number)
}

// Wipe overwrites the seed.
func (b Batch) Wipe() { clear(b.Seed) }
