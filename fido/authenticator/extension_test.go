package authenticator_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/memory"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

func canHavePIN(c *authenticator.Config) { c.PIN = true }

func (p *platform) raws(values map[string]any) map[string]ctap.Raw {
	p.Helper()
	out := map[string]ctap.Raw{}
	for name, v := range values {
		raw, err := ctap.Marshal(v)
		if err != nil {
			p.Fatal(err)
		}
		out[name] = raw
	}
	return out
}

// response registers and gives the whole response beside the credential.
func (p *platform) response(r *ctap.MakeCredentialRequest) (*ctap.MakeCredentialResponse, *ctap.AuthenticatorData) {
	p.Helper()
	status, result := p.send(r)
	if status != ctap.OK {
		p.Fatalf("makeCredential: %v", status)
	}
	resp, err := ctap.DecodeMakeCredentialResponse(result)
	if err != nil {
		p.Fatal(err)
	}
	data, err := ctap.ParseAuthenticatorData(resp.AuthData)
	if err != nil {
		p.Fatal(err)
	}
	return resp, data
}

// TestExtensionStatus: the status of each input, at either ceremony, and that a
// refusal neither makes a credential nor moves a counter.
func TestExtensionStatus(t *testing.T) {
	const wrongType = ctap.ErrCBORUnexpectedType
	noRK := map[string]bool{"uv": true}
	for _, tc := range []struct {
		name    string
		get     bool
		inputs  map[string]any
		options map[string]bool
		want    ctap.Status
	}{
		{name: "credBlob", inputs: map[string]any{"credBlob": []byte("b")}},
		{name: "credBlob text", inputs: map[string]any{"credBlob": "b"}, want: wrongType},
		{name: "credBlob true", inputs: map[string]any{"credBlob": true}, want: wrongType},
		{name: "credBlob get", get: true, inputs: map[string]any{"credBlob": true}},
		{name: "credBlob get bytes", get: true, inputs: map[string]any{"credBlob": []byte("b")}, want: wrongType},
		{name: "largeBlobKey", inputs: map[string]any{"largeBlobKey": true}},
		{name: "largeBlobKey false", inputs: map[string]any{"largeBlobKey": false}, want: ctap.ErrInvalidOption},
		{name: "largeBlobKey number", inputs: map[string]any{"largeBlobKey": 1}, want: wrongType},
		{name: "largeBlobKey without rk", inputs: map[string]any{"largeBlobKey": true}, options: noRK, want: ctap.ErrInvalidOption},
		{name: "largeBlobKey get", get: true, inputs: map[string]any{"largeBlobKey": true}},
		{name: "largeBlobKey get false", get: true, inputs: map[string]any{"largeBlobKey": false}, want: ctap.ErrInvalidOption},
		{name: "largeBlobKey get bytes", get: true, inputs: map[string]any{"largeBlobKey": []byte{1}}, want: wrongType},
		{name: "minPinLength", inputs: map[string]any{"minPinLength": true}},
		{name: "minPinLength false", inputs: map[string]any{"minPinLength": false}},
		{name: "minPinLength number", inputs: map[string]any{"minPinLength": 4}, want: wrongType},
		{name: "minPinLength get is unknown", get: true, inputs: map[string]any{"minPinLength": 4}},
		{name: "hmac-secret text", inputs: map[string]any{"hmac-secret": "true"}, want: wrongType},
		{name: "hmac-secret map", inputs: map[string]any{"hmac-secret": map[int]any{}}, want: wrongType},
		{name: "hmac-secret-mc alone", inputs: map[string]any{"hmac-secret-mc": map[int]any{}}, want: ctap.ErrMissingParameter},
		{name: "hmac-secret-mc, hmac-secret false", inputs: map[string]any{"hmac-secret": false, "hmac-secret-mc": map[int]any{}}, want: ctap.ErrMissingParameter},
		{name: "hmac-secret-mc empty", inputs: map[string]any{"hmac-secret": true, "hmac-secret-mc": map[int]any{}}, want: ctap.ErrMissingParameter},
		{name: "hmac-secret-mc true", inputs: map[string]any{"hmac-secret": true, "hmac-secret-mc": true}, want: wrongType},
		{name: "hmac-secret-mc get is unknown", get: true, inputs: map[string]any{"hmac-secret-mc": true}},
		{name: "credProtect bytes", inputs: map[string]any{"credProtect": []byte{1}}, want: wrongType},
		{name: "credProtect negative", inputs: map[string]any{"credProtect": -1}, want: wrongType},
		{name: "credProtect get is unknown", get: true, inputs: map[string]any{"credProtect": "x"}},
		{name: "thirdPartyPayment is unknown", inputs: map[string]any{"thirdPartyPayment": "x"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := newPlatform(t, largeBlobs, canHavePIN)
			p.make(mcRequest())
			mc, ga := mcRequest(), gaRequest()
			mc.User.ID = []byte("another")
			mc.Extensions, ga.Extensions = p.raws(tc.inputs), p.raws(tc.inputs)
			if tc.options != nil {
				mc.Options = tc.options
			}
			var r request = mc
			if tc.get {
				r = ga
			}
			p.wantStatus(r, tc.want)
			list, err := p.Store.List(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if tc.want != ctap.OK && (len(list) != 1 || list[0].SignCount != 0) {
				t.Errorf("a refusal left %+v", list)
			}
		})
	}
}

// TestExtensionsNotOffered: what getInfo does not list is not looked at.
func TestExtensionsNotOffered(t *testing.T) {
	p := newPlatform(t)
	if names := p.info().Extensions; slices.Contains(names, "largeBlobKey") || slices.Contains(names, "minPinLength") {
		t.Errorf("extensions %v", names)
	}
	r := mcRequest()
	r.Extensions = p.raws(map[string]any{"largeBlobKey": 7, "minPinLength": 7, "unknown": 7})
	resp, data := p.response(r)
	if resp.LargeBlobKey != nil || data.Flags&ctap.FlagED != 0 {
		t.Errorf("answered %x, %v", resp.LargeBlobKey, data.Extensions)
	}
	p = newPlatform(t, largeBlobs, canHavePIN)
	want := []string{"credProtect", "hmac-secret", "hmac-secret-mc", "credBlob", "largeBlobKey", "minPinLength"}
	if diff := gocmp.Diff(want, p.info().Extensions); diff != "" {
		t.Error(diff)
	}
}

func TestCredBlob(t *testing.T) {
	for _, tc := range []struct {
		blob   []byte
		stored bool
	}{
		{[]byte{}, true},
		{bytes.Repeat([]byte("b"), 32), true},
		{bytes.Repeat([]byte("b"), 64), true},
		{bytes.Repeat([]byte("b"), 65), false},
		{bytes.Repeat([]byte("b"), 500), false},
		{nil, false}, // not asked for
	} {
		p := newPlatform(t)
		r := mcRequest()
		if tc.blob != nil {
			r.Extensions = p.raws(map[string]any{"credBlob": tc.blob})
		}
		c := p.make(r)
		if out, ok := c.data.Extensions["credBlob"]; ok != (tc.blob != nil) {
			t.Errorf("%d bytes: output %x", len(tc.blob), out)
		} else if ok {
			if told, err := ctap.DecodeBool(out); err != nil || told != tc.stored {
				t.Errorf("%d bytes: told %v, %v", len(tc.blob), told, err)
			}
		}
		want := []byte{}
		if tc.stored {
			want = tc.blob
		}
		g := gaRequest()
		g.Extensions = p.raws(map[string]any{"credBlob": true})
		got, err := ctap.DecodeBytes(p.get(g, c).data.Extensions["credBlob"])
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes: got back %x, %v", len(tc.blob), got, err)
		}
		g.Extensions = p.raws(map[string]any{"credBlob": false})
		if a := p.get(g, c); len(a.AuthData) != 37 {
			t.Errorf("credBlob false is answered: %x", a.AuthData)
		}
	}
	if n := *newPlatform(t).info().MaxCredBlobLength; n != 64 {
		t.Errorf("maxCredBlobLength %d", n)
	}
}

