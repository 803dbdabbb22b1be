package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"hash/crc32"
	"math/big"
	"strings"
)

// An API token on the wire:
//
//	ptn_ + 43 characters: 256 random bits in base 62, most significant first, padded with 0
//	     +  6 characters: CRC-32 (IEEE) of the 43 characters, in base 62, padded with 0
//
// Prefix and checksum let secret scanners find a leaked token without false alarms, and let a mistyped one be refused
// without a look at the database. The checksum is no secret and protects nothing.
const (
	tokenPrefix  = "ptn_"
	tokenRandom  = 43
	tokenCheck   = 6
	base62Digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

func newToken() string {
	var secret [32]byte
	rand.Read(secret[:])
	body := base62(new(big.Int).SetBytes(secret[:]), tokenRandom)
	return tokenPrefix + body + checksum(body)
}

// wellFormed reports whether s can be a token at all.
func wellFormed(s string) bool {
	rest, ok := strings.CutPrefix(s, tokenPrefix)
	if !ok || len(rest) != tokenRandom+tokenCheck {
		return false
	}
	return checksum(rest[:tokenRandom]) == rest[tokenRandom:]
}

// hashToken is what is stored. A token has 256 bits of its own, so one plain hash is enough.
func hashToken(token string) []byte {
	hash := sha256.Sum256([]byte(token))
	return hash[:]
}

func checksum(body string) string {
	return base62(big.NewInt(int64(crc32.ChecksumIEEE([]byte(body)))), tokenCheck)
}

func base62(n *big.Int, width int) string {
	out := make([]byte, width)
	base, digit := big.NewInt(62), new(big.Int)
	for i := width - 1; i >= 0; i-- {
		n, _ = n.QuoRem(n, base, digit)
		out[i] = base62Digits[digit.Int64()]
	}
	return string(out)
}
