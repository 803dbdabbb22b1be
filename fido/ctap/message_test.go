package ctap_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/ctap/ctaptest"
)

// codec is one message type: how it is written and read.
type codec struct {
	name   string
	decode func([]byte) (encoder, error)
}

type encoder interface{ Encode() ([]byte, error) }

func codecOf[T any, P interface {
	*T
	encoder
}](name string, decode func([]byte) (P, error)) codec {
	return codec{name: name, decode: func(b []byte) (encoder, error) {
		v, err := decode(b)
		if v == nil {
			return nil, err
		}
		return v, err
	}}
}

var codecs = []codec{
	codecOf("MakeCredentialRequest", ctap.DecodeMakeCredentialRequest),
	codecOf("MakeCredentialResponse", ctap.DecodeMakeCredentialResponse),
	codecOf("GetAssertionRequest", ctap.DecodeGetAssertionRequest),
	codecOf("GetAssertionResponse", ctap.DecodeGetAssertionResponse),
	codecOf("ClientPINRequest", ctap.DecodeClientPINRequest),
	codecOf("ClientPINResponse", ctap.DecodeClientPINResponse),
	codecOf("ConfigRequest", ctap.DecodeConfigRequest),
	codecOf("Info", ctap.DecodeInfo),
}

// Generators draw absent members as nil, as decoding gives them.
func list[T any](t *rapid.T, g *rapid.Generator[T], name string) []T {
	v := rapid.SliceOfN(g, 0, 4).Draw(t, name)
	if len(v) == 0 {
		return nil
	}
	return v
}

func maybe[T any](t *rapid.T, g *rapid.Generator[T], name string) *T {
	return rapid.Ptr(g, true).Draw(t, name)
}

var (
	text    = rapid.String()
	number  = rapid.Uint64()
	someHex = rapid.SliceOfN(rapid.Byte(), 1, 40)
)

