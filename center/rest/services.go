package rest

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/auth"
	"github.com/postern/postern/center/device"
	"github.com/postern/postern/center/lifecycle"
)

// Services is what the API offers to the network. All are needed.
type Services struct {
	Integrations Integrations
	Users        Users
	Phones       Phones
	Passkeys     Passkeys
	Enrolment    Enrolment
	Trail        Trail
	Streams      Streams
	Door         Door
	Metadata     Metadata
	Push         Push
	Mail         Mail
	Reconciler   Reconciler
	Directory    Directory
	Bulk         Bulk
	Inventory    Inventory
	Models       Models
	Policies     Policies
	Doctor       Doctor
	Setups       Setups
	Desktop      Desktop
	Rotations    Rotations
	Offline      Offline
}

// Push is what the API needs of package push.
type Push interface {
	Subscribe(ctx context.Context, phone postern.PhoneID, in postern.PushSubscription) error
	Unsubscribe(ctx context.Context, phone postern.PhoneID) error
}

// Metadata describes the phones of an integration to relying parties that check attestation.
type Metadata interface {
	Statement(ctx context.Context, integration postern.IntegrationID) (json.RawMessage, error)
}

// Integrations is what the API needs of package integration.
type Integrations interface {
	List(ctx context.Context) ([]postern.Integration, error)
	Get(ctx context.Context, id postern.IntegrationID) (postern.Integration, error)
	Add(ctx context.Context, in postern.IntegrationInput) (postern.Integration, error)
	Update(ctx context.Context, id postern.IntegrationID, in postern.IntegrationInput) (postern.Integration, error)
	SetState(ctx context.Context, id postern.IntegrationID, version int64, state postern.State) (postern.Integration, error)
	SetFlags(ctx context.Context, id postern.IntegrationID, version int64, set postern.FlagSet) (postern.Integration, error)
	SetLogin(ctx context.Context, id postern.IntegrationID, in postern.LoginSettings) (postern.Integration, error)
	SetHTTPDebug(ctx context.Context, id postern.IntegrationID, version int64, on bool) (postern.Integration, error)
	Remove(ctx context.Context, id postern.IntegrationID, version int64) error
	Test(ctx context.Context, id postern.IntegrationID) (postern.ConnectionTest, error)
	TestInput(ctx context.Context, in postern.IntegrationInput) (postern.ConnectionTest, error)
	ValidateCertificate(ctx context.Context, certificatePEM, keyPEM string) (postern.CertificateInfo, error)
	Offered(ctx context.Context) (postern.FlagSet, error)
	SetOffered(ctx context.Context, set postern.FlagSet) error
	MendGroups(ctx context.Context, id postern.IntegrationID) ([]postern.GroupFinding, error)
}

// Users is what the API needs of package lifecycle.
type Users interface {
	Search(ctx context.Context, integration postern.IntegrationID, query string, limit int) ([]postern.DirectoryUser, error)
	Invite(ctx context.Context, integration postern.IntegrationID, in postern.InvitationInput) (postern.InvitationCreated, error)
	Withdraw(ctx context.Context, id postern.InvitationID) error
	Invitations(ctx context.Context, user postern.UserID) ([]postern.Invitation, error)
	Users(ctx context.Context, q lifecycle.UserQuery) ([]postern.User, error)
	User(ctx context.Context, id postern.UserID) (postern.User, error)
	Counts(ctx context.Context, integration postern.IntegrationID) (map[postern.Phase]int, error)
	Suspend(ctx context.Context, id postern.UserID, note string) (postern.User, error)
	Resume(ctx context.Context, id postern.UserID, note string) (postern.User, error)
	LeaverPolicy(ctx context.Context, integration postern.IntegrationID) (postern.LeaverPolicy, error)
	SetLeaverPolicy(ctx context.Context, integration postern.IntegrationID, p postern.LeaverPolicy) (postern.LeaverPolicy, error)
}

