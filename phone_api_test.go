package postern

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSealedOptionsOpenOnlyWhereTheyBelong(t *testing.T) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	id := NewID[ProvisioningID](PrefixProvisioning)
	options := ProvisioningOptions{PublicKey: json.RawMessage(`{"challenge":"c2VjcmV0"}`), Attestation: AttestationPacked, ExpiresAt: time.Unix(1, 0).UTC()}
	sealed, err := options.Seal(key.PublicKey().Bytes(), id)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(sealed, []byte("c2VjcmV0")) {
		t.Error("the challenge can be read")
	}
	opened, err := OpenProvisioningOptions(key, id, sealed)
	if err != nil || string(opened.PublicKey) != string(options.PublicKey) || !opened.ExpiresAt.Equal(options.ExpiresAt) {
		t.Errorf("%+v, %v", opened, err)
	}
	if _, err := OpenProvisioningOptions(key, NewID[ProvisioningID](PrefixProvisioning), sealed); err == nil {
		t.Error("opens for another provisioning")
	}
	if _, err := OpenProvisioningOptions(other, id, sealed); err == nil {
		t.Error("opens for another phone")
	}
	rapid.Check(t, func(t *rapid.T) {
		broken := bytes.Clone(sealed)
		broken[rapid.IntRange(0, len(broken)-1).Draw(t, "at")] ^= byte(rapid.IntRange(1, 255).Draw(t, "with"))
		if _, err := OpenProvisioningOptions(key, id, broken); err == nil {
			t.Fatal("a changed value opens")
		}
	})
}

func FuzzOpenProvisioningOptions(f *testing.F) {
	key, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte{})
	f.Add(make([]byte, 32))
	f.Add(make([]byte, 100))
	f.Fuzz(func(t *testing.T, sealed []byte) {
		if o, err := OpenProvisioningOptions(key, "prv_x", sealed); err == nil {
			t.Fatalf("opened %+v", o)
		}
	})
}

func TestNormaliseCode(t *testing.T) {
	for typed, want := range map[string]string{
		"abcd-efgh-jkmn-pqrs":    "ABCDEFGHJKMNPQRS",
		" ABCD EFGH\tJKMN-PQRS ": "ABCDEFGHJKMNPQRS",
		"oOiIlL":                 "001111",
	} {
		if got := NormaliseCode(typed); got != want {
			t.Errorf("%q: %q, want %q", typed, got, want)
		}
	}
}

func TestBytesAreStrictBase64URL(t *testing.T) {
	var b Bytes
	for _, bad := range []string{`"AA=="`, `"A"`, `"+/"`, `"AB\n"`, `1`, `"AB"`} {
		if err := json.Unmarshal([]byte(bad), &b); err == nil && bad != `"AA"` {
			t.Errorf("%s is taken as %x", bad, b)
		}
	}
	out, err := json.Marshal(Bytes{0xfb, 0xff})
	if err != nil || string(out) != `"-_8"` {
		t.Errorf("%s, %v", out, err)
	}
}
