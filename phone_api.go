package postern

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"time"
)

// The phone's side of the control center. The page to read is docs/phone-api.md; the names below are its constants
// and messages.
const (
	// PhoneAPIPath is the root of the phone's routes.
	PhoneAPIPath = "/phone/v1"
	// PhoneAuthScheme is the scheme of the Authorization header: a compact JWS (RFC 7515) follows.
	PhoneAuthScheme = "Postern-Phone"
	// PhoneProofType is the typ header of that JWS.
	PhoneProofType = "postern-phone+jwt"
	// PhoneProofWindow is how far iat may be from the server's clock, either way.
	PhoneProofWindow = 2 * time.Minute
	// PhoneWaitMax bounds the wait parameter of long polls.
	PhoneWaitMax = 25 * time.Second
	// PhoneSealInfo is the info of the HPKE (RFC 9180) context under which options are sealed to a phone.
	PhoneSealInfo = "postern/provisioning-options/v1"
	// PhoneEnrolmentContext begins what a phone signs to enrol.
	PhoneEnrolmentContext = "postern/phone-enrolment/v1"
	// PhoneAttestationContext begins what an attestation key signs to be certified.
	PhoneAttestationContext = "postern/attestation-key/v1"
)

// Bytes travels as base64url without padding (RFC 4648 §5), the encoding of WebAuthn's JSON forms.
type Bytes []byte

// MarshalJSON writes base64url without padding.
func (b Bytes) MarshalJSON() ([]byte, error) {
	return json.Marshal(base64.RawURLEncoding.EncodeToString(b))
}

// UnmarshalJSON reads base64url without padding, and nothing else.
func (b *Bytes) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(s)
	if err != nil {
		return err
	}
	*b = decoded
	return nil
}

// PhoneProof is the claims of the JWS that every phone request but the enrolment carries (after RFC 9449).
type PhoneProof struct {
	Method   string `json:"htm"` // HTTP method
	Path     string `json:"htu"` // path and query of the request, without the origin
	IssuedAt int64  `json:"iat"` // Unix seconds
	ID       string `json:"jti"` // unique; a second request with it is refused
	BodyHash string `json:"bh"`  // base64url SHA-256 of the body, of no bytes when there is none
}

// PhoneEnrolment enrols a phone with the one-time code of an invitation, or with the ticket of a sign-in.
type PhoneEnrolment struct {
	Code        string    `json:"code,omitempty" maxLength:"64"`
	Ticket      string    `json:"ticket,omitempty" maxLength:"200" doc:"Instead of a code, once the sign-in is confirmed."`
	Name        string    `json:"name" minLength:"1" maxLength:"60"`
	Platform    string    `json:"platform" maxLength:"120"`
	Assurance   Assurance `json:"assurance" enum:"gated,file,none"`
	IdentityKey Bytes     `json:"identity_key" doc:"Ed25519 public key, 32 bytes."`
	SealKey     Bytes     `json:"seal_key" doc:"X25519 public key, 32 bytes."`
	Proof       Bytes     `json:"proof" doc:"Ed25519 signature over EnrolmentMessage."`
}

// EnrolmentMessage is what a phone signs with its identity key to enrol: the context, then the hash of the normalised
// code, then both public keys. So nobody can enrol with another phone's key, nor swap the seal key.
func EnrolmentMessage(code string, identityKey, sealKey []byte) []byte {
	hash := sha256.Sum256([]byte(NormaliseCode(code)))
	m := append([]byte(PhoneEnrolmentContext), 0)
	m = append(m, hash[:]...)
	m = append(m, identityKey...)
	return append(m, sealKey...)
}

// Secret is what the phone signs as the code in [EnrolmentMessage].
func (e PhoneEnrolment) Secret() string {
	if e.Ticket != "" {
		return e.Ticket
	}
	return e.Code
}

// By is what the enrolment proves the user with.
func (e PhoneEnrolment) By() Proof {
	if e.Ticket != "" {
		return ProofSignIn
	}
	return ProofCode
}

