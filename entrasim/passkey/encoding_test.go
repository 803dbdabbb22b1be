package passkey_test

import (
	"bytes"
	"encoding/base64"
	"testing"

	"pgregory.net/rapid"

	"github.com/postern/postern/entrasim/passkey"
)

// Known ids of Microsoft's documentation have the form of a UrlToken.
func TestMethodIDSamples(t *testing.T) {
	for _, id := range []string{"-2_GRUg2-HYz6_1YG4YRAQ2", "ru_zzE2oTRFddC7NnqguQg2"} {
		raw, err := passkey.ParseMethodID(id)
		if err != nil || len(raw) != 16 || passkey.MethodID(raw) != id {
			t.Errorf("%s: %d bytes, %v", id, len(raw), err)
		}
	}
	for _, bad := range []string{"0", "A0", "AA1", "-2_GRUg2-HYz6_1YG4YRAQ1", "-2_GRUg2-HYz6_1YG4YRAQ", "AAAA3", "AA\nAA0"} {
		if raw, err := passkey.ParseMethodID(bad); err == nil {
			t.Errorf("%q gave %x", bad, raw)
		}
	}
}

func TestEncodings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 1, 80).Draw(t, "bytes")
		token := passkey.EncodeURLToken.Encode(b)
		if got, err := passkey.ParseURLToken(token); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("%q: %x, %v", token, got, err)
		}
		padding := int(token[len(token)-1] - '0')
		if standard := passkey.EncodeBase64.Encode(b); bytes.Count([]byte(standard), []byte("=")) != padding {
			t.Fatalf("%q has not %d padding characters", standard, padding)
		}
		if got, err := base64.RawURLEncoding.DecodeString(passkey.EncodeBase64URL.Encode(b)); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("base64url: %x, %v", got, err)
		}
	})
}

func TestUserHandle(t *testing.T) {
	handle, err := passkey.UserHandle(testTenant, testUser)
	must(t, err)
	if len(handle) != 51 || !bytes.HasPrefix(handle, []byte("OF:")) {
		t.Fatalf("handle %x", handle)
	}
	// 5d7e1c3a-8f0b-4a64 in little-endian layout.
	if want := []byte{0x3a, 0x1c, 0x7e, 0x5d, 0x0b, 0x8f, 0x64, 0x4a}; !bytes.Equal(handle[3:11], want) {
		t.Errorf("tenant part %x, want %x", handle[3:11], want)
	}
	if tenant, ok := passkey.HandleTenant(handle); !ok || tenant != testTenant {
		t.Errorf("tenant %q", tenant)
	}
	other, err := passkey.UserHandle(testTenant, pilotGroup)
	must(t, err)
	if bytes.Equal(other, handle) {
		t.Error("two users share a handle")
	}
	if _, err := passkey.UserHandle("contoso.example", testUser); err == nil {
		t.Error("a domain passed as tenant id")
	}
	for _, bad := range [][]byte{nil, []byte("OF:"), handle[:50], append([]byte("ON:"), handle[3:]...)} {
		if tenant, ok := passkey.HandleTenant(bad); ok {
			t.Errorf("%x names tenant %s", bad, tenant)
		}
	}
}

func FuzzURLToken(f *testing.F) {
	f.Add("-2_GRUg2-HYz6_1YG4YRAQ2")
	f.Add("")
	f.Fuzz(func(t *testing.T, in string) {
		b, err := passkey.ParseURLToken(in)
		if err == nil && passkey.URLToken(b) != in {
			t.Fatalf("%q decodes to %x, which encodes to %q", in, b, passkey.URLToken(b))
		}
	})
}
