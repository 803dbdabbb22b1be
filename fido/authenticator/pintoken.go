package authenticator

import (
	"context"
	"fmt"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// getPINToken is subcommand 05, the way of CTAP 2.0 (CTAP 2.1 §6.5.5.7.1). Its
// token is good for the two ceremonies.
func (a *Authenticator) getPINToken(ctx context.Context, req *ctap.ClientPINRequest) (*ctap.ClientPINResponse, error) {
	if err := checkAgreement(req, member{"pinHashEnc", req.PINHashEnc != nil}); err != nil {
		return nil, err
	}
	if req.Permissions != nil || req.RPID != nil {
		return nil, fmt.Errorf("permissions and rpId are not for getPinToken: %w", ctap.ErrInvalidParameter)
	}
	permissions := ceremonyPermissions
	if a.noCeremoniesByPIN {
		permissions = 0
	}
	return a.tokenByPIN(ctx, req, permissions, "", ctap.ErrPINInvalid)
}

// getTokenUsingPIN is subcommand 09 (CTAP 2.1 §6.5.5.7.2).
func (a *Authenticator) getTokenUsingPIN(ctx context.Context, req *ctap.ClientPINRequest) (*ctap.ClientPINResponse, error) {
	if err := checkAgreement(req, member{"pinHashEnc", req.PINHashEnc != nil}, member{"permissions", req.Permissions != nil}); err != nil {
		return nil, err
	}
	permissions, rpID, err := a.requestedPermissions(req)
	if err != nil {
		return nil, err
	}
	if a.noCeremoniesByPIN && permissions&ceremonyPermissions != 0 {
		return nil, ctap.ErrUnauthorizedPermission
	}
	return a.tokenByPIN(ctx, req, permissions, rpID, ctap.ErrPINPolicyViolation)
}

// tokenByPIN does what the two have in common. Mustchange is what each answers
// to a right PIN that has to be changed first.
func (a *Authenticator) tokenByPIN(ctx context.Context, req *ctap.ClientPINRequest, permissions ctap.Permission, rpID string, mustChange ctap.Status) (*ctap.ClientPINResponse, error) {
	if err := a.pinOpen(ctx); err != nil {
		return nil, err
	}
	secret, err := a.tokens.agree(*req.Protocol, req.KeyAgreement, a.random)
	if err != nil {
		return nil, err
	}
	defer secret.Wipe()
	if err := a.checkPIN(ctx, *req.Protocol, secret, req.PINHashEnc); err != nil {
		return nil, err
	}
	if a.state.ForcePINChange {
		return nil, fmt.Errorf("the PIN has to be changed: %w", mustChange)
	}
	return a.issueToken(ctx, *req.Protocol, secret, permissions, rpID, false)
}

// getTokenUsingUV is subcommand 06 (CTAP 2.1 §6.5.5.7.3).
func (a *Authenticator) getTokenUsingUV(ctx context.Context, req *ctap.ClientPINRequest) (*ctap.ClientPINResponse, error) {
	if err := checkAgreement(req, member{"permissions", req.Permissions != nil}); err != nil {
		return nil, err
	}
	permissions, rpID, err := a.requestedPermissions(req)
	if err != nil {
		return nil, err
	}
	if !a.uvReady() {
		return nil, ctap.ErrNotAllowed
	}
	left, err := a.uvRetries(ctx)
	if err != nil {
		return nil, err
	}
	if left == 0 {
		return nil, ctap.ErrUVBlocked
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
	return a.issueToken(ctx, *req.Protocol, secret, permissions, rpID, true)
}

// requestedPermissions reads what a token is asked for. Permissions nobody has
// defined are ignored; those of features that are not here are refused.
func (a *Authenticator) requestedPermissions(req *ctap.ClientPINRequest) (ctap.Permission, string, error) {
	if *req.Permissions == 0 {
		return 0, "", fmt.Errorf("no permissions: %w", ctap.ErrInvalidParameter)
	}
	permissions := *req.Permissions & definedPermissions
	supported := supportedPermissions
	if a.maxLargeBlobs == 0 {
		supported &^= ctap.PermitLargeBlobWrite
	}
	if permissions&^supported != 0 {
		return 0, "", ctap.ErrUnauthorizedPermission
	}
	if permissions&ctap.PermitCredentialReadOnly != 0 && permissions != ctap.PermitCredentialReadOnly {
		return 0, "", fmt.Errorf("pcmr stands alone: %w", ctap.ErrUnauthorizedPermission)
	}
	rpID := ""
	if req.RPID != nil {
		rpID = *req.RPID
	}
	if permissions&ceremonyPermissions != 0 && rpID == "" {
		return 0, "", missing("rpId")
	}
	return permissions, rpID, nil
}

// issueToken makes the token a platform has earned and gives it to it.
func (a *Authenticator) issueToken(ctx context.Context, protocol uint64, secret *pinuvauth.SharedSecret, permissions ctap.Permission, rpID string, present bool) (*ctap.ClientPINResponse, error) {
	token := a.tokens.value[:]
	if permissions == ctap.PermitCredentialReadOnly {
		if err := a.ensurePersistentToken(ctx); err != nil {
			return nil, err
		}
		token = a.state.PersistentToken
	} else if err := a.tokens.begin(protocol, permissions, rpID, present, a.now(), a.random); err != nil {
		return nil, err
	}
	enc, err := secret.Encrypt(a.random, token)
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
