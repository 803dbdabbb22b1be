package client

import (
	"context"
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
	// UnsignedExtensions is the map of unsigned extension outputs (CTAP 2.2
	// §6.2.2), nil where there is none. The signature does not cover it.
	UnsignedExtensions ctap.Raw
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
	rpID, err := site.relyingPartyID(o.RPID, c.Registrable)
	if err != nil {
		return nil, err
	}
	if len(o.Challenge) == 0 {
		return nil, fail(TypeError, "the challenge is empty")
	}
	if err := o.Extensions.checkGetExtensions(o.AllowCredentials); err != nil {
		return nil, err
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
	permissions := ctap.PermitGetAssertion
	if s.writesBlob(&o.Extensions) && s.protected() {
		// One verification for the assertion and for what is written after it.
		wanted, permissions = Required, permissions|ctap.PermitLargeBlobWrite
	}
	if s.evaluates(&o.Extensions) && s.canVerify(permissions) {
		wanted = Required
	}
	if err := s.verifyUser(ctx, wanted, permissions); err != nil {
		return nil, err
	}
	clientData, hash := collectedClientData(typeGet, o.Challenge, site.origin, c.CrossOrigin)
	request := &ctap.GetAssertionRequest{RPID: rpID, ClientDataHash: hash, Options: map[string]bool{}}
	encode := func() (_ []byte, err error) {
		s.setUV(request.Options)
		if request.Extensions, err = s.getExtensions(ctx, &o.Extensions, request.AllowList); err != nil {
			return nil, err
		}
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
	result, err := s.perform(ctx, permissions, encode)
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
	a, err := s.assertion(o, request, resp, clientData)
	if err != nil {
		return nil, err
	}
	if err := s.largeBlob(ctx, &o.Extensions, resp.LargeBlobKey, &a.Extensions); err != nil {
		return nil, err
	}
	return a, nil
}

// allow sets the allow list. A relying party that named credentials none of
// which can be here must not be asked for a discoverable one instead.
// Bare is the size of the request without its list.
func (s *session) allow(ctx context.Context, o *RequestOptions, request *ctap.GetAssertionRequest, bare int) error {
	if len(o.AllowCredentials) == 0 {
		return nil
	}
	const hmacSecret = 256 // more than inputs by credential take
	// Inputs by credential can be sent only once the credential is known.
	byCredential := o.Extensions.PRF != nil && len(o.Extensions.PRF.ByCredential) > 0
	var err error
	request.AllowList, err = s.fit(ctx, descriptors(o.AllowCredentials), bare+hmacSecret, byCredential)
	if err == nil && len(request.AllowList) == 0 {
		return ctap.ErrNoCredentials
	}
	return err
}
