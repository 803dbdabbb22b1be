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
	TypeError         ErrorName = "TypeError"
	AbortError        ErrorName = "AbortError"
	UnknownError      ErrorName = "UnknownError"
)

// Error is a failed ceremony.
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

// named gives err the name its cause asks for (WebAuthn §5.1.3 step 22, §5.1.4
// step 20), unless it has one.
func named(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*Error](err); ok {
		return err
	}
	return &Error{Name: nameOf(err), cause: err}
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
