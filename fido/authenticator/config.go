package authenticator

import (
	"context"
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

// maxMinPINLengthRPIDs is the number of relying parties that may be told the
// minimum PIN length: maxRPIDsForSetMinPINLength of getInfo.
const maxMinPINLengthRPIDs = 8

// setting is one row of the table of authenticatorConfig.
type setting struct {
	subcommand uint64
	// there reports whether this authenticator has what the setting is about.
	there func(*Authenticator) bool
	run   func(*Authenticator, context.Context, ctap.Raw) error
}

var settings = []setting{
	{ctap.EnableEnterpriseAttestation, (*Authenticator).hasEnterprise, (*Authenticator).enableEnterpriseAttestation},
	{ctap.ToggleAlwaysUV, func(*Authenticator) bool { return true }, (*Authenticator).toggleAlwaysUV},
	{ctap.SetMinPINLength, (*Authenticator).hasPINPolicy, (*Authenticator).setMinPINLength},
}

func (a *Authenticator) hasEnterprise() bool { return a.enterprise != nil }

// hasPINPolicy reports whether platforms set PINs here, so that there is
// something to hold to a length.
func (a *Authenticator) hasPINPolicy() bool { return a.pin && a.ownPIN() != nil }

// configCommands lists the subcommands that are there.
func (a *Authenticator) configCommands() []uint64 {
	var list []uint64
	for _, s := range settings {
		if s.there(a) {
			list = append(list, s.subcommand)
		}
	}
	return list
}

// config is authenticatorConfig (CTAP 2.1 §6.11). Who can verify the user has to
// have done so, as has everyone under alwaysUv. Only alwaysUv itself can then be
// turned off on an authenticator nobody can verify anything with.
func (a *Authenticator) config(ctx context.Context, params []byte) ([]byte, error) {
	req, err := ctap.DecodeConfigRequest(params)
	if err != nil {
		return nil, err
	}
	for _, s := range settings {
		if s.subcommand != req.Subcommand || !s.there(a) {
			continue
		}
		if a.protected() || (a.state.AlwaysUV && req.Subcommand != ctap.ToggleAlwaysUV) {
			err := a.authoriseCommand(req.Protocol, req.AuthMessage(), req.AuthParam, ctap.PermitAuthenticatorConfig)
			if err != nil {
				return nil, err
			}
		}
		if err := s.run(a, ctx, req.Params); err != nil {
			return nil, err
		}
		return ctap.EncodeResponse(nil)
	}
	return nil, ctap.ErrInvalidSubcommand
}

// enableEnterpriseAttestation is subcommand 01; only a reset disables it.
func (a *Authenticator) enableEnterpriseAttestation(ctx context.Context, _ ctap.Raw) error {
	return a.changeState(ctx, func(s *State) { s.EnterpriseAttestation = true })
}

// toggleAlwaysUV is subcommand 02.
func (a *Authenticator) toggleAlwaysUV(ctx context.Context, _ ctap.Raw) error {
	return a.changeState(ctx, func(s *State) { s.AlwaysUV = !s.AlwaysUV })
}

// setMinPINLength is subcommand 03. It checks everything before it changes
// anything.
func (a *Authenticator) setMinPINLength(ctx context.Context, params ctap.Raw) error {
	p, err := ctap.DecodeSetMinPINLengthParams(params)
	if err != nil {
		return err
	}
	length := a.state.minPINLength()
	if p.NewMinPINLength != nil {
		if *p.NewMinPINLength < length || *p.NewMinPINLength > maxPINLength {
			return fmt.Errorf("minimum PIN length %d: %w", *p.NewMinPINLength, ctap.ErrPINPolicyViolation)
		}
		length = *p.NewMinPINLength
	}
	if len(p.RPIDs) > maxMinPINLengthRPIDs {
		return ctap.ErrKeyStoreFull
	}
	for _, id := range p.RPIDs {
		if id == "" || len(id) > maxRPIDLength {
			return fmt.Errorf("minPinLengthRPIDs: %w", ctap.ErrInvalidLength)
		}
	}
	force := p.ForceChangePIN != nil && *p.ForceChangePIN
	if force && !a.pinSet() {
		return ctap.ErrPINNotSet
	}
	if p.PINComplexityPolicy != nil && *p.PINComplexityPolicy {
		return fmt.Errorf("there is no PIN complexity policy here: %w", ctap.ErrInvalidParameter)
	}
	return a.changeState(ctx, func(s *State) {
		s.MinPINLength = length
		if p.RPIDs != nil {
			s.MinPINLengthRPIDs = p.RPIDs
		}
		if force || (a.pinSet() && s.PINLength < length) {
			s.ForcePINChange = true
		}
	})
}
