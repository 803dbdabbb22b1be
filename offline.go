package postern

import (
	"encoding/json"
	"time"
)

// Signing in at a workstation without a network, and with a code of the help desk. The page to read is docs/offline.md.

// WorkstationAAGUID is the model of the passkey that a workstation holds for signing in offline. It differs from that of
// phones, because a PIN vouches for its user and not a biometric.
const WorkstationAAGUID = "76c9bd5a-24bb-48e3-9800-1a6bae8c9031"

// WorkstationSettings is the form on the Workstation Settings tab of an integration.
type WorkstationSettings struct {
	Version  int64            `json:"version" doc:"The version you saw; needed to change."`
	Offline  OfflineSettings  `json:"offline"`
	Recovery RecoverySettings `json:"recovery"`
}

// OfflineSettings are those of the offline PIN.
type OfflineSettings struct {
	Enabled        bool `json:"enabled"`
	Length         int  `json:"length" minimum:"6" maximum:"13" doc:"Digits of a code."`
	Codes          int  `json:"codes" minimum:"1" maximum:"200" doc:"How many codes a workstation takes at once."`
	DisplaySeconds int  `json:"display_seconds" minimum:"5" maximum:"300" doc:"How long the phone shows one."`
	Days           int  `json:"days" minimum:"1" maximum:"365" doc:"How long codes are good, from the issue or the last renewal."`
	WarnAt         int  `json:"warn_at" minimum:"0" maximum:"200" doc:"Codes left at which phone and workstation warn."`
	RequireTPM     bool `json:"require_tpm" doc:"Only workstations whose TPM seals the passkey."`
}

// RecoverySettings are those of the recovery PIN.
type RecoverySettings struct {
	Enabled bool `json:"enabled"`
	Length  int  `json:"length" minimum:"8" maximum:"13" doc:"Digits of a code."`
}

// DefaultWorkstationSettings are those of an integration that nobody has changed: both off, and sensible when switched on.
func DefaultWorkstationSettings() WorkstationSettings {
	return WorkstationSettings{
		Offline:  OfflineSettings{Length: 8, Codes: 20, DisplaySeconds: 30, Days: 30, WarnAt: 5},
		Recovery: RecoverySettings{Length: 10},
	}
}

// OfflineState is where the offline passkey of one pairing stands.
type OfflineState string

// The states.
const (
	OfflineAsked       OfflineState = "asked"       // the workstation asked; the phone's user has not agreed yet
	OfflineConsented   OfflineState = "consented"   // the phone's user agreed
	OfflineRegistering OfflineState = "registering" // options were given out, or Entra is being told
	OfflineActive      OfflineState = "active"      // Entra lists the passkey
	OfflineEnding      OfflineState = "ending"      // the intent to take it away is stored
	OfflineEnded       OfflineState = "ended"
)

// Why an offline passkey ended, beside the words of [RevocationReason].
const (
	OfflineEndPhone              = "by_phone"            // on the phone
	OfflineEndWorkstation        = "by_workstation"      // at the workstation
	OfflineEndAdministrator      = "by_administrator"    // in the console
	OfflineEndPairing            = "pairing_ended"       // with the pairing
	OfflineEndPhoneRevoked       = "phone_revoked"       // with the phone
	OfflineEndWorkstationRevoked = "workstation_revoked" // with the workstation
	OfflineEndSettings           = "settings"            // switched off for the integration, or sealed by no TPM where one is asked for
	OfflineEndFailed             = "failed"              // it was never registered
)

// What keeps an offline passkey on a workstation.
const (
	SealTPM     = "tpm"
	SealKeyFile = "key file" // which lies beside it
)

