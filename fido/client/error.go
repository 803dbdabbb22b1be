package client

import (
	"context"
	"errors"
	"fmt"

	"github.com/postern/postern/fido/ctap"
)

// ErrorName is the name of a DOMException as WebAuthn uses them.
type ErrorName string

// The names.
const (
	NotAllowedError   ErrorName = "NotAllowedError"
	InvalidStateError ErrorName = "InvalidStateError"
	NotSupportedError ErrorName = "NotSupportedError"
	SecurityError     ErrorName = "SecurityError"
	ConstraintError   ErrorName = "ConstraintError"
	SyntaxError       ErrorName = "SyntaxError"
	TypeError         ErrorName = "TypeError"
	AbortError        ErrorName = "AbortError"
	UnknownError      ErrorName = "UnknownError"
)

// Error is a failed ceremony or act of management.
type Error struct {
	Name  ErrorName
	cause error
}

// Error says what happened.
func (e *Error) Error() string { return fmt.Sprintf("%s: %v", e.Name, e.cause) }

// Unwrap gives the cause, for [ctap.StatusOf] and [errors.Is].
func (e *Error) Unwrap() error { return e.cause }

func fail(name ErrorName, format string, args ...any) error {
	return &Error{Name: name, cause: fmt.Errorf(format, args...)}
}

// gaveUp tells a person who does not answer from a ceremony that is over.
func gaveUp(ctx context.Context, what string, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", what, ctx.Err())
	}
	return fail(NotAllowedError, "%s: %w", what, err)
}

// sentences say what happened and what to do where a status alone does not.
var sentences = map[ctap.Status]string{
	ctap.ErrCredentialExcluded: "the authenticator has a passkey for this account already",
	ctap.ErrNoCredentials:      "the authenticator has no passkey for this site",
	ctap.ErrKeyStoreFull:       "the authenticator is full: delete a passkey that is no longer needed",
	ctap.ErrOperationDenied:    "the request was refused at the authenticator",
	ctap.ErrUserActionTimeout:  "nobody touched the authenticator in time: try again",
	ctap.ErrActionTimeout:      "nobody touched the authenticator in time: try again",
	ctap.ErrPINAuthBlocked:     "the PIN was wrong too often in a row: unplug the security key, plug it in again and try once more",
	ctap.ErrPINBlocked:         "the PIN is blocked because it was wrong too often: reset the security key, which erases its passkeys, then set a PIN and register it again",
	ctap.ErrPINNotSet:          "the security key has no PIN: set one first",
	ctap.ErrPUATRequired:       "the security key wants its PIN: use a program that can ask for it",
	ctap.ErrUVInvalid:          "the authenticator did not recognise its user: try again",
	ctap.ErrUVBlocked:          "the authenticator did not recognise its user too often: unlock it by its PIN, or unplug it and plug it in again",
}

// named gives err the name its cause asks for (WebAuthn §5.1.3 step 22, §5.1.4
// step 20), unless it has one, and the sentence for its status.
func named(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	e := &Error{Name: nameOf(err), cause: err}
	if s, ok := errors.AsType[ctap.Status](err); ok && sentences[s] != "" {
		e.cause = fmt.Errorf("%s (%w)", sentences[s], err)
	}
	return e
}

func nameOf(err error) ErrorName {
	if errors.Is(err, context.Canceled) {
		return AbortError
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return NotAllowedError
	}
	switch ctap.StatusOf(err) {
	case ctap.ErrCredentialExcluded:
		return InvalidStateError
	case ctap.ErrUnsupportedAlgorithm:
		return NotSupportedError
	case ctap.ErrKeyStoreFull, ctap.ErrUnsupportedOption, ctap.ErrInvalidOption:
		return ConstraintError
	case ctap.ErrOther:
		return UnknownError
	}
	return NotAllowedError
}
