package authenticator_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
)

// Members of the two ceremonies' requests, by number.
type table map[int64]any

func mcTable() table {
	return table{
		1: clientDataHash, 2: map[string]any{"id": rpID},
		3: map[string]any{"id": []byte("u"), "name": "n"},
		4: []any{map[string]any{"alg": -7, "type": "public-key"}},
		7: map[string]any{"uv": true},
	}
}

func gaTable() table { return table{1: rpID, 2: clientDataHash, 5: map[string]any{"uv": true}} }

// TestMalformedRequests: the status of each defect (CTAP 2.1 §6.1, §6.2, §8).
func TestMalformedRequests(t *testing.T) {
	const (
		wrongType = ctap.ErrCBORUnexpectedType
		missing   = ctap.ErrMissingParameter
	)
	params := func(entries ...any) []any { return append([]any{}, entries...) }
	for _, tc := range []struct {
		name    string
		command ctap.Command
		member  int64
		value   any // nil removes the member
		want    ctap.Status
	}{
		{"MC without clientDataHash", ctap.MakeCredential, 1, nil, missing},
		{"MC clientDataHash text", ctap.MakeCredential, 1, "hash", wrongType},
		{"MC clientDataHash short", ctap.MakeCredential, 1, []byte{1}, ctap.ErrInvalidLength},
		{"MC without rp", ctap.MakeCredential, 2, nil, missing},
		{"MC rp text", ctap.MakeCredential, 2, "rp", wrongType},
		{"MC rp without id", ctap.MakeCredential, 2, map[string]any{"name": "x"}, missing},
		{"MC rp id bytes", ctap.MakeCredential, 2, map[string]any{"id": []byte("x")}, wrongType},
		{"MC rp id empty", ctap.MakeCredential, 2, map[string]any{"id": ""}, ctap.ErrInvalidLength},
		{"MC rp name number", ctap.MakeCredential, 2, map[string]any{"id": "x", "name": 1}, wrongType},
		{"MC rp icon number", ctap.MakeCredential, 2, map[string]any{"id": "x", "icon": 1}, wrongType},
		{"MC rp icon", ctap.MakeCredential, 2, map[string]any{"id": "x", "icon": "i"}, ctap.OK},
		{"MC without user", ctap.MakeCredential, 3, nil, missing},
		{"MC user bytes", ctap.MakeCredential, 3, []byte("u"), wrongType},
		{"MC user without id", ctap.MakeCredential, 3, map[string]any{"name": "n"}, missing},
		{"MC user id text", ctap.MakeCredential, 3, map[string]any{"id": "u"}, wrongType},
		{"MC user id empty", ctap.MakeCredential, 3, map[string]any{"id": []byte{}}, ctap.ErrInvalidLength},
		{"MC user id long", ctap.MakeCredential, 3, map[string]any{"id": make([]byte, 65)}, ctap.ErrInvalidLength},
		{"MC user name bytes", ctap.MakeCredential, 3, map[string]any{"id": []byte("u"), "name": []byte("n")}, wrongType},
		{"MC display name number", ctap.MakeCredential, 3, map[string]any{"id": []byte("u"), "displayName": 1}, wrongType},
		{"MC without parameters", ctap.MakeCredential, 4, nil, missing},
		{"MC parameters map", ctap.MakeCredential, 4, map[string]any{}, wrongType},
		{"MC parameters empty", ctap.MakeCredential, 4, params(), ctap.ErrUnsupportedAlgorithm},
		{"MC parameter bytes", ctap.MakeCredential, 4, params([]byte("x")), wrongType},
		{"MC parameter without type", ctap.MakeCredential, 4, params(map[string]any{"alg": -7}), missing},
		{"MC parameter without alg", ctap.MakeCredential, 4, params(map[string]any{"type": "public-key"}), missing},
		{"MC parameter alg text", ctap.MakeCredential, 4, params(map[string]any{"alg": "-7", "type": "public-key"}), wrongType},
		{"MC bad parameter after a good one", ctap.MakeCredential, 4, params(map[string]any{"alg": -7, "type": "public-key"}, map[string]any{"alg": -7, "type": 1}), wrongType},
		{"MC unsupported algorithm", ctap.MakeCredential, 4, params(map[string]any{"alg": -47, "type": "public-key"}), ctap.ErrUnsupportedAlgorithm},
		{"MC unknown credential type", ctap.MakeCredential, 4, params(map[string]any{"alg": -7, "type": "private-key"}), ctap.ErrUnsupportedAlgorithm},
		{"MC excludeList map", ctap.MakeCredential, 5, map[string]any{}, wrongType},
		{"MC excluded without id", ctap.MakeCredential, 5, params(map[string]any{"type": "public-key"}), missing},
		{"MC excluded without type", ctap.MakeCredential, 5, params(map[string]any{"id": []byte{1}}), missing},
		{"MC excluded id text", ctap.MakeCredential, 5, params(map[string]any{"id": "x", "type": "public-key"}), wrongType},
		{"MC excluded transports text", ctap.MakeCredential, 5, params(map[string]any{"id": []byte{1}, "type": "public-key", "transports": "usb"}), wrongType},
		{"MC unknown excluded type", ctap.MakeCredential, 5, params(map[string]any{"id": []byte{1}, "type": "x", "transports": []string{"usb"}}), ctap.OK},
		{"MC extensions array", ctap.MakeCredential, 6, params(), wrongType},
		{"MC unknown extension", ctap.MakeCredential, 6, map[string]any{"x": 1}, ctap.OK},
		{"MC credProtect text", ctap.MakeCredential, 6, map[string]any{"credProtect": "3"}, wrongType},
		{"MC hmac-secret number", ctap.MakeCredential, 6, map[string]any{"hmac-secret": 1}, wrongType},
		{"MC options array", ctap.MakeCredential, 7, params(), wrongType},
		{"MC option text", ctap.MakeCredential, 7, map[string]any{"rk": "true"}, wrongType},
		{"MC option null", ctap.MakeCredential, 7, map[string]any{"rk": nil}, wrongType},
		{"MC unknown option", ctap.MakeCredential, 7, map[string]any{"uv": true, "x": true}, ctap.OK},
		{"MC up true", ctap.MakeCredential, 7, map[string]any{"uv": true, "up": true}, ctap.OK},
		{"MC up false", ctap.MakeCredential, 7, map[string]any{"uv": true, "up": false}, ctap.ErrInvalidOption},
		{"MC without verification", ctap.MakeCredential, 7, map[string]any{}, ctap.ErrOperationDenied},
		{"MC pinUvAuthParam text", ctap.MakeCredential, 8, "x", wrongType},
		{"MC pinUvAuthParam empty", ctap.MakeCredential, 8, []byte{}, ctap.ErrPINNotSet},
		{"MC pinUvAuthParam without protocol", ctap.MakeCredential, 8, []byte{1}, missing},
		{"MC pinUvAuthProtocol text", ctap.MakeCredential, 9, "1", wrongType},
		{"MC pinUvAuthProtocol negative", ctap.MakeCredential, 9, -1, wrongType},
		{"MC enterpriseAttestation text", ctap.MakeCredential, 10, "1", wrongType},
		{"MC enterpriseAttestation", ctap.MakeCredential, 10, 1, ctap.ErrInvalidParameter},
		{"MC attestation formats text", ctap.MakeCredential, 11, "none", ctap.OK},
		{"MC attestation format number", ctap.MakeCredential, 11, params(1, "none"), ctap.OK},
		{"MC attestation formats", ctap.MakeCredential, 11, []string{"x", "none"}, ctap.OK},
		{"MC unknown member", ctap.MakeCredential, 99, "x", ctap.OK},

		{"GA without rpId", ctap.GetAssertion, 1, nil, missing},
		{"GA rpId bytes", ctap.GetAssertion, 1, []byte("x"), wrongType},
		{"GA rpId empty", ctap.GetAssertion, 1, "", ctap.ErrInvalidLength},
		{"GA without clientDataHash", ctap.GetAssertion, 2, nil, missing},
		{"GA clientDataHash text", ctap.GetAssertion, 2, "x", wrongType},
		{"GA allowList map", ctap.GetAssertion, 3, map[string]any{}, wrongType},
		{"GA allowList empty", ctap.GetAssertion, 3, params(), ctap.OK},
		{"GA allowed text", ctap.GetAssertion, 3, params("x"), wrongType},
		{"GA allowed without type", ctap.GetAssertion, 3, params(map[string]any{"id": []byte{1}}), missing},
		{"GA allowed unknown", ctap.GetAssertion, 3, params(map[string]any{"id": []byte{1}, "type": "public-key"}), ctap.ErrNoCredentials},
		{"GA extensions text", ctap.GetAssertion, 4, "x", wrongType},
		{"GA hmac-secret true", ctap.GetAssertion, 4, map[string]any{"hmac-secret": true}, wrongType},
		{"GA hmac-secret empty", ctap.GetAssertion, 4, map[string]any{"hmac-secret": map[string]any{}}, missing},
		{"GA options text", ctap.GetAssertion, 5, "x", wrongType},
		{"GA rk", ctap.GetAssertion, 5, map[string]any{"rk": true}, ctap.ErrUnsupportedOption},
		{"GA rk false", ctap.GetAssertion, 5, map[string]any{"rk": false}, ctap.ErrUnsupportedOption},
		{"GA unknown option", ctap.GetAssertion, 5, map[string]any{"x": true}, ctap.OK},
		{"GA pinUvAuthParam empty", ctap.GetAssertion, 6, []byte{}, ctap.ErrPINNotSet},
		{"GA pinUvAuthParam without protocol", ctap.GetAssertion, 6, []byte{1}, missing},
		{"GA pinUvAuthProtocol text", ctap.GetAssertion, 7, "2", wrongType},

		{"PIN without subcommand", ctap.ClientPIN, 2, nil, missing},
		{"PIN subcommand text", ctap.ClientPIN, 2, "6", wrongType},
		{"PIN subcommand unknown", ctap.ClientPIN, 2, 0x7F, ctap.ErrInvalidSubcommand},
		{"PIN protocol missing", ctap.ClientPIN, 1, nil, missing},
		{"PIN protocol unknown", ctap.ClientPIN, 1, 3, ctap.ErrInvalidParameter},
		{"PIN key array", ctap.ClientPIN, 3, params(), wrongType},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlatform(t)
			p.make(mcRequest())
			m := map[ctap.Command]table{
				ctap.MakeCredential: mcTable(), ctap.GetAssertion: gaTable(), ctap.ClientPIN: {1: 2, 2: 2},
			}[tc.command]
			if tc.value == nil {
				delete(m, tc.member)
			} else {
				m[tc.member] = tc.value
			}
			b, err := ctap.EncodeRequest(tc.command, m)
			if err != nil {
				t.Fatal(err)
			}
			before, _ := p.Store.List(t.Context())
			status, result := p.raw(b)
			if status != tc.want {
				t.Errorf("status %v, want %v", status, tc.want)
			}
			after, _ := p.Store.List(t.Context())
			if status != ctap.OK && (len(result) != 0 || len(after) != len(before)) {
				t.Errorf("a refusal came with %x and %d new credentials", result, len(after)-len(before))
			}
		})
	}
}