func TestLargeBlobKey(t *testing.T) {
	p := newPlatform(t, largeBlobs)
	keys := map[string]bool{}
	var creds []*credential
	ask := p.raws(map[string]any{"largeBlobKey": true})
	for _, user := range []string{"1", "2", "3"} {
		r := mcRequest()
		r.User.ID = []byte(user)
		if user != "3" {
			r.Extensions = ask
		}
		resp, data := p.response(r)
		if data.Flags&ctap.FlagED != 0 {
			t.Errorf("the key shows in authenticator data: %v", data.Extensions)
		}
		_, pub, err := ctap.DecodePublicKey(data.Attested.PublicKey)
		if err != nil {
			t.Fatal(err)
		}
		creds = append(creds, &credential{id: data.Attested.ID, alg: ctap.ES256, pub: pub})
		if user == "3" {
			if resp.LargeBlobKey != nil {
				t.Error("a key that nobody asked for")
			}
			continue
		}
		if len(resp.LargeBlobKey) != 32 || bytes.Equal(resp.LargeBlobKey, make([]byte, 32)) {
			t.Fatalf("key %x", resp.LargeBlobKey)
		}
		keys[string(resp.LargeBlobKey)] = true
		g := gaRequest()
		g.AllowList = []ctap.CredentialDescriptor{{ID: data.Attested.ID, Type: ctap.PublicKeyType}}
		g.Extensions = ask
		got := p.get(g, creds...)
		if !bytes.Equal(got.LargeBlobKey, resp.LargeBlobKey) || len(got.AuthData) != 37 {
			t.Errorf("getAssertion: key %x, want %x", got.LargeBlobKey, resp.LargeBlobKey)
		}
		g.Extensions = nil
		if got := p.get(g, creds...); got.LargeBlobKey != nil {
			t.Error("a key that nobody asked for")
		}
	}
	if len(keys) != 2 {
		t.Error("two credentials share a key")
	}
	g := gaRequest()
	g.Extensions = ask
	if got := p.get(g, creds...); got.LargeBlobKey != nil || string(got.User.ID) != "3" {
		t.Errorf("a key %x for a credential without one", got.LargeBlobKey)
	}
	// getNextAssertion answers with the key of each.
	status, result := p.raw([]byte{byte(ctap.GetNextAssertion)})
	if status != ctap.OK {
		t.Fatal(status)
	}
	if got := p.verified(result, creds...); !keys[string(got.LargeBlobKey)] {
		t.Errorf("next: key %x", got.LargeBlobKey)
	}
	// Listing tells it, too.
	own := ctap.HashRPID(rpID)
	m := p.manage(2, ctap.PermitCredentialManagement, "")
	resp := p.managed(m.request(ctap.EnumerateCredentialsBegin, &ctap.CredentialManagementParams{RPIDHash: &own}))
	if resp.LargeBlobKey != nil {
		t.Error("a key is listed for a credential without one")
	}
	if resp = p.managed(next(ctap.EnumerateCredentialsNext)); !keys[string(resp.LargeBlobKey)] {
		t.Errorf("listed: key %x", resp.LargeBlobKey)
	}
}

