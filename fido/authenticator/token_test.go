package authenticator_test

import (
	"context"
	"testing"
	"time"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

func withToken(a *agreement, token []byte) (*ctap.MakeCredentialRequest, *ctap.GetAssertionRequest) {
	mc, ga := mcRequest(), gaRequest()
	mc.Options, ga.Options = map[string]bool{"rk": true}, nil
	mc.PINUVAuthParam, mc.PINUVAuthProtocol = a.param(token), &a.protocol
	ga.PINUVAuthParam, ga.PINUVAuthProtocol = a.param(token), &a.protocol
	return mc, ga
}

func TestTokenCeremonies(t *testing.T) {
	for _, protocol := range []uint64{pinuvauth.One, pinuvauth.Two} {
		p := newPlatform(t)
		a := p.agree(protocol)
		mc, _ := withToken(a, p.token(a, ctap.PermitMakeCredential, rpID))
		c := p.make(mc)
		if c.data.Flags&(ctap.FlagUV|ctap.FlagUP) != ctap.FlagUV|ctap.FlagUP {
			t.Errorf("protocol %d: flags %02x", protocol, c.data.Flags)
		}
		_, ga := withToken(a, p.token(a, ctap.PermitGetAssertion, rpID))
		if got := p.get(ga, c); got.data.Flags != ctap.FlagUV|ctap.FlagUP {
			t.Errorf("protocol %d: flags %02x", protocol, got.data.Flags)
		}
		asked := p.User.Asked()
		if len(asked) != 2 || !asked[0].Verify || !asked[1].Verify {
			t.Errorf("protocol %d: asked %v, want one verification for each ceremony", protocol, asked)
		}
		if asked[0].Reason != authenticator.ReasonRegister || asked[1].Reason != authenticator.ReasonSignIn || asked[1].RPID != rpID || len(asked[1].Accounts) != 1 {
			t.Errorf("protocol %d: asked %v", protocol, asked)
		}
		p.wantStatus(ga, ctap.ErrPINAuthInvalid) // a ceremony spends its token
	}
}

func TestTokenRefusals(t *testing.T) {
	other := func(protocol uint64) *uint64 { o := 3 - protocol; return &o }
	for name, tc := range map[string]struct {
		permissions ctap.Permission
		rpID        string
		change      func(*platform, *ctap.GetAssertionRequest)
	}{
		"another permission":     {ctap.PermitMakeCredential, rpID, nil},
		"another relying party":  {ctap.PermitGetAssertion, "example.org", nil},
		"another protocol":       {ctap.PermitGetAssertion, rpID, func(_ *platform, g *ctap.GetAssertionRequest) { g.PINUVAuthProtocol = other(*g.PINUVAuthProtocol) }},
		"wrong param":            {ctap.PermitGetAssertion, rpID, func(_ *platform, g *ctap.GetAssertionRequest) { g.PINUVAuthParam[0] ^= 1 }},
		"param cut":              {ctap.PermitGetAssertion, rpID, func(_ *platform, g *ctap.GetAssertionRequest) { g.PINUVAuthParam = g.PINUVAuthParam[:15] }},
		"not used for 31 s":      {ctap.PermitGetAssertion, rpID, func(p *platform, _ *ctap.GetAssertionRequest) { p.Clock.Advance(31 * time.Second) }},
		"clock set back":         {ctap.PermitGetAssertion, rpID, func(p *platform, _ *ctap.GetAssertionRequest) { p.Clock.Advance(-time.Second) }},
		"power cycle":            {ctap.PermitGetAssertion, rpID, func(p *platform, _ *ctap.GetAssertionRequest) { p.PowerCycle() }},
		"a newer token replaced": {ctap.PermitGetAssertion, rpID, func(p *platform, _ *ctap.GetAssertionRequest) { p.token(p.agree(1), ctap.PermitGetAssertion, rpID) }},
	} {
		for _, protocol := range []uint64{pinuvauth.One, pinuvauth.Two} {
			p := newPlatform(t)
			p.make(mcRequest())
			a := p.agree(protocol)
			_, ga := withToken(a, p.token(a, tc.permissions, tc.rpID))
			if tc.change != nil {
				tc.change(p, ga)
			}
			if status, _ := p.send(ga); status != ctap.ErrPINAuthInvalid {
				t.Errorf("%s, protocol %d: %v", name, protocol, status)
			}
		}
	}
}

// TestTokenLife: a token that was used lives on for ten minutes, but the gesture
// behind it counts for thirty seconds.
func TestTokenLife(t *testing.T) {
	p := newPlatform(t)
	c := p.make(mcRequest())
	a := p.agree(pinuvauth.Two)
	_, ga := withToken(a, p.token(a, ctap.PermitGetAssertion, rpID))
	ga.Options = map[string]bool{"up": false}
	p.get(ga, c) // a silent search does not spend the token
	p.Clock.Advance(599 * time.Second)
	p.get(ga, c)
	p.User.Asked()
	ga.Options = nil
	p.get(ga, c)
	if asked := p.User.Asked(); len(asked) != 1 || asked[0].Verify {
		t.Errorf("asked %v, want presence once more", asked)
	}

	_, ga = withToken(a, p.token(a, ctap.PermitGetAssertion, rpID))
	ga.Options = map[string]bool{"up": false}
	p.get(ga, c)
	p.Clock.Advance(601 * time.Second)
	p.wantStatus(ga, ctap.ErrPINAuthInvalid)
}

func TestTokenRequests(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*ctap.ClientPINRequest)
		want   ctap.Status
	}{
		"no protocol":        {func(r *ctap.ClientPINRequest) { r.Protocol = nil }, ctap.ErrMissingParameter},
		"no key":             {func(r *ctap.ClientPINRequest) { r.KeyAgreement = nil }, ctap.ErrMissingParameter},
		"no permissions":     {func(r *ctap.ClientPINRequest) { r.Permissions = nil }, ctap.ErrMissingParameter},
		"no rpId":            {func(r *ctap.ClientPINRequest) { r.RPID = nil }, ctap.ErrMissingParameter},
		"zero permissions":   {func(r *ctap.ClientPINRequest) { r.Permissions = new(ctap.Permission(0)) }, ctap.ErrInvalidParameter},
		"protocol 3":         {func(r *ctap.ClientPINRequest) { r.Protocol = new(uint64(3)) }, ctap.ErrInvalidParameter},
		"feature not here":   {func(r *ctap.ClientPINRequest) { r.Permissions = new(ctap.PermitBioEnrollment) }, ctap.ErrUnauthorizedPermission},
		"one of two missing": {func(r *ctap.ClientPINRequest) { r.Permissions = new(ctap.Permission(0x0A)) }, ctap.ErrUnauthorizedPermission},
		"key off the curve":  {func(r *ctap.ClientPINRequest) { r.KeyAgreement[len(r.KeyAgreement)-1] ^= 1 }, ctap.ErrInvalidParameter},
	} {
		p := newPlatform(t)
		r := p.agree(pinuvauth.Two).tokenRequest(ctap.PermitGetAssertion, rpID)
		tc.change(r)
		p.wantStatus(r, tc.want)
		if asked := p.User.Asked(); len(asked) != 0 {
			t.Errorf("%s: the user was asked", name)
		}
	}
	// What nobody has defined is ignored.
	undefined := newPlatform(t)
	undefined.wantStatus(undefined.agree(pinuvauth.Two).tokenRequest(0x8002, rpID), ctap.OK)

	p := newPlatform(t)
	notSetUp := authenticator.VerificationNotSetUp
	p.User.State = &notSetUp
	p.wantStatus(p.agree(pinuvauth.Two).tokenRequest(ctap.PermitGetAssertion, rpID), ctap.ErrNotAllowed)
}

