package provision

import (
	"bytes"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"

	"github.com/postern/postern"
)

// The bounds of a submission. Entra's challenge alone has about 5 KB, which the client data carries in base64url.
const (
	maxCredentialID      = 1023 // CTAP 2.1 §6.4 leaves the length open; WebAuthn §6.1 allows 1023 bytes
	maxClientData        = 32 << 10
	maxAttestationObject = 16 << 10
)

// checkSubmission verifies the credential by the steps of WebAuthn §7.1 before Entra sees it, so that a phone or a
// security key gone wrong is told so by us, in words, and never costs a call.
func checkSubmission(r Record, in postern.CredentialSubmission) error {
	refuse := func(field, format string, args ...any) error {
		return postern.Errorf(postern.CodeCredentialRefused, format, args...).OnField(field)
	}
	switch {
	case len(in.ID) == 0 || len(in.ID) > maxCredentialID:
		return refuse("id", "The credential id has %d bytes.", len(in.ID))
	case len(in.ClientDataJSON) > maxClientData:
		return refuse("client_data_json", "The client data is too long.")
	case len(in.AttestationObject) > maxAttestationObject:
		return refuse("attestation_object", "The attestation object is too long.")
	}
	response := protocol.AuthenticatorAttestationResponse{
		AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: protocol.URLEncodedBase64(in.ClientDataJSON)},
		AttestationObject:     protocol.URLEncodedBase64(in.AttestationObject),
	}
	parsed, err := response.Parse()
	if err != nil {
		return postern.Errorf(postern.CodeCredentialRefused, "The credential cannot be read.").Because(err)
	}
	client := parsed.CollectedClientData
	challenge := sha256.Sum256([]byte(client.Challenge))
	if subtle.ConstantTimeCompare(challenge[:], r.ChallengeHash) != 1 {
		if r.Carrier != postern.CarrierPhone {
			return postern.Errorf(postern.CodeProvisioningTaken, "")
		}
		return refuse("client_data_json", "The credential answers another challenge.")
	}
	if client.Type != protocol.CreateCeremony {
		return refuse("client_data_json", "The client data is of type %q.", client.Type)
	}
	if want := "https://" + r.RPID; client.Origin != want {
		return refuse("client_data_json", "The client data names the origin %q, not %q.", client.Origin, want)
	}
	return checkAttestation(r, in, parsed)
}

func checkAttestation(r Record, in postern.CredentialSubmission, parsed *protocol.ParsedAttestationResponse) error {
	refuse := func(message string) error {
		return postern.Errorf(postern.CodeCredentialRefused, "%s", message).OnField("attestation_object")
	}
	data := parsed.AttestationObject.AuthData
	rp := sha256.Sum256([]byte(r.RPID))
	if !bytes.Equal(data.RPIDHash, rp[:]) {
		return refuse("The credential is for another relying party.")
	}
	if !data.Flags.UserPresent() || !data.Flags.UserVerified() || !data.Flags.HasAttestedCredentialData() {
		return refuse("The " + carrierName(r.Carrier) + " did not verify its user.")
	}
	// Which models and algorithms of security keys are good enough is for the tenant to say.
	if want := aaguidOf[r.Carrier]; want != "" && aaguid(data.AttData.AAGUID) != want {
		return refuse("The credential was not made by Postern's authenticator.")
	}
	if !bytes.Equal(data.AttData.CredentialID, in.ID) {
		return refuse("The credential's id is not the one in its authenticator data.")
	}
	key, err := webauthncose.ParsePublicKey(data.AttData.CredentialPublicKey)
	if err != nil {
		return refuse("The public key cannot be read.")
	}
	if r.Carrier != postern.CarrierSecurityKey && !isES256(key) {
		return refuse("The credential is not an ES256 key.")
	}
	clientDataHash := sha256.Sum256(in.ClientDataJSON)
	if err := parsed.AttestationObject.VerifyAttestation(clientDataHash[:], nil, protocol.AttestationPolicy{}, protocol.SignaturePolicy{}); err != nil {
		return postern.Errorf(postern.CodeCredentialRefused, "The attestation does not verify.").OnField("attestation_object").Because(err)
	}
	return nil
}

// aaguidOf are the models of Postern's own authenticators.
var aaguidOf = map[postern.Carrier]string{postern.CarrierPhone: ourAAGUID, postern.CarrierWorkstation: postern.WorkstationAAGUID}

// aaguid writes a model as Graph does.
func aaguid(b []byte) string {
	if len(b) != 16 {
		return ""
	}
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func isES256(key any) bool {
	ec, ok := key.(webauthncose.EC2PublicKeyData)
	return ok && webauthncose.COSEAlgorithmIdentifier(ec.Algorithm) == webauthncose.AlgES256
}
