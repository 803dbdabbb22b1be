package bulk

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Store keeps jobs and rows. Methods join the transaction of ctx; what is not there is CodeNotFound.
type Store interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
	AfterCommit(ctx context.Context, f func())

	// CreateBulkJob stores a job with its rows.
	CreateBulkJob(ctx context.Context, r Record, rows []Row) error
	BulkJob(ctx context.Context, id postern.BulkJobID) (Record, error)
	// BulkJobs lists jobs, newest first.
	BulkJobs(ctx context.Context, q Query) ([]Record, error)
	// LockBulkJob reads a job and keeps every other transaction from changing it until this one ends. Whoever changes rows
	// locks their job first.
	LockBulkJob(ctx context.Context, id postern.BulkJobID) (Record, error)
	// SaveBulkJob stores a job that is locked.
	SaveBulkJob(ctx context.Context, r Record) error
	// EqualBulkJob finds a job of that digest that is not final; CodeNotFound when there is none.
	EqualBulkJob(ctx context.Context, integration postern.IntegrationID, digest string) (postern.BulkJobID, error)
	// DeleteOldBulkJobs forgets jobs that ended before a time.
	DeleteOldBulkJobs(ctx context.Context, before time.Time) error

	BulkRows(ctx context.Context, id postern.BulkJobID, q RowQuery) ([]postern.BulkRow, error)
	// TakeBulkRow marks the open row whose time came first as running until a time, and returns it as it was, with
	// Tries counted up; nil when no row's time has come. With begunOnly it takes only rows whose lease ran out.
	TakeBulkRow(ctx context.Context, id postern.BulkJobID, now, until time.Time, begunOnly bool) (*Row, error)
	// KeepBulkRow notes, in the transaction of the act itself, that the act on a row that was taken until a time has
	// happened, and what it made; CodeStale when the row is no longer taken so.
	KeepBulkRow(ctx context.Context, row Row, until time.Time, sealed []byte) error
	// EndBulkRow stores what became of a row that was taken until a time, and reports whether it was still taken so.
	EndBulkRow(ctx context.Context, row Row, until time.Time, due time.Time, sealed []byte) (bool, error)
	// MoveBulkRows brings all rows of one state into another with a reason, due at once, and counts them. Rows that come
	// back to pending begin anew.
	MoveBulkRows(ctx context.Context, id postern.BulkJobID, from, to postern.BulkRowState, why postern.Error, now time.Time) (int, error)
	// NextBulkDue is when the first open row is to be looked at.
	NextBulkDue(ctx context.Context, id postern.BulkJobID) (time.Time, bool, error)

	// BulkSecrets lists what is sealed in the rows of a job.
	BulkSecrets(ctx context.Context, id postern.BulkJobID) ([]SealedRow, error)
	// ForgetBulkSecrets wipes what is sealed in the rows of a job.
	ForgetBulkSecrets(ctx context.Context, id postern.BulkJobID) error
	// BulkJobsWithSecrets lists jobs whose secrets may be fetched until before a time.
	BulkJobsWithSecrets(ctx context.Context, before time.Time) ([]postern.BulkJobID, error)

	// BulkUsers lists the users of an integration by id, those after one, at most limit.
	BulkUsers(ctx context.Context, integration postern.IntegrationID, after postern.UserID, limit int) ([]KnownUser, error)
}

// Record is a job with what only Postern may see of it.
type Record struct {
	postern.BulkJob
	Actor  postern.Actor // who started it, and in whose name its rows are done
	Digest string        // of kind, options and rows: two equal jobs do not run at once
	Held   time.Time     // no row is begun before it: Entra asked for a pause, or the integration is out of order
	// Mark and MarkFinished are when the pace was last measured, and how many rows were finished then.
	Mark         time.Time
	MarkFinished int
}

// Query chooses jobs. Zero members do not restrict.
type Query struct {
	IntegrationID postern.IntegrationID
	State         postern.BulkState
	Offset, Limit int // Limit at most 1000; 0 means 100
}

// RowQuery chooses rows, in the order of their numbers.
type RowQuery struct {
	State postern.BulkRowState
	After int // only rows with a higher number
	Limit int // at most 1000; 0 means 100
}

// SealedRow is what a row keeps sealed, with whom it concerns.
type SealedRow struct {
	Number     int
	Given, UPN string
	Sealed     []byte
}

// KnownUser is as much of a user as a plan needs.
type KnownUser struct {
	ID       postern.UserID
	ObjectID string
	UPN      string
	Phase    postern.Phase
	Account  postern.AccountState
	Guest    bool
}
