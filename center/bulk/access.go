package bulk

import (
	"context"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
)

// Revoker is what taking away needs of package provision.
type Revoker interface {
	RevokeUser(ctx context.Context, user postern.UserID, reason postern.RevocationReason, note string) (postern.User, error)
	RevokePhone(ctx context.Context, phone postern.PhoneID) (postern.Phone, error)
}

// RevokeUser is the act of [postern.BulkRevokeUser].
type RevokeUser struct{ Passkeys Revoker }

// Do implements [Act].
func (a RevokeUser) Do(ctx context.Context, j postern.BulkJob, row Row) (Outcome, error) {
	_, err := a.Passkeys.RevokeUser(ctx, row.UserID, postern.RevocationRequested, j.Note)
	return Outcome{Message: "Everything of the user is taken away; Entra is told."}, err
}

// RevokePhones is the act of [postern.BulkRevokePhones].
type RevokePhones struct {
	Passkeys Revoker
	Phones   Phones
}

// Do implements [Act].
func (a RevokePhones) Do(ctx context.Context, j postern.BulkJob, row Row) (Outcome, error) {
	ctx = audit.WithNote(ctx, j.Note)
	phones, err := a.Phones.Phones(ctx, row.UserID)
	if err != nil {
		return Outcome{}, err
	}
	taken := 0
	for _, phone := range phones {
		if phone.State != postern.PhoneActive {
			continue
		}
		if _, err := a.Passkeys.RevokePhone(ctx, phone.ID); err != nil {
			return Outcome{}, err
		}
		taken++
	}
	if taken > 0 || row.Again {
		return Outcome{Message: "The user's phones are cut off; Entra is told."}, nil
	}
	e := postern.Errorf(postern.CodePhoneMissing, "")
	return skip(e.Code, e.Message, ""), nil
}

// Suspender is what holding back needs of package lifecycle.
type Suspender interface {
	Suspend(ctx context.Context, user postern.UserID, note string) (postern.User, error)
	Resume(ctx context.Context, user postern.UserID, note string) (postern.User, error)
}

// Suspend is the act of [postern.BulkSuspend].
type Suspend struct{ Users Suspender }

// Do implements [Act].
func (a Suspend) Do(ctx context.Context, j postern.BulkJob, row Row) (Outcome, error) {
	_, err := a.Users.Suspend(ctx, row.UserID, j.Note)
	return Outcome{}, err
}

// Resume is the act of [postern.BulkResume].
type Resume struct{ Users Suspender }

// Do implements [Act].
func (a Resume) Do(ctx context.Context, j postern.BulkJob, row Row) (Outcome, error) {
	_, err := a.Users.Resume(ctx, row.UserID, j.Note)
	return Outcome{}, err
}

// Reminder is what reminding needs of package mail.
type Reminder interface {
	// Remind answers CodeConflict when there is nothing to remind of, or a reminder waits already.
	Remind(ctx context.Context, user postern.UserID) error
}

// Atomic runs do in a transaction that travels in the context.
type Atomic interface {
	Atomically(ctx context.Context, do func(ctx context.Context) error) error
}

// Remind is the act of [postern.BulkRemind].
type Remind struct {
	Mail  Reminder
	Store Atomic // the one that Mail writes to
}

// Do implements [Act].
func (a Remind) Do(ctx context.Context, _ postern.BulkJob, row Row) (Outcome, error) {
	err := a.Store.Atomically(ctx, func(ctx context.Context) error {
		if err := a.Mail.Remind(ctx, row.UserID); err != nil {
			return err
		}
		return row.Keep(ctx, Outcome{})
	})
	if postern.IsCode(err, postern.CodeConflict) {
		e := postern.AsError(err)
		return skip(postern.CodeNothingToDo, e.Message, e.Next), nil
	}
	return Outcome{}, err
}
