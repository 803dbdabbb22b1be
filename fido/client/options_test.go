package client

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postern/postern/fido/client/suffix"
	"github.com/postern/postern/fido/ctap"
)

// TestServiceOptions reads options in the shape Microsoft Graph documents for
// fido2Methods/creationOptions, with a challenge of the size it sends.
func TestServiceOptions(t *testing.T) {
	challenge := bytes.Repeat([]byte("jwe."), 2048)
	inner := `{
		"rp": {"id": "login.microsoft.com", "name": "Microsoft"},
		"user": {"id": "T0Y6MTIz", "name": "john@contoso.com", "displayName": "John Doe"},
		"challenge": "` + Bytes(challenge).String() + `",
		"pubKeyCredParams": [{"type": "public-key", "alg": -7}, {"type": "public-key", "alg": -257}],
		"timeout": 0,
		"excludeCredentials": [
			{"type": "public-key", "id": "GshyINLMaOOwqt1LNUi0gQ==", "transports": ["usb", "nfc"]},
			{"type": "public-key", "id": "GshyINLMaOOwqt1LNUi0gQ2"},
			{"type": "public-key", "id": "GshyINLMaOOwqt1LNUi0gQ"}],
		"authenticatorSelection": {"authenticatorAttachment": "cross-platform", "requireResidentKey": true, "userVerification": "required"},
		"attestation": "direct",
		"extensions": {"hmacCreateSecret": true, "enforceCredentialProtectionPolicy": true, "credentialProtectionPolicy": "userVerificationOptional"}
	}`
	id := Bytes{0x1A, 0xC8, 0x72, 0x20, 0xD2, 0xCC, 0x68, 0xE3, 0xB0, 0xAA, 0xDD, 0x4B, 0x35, 0x48, 0xB4, 0x81}
	want := &CreationOptions{
		RP: RelyingParty{ID: "login.microsoft.com", Name: "Microsoft"}, User: UserAccount{ID: Bytes("OF:123"), Name: "john@contoso.com", DisplayName: "John Doe"},
		Challenge: challenge, Parameters: []CredentialParameter{{"public-key", ctap.ES256}, {"public-key", ctap.RS256}},
		ExcludeCredentials: []Descriptor{{id, "public-key", []string{"usb", "nfc"}}, {id, "public-key", nil}, {id, "public-key", nil}},
		Selection:          Selection{Attachment: "cross-platform", RequireResidentKey: true, UserVerification: Required},
		Attestation:        "direct",
		Extensions:         ExtensionInputs{HMACCreateSecret: true, EnforcePolicy: true, ProtectionPolicy: "userVerificationOptional"},
	}
	for name, data := range map[string]string{
		"bare":   inner,
		"graph":  `{"@odata.context": "https://graph.microsoft.com/…", "challengeTimeoutDateTime": "2026-01-01T00:00:00Z", "publicKey": ` + inner + `}`,
		"sample": `{"value": {"publicKey": ` + inner + `}}`,
	} {
		got, err := ParseCreationOptions([]byte(data))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		if got.Selection.residentKey() != Required {
			t.Errorf("%s: requireResidentKey was not heeded", name)
		}
		if timeout(got.Timeout) != defaultTimeout {
			t.Errorf("%s: timeout 0 gives %v", name, timeout(got.Timeout))
		}
	}
}

