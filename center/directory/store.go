package directory

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Store keeps mirrors. Methods join the transaction of ctx.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	AfterCommit(ctx context.Context, f func())

	// DirectoryProgress returns how far the directory of an integration was read; a zero Version says never.
	DirectoryProgress(ctx context.Context, integration postern.IntegrationID) (Progress, error)
	// SetDirectoryProgress stores p if p.Version is still the stored one, and increments it; CodeStale otherwise.
	SetDirectoryProgress(ctx context.Context, p *Progress) error

	// DirectoryUsers returns those of the users with these object ids that the mirror has.
	DirectoryUsers(ctx context.Context, integration postern.IntegrationID, objectIDs []string) ([]postern.DirectoryUser, error)
	// PutDirectoryUsers stores users, each of them once, as seen in that reading of the whole directory.
	PutDirectoryUsers(ctx context.Context, integration postern.IntegrationID, generation int64, users []postern.DirectoryUser) error
	// MarkDirectoryUsers stores Privileged and Roles of users that the mirror has, and nothing else of them.
	MarkDirectoryUsers(ctx context.Context, integration postern.IntegrationID, users []postern.DirectoryUser) error
	// DropDirectoryUsers forgets users.
	DropDirectoryUsers(ctx context.Context, integration postern.IntegrationID, objectIDs []string) error
	// DirectoryUsersBefore lists users that no reading of the whole directory has seen since generation.
	DirectoryUsersBefore(ctx context.Context, integration postern.IntegrationID, generation int64, limit int) ([]postern.DirectoryUser, error)
	// CountDirectoryUsers counts all users, and those not seen since generation.
	CountDirectoryUsers(ctx context.Context, integration postern.IntegrationID, generation int64) (all, before int, err error)
	// KnownOutsideDirectory lists the object ids of users whom Postern looked up before a time, does not take for deleted,
	// and whom the mirror does not have.
	KnownOutsideDirectory(ctx context.Context, integration postern.IntegrationID, before time.Time, limit int) ([]string, error)
	// DirectoryUsersWithRoles lists the users that are marked with roles.
	DirectoryUsersWithRoles(ctx context.Context, integration postern.IntegrationID) ([]postern.DirectoryUser, error)
	// DirectoryEntries lists what q chooses.
	DirectoryEntries(ctx context.Context, q Query, generation int64) ([]postern.DirectoryEntry, error)
}

// Query chooses users of the mirror. Zero members do not restrict; results are ordered by display name, then object id.
type Query struct {
	IntegrationID postern.IntegrationID
	Search        string               // part of the display name, user principal name or mail, any case
	Account       postern.AccountState // enabled or disabled
	Guest         *bool
	Privileged    *bool
	Phase         postern.Phase // of the known user; PhaseNone chooses those who were never invited
	Group         string        // object id of a group whose members are looked up in Entra
	Members       []string      // restricts to these object ids unless nil; set by List when Group is
	ObjectID      string        // just this user
	Offset, Limit int           // Limit at most 1000; 0 means 100
}
