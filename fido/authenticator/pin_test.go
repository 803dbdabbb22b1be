package authenticator_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

var bothProtocols = []uint64{pinuvauth.One, pinuvauth.Two}

func TestSetAndChangePIN(t *testing.T) {
	for _, protocol := range bothProtocols {
		p := newPlatform(t, withPIN)
		if diff := cmp.Diff(optionsWith(pinOptions), p.info().Options); diff != "" {
			t.Error(diff)
		}
		p.wantStatus(p.agree(protocol).setPIN(rightPIN), ctap.OK)
		if !p.info().Options["clientPin"] {
			t.Error("clientPin is false with a PIN set")
		}
		p.wantStatus(p.agree(protocol).changePIN(rightPIN, "another"), ctap.OK)
		a := p.agree(protocol)
		p.wantStatus(a.oldPINToken(rightPIN), ctap.ErrPINInvalid)
		p.tokenByPIN(p.agree(protocol), p.agree(protocol).oldPINToken("another"))
	}
}

// TestPINCeremonies: a token got by PIN registers and signs in, each time after a
// touch, with the user verified.
func TestPINCeremonies(t *testing.T) {
	for _, protocol := range bothProtocols {
		for name, ask := range map[string]func(*agreement, ctap.Permission) *ctap.ClientPINRequest{
			"getPinToken": func(a *agreement, _ ctap.Permission) *ctap.ClientPINRequest { return a.oldPINToken(rightPIN) },
			"UsingPinWithPermissions": func(a *agreement, p ctap.Permission) *ctap.ClientPINRequest {
				return a.pinToken(rightPIN, p, rpID)
			},
		} {
			p := newPlatform(t, withPIN)
			p.SetPIN(t, rightPIN)
			a := p.agree(protocol)
			mc, _ := withToken(a, p.tokenByPIN(a, ask(a, ctap.PermitMakeCredential)))
			c := p.make(mc)
			_, ga := withToken(a, p.tokenByPIN(a, ask(a, ctap.PermitGetAssertion)))
			if got := p.get(ga, c); got.data.Flags != ctap.FlagUV|ctap.FlagUP || got.User.Name == "" {
				t.Errorf("%s: flags %02x, user %v", name, got.data.Flags, got.User)
			}
			asked := p.User.Asked()
			if len(asked) != 2 || asked[0].Verify || asked[1].Verify {
				t.Errorf("%s: asked %v, want a touch for each ceremony", name, asked)
			}
			p.wantStatus(ga, ctap.ErrPINAuthInvalid) // spent
		}
	}
}

// TestWrongPINs: three misses end guessing until a power cycle, eight for good.
func TestWrongPINs(t *testing.T) {
	p := newPlatform(t, withPIN)
	p.SetPIN(t, rightPIN)
	want := func(retries uint64, cycle bool) {
		t.Helper()
		if r, c := p.pinRetries(); r != retries || c != cycle {
			t.Errorf("%d retries, power cycle %v; want %d, %v", r, c, retries, cycle)
		}
	}
	guesses := func(list ...ctap.Status) {
		t.Helper()
		for _, s := range list {
			if got := p.guess(wrongPIN); got != s {
				t.Errorf("wrong PIN: %v, want %v", got, s)
			}
		}
	}
	want(8, false)
	guesses(ctap.ErrPINInvalid, ctap.ErrPINInvalid)
	want(6, false)
	if got := p.guess(rightPIN); got != ctap.OK {
		t.Errorf("right PIN: %v", got)
	}
	want(8, false)
	guesses(ctap.ErrPINInvalid, ctap.ErrPINInvalid, ctap.ErrPINAuthBlocked)
	want(5, true)
	guesses(ctap.ErrPINAuthBlocked)
	if got := p.guess(rightPIN); got != ctap.ErrPINAuthBlocked {
		t.Errorf("right PIN after three misses: %v", got)
	}
	p.wantStatus(p.agree(1).changePIN(rightPIN, "5555"), ctap.ErrPINAuthBlocked)
	want(5, true) // a refused attempt is none
	p.PowerCycle()
	want(5, false)
	guesses(ctap.ErrPINInvalid, ctap.ErrPINInvalid, ctap.ErrPINAuthBlocked)
	p.PowerCycle()
	guesses(ctap.ErrPINInvalid, ctap.ErrPINBlocked, ctap.ErrPINBlocked)
	want(0, false)
	p.PowerCycle()
	if got := p.guess(rightPIN); got != ctap.ErrPINBlocked {
		t.Errorf("right PIN when blocked: %v", got)
	}
	p.wantStatus(p.agree(1).changePIN(rightPIN, "5555"), ctap.ErrPINBlocked)
	p.wantStatus(p.agree(1).setPIN("5555"), ctap.ErrPINAuthInvalid)
}

