package client

import (
	"context"
	"errors"
	"slices"

	"github.com/postern/postern/fido/ctap"
)

// SetPIN gives an authenticator its first PIN (CTAP 2.1 §6.5.5.5), which
// [Client.PIN] is asked for.
func (c *Client) SetPIN(ctx context.Context) error {
	return named(c.managePIN(ctx, false, func(s *session) error {
		return s.withNewPIN(ctx, s.newPINPrompt(false), func(pin []byte) error { return s.setPIN(ctx, pin) })
	}))
}

// ChangePIN gives an authenticator another PIN (CTAP 2.1 §6.5.5.6).
// [Client.PIN] is asked for the one in force, then for the new one.
func (c *Client) ChangePIN(ctx context.Context) error {
	return named(c.managePIN(ctx, true, func(s *session) error { return s.changePIN(ctx, 0) }))
}

func (c *Client) managePIN(ctx context.Context, wantSet bool, do func(*session) error) error {
	s, err := c.begin(ctx, "")
	if err != nil {
		return err
	}
	defer s.end()
	set, known := s.info.Options[ctap.OptionClientPIN]
	switch {
	case !known || s.protocol == 0:
		return fail(NotSupportedError, "the authenticator takes no PIN")
	case set && !wantSet:
		return fail(InvalidStateError, "the authenticator has a PIN already: change it instead")
	case !set && wantSet:
		return fail(InvalidStateError, "the authenticator has no PIN yet: set one instead")
	}
	return do(s)
}

// changePIN asks for the PIN in force and for a new one and changes it. With
// permissions it gets a token by the new one. The order of the questions is
// that of the person's mind, but the authenticator hears of both PINs at once:
// while a change is demanded it does not tell by itself whether the first is
// right.
func (s *session) changePIN(ctx context.Context, permissions ctap.Permission) error {
	var fresh []byte // outlives a wrong PIN in force, so as not to be typed again
	defer func() { clear(fresh) }()
	return s.withPIN(ctx, func(pin []byte) error {
		change := func(next []byte) error {
			if err := s.replacePIN(ctx, pin, next); err != nil || permissions == 0 {
				return err
			}
			return s.tokenByPIN(ctx, next, permissions)
		}
		prompt := s.newPINPrompt(true)
		if fresh != nil {
			err := change(fresh)
			if !errors.Is(err, ctap.ErrPINPolicyViolation) {
				return err
			}
			prompt.Problem = problemPolicy
		}
		return s.withNewPIN(ctx, prompt, func(next []byte) error {
			clear(fresh)
			fresh = slices.Clone(next)
			return change(next)
		})
	})
}

// replacePIN changes the PIN (CTAP 2.1 §6.5.5.6).
func (s *session) replacePIN(ctx context.Context, pin, next []byte) error {
	if err := s.agree(ctx); err != nil {
		return err
	}
	newEnc, err := s.newPINEnc(next)
	if err != nil {
		return err
	}
	hashEnc, err := s.pinHashEnc(pin)
	if err != nil {
		return err
	}
	_, err = s.clientPIN(ctx, &ctap.ClientPINRequest{
		Protocol: &s.protocol, Subcommand: ctap.ChangePIN, KeyAgreement: s.platform,
		NewPINEnc: newEnc, PINHashEnc: hashEnc, AuthParam: s.secret.Authenticate(slices.Concat(newEnc, hashEnc)),
	})
	return s.changed(ctx, "changePIN", err)
}
