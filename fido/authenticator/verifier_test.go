package authenticator_test

import (
	"context"
	"crypto/sha256"
	"errors"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/ctap"
)

// codes verifies one-time codes, the first of the list being the next.
type codes struct {
	next  []string
	left  uint64
	tried int
	err   error
}

func withCodes(v *codes) func(*authenticator.Config) {
	return func(c *authenticator.Config) {
		authtest.WithoutVerification(c)
		c.PINVerifier = v
	}
}

func (c *codes) Retries(context.Context) (uint64, error) { return c.left, c.err }

func (c *codes) Try(_ context.Context, hash [authenticator.PINHashSize]byte) (bool, error) {
	if c.err != nil {
		return false, c.err
	}
	c.tried++
	c.left--
	if len(c.next) == 0 {
		return false, nil
	}
	if sum := sha256.Sum256([]byte(c.next[0])); [authenticator.PINHashSize]byte(sum[:authenticator.PINHashSize]) != hash {
		return false, nil
	}
	c.next, c.left = c.next[1:], 5
	return true, nil
}

// TestPINVerifier: a PIN that is kept elsewhere is always set, is set by nobody
// here, and is judged elsewhere; the limit between power cycles stays here.
func TestPINVerifier(t *testing.T) {
	v := &codes{next: []string{"111111", "222222"}, left: 5}
	p := newPlatform(t, withCodes(v))
	info := p.info()
	if !info.Options["clientPin"] || info.Options["setMinPINLength"] || info.ForcePINChange != nil || info.MinPINLength == nil {
		t.Errorf("options %v", info.Options)
	}
	p.wantStatus(p.agree(2).setPIN("5555"), ctap.ErrPINAuthInvalid)
	p.wantStatus(p.agree(2).changePIN("111111", "5555"), ctap.ErrNotAllowed)
	if v.tried != 0 {
		t.Errorf("tried %d times by refused requests", v.tried)
	}
	a := p.agree(2)
	mc, _ := withToken(a, p.tokenByPIN(a, a.pinToken("111111", ctap.PermitMakeCredential, rpID)))
	c := p.make(mc)
	if got := p.guess("111111"); got != ctap.ErrPINInvalid {
		t.Errorf("a code used twice: %v", got)
	}
	a = p.agree(1)
	_, ga := withToken(a, p.tokenByPIN(a, a.oldPINToken("222222")))
	p.get(ga, c)
	for _, want := range []ctap.Status{ctap.ErrPINInvalid, ctap.ErrPINInvalid, ctap.ErrPINAuthBlocked, ctap.ErrPINAuthBlocked} {
		if got := p.guess("333333"); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	p.PowerCycle()
	for _, want := range []ctap.Status{ctap.ErrPINInvalid, ctap.ErrPINBlocked, ctap.ErrPINBlocked} {
		if got := p.guess("333333"); got != want {
			t.Errorf("%v, want %v", got, want)
		}
	}
	if left, _ := p.pinRetries(); left != 0 || v.tried != 8 {
		t.Errorf("%d left after %d tries", left, v.tried)
	}
}

// TestPINVerifierFails: an error is no answer.
func TestPINVerifierFails(t *testing.T) {
	v := &codes{next: []string{"111111"}, left: 5}
	p := newPlatform(t, withCodes(v))
	a := p.agree(2)
	r := a.oldPINToken("111111")
	v.err = errors.New("the disk is gone")
	p.wantStatus(r, ctap.ErrOther)
	p.wantStatus(&ctap.ClientPINRequest{Subcommand: ctap.GetPINRetries}, ctap.ErrOther)
	v.err = nil
	p.wantStatus(r, ctap.OK)
}
