package postern

import (
	"strings"
	"time"
)

// Phase is where a user stands. Only package lifecycle decides the next phase.
type Phase string

// The phases. A user who was never invited has none.
const (
	PhaseEligible  Phase = "eligible"  // invited
	PhasePaired    Phase = "paired"    // a phone is paired with Postern, Entra knows no passkey of it yet
	PhaseActive    Phase = "active"    // Entra lists the passkey
	PhaseSuspended Phase = "suspended" // held back by an administrator
	PhaseRevoked   Phase = "revoked"   // everything was taken away

	// PhaseNone asks for users without a phase, and counts them. It is never the phase of a user.
	PhaseNone Phase = "none"
)

// User is somebody of the tenant whom Postern knows because they were invited, or given a security key.
type User struct {
	ID            UserID        `json:"id"`
	IntegrationID IntegrationID `json:"integration_id"`
	Version       int64         `json:"version"`
	ObjectID      string        `json:"object_id" doc:"Entra's object id."`
	UPN           string        `json:"user_principal_name"`
	DisplayName   string        `json:"display_name"`
	Mail          string        `json:"mail,omitempty"`
	Phase         Phase         `json:"phase,omitempty" enum:"eligible,paired,active,suspended,revoked" doc:"How far the user's phone has come. Absent for a user who was never invited."`
	GroupPhase    Phase         `json:"group_phase,omitempty" doc:"The phase whose group the user was last put into."`
	Problem       string        `json:"problem,omitempty" doc:"What stands in the way, in one sentence."`
	Account       AccountState  `json:"account,omitempty" enum:"enabled,disabled,deleted" doc:"The user's account in the tenant; absent where the directory may not be read."`
	Guest         bool          `json:"guest,omitempty"`
	Privileged    bool          `json:"privileged,omitempty" doc:"Holds an Entra role that can take over the tenant."`
	Roles         []string      `json:"roles,omitempty"`
	AccountSince  *time.Time    `json:"account_since,omitempty" doc:"When Postern saw the account change into that state."`
	Suspension    *Suspension   `json:"suspension,omitempty"`
	CreatedAt     time.Time     `json:"created_at"`
	UpdatedAt     time.Time     `json:"updated_at"`
}

// AccountState is what the tenant's directory says of an account.
type AccountState string

// The account states. The zero value says that nobody could look.
const (
	AccountEnabled  AccountState = "enabled"
	AccountDisabled AccountState = "disabled"
	AccountDeleted  AccountState = "deleted"
)

// Suspension says why a user is held back. One that followed from the account ends when the account is enabled again;
// one that a person ordered ends when a person ends it.
type Suspension struct {
	Cause SuspensionCause `json:"cause" enum:"administrator,account_disabled,account_deleted"`
	By    string          `json:"by" doc:"Who ordered it."`
	Note  string          `json:"note,omitempty" doc:"What they gave as the reason."`
	At    time.Time       `json:"at"`
	Was   Phase           `json:"was,omitempty" enum:"eligible,paired,active,revoked" doc:"The phase before."`
}

// SuspensionCause is what a suspension followed from.
type SuspensionCause string

// The causes.
const (
	SuspendedByAdministrator SuspensionCause = "administrator"
	SuspendedAccountDisabled SuspensionCause = "account_disabled"
	SuspendedAccountDeleted  SuspensionCause = "account_deleted"
)

// DirectoryUser is a user as the tenant's directory shows it.
type DirectoryUser struct {
	ObjectID    string   `json:"object_id"`
	UPN         string   `json:"user_principal_name"`
	DisplayName string   `json:"display_name"`
	Mail        string   `json:"mail,omitempty"`
	Enabled     bool     `json:"account_enabled"`
	Guest       bool     `json:"guest"`
	Synced      bool     `json:"on_premises_synced"`
	Privileged  bool     `json:"privileged" doc:"Holds an Entra role that can take over the tenant."`
	Roles       []string `json:"roles,omitempty"`
}

// InvitationState is the state of an invitation.
type InvitationState string

// The invitation states.
const (
	InvitationOpen      InvitationState = "open"
	InvitationUsed      InvitationState = "used"
	InvitationExpired   InvitationState = "expired"
	InvitationWithdrawn InvitationState = "withdrawn"
	InvitationLocked    InvitationState = "locked" // too many wrong codes
)