// OfflineSignIn is the offline passkey of one pairing: what the control center knows of it. Counts and times are the
// workstation's word.
type OfflineSignIn struct {
	Pairing       PairingID     `json:"pairing"`
	IntegrationID IntegrationID `json:"integration_id"`
	UserID        UserID        `json:"user_id"`
	PhoneID       PhoneID       `json:"phone_id"`
	WorkstationID WorkstationID `json:"workstation_id"`
	Version       int64         `json:"version"`
	State         OfflineState  `json:"state" enum:"asked,consented,registering,active,ending,ended"`
	Workstation   string        `json:"workstation" doc:"Its name."`
	PasskeyID     PasskeyID     `json:"passkey_id,omitempty"`
	Seal          string        `json:"seal" enum:"tpm,key file" doc:"What keeps the passkey on the workstation."`
	Codes         int           `json:"codes" doc:"Of the batch in use."`
	CodesLeft     int           `json:"codes_left"`
	ExpiresAt     time.Time     `json:"expires_at" doc:"Of the batch in use."`
	ReportedAt    *time.Time    `json:"reported_at,omitempty" doc:"When the workstation last said how it stands."`
	ProvenAt      *time.Time    `json:"proven_at,omitempty" doc:"When somebody first signed in online with it. Before that Windows lets nobody in offline."`
	Locked        bool          `json:"locked" doc:"Too many wrong codes."`
	ClockSetBack  bool          `json:"clock_set_back"`
	Recovery      bool          `json:"recovery" doc:"The workstation has codes of the help desk."`
	RecoveryLeft  int           `json:"recovery_left"`
	Code          Code          `json:"code,omitempty" doc:"Why it waits or failed."`
	Message       string        `json:"message,omitempty"`
	Next          string        `json:"next,omitempty"`
	CreatedAt     time.Time     `json:"created_at"`
	EndedAt       *time.Time    `json:"ended_at,omitempty"`
	Reason        string        `json:"reason,omitempty" doc:"Why it ended."`
}

// OfflineOffer is what a workstation is told of signing in offline, for one pairing. It stands in [PairedPhone]; nil: it is
// off, or may not be.
type OfflineOffer struct {
	Settings OfflineSettings `json:"settings"`
	Recovery bool            `json:"recovery"`
	State    OfflineState    `json:"state,omitempty" doc:"Empty: nobody asked yet."`
	BatchID  Bytes           `json:"batch_id,omitempty" doc:"The batch that the state is about."`
}

// OfflineRequest asks for an offline passkey, or, with another batch, for a change of the codes of one that is active.
type OfflineRequest struct {
	BatchID   Bytes     `json:"batch_id" doc:"16 bytes."`
	Length    int       `json:"length"`
	Codes     int       `json:"codes"`
	ExpiresAt time.Time `json:"expires_at"`
	Seal      string    `json:"seal" enum:"tpm,key file"`
}

// OfflineConsent is the phone's word that its user agreed to this batch on the pairing's workstation.
type OfflineConsent struct {
	BatchID Bytes `json:"batch_id" doc:"16 bytes."`
}

// OfflineAnswer is what either end is told of it.
type OfflineAnswer struct {
	State   OfflineState `json:"state" enum:"asked,consented,registering,active,ending,ended"`
	BatchID Bytes        `json:"batch_id"`
	Code    Code         `json:"code,omitempty" doc:"Why it waits or failed."`
	Message string       `json:"message,omitempty"`
	Next    string       `json:"next,omitempty"`
	// Recovery is a sheet of link/offline, when there is a new one to keep.
	Recovery json.RawMessage `json:"recovery,omitempty" doc:"A new sheet of recovery codes, to a workstation."`
}

// OfflineOptions is what a workstation makes the offline passkey from. It holds Entra's challenge.
type OfflineOptions struct {
	PublicKey   json.RawMessage `json:"public_key" doc:"PublicKeyCredentialCreationOptions (WebAuthn §5.4) as Graph gave it. The origin of the ceremony is https:// followed by rp.id."`
	DisplayName string          `json:"display_name" doc:"The passkey's at Entra."`
	Recovery    json.RawMessage `json:"recovery,omitempty" doc:"A sheet of recovery codes."`
}

// OfflineCredential is the passkey that the workstation made.
type OfflineCredential struct {
	CredentialID      Bytes `json:"credential_id"`
	ClientDataJSON    Bytes `json:"client_data_json"`
	AttestationObject Bytes `json:"attestation_object"`
}

