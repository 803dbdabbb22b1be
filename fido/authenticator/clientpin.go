package authenticator

import (
	"context"
	"fmt"
	"slices"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// Permissions of pinUvAuthTokens (CTAP 2.1 §6.5.5.7).
const (
	// supportedPermissions are those of features this authenticator has.
	supportedPermissions = ceremonyPermissions | ctap.PermitCredentialManagement | ctap.PermitLargeBlobWrite |
		ctap.PermitCredentialReadOnly |
		ctap.PermitAuthenticatorConfig

	ceremonyPermissions = ctap.PermitMakeCredential | ctap.PermitGetAssertion
	// definedPermissions have a meaning; the others are ignored.
	definedPermissions = ceremonyPermissions | ctap.PermitCredentialManagement | ctap.PermitBioEnrollment |
		ctap.PermitLargeBlobWrite | ctap.PermitAuthenticatorConfig | ctap.PermitCredentialReadOnly
)

type pinSubcommand func(*Authenticator, context.Context, *ctap.ClientPINRequest) (*ctap.ClientPINResponse, error)

// Subcommands of authenticatorClientPIN (CTAP 2.1 §6.5.5): those there always
// are, those of an authenticator that can have a PIN, and those of one that can
// verify the user itself.
var (
	agreementSubcommands = map[uint64]pinSubcommand{
		ctap.GetKeyAgreement: (*Authenticator).getKeyAgreement,
	}
	pinSubcommands = map[uint64]pinSubcommand{
		ctap.GetPINRetries:    (*Authenticator).getPINRetries,
		ctap.SetPIN:           (*Authenticator).setPIN,
		ctap.ChangePIN:        (*Authenticator).changePIN,
		ctap.GetPINToken:      (*Authenticator).getPINToken,
		ctap.GetTokenUsingPIN: (*Authenticator).getTokenUsingPIN,
	}
	uvSubcommands = map[uint64]pinSubcommand{
		ctap.GetTokenUsingUV: (*Authenticator).getTokenUsingUV,
		ctap.GetUVRetries:    (*Authenticator).getUVRetries,
	}
)

// clientPIN is authenticatorClientPIN.
func (a *Authenticator) clientPIN(ctx context.Context, params []byte) ([]byte, error) {
	req, err := ctap.DecodeClientPINRequest(params)
	if err != nil {
		return nil, err
	}
	run, ok := agreementSubcommands[req.Subcommand]
	if !ok && a.pin {
		run, ok = pinSubcommands[req.Subcommand]
	}
	if !ok && a.user.Verification() != VerificationNone {
		run, ok = uvSubcommands[req.Subcommand]
	}
	if !ok {
		return nil, ctap.ErrInvalidSubcommand
	}
	resp, err := run(a, ctx, req)
	if err != nil {
		return nil, err
	}
	return resp.Encode()
}

// getPINRetries is subcommand 01 (CTAP 2.1 §6.5.5.2).
func (a *Authenticator) getPINRetries(ctx context.Context, _ *ctap.ClientPINRequest) (*ctap.ClientPINResponse, error) {
	left, err := a.pins.Retries(ctx)
	if err != nil {
		return nil, err
	}
	return &ctap.ClientPINResponse{PINRetries: &left, PowerCycleState: new(a.pinMisses >= maxPINMisses)}, nil
}

// getKeyAgreement is subcommand 02 (CTAP 2.1 §6.5.5.4).
func (a *Authenticator) getKeyAgreement(_ context.Context, req *ctap.ClientPINRequest) (*ctap.ClientPINResponse, error) {
	if req.Protocol == nil {
		return nil, missing("pinUvAuthProtocol")
	}
	key, err := a.tokens.key(*req.Protocol, a.random)
	if err != nil {
		return nil, err
	}
	encoded, err := ctap.EncodeKeyAgreement(key.PublicKey())
	if err != nil {
		return nil, err
	}
	return &ctap.ClientPINResponse{KeyAgreement: encoded}, nil
}

// getUVRetries is subcommand 07 (CTAP 2.1 §6.5.5.3).
func (a *Authenticator) getUVRetries(ctx context.Context, _ *ctap.ClientPINRequest) (*ctap.ClientPINResponse, error) {
	if !a.uvReady() {
		return nil, ctap.ErrNotAllowed
	}
	left, err := a.uvRetries(ctx)
	return &ctap.ClientPINResponse{UVRetries: &left}, err
}

// setPIN is subcommand 03 (CTAP 2.1 §6.5.5.5).
func (a *Authenticator) setPIN(ctx context.Context, req *ctap.ClientPINRequest) (*ctap.ClientPINResponse, error) {
	if err := checkAgreement(req, member{"pinUvAuthParam", req.AuthParam != nil}, member{"newPinEnc", req.NewPINEnc != nil}); err != nil {
		return nil, err
	}
	if a.pinSet() {
		return nil, ctap.ErrPINAuthInvalid
	}
	secret, err := a.tokens.agree(*req.Protocol, req.KeyAgreement, a.random)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	if !secret.Verify(req.NewPINEnc, req.AuthParam) {
		return nil, ctap.ErrPINAuthInvalid
	}
	pin, err := a.newPIN(secret, req.NewPINEnc)
	if err != nil {
		return nil, err
	}
	defer clear(pin)
	return &ctap.ClientPINResponse{}, a.storePIN(ctx, pin)
}

// changePIN is subcommand 04 (CTAP 2.1 §6.5.5.6).
func (a *Authenticator) changePIN(ctx context.Context, req *ctap.ClientPINRequest) (*ctap.ClientPINResponse, error) {
	err := checkAgreement(req, member{"pinUvAuthParam", req.AuthParam != nil}, member{"newPinEnc", req.NewPINEnc != nil}, member{"pinHashEnc", req.PINHashEnc != nil})
	if err != nil {
		return nil, err
	}
	if a.ownPIN() == nil {
		return nil, fmt.Errorf("this PIN is not set by platforms: %w", ctap.ErrNotAllowed)
	}
	if err := a.pinOpen(ctx); err != nil {
		return nil, err
	}
	secret, err := a.tokens.agree(*req.Protocol, req.KeyAgreement, a.random)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	if !secret.Verify(slices.Concat(req.NewPINEnc, req.PINHashEnc), req.AuthParam) {
		return nil, ctap.ErrPINAuthInvalid
	}
	if err := a.checkPIN(ctx, *req.Protocol, secret, req.PINHashEnc); err != nil {
		return nil, err
	}
	pin, err := a.newPIN(secret, req.NewPINEnc)
	if err != nil {
		return nil, err
	}
	defer clear(pin)
	if hash := pinHash(pin); a.state.ForcePINChange && slices.Equal(hash[:], a.state.PINHash) {
		return nil, fmt.Errorf("the new PIN is the old one: %w", ctap.ErrPINPolicyViolation)
	}
	return &ctap.ClientPINResponse{}, a.storePIN(ctx, pin)
}

// member is one a subcommand cannot do without.
type member struct {
	name    string
	present bool
}

// checkAgreement holds a request to the members its key agreement and its
// subcommand need, then to a protocol that exists.
func checkAgreement(req *ctap.ClientPINRequest, needed ...member) error {
	needed = append([]member{{"pinUvAuthProtocol", req.Protocol != nil}, {"keyAgreement", req.KeyAgreement != nil}}, needed...)
	for _, m := range needed {
		if !m.present {
			return missing(m.name)
		}
	}
	if !pinuvauth.Supported(*req.Protocol) {
		return fmt.Errorf("PIN/UV auth protocol %d: %w", *req.Protocol, ctap.ErrInvalidParameter)
	}
	return nil
}

func missing(member string) error {
	return fmt.Errorf("%s: %w", member, ctap.ErrMissingParameter)
}
