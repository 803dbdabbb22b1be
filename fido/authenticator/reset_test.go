package authenticator_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/authenticator/authtest"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

var resetRequest = []byte{byte(ctap.Reset)}

func TestResetWindow(t *testing.T) {
	for _, tc := range []struct {
		window, age time.Duration
		want        ctap.Status
	}{
		{0, 0, ctap.OK},
		{0, 10 * time.Second, ctap.OK},
		{0, 10*time.Second + 1, ctap.ErrNotAllowed},
		{0, -time.Second, ctap.ErrNotAllowed}, // a clock set back
		{time.Minute, 59 * time.Second, ctap.OK},
		{time.Minute, 61 * time.Second, ctap.ErrNotAllowed},
		{-1, 365 * 24 * time.Hour, ctap.OK},
	} {
		p := newPlatform(t, func(c *authenticator.Config) { c.ResetWindow = tc.window })
		p.Clock.Advance(time.Hour)
		p.PowerCycle()
		p.Clock.Advance(tc.age)
		if got, _ := p.raw(resetRequest); got != tc.want {
			t.Errorf("window %v, %v after power-up: %v, want %v", tc.window, tc.age, got, tc.want)
		}
		if asked := p.User.Asked(); tc.want != ctap.OK && len(asked) != 0 {
			t.Errorf("asked %v", asked)
		}
		p.Clock.Advance(9 * time.Second) // a reset does not open the window anew
		if got, _ := p.raw(resetRequest); tc.window == 0 && got != ctap.ErrNotAllowed && tc.age > time.Second {
			t.Errorf("once more: %v", got)
		}
	}
}

// TestReset: everything goes.
func TestReset(t *testing.T) {
	p := newPlatform(t, authtest.WithPIN, withEnterprise(t))
	c := p.make(mcRequest())
	p.SetPIN(t, rightPIN)
	p.guess(wrongPIN)
	a := p.agree(pinuvauth.Two)
	p.tokenByPIN(a, a.pinToken(rightPIN, ctap.PermitCredentialReadOnly, ""))
	identifier := p.info().EncIdentifier
	p.changeState(func(s *authenticator.State) {
		s.MinPINLength, s.MinPINLengthRPIDs, s.ForcePINChange, s.AlwaysUV, s.EnterpriseAttestation, s.UVFailures = 8, []string{rpID}, true, true, true, 3
	})
	p.changeState(func(s *authenticator.State) { s.ForcePINChange = false })
	_, ga := withToken(a, p.tokenByPIN(a, a.pinToken(rightPIN, ctap.PermitGetAssertion, rpID)))
	for range 3 {
		p.guess(wrongPIN)
	}
	stale := p.agree(pinuvauth.Two)
	p.User.Asked()
	if status, result := p.raw(resetRequest); status != ctap.OK || len(result) != 0 {
		t.Fatalf("reset: %v %x", status, result)
	}
	want := []authtest.Question{{Prompt: authenticator.Prompt{Reason: authenticator.ReasonReset}}}
	if diff := cmp.Diff(want, p.User.Asked()); diff != "" {
		t.Error(diff)
	}
	s, err := p.Store.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&authenticator.State{}, s); diff != "" {
		t.Errorf("state after a reset: %s", diff)
	}
	info := p.info()
	if info.Options["clientPin"] || info.Options["alwaysUv"] || info.Options["ep"] || info.EncIdentifier != nil || identifier == nil {
		t.Errorf("after a reset: %v, identifier %x", info.Options, info.EncIdentifier)
	}
	p.wantStatus(ga, ctap.ErrPINAuthInvalid)
	byID := gaRequest()
	byID.AllowList = []ctap.CredentialDescriptor{c.descriptor()}
	p.wantStatus(byID, ctap.ErrNoCredentials)
	p.wantStatus(stale.setPIN(rightPIN), ctap.ErrPINAuthInvalid) // the key agreement is another
	p.SetPIN(t, rightPIN)
	if left, cycle := p.pinRetries(); left != 8 || cycle {
		t.Errorf("%d retries, power cycle %v", left, cycle)
	}
}

func TestResetRefused(t *testing.T) {
	for err, want := range map[error]ctap.Status{
		authenticator.ErrDenied:  ctap.ErrOperationDenied,
		authenticator.ErrTimeout: ctap.ErrUserActionTimeout,
		context.Canceled:         ctap.ErrKeepaliveCancel,
	} {
		p := newPlatform(t, withPIN)
		p.SetPIN(t, rightPIN)
		p.User.Answer = authtest.Refuse(err)
		if got, _ := p.raw(resetRequest); got != want {
			t.Errorf("%v: %v, want %v", err, got, want)
		}
		if p.guess(rightPIN) != ctap.OK {
			t.Errorf("%v: the PIN is gone", err)
		}
	}
}

// stuckStore cannot be reset.
type stuckStore struct{ authenticator.Store }

func (stuckStore) Reset(context.Context) error { return errors.New("the disk is gone") }

// TestResetFails: what could not be deleted is not said to be.
func TestResetFails(t *testing.T) {
	p := newPlatform(t, withPIN, func(c *authenticator.Config) { c.Store = stuckStore{c.Store} })
	p.SetPIN(t, rightPIN)
	if got, _ := p.raw(resetRequest); got != ctap.ErrOther {
		t.Errorf("reset: %v", got)
	}
	if !p.info().Options["clientPin"] {
		t.Error("the PIN is gone")
	}
}