func raw(t *rapid.T, name string) ctap.Raw {
	v, err := ctap.Marshal(rapid.MapOfN(rapid.Int64Range(-5, 30), rapid.Bool(), 0, 3).Draw(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

var descriptor = rapid.Custom(func(t *rapid.T) ctap.CredentialDescriptor {
	return ctap.CredentialDescriptor{ID: someHex.Draw(t, "id"), Type: text.Draw(t, "type"), Transports: list(t, text, "transports")}
})

var parameter = rapid.Custom(func(t *rapid.T) ctap.CredentialParameter {
	return ctap.CredentialParameter{Type: text.Draw(t, "type"), Algorithm: ctap.Algorithm(rapid.Int64().Draw(t, "alg"))}
})

var user = rapid.Custom(func(t *rapid.T) ctap.User {
	return ctap.User{
		ID: rapid.SliceOfN(rapid.Byte(), 1, 64).Draw(t, "id"), Name: text.Draw(t, "name"),
		DisplayName: text.Draw(t, "display name"), Icon: text.Draw(t, "icon"),
	}
})

func options[T any](t *rapid.T, g *rapid.Generator[T], name string) map[string]T {
	v := rapid.MapOfN(text, g, 0, 4).Draw(t, name)
	if len(v) == 0 {
		return nil
	}
	return v
}

func extensions(t *rapid.T) map[string]ctap.Raw {
	if rapid.Bool().Draw(t, "no extensions") {
		return nil
	}
	return map[string]ctap.Raw{"hmac-secret": ctap.EncodeBool(true), "x": raw(t, "extension")}
}

func hash(t *rapid.T) []byte { return rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash") }

var messages = map[string]func(*rapid.T) encoder{
	"MakeCredentialRequest": func(t *rapid.T) encoder {
		return &ctap.MakeCredentialRequest{
			ClientDataHash: hash(t),
			RP:             ctap.RelyingParty{ID: text.Draw(t, "rp id"), Name: text.Draw(t, "rp name")},
			User:           user.Draw(t, "user"),
			Parameters:     rapid.SliceOfN(parameter, 0, 3).Draw(t, "parameters"),
			ExcludeList:    list(t, descriptor, "exclude"), Extensions: extensions(t),
			Options: options(t, rapid.Bool(), "options"), PINUVAuthParam: rapid.SliceOfN(rapid.Byte(), 0, 32).Draw(t, "param"),
			PINUVAuthProtocol: maybe(t, number, "protocol"), EnterpriseAttestation: maybe(t, number, "ep"),
			AttestationFormats: list(t, text, "formats"),
		}
	},
	"MakeCredentialResponse": func(t *rapid.T) encoder {
		return &ctap.MakeCredentialResponse{
			Format: text.Draw(t, "fmt"), AuthData: someHex.Draw(t, "data"), Statement: raw(t, "statement"),
			EnterpriseAttestation: rapid.Bool().Draw(t, "ep"), LargeBlobKey: someHex.Draw(t, "key"), UnsignedExtensions: raw(t, "unsigned"),
		}
	},
	"GetAssertionRequest": func(t *rapid.T) encoder {
		return &ctap.GetAssertionRequest{
			RPID: text.Draw(t, "rp id"), ClientDataHash: hash(t), AllowList: list(t, descriptor, "allow"), Extensions: extensions(t),
			Options: options(t, rapid.Bool(), "options"), PINUVAuthParam: rapid.SliceOfN(rapid.Byte(), 0, 32).Draw(t, "param"),
			PINUVAuthProtocol: maybe(t, number, "protocol"),
		}
	},
	"GetAssertionResponse": func(t *rapid.T) encoder {
		return &ctap.GetAssertionResponse{
			Credential: maybe(t, descriptor, "credential"), AuthData: someHex.Draw(t, "data"), Signature: someHex.Draw(t, "signature"),
			User: maybe(t, user, "user"), NumberOfCredentials: number.Draw(t, "number"), UserSelected: rapid.Bool().Draw(t, "selected"),
		}
	},
	"ClientPINRequest": func(t *rapid.T) encoder {
		return &ctap.ClientPINRequest{
			Protocol: maybe(t, number, "protocol"), Subcommand: number.Draw(t, "subcommand"), KeyAgreement: raw(t, "key"),
			AuthParam: someHex.Draw(t, "param"), NewPINEnc: someHex.Draw(t, "new"), PINHashEnc: someHex.Draw(t, "hash"),
			Permissions: maybe(t, rapid.Custom(func(t *rapid.T) ctap.Permission { return ctap.Permission(number.Draw(t, "p")) }), "permissions"),
			RPID:        maybe(t, text, "rp id"),
		}
	},
	"ClientPINResponse": func(t *rapid.T) encoder {
		return &ctap.ClientPINResponse{
			KeyAgreement: raw(t, "key"), Token: someHex.Draw(t, "token"), PINRetries: maybe(t, number, "pin retries"),
			PowerCycleState: maybe(t, rapid.Bool(), "power cycle"), UVRetries: maybe(t, number, "uv retries"),
		}
	},
	"ConfigRequest": func(t *rapid.T) encoder {
		return &ctap.ConfigRequest{
			Subcommand: number.Draw(t, "subcommand"), Params: raw(t, "params"), Protocol: maybe(t, number, "protocol"), AuthParam: someHex.Draw(t, "param"),
		}
	},
	"Info": func(t *rapid.T) encoder {
		return &ctap.Info{
			Versions:   rapid.SliceOfDistinct(text, rapid.ID[string]).Draw(t, "versions"),
			Extensions: list(t, text, "extensions"), AAGUID: ctap.AAGUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "aaguid")),
			Options: options(t, rapid.Bool(), "options"), MaxMsgSize: maybe(t, number, "05"),
			PINUVAuthProtocols: []uint64{2, 1}, MaxCredentialCountInList: maybe(t, number, "07"),
			MaxCredentialIDLength: maybe(t, number, "08"), Transports: list(t, text, "09"), Algorithms: list(t, parameter, "0a"),
			MaxSerializedLargeBlobArray: maybe(t, number, "0b"), ForcePINChange: maybe(t, rapid.Bool(), "0c"),
			MinPINLength: maybe(t, number, "0d"), FirmwareVersion: maybe(t, number, "0e"), MaxCredBlobLength: maybe(t, number, "0f"),
			MaxRPIDsForSetMinPINLength: maybe(t, number, "10"), PreferredPlatformUVAttempts: maybe(t, number, "11"),
			UVModality: maybe(t, number, "12"), Certifications: options(t, number, "13"),
			RemainingDiscoverableCredentials: maybe(t, number, "14"), VendorPrototypeConfigCommands: list(t, number, "15"),
			AttestationFormats: list(t, text, "16"), UVCountSinceLastPINEntry: maybe(t, number, "17"),
			LongTouchForReset: maybe(t, rapid.Bool(), "18"), EncIdentifier: someHex.Draw(t, "19"),
			TransportsForReset: list(t, text, "1a"), PINComplexityPolicy: maybe(t, rapid.Bool(), "1b"),
			PINComplexityPolicyURL: someHex.Draw(t, "1c"), MaxPINLength: maybe(t, number, "1d"), EncCredStoreState: someHex.Draw(t, "1e"),
			AuthenticatorConfigCommands: list(t, number, "1f"),
		}
	},
}

// TestRoundTrip: every message comes back as it went, and travels in canonical
// form.
func TestRoundTrip(t *testing.T) {
	for _, c := range codecs {
		t.Run(c.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				want := messages[c.name](t)
				encoded, err := want.Encode()
				if err != nil {
					t.Fatal(err)
				}
				if err := ctap.Check(encoded[1:]); err != nil {
					t.Fatalf("%x is not canonical: %v", encoded, err)
				}
				got, err := c.decode(encoded[1:])
				if err != nil {
					t.Fatalf("decode %x: %v", encoded, err)
				}
				if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
					t.Fatalf("after %x: %s", encoded, diff)
				}
				// Cutting the message or adding to it gives nothing.
				for _, bad := range [][]byte{encoded[1 : len(encoded)-1], append(encoded[1:len(encoded):len(encoded)], 0)} {
					if len(bad) == 0 {
						continue
					}
					if v, err := c.decode(bad); err == nil || v != nil {
						t.Fatalf("decode %x = %v, %v", bad, v, err)
					}
				}
			})
		})
	}
}

