package postern

import (
	"errors"
	"fmt"
	"time"
)

// Code names what went wrong, for machines. Codes never change their meaning; the whole list is in catalogue.go.
type Code string

// Error is the one shape in which Postern says no: a code for machines, a sentence for people, the next step, and a
// cause for the log. Message and Next may be shown to anybody who may see the request; Err may not.
type Error struct {
	Code    Code
	Message string        // what happened and why, in plain English
	Next    string        // what to do about it
	Field   string        // the JSON name of the field at fault, when there is one
	After   time.Duration // how long to wait before trying again, when that helps; zero otherwise
	Err     error         // the cause, for the log only

	// RequestID names the request that failed; set on errors that come from [Client].
	RequestID string
}

// Errorf returns an Error with the catalogue's next step. An empty format takes the catalogue's sentence too.
func Errorf(code Code, format string, args ...any) *Error {
	entry := catalogue[code]
	message := entry.Message
	if format != "" {
		message = fmt.Sprintf(format, args...)
	}
	return &Error{Code: code, Message: message, Next: entry.Next}
}

// FieldErrorf is Errorf for a value that a person typed: field is its JSON name.
func FieldErrorf(field, format string, args ...any) *Error {
	e := Errorf(CodeInvalid, format, args...)
	e.Field = field
	return e
}

// Because adds the cause and returns e.
func (e *Error) Because(err error) *Error {
	e.Err = err
	return e
}

// WithNext replaces the catalogue's next step and returns e.
func (e *Error) WithNext(next string) *Error {
	e.Next = next
	return e
}

// OnField names the field at fault and returns e.
func (e *Error) OnField(field string) *Error {
	e.Field = field
	return e
}

func (e *Error) Error() string {
	s := string(e.Code) + ": " + e.Message
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }

// Status is the HTTP status of the code.
func (e *Error) Status() int {
	if entry, ok := catalogue[e.Code]; ok {
		return entry.Status
	}
	return 500
}

// AsError finds the Error in err's tree. Any other error becomes CodeInternal, with err as its cause, so that callers
// never show a person the text of an error that was not written for people.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Errorf(CodeInternal, "").Because(err)
}

// IsCode reports whether err's tree holds an Error with the code.
func IsCode(err error, code Code) bool {
	var e *Error
	return errors.As(err, &e) && e.Code == code
}
