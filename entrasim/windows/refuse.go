package windows

import (
	"context"
	"errors"
	"fmt"
)

// Statuses of Windows ([MS-ERREF] section 2.3).
const (
	statusLogonFailure = "0xc000006d"
	statusDisabled     = "0xc0000072"
	statusNotSupported = "0xc00000bb"
	statusNoNetwork    = "0xc000023c" // STATUS_NETWORK_UNREACHABLE
)

// Codes of Entra that change what is cached.
const (
	codeDisabled    = "AADSTS50057"
	codeDeleted     = "AADSTS50034"
	codePasskeyGone = "AADSTS135010"
)

// wentWrong is what the sign-in screen says of most refusals.
const wentWrong = "Something went wrong. Your credentials couldn't be verified."

// sentences are what the screen says of statuses of the key.
var sentences = map[Status][2]string{
	StatusNoCredential: {"There is no passkey of Entra on this key.", "This security key doesn't look familiar. Please try a different one."},
	StatusDenied:       {"The user refused at the key, or the key may not be used now.", "The request was cancelled on the security key."},
	StatusTimeout:      {"Nobody answered at the key in time.", "That took too long. Please try again."},
	StatusCancelled:    {"The request was given up.", ""},
	StatusPINInvalid:   {"The PIN is wrong.", "That PIN isn't right. Please try again."},
	StatusPINAuthWrong: {"The PIN is wrong.", "That PIN isn't right. Please try again."},
	StatusPINAuthBlock: {"Three wrong PINs: the key wants to be plugged in again first.", "Too many incorrect PIN attempts. To try again, please remove and insert your security key."},
	StatusPINBlocked:   {"Too many wrong PINs: the key is locked.", "Your security key is locked because the wrong PIN was entered too many times. You'll need to reset it."},
	StatusPINNotSet:    {"The key has no PIN.", "Set up a PIN for your security key."},
	StatusUVBlocked:    {"The key recognised its user too few times and has no PIN.", "Your security key is locked."},
	StatusUVInvalid:    {"The key did not recognise its user.", "Your security key didn't recognise you. Please try again."},
}

// fault makes a refusal of what a key said.
func (s *signingIn) fault(ctx context.Context, step int, err error) error {
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return ctx.Err()
	}
	status, ok := errors.AsType[Status](err)
	sentence, known := sentences[status]
	switch {
	case ok && known:
		return &Refusal{Step: step, Code: fmt.Sprintf("CTAP %02X", byte(status)), Reason: sentence[0], Windows: sentence[1]}
	case ok:
		return &Refusal{Step: step, Code: fmt.Sprintf("CTAP %02X", byte(status)), Reason: "The key does not do it.", Windows: "This security key can't be used. Please try a different one."}
	case errors.Is(err, ErrNoPIN):
		return &Refusal{Step: step, Reason: "The security key asks for its PIN, and none was given.", Windows: "Enter your security key PIN."}
	case errors.Is(err, errNoKey):
		return &Refusal{Step: step, Reason: "The security key was pulled out.", Windows: "Insert your security key into the USB port."}
	case errors.Is(err, context.DeadlineExceeded):
		return &Refusal{Step: step, Reason: "Nobody answered at the key in time.", Windows: "That took too long. Please try again."}
	}
	return &Refusal{Step: step, Reason: "The key cannot be used: " + err.Error() + ".", Windows: "This security key can't be used. Please try a different one."}
}

// refusedBy makes a refusal of what Entra said, and keeps it for dsregcmd.
func (s *signingIn) refusedBy(step int, err error, learn func(code string)) error {
	r := &Refusal{Step: step, Reason: err.Error(), Status: statusLogonFailure, Windows: wentWrong}
	if e, ok := errors.AsType[*refusedBy](err); ok {
		r.Code, r.Reason = e.Code(), e.text()
		if r.Code == codeDisabled {
			r.Status, r.Windows = statusDisabled, "Your account has been disabled. Please see your system administrator."
		}
		if learn != nil {
			learn(r.Code)
		}
	}
	s.Failed = &tried{Status: r.Status, Code: r.Code, Text: r.Reason, At: s.now()}
	return r
}
