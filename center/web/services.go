package web

import (
	"context"
	"net/http"

	"github.com/go-webauthn/webauthn/protocol"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/auth"
	"github.com/postern/postern/center/lifecycle"
)

// Integrations is what the console needs of package integration.
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

// Users is what the console needs of package lifecycle.
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

// Phones is what the console needs of package device.
type Phones interface {
	Phone(ctx context.Context, id postern.PhoneID) (postern.Phone, error)
	Phones(ctx context.Context, user postern.UserID) ([]postern.Phone, error)
	UserPairings(ctx context.Context, user postern.UserID) ([]postern.UserPairing, error)
	EndPairing(ctx context.Context, by postern.DeviceID, id postern.PairingID) (postern.Pairing, error)
	Workstations(ctx context.Context, integration postern.IntegrationID) ([]postern.Workstation, error)
	PhonesAt(ctx context.Context, integration postern.IntegrationID) (map[postern.WorkstationID]int, error)
	RevokeWorkstation(ctx context.Context, id postern.WorkstationID) (postern.Workstation, error)
}

// Passkeys is what the console needs of package provision.
type Passkeys interface {
	Begin(ctx context.Context, phone postern.PhoneID) (postern.Provisioning, bool, error)
	Provisioning(ctx context.Context, id postern.ProvisioningID) (postern.Provisioning, error)
	Provisionings(ctx context.Context, user postern.UserID) ([]postern.Provisioning, error)
	Cancel(ctx context.Context, id postern.ProvisioningID) (postern.Provisioning, error)
	Passkeys(ctx context.Context, user postern.UserID) ([]postern.Passkey, error)
	Claims(ctx context.Context, phone postern.PhoneID) ([]postern.PasskeyClaim, error)
	RevokePasskey(ctx context.Context, id postern.PasskeyID) (postern.Passkey, error)
	RevokePhone(ctx context.Context, id postern.PhoneID) (postern.Phone, error)
	RevokeUser(ctx context.Context, id postern.UserID, reason postern.RevocationReason, note string) (postern.User, error)
	RevokeIntegration(ctx context.Context, id postern.IntegrationID, in postern.IntegrationRevocation) (postern.Integration, error)
	ReplacePasskey(ctx context.Context, id postern.PasskeyID) (postern.Provisioning, error)
}

// Groups finds groups of a tenant by the beginning of their name.
type Groups interface {
	Groups(ctx context.Context, integration postern.IntegrationID, query string, limit int) ([]postern.GroupChoice, error)
}

// Trail is what the console needs of package audit.
type Trail interface {
	Events(ctx context.Context, q audit.Query) ([]postern.AuditEvent, error)
	Verify(ctx context.Context) (postern.AuditVerification, error)
	Details(ctx context.Context, sequence int64) (postern.AuditEventDetails, error)

	Retention(ctx context.Context) (postern.AuditRetention, error)
	SetRetention(ctx context.Context, in postern.AuditRetentionInput) (postern.AuditRetention, error)
	WouldRemove(ctx context.Context, in postern.AuditRetentionInput) (audit.Removal, error)

	NoteExport(ctx context.Context, format string, s postern.AuditSelection, after int64) error
	Exported(ctx context.Context, after, through int64) error

	Filters(ctx context.Context) ([]postern.SavedAuditFilter, error)
	SaveFilter(ctx context.Context, in postern.SavedAuditFilterInput) (postern.SavedAuditFilter, error)
	UpdateFilter(ctx context.Context, id postern.SavedFilterID, in postern.SavedAuditFilterInput) (postern.SavedAuditFilter, error)
	RemoveFilter(ctx context.Context, id postern.SavedFilterID, version int64) error
}

// Streams is what the console needs of package stream.
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

// Door is what the console needs of package auth.
type Door interface {
	Sessions(next http.Handler) http.Handler
	Authenticate(r *http.Request) (auth.Identity, error)
	Require(ctx context.Context, p postern.Permission) error
	SignOut(ctx context.Context) error

	BeginSignIn(ctx context.Context) (*protocol.CredentialAssertion, error)
	FinishSignIn(ctx context.Context, response []byte) (postern.Administrator, error)
	CheckLink(ctx context.Context, code string) (auth.Welcome, error)
	BeginWelcome(ctx context.Context, code, name string) (*protocol.CredentialCreation, error)
	FinishWelcome(ctx context.Context, response []byte) (postern.Administrator, error)

	Passkeys(ctx context.Context, id postern.AdministratorID) ([]postern.AdministratorPasskey, error)
	BeginAddPasskey(ctx context.Context, name string) (*protocol.CredentialCreation, error)
	FinishAddPasskey(ctx context.Context, response []byte) (postern.AdministratorPasskey, error)
	RemovePasskey(ctx context.Context, passkey string) error

	Administrators(ctx context.Context) ([]postern.Administrator, error)
	Administrator(ctx context.Context, id postern.AdministratorID) (postern.Administrator, error)
	UpdateAdministrator(ctx context.Context, id postern.AdministratorID, in postern.AdministratorInput) (postern.Administrator, error)
	RemoveAdministrator(ctx context.Context, id postern.AdministratorID, version int64) error
	Invite(ctx context.Context, in postern.AdministratorInvitationInput) (postern.AdministratorInvitation, error)

	Tokens(ctx context.Context) ([]postern.APIToken, error)
	CreateToken(ctx context.Context, in postern.APITokenInput) (postern.APITokenCreated, error)
	RevokeToken(ctx context.Context, id postern.TokenID) (postern.APIToken, error)
}
