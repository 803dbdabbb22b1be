package client

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestClientDataVectors: the published client data comes out byte for byte
// (WebAuthn Level 3 §16), but for the extra members a client may add.
func TestClientDataVectors(t *testing.T) {
	data, err := os.ReadFile("../ctap/testdata/webauthn-level3.json")
	if err != nil {
		t.Fatal(err)
	}
	type ceremony struct {
		Challenge      string
		ClientDataJSON string `json:"client_data_json"`
	}
	var file struct {
		Vectors []struct {
			Section                      string
			Registration, Authentication ceremony
		}
	}
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, v := range file.Vectors {
		for kind, c := range map[string]ceremony{typeCreate: v.Registration, typeGet: v.Authentication} {
			challenge, err := hex.DecodeString(c.Challenge)
			if err != nil {
				t.Fatal(err)
			}
			want, err := hex.DecodeString(c.ClientDataJSON)
			if err != nil {
				t.Fatal(err)
			}
			got, _ := collectedClientData(kind, challenge, "https://example.org", bytes.Contains(want, []byte(`"crossOrigin":true`)))
			if !bytes.HasPrefix(want, got[:len(got)-1]) {
				t.Errorf("§%s %s: %s, want %s", v.Section, kind, got, want)
			}
			if bytes.Equal(got, want) {
				compared++
			}
		}
	}
	if compared < 6 {
		t.Errorf("only %d client data are equal in full", compared)
	}
}

func TestClientDataStrings(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.String().Draw(t, "string")
		var b strings.Builder
		ccdString(&b, want)
		var got string
		if err := json.Unmarshal([]byte(b.String()), &got); err != nil || got != want {
			t.Fatalf("%s reads as %q, %v; want %q", b.String(), got, err, want)
		}
	})
	var b strings.Builder
	ccdString(&b, "a\"\\\n\x1f<é\u2028")
	if want := `"a\"\\\u000a\u001f<é` + "\u2028" + `"`; b.String() != want {
		t.Errorf("%s, want %s", b.String(), want)
	}
}
