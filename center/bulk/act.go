package bulk

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Act is what a kind of job does to one user.
type Act interface {
	// Do acts on the user of a row, in the name of whoever started the job. It may be called again for the same row:
	// after the process died, after it was throttled, and as long as it answers waiting.
	//
	// An error is judged by its code: what will pass puts the row back until later, anything else fails it.
	Do(ctx context.Context, j postern.BulkJob, row Row) (Outcome, error)
}

// Row is a row as an act sees it.
type Row struct {
	postern.BulkRow
	ObjectID string // Entra's, when known
	// Begun is when the row was first begun, in this round of tries; what an act made before it is not of this row.
	Begun time.Time
	// Again says that the row was begun before: by a process that died, or until it had to wait.
	Again bool
	// Kept says that the act has happened, and only the end of the row is missing. Such a row is not acted on again.
	Kept bool

	keep func(ctx context.Context, out Outcome) error
}

// Keep notes what the act made, in the transaction of ctx, which has to be the one that makes it: however the process
// ends, either both are there or neither. The error, when the row went to somebody else meanwhile, has to undo the act.
func (r Row) Keep(ctx context.Context, out Outcome) error { return r.keep(ctx, out) }

// Outcome is how an act ended. The zero value is success with nothing to say.
type Outcome struct {
	State   postern.BulkRowState // done if empty; done, skipped or waiting
	Code    postern.Code
	Message string
	Next    string
	Made    string         // identifier of what was made, if anything was
	User    postern.UserID // whom it concerned, when only the act finds out
	UPN     string
	// After is when to look again at a row that waits.
	After time.Duration
	// Secret is kept sealed until it is fetched once: for an invitation its code and link.
	Secret *Secret
}

// Secret is what a row made that only whoever started the job may read, once.
type Secret struct {
	Code string `json:"code"`
	Link string `json:"link"`
}

// skip is an outcome that had nothing to do.
func skip(code postern.Code, message, next string) Outcome {
	return Outcome{State: postern.BulkRowSkipped, Code: code, Message: message, Next: next}
}
