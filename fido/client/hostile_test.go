package client_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"testing"

	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

// TestLyingAssertions: answers that do not fit the question are refused.
func TestLyingAssertions(t *testing.T) {
	for name, change := range map[string]func(*ctap.GetAssertionResponse, *ctap.AuthenticatorData){
		"another relying party": func(_ *ctap.GetAssertionResponse, d *ctap.AuthenticatorData) { d.RPIDHash[0] ^= 1 },
		"no presence":           func(_ *ctap.GetAssertionResponse, d *ctap.AuthenticatorData) { d.Flags &^= ctap.FlagUP },
		"no verification":       func(_ *ctap.GetAssertionResponse, d *ctap.AuthenticatorData) { d.Flags &^= ctap.FlagUV },
		"another credential":    func(r *ctap.GetAssertionResponse, _ *ctap.AuthenticatorData) { r.Credential.ID[0] ^= 1 },
		"no credential":         func(r *ctap.GetAssertionResponse, _ *ctap.AuthenticatorData) { r.Credential = nil },
		"an empty credential":   func(r *ctap.GetAssertionResponse, _ *ctap.AuthenticatorData) { r.Credential.ID = []byte{} },
		"no signature":          func(r *ctap.GetAssertionResponse, _ *ctap.AuthenticatorData) { r.Signature = []byte{} },
		"prf not encrypted": func(_ *ctap.GetAssertionResponse, d *ctap.AuthenticatorData) {
			d.Extensions = map[string]ctap.Raw{ctap.ExtHMACSecret: {0xF5}}
		},
		"prf of no bytes": func(_ *ctap.GetAssertionResponse, d *ctap.AuthenticatorData) {
			d.Extensions = map[string]ctap.Raw{ctap.ExtHMACSecret: append(ctap.Raw{0x50}, make([]byte, 16)...)}
		},
		"prf too long": func(_ *ctap.GetAssertionResponse, d *ctap.AuthenticatorData) {
			d.Extensions = map[string]ctap.Raw{ctap.ExtHMACSecret: append(ctap.Raw{0x58, 80}, make([]byte, 80)...)}
		},
	} {
		c, d := newClient(t)
		r := mustCreate(t, c, creation())
		g := request()
		g.AllowCredentials = []client.Descriptor{{ID: r.ID, Type: "public-key"}, {ID: []byte("other"), Type: "public-key"}}
		g.Extensions.PRF = &client.PRFInput{Eval: &client.PRFValues{First: []byte("a")}}
		c.Channel = answeringGet(d, change)
		if a, err := c.Get(t.Context(), g, origin); err == nil || a != nil {
			t.Errorf("%s: accepted", name)
		}
	}
	c, d := newClient(t)
	mustCreate(t, c, creation())
	c.Channel = answeringGet(d, func(r *ctap.GetAssertionResponse, _ *ctap.AuthenticatorData) { r.User = nil })
	if a, err := c.Get(t.Context(), request(), origin); err == nil || a != nil {
		t.Error("a discoverable credential of nobody: accepted")
	}
}