// Phones is what the API needs of package device.
type Phones interface {
	Pairings
	Enrol(ctx context.Context, in postern.PhoneEnrolment) (postern.Phone, error)
	Authenticate(ctx context.Context, r device.SignedRequest) (postern.Phone, error)
	Phones(ctx context.Context, user postern.UserID) ([]postern.Phone, error)
	Phone(ctx context.Context, id postern.PhoneID) (postern.Phone, error)
	Workstations(ctx context.Context, integration postern.IntegrationID) ([]postern.Workstation, error)
	RevokeWorkstation(ctx context.Context, id postern.WorkstationID) (postern.Workstation, error)

	EnrolWorkstation(ctx context.Context, in postern.WorkstationEnrolment) (w postern.Workstation, created bool, err error)
	AuthenticateWorkstation(ctx context.Context, r device.SignedRequest) (postern.Workstation, error)
	WorkstationSelf(ctx context.Context, w postern.Workstation) (postern.WorkstationSelf, error)
	UpdateWorkstation(ctx context.Context, id postern.WorkstationID, in postern.WorkstationUpdate) (postern.Workstation, error)
	SetLinkKey(ctx context.Context, phone postern.PhoneID, key []byte) (postern.Phone, error)
	OpenPairing(ctx context.Context, workstation postern.WorkstationID, id postern.PairingID) (postern.PairingAnswer, error)
	JoinPairing(ctx context.Context, phone postern.PhoneID, id postern.PairingID) (postern.PairingAnswer, error)
	ConfirmPairing(ctx context.Context, by postern.DeviceID, id postern.PairingID) (postern.Pairing, error)
	EndPairing(ctx context.Context, by postern.DeviceID, id postern.PairingID) (postern.Pairing, error)
	AnswerPairing(ctx context.Context, p postern.Pairing) (postern.PairingAnswer, error)
	PairedPhones(ctx context.Context, w postern.Workstation) ([]postern.PairedPhone, error)
	PairedWorkstations(ctx context.Context, p postern.Phone) ([]postern.PairedWorkstation, error)
}

// Passkeys is what the API needs of package provision.
type Passkeys interface {
	Claims
	Begin(ctx context.Context, phone postern.PhoneID) (postern.Provisioning, bool, error)
	BeginOwn(ctx context.Context, phone postern.Phone) (postern.Provisioning, bool, error)
	BeginSecurityKey(ctx context.Context, integration postern.IntegrationID, in postern.SecurityKeyInput) (postern.Provisioning, bool, error)
	SecurityKeyOptions(ctx context.Context, id postern.ProvisioningID) (postern.SecurityKeyOptions, error)
	SubmitSecurityKey(ctx context.Context, id postern.ProvisioningID, in postern.CredentialSubmission) (postern.Provisioning, error)
	Provisioning(ctx context.Context, id postern.ProvisioningID) (postern.Provisioning, error)
	Provisionings(ctx context.Context, user postern.UserID) ([]postern.Provisioning, error)
	Cancel(ctx context.Context, id postern.ProvisioningID) (postern.Provisioning, error)
	Passkeys(ctx context.Context, user postern.UserID) ([]postern.Passkey, error)
	RevokePasskey(ctx context.Context, id postern.PasskeyID) (postern.Passkey, error)
	RevokePhone(ctx context.Context, id postern.PhoneID) (postern.Phone, error)
	RevokeUser(ctx context.Context, id postern.UserID, reason postern.RevocationReason, note string) (postern.User, error)
	RevokeIntegration(ctx context.Context, id postern.IntegrationID, in postern.IntegrationRevocation) (postern.Integration, error)
	ReplacePasskey(ctx context.Context, id postern.PasskeyID) (postern.Provisioning, error)

	Self(ctx context.Context, phone postern.Phone) (postern.PhoneSelf, error)
	ForPhone(ctx context.Context, phone postern.Phone, id postern.ProvisioningID) (postern.PhoneProvisioning, error)
	WaitOffered(ctx context.Context, phone postern.Phone, wait time.Duration) ([]postern.PhoneProvisioning, error)
	WaitChange(ctx context.Context, phone postern.Phone, id postern.ProvisioningID, version int64, wait time.Duration) (postern.PhoneProvisioning, error)
	Attest(ctx context.Context, phone postern.Phone, id postern.ProvisioningID, in postern.AttestationRequest) (postern.AttestationLeaf, error)
	Submit(ctx context.Context, phone postern.Phone, id postern.ProvisioningID, in postern.CredentialSubmission) (postern.PhoneProvisioning, error)
	Decline(ctx context.Context, phone postern.Phone, id postern.ProvisioningID, reason string) (postern.PhoneProvisioning, error)
}

