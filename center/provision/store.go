package provision

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Store keeps provisionings, managed passkeys and claims. Methods join the transaction of ctx; what is not there is
// CodeNotFound, an outdated version CodeStale, a duplicate CodeConflict.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	AfterCommit(ctx context.Context, f func())

	Provisioning(ctx context.Context, id postern.ProvisioningID) (Record, error)
	// OpenProvisionings lists those on a phone that are not final, oldest first.
	OpenProvisionings(ctx context.Context, phone postern.PhoneID) ([]Record, error)
	// OpenSecurityKeyProvisionings lists those of a user's security key that are not final, oldest first.
	OpenSecurityKeyProvisionings(ctx context.Context, user postern.UserID) ([]Record, error)
	ProvisioningsOfUser(ctx context.Context, user postern.UserID) ([]Record, error)
	// WaitingProvisionings lists those of an integration in state requested or submitted, which a DISABLED integration
	// holds back.
	WaitingProvisionings(ctx context.Context, integration postern.IntegrationID) ([]Record, error)
	// CreateProvisioning answers CodeConflict when the phone, or for a security key the user, or for a workstation the
	// pairing, has one that is not final.
	CreateProvisioning(ctx context.Context, r Record) error
	UpdateProvisioning(ctx context.Context, r *Record) error // increments r.Version

	// UserIDs lists users of an integration by id, beginning behind after.
	UserIDs(ctx context.Context, integration postern.IntegrationID, after postern.UserID, limit int) ([]postern.UserID, error)

	Passkey(ctx context.Context, id postern.PasskeyID) (postern.Passkey, error)
	PasskeysOfUser(ctx context.Context, user postern.UserID) ([]postern.Passkey, error)
	// PasskeysOfPhone lists those that lie on a phone, WorkstationPasskeysOfPhone those on workstations to which its user
	// agreed on it.
	PasskeysOfPhone(ctx context.Context, phone postern.PhoneID) ([]postern.Passkey, error)
	WorkstationPasskeysOfPhone(ctx context.Context, phone postern.PhoneID) ([]postern.Passkey, error)
	// CreatePasskey answers CodeConflict when its provisioning has made one, or when the user has one of that method id
	// that is not revoked.
	CreatePasskey(ctx context.Context, p postern.Passkey) error
	UpdatePasskey(ctx context.Context, p *postern.Passkey) error // increments p.Version
	// NotePasskeyUse keeps when an active passkey of a phone was used, unless a later use is kept already. Of any other
	// passkey it keeps nothing and answers CodeNotFound.
	NotePasskeyUse(ctx context.Context, id postern.PasskeyID, phone postern.PhoneID, at time.Time) error

	Claim(ctx context.Context, phone postern.PhoneID, credential []byte) (Claim, error)
	ClaimsOfPhone(ctx context.Context, phone postern.PhoneID) ([]Claim, error) // oldest first
	CreateClaim(ctx context.Context, c Claim) error
	UpdateClaim(ctx context.Context, c *Claim) error // increments c.Version
	DeleteClaim(ctx context.Context, phone postern.PhoneID, credential []byte) error
	// DeleteOldClaims forgets claims of a phone that were given up and whose time was over before a time.
	DeleteOldClaims(ctx context.Context, phone postern.PhoneID, before time.Time) error
}

// Record is a provisioning with what only Postern may see of it.
type Record struct {
	postern.Provisioning
	UserObjectID string
	// Sealed is Entra's options sealed to the phone; empty unless the state is offered or later. Options for a security
	// key are never kept.
	Sealed []byte
	// ChallengeHash is SHA-256 over the challenge text of the options, RPID their relying party and UserHandle their
	// user handle: what the submission is checked against without keeping the challenge.
	ChallengeHash []byte
	RPID          string
	UserHandle    []byte
	// The submission.
	CredentialID      []byte
	ClientDataJSON    []byte
	AttestationObject []byte
	// AttestationKeyHash is SHA-256 over the attestation key that was certified, so that a second leaf is only given
	// for the same key.
	AttestationKeyHash []byte
	// Renewals counts how often options had to be fetched again; Posts how often the credential was sent to Entra,
	// counted before each sending.
	Renewals int
	Posts    int
	// Seen is how often in a row read-back found the passkey.
	Seen int
}
