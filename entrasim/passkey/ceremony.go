package passkey

import (
	"encoding/base64"
	"encoding/json"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
)

// Limits on what a ceremony may send, in bytes after base64url. Client data holds the challenge twice encoded; attestation
// objects hold certificate chains.
const (
	maxClientData        = 32 << 10
	maxAttestationObject = 64 << 10
	maxAuthenticatorData = 4 << 10
	maxSignature         = 2 << 10
	maxCredentialID      = 1023 // WebAuthn §4, Credential ID
	maxUserHandle        = 64   // WebAuthn §4, User Handle
)

// clientData is the part of CollectedClientData (WebAuthn §5.8.1) that gets its own message.
type clientData struct {
	Type        string `json:"type"`
	Challenge   string `json:"challenge"`
	Origin      string `json:"origin"`
	CrossOrigin bool   `json:"crossOrigin"`
}

// checkClientData runs the steps on client data that registration and sign-in share and opens the challenge. The library
// runs them again; here they get messages that tell them apart.
func (rp *RelyingParty) checkClientData(raw []byte, ceremony protocol.CeremonyType, open opener) (Challenge, error) {
	var c clientData
	if err := json.Unmarshal(raw, &c); err != nil {
		return Challenge{}, refuse(ReasonMalformed, "The property 'clientDataJSON' of the credential is not a JSON object.")
	}
	if c.Type != string(ceremony) {
		return Challenge{}, refuse(ReasonCeremonyType, "The type in clientDataJSON must be '%s'.", ceremony)
	}
	if c.Origin != rp.Origin {
		return Challenge{}, refuse(ReasonOrigin, "The origin in clientDataJSON must be '%s'.", rp.Origin)
	}
	if c.CrossOrigin {
		return Challenge{}, refuse(ReasonCrossOrigin, "The credential was made inside a frame of another site (crossOrigin is true), which is not allowed.")
	}
	text, err := base64.RawURLEncoding.Strict().DecodeString(c.Challenge)
	if err != nil {
		return Challenge{}, refuse(ReasonChallenge, "The challenge in clientDataJSON is not valid base64url.")
	}
	return open(string(text))
}

// opener says what a challenge stands for, given its text, or refuses it.
type opener func(text string) (Challenge, error)

// sealed opens the challenges of this relying party for one ceremony.
func (rp *RelyingParty) sealed(purpose Purpose, now time.Time) opener {
	return func(text string) (Challenge, error) {
		ch, err := rp.Challenges.Open(text, now)
		if err != nil {
			return Challenge{}, err
		}
		if ch.Purpose != purpose {
			return Challenge{}, refuse(ReasonChallenge, "The challenge was issued for %s and cannot be used for %s.", ch.Purpose, purpose)
		}
		return ch, nil
	}
}

// checkFlags gives rpIdHash and the flags of authenticator data their own messages (WebAuthn §7.1 steps 13-18, §7.2 steps
// 15-19).
func (rp *RelyingParty) checkFlags(data protocol.AuthenticatorData, rpIDHash []byte) *Refusal {
	switch {
	case string(data.RPIDHash) != string(rpIDHash):
		return refuse(ReasonRelyingParty, "The credential was made for another relying party; the RP ID must be '%s'.", rp.ID)
	case !data.Flags.HasUserPresent():
		return refuse(ReasonUserPresence, "The authenticator did not report user presence.")
	case !data.Flags.HasUserVerified():
		return refuse(ReasonUserVerification, "The authenticator did not verify the user. A PIN or a biometric is required.")
	case data.Flags.HasBackupState() && !data.Flags.HasBackupEligible():
		return refuse(ReasonBackupFlags, "The authenticator reports a backup of a credential it calls not eligible for backup.")
	}
	return nil
}

func passkeyType(flags protocol.AuthenticatorFlags) Type {
	if flags.HasBackupEligible() {
		return Synced
	}
	return DeviceBound
}