// TestListingSealedKeys: a store that wants the user first is listed without
// keys rather than not at all.
func TestListingSealedKeys(t *testing.T) {
	p := newPlatform(t, largeBlobs, func(c *authenticator.Config) { c.Store = sealed{c.Store} })
	p.make(mcRequest())
	own := ctap.HashRPID(rpID)
	resp := p.managed(p.manage(2, ctap.PermitCredentialManagement, "").
		request(ctap.EnumerateCredentialsBegin, &ctap.CredentialManagementParams{RPIDHash: &own}))
	if resp.LargeBlobKey != nil || resp.TotalCredentials != 1 {
		t.Errorf("%+v", resp)
	}
}

// TestMinPINLengthExtension: only the relying parties on the list are told.
func TestMinPINLengthExtension(t *testing.T) {
	for _, tc := range []struct {
		state authenticator.State
		want  uint64 // 0: no output at all
	}{
		{authenticator.State{}, 0},
		{authenticator.State{MinPINLength: 6, MinPINLengthRPIDs: []string{"example.org"}}, 0},
		{authenticator.State{MinPINLength: 6, MinPINLengthRPIDs: []string{"example.org", rpID}}, 6},
		{authenticator.State{MinPINLengthRPIDs: []string{rpID}}, 4},
	} {
		p := newPlatform(t, canHavePIN, func(c *authenticator.Config) {
			c.Store = memory.Load(0, &memory.Content{State: tc.state})
		})
		for _, asked := range []bool{true, false} {
			r := mcRequest()
			r.Extensions = p.raws(map[string]any{"minPinLength": asked})
			out, ok := p.make(r).data.Extensions["minPinLength"]
			if want := asked && tc.want > 0; ok != want {
				t.Errorf("%+v, asked %v: output %x", tc.state, asked, out)
			} else if ok {
				if n, err := ctap.DecodeUint(out); err != nil || n != tc.want {
					t.Errorf("%+v: %d, %v", tc.state, n, err)
				}
			}
		}
	}
}

// TestHMACSecretMC: the answer at creation is that of a later assertion under
// the same verification, for both protocols and one or two salts.
func TestHMACSecretMC(t *testing.T) {
	for _, protocol := range []uint64{pinuvauth.One, pinuvauth.Two} {
		for _, salts := range [][]byte{salt(1), append(salt(2), salt(3)...)} {
			for _, verified := range []bool{true, false} {
				t.Run(fmt.Sprintf("protocol %d, %d bytes, verified %v", protocol, len(salts), verified), func(t *testing.T) {
					p := newPlatform(t)
					r := mcRequest()
					if !verified {
						none := authenticator.VerificationNone
						p.User.State = &none
						delete(r.Options, "uv")
					}
					a := p.agree(protocol)
					in, err := p.hmacInput(a, salts).Encode()
					if err != nil {
						t.Fatal(err)
					}
					r.Extensions = map[string]ctap.Raw{"hmac-secret": ctap.EncodeBool(true), "hmac-secret-mc": in}
					c := p.make(r)
					enc, err := ctap.DecodeBytes(c.data.Extensions["hmac-secret-mc"])
					if err != nil {
						t.Fatal(err)
					}
					if want := len(salts) + 16*int(protocol-1); len(enc) != want {
						t.Errorf("%d bytes, want %d", len(enc), want)
					}
					made, err := a.secret.Decrypt(enc)
					if err != nil {
						t.Fatal(err)
					}
					ready := authenticator.VerificationReady
					p.User.State = &ready
					for _, uv := range []bool{true, false} {
						g := p.withHMAC(gaRequest(), p.hmacInput(a, salts))
						g.Options = map[string]bool{"uv": uv}
						if got := p.secrets(a, p.get(g, c)); bytes.Equal(got, made) != (uv == verified) {
							t.Errorf("assertion with uv %v gives %x, creation %x", uv, got, made)
						}
					}
				})
			}
		}
	}
}

