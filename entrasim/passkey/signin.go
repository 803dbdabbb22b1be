package passkey

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
)

// Assertion is what the sign-in page posts: base64url members.
type Assertion struct {
	ID                string `json:"id"`
	ClientDataJSON    string `json:"clientDataJSON"`
	AuthenticatorData string `json:"authenticatorData"`
	Signature         string `json:"signature"`
	UserHandle        string `json:"userHandle"`
}

// Account is a user who may sign in.
type Account struct {
	Subject
	Name    string // user principal name, for messages
	Enabled bool
}

// Directory is what sign-in asks of a tenant.
type Directory interface {
	// TenantID returns the tenant's GUID.
	TenantID() string
	// AccountByHandle finds the user whose [UserHandle] this is.
	AccountByHandle(handle []byte) (Account, bool)
	// Account finds a user by GUID.
	Account(userID string) (Account, bool)
	// Credential finds a passkey of one user.
	Credential(userID string, credentialID []byte) (Credential, bool)
	// Policy returns the passkey method's configuration.
	Policy() Policy
}

// SignedIn is the outcome of a sign-in. The caller stores SignCount with the credential.
type SignedIn struct {
	UserID       string
	CredentialID []byte
	SignCount    uint32
	// Challenge is the opened challenge; remember its Nonce until it expires to make it single use.
	Challenge Challenge
}

// SignIn verifies an assertion (WebAuthn §7.2) and applies the policy as it stands now: targets, exclusions, key
// restrictions and passkey types count at every sign-in, attestation does not. Errors are *[Refusal].
func (rp *RelyingParty) SignIn(a Assertion, dir Directory, now time.Time) (*SignedIn, error) {
	return rp.signIn(a, dir, rp.sealed(ForSignIn, now))
}

// SignInOver is SignIn over a challenge of the caller's, who knows by other means that it is fresh: the challenge of the
// client data must be the ASCII of it. The user handle alone says who signs in.
func (rp *RelyingParty) SignInOver(challenge string, a Assertion, dir Directory) (*SignedIn, error) {
	return rp.signIn(a, dir, func(text string) (Challenge, error) {
		if text != challenge {
			return Challenge{}, refuse(ReasonChallenge, "The challenge in clientDataJSON is another one than that of the request.")
		}
		return Challenge{Purpose: ForSignIn}, nil
	})
}

func (rp *RelyingParty) signIn(a Assertion, dir Directory, open opener) (*SignedIn, error) {
	parsed, ch, err := rp.parseAssertion(a, open)
	if err != nil {
		return nil, err
	}
	if ch.Tenant != "" && !sameGUID(ch.Tenant, dir.TenantID()) {
		return nil, refuse(ReasonChallengeUser, "The challenge was issued for another tenant.")
	}
	account, r := findAccount(parsed.Response.UserHandle, ch, dir)
	if r != nil {
		return nil, r
	}
	cred, ok := dir.Credential(account.ID, parsed.RawID)
	if !ok {
		return nil, refuse(ReasonUnknownCredential, "The passkey is not registered for this user. It may have been removed.")
	}
	hash := sha256.Sum256([]byte(rp.ID))
	data := parsed.Response.AuthenticatorData
	if r := rp.checkFlags(data, hash[:]); r != nil {
		return nil, r
	}
	err = parsed.Verify(parsed.Response.CollectedClientData.Challenge, rp.ID, "", []string{rp.Origin}, nil, nil,
		protocol.TopOriginExplicitVerificationMode, false, true, true, cred.PublicKey, protocol.SignaturePolicy{})
	if err != nil {
		return nil, refuse(ReasonSignature, "The signature of the passkey is not valid.")
	}
	if passkeyType(data.Flags) != cred.Type {
		return nil, refuse(ReasonBackupFlags, "The passkey says something else about its backup eligibility than when it was registered.")
	}
	// Zero on both sides means the authenticator does not count (WebAuthn §6.1.1).
	if (data.Counter != 0 || cred.SignCount != 0) && data.Counter <= cred.SignCount {
		return nil, refuse(ReasonCounter, "The signature counter of the passkey did not grow. The authenticator may have been cloned.")
	}
	if !account.Enabled {
		return nil, refuse(ReasonAccountDisabled, "The user account is disabled.")
	}
	profiles, r := dir.Policy().Profiles(account.Subject)
	if r != nil {
		return nil, r
	}
	if r := allow(profiles, model{cred.AAGUID, cred.Type, cred.Attested}, false); r != nil {
		return nil, r
	}
	return &SignedIn{UserID: account.ID, CredentialID: cred.ID, SignCount: data.Counter, Challenge: ch}, nil
}

