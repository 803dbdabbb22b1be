package extension

import (
	"context"
	"errors"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/client"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/workstation"
)

// Outcomes that are neither the phone's nor the control center's.
var (
	errNoPhone = errors.New("no paired phone can be used")
	errForeign = errors.New("phones are not for this site")
	errLate    = errors.New("nobody answered in time")
)

// malformed is a request that is not one.
type malformed struct{ err error }

func (m *malformed) Error() string { return m.err.Error() }
func (m *malformed) Unwrap() error { return m.err }

// notAllowed is what a page is told of everything that is the person's business (WebAuthn §14.5).
const notAllowed = "The operation either timed out or was not allowed."

// tellable are the errors a page may tell apart: it asked for something that cannot be, or, with InvalidStateError, a
// person consented to its learning that a passkey is there already.
var tellable = map[client.ErrorName]string{
	client.InvalidStateError: "The phone has a passkey for this account already.",
	client.NotSupportedError: "The phone supports nothing of what was asked for.",
	client.ConstraintError:   "The phone cannot do what was asked for.",
	client.SecurityError:     "This origin may not use this relying party ID.",
	client.AbortError:        "The operation was aborted.",
}

// domError gives the DOMException of an outcome.
func domError(err error) *DOMError {
	var bad *malformed
	if errors.As(err, &bad) {
		return &DOMError{Name: "EncodingError", Message: "The options could not be read."}
	}
	if errors.Is(err, errNoOrigin) {
		return &DOMError{Name: string(client.SecurityError), Message: "The browser did not say which page asks."}
	}
	var e *client.Error
	if errors.As(err, &e) {
		if e.Name == client.TypeError { // which is no DOMException
			return &DOMError{Name: "DataError", Message: "A member of the options is missing or too long."}
		}
		if message, ok := tellable[e.Name]; ok {
			return &DOMError{Name: string(e.Name), Message: message}
		}
	}
	return &DOMError{Name: string(client.NotAllowedError), Message: notAllowed}
}

// silent reports whether a person needs no words: what happened is what they did.
func silent(err error) bool {
	return errors.Is(err, errPage) || errors.Is(err, errPerson) || errors.Is(err, errLeft) || errors.Is(err, context.Canceled)
}

// again reports whether asking once more may help while the page still waits. Several: there are other phones to ask.
func again(err error, several bool) bool {
	var refusal *workstation.Refusal
	if errors.As(err, &refusal) {
		switch refusal.Reason {
		case channel.ReasonBusy, channel.ReasonLocked, channel.ReasonClock:
			return true
		}
		return false
	}
	var from *postern.Error
	if errors.As(err, &from) {
		return true
	}
	return several && errors.Is(err, ctap.ErrNoCredentials)
}

// wordsFor says what happened, for the person.
func wordsFor(err error) *Problem {
	var refusal *workstation.Refusal
	var from *postern.Error
	var e *client.Error
	switch {
	case err == nil || silent(err):
		return nil
	case errors.Is(err, errAnother):
		return &Problem{
			Code: "another_way", Message: "The site was told that the phone is not used this time.",
			Next: "Start the sign-in at the site again: the browser now asks for its own keys.",
		}
	case errors.Is(err, errForeign):
		return &Problem{
			Code: "site_not_allowed", Message: "Your organisation does not use phones for this site.",
			Next: "Start the sign-in at the site again with one of the browser's own keys.",
		}
	case errors.Is(err, errNoPhone), errors.Is(err, errDetached):
		return &Problem{
			Code: "no_phone", Message: "No paired phone can be used now.",
			Next: "Open Postern in the toolbar to see why, then start the sign-in again.",
		}
	case errors.Is(err, errLate), errors.Is(err, context.DeadlineExceeded), errors.As(err, &refusal) && refusal.Reason == channel.ReasonLate:
		return &Problem{
			Code: "late", Message: "Nobody answered on the phone in time.",
			Next: "Start the sign-in again and accept it on the phone.",
		}
	case errors.As(err, &refusal):
		return &Problem{Code: "phone_refused", Message: refusal.Error()}
	case errors.As(err, &from):
		return problem(from)
	case errors.Is(err, ctap.ErrNoCredentials):
		return &Problem{
			Code: "no_passkey", Message: "This phone has no passkey for this site.",
			Next: "Use another phone or another way, or make a passkey for this site first.",
		}
	case errors.Is(err, ctap.ErrOperationDenied):
		return &Problem{
			Code: "denied", Message: "The request was refused on the phone.",
			Next: "If that was by mistake, start the sign-in again.",
		}
	case errors.As(err, &e):
		if words, ok := ceremonyWords[e.Name]; ok {
			return &words
		}
	}
	return &Problem{
		Code: "failed", Message: "The phone could not answer the request.",
		Next: "Start the sign-in again. If it keeps failing, use Check everything in the toolbar window.",
	}
}

var ceremonyWords = map[client.ErrorName]Problem{
	client.InvalidStateError: {Code: "known", Message: "This phone has a passkey for this account already.", Next: "Use that one, or another phone."},
	client.SecurityError:     {Code: "foreign_rp", Message: "The site asked for passkeys of another site and was refused.", Next: "If you typed the address yourself, tell whoever runs the site; if a link led you here, close the page."},
	client.NotSupportedError: {Code: "unsupported", Message: "The site wants something that the phone does not support.", Next: "Use another way to sign in."},
	client.ConstraintError:   {Code: "constraint", Message: "The phone cannot do what the site asks for.", Next: "Use another way to sign in."},
}

func errNotOpen() error {
	return postern.Errorf(postern.CodeConflict, "This request is over.").WithNext("Start the sign-in at the site again.")
}
