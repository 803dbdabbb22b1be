package client_test

import (
	"context"
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

// TestVerificationDemanded: an authenticator that says it needs no verification
// and then does.
func TestVerificationDemanded(t *testing.T) {
	c, d, p := newPINClient(t)
	c.Channel = reporting(d, func(i *ctap.Info) { i.Options[ctap.OptionMakeCredUVNot] = true })
	o := creation()
	o.Selection = client.Selection{ResidentKey: client.Discouraged, UserVerification: client.Discouraged}
	p.pins = []string{pin}
	wantVerified(t, "demanded", mustCreate(t, c, o).AuthenticatorData)
	wantPrompts(t, "demanded", p, inForce)
}

// TestVerificationOver: a ceremony that ends while a person is asked is over,
// not refused.
func TestVerificationOver(t *testing.T) {
	c, _, _ := newPINClient(t)
	ctx, cancel := context.WithCancel(t.Context())
	c.PIN = func(context.Context, client.PINPrompt) (string, error) { cancel(); return "", errGivesUp }
	_, err := c.Create(ctx, creation(), origin)
	wantName(t, "cancelled at the prompt", err, client.AbortError)
}
