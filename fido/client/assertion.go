package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

// maxAccounts bounds how many accounts are fetched for one relying party.
const maxAccounts = 128

// chooseAccount fetches the other accounts and lets the user choose.
func (s *session) chooseAccount(ctx context.Context, first *ctap.GetAssertionResponse) (*ctap.GetAssertionResponse, error) {
	if s.Choose == nil {
		return first, nil
	}
	found := []*ctap.GetAssertionResponse{first}
	request, err := ctap.EncodeRequest(ctap.GetNextAssertion, nil)
	if err != nil {
		return nil, err
	}
	for range min(first.NumberOfCredentials, maxAccounts) - 1 {
		result, err := s.call(ctx, request, nil)
		if err != nil {
			return nil, fmt.Errorf("getNextAssertion: %w", err)
		}
		next, err := ctap.DecodeGetAssertionResponse(result)
		if err != nil {
			return nil, err
		}
		found = append(found, next)
	}
	accounts := make([]ctap.User, len(found))
	for i, f := range found {
		if f.User != nil {
			accounts[i] = *f.User
		}
	}
	i, err := s.Choose(ctx, accounts)
	if err != nil {
		return nil, gaveUp(ctx, "no account was chosen", err)
	}
	if i < 0 || i >= len(found) {
		return nil, fail(NotAllowedError, "no account was chosen")
	}
	return found[i], nil
}

// assertion checks an answer against what was asked and packs it.
func (s *session) assertion(o *RequestOptions, request *ctap.GetAssertionRequest, resp *ctap.GetAssertionResponse, clientData []byte) (*Assertion, error) {
	data, err := ctap.ParseAuthenticatorData(resp.AuthData)
	if err != nil {
		return nil, err
	}
	if err := s.checkAuthData(data, o.UserVerification); err != nil {
		return nil, err
	}
	if len(resp.Signature) == 0 {
		return nil, errors.New("the authenticator did not sign")
	}
	a := &Assertion{
		ClientDataJSON: clientData, AuthenticatorData: resp.AuthData, Signature: resp.Signature, UnsignedExtensions: resp.UnsignedExtensions,
	}
	switch {
	case resp.Credential != nil && len(resp.Credential.ID) > 0:
		a.ID = resp.Credential.ID
	case len(request.AllowList) == 1: // CTAP 2.1 §6.2.3: may be left out then
		a.ID = request.AllowList[0].ID
	default:
		return nil, errors.New("the authenticator does not say which credential it used")
	}
	if len(request.AllowList) > 0 && !lists(request.AllowList, a.ID) {
		return nil, errors.New("the authenticator used a credential that was not asked for")
	}
	if resp.User != nil {
		a.UserHandle = resp.User.ID
	}
	if len(request.AllowList) == 0 && a.UserHandle == nil {
		return nil, errors.New("the authenticator does not say whose credential it used")
	}
	a.Extensions, err = s.got(&o.Extensions, request, data.Extensions)
	if err != nil {
		return nil, err
	}
	return a, nil
}
