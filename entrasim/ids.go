package entrasim

import (
	cryptorand "crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
)

// randomSource yields everything the emulator invents. It is seeded, so that a run can be repeated; nothing that comes
// from it is a secret in earnest.
type randomSource struct {
	mu  sync.Mutex
	rng *rand.ChaCha8
}

func (r *randomSource) seed(n uint64) {
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], n)
	copy(key[8:], "entrasim")
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rng = rand.NewChaCha8(key)
}

func (r *randomSource) bytes(n int) []byte {
	b := make([]byte, n)
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = r.rng.Read(b) // ChaCha8.Read never fails
	return b
}

// newID is a version 4 GUID in lower case.
func (s *Server) newID() string { return guid(s.random.bytes(16)) }

func guid(b []byte) string {
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// newToken is an unguessable-looking value with a prefix that tells its kind.
func (s *Server) newToken(prefix string) string {
	return prefix + base64.RawURLEncoding.EncodeToString(s.random.bytes(40))
}

// isGUID says whether a string is a GUID in its text form.
func isGUID(v string) bool {
	if len(v) != 36 {
		return false
	}
	for i, c := range []byte(v) {
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if !strings.ContainsRune("0123456789abcdefABCDEF", rune(c)) {
				return false
			}
		}
	}
	return true
}

// float is a number from 0 up to 1.
func (r *randomSource) float() float64 {
	return float64(binary.LittleEndian.Uint64(r.bytes(8))>>11) / (1 << 53)
}

// intn is a number from 0 up to n.
func (r *randomSource) intn(n int) int { return int(r.float() * float64(n)) }

// randomSeed is a seed that cannot be repeated.
func randomSeed() uint64 {
	var b [8]byte
	_, _ = cryptorand.Read(b[:]) // crypto/rand does not fail
	return binary.LittleEndian.Uint64(b[:])
}
