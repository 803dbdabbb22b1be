package auth

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Store keeps administrators, their passkeys, sessions and API tokens. Methods join the transaction of ctx; what is not
// there is CodeNotFound, an outdated version CodeStale, a duplicate CodeConflict.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error

	Administrators(ctx context.Context) ([]postern.Administrator, error)
	Administrator(ctx context.Context, id postern.AdministratorID) (postern.Administrator, error)
	CreateAdministrator(ctx context.Context, a postern.Administrator) error
	UpdateAdministrator(ctx context.Context, a *postern.Administrator) error // increments a.Version
	DeleteAdministrator(ctx context.Context, id postern.AdministratorID, version int64) error

	// AdministratorCredentials are go-webauthn credentials as JSON.
	AdministratorCredentials(ctx context.Context, id postern.AdministratorID) ([]Credential, error)
	CredentialByID(ctx context.Context, credentialID []byte) (Credential, error)
	CreateCredential(ctx context.Context, c Credential) error
	UpdateCredential(ctx context.Context, c Credential) error
	DeleteCredential(ctx context.Context, credentialID []byte) error

	Tokens(ctx context.Context) ([]postern.APIToken, error)
	Token(ctx context.Context, id postern.TokenID) (postern.APIToken, error)
	TokenByHash(ctx context.Context, hash []byte) (postern.APIToken, error)
	CreateToken(ctx context.Context, t postern.APIToken, hash []byte) error
	UpdateToken(ctx context.Context, t postern.APIToken) error

	// One-time links: for the first administrator and for invited ones.
	CreateLink(ctx context.Context, l Link) error
	LinkByHash(ctx context.Context, hash []byte) (Link, error)
	// TakeLink deletes the link and reports whether this call was the one that did.
	TakeLink(ctx context.Context, hash []byte) (bool, error)
	DeleteExpiredLinks(ctx context.Context, now time.Time) error

	// Sessions, in the shape that scs asks for.
	FindCtx(ctx context.Context, token string) (data []byte, found bool, err error)
	CommitCtx(ctx context.Context, token string, data []byte, expires time.Time) error
	DeleteCtx(ctx context.Context, token string) error
	// scs's interface names these too; they use a background context.
	Find(token string) ([]byte, bool, error)
	Commit(token string, data []byte, expires time.Time) error
	Delete(token string) error

	Setting(ctx context.Context, name string) ([]byte, error)
	SetSetting(ctx context.Context, name string, value []byte) error
}

// Credential is a passkey that signs an administrator in.
type Credential struct {
	ID              []byte
	AdministratorID postern.AdministratorID
	Name            string
	Data            []byte // go-webauthn's Credential as JSON
	CreatedAt       time.Time
	LastUsed        *time.Time
}

// Link is a one-time link, known by the hash of its code.
type Link struct {
	Hash      []byte
	Role      postern.Role
	Name      string // proposed name of the administrator
	CreatedBy string
	ExpiresAt time.Time
}
