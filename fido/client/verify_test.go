package client_test

import (
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
)

func TestVerificationByOption(t *testing.T) {
	c, d := newClient(t)
	c.Channel = reporting(d, withoutTokens)
	mustCreate(t, c, creation())
	a, err := c.Get(t.Context(), request(), origin)
	if err != nil {
		t.Fatal(err)
	}
	if a.AuthenticatorData[32] != byte(ctap.FlagUP|ctap.FlagUV) {
		t.Errorf("flags %02x", a.AuthenticatorData[32])
	}
}

func TestVerificationCannotBeHad(t *testing.T) {
	c, d := newClient(t)
	none := authenticator.VerificationNone
	d.User.State = &none
	_, err := c.Create(t.Context(), creation(), origin)
	wantName(t, "required", err, client.NotAllowedError)
	o := creation()
	o.Selection.UserVerification = client.Preferred
	if r := mustCreate(t, c, o); r.AuthenticatorData[32]&byte(ctap.FlagUV) != 0 {
		t.Error("UV is set")
	}
}
