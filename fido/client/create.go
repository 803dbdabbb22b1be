package client

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

// Registration is the outcome of a registration ceremony.
type Registration struct {
	ID                []byte
	ClientDataJSON    []byte
	AttestationObject []byte
	AuthenticatorData []byte
	Transports        []string
	Extensions        ExtensionResults
}

// Create holds a registration ceremony (WebAuthn §5.1.3) for a page of origin.
// It ends with ctx or with the options' timeout.
func (c *Client) Create(ctx context.Context, o *CreationOptions, origin string) (*Registration, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout(o.Timeout))
	defer cancel()
	r, err := c.create(ctx, o, origin)
	return r, named(err)
}

func (c *Client) create(ctx context.Context, o *CreationOptions, origin string) (*Registration, error) {
	site, err := parseOrigin(origin)
	if err != nil {
		return nil, err
	}
	rpID, err := site.relyingPartyID(o.RP.ID)
	if err != nil {
		return nil, err
	}
	if len(o.Challenge) == 0 {
		return nil, fail(TypeError, "the challenge is empty")
	}
	if n := len(o.User.ID); n < 1 || n > ctap.MaxUserIDLength {
		return nil, fail(TypeError, "the user id must have 1 to %d bytes, it has %d", ctap.MaxUserIDLength, n)
	}
	params, err := o.parameters()
	if err != nil {
		return nil, err
	}
	s, err := c.begin(ctx, rpID)
	if err != nil {
		return nil, err
	}
	defer s.end()
	rk, err := s.discoverable(o.Selection.residentKey())
	if err != nil {
		return nil, err
	}
	inputs, err := o.Extensions.forCreate(s.info)
	if err != nil {
		return nil, err
	}
	// Permission to assert as well serves the search in fit.
	if err := s.verifyUser(ctx, s.creationVerification(o.Selection.UserVerification), ceremonyPermissions); err != nil {
		return nil, err
	}
	clientData, hash := collectedClientData(typeCreate, o.Challenge, site.origin)
	request := &ctap.MakeCredentialRequest{
		ClientDataHash: hash,
		RP:             ctap.RelyingParty{ID: rpID, Name: o.RP.Name},
		User:           ctap.User{ID: o.User.ID, Name: o.User.Name, DisplayName: o.User.DisplayName},
		Parameters:     params,
		Extensions:     inputs,
		Options:        map[string]bool{},
	}
	if rk {
		request.Options[ctap.OptionRK] = true
	}
	encode := func() ([]byte, error) {
		s.setUV(request.Options)
		request.PINUVAuthParam, request.PINUVAuthProtocol = s.authParam(hash)
		return request.Encode()
	}
	bare, err := encode()
	if err != nil {
		return nil, err
	}
	if request.ExcludeList, err = s.fit(ctx, descriptors(o.ExcludeCredentials), len(bare), false); err != nil {
		return nil, err
	}
	result, err := s.perform(ctx, ceremonyPermissions, encode)
	if err != nil {
		return nil, fmt.Errorf("makeCredential: %w", err)
	}
	resp, err := ctap.DecodeMakeCredentialResponse(result)
	if err != nil {
		return nil, err
	}
	return s.registration(o, resp, clientData, rk)
}

// discoverable settles the option "rk".
func (s *session) discoverable(wanted string) (bool, error) {
	can := s.info.Options[ctap.OptionRK]
	if wanted == Required && !can {
		return false, fail(ConstraintError, "the authenticator cannot keep discoverable credentials")
	}
	return can && wanted != Discouraged, nil
}

// creationVerification settles userVerification for a registration. An
// authenticator that has verification set up and does not offer
// makeCredUvNotRqd refuses registrations without it, whatever the relying party
// prefers.
func (s *session) creationVerification(wanted string) string {
	switch wanted {
	case Required:
		return Required
	case Discouraged:
		if s.info.Options[ctap.OptionMakeCredUVNot] {
			return Discouraged
		}
	}
	return Preferred
}

// registration checks an answer against what was asked and packs it.
func (s *session) registration(o *CreationOptions, resp *ctap.MakeCredentialResponse, clientData []byte, rk bool) (*Registration, error) {
	data, err := ctap.ParseAuthenticatorData(resp.AuthData)
	if err != nil {
		return nil, err
	}
	if err := s.checkAuthData(data, o.Selection.UserVerification); err != nil {
		return nil, err
	}
	if data.Attested == nil {
		return nil, errors.New("authenticator data of a registration has no credential")
	}
	alg, _, err := ctap.DecodePublicKey(data.Attested.PublicKey)
	if err != nil {
		return nil, err
	}
	if params, err := o.parameters(); err != nil || !offered(params, alg) {
		return nil, fmt.Errorf("the authenticator chose %v, which was not offered", alg)
	}
	format, statement := resp.Format, resp.Statement
	if o.Attestation == "" || o.Attestation == AttestationNone {
		// WebAuthn §5.1.3 step 22: nothing that identifies the authenticator
		// beyond its model.
		if format, statement, err = noAttestation(); err != nil {
			return nil, err
		}
	}
	object, err := ctap.Marshal(map[string]any{"fmt": format, "attStmt": statement, "authData": resp.AuthData})
	if err != nil {
		return nil, err
	}
	results, err := o.Extensions.created(data.Extensions, rk)
	if err != nil {
		return nil, err
	}
	return &Registration{
		ID: data.Attested.ID, ClientDataJSON: clientData, AttestationObject: object,
		AuthenticatorData: resp.AuthData, Transports: s.info.Transports, Extensions: results,
	}, nil
}

func noAttestation() (string, ctap.Raw, error) {
	empty, err := ctap.Marshal(map[string]any{})
	return AttestationNone, empty, err
}

func offered(params []ctap.CredentialParameter, alg ctap.Algorithm) bool {
	for _, p := range params {
		if p.Algorithm == alg {
			return true
		}
	}
	return false
}

// checkAuthData refuses an answer that is for another relying party, or without
// the user. The relying party checks too; but a client that passed such an
// answer on would have been fooled first.
func (s *session) checkAuthData(d *ctap.AuthenticatorData, verification string) error {
	if d.RPIDHash != sha256.Sum256([]byte(s.rpID)) {
		return errors.New("authenticator data is for another relying party")
	}
	if d.Flags&ctap.FlagUP == 0 {
		return errors.New("authenticator data says that no user was present")
	}
	if verification == Required && d.Flags&ctap.FlagUV == 0 {
		return fail(NotAllowedError, "the authenticator did not verify its user")
	}
	return nil
}
