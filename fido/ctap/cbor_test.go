package ctap_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"pgregory.net/rapid"

	"github.com/postern/postern/fido/ctap"
)

func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		name, hex string
		ok        bool
	}{
		{"small integer", "17", true},
		{"24 in two bytes", "1818", true},
		{"23 in two bytes", "1817", false},
		{"255 in three bytes", "1900ff", false},
		{"65535 in five bytes", "1a0000ffff", false},
		{"2^32-1 in nine bytes", "1b00000000ffffffff", false},
		{"2^32 in nine bytes", "1b0000000100000000", true},
		{"negative not shortest", "3817", false},
		{"string length not shortest", "580100", false},
		{"empty map", "a0", true},
		{"empty input", "", false},
		{"trailing byte", "a000", false},
		{"cut short", "4201", false},
		{"head cut short", "19ff", false},
		{"impossible length", "5bffffffffffffffff", false},
		{"impossible count", "9bffffffffffffffff", false},
		{"impossible pairs", "bbffffffffffffffff", false},
		{"indefinite bytes", "5f4100ff", false},
		{"indefinite array", "9f01ff", false},
		{"indefinite map", "bf0101ff", false},
		{"break alone", "ff", false},
		{"reserved head", "1c", false},
		{"tag", "c100", false},
		{"text not UTF-8", "61ff", false},
		{"true", "f5", true},
		{"null", "f6", true},
		{"simple value 16 in two bytes", "f810", false},
		{"simple value 32", "f820", true},
		{"half float", "f93c00", true},
		{"keys 1 2 24 -1 -2 b aa", "a7010002001818002000210061620062616100", true},
		{"keys out of order", "a202000100", false},
		{"keys twice", "a201000100", false},
		{"negative before positive", "a220000100", false},
		{"text before integer", "a2616100" + "0100", false},
		{"longer text first", "a2626161006162" + "00", false},
		{"long integer after short", "a217001818" + "00", true},
		{"map as key", "a1a000", false},
		{"array as key", "a18000", false},
		{"four levels", "8181818100", true},
		{"four levels of maps", "a101a101a101a10101", true},
		{"five levels", "818181818100", false},
		{"five levels of maps", "a101a101a101a101a0", false},
	} {
		data, err := hex.DecodeString(tc.hex)
		if err != nil {
			t.Fatal(err)
		}
		err = ctap.Check(data)
		if (err == nil) != tc.ok {
			t.Errorf("%s: Check(%s) = %v", tc.name, tc.hex, err)
		}
		if err != nil && ctap.StatusOf(err) != ctap.ErrInvalidCBOR {
			t.Errorf("%s: status %v, want CTAP2_ERR_INVALID_CBOR", tc.name, ctap.StatusOf(err))
		}
	}
}

// TestMarshalIsCanonical: whatever maps are built, Marshal writes them in the
// form Check demands.
func TestMarshalIsCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ints := rapid.MapOf(rapid.Int64(), rapid.String()).Draw(t, "ints")
		texts := rapid.MapOf(rapid.String(), rapid.SliceOf(rapid.Byte())).Draw(t, "texts")
		data, err := ctap.Marshal([]any{ints, texts, true})
		if err != nil {
			t.Fatal(err)
		}
		if err := ctap.Check(data); err != nil {
			t.Fatalf("%x: %v", data, err)
		}
	})
}

// TestExtensionOrder holds the order that browsers check: by length first.
func TestExtensionOrder(t *testing.T) {
	names := []string{
		"credBlob", "credProtect", "hmac-secret", "largeBlobKey", "minPinLength",
		"hmac-secret-mc", "thirdPartyPayment", "pinComplexityPolicy",
	}
	outputs := map[string]ctap.Raw{}
	for _, n := range names {
		outputs[n] = ctap.EncodeBool(true)
	}
	data, err := ctap.Marshal(outputs)
	if err != nil {
		t.Fatal(err)
	}
	at := 0
	for _, n := range names {
		i := bytes.Index(data[at:], append([]byte{0x60 + byte(len(n))}, n...))
		if i < 0 {
			t.Fatalf("%s is not after its predecessor in %x", n, data)
		}
		at += i + 1
	}
}