// TestVerificationRetries: failures lock verification, and no power cycle unlocks
// it.
func TestVerificationRetries(t *testing.T) {
	p := newPlatform(t)
	a := p.agree(pinuvauth.Two)
	r := a.tokenRequest(ctap.PermitGetAssertion, rpID)
	retries := func() uint64 {
		status, result := p.send(&ctap.ClientPINRequest{Subcommand: ctap.GetUVRetries})
		if status != ctap.OK {
			t.Fatalf("getUVRetries: %v", status)
		}
		resp, err := ctap.DecodeClientPINResponse(result)
		if err != nil {
			t.Fatal(err)
		}
		return *resp.UVRetries
	}
	all := retries()
	fail := func(context.Context, authenticator.Prompt, bool) error { return authenticator.ErrNotVerified }
	p.User.Answer = fail
	p.wantStatus(r, ctap.ErrUVInvalid)
	if got := retries(); got != all-1 {
		t.Errorf("retries %d, want %d", got, all-1)
	}
	p.User.Answer = nil
	p.wantStatus(r, ctap.OK)
	if got := retries(); got != all {
		t.Errorf("retries %d after success, want %d", got, all)
	}
	p.User.Answer = fail
	for range all - 1 {
		p.wantStatus(r, ctap.ErrUVInvalid)
	}
	p.wantStatus(r, ctap.ErrUVBlocked)
	p.User.Answer = nil
	p.wantStatus(r, ctap.ErrUVBlocked)
	p.wantStatus(mcRequest(), ctap.ErrOperationDenied)
	p.PowerCycle()
	p.wantStatus(p.agree(pinuvauth.Two).tokenRequest(ctap.PermitGetAssertion, rpID), ctap.ErrUVBlocked)
	if got := retries(); got != 0 {
		t.Errorf("retries %d after a power cycle, want 0", got)
	}
}

