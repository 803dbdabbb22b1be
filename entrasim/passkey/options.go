package passkey

import (
	"crypto/rand"
	"encoding/base64"
	"io"
	"time"

	"github.com/google/uuid"
)

// Limits of creationOptions, in minutes (Microsoft Graph documentation, beta).
const (
	MinChallengeMinutes = 5
	MaxChallengeMinutes = 43200
)

// Algorithms offered and accepted: ES256 and RS256.
const (
	algES256 = -7
	algRS256 = -257
)

// RelyingParty carries out ceremonies. The fields may be changed before first use.
type RelyingParty struct {
	ID     string // rp.id, "login.microsoft.com"
	Name   string // rp.name, "Microsoft"
	Origin string // the only origin accepted, "https://login.microsoft.com"

	Challenges *Challenges
	Metadata   *Metadata

	// AcceptSelfAttestation lets packed self attestation (WebAuthn §8.2) register where attestation is not enforced.
	// Microsoft's list of formats for that case names packed only with a certificate chain, so the default is to refuse.
	AcceptSelfAttestation bool

	// MaxPasskeys is the number of passkeys one user may have. Microsoft advises at most 20; a hard limit is not
	// documented, so refusing the next one is our choice. Zero means no limit.
	MaxPasskeys int
}

// New returns the relying party of the real service with a fresh challenge key. A nil random means crypto/rand.
func New(random io.Reader) (*RelyingParty, error) {
	if random == nil {
		random = rand.Reader
	}
	challenges, err := NewChallenges(nil, random)
	if err != nil {
		return nil, err
	}
	return &RelyingParty{
		ID: "login.microsoft.com", Name: "Microsoft", Origin: "https://login.microsoft.com",
		Challenges: challenges, Metadata: NewMetadata(), MaxPasskeys: 20,
	}, nil
}

// User is the account a passkey is made for.
type User struct {
	Subject
	Name        string // user principal name
	DisplayName string
	Guest       bool
}

// CreationOptions is microsoft.graph.webauthnPublicKeyCredentialCreationOptions with the members seen in captures, no more.
type CreationOptions struct {
	RP                     RPEntity             `json:"rp"`
	User                   UserEntity           `json:"user"`
	Challenge              string               `json:"challenge"` // base64url of the challenge text
	PubKeyCredParams       []CredentialParam    `json:"pubKeyCredParams"`
	Timeout                int                  `json:"timeout"` // milliseconds
	ExcludeCredentials     []ExcludedCredential `json:"excludeCredentials"`
	AuthenticatorSelection Selection            `json:"authenticatorSelection"`
	Attestation            string               `json:"attestation"`
	Extensions             Extensions           `json:"extensions"`
}

// RPEntity is the rp member.
type RPEntity struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// UserEntity is the user member; ID is base64url of [UserHandle].
type UserEntity struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

// CredentialParam is one element of pubKeyCredParams.
type CredentialParam struct {
	Type string `json:"type"`
	Alg  int    `json:"alg"`
}

// ExcludedCredential is one element of excludeCredentials.
type ExcludedCredential struct {
	Type       string   `json:"type"`
	ID         string   `json:"id"` // in the chosen IDEncoding
	Transports []string `json:"transports"`
}

// Selection is the authenticatorSelection member. Graph's schema has no residentKey.
type Selection struct {
	AuthenticatorAttachment string `json:"authenticatorAttachment"`
	RequireResidentKey      bool   `json:"requireResidentKey"`
	UserVerification        string `json:"userVerification"`
}

// Extensions is the extensions member.
type Extensions struct {
	HMACCreateSecret                  bool   `json:"hmacCreateSecret"`
	EnforceCredentialProtectionPolicy bool   `json:"enforceCredentialProtectionPolicy"`
	CredentialProtectionPolicy        string `json:"credentialProtectionPolicy"`
}

// OptionsRequest asks for creation options.
type OptionsRequest struct {
	Tenant   string // GUID
	User     User
	Policy   Policy
	Minutes  int      // life of the challenge, [MinChallengeMinutes] to [MaxChallengeMinutes]; v1.0 always asks for the least
	Existing [][]byte // credential ids of the user's passkeys
	Encoding IDEncoding
}

