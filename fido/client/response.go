package client

import (
	"encoding/json"

	"github.com/postern/postern/fido/ctap"
)

// attachment is what every authenticator behind a [Channel] is: one that can be
// taken to another client (WebAuthn §5.4.5).
const attachment = "cross-platform"

// MarshalJSON gives RegistrationResponseJSON (WebAuthn §5.1.1).
func (r *Registration) MarshalJSON() ([]byte, error) {
	type response struct {
		ClientDataJSON     Bytes          `json:"clientDataJSON"`
		AuthenticatorData  Bytes          `json:"authenticatorData"`
		Transports         []string       `json:"transports"`
		PublicKey          Bytes          `json:"publicKey,omitempty"`
		PublicKeyAlgorithm ctap.Algorithm `json:"publicKeyAlgorithm"`
		AttestationObject  Bytes          `json:"attestationObject"`
	}
	data, err := ctap.ParseAuthenticatorData(r.AuthenticatorData)
	if err != nil {
		return nil, err
	}
	resp := response{
		ClientDataJSON: r.ClientDataJSON, AuthenticatorData: r.AuthenticatorData,
		Transports: append([]string{}, r.Transports...), AttestationObject: r.AttestationObject,
	}
	if data.Attested != nil {
		alg, pub, err := ctap.DecodePublicKey(data.Attested.PublicKey)
		if err != nil {
			return nil, err
		}
		resp.PublicKeyAlgorithm = alg
		if resp.PublicKey, err = ctap.SubjectPublicKeyInfo(pub); err != nil {
			return nil, err
		}
	}
	return json.Marshal(publicKeyCredential{
		ID: r.ID, RawID: r.ID, Type: ctap.PublicKeyType, Attachment: attachment, Extensions: r.Extensions, Response: resp,
	})
}

// MarshalJSON gives AuthenticationResponseJSON (WebAuthn §5.1.1).
func (a *Assertion) MarshalJSON() ([]byte, error) {
	return json.Marshal(publicKeyCredential{
		ID: a.ID, RawID: a.ID, Type: ctap.PublicKeyType, Attachment: attachment, Extensions: a.Extensions,
		Response: struct {
			ClientDataJSON    Bytes `json:"clientDataJSON"`
			AuthenticatorData Bytes `json:"authenticatorData"`
			Signature         Bytes `json:"signature"`
			UserHandle        Bytes `json:"userHandle,omitempty"`
		}{a.ClientDataJSON, a.AuthenticatorData, a.Signature, a.UserHandle},
	})
}

type publicKeyCredential struct {
	ID         Bytes            `json:"id"`
	RawID      Bytes            `json:"rawId"`
	Type       string           `json:"type"`
	Attachment string           `json:"authenticatorAttachment"`
	Response   any              `json:"response"`
	Extensions ExtensionResults `json:"clientExtensionResults"`
}