// OfflineReport is how a workstation stands, told when it is online. Events are those since the last report that was taken.
type OfflineReport struct {
	BatchID      Bytes          `json:"batch_id"`
	CodesLeft    int            `json:"codes_left"`
	ExpiresAt    time.Time      `json:"expires_at"`
	ProvenAt     *time.Time     `json:"proven_at,omitempty"`
	Locked       bool           `json:"locked,omitempty"`
	ClockSetBack bool           `json:"clock_set_back,omitempty"`
	RecoveryID   Bytes          `json:"recovery_id,omitempty" doc:"The recovery sheet it has."`
	RecoveryNext int            `json:"recovery_next,omitempty" doc:"The first recovery code that is unused."`
	Events       []OfflineEvent `json:"events,omitempty" maxItems:"200"`
}

// OfflineEvent is one thing that happened at a workstation while it was offline, by its own clock.
type OfflineEvent struct {
	Number int64            `json:"number" doc:"Counted up by the workstation; what was taken is not taken again."`
	At     time.Time        `json:"at"`
	Kind   OfflineEventKind `json:"kind" enum:"signed_in,recovered,wrong_code,locked,clock_set_back,unlocked"`
}

// OfflineEventKind is a kind of [OfflineEvent].
type OfflineEventKind string

// The kinds.
const (
	OfflineSignedIn     OfflineEventKind = "signed_in"
	OfflineRecovered    OfflineEventKind = "recovered" // signed in with a code of the help desk
	OfflineWrongCode    OfflineEventKind = "wrong_code"
	OfflineLocked       OfflineEventKind = "locked"
	OfflineClockSetBack OfflineEventKind = "clock_set_back"
	OfflineUnlocked     OfflineEventKind = "unlocked"
)

// RecoveryState is where a recovery PIN stands.
type RecoveryState string

// The states.
const (
	RecoveryWaiting   RecoveryState = "waiting" // for a second person
	RecoveryReady     RecoveryState = "ready"   // the code may be shown, once
	RecoveryShown     RecoveryState = "shown"
	RecoveryUsed      RecoveryState = "used" // the workstation said so
	RecoveryRejected  RecoveryState = "rejected"
	RecoveryWithdrawn RecoveryState = "withdrawn" // or ran out
)

// Recovery is one recovery PIN that somebody asked for.
type Recovery struct {
	ID            RecoveryID      `json:"id"`
	IntegrationID IntegrationID   `json:"integration_id"`
	Pairing       PairingID       `json:"pairing"`
	UserID        UserID          `json:"user_id"`
	WorkstationID WorkstationID   `json:"workstation_id"`
	Version       int64           `json:"version"`
	State         RecoveryState   `json:"state" enum:"waiting,ready,shown,used,rejected,withdrawn"`
	User          string          `json:"user" doc:"User principal name."`
	Workstation   string          `json:"workstation" doc:"Its name."`
	Privileged    bool            `json:"privileged" doc:"The user holds a privileged Entra role: two people are needed."`
	Note          string          `json:"note" doc:"The reason given."`
	RequestedBy   string          `json:"requested_by"`
	RequestedByID AdministratorID `json:"requested_by_id" doc:"Identifier of the administrator who asked, and who cannot agree."`
	DecidedBy     string          `json:"decided_by,omitempty"`
	CreatedAt     time.Time       `json:"created_at"`
	ExpiresAt     time.Time       `json:"expires_at" doc:"When it is withdrawn by itself if nobody shows it."`
	ShownAt       *time.Time      `json:"shown_at,omitempty"`
	UsedAt        *time.Time      `json:"used_at,omitempty"`
}

// RecoveryInput asks for a recovery PIN, agrees to one or refuses it.
type RecoveryInput struct {
	Note string `json:"note" minLength:"1" maxLength:"500" doc:"The reason, for the audit trail."`
}

// RecoveryCode is a recovery PIN in the clear. It is answered once and kept nowhere.
type RecoveryCode struct {
	Recovery Recovery `json:"recovery"`
	Code     string   `json:"code" doc:"Digits, to be told to the user by voice."`
}