// Invitation lets one user enrol one phone.
type Invitation struct {
	ID            InvitationID    `json:"id"`
	IntegrationID IntegrationID   `json:"integration_id"`
	UserID        UserID          `json:"user_id"`
	State         InvitationState `json:"state" enum:"open,used,expired,withdrawn,locked"`
	Failures      int             `json:"failures" doc:"Wrong codes entered so far."`
	InvitedBy     string          `json:"invited_by"`
	CreatedAt     time.Time       `json:"created_at"`
	ExpiresAt     time.Time       `json:"expires_at"`
	UsedAt        *time.Time      `json:"used_at,omitempty"`
}

// InvitationCreated is an invitation together with its one-time code, which is shown only here.
type InvitationCreated struct {
	Invitation Invitation `json:"invitation"`
	User       User       `json:"user"`
	Code       string     `json:"code" doc:"The one-time code. It is not stored and cannot be shown again."`
	Link       string     `json:"link,omitempty" doc:"Opens the phone app with the code filled in, in the fragment. As secret as the code."`
}

// InvitationInput invites one user.
type InvitationInput struct {
	User         string `json:"user" doc:"User principal name or object id."`
	ValidMinutes int    `json:"valid_minutes,omitempty" doc:"How long the code works; 0 means three days." minimum:"0" maximum:"43200"`

	Mail InvitationMail `json:"mail,omitempty" enum:"invitation,code" doc:"Which messages go to the user: an invitation that only informs, or that and the one-time code in a message of its own."`
}

// PhoneState is the state of a phone.
type PhoneState string

// The phone states.
const (
	PhoneActive  PhoneState = "active"
	PhoneRevoked PhoneState = "revoked"
)

// Assurance says how well a phone guards its passkeys.
type Assurance string

// The assurance levels.
const (
	AssuranceGated Assurance = "gated" // keys open only by the phone's own biometric (WebAuthn PRF)
	AssuranceFile  Assurance = "file"  // keys lie in a file on a machine without a screen
	AssuranceNone  Assurance = "none"  // keys are not bound to a biometric
)

// Phone is one enrolled phone of one user.
type Phone struct {
	ID            PhoneID       `json:"id"`
	IntegrationID IntegrationID `json:"integration_id"`
	UserID        UserID        `json:"user_id"`
	Version       int64         `json:"version"`
	Name          string        `json:"name"`
	Platform      string        `json:"platform"`
	State         PhoneState    `json:"state" enum:"active,revoked"`
	Assurance     Assurance     `json:"assurance" enum:"gated,file,none"`
	IdentityKey   []byte        `json:"identity_key" doc:"Ed25519 public key."`
	SealKey       []byte        `json:"-"`
	LinkKey       []byte        `json:"-"`
	CreatedAt     time.Time     `json:"created_at"`
	LastSeenAt    *time.Time    `json:"last_seen_at,omitempty"`
	RevokedAt     *time.Time    `json:"revoked_at,omitempty"`
}

// Carrier is what a managed passkey lies on.
type Carrier string

// The carriers.
const (
	CarrierPhone       Carrier = "phone"        // an enrolled phone
	CarrierSecurityKey Carrier = "security_key" // a hardware FIDO2 security key, which Postern never meets again
	CarrierWorkstation Carrier = "workstation"  // a paired workstation, for signing in offline
)

// ProvisioningState is the step at which a provisioning stands.
type ProvisioningState string

// The steps, in order; the last four are final.
const (
	ProvisioningRequested  ProvisioningState = "requested"  // the intent is stored
	ProvisioningOffered    ProvisioningState = "offered"    // Entra's options wait for the carrier
	ProvisioningSubmitted  ProvisioningState = "submitted"  // the carrier's credential is stored
	ProvisioningRegistered ProvisioningState = "registered" // Entra took it; read-back is under way
	ProvisioningActive     ProvisioningState = "active"     // Entra lists it
	ProvisioningDeclined   ProvisioningState = "declined"   // the user said no
	ProvisioningFailed     ProvisioningState = "failed"
	ProvisioningCancelled  ProvisioningState = "cancelled"
)

// Final reports whether nothing more will happen to a provisioning in this state.
func (s ProvisioningState) Final() bool {
	switch s {
	case ProvisioningActive, ProvisioningDeclined, ProvisioningFailed, ProvisioningCancelled:
		return true
	}
	return false
}

