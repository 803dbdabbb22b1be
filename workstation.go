package postern

import (
	"crypto/sha256"
	"encoding/base64"
	"time"
)

// The workstation's side of the control center. The page to read is docs/link.md.
const (
	// WorkstationAPIPath is the root of the workstation's routes.
	WorkstationAPIPath = "/workstation/v1"
	// WorkstationAuthScheme is the scheme of the Authorization header: a compact JWS (RFC 7515) of [PhoneProof] follows.
	WorkstationAuthScheme = "Postern-Workstation"
	// WorkstationProofType is the typ header of that JWS.
	WorkstationProofType = "postern-workstation+jwt"
	// WorkstationEnrolmentContext begins what a workstation signs to enrol.
	WorkstationEnrolmentContext = "postern/workstation-enrolment/v1"
	// WorkstationLapse is how long a workstation may stay without a pairing before it is forgotten.
	WorkstationLapse = 24 * time.Hour
	// PairingWindow is how long a pairing waits for a phone, from its opening.
	PairingWindow = time.Minute
	// PairingWindowJoined is how long it waits for both ends to confirm, from its opening, once a phone came.
	PairingWindowJoined = 3 * time.Minute
	// LinkKeySize is the length of an X25519 public key.
	LinkKeySize = 32
)

// WorkstationKind says what speaks for a workstation.
type WorkstationKind string

// The kinds of workstation.
const (
	WorkstationAgent     WorkstationKind = "agent"     // the service, which offers a security key to the whole machine
	WorkstationExtension WorkstationKind = "extension" // one browser
)

// WorkstationState is the state of a workstation.
type WorkstationState string

// The states of a workstation.
const (
	WorkstationActive  WorkstationState = "active"
	WorkstationRevoked WorkstationState = "revoked"
)

// Workstation is a machine, or a browser on one, at which phones are used. What it says of itself is its own word.
type Workstation struct {
	ID               WorkstationID    `json:"id"`
	IntegrationID    IntegrationID    `json:"integration_id"`
	Version          int64            `json:"version"`
	Kind             WorkstationKind  `json:"kind" enum:"agent,extension"`
	Name             string           `json:"name"`
	Software         string           `json:"software"`
	OS               string           `json:"os"`
	JoinState        JoinState        `json:"join_state" enum:"not_joined,ad,entra,hybrid"`
	EnterpriseJoined bool             `json:"enterprise_joined" doc:"Registered with an on-premises device registration service."`
	State            WorkstationState `json:"state" enum:"active,revoked"`
	IdentityKey      []byte           `json:"identity_key" doc:"Ed25519 public key."`
	LinkKey          []byte           `json:"-"`
	CreatedAt        time.Time        `json:"created_at"`
	LastSeenAt       *time.Time       `json:"last_seen_at,omitempty"`
	PairedAt         *time.Time       `json:"paired_at,omitempty" doc:"When its first pairing became active. Without one it is forgotten after a day, or, enrolled with an install token, after 90 days of silence."`
	RevokedAt        *time.Time       `json:"revoked_at,omitempty"`
	InstallTokenID   InstallTokenID   `json:"install_token_id,omitempty" doc:"The install token it was enrolled with, if it was. Without a pairing it is then forgotten after 90 days of silence, not after a day."`
}

// PairingState is the step at which a pairing stands.
type PairingState string

// The states of a pairing.
const (
	PairingPending PairingState = "pending" // opened; a phone may have come; not both have confirmed the digits
	PairingActive  PairingState = "active"
	PairingEnded   PairingState = "ended"
)

// Why a pairing ended.
const (
	PairingEndRefused            = "refused"             // one end did not confirm: the digits differ, or nobody wanted it
	PairingEndPhone              = "by_phone"            // given up on the phone
	PairingEndWorkstation        = "by_workstation"      // given up at the workstation
	PairingEndAdministrator      = "by_administrator"    // given up in the console
	PairingEndPhoneRevoked       = "phone_revoked"       // the phone was revoked
	PairingEndWorkstationRevoked = "workstation_revoked" // the workstation was revoked
	PairingEndReplaced           = "replaced"            // the same two were paired again
)

