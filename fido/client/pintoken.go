package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

// maxPINAsks bounds how often one ceremony asks for a PIN. Authenticators lock
// after 8 wrong ones at the latest; one that does not would go on for ever.
const maxPINAsks = 12

// Sentences for [PINPrompt.Problem].
const (
	problemWrong  = "The PIN is wrong."
	problemPolicy = "The security key does not take this PIN. Choose one that is longer, less simple, or other than before."
)

// verifyByPIN gets a token by the PIN in force, which has to be changed first
// where the authenticator demands it.
func (s *session) verifyByPIN(ctx context.Context, permissions ctap.Permission) error {
	if f := s.info.ForcePINChange; f != nil && *f {
		return s.changePIN(ctx, permissions)
	}
	err := s.withPIN(ctx, func(pin []byte) error { return s.tokenByPIN(ctx, pin, permissions) })
	if errors.Is(err, ctap.ErrPINPolicyViolation) {
		return s.changePIN(ctx, permissions) // the way some tell of a change they demand
	}
	return err
}

// verifyByNewPIN sets the first PIN and gets a token by it.
func (s *session) verifyByNewPIN(ctx context.Context, permissions ctap.Permission) error {
	return s.withNewPIN(ctx, s.newPINPrompt(false), func(pin []byte) error {
		if err := s.setPIN(ctx, pin); err != nil {
			return err
		}
		return s.tokenByPIN(ctx, pin, permissions)
	})
}

// withPIN asks for the PIN in force until use does not find it wrong.
func (s *session) withPIN(ctx context.Context, use func(pin []byte) error) error {
	prompt := PINPrompt{MinLength: minPINLength, MaxLength: maxPINBytes}
	for range maxPINAsks {
		if err := s.countRetries(ctx, &prompt); err != nil {
			return err
		}
		pin, problem, err := s.ask(ctx, prompt)
		if err != nil {
			return err
		}
		prompt.Wrong, prompt.Problem = false, problem
		if problem != "" {
			continue
		}
		err = use(pin)
		clear(pin)
		if !errors.Is(err, ctap.ErrPINInvalid) {
			return err
		}
		prompt.Wrong, prompt.Problem = true, problemWrong
	}
	return fail(NotAllowedError, "no PIN that is right was given in %d attempts", maxPINAsks)
}

// countRetries completes a prompt by the retries left. Authenticators that keep
// the number to themselves are asked for a PIN all the same.
func (s *session) countRetries(ctx context.Context, p *PINPrompt) error {
	r, err := s.pinRetries(ctx)
	if err != nil {
		if _, ok := errors.AsType[ctap.Status](err); !ok {
			return err
		}
		p.Retries = 0
		return nil
	}
	switch {
	case r.Left == 0:
		return ctap.ErrPINBlocked
	case r.PowerCycle:
		return ctap.ErrPINAuthBlocked
	}
	p.Retries = r.Left
	return nil
}

// withNewPIN asks for a new PIN until use does not find it against the
// authenticator's policy.
func (s *session) withNewPIN(ctx context.Context, prompt PINPrompt, use func(pin []byte) error) error {
	for range maxPINAsks {
		pin, problem, err := s.ask(ctx, prompt)
		if err != nil {
			return err
		}
		if prompt.Problem = problem; problem != "" {
			continue
		}
		err = use(pin)
		clear(pin)
		if !errors.Is(err, ctap.ErrPINPolicyViolation) {
			return err
		}
		prompt.Problem = problemPolicy
	}
	return fail(NotAllowedError, "no PIN the authenticator takes was given in %d attempts", maxPINAsks)
}

// tokenByPIN gets a token by a PIN (CTAP 2.1 §6.5.5.7.2), from authenticators of
// CTAP 2.0 by the older subcommand, whose token is good for both ceremonies
// (§6.5.5.7.1).
func (s *session) tokenByPIN(ctx context.Context, pin []byte, permissions ctap.Permission) error {
	if err := s.agree(ctx); err != nil {
		return err
	}
	enc, err := s.pinHashEnc(pin)
	if err != nil {
		return err
	}
	r := &ctap.ClientPINRequest{Protocol: &s.protocol, Subcommand: ctap.GetPINToken, KeyAgreement: s.platform, PINHashEnc: enc}
	if s.info.Options[ctap.OptionPINUVAuthToken] {
		r.Subcommand = ctap.GetTokenUsingPIN
		s.permit(r, permissions)
	}
	if err := s.takeToken(ctx, r); err != nil {
		s.forget()
		return fmt.Errorf("PIN: %w", err)
	}
	return nil
}

// setPIN sets the first PIN (CTAP 2.1 §6.5.5.5).
func (s *session) setPIN(ctx context.Context, pin []byte) error {
	if err := s.agree(ctx); err != nil {
		return err
	}
	enc, err := s.newPINEnc(pin)
	if err != nil {
		return err
	}
	_, err = s.clientPIN(ctx, &ctap.ClientPINRequest{
		Protocol: &s.protocol, Subcommand: ctap.SetPIN, KeyAgreement: s.platform,
		NewPINEnc: enc, AuthParam: s.secret.Authenticate(enc),
	})
	return s.changed(ctx, "setPIN", err)
}

// changed ends a request that gives the authenticator another PIN. What GetInfo
// says is out of date then.
func (s *session) changed(ctx context.Context, command string, err error) error {
	s.forget()
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	s.info, err = s.getInfo(ctx)
	return err
}