// FuzzDecode: no input makes a decoder panic; a failed parse yields nothing and
// a status; what parses is written back in a form that parses to the same.
func FuzzDecode(f *testing.F) {
	for i, c := range codecs {
		example := rapid.Custom(func(t *rapid.T) []byte {
			b, err := messages[c.name](t).Encode()
			if err != nil {
				t.Fatal(err)
			}
			return b[1:]
		})
		for seed := range 5 {
			f.Add(uint8(i), example.Example(seed))
		}
	}
	for _, e := range ctaptest.Exchanges(f, ctaphid.CBOR) {
		for i := range codecs {
			f.Add(uint8(i), e.Request[1:])
			f.Add(uint8(i), e.Answer[1:])
		}
	}
	f.Add(uint8(0), []byte{0xA1, 0x01, 0x9B, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF})
	f.Fuzz(func(t *testing.T, which uint8, data []byte) {
		c := codecs[int(which)%len(codecs)]
		v, err := c.decode(data)
		if err != nil {
			if v != nil {
				t.Fatalf("%s: a failed parse yields %v", c.name, v)
			}
			if s := ctap.StatusOf(err); s == ctap.OK || s == ctap.ErrOther {
				t.Fatalf("%s: %v has no status", c.name, err)
			}
			return
		}
		encoded, err := v.Encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := c.decode(encoded[1:])
		if err != nil {
			t.Fatalf("%s: %x parses, but written back as %x gives %v", c.name, data, encoded, err)
		}
		if diff := cmp.Diff(v, again, cmpopts.EquateEmpty()); diff != "" {
			t.Fatal(diff)
		}
	})
}

// FuzzAuthenticatorData: what parses encodes to the same bytes.
func FuzzAuthenticatorData(f *testing.F) {
	data := &ctap.AuthenticatorData{
		Flags: ctap.FlagUP, SignCount: 7,
		Attested:   &ctap.AttestedCredential{ID: []byte{1}, PublicKey: ctap.Raw{0xA1, 0x01, 0x02}},
		Extensions: map[string]ctap.Raw{"credProtect": {0x01}},
	}
	b, err := data.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := ctap.ParseAuthenticatorData(b)
		if err != nil {
			if d != nil {
				t.Fatal("a failed parse yields a value")
			}
			return
		}
		if _, _, err := ctap.DecodePublicKey(b); err == nil {
			t.Fatal("authenticator data is no COSE key")
		}
		again, err := d.Encode()
		if err != nil {
			t.Fatal(err)
		}
		// An empty extension map, and keys that are not text, are read but not
		// written back.
		if d.Flags&ctap.FlagED == 0 && string(again) != string(b) {
			t.Fatalf("%x became %x", b, again)
		}
	})
}