func (rp *RelyingParty) parseAssertion(a Assertion, open opener) (*protocol.ParsedCredentialAssertionData, Challenge, error) {
	var raw [4][]byte
	for i, m := range []struct {
		name, value string
		limit       int
	}{
		{"id", a.ID, maxCredentialID},
		{"clientDataJSON", a.ClientDataJSON, maxClientData},
		{"authenticatorData", a.AuthenticatorData, maxAuthenticatorData},
		{"signature", a.Signature, maxSignature},
	} {
		b, r := decodeMember(m.name, m.value, m.limit)
		if r != nil {
			return nil, Challenge{}, r
		}
		raw[i] = b
	}
	var handle []byte
	if a.UserHandle != "" {
		b, r := decodeMember("userHandle", a.UserHandle, maxUserHandle)
		if r != nil {
			return nil, Challenge{}, r
		}
		handle = b
	}
	ch, err := rp.checkClientData(raw[1], protocol.AssertCeremony, open)
	if err != nil {
		return nil, Challenge{}, err
	}
	parsed, err := protocol.CredentialAssertionResponse{
		PublicKeyCredential: protocol.PublicKeyCredential{
			Credential: protocol.Credential{ID: base64.RawURLEncoding.EncodeToString(raw[0]), Type: "public-key"},
			RawID:      raw[0],
		},
		AssertionResponse: protocol.AuthenticatorAssertionResponse{
			AuthenticatorResponse: protocol.AuthenticatorResponse{ClientDataJSON: raw[1]},
			AuthenticatorData:     raw[2], Signature: raw[3], UserHandle: handle,
		},
	}.Parse()
	if err != nil {
		return nil, Challenge{}, refuse(ReasonMalformed, "The authenticator data of the assertion cannot be decoded.")
	}
	return parsed, ch, nil
}

// findAccount binds the assertion to a user: the one whose handle the authenticator returned, who must be the one the
// challenge was issued for when that is known. Authenticators may leave the handle out when they were given an allow list.
func findAccount(handle []byte, ch Challenge, dir Directory) (Account, *Refusal) {
	if len(handle) == 0 {
		if ch.User == "" {
			return Account{}, refuse(ReasonUserHandle, "The passkey did not return a user handle, so the user is unknown. Enter the user name and try again.")
		}
		account, ok := dir.Account(ch.User)
		if !ok {
			return Account{}, refuse(ReasonUnknownUser, "The user no longer exists in this tenant.")
		}
		return account, nil
	}
	account, ok := dir.AccountByHandle(handle)
	if !ok {
		return Account{}, refuse(ReasonUnknownUser, "The passkey belongs to a user who does not exist in this tenant.")
	}
	expected, err := UserHandle(dir.TenantID(), account.ID)
	if err != nil || !bytes.Equal(expected, handle) {
		return Account{}, refuse(ReasonUserHandle, "The user handle of the passkey does not match the user.")
	}
	if ch.User != "" && !sameGUID(ch.User, account.ID) {
		return Account{}, refuse(ReasonUserHandle, "The passkey belongs to another user than the one signing in.")
	}
	return account, nil
}
