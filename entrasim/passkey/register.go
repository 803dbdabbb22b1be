package passkey

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // Graph names certificates by their SHA-1 thumbprint
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"time"
	"unicode/utf8"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/google/uuid"
)

// PublicKeyCredential is microsoft.graph.webauthnPublicKeyCredential as POST fido2Methods carries it. Members are base64url.
type PublicKeyCredential struct {
	ID       string              `json:"id"`
	Response AttestationResponse `json:"response"`
}

// AttestationResponse is the response member of [PublicKeyCredential].
type AttestationResponse struct {
	ClientDataJSON    string `json:"clientDataJSON"`
	AttestationObject string `json:"attestationObject"`
}

// Registration is one attempt to register a passkey.
type Registration struct {
	Tenant      string
	User        User
	Policy      Policy
	DisplayName string // up to 30 characters; the limit is that of clients, the server's is not documented
	Credential  PublicKeyCredential
	Count       int                            // passkeys the user has already
	Registered  func(credentialID []byte) bool // whether anybody in the tenant has this credential; nil means nobody
}

// Credential is a registered passkey. All of it is public.
type Credential struct {
	ID                      []byte   `json:"credentialId"`
	PublicKey               []byte   `json:"publicKey"` // COSE_Key (RFC 9052 §7)
	AAGUID                  string   `json:"aaGuid"`    // lower-case GUID
	Model                   string   `json:"model"`     // empty for a model nobody knows
	DisplayName             string   `json:"displayName"`
	Format                  string   `json:"format"`                  // attestation statement format identifier
	Attested                bool     `json:"attested"`                // the chain ends in a root known for the AAGUID
	AttestationCertificates []string `json:"attestationCertificates"` // SHA-1 thumbprints, lower-case hex
	Type                    Type     `json:"passkeyType"`
	SignCount               uint32   `json:"signCount"`
}

// AttestationLevel returns Graph's word for Attested.
func (c Credential) AttestationLevel() string {
	if c.Attested {
		return "attested"
	}
	return "notAttested"
}

// maxDisplayName is the length in characters of a passkey's name.
const maxDisplayName = 30

// CheckDisplayName refuses names longer than 30 characters (our choice). An empty name passes: Graph does not require one.
func CheckDisplayName(name string) *Refusal {
	if !utf8.ValidString(name) || utf8.RuneCountInString(name) > maxDisplayName {
		return refuse(ReasonDisplayName, "The property 'displayName' must have between 1 and %d characters.", maxDisplayName)
	}
	return nil
}

// Register verifies an attestation response (WebAuthn §7.1) under the tenant's policy and returns the passkey to store, or
// a *[Refusal].
func (rp *RelyingParty) Register(reg Registration, now time.Time) (*Credential, error) {
	if r := CheckDisplayName(reg.DisplayName); r != nil {
		return nil, r
	}
	profiles, r := registrable(reg.User, reg.Policy)
	if r != nil {
		return nil, r
	}
	if rp.MaxPasskeys > 0 && reg.Count >= rp.MaxPasskeys {
		return nil, refuse(ReasonTooMany, "The user already has %d passkeys, which is the limit. Delete one before adding another.", reg.Count)
	}
	parsed, err := rp.parseRegistration(reg, now)
	if err != nil {
		return nil, err
	}
	chain, err := rp.verifyAttestation(parsed)
	if err != nil {
		return nil, err
	}

	object := parsed.Response.AttestationObject
	id, err := uuid.FromBytes(object.AuthData.AttData.AAGUID)
	if err != nil {
		return nil, refuse(ReasonMalformed, "The authenticator data carries no AAGUID.")
	}
	cred := &Credential{
		ID: object.AuthData.AttData.CredentialID, PublicKey: object.AuthData.AttData.CredentialPublicKey,
		AAGUID: id.String(), Model: rp.Metadata.Model(id.String()), DisplayName: reg.DisplayName, Format: object.Format,
		Attested:                len(chain) > 0 && rp.Metadata.Verify(id.String(), chain, now) == nil,
		AttestationCertificates: thumbprints(chain), Type: passkeyType(object.AuthData.Flags), SignCount: object.AuthData.Counter,
	}
	if reg.Registered != nil && reg.Registered(cred.ID) {
		return nil, conflict(ReasonDuplicate, "A passkey with this credential id is already registered.")
	}
	if r := allow(profiles, model{cred.AAGUID, cred.Type, cred.Attested}, true); r != nil {
		return nil, r
	}
	return cred, nil
}

