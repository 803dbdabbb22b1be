package client_test

import (
	"bytes"
	"encoding/hex"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

func TestPRF(t *testing.T) {
	c, _ := newClient(t)
	o := creation()
	o.Extensions = client.ExtensionInputs{PRF: &client.PRFInput{}, CredProps: true}
	r := mustCreate(t, c, o)
	if r.Extensions.PRF == nil || !*r.Extensions.PRF.Enabled || !r.Extensions.CredProps.RK {
		t.Errorf("at creation: %s", asJSON(t, r.Extensions))
	}
	get := func(in client.ExtensionInputs, allowed ...client.Descriptor) *client.Assertion {
		g := request()
		g.Extensions = in
		g.AllowCredentials = allowed
		a, err := c.Get(t.Context(), g, origin)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	first := get(client.ExtensionInputs{PRF: &client.PRFInput{Eval: &client.PRFValues{First: []byte("a")}}}).Extensions.PRF.Results
	if len(first.First) != 32 || first.Second != nil {
		t.Fatalf("one input: %s", asJSON(t, first))
	}
	both := get(client.ExtensionInputs{PRF: &client.PRFInput{Eval: &client.PRFValues{First: []byte("b"), Second: []byte("a")}}}).Extensions.PRF.Results
	if !bytes.Equal(both.Second, first.First) || bytes.Equal(both.First, first.First) {
		t.Error("the secret depends on more than its input")
	}
	by := client.ExtensionInputs{PRF: &client.PRFInput{
		Eval:         &client.PRFValues{First: []byte("b")},
		ByCredential: map[string]client.PRFValues{client.Bytes(r.ID).String(): {First: []byte("a")}},
	}}
	known := client.Descriptor{ID: r.ID, Type: "public-key"}
	other := client.Descriptor{ID: []byte("other"), Type: "public-key"}
	if got := get(by, other, known).Extensions.PRF.Results; !bytes.Equal(got.First, first.First) {
		t.Error("evalByCredential was not used")
	}
	// WebAuthn hashes prf inputs, so that the raw extension gives other secrets:
	// the salt of input "a" is SHA-256("WebAuthn PRF" 00 "a").
	salt, err := hex.DecodeString("7ed3ff8154ac1d512b4fb23fb7e3c115a089a82356db175b85381b6f7a3f67f3")
	if err != nil {
		t.Fatal(err)
	}
	raw := get(client.ExtensionInputs{HMACGetSecret: &client.HMACSalts{Salt1: salt}}).Extensions.HMACGetSecret
	if !bytes.Equal(raw.Output1, first.First) {
		t.Error("prf is not hmac-secret of the hashed input")
	}
	for name, in := range map[string]client.ExtensionInputs{
		"by credential without a list": by,
		"both":                         {PRF: &client.PRFInput{}, HMACGetSecret: &client.HMACSalts{Salt1: salt}},
	} {
		g := request()
		g.Extensions = in
		_, err := c.Get(t.Context(), g, origin)
		wantName(t, name, err, client.NotSupportedError)
	}
}

// TestPRFAtRegistration: an authenticator that evaluates at registration gives
// what later assertions give.
func TestPRFAtRegistration(t *testing.T) {
	c, d := newClient(t)
	o := creation()
	o.Extensions.PRF = &client.PRFInput{Eval: &client.PRFValues{First: []byte("a"), Second: []byte("b")}}
	r := mustCreate(t, c, o)
	if r.Extensions.PRF.Results == nil {
		t.Fatalf("no results: %s", asJSON(t, r.Extensions))
	}
	g := request()
	g.Extensions.PRF = o.Extensions.PRF
	a, err := c.Get(t.Context(), g, origin)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(r.Extensions.PRF.Results, a.Extensions.PRF.Results); diff != "" {
		t.Errorf("at registration and later: %s", diff)
	}
	c.Channel = without(d, ctap.ExtHMACSecretMC)
	if r := mustCreate(t, c, o); !*r.Extensions.PRF.Enabled || r.Extensions.PRF.Results != nil {
		t.Errorf("an authenticator that cannot: %s", asJSON(t, r.Extensions))
	}
	c.Channel = without(d, ctap.ExtHMACSecretMC, ctap.ExtHMACSecret)
	if r := mustCreate(t, c, o); *r.Extensions.PRF.Enabled {
		t.Errorf("an authenticator without: %s", asJSON(t, r.Extensions))
	}
}

// TestPRFVerifies: prf has one secret, that of verified users, whatever the
// relying party says about verification.
func TestPRFVerifies(t *testing.T) {
	c, _, p := newPINClient(t)
	p.pins = []string{pin, pin}
	o := creation()
	o.Extensions.PRF = &client.PRFInput{}
	mustCreate(t, c, o)
	g := request()
	g.UserVerification = client.Discouraged
	g.Extensions.PRF = &client.PRFInput{Eval: &client.PRFValues{First: []byte("a")}}
	a, err := c.Get(t.Context(), g, origin)
	if err != nil || a.Extensions.PRF.Results == nil {
		t.Fatalf("%v, %v", a, err)
	}
	wantVerified(t, "prf", a.AuthenticatorData)
	c.PIN = nil
	if a, err = c.Get(t.Context(), g, origin); err != nil || a.Extensions.PRF.Results != nil {
		t.Errorf("with nobody to ask: %v, %v", a, err)
	}
}