func TestOptionsRefused(t *testing.T) {
	for name, data := range map[string]string{
		"not JSON":        "{",
		"no challenge":    `{"rp": {}}`,
		"nested too deep": `{"value": {"value": {"value": {"publicKey": {"challenge": "AA"}}}}}`,
		"bad base64":      `{"challenge": "!!"}`,
		"challenge list":  `{"challenge": [1]}`,
		"too long":        `{"challenge": "` + strings.Repeat("A", MaxOptionsSize) + `"}`,
	} {
		if o, err := ParseCreationOptions([]byte(data)); err == nil || o != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestParseBytes(t *testing.T) {
	for s, want := range map[string]string{
		"": "", "AA": "00", "AA==": "00", "AAE": "0001", "AAE=": "0001", "_-8": "ffef", "/+8": "ffef", "AA2": "00", "AAAA0": "000000", "AAE1": "000135", "_w2": "ff",
		"AAECAwQFBgcICQoLDA0ODw2": "000102030405060708090a0b0c0d0e0f",
	} {
		got, err := ParseBytes(s)
		if err != nil || hex.EncodeToString(got) != want {
			t.Errorf("ParseBytes(%q) = %x, %v; want %s", s, got, err, want)
		}
	}
	for _, s := range []string{"A", "AA===", "A A", "AAAAA", "AAAA1", "AB", "é"} {
		if got, err := ParseBytes(s); err == nil {
			t.Errorf("ParseBytes(%q) = %x", s, got)
		}
	}
}

func TestBytesRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := Bytes(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		data, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Bytes
		if err := json.Unmarshal(data, &got); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("%s became %x, %v; want %x", data, got, err, want)
		}
	})
}

func TestOrigins(t *testing.T) {
	for _, tc := range []struct {
		origin, rpID string
		ok           bool
	}{
		{"https://login.microsoft.com", "login.microsoft.com", true},
		{"https://login.microsoft.com", "microsoft.com", true},
		{"https://login.microsoft.com", "com", false},
		{"https://login.microsoft.com", "login.microsoftonline.com", false},
		{"https://login.microsoft.com", "crosoft.com", false},
		{"https://login.microsoft.com", "", true},
		{"https://microsoft.com", "login.microsoft.com", false},
		{"https://evil-microsoft.com", "microsoft.com", false},
		{"https://microsoft.com.evil.example", "microsoft.com", false},
		{"https://LOGIN.Example.COM", "example.com", true},
		{"https://login.example.com", "EXAMPLE.com", false},
		{"https://a.github.io", "a.github.io", true},
		{"https://a.github.io", "github.io", false},
		{"https://a.co.uk", "co.uk", false},
		{"https://example.com:8443", "example.com", true},
		{"https://bücher.example", "xn--bcher-kva.example", true},
		{"http://localhost:8080", "localhost", true},
		{"http://app.localhost", "localhost", false},
		{"http://example.com", "example.com", false},
		{"https://192.0.2.1", "192.0.2.1", false},
		{"https://[2001:db8::1]", "[2001:db8::1]", false},
		{"https://example.com/", "example.com", false},
		{"https://example.com?", "example.com", false},
		{"https://user@example.com", "example.com", false},
		{"https://example.com.", "example.com", false},
		{"example.com", "example.com", false},
		{"android:apk-key-hash:abc", "example.com", false},
		{"", "example.com", false},
	} {
		s, err := parseOrigin(tc.origin)
		if err == nil {
			_, err = s.relyingPartyID(tc.rpID, suffix.Registrable)
		}
		if (err == nil) != tc.ok {
			t.Errorf("origin %q, rp id %q: %v", tc.origin, tc.rpID, err)
		}
	}
	s, err := parseOrigin("https://login.example.com")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.relyingPartyID("example.com", nil); err == nil {
		t.Error("without a list of public suffixes, a parent domain is taken")
	}
	if id, err := s.relyingPartyID("login.example.com", nil); err != nil || id != "login.example.com" {
		t.Errorf("without a list of public suffixes, its own domain is refused: %v", err)
	}
	for origin, want := range map[string]string{
		"https://LOGIN.example.com:443": "https://login.example.com", "https://example.com:8443": "https://example.com:8443",
		"http://localhost:80": "http://localhost", "https://bücher.example": "https://xn--bcher-kva.example",
	} {
		if s, err := parseOrigin(origin); err != nil || s.origin != want {
			t.Errorf("origin %q becomes %q, %v; want %q", origin, s.origin, err, want)
		}
	}
}
