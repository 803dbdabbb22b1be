package client_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

func authData(t *testing.T, r *client.Registration) *ctap.AuthenticatorData {
	t.Helper()
	data, err := ctap.ParseAuthenticatorData(r.AuthenticatorData)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestProtectionPolicy(t *testing.T) {
	for policy, level := range map[string]uint64{
		"userVerificationOptional": 1, "userVerificationOptionalWithCredentialIDList": 2, "userVerificationRequired": 3,
	} {
		c, _ := newClient(t)
		o := creation()
		o.Extensions = client.ExtensionInputs{ProtectionPolicy: policy, EnforcePolicy: true, HMACCreateSecret: true}
		r := mustCreate(t, c, o)
		if got, err := ctap.DecodeUint(authData(t, r).Extensions["credProtect"]); err != nil || got != level {
			t.Errorf("%s: level %d, %v", policy, got, err)
		}
		if r.Extensions.HMACCreateSecret == nil || !*r.Extensions.HMACCreateSecret {
			t.Errorf("hmacCreateSecret: %s", asJSON(t, r.Extensions))
		}
	}
}

// without is a device that lacks extensions.
func without(d *authtest.Device, names ...string) client.Channel {
	return reporting(d, func(i *ctap.Info) {
		i.Extensions = slices.DeleteFunc(i.Extensions, func(e string) bool { return slices.Contains(names, e) })
	})
}

func TestProtectionEnforced(t *testing.T) {
	c, d := newClient(t)
	o := creation()
	o.Extensions = client.ExtensionInputs{ProtectionPolicy: "userVerificationRequired", EnforcePolicy: true}
	c.Channel = without(d, ctap.ExtCredProtect)
	_, err := c.Create(t.Context(), o, origin)
	wantName(t, "not known", err, client.ConstraintError)
	if len(d.User.Asked()) > 0 {
		t.Error("the user was asked in vain")
	}
	o.Extensions.ProtectionPolicy = "userVerificationOptional"
	mustCreate(t, c, o)
	o.Extensions = client.ExtensionInputs{ProtectionPolicy: "userVerificationRequired"}
	mustCreate(t, c, o)

	o.Extensions.EnforcePolicy = true
	c.Channel = answeringCreate(d, func(r *ctap.MakeCredentialResponse, data *ctap.AuthenticatorData) {
		data.Extensions[ctap.ExtCredProtect] = ctap.Raw{2}
	})
	_, err = c.Create(t.Context(), o, origin)
	wantName(t, "lowered", err, client.ConstraintError)
}

func TestCredBlob(t *testing.T) {
	c, d := newClient(t)
	for _, tc := range []struct {
		name    string
		channel client.Channel
		blob    client.Bytes
		kept    bool
	}{
		{"kept", d, client.Bytes("a blob"), true},
		{"as long as may be", d, make(client.Bytes, 64), true},
		{"too long", d, make(client.Bytes, 65), false},
		{"not known", without(d, ctap.ExtCredBlob), client.Bytes("a blob"), false},
		{"size not known", reporting(d, func(i *ctap.Info) { i.MaxCredBlobLength = nil }), make(client.Bytes, 33), false},
	} {
		c.Channel = tc.channel
		o := creation()
		o.Extensions.CredBlob = tc.blob
		r := mustCreate(t, c, o)
		if kept := r.Extensions.CredBlob; kept == nil || *kept != tc.kept {
			t.Errorf("%s: %s", tc.name, asJSON(t, r.Extensions))
		}
		g := request()
		g.Extensions.GetCredBlob = true
		a, err := c.Get(t.Context(), g, origin)
		if err != nil {
			t.Fatal(err)
		}
		if tc.kept && !bytes.Equal(a.Extensions.GetCredBlob, tc.blob) || !tc.kept && len(a.Extensions.GetCredBlob) > 0 {
			t.Errorf("%s: reads %x", tc.name, a.Extensions.GetCredBlob)
		}
	}
}

func TestMinPINLength(t *testing.T) {
	c, _, p := newPINClient(t)
	o := creation()
	o.Extensions.MinPINLength = true
	p.pins = []string{pin, pin, pin}
	if _, told := authData(t, mustCreate(t, c, o)).Extensions[ctap.ExtMinPINLength]; told {
		t.Error("told to a relying party that was not named")
	}
	if err := c.SetMinPINLength(t.Context(), ctap.SetMinPINLengthParams{RPIDs: []string{rpID}}); err != nil {
		t.Fatal(err)
	}
	if n, err := ctap.DecodeUint(authData(t, mustCreate(t, c, o)).Extensions[ctap.ExtMinPINLength]); err != nil || n != 4 {
		t.Errorf("%d, %v", n, err)
	}
}

func TestUnsignedExtensions(t *testing.T) {
	c, d := newClient(t)
	want := ctap.Raw{0xA1, 0x61, 'x', 0xF5}
	c.Channel = answeringCreate(d, func(r *ctap.MakeCredentialResponse, _ *ctap.AuthenticatorData) { r.UnsignedExtensions = want })
	if r := mustCreate(t, c, creation()); !bytes.Equal(r.UnsignedExtensions, want) {
		t.Errorf("registration: %x", r.UnsignedExtensions)
	}
	c.Channel = answeringGet(d, func(r *ctap.GetAssertionResponse, _ *ctap.AuthenticatorData) { r.UnsignedExtensions = want })
	if a, err := c.Get(t.Context(), request(), origin); err != nil || !bytes.Equal(a.UnsignedExtensions, want) {
		t.Errorf("assertion: %v, %v", a, err)
	}
}

// TestSenselessExtensions: refused before the authenticator hears of them.
func TestSenselessExtensions(t *testing.T) {
	c, d := newClient(t, withBlobs)
	values := &client.PRFValues{First: client.Bytes("a")}
	for _, tc := range []struct {
		name string
		in   client.ExtensionInputs
		want client.ErrorName
	}{
		{"prf by credential", client.ExtensionInputs{PRF: &client.PRFInput{ByCredential: map[string]client.PRFValues{"AA": *values}}}, client.NotSupportedError},
		{"read a blob", client.ExtensionInputs{LargeBlob: &client.LargeBlobInput{Read: true}}, client.NotSupportedError},
		{"write a blob", client.ExtensionInputs{LargeBlob: &client.LargeBlobInput{Write: client.Bytes{}}}, client.NotSupportedError},
		{"unknown support", client.ExtensionInputs{LargeBlob: &client.LargeBlobInput{Support: "perhaps"}}, client.TypeError},
		{"unknown policy", client.ExtensionInputs{ProtectionPolicy: "perhaps"}, client.TypeError},
	} {
		o := creation()
		o.Extensions = tc.in
		_, err := c.Create(t.Context(), o, origin)
		wantName(t, "registration: "+tc.name, err, tc.want)
	}
	for _, tc := range []struct {
		name string
		in   client.ExtensionInputs
		want client.ErrorName
	}{
		{"blob support", client.ExtensionInputs{LargeBlob: &client.LargeBlobInput{Support: client.Preferred}}, client.NotSupportedError},
		{"read and write", client.ExtensionInputs{LargeBlob: &client.LargeBlobInput{Read: true, Write: client.Bytes{}}}, client.NotSupportedError},
		{"write to nobody", client.ExtensionInputs{LargeBlob: &client.LargeBlobInput{Write: client.Bytes{}}}, client.NotSupportedError},
		{"salt too short", client.ExtensionInputs{HMACGetSecret: &client.HMACSalts{Salt1: make(client.Bytes, 31)}}, client.TypeError},
		{"prf of a stranger", client.ExtensionInputs{PRF: &client.PRFInput{ByCredential: map[string]client.PRFValues{"AQ": *values}}}, client.SyntaxError},
		{"prf of no id", client.ExtensionInputs{PRF: &client.PRFInput{ByCredential: map[string]client.PRFValues{"!": *values}}}, client.SyntaxError},
	} {
		g := request()
		g.Extensions = tc.in
		if tc.want == client.SyntaxError {
			g.AllowCredentials = []client.Descriptor{{ID: client.Bytes{2}, Type: "public-key"}}
		}
		_, err := c.Get(t.Context(), g, origin)
		wantName(t, "assertion: "+tc.name, err, tc.want)
	}
	if len(d.User.Asked()) > 0 {
		t.Error("the user was asked in vain")
	}
}
