package passkey

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"github.com/google/uuid"
)

// Encodings of binary members, as clients of the real service have met them:
//
//	challenge, user.id             base64url without padding
//	excludeCredentials[].id  v1.0  base64url without padding
//	                         beta  base64url plus one digit that counts the stripped '=' (.NET HttpServerUtility.UrlTokenEncode)
//	                         beta until about October 2024: standard base64 with padding
//	id of a fido2 method           the UrlTokenEncode form of the credential id
//	members of publicKeyCredential base64url without padding

// IDEncoding selects how excludeCredentials[].id is written.
type IDEncoding int

// The encodings of credential ids.
const (
	EncodeURLToken  IDEncoding = iota // base64url and a digit, as beta answers
	EncodeBase64URL                   // base64url without padding, as v1.0 answers
	EncodeBase64                      // standard base64 with padding, as beta answered in 2024
)

// Encode writes b in the chosen form.
func (e IDEncoding) Encode(b []byte) string {
	switch e {
	case EncodeBase64URL:
		return base64.RawURLEncoding.EncodeToString(b)
	case EncodeBase64:
		return base64.StdEncoding.EncodeToString(b)
	default:
		return URLToken(b)
	}
}

// URLToken encodes b as .NET's UrlTokenEncode does: base64url without padding, then the number of '=' left out. No bytes
// give the empty string.
func URLToken(b []byte) string {
	if len(b) == 0 {
		return ""
	}
	pad := (3 - len(b)%3) % 3
	return base64.RawURLEncoding.EncodeToString(b) + string(rune('0'+pad))
}

// ParseURLToken is the inverse of [URLToken]; it refuses a digit that does not match the length.
func ParseURLToken(s string) ([]byte, error) {
	if s == "" {
		return nil, nil
	}
	body, digit := s[:len(s)-1], s[len(s)-1]
	if strings.ContainsAny(body, "\r\n") {
		return nil, errors.New("url token: line break")
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(body)
	if err != nil {
		return nil, fmt.Errorf("url token: %w", err)
	}
	if len(b) == 0 || int(digit)-'0' != (3-len(b)%3)%3 {
		return nil, errors.New("url token: the last digit does not count the padding")
	}
	return b, nil
}

// MethodID is the id of the fido2AuthenticationMethod for a credential id. That the real id is the credential id in this
// form is inferred from public samples; clients must treat it as opaque.
func MethodID(credentialID []byte) string { return URLToken(credentialID) }

// ParseMethodID returns the credential id behind a method id.
func ParseMethodID(id string) ([]byte, error) { return ParseURLToken(id) }

// userHandlePrefix marks handles of FIDO2 credentials; Windows Hello handles begin with "ON:".
const userHandlePrefix = "OF:"

// UserHandle returns the WebAuthn user handle of a user: "OF:", the tenant GUID in little-endian layout, and the SHA-256 of
// the user's GUID in the same layout: 51 bytes, the same for every registration. The layout is inferred from captures.
func UserHandle(tenantID, userID string) ([]byte, error) {
	tenant, err := guidLittleEndian(tenantID)
	if err != nil {
		return nil, fmt.Errorf("tenant id: %w", err)
	}
	user, err := guidLittleEndian(userID)
	if err != nil {
		return nil, fmt.Errorf("user id: %w", err)
	}
	sum := sha256.Sum256(user[:])
	handle := make([]byte, 0, len(userHandlePrefix)+len(tenant)+len(sum))
	handle = append(handle, userHandlePrefix...)
	handle = append(handle, tenant[:]...)
	return append(handle, sum[:]...), nil
}

// HandleTenant returns the tenant a user handle names.
func HandleTenant(handle []byte) (tenantID string, ok bool) {
	rest, ok := bytes.CutPrefix(handle, []byte(userHandlePrefix))
	if !ok || len(rest) != 16+sha256.Size {
		return "", false
	}
	return uuid.UUID(swapGUID([16]byte(rest[:16]))).String(), true
}

// guidLittleEndian lays a GUID out as Windows does in memory: the first three groups byte-swapped.
func guidLittleEndian(s string) ([16]byte, error) {
	id, err := uuid.Parse(s)
	if err != nil {
		return [16]byte{}, errors.New("not a GUID")
	}
	return swapGUID(id), nil
}

// swapGUID turns one layout of a GUID into the other.
func swapGUID(id [16]byte) [16]byte {
	return [16]byte{
		id[3], id[2], id[1], id[0], id[5], id[4], id[7], id[6],
		id[8], id[9], id[10], id[11], id[12], id[13], id[14], id[15],
	}
}

// decodeMember decodes a base64url member of a credential. Padding is tolerated, as the real service tolerates it; line
// breaks and stray bits are not.
func decodeMember(name, s string, limit int) ([]byte, *Refusal) {
	if s == "" {
		return nil, refuse(ReasonMalformed, "The property '%s' of the credential is missing.", name)
	}
	if len(s) > limit*4/3+4 {
		return nil, refuse(ReasonMalformed, "The property '%s' of the credential is longer than %d bytes.", name, limit)
	}
	if strings.ContainsAny(s, "\r\n") {
		return nil, refuse(ReasonMalformed, "The property '%s' of the credential is not valid base64url.", name)
	}
	b, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	if err != nil || len(b) == 0 {
		return nil, refuse(ReasonMalformed, "The property '%s' of the credential is not valid base64url.", name)
	}
	return b, nil
}
