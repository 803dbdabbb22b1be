package client

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
)

// Bytes is binary data in JSON. It is written as base64url without padding and
// read in any of the forms services send.
type Bytes []byte

// String gives the base64url form.
func (b Bytes) String() string { return base64.RawURLEncoding.EncodeToString(b) }

// MarshalJSON writes base64url without padding.
func (b Bytes) MarshalJSON() ([]byte, error) { return json.Marshal(b.String()) }

// UnmarshalJSON reads a JSON string by [ParseBytes].
func (b *Bytes) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	v, err := ParseBytes(s)
	if err != nil {
		return err
	}
	*b = v
	return nil
}

var errBase64 = errors.New("not base64 in any known form")

var alphabet = strings.NewReplacer("+", "-", "/", "_")

// ParseBytes reads base64 or base64url, with or without padding, and the
// UrlTokenEncode form of .NET: base64url with one trailing digit that counts the
// padding left out. The forms overlap. Read as plain base64 first, and strictly,
// with no bits left over, 16 bytes in the second form fail the first reading and
// come out right; so do all sizes but those one short of a multiple of three,
// for which nothing tells the two apart and the plain reading stands.
func ParseBytes(s string) (Bytes, error) {
	plain := alphabet.Replace(s)
	unpadded := strings.TrimRight(plain, "=")
	if len(plain)-len(unpadded) > 2 {
		return nil, errBase64
	}
	if b, err := base64.RawURLEncoding.Strict().DecodeString(unpadded); err == nil {
		return b, nil
	}
	if n := len(plain); n > 0 && plain[n-1] >= '0' && plain[n-1] <= '2' {
		body, padding := plain[:n-1], int(plain[n-1]-'0')
		if (len(body)+padding)%4 == 0 {
			if b, err := base64.RawURLEncoding.Strict().DecodeString(body); err == nil {
				return b, nil
			}
		}
	}
	return nil, errBase64
}
