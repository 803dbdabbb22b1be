package ctap

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// TestAppendWritesWhatMarshalDoes holds what is written by hand against the
// library's canonical form, and reads it back.
func TestAppendWritesWhatMarshalDoes(t *testing.T) {
	text := rapid.StringN(0, 300, -1)
	blob := rapid.SliceOfN(rapid.Byte(), 0, 300)
	rapid.Check(t, func(t *rapid.T) {
		same := func(what string, got []byte, err error, want any) {
			t.Helper()
			expected, err2 := Marshal(want)
			if err != nil || err2 != nil {
				t.Fatal(what, err, err2)
			}
			if diff := cmp.Diff(expected, got); diff != "" {
				t.Fatalf("%s: %s", what, diff)
			}
		}
		number := rapid.Int64().Draw(t, "number")
		same("integer", appendInt(nil, number), nil, number)

		u := User{
			ID: rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "user"), Name: text.Draw(t, "name"),
			DisplayName: text.Draw(t, "display name"), Icon: text.Draw(t, "icon"),
		}
		user := map[string]any{"id": u.ID}
		for key, v := range map[string]string{"name": u.Name, "displayName": u.DisplayName, "icon": u.Icon} {
			if v != "" {
				user[key] = v
			}
		}
		same("user", u.encode(), nil, user)

		d := CredentialDescriptor{ID: blob.Draw(t, "id"), Type: text.Draw(t, "type"), Transports: rapid.SliceOfN(text, 0, 3).Draw(t, "transports")}
		descriptor := map[string]any{"id": d.ID, "type": d.Type}
		if len(d.Transports) > 0 {
			descriptor["transports"] = d.Transports
		}
		same("descriptor", d.encode(), nil, descriptor)
		parameter := CredentialParameter{Type: d.Type, Algorithm: Algorithm(number)}
		same("parameter", parameter.encode(), nil, map[string]any{"type": d.Type, "alg": number})
		rp := RelyingParty{ID: u.Name, Name: u.DisplayName}
		entity := map[string]any{"id": rp.ID}
		if rp.Name != "" {
			entity["name"] = rp.Name
		}
		same("relying party", rp.encode(), nil, entity)

		chain := rapid.SliceOfN(blob, 1, 3).Draw(t, "chain")
		same("packed", EncodePacked(parameter.Algorithm, d.ID, chain), nil, map[string]any{"alg": number, "sig": d.ID, "x5c": chain})

		ga := GetAssertionResponse{
			AuthData: blob.Draw(t, "authData"), Signature: blob.Draw(t, "signature"),
			NumberOfCredentials: rapid.Uint64().Draw(t, "count"), UserSelected: rapid.Bool().Draw(t, "selected"),
		}
		m := members{2: ga.AuthData, 3: ga.Signature}
		if rapid.Bool().Draw(t, "with credential") {
			ga.Credential, m[1] = &d, descriptor
		}
		if rapid.Bool().Draw(t, "with user") {
			ga.User, m[4] = &u, user
		}
		m.set(5, ga.NumberOfCredentials > 0, ga.NumberOfCredentials)
		m.set(6, ga.UserSelected, true)
		if rapid.Bool().Draw(t, "with large blob key") {
			ga.LargeBlobKey = blob.Draw(t, "large blob key")
			m[7] = ga.LargeBlobKey
		}
		if rapid.Bool().Draw(t, "with unsigned extensions") {
			ga.UnsignedExtensions = Raw{0xA0}
			m[8] = ga.UnsignedExtensions
		}
		got, err := ga.Encode()
		same("getAssertion", got[1:], err, m)
		back, err := DecodeGetAssertionResponse(got[1:])
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(&ga, back, cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("getAssertion read back: %s", diff)
		}

		mc := MakeCredentialResponse{
			Format: text.Draw(t, "format"), AuthData: ga.AuthData, Statement: Raw{0xA0}, EnterpriseAttestation: ga.UserSelected,
			LargeBlobKey: ga.LargeBlobKey, UnsignedExtensions: ga.UnsignedExtensions,
		}
		m = members{1: mc.Format, 2: mc.AuthData, 3: mc.Statement}
		m.set(4, mc.EnterpriseAttestation, true)
		m.set(5, mc.LargeBlobKey != nil, mc.LargeBlobKey)
		m.set(6, mc.UnsignedExtensions != nil, mc.UnsignedExtensions)
		got, err = mc.Encode()
		same("makeCredential", got[1:], err, m)
	})
	if _, err := (&MakeCredentialResponse{}).Encode(); err == nil {
		t.Error("a registration without a statement was encoded")
	}
}
