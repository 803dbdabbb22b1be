package postern

import (
	"encoding/base32"
	"strings"

	"github.com/google/uuid"
)

// Identifiers are opaque to clients. Each carries the prefix of its kind, so that one kind cannot be taken for another
// in a log or a URL, and sorts by the time of its creation (UUID version 7, RFC 9562).
type (
	// IntegrationID names an [Integration], prefix "int".
	IntegrationID string
	// UserID names a [User] of one integration, prefix "usr". It is not Entra's object id.
	UserID string
	// InvitationID names an [Invitation], prefix "inv".
	InvitationID string
	// PhoneID names a [Phone], prefix "phn".
	PhoneID string
	// WorkstationID names a [Workstation], prefix "wks".
	WorkstationID string
	// DeviceID is a PhoneID or a WorkstationID, told apart by their prefixes.
	DeviceID string
	// PairingID names a [Pairing]: the base64url of 16 bytes that the workstation chose, without a prefix.
	PairingID string
	// ProvisioningID names a [Provisioning], prefix "prv".
	ProvisioningID string
	// PasskeyID names a managed [Passkey], prefix "pky". It is not Entra's method id.
	PasskeyID string
	// AdministratorID names an [Administrator], prefix "adm".
	AdministratorID string
	// TokenID names an [APIToken], prefix "tok". It is not the token itself.
	TokenID string
	// MessageID names a [Message], prefix "msg".
	MessageID string
	// EventID names an [AuditEvent], prefix "evt".
	EventID string
	// AuditStreamID names an [AuditStream], prefix "aus".
	AuditStreamID string
	// SavedFilterID names a [SavedAuditFilter], prefix "afl".
	SavedFilterID string
	// ReconcileRunID names a [ReconcileRun], prefix "rec".
	ReconcileRunID string
	// DifferenceID names a [Difference], prefix "dif".
	DifferenceID string
	// BulkJobID names a [BulkJob], prefix "blk".
	BulkJobID string
	// PolicyPlanID names a [PolicyPlan], prefix "pol".
	PolicyPlanID string
	// SetupID names a [Setup], prefix "sup".
	SetupID string
	// InstallTokenID names an install token of a desktop client, prefix "itk". It is not the token itself.
	InstallTokenID string
	// RotationID names a [Rotation], prefix "rot".
	RotationID string
	// RecoveryID names a [Recovery], prefix "rcv".
	RecoveryID string
)

// The prefixes of the identifier kinds.
const (
	PrefixIntegration   = "int"
	PrefixUser          = "usr"
	PrefixInvitation    = "inv"
	PrefixPhone         = "phn"
	PrefixWorkstation   = "wks"
	PrefixProvisioning  = "prv"
	PrefixPasskey       = "pky"
	PrefixAdministrator = "adm"
	PrefixToken         = "tok"
	PrefixEvent         = "evt"
	PrefixAuditStream   = "aus"
	PrefixSavedFilter   = "afl"
	PrefixReconcileRun  = "rec"
	PrefixDifference    = "dif"
	PrefixBulkJob       = "blk"
	PrefixMessage       = "msg"
	PrefixPolicyPlan    = "pol"
	PrefixSetup         = "sup"
	PrefixInstallToken  = "itk"
	PrefixRotation      = "rot"
	PrefixRecovery      = "rcv"
)

// idEncoding keeps the order of the bytes it encodes, which is what lets identifiers sort by time.
var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewID returns a fresh identifier with the prefix of its kind: NewID[UserID](PrefixUser).
func NewID[T ~string](prefix string) T {
	id := uuid.Must(uuid.NewV7())
	return T(prefix + "_" + idEncoding.EncodeToString(id[:]))
}

// ValidID reports whether s has the form of an identifier with that prefix. It says nothing of whether one exists.
func ValidID(s, prefix string) bool {
	rest, ok := strings.CutPrefix(s, prefix+"_")
	if !ok || len(rest) != 26 {
		return false
	}
	_, err := idEncoding.DecodeString(rest)
	return err == nil
}
