package ctap_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/postern/postern/fido/ctap"
)

func init() {
	codecs = append(codecs,
		codecOf("CredentialManagementRequest", ctap.DecodeCredentialManagementRequest),
		codecOf("CredentialManagementResponse", ctap.DecodeCredentialManagementResponse),
		codecOf("LargeBlobsRequest", ctap.DecodeLargeBlobsRequest),
		codecOf("LargeBlobsResponse", ctap.DecodeLargeBlobsResponse),
	)
	messages["CredentialManagementRequest"] = func(t *rapid.T) encoder {
		return &ctap.CredentialManagementRequest{
			Subcommand: number.Draw(t, "subcommand"), Params: raw(t, "params"), Protocol: maybe(t, number, "protocol"),
			AuthParam: someHex.Draw(t, "param"),
		}
	}
	messages["CredentialManagementResponse"] = func(t *rapid.T) encoder {
		return &ctap.CredentialManagementResponse{
			ExistingCount: maybe(t, number, "existing"), RemainingCount: maybe(t, number, "remaining"),
			RP:       &ctap.RelyingParty{ID: text.Draw(t, "rp id"), Name: text.Draw(t, "rp name")},
			RPIDHash: new(ctap.RPIDHash(hash(t))), TotalRPs: number.Draw(t, "rps"), User: maybe(t, user, "user"),
			CredentialID: maybe(t, descriptor, "credential"), PublicKey: raw(t, "key"), TotalCredentials: number.Draw(t, "credentials"),
			CredProtect: ctap.CredProtect(rapid.Uint8Range(0, 3).Draw(t, "level")), LargeBlobKey: someHex.Draw(t, "large blob key"),
			ThirdPartyPayment: maybe(t, rapid.Bool(), "payment"),
		}
	}
	messages["LargeBlobsRequest"] = func(t *rapid.T) encoder {
		return &ctap.LargeBlobsRequest{
			Get: maybe(t, number, "get"), Set: rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "set"), Offset: maybe(t, number, "offset"),
			Length: maybe(t, number, "length"), AuthParam: someHex.Draw(t, "param"), Protocol: maybe(t, number, "protocol"),
		}
	}
	messages["LargeBlobsResponse"] = func(t *rapid.T) encoder {
		return &ctap.LargeBlobsResponse{Config: rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "config")}
	}
}

// TestManagementParams: the parameters come back as they went, and their bytes
// are part of what is authenticated.
func TestManagementParams(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := &ctap.CredentialManagementParams{CredentialID: maybe(t, descriptor, "credential"), User: maybe(t, user, "user")}
		if rapid.Bool().Draw(t, "rp") {
			want.RPIDHash = new(ctap.RPIDHash(hash(t)))
		}
		raw, err := want.Encode()
		if err != nil {
			t.Fatal(err)
		}
		got, err := ctap.DecodeCredentialManagementParams(raw)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
		r := &ctap.CredentialManagementRequest{Subcommand: ctap.DeleteCredential, Params: raw}
		if m := r.AuthMessage(); m[0] != 6 || string(m[1:]) != string(raw) {
			t.Fatalf("authenticated message %x", m)
		}
	})
}