func TestMalformedMessages(t *testing.T) {
	p := newPlatform(t)
	for name, tc := range map[string]struct {
		request []byte
		want    ctap.Status
	}{
		"empty":                      {nil, ctap.ErrInvalidLength},
		"unknown command":            {[]byte{0x66}, ctap.ErrInvalidCommand},
		"reset with parameters":      {[]byte{0x07, 0xA0}, ctap.ErrInvalidLength},
		"config without parameters":  {[]byte{0x0D}, ctap.ErrMissingParameter},
		"MC without parameters":      {[]byte{0x01}, ctap.ErrMissingParameter},
		"MC of an array":             {[]byte{0x01, 0x80}, ctap.ErrCBORUnexpectedType},
		"MC cut short":               {[]byte{0x01, 0xA1, 0x01}, ctap.ErrInvalidCBOR},
		"MC with bytes after":        {[]byte{0x01, 0xA0, 0x00}, ctap.ErrInvalidCBOR},
		"MC keys unsorted":           {[]byte{0x01, 0xA2, 0x02, 0x00, 0x01, 0x00}, ctap.ErrInvalidCBOR},
		"getInfo with parameters":    {[]byte{0x04, 0xA0}, ctap.ErrInvalidLength},
		"selection with parameters":  {[]byte{0x0B, 0xA0}, ctap.ErrInvalidLength},
		"next without get":           {[]byte{0x08}, ctap.ErrNotAllowed},
		"longer than maxMsgSize":     {make([]byte, 2049), ctap.ErrRequestTooLarge},
		"nested too deeply":          {[]byte{0x01, 0xA1, 0x01, 0x81, 0x81, 0x81, 0x81, 0x00}, ctap.ErrInvalidCBOR},
		"a length of 2^64-1 claimed": {append([]byte{0x01, 0xBB}, bytes.Repeat([]byte{0xFF}, 8)...), ctap.ErrInvalidCBOR},
	} {
		if status, _ := p.raw(tc.request); status != tc.want {
			t.Errorf("%s: %v, want %v", name, status, tc.want)
		}
	}
}

