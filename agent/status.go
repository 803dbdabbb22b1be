package agent

import (
	"context"
	"errors"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/workstation"
)

// outcome is what becomes of a request that the phone did not answer: a status for the host (CTAP 2.1 §8.2), and a sentence
// with a next step for people.
type outcome struct {
	status        ctap.Status
	message, next string
}

// refusals are the reasons of the phone.
var refusals = map[channel.Reason]outcome{
	channel.ReasonBusy: {
		ctap.ErrChannelBusy, "The phone is busy with another request.", "Answer or refuse the request on the phone, then sign in again.",
	},
	channel.ReasonLate: {
		ctap.ErrUserActionTimeout, "Nobody accepted on the phone in time.", "Start the sign-in again and accept it on the phone.",
	},
	channel.ReasonNotAllowed: {
		ctap.ErrOperationDenied, "The phone refused the request.", "If that was not you, tell your administrator. Otherwise start the sign-in again and accept it.",
	},
	channel.ReasonLocked: {
		ctap.ErrOperationDenied, "The phone cannot use its passkeys now.", "Unlock the app on the phone, then sign in again.",
	},
	channel.ReasonClock: {
		ctap.ErrOther, "The clocks of the phone and of this machine differ too much.", "Set both to the right time, best automatically, then sign in again.",
	},
	channel.ReasonCancelled: {ctap.ErrKeepaliveCancel, "The request was cancelled.", ""},
}

var (
	outcomeCancelled = refusals[channel.ReasonCancelled]
	outcomeLate      = refusals[channel.ReasonLate]
	outcomeBusy      = refusals[channel.ReasonBusy]
	outcomeGone      = outcome{ctap.ErrOther, "The phone went away while it was asked.", "Open the app on the phone, wait until it says that it is connected, then sign in again."}
	outcomeFault     = outcome{ctap.ErrOther, "The request could not be passed on to the phone.", "Try again; postern-agent doctor tells what is wrong with the connection."}
)

// outcomeOf tells what to answer where err is there instead of an answer.
func outcomeOf(err error) outcome {
	if refusal, ok := asRefusal(err); ok {
		if o, known := refusals[refusal.Reason]; known {
			return o
		}
		return refusals[channel.ReasonNotAllowed]
	}
	if e, ok := errors.AsType[*postern.Error](err); ok {
		return outcomeOfCode(e)
	}
	switch {
	case errors.Is(err, context.Canceled):
		return outcomeCancelled
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, channel.ErrDeadline):
		return outcomeLate
	case errors.Is(err, channel.ErrBusy):
		return outcomeBusy
	case errors.Is(err, channel.ErrGoodbye), errors.Is(err, channel.ErrSessionOver):
		return outcomeGone
	}
	return outcomeFault
}

func outcomeOfCode(e *postern.Error) outcome {
	switch e.Code {
	case postern.CodeLinkPeerGone, postern.CodeUnavailable, postern.CodeLinkSessionGone, postern.CodeLinkReplaced:
		return outcomeGone
	case postern.CodeLinkPeerSlow:
		return outcomeBusy
	}
	if bars(e.Code) {
		return outcome{ctap.ErrOperationDenied, e.Message, e.Next}
	}
	return outcome{ctap.ErrOther, e.Message, e.Next}
}

// bars tells the codes that say that a phone must not be used here, as against cannot be used at the moment.
func bars(c postern.Code) bool {
	switch c {
	case postern.CodeIntegrationDisabled, postern.CodeFlagOff, postern.CodeDomainRefused, postern.CodeUserSuspended, postern.CodeUserRevoked,
		postern.CodePhoneRevoked, postern.CodePhoneUnknown, postern.CodeWorkstationRevoked, postern.CodeWorkstationUnknown,
		postern.CodePairingOver, postern.CodeNotPaired, postern.CodeLinkNotPaired, postern.CodeLinkCut:
		return true
	}
	return false
}

func asRefusal(err error) (*workstation.Refusal, bool) {
	return errors.AsType[*workstation.Refusal](err)
}
