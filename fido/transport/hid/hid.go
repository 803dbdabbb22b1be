package hid

import (
	"context"
	"errors"

	"github.com/postern/postern/fido/ctap/ctaphid"
)

// Reports is one end of a HID interface. A Read ends with ctx, with the next
// report, or with an error: io.EOF where the other end is gone for good, and
// [ErrPowerCycle] where it is there again. Read and Write may run at the same
// time; neither is called twice at once.
type Reports interface {
	Read(ctx context.Context) (ctaphid.Report, error)
	Write(ctx context.Context, r ctaphid.Report) error
}

// ErrPowerCycle is what a device reads where it lost power and has it again.
// Reading goes on after it.
var ErrPowerCycle = errors.New("the device was without power")

// Authenticator answers requests. Handle gives a CTAP2 response whatever the
// request is, and gives up when ctx ends, with CTAP2_ERR_KEEPALIVE_CANCEL where
// it was cancelled. AwaitingUser, called at the same time, tells whether the
// request in hand waits for the user.
type Authenticator interface {
	Handle(ctx context.Context, request []byte) []byte
	AwaitingUser() bool
}

// U2F is an [Authenticator] that answers CTAP1 messages (CTAP 2.1 §8) too. A
// message is answered at once or when ctx ends, with SW_CONDITIONS_NOT_SATISFIED
// while the user has not touched.
type U2F interface {
	HandleU2F(ctx context.Context, message []byte) []byte
	// U2FEnabled tells, once, whether the messages are offered to hosts.
	U2FEnabled() bool
}

// Winker is an [Authenticator] that can show the user which it is. Wink does not
// wait for anything.
type Winker interface {
	Wink()
}

// PowerCycler is an [Authenticator] that forgets something when it loses power.
// PowerCycle is never called while a request is in hand.
type PowerCycler interface {
	PowerCycle()
}