// Trail is what the API needs of package audit.
type Trail interface {
	audit.Recorder
	Events(ctx context.Context, q audit.Query) ([]postern.AuditEvent, error)
	Verify(ctx context.Context) (postern.AuditVerification, error)
	Checkpoint(ctx context.Context) (string, error)
	Details(ctx context.Context, sequence int64) (postern.AuditEventDetails, error)
	NoteExport(ctx context.Context, format string, s postern.AuditSelection, after int64) error
	Exported(ctx context.Context, after, through int64) error

	Retention(ctx context.Context) (postern.AuditRetention, error)
	SetRetention(ctx context.Context, in postern.AuditRetentionInput) (postern.AuditRetention, error)

	Filters(ctx context.Context) ([]postern.SavedAuditFilter, error)
	SaveFilter(ctx context.Context, in postern.SavedAuditFilterInput) (postern.SavedAuditFilter, error)
	UpdateFilter(ctx context.Context, id postern.SavedFilterID, in postern.SavedAuditFilterInput) (postern.SavedAuditFilter, error)
	RemoveFilter(ctx context.Context, id postern.SavedFilterID, version int64) error
}

// Streams is what the API needs of package stream.
type Streams interface {
	List(ctx context.Context) ([]postern.AuditStream, error)
	Get(ctx context.Context, id postern.AuditStreamID) (postern.AuditStream, error)
	Create(ctx context.Context, in postern.AuditStreamInput) (postern.AuditStreamSecret, error)
	Update(ctx context.Context, id postern.AuditStreamID, in postern.AuditStreamInput) (postern.AuditStream, error)
	Pause(ctx context.Context, id postern.AuditStreamID, version int64, paused bool) (postern.AuditStream, error)
	Rotate(ctx context.Context, id postern.AuditStreamID, version int64) (postern.AuditStreamSecret, error)
	Remove(ctx context.Context, id postern.AuditStreamID, version int64) error
	Test(ctx context.Context, id postern.AuditStreamID) (postern.AuditStreamTest, error)
}

// Door is what the API needs of package auth.
type Door interface {
	Sessions(next http.Handler) http.Handler
	Authenticate(r *http.Request) (auth.Identity, error)
	Require(ctx context.Context, p postern.Permission) error

	Administrators(ctx context.Context) ([]postern.Administrator, error)
	Administrator(ctx context.Context, id postern.AdministratorID) (postern.Administrator, error)
	Invite(ctx context.Context, in postern.AdministratorInvitationInput) (postern.AdministratorInvitation, error)
	UpdateAdministrator(ctx context.Context, id postern.AdministratorID, in postern.AdministratorInput) (postern.Administrator, error)
	RemoveAdministrator(ctx context.Context, id postern.AdministratorID, version int64) error
	Passkeys(ctx context.Context, id postern.AdministratorID) ([]postern.AdministratorPasskey, error)
	RemovePasskey(ctx context.Context, passkey string) error

	Tokens(ctx context.Context) ([]postern.APIToken, error)
	CreateToken(ctx context.Context, in postern.APITokenInput) (postern.APITokenCreated, error)
	RevokeToken(ctx context.Context, id postern.TokenID) (postern.APIToken, error)
}
