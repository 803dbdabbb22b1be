package entra

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern"
)

// optionsJSON is an answer in the shape of a real one.
func optionsJSON(edit func(map[string]any)) []byte {
	public := map[string]any{
		"rp":               map[string]any{"id": "login.microsoft.com", "name": "Microsoft"},
		"user":             map[string]any{"id": encodeBinary([]byte("OF:" + strings.Repeat("u", 48))), "name": "john@contoso.com", "displayName": "John Doe"},
		"challenge":        encodeBinary(bytes.Repeat([]byte("eyJhbGciOiJSU0EtT0FFUC0yNTYi."), 180)),
		"pubKeyCredParams": []any{map[string]any{"type": "public-key", "alg": -7}, map[string]any{"type": "public-key", "alg": -257}},
		"timeout":          60000,
		"excludeCredentials": []any{
			map[string]any{"type": "public-key", "id": "GshyINLMaOOwqt1LNUi0gQ==", "transports": []string{"usb"}},
			map[string]any{"type": "public-key", "id": "GshyINLMaOOwqt1LNUi0gQ2"},
		},
		"authenticatorSelection": map[string]any{"authenticatorAttachment": "cross-platform", "requireResidentKey": true, "userVerification": "required"},
		"attestation":            "direct",
		"extensions":             map[string]any{"hmacCreateSecret": true, "@odata.type": "#x"},
	}
	if edit != nil {
		edit(public)
	}
	b, _ := json.Marshal(map[string]any{"@odata.context": "x", "challengeTimeoutDateTime": "2026-06-13T11:26:35Z", "publicKey": public})
	return b
}

func TestDecodeCreationOptions(t *testing.T) {
	plain := optionsJSON(nil)
	var inner json.RawMessage = plain
	wrapped, err := json.Marshal(map[string]any{"@odata.context": "y", "value": inner})
	if err != nil {
		t.Fatal(err)
	}
	id, err := decodeBinary("GshyINLMaOOwqt1LNUi0gQ==")
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{"plain": plain, "wrapped": wrapped} {
		o, err := decodeCreationOptions(body)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if o.RPID != "login.microsoft.com" || o.UserName != "john@contoso.com" || o.Attestation != "direct" || o.Timeout != time.Minute ||
			!o.Expires.Equal(time.Date(2026, 6, 13, 11, 26, 35, 0, time.UTC)) || !slices.Equal(o.Algorithms, []int{-7, -257}) || len(o.UserHandle) != 51 {
			t.Errorf("%s: %+v", name, o)
		}
		if !cmp.Equal(o.ExcludeCredentials, [][]byte{id, id}) {
			t.Errorf("%s: excludes %x", name, o.ExcludeCredentials)
		}
		var canonical struct {
			Challenge string `json:"challenge"`
			User      struct{ ID string }
			Exclude   []struct{ ID string } `json:"excludeCredentials"`
			Selection map[string]any        `json:"authenticatorSelection"`
			Ext       map[string]any        `json:"extensions"`
		}
		if err := json.Unmarshal(o.PublicKey, &canonical); err != nil {
			t.Fatal(err)
		}
		if canonical.Challenge != encodeBinary(o.Challenge) || canonical.User.ID != encodeBinary(o.UserHandle) || len(canonical.Exclude) != 2 ||
			canonical.Exclude[0].ID != encodeBinary(id) || canonical.Selection["residentKey"] != "required" || len(canonical.Ext) != 1 {
			t.Errorf("%s: canonical %+v", name, canonical)
		}
		if !bytes.Contains(o.Raw, []byte("GshyINLMaOOwqt1LNUi0gQ==")) {
			t.Errorf("%s: Raw is not what was received", name)
		}
		if challenge := encodeBinary(o.Challenge); strings.Contains(fmt.Sprintf("%v %+v %#v", o, o, o), challenge[:40]) {
			t.Error("the options print their challenge")
		}
	}
}

func TestDecodeCreationOptionsRefuses(t *testing.T) {
	for name, edit := range map[string]func(map[string]any){
		"no challenge":      func(m map[string]any) { delete(m, "challenge") },
		"short challenge":   func(m map[string]any) { m["challenge"] = "AAAA" },
		"huge challenge":    func(m map[string]any) { m["challenge"] = strings.Repeat("A", 4*maxChallenge) },
		"no relying party":  func(m map[string]any) { delete(m, "rp") },
		"no handle":         func(m map[string]any) { delete(m, "user") },
		"long handle":       func(m map[string]any) { m["user"] = map[string]any{"id": strings.Repeat("A", 100)} },
		"no algorithm":      func(m map[string]any) { m["pubKeyCredParams"] = []any{} },
		"a million exclude": func(m map[string]any) { m["excludeCredentials"] = make([]struct{}, maxExclude+1) },
		"wrong type":        func(m map[string]any) { m["challenge"] = 5 },
	} {
		if o, err := decodeCreationOptions(optionsJSON(edit)); err == nil {
			t.Errorf("%s passes as %+v", name, o)
		}
	}
	for _, body := range []string{"", "null", "[]", `{"value":null}`, `{"publicKey":null}`, `{"value":{"value":{"value":{}}}}`} {
		if _, err := decodeCreationOptions([]byte(body)); err == nil {
			t.Errorf("%q passes", body)
		}
	}
}

