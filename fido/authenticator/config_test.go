package authenticator_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// configure makes a request of authenticatorConfig that carries no token.
func configure(t *testing.T, sub uint64, params *ctap.SetMinPINLengthParams) *ctap.ConfigRequest {
	t.Helper()
	r := &ctap.ConfigRequest{Subcommand: sub}
	if params != nil {
		var err error
		if r.Params, err = params.Encode(); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// authorise adds the token's MAC over the request as it is.
func (a *agreement) authorise(token []byte, r *ctap.ConfigRequest) *ctap.ConfigRequest {
	r.Protocol = &a.protocol
	r.AuthParam = pinuvauth.Authenticate(a.protocol, token, r.AuthMessage())
	return r
}

func withEnterprise(t *testing.T) func(*authenticator.Config) {
	return func(c *authenticator.Config) {
		c.Enterprise = &authenticator.Enterprise{Source: newLeafSource(t), RPIDs: []string{rpID}}
	}
}

func TestConfigCommands(t *testing.T) {
	for name, tc := range map[string]struct {
		changes []func(*authenticator.Config)
		want    []uint64
	}{
		"a phone":         {nil, []uint64{2}},
		"a PIN":           {[]func(*authenticator.Config){withPIN}, []uint64{2, 3}},
		"a PIN elsewhere": {[]func(*authenticator.Config){withCodes(&codes{left: 3})}, []uint64{2}},
		"everything":      {[]func(*authenticator.Config){withPIN, withEnterprise(t)}, []uint64{1, 2, 3}},
	} {
		p := newPlatform(t, append(tc.changes, authtest.WithoutVerification)...)
		info := p.info()
		if diff := cmp.Diff(tc.want, info.AuthenticatorConfigCommands); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
		for sub := range uint64(256) {
			status, _ := p.send(configure(t, sub, &ctap.SetMinPINLengthParams{}))
			if there := status != ctap.ErrInvalidSubcommand; there != slices.Contains(tc.want, sub) {
				t.Errorf("%s: subcommand %d: %v", name, sub, status)
			}
		}
		if _, listed := info.Options["ep"]; listed != slices.Contains(tc.want, 1) {
			t.Errorf("%s: ep listed %v", name, listed)
		}
		if info.Options["setMinPINLength"] != slices.Contains(tc.want, 3) {
			t.Errorf("%s: setMinPINLength %v", name, info.Options["setMinPINLength"])
		}
	}
}

// TestConfigTokens: who can verify the user has to have done so.
func TestConfigTokens(t *testing.T) {
	toggle := func() *ctap.ConfigRequest { return configure(t, ctap.ToggleAlwaysUV, nil) }
	for _, protocol := range bothProtocols {
		p := newPlatform(t, withPIN)
		p.wantStatus(toggle(), ctap.OK) // nobody to protect
		if !p.info().Options["alwaysUv"] {
			t.Error("alwaysUv is off after a toggle")
		}
		p.wantStatus(configure(t, ctap.SetMinPINLength, &ctap.SetMinPINLengthParams{}), ctap.ErrPUATRequired)
		p.wantStatus(toggle(), ctap.OK)
		p.wantStatus(configure(t, ctap.SetMinPINLength, &ctap.SetMinPINLengthParams{}), ctap.OK)

		p.SetPIN(t, rightPIN)
		p.wantStatus(toggle(), ctap.ErrPUATRequired)
		a := p.agree(protocol)
		token := p.tokenByPIN(a, a.pinToken(rightPIN, ctap.PermitAuthenticatorConfig, ""))
		r := a.authorise(token, toggle())
		r.Protocol = nil
		p.wantStatus(r, ctap.ErrMissingParameter)
		r.Protocol = new(uint64(3))
		p.wantStatus(r, ctap.ErrInvalidParameter)
		r.Protocol = new(3 - protocol)
		p.wantStatus(r, ctap.ErrPINAuthInvalid)
		r = a.authorise(token, toggle())
		r.AuthParam[0] ^= 1
		p.wantStatus(r, ctap.ErrPINAuthInvalid)
		r = a.authorise(token, toggle())
		r.Subcommand = ctap.SetMinPINLength // one authorised command is not another
		p.wantStatus(r, ctap.ErrPINAuthInvalid)
		p.wantStatus(a.authorise(token, toggle()), ctap.OK)
		p.wantStatus(a.authorise(token, toggle()), ctap.OK) // a token configures more than once

		other := p.tokenByPIN(a, a.pinToken(rightPIN, ctap.PermitCredentialManagement, ""))
		p.wantStatus(a.authorise(other, toggle()), ctap.ErrPINAuthInvalid)
		p.wantStatus(a.authorise(token, toggle()), ctap.ErrPINAuthInvalid) // a newer token replaced it
	}
}

// TestConfigBytesAsReceived: the MAC is over the bytes that came, which need not
// be those this side would have written.
func TestConfigBytesAsReceived(t *testing.T) {
	p := newPlatform(t, withPIN)
	p.SetPIN(t, rightPIN)
	a := p.agree(pinuvauth.Two)
	token := p.tokenByPIN(a, a.pinToken(rightPIN, ctap.PermitAuthenticatorConfig, ""))
	// newMinPINLength 5 and a member from the future.
	r := &ctap.ConfigRequest{Subcommand: ctap.SetMinPINLength, Params: ctap.Raw{0xA2, 0x01, 0x05, 0x18, 0x63, 0xF5}}
	p.wantStatus(a.authorise(token, r), ctap.OK)
	if got := *p.info().MinPINLength; got != 5 {
		t.Errorf("minimum %d, want 5", got)
	}
}

func TestSetMinPINLength(t *testing.T) {
	yes, no := true, false
	length := func(n uint64) *uint64 { return &n }
	many := make([]string, 9)
	for i := range many {
		many[i] = "example.com"
	}
	for name, tc := range map[string]struct {
		params *ctap.SetMinPINLengthParams
		pin    string // empty: not set
		want   ctap.Status
		min    uint64
		force  bool
	}{
		"nothing at all":      {nil, "", ctap.ErrMissingParameter, 4, false},
		"nothing":             {&ctap.SetMinPINLengthParams{}, "", ctap.OK, 4, false},
		"longer":              {&ctap.SetMinPINLengthParams{NewMinPINLength: length(8)}, "", ctap.OK, 8, false},
		"as it is":            {&ctap.SetMinPINLengthParams{NewMinPINLength: length(4)}, "1234", ctap.OK, 4, false},
		"shorter":             {&ctap.SetMinPINLengthParams{NewMinPINLength: length(3)}, "", ctap.ErrPINPolicyViolation, 4, false},
		"the longest":         {&ctap.SetMinPINLengthParams{NewMinPINLength: length(63)}, "", ctap.OK, 63, false},
		"too long":            {&ctap.SetMinPINLengthParams{NewMinPINLength: length(64)}, "", ctap.ErrPINPolicyViolation, 4, false},
		"longer than the PIN": {&ctap.SetMinPINLengthParams{NewMinPINLength: length(6)}, "12345", ctap.OK, 6, true},
		"as long as the PIN":  {&ctap.SetMinPINLengthParams{NewMinPINLength: length(5)}, "äöüßé", ctap.OK, 5, false},
		"force":               {&ctap.SetMinPINLengthParams{ForceChangePIN: &yes}, "1234", ctap.OK, 4, true},
		"force nothing":       {&ctap.SetMinPINLengthParams{ForceChangePIN: &no}, "1234", ctap.OK, 4, false},
		"force, no PIN":       {&ctap.SetMinPINLengthParams{ForceChangePIN: &yes, NewMinPINLength: length(8)}, "", ctap.ErrPINNotSet, 4, false},
		"nine relying parties": {
			&ctap.SetMinPINLengthParams{RPIDs: many, NewMinPINLength: length(8)}, "", ctap.ErrKeyStoreFull, 4, false,
		},
		"a name too long": {
			&ctap.SetMinPINLengthParams{RPIDs: []string{strings.Repeat("x", 256)}}, "", ctap.ErrInvalidLength, 4, false,
		},
		"a policy that is not here":   {&ctap.SetMinPINLengthParams{PINComplexityPolicy: &yes, NewMinPINLength: length(8)}, "", ctap.ErrInvalidParameter, 4, false},
		"no policy, which is the one": {&ctap.SetMinPINLengthParams{PINComplexityPolicy: &no, NewMinPINLength: length(8)}, "", ctap.OK, 8, false},
	} {
		p := newPlatform(t, withPIN)
		r := configure(t, ctap.SetMinPINLength, tc.params)
		if tc.pin != "" {
			p.SetPIN(t, tc.pin)
			a := p.agree(pinuvauth.Two)
			a.authorise(p.tokenByPIN(a, a.pinToken(tc.pin, ctap.PermitAuthenticatorConfig, "")), r)
		}
		if got, _ := p.send(r); got != tc.want {
			t.Errorf("%s: %v, want %v", name, got, tc.want)
		}
		info := p.info()
		if *info.MinPINLength != tc.min || *info.ForcePINChange != tc.force {
			t.Errorf("%s: minimum %d, forced %v; want %d, %v", name, *info.MinPINLength, *info.ForcePINChange, tc.min, tc.force)
		}
	}
}

// TestMinPINLengthHolds: a longer minimum binds the next PIN, never goes down,
// and outlives the power but not a reset.
func TestMinPINLengthHolds(t *testing.T) {
	p := newPlatform(t, withPIN)
	six := uint64(6)
	p.wantStatus(configure(t, ctap.SetMinPINLength, &ctap.SetMinPINLengthParams{NewMinPINLength: &six, RPIDs: []string{"a.example", "b.example"}}), ctap.OK)
	p.PowerCycle()
	p.wantStatus(p.agree(2).setPIN("12345"), ctap.ErrPINPolicyViolation)
	five := uint64(5)
	p.wantStatus(configure(t, ctap.SetMinPINLength, &ctap.SetMinPINLengthParams{NewMinPINLength: &five}), ctap.ErrPINPolicyViolation)
	list := func() []string {
		s, err := p.Store.State(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s.MinPINLengthRPIDs
	}
	p.wantStatus(configure(t, ctap.SetMinPINLength, &ctap.SetMinPINLengthParams{}), ctap.OK)
	if diff := cmp.Diff([]string{"a.example", "b.example"}, list()); diff != "" {
		t.Errorf("a request that names none: %s", diff)
	}
	p.wantStatus(configure(t, ctap.SetMinPINLength, &ctap.SetMinPINLengthParams{RPIDs: []string{}}), ctap.OK)
	if got := list(); len(got) != 0 {
		t.Errorf("after an empty list: %v", got)
	}
	p.wantStatus(p.agree(2).setPIN("123456"), ctap.OK)
	if status, _ := p.raw([]byte{byte(ctap.Reset)}); status != ctap.OK || *p.info().MinPINLength != 4 {
		t.Errorf("after a reset (%v) the minimum is %d", status, *p.info().MinPINLength)
	}
}

func TestEnterpriseAttestation(t *testing.T) {
	ask := func(mode uint64, rp string) *ctap.MakeCredentialRequest {
		r := mcRequest()
		r.RP.ID, r.EnterpriseAttestation = rp, &mode
		return r
	}
	made := func(p *platform, r *ctap.MakeCredentialRequest) *ctap.MakeCredentialResponse {
		t.Helper()
		status, result := p.send(r)
		if status != ctap.OK {
			t.Fatalf("mode %d for %s: %v", *r.EnterpriseAttestation, r.RP.ID, status)
		}
		resp, err := ctap.DecodeMakeCredentialResponse(result)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	p := newPlatform(t)
	p.wantStatus(ask(1, rpID), ctap.ErrInvalidParameter) // a consumer's authenticator
	ordinary := &attester{formats: []string{"packed"}}
	p = newPlatform(t, withEnterprise(t), func(c *authenticator.Config) { c.Attester = ordinary })
	if on, listed := p.info().Options["ep"]; on || !listed {
		t.Errorf("ep %v, listed %v; want it listed and off", on, listed)
	}
	p.wantStatus(ask(1, rpID), ctap.ErrInvalidParameter)
	p.wantStatus(ask(9, rpID), ctap.ErrInvalidParameter)
	p.wantStatus(configure(t, ctap.EnableEnterpriseAttestation, nil), ctap.ErrPUATRequired)
	a := p.agree(pinuvauth.Two)
	enable := a.authorise(p.token(a, ctap.PermitAuthenticatorConfig, ""), configure(t, ctap.EnableEnterpriseAttestation, nil))
	p.wantStatus(enable, ctap.OK)
	p.wantStatus(enable, ctap.OK)
	if !p.info().Options["ep"] {
		t.Error("ep is off after it was enabled")
	}
	p.User.Asked()
	for _, mode := range []uint64{0, 3} {
		p.wantStatus(ask(mode, rpID), ctap.ErrInvalidOption)
	}
	if asked := p.User.Asked(); len(asked) != 0 {
		t.Errorf("refused after asking %v", asked)
	}
	for _, tc := range []struct {
		mode uint64
		rp   string
		want bool
	}{{1, rpID, true}, {1, "example.org", false}, {2, rpID, true}, {2, "example.org", true}} {
		ordinary.asked = nil
		resp := made(p, ask(tc.mode, tc.rp))
		if resp.EnterpriseAttestation != tc.want || resp.Format != "packed" || (len(ordinary.asked) == 0) != tc.want {
			t.Errorf("mode %d for %s: epAtt %v in %s, ordinary attestation asked %d times", tc.mode, tc.rp, resp.EnterpriseAttestation, resp.Format, len(ordinary.asked))
		}
		for _, r := range ordinary.asked {
			if r.Enterprise {
				t.Error("an ordinary attestation was asked for as an enterprise one")
			}
		}
	}
	if made := p.make(mcRequest()); made.format != "packed" {
		t.Errorf("format %s of a request that asks for nothing", made.format)
	}
	if status, _ := p.raw([]byte{byte(ctap.Reset)}); status != ctap.OK || p.info().Options["ep"] {
		t.Errorf("ep is on after a reset (%v)", status)
	}
}

// TestEnterpriseLeaf: the source of leaves learns what it is for.
func TestEnterpriseLeaf(t *testing.T) {
	source := &askedLeaves{leafSource: newLeafSource(t)}
	p := newPlatform(t, func(c *authenticator.Config) {
		c.Enterprise = &authenticator.Enterprise{Source: source}
	})
	p.changeState(func(s *authenticator.State) { s.EnterpriseAttestation = true })
	r := mcRequest()
	r.EnterpriseAttestation = new(uint64(2))
	r.AttestationFormats = []string{"none"}
	c := p.make(r)
	if len(source.asked) != 1 || !source.asked[0].Enterprise || source.asked[0].Format != "packed" || string(source.asked[0].CredentialID) != string(c.id) {
		t.Errorf("asked for %+v", source.asked)
	}
}
