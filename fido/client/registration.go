package client

import (
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

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
	if lists(descriptors(o.ExcludeCredentials), data.Attested.ID) {
		return nil, errors.New("the authenticator gave out a credential again that it was to refuse")
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
	results, err := s.created(&o.Extensions, resp, data.Extensions, rk)
	if err != nil {
		return nil, err
	}
	return &Registration{
		ID: data.Attested.ID, ClientDataJSON: clientData, AttestationObject: object,
		AuthenticatorData: resp.AuthData, Transports: s.info.Transports, Extensions: results,
		UnsignedExtensions: resp.UnsignedExtensions,
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