// TestRefusals: every way a user does not agree, and that nothing comes of it.
func TestRefusals(t *testing.T) {
	for err, want := range map[error]ctap.Status{
		authenticator.ErrDenied:      ctap.ErrOperationDenied,
		authenticator.ErrNotVerified: ctap.ErrOperationDenied,
		authenticator.ErrLockedOut:   ctap.ErrOperationDenied,
		authenticator.ErrTimeout:     ctap.ErrUserActionTimeout,
		context.Canceled:             ctap.ErrKeepaliveCancel,
	} {
		p := newPlatform(t)
		c := p.make(mcRequest())
		p.User.Answer = func(context.Context, authenticator.Prompt, bool) error { return err }
		r := mcRequest()
		r.User.ID = []byte("user-2")
		p.wantStatus(r, want)
		p.wantStatus(gaRequest(), want)
		empty := mcRequest()
		empty.PINUVAuthParam = []byte{}
		if !errors.Is(err, authenticator.ErrNotVerified) && !errors.Is(err, authenticator.ErrLockedOut) {
			p.wantStatus(empty, want)
		}
		list, _ := p.Store.List(t.Context())
		if len(list) != 1 || list[0].SignCount != 0 || !bytes.Equal(list[0].ID, c.id) {
			t.Errorf("%v left %+v", err, list)
		}
	}
}