// Options returns the publicKey object of creationOptions and the time its challenge expires, truncated to the second. It
// refuses users who could not register anyway: 403 accessDenied for the policy (our choice).
func (rp *RelyingParty) Options(req OptionsRequest, now time.Time) (CreationOptions, time.Time, error) {
	if req.Minutes < MinChallengeMinutes || req.Minutes > MaxChallengeMinutes {
		return CreationOptions{}, time.Time{}, refuse(ReasonTimeoutRange, "The parameter 'challengeTimeoutInMinutes' must be between %d and %d.", MinChallengeMinutes, MaxChallengeMinutes)
	}
	if _, r := registrable(req.User, req.Policy); r != nil {
		return CreationOptions{}, time.Time{}, deny(r.Reason, "%s", r.Message)
	}
	handle, err := UserHandle(req.Tenant, req.User.ID)
	if err != nil {
		return CreationOptions{}, time.Time{}, err
	}
	expires := now.Add(time.Duration(req.Minutes) * time.Minute).UTC().Truncate(time.Second)
	text, err := rp.Challenges.Seal(Challenge{Tenant: req.Tenant, User: req.User.ID, Purpose: ForRegistration, Expires: expires})
	if err != nil {
		return CreationOptions{}, time.Time{}, err
	}
	exclude := make([]ExcludedCredential, 0, len(req.Existing))
	for _, id := range req.Existing {
		exclude = append(exclude, ExcludedCredential{Type: "public-key", ID: req.Encoding.Encode(id), Transports: []string{"usb", "nfc"}})
	}
	return CreationOptions{
		RP:                     RPEntity{ID: rp.ID, Name: rp.Name},
		User:                   UserEntity{ID: base64.RawURLEncoding.EncodeToString(handle), Name: req.User.Name, DisplayName: req.User.DisplayName},
		Challenge:              base64.RawURLEncoding.EncodeToString([]byte(text)),
		PubKeyCredParams:       []CredentialParam{{"public-key", algES256}, {"public-key", algRS256}},
		Timeout:                60000,
		ExcludeCredentials:     exclude,
		AuthenticatorSelection: Selection{AuthenticatorAttachment: "cross-platform", RequireResidentKey: true, UserVerification: "required"},
		Attestation:            "direct",
		Extensions:             Extensions{HMACCreateSecret: true, EnforceCredentialProtectionPolicy: true, CredentialProtectionPolicy: "userVerificationOptional"},
	}, expires, nil
}

// registrable returns the profiles under which user may register a passkey. Self-service must be on even when an
// administrator registers on the user's behalf, a documented issue of the real service.
func registrable(user User, policy Policy) ([]Profile, *Refusal) {
	if user.Guest {
		return nil, refuse(ReasonGuest, "Guest users cannot register passkeys in this tenant. They register in their home tenant.")
	}
	profiles, r := policy.Profiles(user.Subject)
	if r != nil {
		return nil, r
	}
	if !policy.SelfServiceAllowed {
		return nil, refuse(ReasonSelfServiceOff, "Passkey registration requires 'Allow self-service set up' (isSelfServiceRegistrationAllowed) to be on in the passkey (FIDO2) method policy, also when an administrator registers for the user.")
	}
	return profiles, nil
}

// RequestChallenge returns the challenge text of a sign-in (sFidoChallenge). tenant and userID are empty while they are not
// known; the assertion then tells both by its user handle. nonce is 16 bytes the caller may recognise the challenge by; nil
// makes one.
func (rp *RelyingParty) RequestChallenge(tenant, userID string, nonce []byte, expires time.Time) (string, error) {
	return rp.Challenges.Seal(Challenge{Tenant: tenant, User: userID, Purpose: ForSignIn, Nonce: nonce, Expires: expires})
}

// sameGUID compares GUIDs in any spelling; strings that are not GUIDs are equal to nothing.
func sameGUID(a, b string) bool {
	x, err := uuid.Parse(a)
	if err != nil {
		return false
	}
	y, err := uuid.Parse(b)
	return err == nil && x == y
}
