package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

// Assertion is the outcome of an authentication ceremony. UserHandle is nil
// where the authenticator gave none.
type Assertion struct {
	ID                []byte
	ClientDataJSON    []byte
	AuthenticatorData []byte
	Signature         []byte
	UserHandle        []byte
	Extensions        ExtensionResults
}

// Get holds an authentication ceremony (WebAuthn §5.1.4) for a page of origin.
// It ends with ctx or with the options' timeout.
func (c *Client) Get(ctx context.Context, o *RequestOptions, origin string) (*Assertion, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout(o.Timeout))
	defer cancel()
	a, err := c.get(ctx, o, origin)
	return a, named(err)
}

func (c *Client) get(ctx context.Context, o *RequestOptions, origin string) (*Assertion, error) {
	site, err := parseOrigin(origin)
	if err != nil {
		return nil, err
	}
	rpID, err := site.relyingPartyID(o.RPID)
	if err != nil {
		return nil, err
	}
	if len(o.Challenge) == 0 {
		return nil, fail(TypeError, "the challenge is empty")
	}
	s, err := c.begin(ctx, rpID)
	if err != nil {
		return nil, err
	}
	defer s.end()
	wanted := o.UserVerification
	if wanted == "" {
		wanted = Preferred
	}
	if err := s.verifyUser(ctx, wanted, ctap.PermitGetAssertion); err != nil {
		return nil, err
	}
	clientData, hash := collectedClientData(typeGet, o.Challenge, site.origin)
	request := &ctap.GetAssertionRequest{RPID: rpID, ClientDataHash: hash, Options: map[string]bool{}}
	encode := func() ([]byte, error) {
		s.setUV(request.Options)
		request.PINUVAuthParam, request.PINUVAuthProtocol = s.authParam(hash)
		return request.Encode()
	}
	bare, err := encode()
	if err != nil {
		return nil, err
	}
	if err := s.allow(ctx, o, request, len(bare)); err != nil {
		return nil, err
	}
	if request.Extensions, err = s.hmacSecretInput(ctx, o, request.AllowList); err != nil {
		return nil, err
	}
	result, err := s.perform(ctx, ctap.PermitGetAssertion, encode)
	if err != nil {
		return nil, fmt.Errorf("getAssertion: %w", err)
	}
	resp, err := ctap.DecodeGetAssertionResponse(result)
	if err != nil {
		return nil, err
	}
	if resp.NumberOfCredentials > 1 && len(request.AllowList) == 0 {
		if resp, err = s.chooseAccount(ctx, resp); err != nil {
			return nil, err
		}
	}
	return s.assertion(o, request, resp, clientData)
}

// allow sets the allow list. A relying party that named credentials none of
// which can be here must not be asked for a discoverable one instead.
// Bare is the size of the request without its list and extensions.
func (s *session) allow(ctx context.Context, o *RequestOptions, request *ctap.GetAssertionRequest, bare int) error {
	if len(o.AllowCredentials) == 0 {
		return nil
	}
	const hmacSecret = 256 // more than the extension input takes
	// Inputs by credential can be sent only once the credential is known.
	byCredential := o.Extensions.PRF != nil && len(o.Extensions.PRF.ByCredential) > 0
	var err error
	request.AllowList, err = s.fit(ctx, descriptors(o.AllowCredentials), bare+hmacSecret, byCredential)
	if err == nil && len(request.AllowList) == 0 {
		return ctap.ErrNoCredentials
	}
	return err
}

// hmacSecretInput gives the extension inputs of an assertion.
func (s *session) hmacSecretInput(ctx context.Context, o *RequestOptions, allowed []ctap.CredentialDescriptor) (map[string]ctap.Raw, error) {
	salts, err := o.Extensions.salts(allowed)
	if err != nil || salts == nil {
		return nil, err
	}
	known := false
	for _, name := range s.info.Extensions {
		known = known || name == ctap.ExtHMACSecret
	}
	if !known {
		return nil, nil
	}
	if err := s.agree(ctx); err != nil {
		return nil, err
	}
	sealed, err := s.secret.Encrypt(s.Random, salts)
	if err != nil {
		return nil, err
	}
	input, err := (&ctap.HMACSecretInput{
		KeyAgreement: s.platform, SaltEnc: sealed, SaltAuth: s.secret.Authenticate(sealed), Protocol: s.protocol,
	}).Encode()
	if err != nil {
		return nil, err
	}
	return map[string]ctap.Raw{ctap.ExtHMACSecret: input}, nil
}

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
		return nil, fail(NotAllowedError, "no account was chosen: %w", err)
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
	a := &Assertion{ClientDataJSON: clientData, AuthenticatorData: resp.AuthData, Signature: resp.Signature}
	switch {
	case resp.Credential != nil:
		a.ID = resp.Credential.ID
	case len(request.AllowList) == 1: // CTAP 2.1 §6.2.3: may be left out then
		a.ID = request.AllowList[0].ID
	default:
		return nil, errors.New("the authenticator does not say which credential it used")
	}
	if resp.User != nil {
		a.UserHandle = resp.User.ID
	}
	var secrets []byte
	if raw, ok := data.Extensions[ctap.ExtHMACSecret]; ok && request.Extensions != nil {
		if secrets, err = s.openSecrets(raw); err != nil {
			return nil, err
		}
	}
	a.Extensions = o.Extensions.got(secrets)
	return a, nil
}

func (s *session) openSecrets(raw ctap.Raw) ([]byte, error) {
	sealed, err := ctap.DecodeBytes(raw)
	if err != nil {
		return nil, err
	}
	secrets, err := s.secret.Decrypt(sealed)
	if err != nil {
		return nil, err
	}
	if len(secrets) != 32 && len(secrets) != 64 {
		return nil, errors.New("hmac-secret output has a wrong size")
	}
	return secrets, nil
}
