package authenticator_test

import (
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

const (
	pinNone = iota
	pinUnset
	pinIs
)

// door is an authenticator in some state, and what it answers to a registration
// and to a sign-in that bring no token.
type door struct {
	name     string
	uv       authenticator.Verification
	pin      int
	noMcGa   bool
	alwaysUV bool
	lockedUV bool
	answer   error           // of the user, where not yes
	options  map[string]bool // of the request
	register ctap.Status
	signIn   ctap.Status
	verified bool // what succeeds has UV set
}

var (
	askUV  = map[string]bool{"uv": true}
	silent = map[string]bool{"up": false}
)

const (
	none     = authenticator.VerificationNone
	notSetUp = authenticator.VerificationNotSetUp
	ready    = authenticator.VerificationReady

	ok      = ctap.OK
	denied  = ctap.ErrOperationDenied
	puat    = ctap.ErrPUATRequired
	invalid = ctap.ErrInvalidOption
)

var doors = []door{
	// Not protected.
	{name: "nothing", uv: none, register: ok, signIn: ok},
	{name: "nothing, uv asked", uv: none, options: askUV, register: invalid, signIn: invalid},
	{name: "PIN not set", uv: none, pin: pinUnset, register: ok, signIn: ok},
	{name: "PIN not set, uv asked", uv: none, pin: pinUnset, options: askUV, register: invalid, signIn: invalid},
	{name: "uv not set up", uv: notSetUp, options: askUV, register: invalid, signIn: invalid},
	// Protected.
	{name: "uv", uv: ready, register: denied, signIn: ok},
	{name: "uv asked", uv: ready, options: askUV, register: ok, signIn: ok, verified: true},
	{name: "PIN", uv: none, pin: pinIs, register: puat, signIn: ok},
	{name: "PIN, uv asked", uv: none, pin: pinIs, options: askUV, register: invalid, signIn: invalid},
	{name: "PIN, uv not set up", uv: notSetUp, pin: pinIs, register: puat, signIn: ok},
	{name: "PIN and uv", uv: ready, pin: pinIs, register: puat, signIn: ok},
	{name: "PIN and uv, asked", uv: ready, pin: pinIs, options: askUV, register: ok, signIn: ok, verified: true},
	{name: "PIN without ceremonies", uv: none, pin: pinIs, noMcGa: true, register: denied, signIn: ok},
	{name: "PIN without ceremonies and uv", uv: ready, pin: pinIs, noMcGa: true, register: denied, signIn: ok},
	{name: "PIN without ceremonies and uv, asked", uv: ready, pin: pinIs, noMcGa: true, options: askUV, register: ok, signIn: ok, verified: true},
	// alwaysUv.
	{name: "always, nothing", uv: none, alwaysUV: true, register: denied, signIn: denied},
	{name: "always, nothing, silent", uv: none, alwaysUV: true, options: silent, register: invalid, signIn: ok},
	{name: "always, PIN not set", uv: none, pin: pinUnset, alwaysUV: true, register: puat, signIn: puat},
	{name: "always, uv", uv: ready, alwaysUV: true, register: ok, signIn: ok, verified: true},
	{name: "always, PIN", uv: none, pin: pinIs, alwaysUV: true, register: puat, signIn: puat},
	{name: "always, PIN, silent", uv: none, pin: pinIs, alwaysUV: true, options: silent, register: invalid, signIn: ok},
	{name: "always, PIN and uv", uv: ready, pin: pinIs, alwaysUV: true, register: ok, signIn: ok, verified: true},
	{name: "always, PIN without ceremonies", uv: none, pin: pinIs, noMcGa: true, alwaysUV: true, register: denied, signIn: denied},
	{name: "always, uv not set up", uv: notSetUp, alwaysUV: true, register: denied, signIn: denied},
	{name: "always, PIN, uv not set up", uv: notSetUp, pin: pinIs, alwaysUV: true, register: puat, signIn: puat},
	// Verification fails.
	{name: "locked", uv: ready, lockedUV: true, options: askUV, register: denied, signIn: denied},
	{name: "locked, PIN", uv: ready, pin: pinIs, lockedUV: true, options: askUV, register: puat, signIn: puat},
	{name: "locked, PIN without ceremonies", uv: ready, pin: pinIs, noMcGa: true, lockedUV: true, options: askUV, register: denied, signIn: denied},
	{name: "always, locked, PIN", uv: ready, pin: pinIs, alwaysUV: true, lockedUV: true, register: puat, signIn: puat},
	{name: "not verified", uv: ready, answer: authenticator.ErrNotVerified, options: askUV, register: denied, signIn: denied},
	{name: "not verified, PIN", uv: ready, pin: pinIs, answer: authenticator.ErrNotVerified, options: askUV, register: puat, signIn: puat},
	{name: "locked by the sensor, PIN", uv: ready, pin: pinIs, answer: authenticator.ErrLockedOut, options: askUV, register: puat, signIn: puat},
	{name: "refused, PIN", uv: ready, pin: pinIs, answer: authenticator.ErrDenied, options: askUV, register: denied, signIn: denied},
	{name: "no answer, PIN", uv: ready, pin: pinIs, answer: authenticator.ErrTimeout, options: askUV, register: ctap.ErrUserActionTimeout, signIn: ctap.ErrUserActionTimeout},
}

// open makes the authenticator of a door, with one credential in it.
func (d *door) open(t *testing.T) (*platform, *credential) {
	t.Helper()
	p := newPlatform(t, func(c *authenticator.Config) { c.PIN, c.NoCeremoniesByPIN = d.pin != pinNone, d.noMcGa })
	c := p.make(mcRequest())
	if d.pin == pinIs {
		p.SetPIN(t, rightPIN)
	}
	p.changeState(func(s *authenticator.State) {
		s.AlwaysUV = d.alwaysUV
		if d.lockedUV {
			s.UVFailures = 25
		}
	})
	p.User.State = &d.uv
	p.User.Asked()
	if d.answer != nil {
		p.User.Answer = authtest.Refuse(d.answer)
	}
	return p, c
}

// TestGate: who may pass without a token, and that who may not is told so before
// the user is asked for anything.
func TestGate(t *testing.T) {
	for _, d := range doors {
		p, c := d.open(t)
		mc, ga := mcRequest(), gaRequest()
		mc.Options, ga.Options = d.options, d.options
		ga.AllowList = []ctap.CredentialDescriptor{c.descriptor()}
		for _, ceremony := range []struct {
			name    string
			request request
			want    ctap.Status
		}{{"register", mc, d.register}, {"sign in", ga, d.signIn}} {
			status, result := p.send(ceremony.request)
			if status != ceremony.want {
				t.Errorf("%s, %s: %v, want %v", d.name, ceremony.name, status, ceremony.want)
				continue
			}
			if asked := p.User.Asked(); status != ok && d.answer == nil && len(asked) != 0 {
				t.Errorf("%s, %s: refused after asking %v", d.name, ceremony.name, asked)
			}
			if status != ok {
				continue
			}
			if flags := flagsOf(t, ceremony.request, result); (flags&ctap.FlagUV != 0) != d.verified {
				t.Errorf("%s, %s: flags %02x", d.name, ceremony.name, flags)
			}
		}
	}
}

func flagsOf(t *testing.T, r request, result []byte) ctap.Flags {
	t.Helper()
	var authData []byte
	if _, registration := r.(*ctap.MakeCredentialRequest); registration {
		resp, err := ctap.DecodeMakeCredentialResponse(result)
		if err != nil {
			t.Fatal(err)
		}
		authData = resp.AuthData
	} else {
		resp, err := ctap.DecodeGetAssertionResponse(result)
		if err != nil {
			t.Fatal(err)
		}
		authData = resp.AuthData
	}
	data, err := ctap.ParseAuthenticatorData(authData)
	if err != nil {
		t.Fatal(err)
	}
	return data.Flags
}

// TestEmptyParam: an empty pinUvAuthParam asks for a touch and then tells whether
// there is a PIN, whatever else is wrong with the request.
func TestEmptyParam(t *testing.T) {
	for state, want := range map[int]ctap.Status{pinNone: ctap.ErrPINNotSet, pinUnset: ctap.ErrPINNotSet, pinIs: ctap.ErrPINInvalid} {
		d := door{uv: none, pin: state, alwaysUV: true}
		p, _ := d.open(t)
		mc, ga := mcRequest(), gaRequest()
		mc.Options, ga.Options = nil, nil
		mc.PINUVAuthParam, ga.PINUVAuthParam = []byte{}, []byte{}
		mc.PINUVAuthProtocol = new(uint64(7))
		for _, r := range []request{mc, ga} {
			p.wantStatus(r, want)
			asked := p.User.Asked()
			if len(asked) != 1 || asked[0].Reason != authenticator.ReasonSelect {
				t.Errorf("asked %v, want one touch", asked)
			}
		}
		p.User.Answer = authtest.Refuse(authenticator.ErrDenied)
		p.wantStatus(mc, denied)
		p.wantStatus(ga, denied)
	}
}

// TestTokenBeatsUVOption: beside a token the option "uv" does not count, and
// alwaysUv is content with a token.
func TestTokenBeatsUVOption(t *testing.T) {
	for _, always := range []bool{false, true} {
		d := door{uv: none, pin: pinIs, alwaysUV: always}
		p, _ := d.open(t)
		a := p.agree(pinuvauth.Two)
		mc, _ := withToken(a, p.tokenByPIN(a, a.pinToken(rightPIN, ctap.PermitMakeCredential, rpID)))
		mc.Options = map[string]bool{"rk": true, "uv": true}
		c := p.make(mc)
		_, ga := withToken(a, p.tokenByPIN(a, a.pinToken(rightPIN, ctap.PermitGetAssertion, rpID)))
		ga.Options = askUV
		if got := p.get(ga, c); got.data.Flags != ctap.FlagUP|ctap.FlagUV {
			t.Errorf("flags %02x", got.data.Flags)
		}
		for _, q := range p.User.Asked() {
			if q.Verify {
				t.Errorf("asked %v", q)
			}
		}
	}
}

// TestVerificationUnlocks: a right PIN gives built-in verification its tries
// back, a blocked PIN takes them.
func TestVerificationUnlocks(t *testing.T) {
	uvRetries := func(p *platform) uint64 {
		t.Helper()
		_, result := p.send(&ctap.ClientPINRequest{Subcommand: ctap.GetUVRetries})
		resp, err := ctap.DecodeClientPINResponse(result)
		if err != nil {
			t.Fatal(err)
		}
		return *resp.UVRetries
	}
	p := newPlatform(t, authtest.WithPIN)
	p.SetPIN(t, rightPIN)
	p.User.Answer = authtest.Refuse(authenticator.ErrNotVerified)
	for left := range uint64(5) {
		if got := uvRetries(p); got != 5-left {
			t.Errorf("%d retries, want %d", got, 5-left)
		}
		want := ctap.ErrUVInvalid
		if left == 4 {
			want = ctap.ErrUVBlocked
		}
		p.wantStatus(p.agree(2).tokenRequest(ctap.PermitGetAssertion, rpID), want)
	}
	p.PowerCycle()
	p.User.Answer = nil
	p.wantStatus(p.agree(2).tokenRequest(ctap.PermitGetAssertion, rpID), ctap.ErrUVBlocked)
	if p.guess(rightPIN) != ctap.OK || uvRetries(p) != 5 {
		t.Error("the right PIN does not unlock verification")
	}
	p.wantStatus(p.agree(2).tokenRequest(ctap.PermitGetAssertion, rpID), ctap.OK)

	p.changeState(func(s *authenticator.State) { s.PINFailures = 8 })
	if got := uvRetries(p); got != 0 {
		t.Errorf("%d retries with the PIN blocked, want 0", got)
	}
	p.wantStatus(p.agree(2).tokenRequest(ctap.PermitGetAssertion, rpID), ctap.ErrUVBlocked)
}