// NormaliseCode brings a one-time code that a person typed into the form that is hashed: upper case, no separators,
// and the letters that look like digits read as those (Crockford's base 32).
func NormaliseCode(code string) string {
	out := make([]byte, 0, len(code))
	for _, c := range []byte(code) {
		switch {
		case c == ' ' || c == '-' || c == '\t':
			continue
		case 'a' <= c && c <= 'z':
			c -= 'a' - 'A'
		}
		switch c {
		case 'O':
			c = '0'
		case 'I', 'L':
			c = '1'
		}
		out = append(out, c)
	}
	return string(out)
}

// PhoneSelf is what a phone learns of itself.
type PhoneSelf struct {
	Phone         Phone               `json:"phone"`
	User          User                `json:"user"`
	Integration   PhoneIntegration    `json:"integration"`
	Passkeys      []Passkey           `json:"passkeys" doc:"Those it ever had; a revoked one stays listed, so that the phone can say so."`
	Claims        []PasskeyClaim      `json:"claims,omitempty" doc:"Passkeys it told of that Entra does not list."`
	Provisionings []Provisioning      `json:"provisionings" doc:"Those under way."`
	Pairings      []PairedWorkstation `json:"pairings" doc:"Those that are active."`
	Push          PushState           `json:"push"`
	Notice        *PhoneNotice        `json:"notice,omitempty"`
	Enrolment     *PhoneStanding      `json:"enrolment,omitempty" doc:"What the user may or must do, and what is missing."`
}

// PhoneIntegration is what a phone may know of its integration.
type PhoneIntegration struct {
	ID              IntegrationID   `json:"id"`
	ApplicationName string          `json:"application_name"`
	State           State           `json:"state"`
	Attestation     AttestationMode `json:"attestation"`
	CanProvision    bool            `json:"can_provision"`
}

// PhoneNotice is something the phone should tell its user.
type PhoneNotice struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
	Next    string `json:"next"`
}

// PhoneProvisioning is a provisioning as its phone sees it.
type PhoneProvisioning struct {
	Provisioning Provisioning `json:"provisioning"`
	Sealed       Bytes        `json:"sealed,omitempty" doc:"In state offered: HPKE encapsulated key, then the ciphertext of ProvisioningOptions."`
}

// ProvisioningOptions is the plaintext sealed to the phone.
type ProvisioningOptions struct {
	PublicKey   json.RawMessage `json:"public_key" doc:"PublicKeyCredentialCreationOptions as Graph gave it."`
	Attestation AttestationMode `json:"attestation"`
	ExpiresAt   time.Time       `json:"expires_at"`
}

// AttestationRequest asks for the leaf certificate of one new credential.
type AttestationRequest struct {
	PublicKey Bytes `json:"public_key" doc:"SubjectPublicKeyInfo of a fresh P-256 key."`
	Proof     Bytes `json:"proof" doc:"ECDSA signature (ASN.1) by that key over SHA-256 of AttestationMessage."`
}

// AttestationMessage is what the attestation key signs, so that a phone cannot have another's key certified.
func AttestationMessage(id ProvisioningID, publicKey []byte) []byte {
	m := append([]byte(PhoneAttestationContext), 0)
	m = append(m, id...)
	m = append(m, 0)
	return append(m, publicKey...)
}

// AttestationLeaf is the answer: DER certificates, leaf first.
type AttestationLeaf struct {
	Certificates []Bytes `json:"x5c"`
}

// CredentialSubmission is the credential that a phone or a security key made.
type CredentialSubmission struct {
	ID                Bytes          `json:"id"`
	ClientDataJSON    Bytes          `json:"client_data_json"`
	AttestationObject Bytes          `json:"attestation_object"`
	ExtensionResults  map[string]any `json:"client_extension_results,omitempty"`
}

// DeclineInput says why a user declined.
type DeclineInput struct {
	Reason string `json:"reason,omitempty" maxLength:"200"`
}