func TestVerificationNotConfigured(t *testing.T) {
	p := newPlatform(t, noVerification)
	p.wantStatus(mcRequest(), ctap.ErrInvalidOption)
	r := mcRequest()
	delete(r.Options, "uv")
	c := p.make(r)
	if c.data.Flags&ctap.FlagUV != 0 {
		t.Error("UV is set without verification")
	}
	p.wantStatus(gaRequest(), ctap.ErrInvalidOption)
}

// TestCeremonySpendsPermissions: after a ceremony a token permits nothing but
// writing large blobs (CTAP 2.1 §6.1.2 step 14).
func TestCeremonySpendsPermissions(t *testing.T) {
	all := ctap.PermitMakeCredential | ctap.PermitGetAssertion | ctap.PermitCredentialManagement | ctap.PermitLargeBlobWrite | ctap.PermitAuthenticatorConfig
	for _, ceremony := range []string{"none", "register", "sign in", "silent"} {
		p := newPlatform(t, withPIN, func(c *authenticator.Config) { c.MaxLargeBlobs = ctap.MinLargeBlobCapacity })
		p.make(unverified())
		p.SetPIN(t, rightPIN)
		a := p.agree(pinuvauth.Two)
		token := p.tokenByPIN(a, a.pinToken(rightPIN, all, rpID))
		mc, ga := withToken(a, token)
		spent := ceremony == "register" || ceremony == "sign in"
		switch ceremony {
		case "register":
			p.wantStatus(mc, ctap.OK)
		case "silent":
			ga.Options = map[string]bool{"up": false}
			p.wantStatus(ga, ctap.OK)
			ga.Options = nil
		case "sign in":
			p.wantStatus(ga, ctap.OK)
		}
		want := ctap.OK
		if spent {
			want = ctap.ErrPINAuthInvalid
		}
		p.wantStatus(a.authorise(token, configure(t, ctap.ToggleAlwaysUV, nil)), want)
		list := &ctap.CredentialManagementRequest{Subcommand: ctap.EnumerateCredentialsBegin, Protocol: &a.protocol}
		hash := ctap.HashRPID(rpID)
		var err error
		if list.Params, err = (&ctap.CredentialManagementParams{RPIDHash: &hash}).Encode(); err != nil {
			t.Fatal(err)
		}
		list.AuthParam = pinuvauth.Authenticate(a.protocol, token, list.AuthMessage())
		p.wantStatus(list, want)
		blob := ctap.SealLargeBlobArray([]byte{0x80})
		p.wantStatus(&ctap.LargeBlobsRequest{
			Set: blob, Offset: new(uint64(0)), Length: new(uint64(len(blob))), Protocol: &a.protocol,
			AuthParam: pinuvauth.Authenticate(a.protocol, token, ctap.LargeBlobsAuthMessage(0, blob)),
		}, ctap.OK)
		p.wantStatus(ga, want)
	}
}

// unverified is a registration nobody is verified for.
func unverified() *ctap.MakeCredentialRequest {
	r := mcRequest()
	r.Options = map[string]bool{"rk": true}
	return r
}
