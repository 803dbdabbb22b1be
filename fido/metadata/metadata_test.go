package metadata_test

import (
	"encoding/base64"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/metadata"
)

func picture(kind, content string) string {
	return "data:image/" + kind + ";base64," + base64.StdEncoding.EncodeToString([]byte(content))
}

// TestSaysWhatTheDeviceSays holds the statement against a device that is there.
func TestSaysWhatTheDeviceSays(t *testing.T) {
	ca := authtest.NewAuthority(t)
	info := infoOf(t, device(t, ca))
	s, err := metadata.New(info, model(ca.Certificate))
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{
		"aaguid": info.AAGUID.String(), "authenticatorVersion": 3.0, "protocolFamily": "fido2", "schema": 3.0,
		"upv":                         []any{map[string]any{"major": 1.0, "minor": 0.0}, map[string]any{"major": 1.0, "minor": 1.0}},
		"authenticationAlgorithms":    []any{"secp256r1_ecdsa_sha256_raw", "ed25519_eddsa_sha512_raw", "rsassa_pkcsv15_sha256_raw"},
		"publicKeyAlgAndEncodings":    []any{"cose"},
		"attachmentHint":              []any{"external", "wired"},
		"tcDisplay":                   []any{},
		"attestationRootCertificates": []any{base64.StdEncoding.EncodeToString(ca.Certificate.Raw)},
	}
	for name, value := range want {
		if diff := cmp.Diff(value, got[name]); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	pin := map[string]any{"userVerificationMethod": "passcode_external", "caDesc": map[string]any{"base": 10.0, "minLength": 4.0, "maxRetries": 8.0}}
	if ways := got["userVerificationDetails"].([]any); !cmp.Equal(ways[len(ways)-1], any([]any{pin})) {
		t.Errorf("userVerificationDetails: %v, want the client PIN last", ways)
	}
	live := got["authenticatorGetInfo"].(map[string]any)
	if live["aaguid"] != strings.ReplaceAll(info.AAGUID.String(), "-", "") {
		t.Errorf("getInfo aaguid %v", live["aaguid"])
	}
	options := map[string]bool{}
	for name, value := range live["options"].(map[string]any) {
		options[name] = value.(bool)
	}
	if !maps.Equal(options, info.Options) {
		t.Errorf("getInfo options %v, want %v", options, info.Options)
	}
	for _, name := range []string{"remainingDiscoverableCredentials", "forcePINChange", "encIdentifier", "encCredStoreState", "uvCountSinceLastPinEntry"} {
		if _, ok := live[name]; ok {
			t.Errorf("getInfo has %s, which changes with use", name)
		}
	}
	if live["maxMsgSize"] != float64(*info.MaxMsgSize) || len(live["algorithms"].([]any)) != len(info.Algorithms) {
		t.Errorf("getInfo %v, want %+v", live, info)
	}
}

// TestContradictionsAreRefused breaks one rule at a time.
func TestContradictionsAreRefused(t *testing.T) {
	ca := authtest.NewAuthority(t)
	full, plain := infoOf(t, device(t, ca)), infoOf(t, authtest.New(t, authtest.WithoutVerification))
	for want, broken := range map[string]func(*ctap.Info, *metadata.Model){
		"description must be":       func(_ *ctap.Info, m *metadata.Model) { m.Description = "Schlüssel" },
		"friendlyNames lacks en-US": func(_ *ctap.Info, m *metadata.Model) { m.FriendlyNames = map[string]string{"de-DE": "Schlüssel"} },
		"friendlyNames en-US": func(_ *ctap.Info, m *metadata.Model) {
			m.FriendlyNames = map[string]string{"en-US": strings.Repeat("x", 64)}
		},
		"alternativeDescriptions de":      func(_ *ctap.Info, m *metadata.Model) { m.AlternativeDescriptions = map[string]string{"de": ""} },
		"aaguid is zero":                  func(i *ctap.Info, _ *metadata.Model) { i.AAGUID = ctap.AAGUID{} },
		"no FIDO2 version":                func(i *ctap.Info, _ *metadata.Model) { i.Versions = []string{ctap.VersionU2F} },
		"no algorithm":                    func(i *ctap.Info, _ *metadata.Model) { i.Algorithms = nil },
		"has no name in the registry":     func(i *ctap.Info, _ *metadata.Model) { i.Algorithms = []ctap.CredentialParameter{{Algorithm: -65535}} },
		"above getInfo's":                 func(_ *ctap.Info, m *metadata.Model) { m.Version = 4 },
		"authenticatorVersion is missing": func(i *ctap.Info, _ *metadata.Model) { i.FirmwareVersion = nil },
		"attestationTypes is empty":       func(_ *ctap.Info, m *metadata.Model) { m.AttestationTypes = nil },
		`attestation type "self"`:         func(_ *ctap.Info, m *metadata.Model) { m.AttestationTypes = []string{"self", metadata.AttCA} },
		"where a type leads to one":       func(_ *ctap.Info, m *metadata.Model) { m.Roots = nil },
		"none for it":                     func(_ *ctap.Info, m *metadata.Model) { m.AttestationTypes, m.Roots = []string{metadata.None}, nil },
		"carries certificates":            func(i *ctap.Info, _ *metadata.Model) { i.AttestationFormats = []string{"none"} },
		"not list the format none":        func(i *ctap.Info, _ *metadata.Model) { i.AttestationFormats = []string{"packed"} },
		"root 1 is listed twice":          func(_ *ctap.Info, m *metadata.Model) { m.Roots = append(m.Roots, m.Roots[0]) },
		"no method of the authenticator":  func(_ *ctap.Info, m *metadata.Model) { m.UserVerification = m.UserVerification[:1] },
		"not the option uv": func(i *ctap.Info, _ *metadata.Model) {
			i.Options = maps.Clone(plain.Options)
			i.Options[ctap.OptionClientPIN] = false
		},
		"go together": func(i *ctap.Info, m *metadata.Model) {
			i.Options = maps.Clone(i.Options)
			delete(i.Options, ctap.OptionClientPIN)
			m.UserVerification = append(m.UserVerification, []metadata.Verification{{Method: "passcode_external"}})
		},
		`method "all"`: func(_ *ctap.Info, m *metadata.Model) {
			m.UserVerification = append(m.UserVerification, []metadata.Verification{{Method: "all"}})
		},
		"empty combination": func(_ *ctap.Info, m *metadata.Model) { m.UserVerification = append(m.UserVerification, nil) },
		"is no passcode": func(_ *ctap.Info, m *metadata.Model) {
			m.UserVerification = append(m.UserVerification, []metadata.Verification{{Method: "faceprint_internal", Code: &metadata.Code{Base: 10, MinLength: 4}}})
		},
		"either software or hardware":  func(_ *ctap.Info, m *metadata.Model) { m.KeyProtection = []string{"software", "hardware"} },
		"without hardware":             func(_ *ctap.Info, m *metadata.Model) { m.KeyProtection = []string{"software", "tee"} },
		`keyProtection has "safe"`:     func(_ *ctap.Info, m *metadata.Model) { m.KeyProtection = []string{"software", "safe"} },
		"matcherProtection is empty":   func(_ *ctap.Info, m *metadata.Model) { m.MatcherProtection = nil },
		"cryptoStrength":               func(_ *ctap.Info, m *metadata.Model) { m.CryptoStrength = 0 },
		"differs from the option plat": func(_ *ctap.Info, m *metadata.Model) { m.AttachmentHint = []string{"internal"} },
		"either internal or external":  func(_ *ctap.Info, m *metadata.Model) { m.AttachmentHint = []string{"wired"} },
		"lacks wired or wireless":      func(_ *ctap.Info, m *metadata.Model) { m.AttachmentHint = []string{"external", "network"} },
		"multiDeviceCredentialSupport": func(_ *ctap.Info, m *metadata.Model) { m.MultiDevice = "" },
		"icon: holds no PNG":           func(_ *ctap.Info, m *metadata.Model) { m.Icon = picture("png", "<svg/>") },
		"icon: holds no SVG":           func(_ *ctap.Info, m *metadata.Model) { m.Icon = picture("svg+xml", "<html/>") },
		"icon: must begin with":        func(_ *ctap.Info, m *metadata.Model) { m.Icon = "https://example.com/icon.png" },
		"where there is one picture": func(_ *ctap.Info, m *metadata.Model) {
			m.Icon, m.IconDark = picture("png", "\x89PNG\r\n\x1a\n"), picture("svg+xml", "<svg/>")
		},
	} {
		info, m := *full, model(ca.Certificate)
		m.UserVerification = slices.Clone(m.UserVerification)
		broken(&info, &m)
		if _, err := metadata.New(&info, m); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
	m := model(ca.Certificate)
	m.Icon, m.IconDark = picture("svg+xml", `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`), picture("svg+xml", "<svg/>")
	if _, err := metadata.New(full, m); err != nil {
		t.Error(err)
	}
}
