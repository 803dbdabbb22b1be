package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strconv"
	"sync"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/usbip"
)

// USBIP exports keys with USB/IP to this machine's own driver, usbip-win2 on Windows, and has the driver attach them. Each
// key has a listener of its own on loopback, and a name that nobody guesses, because the protocol knows no password.
type USBIP struct {
	Log *slog.Logger
	// Attach has the driver attach what is exported at a port of 127.0.0.1. It returns once that is done, or with why not.
	Attach func(ctx context.Context, port, busID string) error
}

// Name implements [Socket].
func (USBIP) Name() string { return "usbip" }

// MaxMessage implements [Socket].
func (USBIP) MaxMessage() uint64 { return ctaphid.MaxPayload }

// errDetached ends a key that the driver let go, so that it is plugged in anew.
var errDetached = errors.New("the driver detached the security key")

// Plug implements [Socket].
func (u USBIP) Plug(ctx context.Context, id hid.Identity, in func(), serve func(context.Context, hid.Reports) error) error {
	listener, err := usbip.Listen(ctx, "127.0.0.1:0", false)
	if err != nil {
		return err
	}
	running, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	server := usbip.Server{Identity: id, BusID: usbip.NewBusID(), Unlisted: true, Log: u.Log}
	server.Attached = func(ctx context.Context, r hid.Reports) error {
		in()
		err := serve(ctx, r)
		cancel(errDetached)
		return err
	}
	port := strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
	var attaching sync.WaitGroup
	attaching.Go(func() {
		if err := u.Attach(running, port, server.BusID); err != nil {
			cancel(err)
		}
	})
	defer attaching.Wait()
	err = server.Serve(running, listener)
	cause := context.Cause(running)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		return fmt.Errorf("export the security key: %w", err)
	default:
		return cause
	}
}