func TestHMACSecretMCRefusals(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*ctap.HMACSecretInput)
		want   ctap.Status
	}{
		"wrong saltAuth": {func(in *ctap.HMACSecretInput) { in.SaltAuth[0] ^= 1 }, ctap.ErrPINAuthInvalid},
		"protocol 3":     {func(in *ctap.HMACSecretInput) { in.Protocol = 3 }, ctap.ErrInvalidParameter},
		"half a block":   {func(in *ctap.HMACSecretInput) { in.SaltEnc = in.SaltEnc[:31] }, ctap.ErrPINAuthInvalid},
	} {
		p := newPlatform(t)
		in := p.hmacInput(p.agree(2), salt(1))
		tc.change(in)
		raw, err := in.Encode()
		if err != nil {
			t.Fatal(err)
		}
		r := mcRequest()
		r.Extensions = map[string]ctap.Raw{"hmac-secret": ctap.EncodeBool(true), "hmac-secret-mc": raw}
		if status, _ := p.send(r); status != tc.want {
			t.Errorf("%s: %v, want %v", name, status, tc.want)
		}
		if list, _ := p.Store.List(t.Context()); len(list) != 0 {
			t.Errorf("%s: a refusal left a credential", name)
		}
	}
}

// TestHMACSecretVector: secrets and salts of fixed bytes give what HMAC-SHA-256
// (RFC 2104) computed elsewhere gives.
func TestHMACSecretVector(t *testing.T) {
	p := newPlatform(t)
	c := p.make(mcRequest())
	content := p.Store.Content()
	content.Entries[0].Secret.CredRandomWithUV = bytes.Repeat([]byte{0x0b}, 32)
	content.Entries[0].Secret.CredRandomWithoutUV = bytes.Repeat([]byte{0xaa}, 32)
	p = newPlatform(t, func(cfg *authenticator.Config) { cfg.Store = memory.Load(0, content) })
	for uv, want := range map[bool]string{
		true:  "64260fd5863f65a1583a4be50fce0df246ba23ce8eb630948739449a95987f11",
		false: "855824885a9e513ec23c73f6a281deb4eb1ed75f70b48db6372f7acf22273c05",
	} {
		for _, protocol := range []uint64{pinuvauth.One, pinuvauth.Two} {
			a := p.agree(protocol)
			g := p.withHMAC(gaRequest(), p.hmacInput(a, salt(0xcd)))
			g.Options = map[string]bool{"uv": uv}
			if got := hex.EncodeToString(p.secrets(a, p.get(g, c))); got != want {
				t.Errorf("uv %v: %s, want %s", uv, got, want)
			}
		}
	}
}

// TestExtensionOutputsInOrder: all at once, in the order browsers check.
func TestExtensionOutputsInOrder(t *testing.T) {
	p := newPlatform(t, largeBlobs, canHavePIN, func(c *authenticator.Config) {
		c.Store = memory.Load(0, &memory.Content{State: authenticator.State{MinPINLengthRPIDs: []string{rpID}}})
	})
	in, err := p.hmacInput(p.agree(2), salt(1)).Encode()
	if err != nil {
		t.Fatal(err)
	}
	r := mcRequest()
	r.Extensions = p.raws(map[string]any{
		"minPinLength": true, "largeBlobKey": true, "hmac-secret-mc": in, "hmac-secret": true, "credProtect": 3, "credBlob": []byte("b"),
	})
	resp, data := p.response(r)
	if len(data.Extensions) != 5 || resp.LargeBlobKey == nil {
		t.Fatalf("outputs %v", data.Extensions)
	}
	at := 0
	for _, name := range []string{"credBlob", "credProtect", "hmac-secret", "minPinLength", "hmac-secret-mc"} {
		i := bytes.Index(resp.AuthData[at:], append([]byte{0x60 + byte(len(name))}, name...))
		if i < 0 {
			t.Fatalf("%s is out of order in %x", name, resp.AuthData)
		}
		at += i + 1
	}
}
