package entra

import (
	"bytes"
	"encoding/base64"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// Every alphabet that Graph has used reads back to the bytes; where a text has two readings, the right one is among them.
func TestReadings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "bytes")
		has := func(s string) bool {
			return slices.ContainsFunc(readings(s), func(r []byte) bool { return bytes.Equal(r, b) })
		}
		for name, s := range map[string]string{
			"base64": base64.StdEncoding.EncodeToString(b), "base64 without padding": base64.RawStdEncoding.EncodeToString(b),
			"base64url": encodeBinary(b), "base64url with padding": base64.URLEncoding.EncodeToString(b), "UrlTokenEncode": urlToken(b),
		} {
			if !has(s) {
				t.Fatalf("%s %q of %x reads as %x", name, s, b, readings(s))
			}
			if !MatchesCredential(s, b) {
				t.Fatalf("%s %q does not match its credential", name, s)
			}
			if MatchesCredential(s, append(bytes.Clone(b), 0)) {
				t.Fatalf("%s %q matches a longer credential", name, s)
			}
		}
		if first, err := decodeBinary(encodeBinary(b)); err != nil || !bytes.Equal(first, b) {
			t.Fatalf("plain base64url is not the first reading of %x", b)
		}
	})
}

// Ids from Microsoft's documentation: sixteen bytes each.
func TestPublishedMethodIDs(t *testing.T) {
	for _, id := range []string{"-2_GRUg2-HYz6_1YG4YRAQ2", "ru_zzE2oTRFddC7NnqguQg2"} {
		all := readings(id)
		if len(all) != 1 || len(all[0]) != 16 || !MatchesCredential(id, all[0]) {
			t.Errorf("%s reads as %x", id, all)
		}
	}
}

func TestUnreadable(t *testing.T) {
	for _, s := range []string{"!", "a", "ab cd", "abc\n!", "é"} {
		if b, err := decodeBinary(s); err == nil {
			t.Errorf("%q reads as %x", s, b)
		}
	}
	if MatchesCredential("", nil) || MatchesCredential("AA", nil) {
		t.Error("no credential matches an id")
	}
}