// TestMissRegeneratesTheKey: after a miss the platform has to agree anew, under
// that protocol alone.
func TestMissRegeneratesTheKey(t *testing.T) {
	p := newPlatform(t, withPIN)
	p.SetPIN(t, rightPIN)
	one, two := p.agree(1), p.agree(2)
	p.wantStatus(one.oldPINToken(wrongPIN), ctap.ErrPINInvalid)
	p.wantStatus(one.oldPINToken(rightPIN), ctap.ErrPINInvalid)
	p.wantStatus(two.oldPINToken(rightPIN), ctap.OK)
	p.wantStatus(two.oldPINToken(rightPIN), ctap.OK)
}

func TestPINPolicy(t *testing.T) {
	for name, tc := range map[string]struct {
		pin  string
		want ctap.Status
	}{
		"three characters":         {"123", ctap.ErrPINPolicyViolation},
		"three of many bytes":      {"äöü", ctap.ErrPINPolicyViolation},
		"four characters":          {"1234", ctap.OK},
		"four of many bytes":       {"äöüß", ctap.OK},
		"four outside the plane":   {"🔑🔑🔑🔑", ctap.OK},
		"nothing":                  {"", ctap.ErrPINPolicyViolation},
		"63 bytes":                 {strings.Repeat("x", 63), ctap.OK},
		"64 bytes":                 {strings.Repeat("x", 64), ctap.ErrPINPolicyViolation},
		"63 bytes, few characters": {strings.Repeat("ä", 31) + "x", ctap.OK},
		"not UTF-8":                {"abc\xff\xfe", ctap.ErrPINPolicyViolation},
	} {
		for _, protocol := range bothProtocols {
			p := newPlatform(t, withPIN)
			if got, _ := p.send(p.agree(protocol).setPIN(tc.pin)); got != tc.want {
				t.Errorf("set %s: %v, want %v", name, got, tc.want)
			}
			if set := p.info().Options["clientPin"]; set != (tc.want == ctap.OK) {
				t.Errorf("set %s: clientPin %v", name, set)
			}
			p = newPlatform(t, withPIN)
			p.SetPIN(t, "first")
			if got, _ := p.send(p.agree(protocol).changePIN("first", tc.pin)); got != tc.want {
				t.Errorf("change to %s: %v, want %v", name, got, tc.want)
			}
			if tc.want != ctap.OK && p.guess("first") != ctap.OK {
				t.Errorf("change to %s: the PIN in force is gone", name)
			}
		}
	}
}

// TestPaddedPIN: what is decrypted has to be 64 bytes.
func TestPaddedPIN(t *testing.T) {
	for _, protocol := range bothProtocols {
		for _, tc := range []struct {
			size int
			want ctap.Status
		}{{48, ctap.ErrInvalidParameter}, {80, ctap.ErrInvalidParameter}, {64, ctap.OK}} {
			p := newPlatform(t, withPIN)
			a := p.agree(protocol)
			r := a.setPIN(rightPIN)
			padded := make([]byte, tc.size)
			copy(padded, rightPIN)
			r.NewPINEnc = a.encrypt(padded)
			a.sign(r)
			if got, _ := p.send(r); got != tc.want {
				t.Errorf("%d bytes: %v, want %v", tc.size, got, tc.want)
			}
		}
		p := newPlatform(t, withPIN)
		a := p.agree(protocol)
		r := a.setPIN(rightPIN)
		r.NewPINEnc = r.NewPINEnc[:len(r.NewPINEnc)-1]
		a.sign(r)
		p.wantStatus(r, ctap.ErrPINAuthInvalid) // nothing an encryption gives
	}
}

// TestPINHashThatIsNone: a hash of a wrong size is a wrong PIN, and counts.
func TestPINHashThatIsNone(t *testing.T) {
	for _, protocol := range bothProtocols {
		for name, enc := range map[string]func(*agreement) []byte{
			"empty":     func(*agreement) []byte { return []byte{} },
			"cut":       func(a *agreement) []byte { return a.pinHashEnc(rightPIN)[:15] },
			"two PINs":  func(a *agreement) []byte { return a.encrypt(make([]byte, 32)) },
			"no blocks": func(a *agreement) []byte { return a.encrypt(nil) },
		} {
			p := newPlatform(t, withPIN)
			p.SetPIN(t, rightPIN)
			a := p.agree(protocol)
			r := a.oldPINToken(rightPIN)
			r.PINHashEnc = enc(a)
			p.wantStatus(r, ctap.ErrPINInvalid)
			if left, _ := p.pinRetries(); left != 7 {
				t.Errorf("%s: %d retries, want 7", name, left)
			}
		}
	}
}