func FuzzCreationOptions(f *testing.F) {
	f.Add(optionsJSON(nil))
	f.Add([]byte(`{"value":{"publicKey":{}}}`))
	f.Add([]byte(`{"publicKey":{"extensions":null,"timeout":-9e99}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		o, err := decodeCreationOptions(body)
		if err != nil {
			if o.PublicKey != nil || o.Challenge != nil {
				t.Error("a failed decode returns something")
			}
			return
		}
		// What is handed on reads back to the same.
		again, err := decodeCreationOptions(append(append([]byte(`{"publicKey":`), o.PublicKey...), '}'))
		if err != nil || !bytes.Equal(again.Challenge, o.Challenge) || !bytes.Equal(again.UserHandle, o.UserHandle) || again.RPID != o.RPID {
			t.Errorf("%s does not read back: %v", o.PublicKey, err)
		}
	})
}

func TestChallengeRangeIsCheckedBeforeTheCall(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(optionsJSON(nil)) })
	tenant, _ := f.open()
	for _, minutes := range []int{-1, 0, 4, 43201, 1 << 40} {
		_, err := tenant.CreationOptions(ctx, "john@contoso.com", minutes)
		wantCode(t, err, postern.CodeEntraChallengeRange)
	}
	if calls := f.seen(); len(calls) != 0 {
		t.Errorf("asked %q", calls)
	}
	for _, minutes := range []int{5, 43200} {
		if _, err := tenant.CreationOptions(ctx, "john@contoso.com", minutes); err != nil {
			t.Error(err)
		}
	}
	want := []string{
		"GET /beta/users/john@contoso.com/authentication/fido2Methods/creationOptions(challengeTimeoutInMinutes=5)",
		"GET /beta/users/john@contoso.com/authentication/fido2Methods/creationOptions(challengeTimeoutInMinutes=43200)",
	}
	if calls := f.seen(); !slices.Equal(calls, want) {
		t.Errorf("calls %q, want %q", calls, want)
	}
}

func TestFallbackToV1(t *testing.T) {
	for _, c := range []struct {
		status, minutes int
		code            string
		calls           int
		ok              bool
	}{
		{405, 5, "methodNotAllowed", 2, true},
		{400, 5, "BadRequest", 2, true},
		{404, 5, "BadRequest", 2, true},
		{404, 5, "Request_ResourceNotFound", 1, false},
		{403, 5, "Authorization_RequestDenied", 1, false},
		{405, 6, "methodNotAllowed", 1, false},
	} {
		f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/beta/") {
				graphRefuses(w, c.status, c.code, "No.")
				return
			}
			_, _ = w.Write(optionsJSON(nil))
		})
		tenant, _ := f.open()
		_, err := tenant.CreationOptions(ctx, "u", c.minutes)
		if n := len(f.seen()); n != c.calls || (err == nil) != c.ok {
			t.Errorf("%+v: %d calls %q, %v", c, n, f.seen(), err)
		}
	}
}

func TestRegisterSendsWhatGraphKnows(t *testing.T) {
	var sent map[string]any
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		_ = json.NewDecoder(r.Body).Decode(&sent)
		writeJSON(w, 201, map[string]any{
			"id": "m", "displayName": "Red key", "createdDateTime": "2026-04-20T10:00:00Z", "aaGuid": "x",
			"attestationLevel": "attested", "passkeyType": "synced",
		})
	})
	tenant, _ := f.open()
	k, err := tenant.RegisterPasskey(ctx, "u", "Red key", NewCredential{
		ID: []byte{0xfb, 0xff}, ClientDataJSON: []byte("{}"), AttestationObject: []byte{1},
		ClientExtensionResults: map[string]any{"hmacCreateSecret": true},
	})
	if err != nil || !k.Attested() || !k.Synced() || k.CreatedAt.Year() != 2026 {
		t.Fatalf("%+v, %v", k, err)
	}
	want := map[string]any{"@odata.type": "#microsoft.graph.fido2AuthenticationMethod", "displayName": "Red key", "publicKeyCredential": map[string]any{
		"id": "-_8", "response": map[string]any{"clientDataJSON": "e30", "attestationObject": "AQ"}, "clientExtensionResults": map[string]any{"hmacCreateSecret": true},
	}}
	if diff := cmp.Diff(want, sent); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	for name, c := range map[string]NewCredential{
		"":                                    {ID: []byte{1}, ClientDataJSON: []byte{1}, AttestationObject: []byte{1}},
		strings.Repeat("x", MaxPasskeyName+1): {ID: []byte{1}, ClientDataJSON: []byte{1}, AttestationObject: []byte{1}}, "empty": {},
	} {
		if _, err := tenant.RegisterPasskey(ctx, "u", name, c); err == nil {
			t.Errorf("the name %q with %v was sent", name, c)
		}
	}
}

// The words of a refusal are shown, and what Graph refused is known to have had no effect.
func TestRegisterRefused(t *testing.T) {
	for status, want := range map[int]postern.Code{400: postern.CodeEntraPasskeyRefused, 409: postern.CodeEntraAlreadyExists, 404: postern.CodeEntraUserNotFound} {
		f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
			graphRefuses(w, status, "badRequest", "The AAGUID is not allowed.")
		})
		tenant, _ := f.open()
		_, err := tenant.RegisterPasskey(ctx, "u", "n", NewCredential{ID: []byte{1}, ClientDataJSON: []byte{1}, AttestationObject: []byte{1}})
		e := wantCode(t, err, want)
		if status != 404 && !strings.Contains(e.Message, "The AAGUID is not allowed.") || errors.Is(err, ErrOutcomeUnknown) {
			t.Errorf("%d: %v", status, err)
		}
	}
}
