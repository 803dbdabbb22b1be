package entra

import (
	"encoding/base64"
	"errors"
	"strings"
)

// Binary members arrive in several alphabets, depending on the year, the version and the member:
//
//	base64 with padding          excludeCredentials until late 2024
//	base64url without padding    challenge, user.id, v1.0, everything Postern sends
//	base64url and one digit      excludeCredentials of beta, and method ids; the digit counts the '=' left out
//
// The last is .NET's UrlTokenEncode. Mostly the length or the unused bits of the last character tell it from base64url;
// where 32 bytes in the one are also 33 bytes in the other, nothing does.

var errEncoding = errors.New("not base64, base64url or UrlTokenEncode")

// readings returns every way to read s, the more likely first. It is empty when there is none.
func readings(s string) [][]byte {
	var all [][]byte
	plain := strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(s, "="))
	strict := base64.RawURLEncoding.Strict()
	if b, err := strict.DecodeString(plain); err == nil {
		all = append(all, b)
	}
	if n := len(s); n > 1 && s[n-1] >= '0' && s[n-1] <= '2' {
		body := s[:n-1]
		if b, err := strict.DecodeString(body); err == nil && (4-len(body)%4)%4 == int(s[n-1]-'0') {
			all = append(all, b)
		}
	}
	if len(all) == 0 {
		// Some encoders leave bits behind the last byte.
		if b, err := base64.RawURLEncoding.DecodeString(plain); err == nil {
			all = append(all, b)
		}
	}
	return all
}

// decodeBinary reads a member in its likeliest alphabet.
func decodeBinary(s string) ([]byte, error) {
	all := readings(s)
	if len(all) == 0 {
		return nil, errEncoding
	}
	return all[0], nil
}

// encodeBinary writes base64url without padding.
func encodeBinary(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// urlToken writes the UrlTokenEncode form.
func urlToken(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	return encodeBinary(b) + string(rune('0'+(3-len(b)%3)%3))
}

// MatchesCredential reports whether Graph's method id names the credential: Graph usually forms the id from the
// credential id, in one of its alphabets. False says only that the id does not show it.
func MatchesCredential(methodID string, credentialID []byte) bool {
	if len(credentialID) == 0 {
		return false
	}
	plain := encodeBinary(credentialID)
	if methodID == plain || methodID == urlToken(credentialID) {
		return true
	}
	return methodID == base64.StdEncoding.EncodeToString(credentialID) || methodID == base64.RawStdEncoding.EncodeToString(credentialID) ||
		methodID == base64.URLEncoding.EncodeToString(credentialID)
}

// CredentialIDs returns every credential id that Graph's method id may stand for, the likelier first. Ids are opaque by
// the documentation, so what comes out is a guess until something else confirms it.
func CredentialIDs(methodID string) [][]byte { return readings(methodID) }
