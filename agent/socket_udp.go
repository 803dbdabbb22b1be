package agent

import (
	"context"
	"errors"
	"net"
	"syscall"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/udp"
)

// UDP offers a key at a simulator port of this machine, in place of plugging it in. It is for tests: any program of any account
// here reaches the port, and no system knows it for a security key. There is room for one key at a time.
type UDP struct {
	Address string // an IPv4 loopback address and port, like [udp.DefaultAddress]
}

// Name implements [Socket].
func (UDP) Name() string { return "udp" }

// MaxMessage implements [Socket].
func (UDP) MaxMessage() uint64 { return ctaphid.MaxPayload }

// Plug implements [Socket].
func (u UDP) Plug(ctx context.Context, _ hid.Identity, in func(), serve func(context.Context, hid.Reports) error) (err error) {
	device, err := udp.Listen(u.Address, "")
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &hid.Unavailable{
			Message: "Another key is at the simulator port " + u.Address + ", which has room for one.",
			Next:    "It follows by itself when that one is gone. If no phone's key is there, another program has the port: give another address.",
			Err:     err,
		}
	case err != nil:
		return &hid.Unavailable{Message: "There is no simulator port at " + u.Address + ".", Next: "Give an address of this machine and a free port, like " + udp.DefaultAddress + ".", Err: err}
	}
	defer func() {
		if e := device.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}()
	in()
	return serve(ctx, device)
}
