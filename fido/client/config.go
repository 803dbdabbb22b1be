package client

import (
	"context"
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

// EnableEnterpriseAttestation lets an authenticator identify itself to the
// relying parties its maker or the platform chose (CTAP 2.1 §6.11.1). Only
// [Client.Reset] takes it back.
func (c *Client) EnableEnterpriseAttestation(ctx context.Context) error {
	return c.configure(ctx, ctap.OptionEnterprise, ctap.EnableEnterpriseAttestation, nil)
}

// ToggleAlwaysUV turns over whether every ceremony takes user verification,
// whatever the relying party asks for (CTAP 2.1 §6.11.2). What is in force
// [Client.Info] tells by the option "alwaysUv".
func (c *Client) ToggleAlwaysUV(ctx context.Context) error {
	return c.configure(ctx, ctap.OptionAlwaysUV, ctap.ToggleAlwaysUV, nil)
}

// SetMinPINLength changes the rules for PINs (CTAP 2.1 §6.11.4): the shortest
// length in Unicode code points, which can only grow, the relying parties that
// may learn it by the extension minPinLength, and whether the PIN has to be
// changed before it is used again. Members that are nil stay as they are.
func (c *Client) SetMinPINLength(ctx context.Context, p ctap.SetMinPINLengthParams) error {
	params, err := p.Encode()
	if err != nil {
		return named(err)
	}
	return c.configure(ctx, ctap.OptionMinPINLength, ctap.SetMinPINLength, params)
}

// configure sends one subcommand of authenticatorConfig, which needs the option
// that tells of the feature beside that of the command.
func (c *Client) configure(ctx context.Context, option string, subcommand uint64, params ctap.Raw) error {
	s, err := c.begin(ctx, "")
	if err != nil {
		return named(err)
	}
	defer s.end()
	_, known := s.info.Options[option]
	if !s.info.Options[ctap.OptionConfig] || !known {
		return fail(NotSupportedError, "the authenticator cannot be configured in this")
	}
	// One that nobody has protected yet takes some settings from anybody.
	if s.protected() {
		if err := s.verifyUser(ctx, Required, ctap.PermitAuthenticatorConfig); err != nil {
			return named(err)
		}
	}
	r := &ctap.ConfigRequest{Subcommand: subcommand, Params: params}
	r.AuthParam, r.Protocol = s.authParam(r.AuthMessage())
	request, err := r.Encode()
	if _, err := s.call(ctx, request, err); err != nil {
		return named(fmt.Errorf("authenticatorConfig: %w", err))
	}
	return nil
}
