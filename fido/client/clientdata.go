package client

import (
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
)

// Types of client data (WebAuthn §5.8.1).
const (
	typeCreate = "webauthn.create"
	typeGet    = "webauthn.get"
)

// collectedClientData gives the JSON of CollectedClientData in the exact form of
// WebAuthn §5.8.1.1, which relying parties may compare as bytes, and its hash.
func collectedClientData(kind string, challenge Bytes, origin string, crossOrigin bool) (json, hash []byte) {
	var b strings.Builder
	b.WriteString(`{"type":`)
	ccdString(&b, kind)
	b.WriteString(`,"challenge":`)
	ccdString(&b, challenge.String())
	b.WriteString(`,"origin":`)
	ccdString(&b, origin)
	b.WriteString(`,"crossOrigin":` + strconv.FormatBool(crossOrigin) + `}`)
	json = []byte(b.String())
	sum := sha256.Sum256(json)
	return json, sum[:]
}

// ccdString is CCDToString of WebAuthn §5.8.1.1. Unlike encoding/json it escapes
// nothing but quotes, backslashes and control characters.
func ccdString(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20:
			fmt.Fprintf(b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}
