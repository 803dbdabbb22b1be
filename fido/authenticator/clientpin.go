package authenticator

import (
	"context"
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

// supportedPermissions are those of features this authenticator has.
const supportedPermissions = ctap.PermitMakeCredential | ctap.PermitGetAssertion |
	ctap.PermitCredentialManagement | ctap.PermitLargeBlobWrite | ctap.PermitAuthenticatorConfig

// subcommands of authenticatorClientPIN (CTAP 2.1 §6.5.5).
var clientPINSubcommands = map[uint64]func(*Authenticator, context.Context, *ctap.ClientPINRequest) (*ctap.ClientPINResponse, error){
	ctap.GetKeyAgreement: (*Authenticator).getKeyAgreement,
	ctap.GetTokenUsingUV: (*Authenticator).getTokenUsingUV,
	ctap.GetUVRetries:    (*Authenticator).getUVRetries,
}

// clientPIN is authenticatorClientPIN. Without a PIN it serves key agreement and
// tokens by built-in user verification.
func (a *Authenticator) clientPIN(ctx context.Context, params []byte) ([]byte, error) {
	req, err := ctap.DecodeClientPINRequest(params)
	if err != nil {
		return nil, err
	}
	run, ok := clientPINSubcommands[req.Subcommand]
	if !ok {
		return nil, ctap.ErrInvalidSubcommand
	}
	resp, err := run(a, ctx, req)
	if err != nil {
		return nil, err
	}
	return resp.Encode()
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
func (a *Authenticator) getUVRetries(context.Context, *ctap.ClientPINRequest) (*ctap.ClientPINResponse, error) {
	if !a.protected() {
		return nil, ctap.ErrNotAllowed
	}
	return &ctap.ClientPINResponse{UVRetries: new(a.uvRetries)}, nil
}

// getTokenUsingUV is subcommand 06 (CTAP 2.1 §6.5.5.7.3).
func (a *Authenticator) getTokenUsingUV(ctx context.Context, req *ctap.ClientPINRequest) (*ctap.ClientPINResponse, error) {
	switch {
	case req.Protocol == nil:
		return nil, missing("pinUvAuthProtocol")
	case req.KeyAgreement == nil:
		return nil, missing("keyAgreement")
	case req.Permissions == nil:
		return nil, missing("permissions")
	}
	permissions, rpID := *req.Permissions, ""
	if req.RPID != nil {
		rpID = *req.RPID
	}
	switch {
	case permissions == 0:
		return nil, fmt.Errorf("no permissions: %w", ctap.ErrInvalidParameter)
	case permissions&^supportedPermissions != 0:
		return nil, ctap.ErrUnauthorizedPermission
	case permissions&(ctap.PermitMakeCredential|ctap.PermitGetAssertion) != 0 && rpID == "":
		return nil, missing("rpId")
	case !a.protected():
		return nil, ctap.ErrNotAllowed
	}
	secret, err := a.tokens.agree(*req.Protocol, req.KeyAgreement, a.random)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	prompt, err := a.tokenPrompt(ctx, permissions, rpID)
	if err != nil {
		return nil, err
	}
	if err := a.verify(ctx, prompt); err != nil {
		return nil, err
	}
	if err := a.tokens.begin(*req.Protocol, permissions, rpID, true, a.now(), a.random); err != nil {
		return nil, err
	}
	enc, err := secret.Encrypt(a.random, a.tokens.value[:])
	if err != nil {
		return nil, err
	}
	return &ctap.ClientPINResponse{Token: enc}, nil
}

// tokenPrompt says as much as the permissions tell about what follows.
func (a *Authenticator) tokenPrompt(ctx context.Context, permissions ctap.Permission, rpID string) (Prompt, error) {
	switch {
	case permissions&ctap.PermitMakeCredential != 0:
		return Prompt{Reason: ReasonRegister, RPID: rpID}, nil
	case permissions&ctap.PermitGetAssertion != 0:
		list, err := a.store.Discoverable(ctx, ctap.HashRPID(rpID))
		return signInPrompt(rpID, list), err
	}
	return Prompt{Reason: ReasonManage, RPID: rpID}, nil
}

func missing(member string) error {
	return fmt.Errorf("%s: %w", member, ctap.ErrMissingParameter)
}
