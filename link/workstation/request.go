package workstation

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
)

// Request is a CTAP message for a phone. The functions may be nil; they are called one at a time, by the goroutine that
// called [Workstation.Request], and return soon.
type Request struct {
	CTAP    []byte // command byte and parameters, at most [channel.MaxCTAP] bytes
	Program string // what the request is for, for people
	// Deadline is when nobody waits any more, at most [channel.MaxDeadline] ahead, by [Env.Now]. Zero is two minutes ahead.
	Deadline time.Time
	// Waking is told that the phone is not there and is being woken.
	Waking func()
	// Asked is told the two digits that the phone shows with the request. When the request has to be asked again, because
	// the phone came back anew before it took the request up, it is told the new ones.
	Asked func(number string)
	// Waiting is told what the phone says while its user decides.
	Waiting func(channel.Status)
	// Silent is told that the phone has said nothing for [channel.SilentAfter]. Waiting follows when it speaks again.
	Silent func()
}

// Refusal says that the phone, or this package in its name, did not answer a request.
type Refusal struct{ Reason channel.Reason }

// Request asks a phone and returns its answer: a CTAP status byte and what follows. A phone that is not there is woken
// and waited for until the deadline. When ctx ends the request is cancelled.
//
// It fails with a [*Refusal] (a second request at once is refused as busy, one past its deadline as late), a
// [*postern.Error] or the context's error.
func (w *Workstation) Request(ctx context.Context, phone postern.PhoneID, r Request) (ctap []byte, err error) {
	return nil, postern.Errorf(postern.CodeUnavailable, "")
}

var refusals = map[channel.Reason]string{
	channel.ReasonBusy:      "The phone is busy with another request. Wait for it, or cancel it, then try again.",
	channel.ReasonLate:      "Nobody answered on the phone in time. Start the sign-in again and accept it on the phone.",
	channel.ReasonLocked:    "The phone cannot use its passkeys now. Open Postern on the phone, look at what it says, then try again.",
	channel.ReasonClock:     "The clocks of phone and workstation differ by too much. Set both to automatic time, then try again.",
	channel.ReasonCancelled: "The request was cancelled. Start the sign-in again if it is still wanted.",
}

// Error is a sentence for people.
func (r *Refusal) Error() string {
	if text, ok := refusals[r.Reason]; ok {
		return text
	}
	return "The request was not allowed on the phone. If you refused it by mistake, start the sign-in again."
}
