package vault

import (
	"errors"
	"fmt"
)

// Errors of a vault. Those about a record come in a [RecordError].
var (
	// ErrNoVault means that the backing holds no vault, or no more.
	ErrNoVault = errors.New("there is no vault on this phone: pair the phone to make one")
	// ErrExists means that the backing holds a vault already.
	ErrExists = errors.New("there is a vault on this phone already: open it, or erase it first")
	// ErrWrongKey means that what the gate gave is not what the vault was locked with.
	ErrWrongKey = errors.New("this is not the key of the vault: use the passkey that was made when the phone was paired")
	// ErrBusy means that other writers always came first.
	ErrBusy = errors.New("another window keeps changing the vault: close it and try again")
	// ErrNewer means that a newer program wrote the record.
	ErrNewer = errors.New("a newer version of the app wrote the vault: reload the app")

	// ErrDamaged means that a record is missing or cannot be read.
	ErrDamaged = errors.New("the record is damaged or missing: remove the passkey and register again")
	// ErrMoved means that a record is another credential's.
	ErrMoved = errors.New("the record belongs to another passkey: remove the passkey and register again")
	// ErrOlder means that a record, or the whole vault, is not the newest copy of itself.
	ErrOlder = errors.New("this is an older copy: restored storage cannot be used, register again")
	// ErrForeign means that a record is from another vault.
	ErrForeign = errors.New("the record is from another phone's vault: remove the passkey and register again")
)

// RecordError tells which record is refused, and wraps the reason.
type RecordError struct {
	Name string
	// CredentialID is nil for the head of the vault.
	CredentialID []byte
	Err          error
}

// Error implements error.
func (e *RecordError) Error() string { return fmt.Sprintf("phone vault, record %s: %v", e.Name, e.Err) }

// Unwrap gives the reason.
func (e *RecordError) Unwrap() error { return e.Err }