// TestWithoutPINs: an authenticator that cannot have a PIN has none of its
// subcommands, and one without built-in verification none of those.
func TestWithoutPINs(t *testing.T) {
	phone := newPlatform(t)
	for _, sub := range []uint64{ctap.GetPINRetries, ctap.SetPIN, ctap.ChangePIN, ctap.GetPINToken, ctap.GetTokenUsingPIN} {
		phone.wantStatus(&ctap.ClientPINRequest{Protocol: new(uint64(2)), Subcommand: sub}, ctap.ErrInvalidSubcommand)
	}
	if _, ok := phone.info().Options["clientPin"]; ok {
		t.Error("clientPin is listed")
	}
	key := newPlatform(t, withPIN)
	for _, sub := range []uint64{ctap.GetTokenUsingUV, ctap.GetUVRetries} {
		key.wantStatus(&ctap.ClientPINRequest{Protocol: new(uint64(2)), Subcommand: sub}, ctap.ErrInvalidSubcommand)
	}
}

// TestForcedPINChange: the PIN in force is good for nothing but its change.
func TestForcedPINChange(t *testing.T) {
	for _, protocol := range bothProtocols {
		p := newPlatform(t, withPIN)
		p.SetPIN(t, rightPIN)
		p.changeState(func(s *authenticator.State) { s.ForcePINChange = true })
		if !*p.info().ForcePINChange {
			t.Error("forcePINChange is false")
		}
		p.wantStatus(p.agree(protocol).oldPINToken(rightPIN), ctap.ErrPINInvalid)
		p.wantStatus(p.agree(protocol).pinToken(rightPIN, ctap.PermitGetAssertion, rpID), ctap.ErrPINPolicyViolation)
		if left, _ := p.pinRetries(); left != 8 {
			t.Errorf("%d retries, want 8: the PIN was right", left)
		}
		p.wantStatus(p.agree(protocol).changePIN(rightPIN, rightPIN), ctap.ErrPINPolicyViolation)
		p.wantStatus(p.agree(protocol).changePIN(rightPIN, "9999"), ctap.OK)
		if *p.info().ForcePINChange {
			t.Error("forcePINChange is true after the change")
		}
		p.wantStatus(p.agree(protocol).changePIN("9999", "9999"), ctap.OK) // the same one, of one's own will
		p.wantStatus(p.agree(protocol).pinToken("9999", ctap.PermitGetAssertion, rpID), ctap.OK)
	}
}

// TestChangeEndsTokens: what was got by the old PIN is worth nothing.
func TestChangeEndsTokens(t *testing.T) {
	p := newPlatform(t, withPIN)
	p.SetPIN(t, rightPIN)
	a := p.agree(2)
	_, ga := withToken(a, p.tokenByPIN(a, a.pinToken(rightPIN, ctap.PermitGetAssertion, rpID)))
	p.wantStatus(p.agree(1).changePIN(rightPIN, "9999"), ctap.OK)
	p.wantStatus(ga, ctap.ErrPINAuthInvalid)
}

// TestNoCeremoniesByPIN is noMcGaPermissionsWithClientPin.
func TestNoCeremoniesByPIN(t *testing.T) {
	p := newPlatform(t, authtest.WithPIN, func(c *authenticator.Config) { c.NoCeremoniesByPIN = true })
	if !p.info().Options["noMcGaPermissionsWithClientPin"] {
		t.Error("the option is not listed")
	}
	p.SetPIN(t, rightPIN)
	a := p.agree(2)
	for _, permissions := range []ctap.Permission{1, 2, 3, 6} {
		p.wantStatus(a.pinToken(rightPIN, permissions, rpID), ctap.ErrUnauthorizedPermission)
	}
	p.wantStatus(a.pinToken(rightPIN, ctap.PermitCredentialManagement, ""), ctap.OK)
	_, ga := withToken(a, p.tokenByPIN(a, a.oldPINToken(rightPIN)))
	p.wantStatus(ga, ctap.ErrPINAuthInvalid) // a token without permissions
	// No PIN helps a ceremony, so none is asked for.
	r := mcRequest()
	r.Options = nil
	p.wantStatus(r, ctap.ErrOperationDenied)
}

// TestPINSecretsAreNotKept: the store gets no PIN, and the answer to nobody's
// request holds its hash.
func TestPINSecretsAreNotKept(t *testing.T) {
	p := newPlatform(t, withPIN)
	p.SetPIN(t, "a rather long PIN")
	s, err := p.Store.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(s.PINHash) != 16 || s.PINLength != 17 || bytes.Contains(s.PINHash, []byte("PIN")) {
		t.Errorf("kept %x of %d characters", s.PINHash, s.PINLength)
	}
}
