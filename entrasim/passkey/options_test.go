package passkey_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/entrasim/passkey"
)

// The options have exactly the members seen in captures of the real service.
func TestOptionsMembers(t *testing.T) {
	rp := newRP(t)
	id := []byte{0x1a, 0xcb, 0x21, 0x88, 0x83, 0x4b, 0x68, 0xe3, 0xb0, 0xaa, 0xdd, 0x4b, 0x35, 0x48, 0xb4, 0x81}
	for encoding, want := range map[passkey.IDEncoding]string{
		passkey.EncodeURLToken: "GsshiINLaOOwqt1LNUi0gQ2", passkey.EncodeBase64URL: "GsshiINLaOOwqt1LNUi0gQ", passkey.EncodeBase64: "GsshiINLaOOwqt1LNUi0gQ==",
	} {
		o, expires, err := rp.Options(passkey.OptionsRequest{
			Tenant: testTenant, User: alice(), Policy: openPolicy(), Minutes: 43200, Existing: [][]byte{id}, Encoding: encoding,
		}, testNow)
		must(t, err)
		if want := testNow.Add(30 * 24 * time.Hour).Truncate(time.Second); !expires.Equal(want) {
			t.Errorf("expires %v, want %v", expires, want)
		}
		raw, err := json.Marshal(o)
		must(t, err)
		var got map[string]any
		must(t, json.Unmarshal(raw, &got))
		challenge, _ := got["challenge"].(string)
		if n := len(challenge); n < 6900 || n > 6940 {
			t.Errorf("challenge has %d characters", n)
		}
		text, err := base64.RawURLEncoding.DecodeString(challenge)
		must(t, err)
		ch, err := rp.Challenges.Open(string(text), testNow)
		must(t, err)
		if ch.User != testUser || ch.Tenant != testTenant || ch.Purpose != passkey.ForRegistration || !ch.Expires.Equal(expires) {
			t.Errorf("challenge %+v", ch)
		}
		handle, err := passkey.UserHandle(testTenant, testUser)
		must(t, err)
		got["challenge"] = ""
		wantOptions := map[string]any{
			"rp":        map[string]any{"id": "login.microsoft.com", "name": "Microsoft"},
			"user":      map[string]any{"id": b64(handle), "name": "alice@contoso.example", "displayName": "Alice"},
			"challenge": "",
			"pubKeyCredParams": []any{
				map[string]any{"type": "public-key", "alg": -7.0}, map[string]any{"type": "public-key", "alg": -257.0},
			},
			"timeout":                60000.0,
			"excludeCredentials":     []any{map[string]any{"type": "public-key", "id": want, "transports": []any{"usb", "nfc"}}},
			"authenticatorSelection": map[string]any{"authenticatorAttachment": "cross-platform", "requireResidentKey": true, "userVerification": "required"},
			"attestation":            "direct",
			"extensions":             map[string]any{"hmacCreateSecret": true, "enforceCredentialProtectionPolicy": true, "credentialProtectionPolicy": "userVerificationOptional"},
		}
		if diff := cmp.Diff(wantOptions, got); diff != "" {
			t.Error(diff)
		}
	}
}

func TestOptionsRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*passkey.OptionsRequest)
		want   passkey.Reason
		status int
	}{
		"too short":       {change: func(r *passkey.OptionsRequest) { r.Minutes = 4 }, want: passkey.ReasonTimeoutRange, status: http.StatusBadRequest},
		"zero":            {change: func(r *passkey.OptionsRequest) { r.Minutes = 0 }, want: passkey.ReasonTimeoutRange, status: http.StatusBadRequest},
		"too long":        {change: func(r *passkey.OptionsRequest) { r.Minutes = 43201 }, want: passkey.ReasonTimeoutRange, status: http.StatusBadRequest},
		"guest":           {change: func(r *passkey.OptionsRequest) { r.User.Guest = true }, want: passkey.ReasonGuest, status: http.StatusForbidden},
		"disabled":        {change: func(r *passkey.OptionsRequest) { r.Policy.State = "disabled" }, want: passkey.ReasonMethodDisabled, status: http.StatusForbidden},
		"no self-service": {change: func(r *passkey.OptionsRequest) { r.Policy.SelfServiceAllowed = false }, want: passkey.ReasonSelfServiceOff, status: http.StatusForbidden},
	} {
		t.Run(name, func(t *testing.T) {
			req := passkey.OptionsRequest{Tenant: testTenant, User: alice(), Policy: openPolicy(), Minutes: 5}
			tc.change(&req)
			_, _, err := newRP(t).Options(req, testNow)
			wantReason(t, err, tc.want)
			var r *passkey.Refusal
			if errors.As(err, &r) && r.Status != tc.status {
				t.Errorf("status %d, want %d", r.Status, tc.status)
			}
		})
	}
}