// parseRegistration decodes the members and runs every check that comes before the attestation statement.
func (rp *RelyingParty) parseRegistration(reg Registration, now time.Time) (*protocol.ParsedCredentialCreationData, error) {
	credentialID, r := decodeMember("id", reg.Credential.ID, maxCredentialID)
	if r != nil {
		return nil, r
	}
	clientDataJSON, r := decodeMember("response.clientDataJSON", reg.Credential.Response.ClientDataJSON, maxClientData)
	if r != nil {
		return nil, r
	}
	attestation, r := decodeMember("response.attestationObject", reg.Credential.Response.AttestationObject, maxAttestationObject)
	if r != nil {
		return nil, r
	}
	ch, err := rp.checkClientData(clientDataJSON, protocol.CreateCeremony, rp.sealed(ForRegistration, now))
	if err != nil {
		return nil, err
	}
	if !sameGUID(ch.Tenant, reg.Tenant) || !sameGUID(ch.User, reg.User.ID) {
		return nil, refuse(ReasonChallengeUser, "The challenge was issued for another user. Request creation options for the user the passkey is registered for.")
	}
	response := protocol.CredentialCreationResponse{
		PublicKeyCredential: protocol.PublicKeyCredential{
			Credential: protocol.Credential{ID: base64.RawURLEncoding.EncodeToString(credentialID), Type: "public-key"},
			RawID:      credentialID,
		},
		AttestationResponse: protocol.AuthenticatorAttestationResponse{
			AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: clientDataJSON},
			AttestationObject:     attestation,
		},
	}
	parsed, err := response.Parse()
	if err != nil {
		return nil, refuse(ReasonMalformed, "The attestation object cannot be decoded, or it lacks attested credential data.")
	}
	hash := sha256.Sum256([]byte(rp.ID))
	object := &parsed.Response.AttestationObject
	if r := rp.checkFlags(object.AuthData, hash[:]); r != nil {
		return nil, r
	}
	if !bytes.Equal(credentialID, object.AuthData.AttData.CredentialID) {
		return nil, refuse(ReasonCredentialID, "The property 'id' is not the credential id inside the attestation object.")
	}
	if !acceptedKey(object.AuthData.AttData.CredentialPublicKey) {
		return nil, refuse(ReasonAlgorithm, "The public key algorithm of the credential is not supported. Use ES256 (-7) or RS256 (-257).")
	}
	return parsed, nil
}

// acceptedKey reports whether a COSE key is one of the kinds offered and well formed.
func acceptedKey(cose []byte) bool {
	key, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return false
	}
	switch k := key.(type) {
	case webauthncose.EC2PublicKeyData:
		return k.Algorithm == algES256
	case webauthncose.RSAPublicKeyData:
		return k.Algorithm == algRS256
	default:
		return false
	}
}

// maxFormatName is the documented length of a custom attestation statement format identifier.
const maxFormatName = 32

// verifyAttestation verifies the attestation statement and returns its certificates, leaf first. Formats none, packed and
// tpm are verified. Other names up to 32 characters are taken, as documented for tenants that do not enforce attestation,
// without looking at the statement: such a passkey is never attested.
func (rp *RelyingParty) verifyAttestation(parsed *protocol.ParsedCredentialCreationData) ([]*x509.Certificate, error) {
	object := parsed.Response.AttestationObject
	certificates, hasChain := object.AttStatement["x5c"].([]any)
	switch format := object.Format; {
	case format == "" || len(format) > maxFormatName:
		return nil, refuse(ReasonAttestationFormat, "The attestation statement format must have a name of at most %d characters.", maxFormatName)
	case format == "packed" && !hasChain && !rp.AcceptSelfAttestation:
		return nil, refuse(ReasonAttestationFormat, "Packed self attestation is not accepted. Use attestation 'none' or a packed statement with a certificate chain (x5c).")
	case format != "none" && format != "packed" && format != "tpm":
		certificates = nil
		parsed.Response.AttestationObject.Format, parsed.Response.AttestationObject.AttStatement, parsed.Response.AttestationObject.SubStatements = "none", nil, nil
		defer func() { parsed.Response.AttestationObject.Format = format }()
	}
	params := []protocol.CredentialParameter{
		{Type: protocol.PublicKeyCredentialType, Algorithm: algES256}, {Type: protocol.PublicKeyCredentialType, Algorithm: algRS256},
	}
	// The challenge was opened before; the library compares it with itself and repeats every other step of §7.1.
	_, err := parsed.Verify(parsed.Response.CollectedClientData.Challenge, rp.ID, []string{rp.Origin}, nil, nil,
		protocol.TopOriginExplicitVerificationMode, false, true, true, nil, params, protocol.AttestationPolicy{}, protocol.SignaturePolicy{})
	if err != nil {
		return nil, refuse(ReasonAttestation, "The attestation statement is not valid: %s.", libraryReason(err))
	}
	var chain []*x509.Certificate
	for _, c := range certificates {
		der, ok := c.([]byte)
		if !ok {
			return nil, refuse(ReasonAttestation, "The attestation statement is not valid: x5c holds something other than certificates.")
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			return nil, refuse(ReasonAttestation, "The attestation statement is not valid: a certificate in x5c cannot be parsed.")
		}
		chain = append(chain, cert)
	}
	return chain, nil
}

// libraryReason returns what go-webauthn found. Its DevInfo may quote client data and stays out.
func libraryReason(err error) string {
	var e *protocol.Error
	if errors.As(err, &e) && e.Details != "" {
		return e.Details
	}
	return "verification failed"
}

func thumbprints(chain []*x509.Certificate) []string {
	out := make([]string, 0, len(chain))
	for _, c := range chain {
		sum := sha1.Sum(c.Raw) //nolint:gosec // see the import
		out = append(out, hex.EncodeToString(sum[:]))
	}
	return out
}