func TestLyingRegistrations(t *testing.T) {
	for name, change := range map[string]func(*ctap.MakeCredentialResponse, *ctap.AuthenticatorData){
		"another relying party": func(_ *ctap.MakeCredentialResponse, d *ctap.AuthenticatorData) { d.RPIDHash[0] ^= 1 },
		"no presence":           func(_ *ctap.MakeCredentialResponse, d *ctap.AuthenticatorData) { d.Flags &^= ctap.FlagUP },
		"no verification":       func(_ *ctap.MakeCredentialResponse, d *ctap.AuthenticatorData) { d.Flags &^= ctap.FlagUV },
		"no credential":         func(_ *ctap.MakeCredentialResponse, d *ctap.AuthenticatorData) { d.Attested = nil },
		"an excluded one": func(_ *ctap.MakeCredentialResponse, d *ctap.AuthenticatorData) {
			d.Attested.ID = []byte("excluded")
		},
		"no public key": func(_ *ctap.MakeCredentialResponse, d *ctap.AuthenticatorData) {
			d.Attested.PublicKey = ctap.Raw{0xA0}
		},
		"another algorithm": func(_ *ctap.MakeCredentialResponse, d *ctap.AuthenticatorData) {
			d.Attested.PublicKey = append(ctap.Raw{0xA4, 1, 1, 3, 0x27, 0x20, 6, 0x21, 0x58, 32}, make([]byte, 32)...)
		},
		"a short blob key": func(r *ctap.MakeCredentialResponse, _ *ctap.AuthenticatorData) { r.LargeBlobKey = []byte{1} },
		"an odd credBlob": func(_ *ctap.MakeCredentialResponse, d *ctap.AuthenticatorData) {
			d.Extensions = map[string]ctap.Raw{ctap.ExtCredBlob: {1}}
		},
		"an odd hmac-secret": func(_ *ctap.MakeCredentialResponse, d *ctap.AuthenticatorData) {
			d.Extensions = map[string]ctap.Raw{ctap.ExtHMACSecret: {1}}
		},
		"prf too short": func(_ *ctap.MakeCredentialResponse, d *ctap.AuthenticatorData) {
			d.Extensions = map[string]ctap.Raw{ctap.ExtHMACSecretMC: {0x41, 1}}
		},
	} {
		c, d := newClient(t, withBlobs)
		o := withSupport(client.Preferred)
		o.ExcludeCredentials = []client.Descriptor{{ID: []byte("excluded"), Type: "public-key"}}
		o.Extensions.CredBlob = client.Bytes("a")
		o.Extensions.PRF = &client.PRFInput{Eval: &client.PRFValues{First: []byte("a")}}
		c.Channel = answeringCreate(d, change)
		if r, err := c.Create(t.Context(), o, origin); err == nil || r != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// TestLyingSearch: the answer to a silent search has to be one of those looked
// for.
func TestLyingSearch(t *testing.T) {
	c, d := newClient(t)
	r := mustCreate(t, c, creation())
	g := request()
	for i := range 150 {
		g.AllowCredentials = append(g.AllowCredentials, client.Descriptor{ID: bytes.Repeat([]byte{byte(i), 1}, 30), Type: "public-key"})
	}
	g.AllowCredentials = append(g.AllowCredentials, client.Descriptor{ID: r.ID, Type: "public-key"})
	c.Channel = answeringGet(d, func(r *ctap.GetAssertionResponse, _ *ctap.AuthenticatorData) { r.Credential.ID = []byte("stranger") })
	if a, err := c.Get(t.Context(), g, origin); err == nil || a != nil {
		t.Error("accepted")
	}
}

func TestGarbage(t *testing.T) {
	for name, answer := range map[string][]byte{
		"nothing": nil, "no map": {0}, "garbage": {0, 0xFF}, "huge": make([]byte, 8000), "an unknown status": {0xF3}, "an empty map": {0, 0xA0},
	} {
		c := &client.Client{Random: rand.Reader, Channel: answering(answer)}
		for what, do := range map[string]func() error{
			"create":      func() error { _, err := c.Create(t.Context(), creation(), origin); return err },
			"get":         func() error { _, err := c.Get(t.Context(), request(), origin); return err },
			"info":        func() error { _, err := c.Info(t.Context()); return err },
			"retries":     func() error { _, err := c.PINRetries(t.Context()); return err },
			"set PIN":     func() error { return c.SetPIN(t.Context()) },
			"credentials": func() error { _, err := c.Credentials(t.Context()); return err },
			"blob":        func() error { _, _, err := c.LargeBlob(t.Context(), make([]byte, 32)); return err },
			"config":      func() error { return c.ToggleAlwaysUV(t.Context()) },
			"select":      func() error { return c.Select(t.Context()) },
		} {
			if err := do(); err == nil {
				t.Errorf("%s to %s: accepted", name, what)
			}
		}
	}
}

// counting counts requests and fails where there are more than any honest or
// hostile authenticator may cause.
func counting(t testing.TB, ch client.Channel) client.Channel {
	n := 0
	return client.ChannelFunc(func(ctx context.Context, request []byte) ([]byte, error) {
		if n++; n > 8192 {
			t.Fatal("no end of requests")
		}
		return ch.CBOR(ctx, request)
	})
}
