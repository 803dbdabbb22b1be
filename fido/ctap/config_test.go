package ctap_test

import (
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// TestConfigAuthMessage holds the message of authenticatorConfig to values
// published with a token.
func TestConfigAuthMessage(t *testing.T) {
	token, err := hex.DecodeString("0125fecfd8bf3f679bd9ec221324baa74f3cade0314b4fba8029500a320612ad")
	if err != nil {
		t.Fatal(err)
	}
	for subcommand, want := range map[uint64]string{
		ctap.EnableEnterpriseAttestation: "4e724bc8af8776d0e92a3961c28bf9980b7b3962c610ba7abf07c74a0972b074",
		ctap.ToggleAlwaysUV:              "40d0d64f5030fa46d8e27c1bb358d5eb7b0da88fd4955b83ed19335bb35d886c",
	} {
		r := &ctap.ConfigRequest{Subcommand: subcommand}
		if got := hex.EncodeToString(pinuvauth.Authenticate(pinuvauth.Two, token, r.AuthMessage())); got != want {
			t.Errorf("subcommand %d: %s, want %s", subcommand, got, want)
		}
	}
}

// TestSetMinPINLengthParams: what is absent stays absent, and an empty list is
// not an absent one.
func TestSetMinPINLengthParams(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := &ctap.SetMinPINLengthParams{
			NewMinPINLength: maybe(t, number, "min"), ForceChangePIN: maybe(t, rapid.Bool(), "force"),
			PINComplexityPolicy: maybe(t, rapid.Bool(), "policy"),
		}
		if rapid.Bool().Draw(t, "ids present") {
			want.RPIDs = rapid.SliceOfN(text, 0, 3).Draw(t, "ids")
		}
		encoded, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ctap.DecodeSetMinPINLengthParams(encoded)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
	for _, bad := range []string{"", "a10120", "a10261", "a1028101", "a10301", "a104f6", "80"} {
		b, err := hex.DecodeString(bad)
		if err != nil {
			t.Fatal(err)
		}
		if p, err := ctap.DecodeSetMinPINLengthParams(b); err == nil || p != nil {
			t.Errorf("%q gives %v, %v", bad, p, err)
		}
	}
}
