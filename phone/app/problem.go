package app

import (
	"context"
	"errors"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/phone/vault"
)

// Codes of the app's own, beside those of the control center.
const (
	CodeGateWrong       postern.Code = "gate_wrong"        // the platform authenticator gave another key
	CodeGateMissing     postern.Code = "gate_missing"      // there is no platform authenticator
	CodeStorage         postern.Code = "storage_failed"    // the phone's storage cannot be read or written
	CodeRequestOver     postern.Code = "request_over"      // the request, offer or pairing is no longer there
	CodePasskeyRemoved  postern.Code = "passkey_removed"   // taken away by the organisation
	CodePasskeyUnknown  postern.Code = "passkey_unknown"   // not found in Entra
	CodeComputerRemoved postern.Code = "computer_unpaired" // given up at the other end
	CodeComputerPaused  postern.Code = "computer_paused"   // it asked too often
	CodeUpdate          postern.Code = "app_outdated"      // a newer app wrote the storage
	CodeNoNetwork       postern.Code = "no_network"
	CodeRelay           postern.Code = "relay_unreachable"
	CodeBrowser         postern.Code = "browser_lacks"
	CodeNotPersistent   postern.Code = "storage_not_persistent"
	CodeNoPRF           postern.Code = "gate_without_prf"
	CodeIncomplete      postern.Code = "passkey_incomplete"
	CodeCodesGone       postern.Code = "offline_codes_removed" // taken away by the organisation, or at the computer
	CodeCodesNone       postern.Code = "offline_codes_used_up"
	CodeCodesDamaged    postern.Code = "offline_codes_damaged"
)

// Error is the problem's message; a Problem is what [App.Do] fails with.
func (p *Problem) Error() string { return string(p.Code) + ": " + p.Message }

// problemOf is an error as people are told of it. What is not written for people does not reach them.
func problemOf(err error) *Problem {
	if err == nil {
		return nil
	}
	if p := (*Problem)(nil); errors.As(err, &p) {
		return p
	}
	e := (*postern.Error)(nil)
	if !errors.As(err, &e) {
		e = translate(err)
	}
	return &Problem{Code: e.Code, Field: e.Field, Message: e.Message, Next: e.Next}
}

func translate(err error) *postern.Error {
	switch {
	case errors.Is(err, vault.ErrWrongKey):
		return postern.Errorf(CodeGateWrong, "This is not the passkey that opens this phone's keys.").
			WithNext("Try again, and choose the passkey of this app that was made when the phone was set up.")
	case errors.Is(err, vault.ErrNewer):
		return postern.Errorf(CodeUpdate, "A newer version of the app wrote what is kept on this phone.").WithNext("Close the app and open it again, so that it updates.")
	case errors.Is(err, vault.ErrNoVault), errors.Is(err, vault.ErrDamaged), errors.Is(err, vault.ErrOlder), errors.Is(err, vault.ErrForeign):
		return postern.Errorf(CodeStorage, "What is kept on this phone is damaged or was put back from an older copy, and cannot be used.").
			WithNext("Delete everything on this phone, and ask for a new invitation.")
	case errors.Is(err, vault.ErrBusy):
		return postern.Errorf(CodeStorage, "Another window of the app keeps changing the storage.").WithNext("Close the other window and try again.")
	case errors.Is(err, authenticator.ErrFull), ctap.StatusOf(err) == ctap.ErrKeyStoreFull:
		return postern.Errorf(CodeStorage, "There is no room for another key on this phone.").WithNext("Delete a key that is not needed any more.")
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return postern.Errorf(CodeRequestOver, "It took too long, or was given up.").WithNext("Begin again.")
	}
	return postern.Errorf(postern.CodeInternal, "Something went wrong inside the app.").
		WithNext("Close the app, open it again, and try once more. If it happens again, run the diagnosis and show it to your help desk.")
}

func over(what string) *Problem {
	return &Problem{Code: CodeRequestOver, Message: strings.ToUpper(what[:1]) + what[1:] + " is no longer there: it was answered, given up, or its time is over.", Next: "Begin again."}
}

func wrong(field, message, next string) *Problem {
	return &Problem{Code: postern.CodeInvalid, Field: field, Message: message, Next: next}
}

// ProblemOf is an error as people are told of it: what is not written for people does not reach them.
func ProblemOf(err error) *Problem { return problemOf(err) }