// Pairing ties a phone to a workstation. It is made by both: the workstation opens it, a phone joins it, and it is
// active once both have confirmed that they show the same digits.
type Pairing struct {
	ID                   PairingID     `json:"id"`
	IntegrationID        IntegrationID `json:"integration_id"`
	WorkstationID        WorkstationID `json:"workstation_id"`
	PhoneID              PhoneID       `json:"phone_id,omitempty"`
	Version              int64         `json:"version"`
	State                PairingState  `json:"state" enum:"pending,active,ended"`
	CreatedAt            time.Time     `json:"created_at"`
	ExpiresAt            time.Time     `json:"expires_at" doc:"When it ends if it is still pending."`
	PhoneConfirmed       bool          `json:"phone_confirmed"`
	WorkstationConfirmed bool          `json:"workstation_confirmed"`
	ConfirmedAt          *time.Time    `json:"confirmed_at,omitempty" doc:"When both had confirmed."`
	EndedAt              *time.Time    `json:"ended_at,omitempty"`
	Reason               string        `json:"reason,omitempty" doc:"Why it ended."`
}

// Peer returns the other end of the pairing, empty when d is neither end or when there is no other end yet.
func (p Pairing) Peer(d DeviceID) DeviceID {
	switch d {
	case DeviceID(p.WorkstationID):
		return DeviceID(p.PhoneID)
	case DeviceID(p.PhoneID):
		return DeviceID(p.WorkstationID)
	}
	return ""
}

// Valid reports whether the id is the base64url of 16 bytes, without padding.
func (id PairingID) Valid() bool {
	if len(id) != 22 {
		return false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(string(id))
	return err == nil && len(raw) == 16
}

// NewPairingID returns the id of the bytes in a QR code.
func NewPairingID(raw [16]byte) PairingID {
	return PairingID(base64.RawURLEncoding.EncodeToString(raw[:]))
}

// WorkstationEnrolment enrols a workstation. Anybody may: a workstation can do nothing before a phone pairs with it.
type WorkstationEnrolment struct {
	Integration      string          `json:"integration,omitempty" maxLength:"120" doc:"Identifier or application name; may be left out when there is only one."`
	Name             string          `json:"name" minLength:"1" maxLength:"64"`
	Kind             WorkstationKind `json:"kind" enum:"agent,extension"`
	Software         string          `json:"software" maxLength:"120"`
	OS               string          `json:"os" maxLength:"120"`
	JoinState        JoinState       `json:"join_state" enum:"not_joined,ad,entra,hybrid"`
	EnterpriseJoined bool            `json:"enterprise_joined,omitempty"`
	IdentityKey      Bytes           `json:"identity_key" doc:"Ed25519 public key, 32 bytes."`
	LinkKey          Bytes           `json:"link_key" doc:"X25519 public key, 32 bytes."`
	InstallToken     string          `json:"install_token,omitempty" maxLength:"120" doc:"Of the agent, from the file beside its installer. It names the integration too."`
	Proof            Bytes           `json:"proof" doc:"Ed25519 signature over WorkstationEnrolmentMessage, or WorkstationInstallMessage when there is an install token."`
}

// WorkstationEnrolmentMessage is what a workstation signs with its identity key to enrol:
//
//	"postern/workstation-enrolment/v1" ‖ 00 ‖ SHA-256(integration as it stands in the body) ‖ identity key ‖ link key
//
// So nobody can enrol with another's identity key, nor swap the link key. The name is not bound: it may change.
func WorkstationEnrolmentMessage(integration string, identityKey, linkKey []byte) []byte {
	hash := sha256.Sum256([]byte(integration))
	m := append([]byte(WorkstationEnrolmentContext), 0)
	m = append(m, hash[:]...)
	m = append(m, identityKey...)
	return append(m, linkKey...)
}

// PairingAnswer is a pairing as one of its ends is told of it.
type PairingAnswer struct {
	Pairing Pairing      `json:"pairing"`
	Notice  *PhoneNotice `json:"notice,omitempty" doc:"Why the pairing cannot be used yet, as for phones."`
	LinkKey Bytes        `json:"link_key,omitempty" doc:"The workstation's, to a phone that joins: what a code to type leaves out."`
}
