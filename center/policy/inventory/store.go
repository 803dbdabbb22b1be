package inventory

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Store keeps inventories. Methods join the transaction of ctx.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	AfterCommit(ctx context.Context, f func())

	// InventoryProgress returns how far the inventory of an integration was read; a zero Version says never.
	InventoryProgress(ctx context.Context, integration postern.IntegrationID) (Progress, error)
	// SetInventoryProgress stores p if p.Version is still the stored one, and increments it; CodeStale otherwise.
	SetInventoryProgress(ctx context.Context, p *Progress) error

	// NoteDue puts users on the list of those who are still to be asked.
	NoteDue(ctx context.Context, integration postern.IntegrationID, objectIDs []string) error
	// NoteEverybodyDue puts people after one, ordered by object id, on that list, at most limit of them; last is "" when
	// there were no more.
	NoteEverybodyDue(ctx context.Context, people People, after string, limit int) (last string, err error)
	// NoteHoldersDue puts people on that list who have a passkey, as far as was known, or a managed one in the books.
	NoteHoldersDue(ctx context.Context, people People) error
	// NoteUnreadDue puts people on that list whose passkeys were never read, or not at the last attempt.
	NoteUnreadDue(ctx context.Context, people People) error
	// NoteOldestDue puts the people on that list whose passkeys were read longest ago, at most limit of them.
	NoteOldestDue(ctx context.Context, people People, limit int) error
	// Due lists those who are still to be asked, those first who were asked least often, and counts all of them.
	Due(ctx context.Context, integration postern.IntegrationID, limit int) (objectIDs []string, all int, err error)
	// ForgetDue empties the list.
	ForgetDue(ctx context.Context, integration postern.IntegrationID) error
	// PutLooked keeps what was learned of users, each of them once, and takes them off the list. Who failed stays there
	// until attempts are used up, and is counted in failures then; changed counts passkeys that came, changed or went.
	PutLooked(ctx context.Context, integration postern.IntegrationID, looked []Looked, at time.Time, attempts int) (changed, failures int, err error)
	// CoverPeople marks people after one, ordered by object id, who are not on the list of those to be asked, as known to
	// have no passkey at a time, at most limit of them; last is "" when there were no more.
	CoverPeople(ctx context.Context, people People, at time.Time, after string, limit int) (last string, err error)
	// PutMethods keeps what the registration report says of users, each of them once.
	PutMethods(ctx context.Context, integration postern.IntegrationID, rows []Methods, at time.Time) error
	// ForgetGone removes what is kept of users who are not among people, and returns how many passkeys that were.
	ForgetGone(ctx context.Context, people People) (passkeys int, err error)
	// ObjectIDs finds people by their user principal names, in any case; names that nobody has are left out.
	ObjectIDs(ctx context.Context, people People, upns []string) ([]string, error)
	// CountPeople counts them.
	CountPeople(ctx context.Context, people People) (int, error)

	// InventorySummary counts what people holds, with models by AAGUID without names and verdicts.
	InventorySummary(ctx context.Context, people People) (postern.InventorySummary, error)
	// Unread lists people whose passkeys were never read, or not at the last attempt.
	Unread(ctx context.Context, people People, limit int) ([]string, error)
	// CountUnread counts people whose passkeys were never read, and those whom the last attempts failed to read.
	CountUnread(ctx context.Context, people People) (int, error)
	// InventoryPasskeys lists what q chooses, ordered by the user's display name, with the number of all that it chooses.
	InventoryPasskeys(ctx context.Context, people People, q postern.InventoryQuery) ([]postern.InventoryPasskey, int, error)
	// InventoryUsers lists the users that q chooses, ordered by display name, with the number of all that it chooses.
	InventoryUsers(ctx context.Context, people People, q postern.InventoryQuery) ([]postern.InventoryUser, int, error)
	// InventoryUsersAfter lists users after one, ordered by object id, at most limit.
	InventoryUsersAfter(ctx context.Context, people People, after string, limit int) ([]postern.InventoryUser, error)
}

// People says whose passkeys are counted and listed.
type People struct {
	Integration postern.IntegrationID
	// Known takes those whom Postern knows for everybody, where the directory may not be read.
	Known bool
	// StaleBefore is since when a passkey has to have been used.
	StaleBefore time.Time
}

// Methods is what the registration report says of a user, besides passkeys.
type Methods struct {
	ObjectID string
	Methods  []string
}
