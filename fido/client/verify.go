package client

import (
	"context"
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

// Attempts at built-in user verification before the PIN is asked for, where the
// authenticator names no number, and the most it may name: the standard's
// ceiling of uvRetries (CTAP 2.1 §6.5.2.3).
const (
	defaultUVAttempts = 3
	maxUVAttempts     = 25
)

const ceremonyPermissions = ctap.PermitMakeCredential | ctap.PermitGetAssertion

// verifyUser arranges for user verification as the authenticator can do it: by
// itself, with its PIN to fall back on, by its PIN, or, where the relying party
// requires verification of one that has no PIN yet, by a PIN set now. With
// wanted "discouraged" it does nothing, unless the authenticator always
// verifies; with "preferred" it is content with one that cannot verify.
func (s *session) verifyUser(ctx context.Context, wanted string, permissions ctap.Permission) error {
	if s.info.Options[ctap.OptionAlwaysUV] {
		wanted = Required
	}
	switch {
	case wanted == Discouraged:
		return nil
	case s.verifiesItself(permissions):
		err := s.verifyBuiltIn(ctx, permissions)
		if !fallsBack(err) || !s.takesPIN(permissions) || s.PIN == nil {
			return err
		}
		return s.verifyByPIN(ctx, permissions)
	case s.takesPIN(permissions):
		if s.PIN == nil && wanted != Required {
			return nil
		}
		return s.verifyByPIN(ctx, permissions)
	case wanted != Required:
		return nil
	case permissions&ceremonyPermissions != 0 && s.lacksPIN():
		return s.verifyByNewPIN(ctx, permissions)
	}
	return fail(NotAllowedError, "the authenticator cannot verify its user: set a PIN, or its own user verification, first")
}

// protected reports whether some form of user verification is set up.
func (s *session) protected() bool {
	return s.info.Options[ctap.OptionUV] || s.info.Options[ctap.OptionClientPIN]
}

// verifiesItself reports whether built-in user verification can give the
// permissions. Changing settings needs an option of its own (CTAP 2.1 §6.4,
// "uvAcfg").
func (s *session) verifiesItself(permissions ctap.Permission) bool {
	return s.info.Options[ctap.OptionUV] && (permissions&ctap.PermitAuthenticatorConfig == 0 || s.info.Options[ctap.OptionUVConfig])
}

// takesPIN reports whether the PIN can give the permissions.
func (s *session) takesPIN(permissions ctap.Permission) bool {
	barred := s.info.Options[ctap.OptionNoCeremoniesByPIN] && permissions&ceremonyPermissions != 0
	return s.info.Options[ctap.OptionClientPIN] && s.protocol != 0 && !barred
}

// canVerify reports whether there is a way to verify the user now.
func (s *session) canVerify(permissions ctap.Permission) bool {
	return s.verifiesItself(permissions) || (s.takesPIN(permissions) && s.PIN != nil)
}

// verified reports whether verification was arranged for.
func (s *session) verified() bool { return s.token != nil || s.uvOption }

// lacksPIN reports whether a PIN could be set.
func (s *session) lacksPIN() bool {
	set, known := s.info.Options[ctap.OptionClientPIN]
	return known && !set && s.protocol != 0 && !s.info.Options[ctap.OptionNoCeremoniesByPIN]
}

// verifyBuiltIn gets a token by built-in user verification (CTAP 2.1
// §6.5.5.7.3). An authenticator that gives none is asked by the option "uv".
func (s *session) verifyBuiltIn(ctx context.Context, permissions ctap.Permission) error {
	if !s.info.Options[ctap.OptionPINUVAuthToken] || s.protocol == 0 {
		s.uvOption = true
		return nil
	}
	if err := s.agree(ctx); err != nil {
		return err
	}
	attempts := uint64(defaultUVAttempts)
	if n := s.info.PreferredPlatformUVAttempts; n != nil && *n > 0 {
		attempts = min(*n, maxUVAttempts)
	}
	for {
		r := &ctap.ClientPINRequest{Protocol: &s.protocol, Subcommand: ctap.GetTokenUsingUV, KeyAgreement: s.platform}
		s.permit(r, permissions)
		err := s.takeToken(ctx, r)
		if err == nil {
			return nil
		}
		if attempts--; attempts == 0 || ctap.StatusOf(err) != ctap.ErrUVInvalid {
			return fmt.Errorf("user verification: %w", err)
		}
	}
}

// setUV sets the option "uv" of a request.
func (s *session) setUV(options map[string]bool) {
	delete(options, ctap.OptionUV)
	if s.uvOption {
		options[ctap.OptionUV] = true
	}
}

// fallsBack reports whether an answer to built-in user verification means that
// the PIN has to do. A user who refused is not asked in another way.
func fallsBack(err error) bool {
	switch ctap.StatusOf(err) {
	case ctap.ErrUVBlocked, ctap.ErrUVInvalid, ctap.ErrPUATRequired, ctap.ErrUnauthorizedPermission,
		ctap.ErrNotAllowed, ctap.ErrInvalidSubcommand: // the last two: no built-in verification after all
		return true
	}
	return false
}

// perform sends the command of a ceremony. One that finds the authenticator in
// want of verification after all is sent again with it, once: verification by
// option is tried before the authenticator can say that it is locked, and what
// GetInfo says about registrations without verification is not always so.
func (s *session) perform(ctx context.Context, permissions ctap.Permission, encode func() ([]byte, error)) ([]byte, error) {
	request, err := encode()
	result, err := s.call(ctx, request, err)
	if s.token != nil || err == nil {
		return result, err
	}
	switch status := ctap.StatusOf(err); {
	case s.uvOption && s.takesPIN(permissions) && (status == ctap.ErrPUATRequired || status == ctap.ErrUVBlocked || status == ctap.ErrUVInvalid):
		s.uvOption = false
		err = s.verifyByPIN(ctx, permissions)
	case !s.uvOption && status == ctap.ErrPUATRequired && s.canVerify(permissions):
		err = s.verifyUser(ctx, Required, permissions)
	}
	if err != nil {
		return nil, err
	}
	request, err = encode()
	return s.call(ctx, request, err)
}
