package lifecycle

import (
	"crypto/rand"
	"crypto/sha256"

	"github.com/postern/postern"
)

// A one-time code is 16 characters of Crockford's base 32, written in groups of four. The first group is the handle,
// which names the invitation; the other 60 bits are the secret. Only a SHA-256 of the whole is stored: with five tries
// against the server and 2^60 against a stolen database, within the days a code lives, a slow hash would add nothing.
const (
	codeAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
	codeLength   = 16
	handleLength = 4
	maxFailures  = 5
)

// newCode returns a code as it is shown to people.
func newCode() string {
	raw := make([]byte, codeLength)
	rand.Read(raw)
	out := make([]byte, 0, codeLength+3)
	for i, b := range raw {
		if i > 0 && i%4 == 0 {
			out = append(out, '-')
		}
		out = append(out, codeAlphabet[b%32]) // 256 is a multiple of 32: no bias
	}
	return string(out)
}

// splitCode normalises what a person typed and returns handle and hash; ok is false when it cannot be a code at all.
func splitCode(typed string) (handle string, hash []byte, ok bool) {
	if len(typed) > 64 {
		return "", nil, false
	}
	code := postern.NormaliseCode(typed)
	if len(code) != codeLength {
		return "", nil, false
	}
	sum := sha256.Sum256([]byte(code))
	return code[:handleLength], sum[:], true
}