// Provisioning is the registration of one passkey through Graph on behalf of a user.
type Provisioning struct {
	ID            ProvisioningID    `json:"id"`
	IntegrationID IntegrationID     `json:"integration_id"`
	UserID        UserID            `json:"user_id"`
	Carrier       Carrier           `json:"carrier" enum:"phone,security_key,workstation" doc:"What the passkey will lie on."`
	PhoneID       PhoneID           `json:"phone_id,omitempty" doc:"The phone, where it is one; with a workstation the phone whose user agreed."`
	WorkstationID WorkstationID     `json:"workstation_id,omitempty"`
	PairingID     PairingID         `json:"pairing_id,omitempty" doc:"Where it is a workstation."`
	Version       int64             `json:"version"`
	State         ProvisioningState `json:"state" enum:"requested,offered,submitted,registered,active,declined,failed,cancelled"`
	DisplayName   string            `json:"display_name"`
	Code          Code              `json:"code,omitempty" doc:"Why it waits or failed."`
	Message       string            `json:"message,omitempty"`
	Next          string            `json:"next,omitempty"`
	MethodID      string            `json:"method_id,omitempty" doc:"Entra's id of the passkey."`
	RequestedBy   string            `json:"requested_by"`
	CreatedAt     time.Time         `json:"created_at"`
	UpdatedAt     time.Time         `json:"updated_at"`
	ExpiresAt     *time.Time        `json:"expires_at,omitempty" doc:"When Entra's challenge runs out."`
}

// PasskeyState is the state of a managed passkey.
type PasskeyState string

// The passkey states.
const (
	PasskeyActive     PasskeyState = "active"
	PasskeyRevocation PasskeyState = "revocation_pending" // the intent is stored; Entra may still list it
	PasskeyRevoked    PasskeyState = "revoked"
)

// Passkey is a passkey of a user. Managed ones were made through Postern and have an ID; unmanaged ones are whatever
// else Entra lists.
type Passkey struct {
	ID             PasskeyID      `json:"id,omitempty"`
	IntegrationID  IntegrationID  `json:"integration_id"`
	UserID         UserID         `json:"user_id,omitempty"`
	Carrier        Carrier        `json:"carrier,omitempty" enum:"phone,security_key,workstation" doc:"What a managed passkey lies on."`
	PhoneID        PhoneID        `json:"phone_id,omitempty"`
	WorkstationID  WorkstationID  `json:"workstation_id,omitempty"`
	PairingID      PairingID      `json:"pairing_id,omitempty"`
	ProvisioningID ProvisioningID `json:"provisioning_id,omitempty"`
	Version        int64          `json:"version,omitempty"`
	Managed        bool           `json:"managed"`
	State          PasskeyState   `json:"state" enum:"active,revocation_pending,revoked"`
	MethodID       string         `json:"method_id"`
	DisplayName    string         `json:"display_name"`
	AAGUID         string         `json:"aaguid"`
	Model          string         `json:"model,omitempty"`
	Attested       bool           `json:"attested"`
	Synced         bool           `json:"synced"`
	CredentialID   []byte         `json:"credential_id,omitempty"`
	CreatedAt      time.Time      `json:"created_at"`
	RevokedAt      *time.Time     `json:"revoked_at,omitempty"`
	Problem        string         `json:"problem,omitempty"`
	UPN            string         `json:"user_principal_name,omitempty" doc:"The user's name when the passkey was registered. A user who has another name by now cannot sign in with it."`

	Outdated bool `json:"outdated,omitempty" doc:"The user has another name than at the registration: the passkey does not sign in any more. Provision it again."`

	Reason RevocationReason `json:"reason,omitempty" enum:"requested,phone_revoked,user_revoked,integration_revoked,leaver,removed_at_entra,replaced,pairing_ended,workstation_revoked,offline_off" doc:"Why it was taken away."`
}

// RevocationReason says why a passkey was taken away.
type RevocationReason string

// The reasons.
const (
	RevocationRequested   RevocationReason = "requested"           // of this one passkey, by a person
	RevocationPhone       RevocationReason = "phone_revoked"       // with the phone it lay on
	RevocationUser        RevocationReason = "user_revoked"        // with everything of its user
	RevocationIntegration RevocationReason = "integration_revoked" // with everything of the integration
	RevocationLeaver      RevocationReason = "leaver"              // because the user's account was disabled or deleted
	RevocationAtEntra     RevocationReason = "removed_at_entra"    // somebody removed it at Entra
	RevocationReplaced    RevocationReason = "replaced"            // for another on the same phone, after the user's name changed
	RevocationPairing     RevocationReason = "pairing_ended"       // with the pairing, of a passkey on a workstation
	RevocationWorkstation RevocationReason = "workstation_revoked" // with the workstation it lay on
	RevocationOffline     RevocationReason = "offline_off"         // because the integration no longer allows it
)

// OutdatedFor reports whether a managed passkey was registered under another name than its user has now. Microsoft
// documents that a passkey does not work after a change of the user principal name.
func (p Passkey) OutdatedFor(u User) bool {
	return p.Managed && p.State == PasskeyActive && p.UPN != "" && u.UPN != "" && !strings.EqualFold(p.UPN, u.UPN)
}
