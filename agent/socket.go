package agent

import (
	"context"
	"errors"
	"log/slog"
	"net"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/uhid"
	"github.com/postern/postern/fido/transport/usbip"
)

// Socket is where virtual security keys are plugged into this machine.
type Socket interface {
	// Plug plugs a key in and has serve answer for it until ctx ends, serve returns or the system lets the key go. in is called
	// once it is there. Errors for people are [hid.Unavailable]; the end of ctx is none.
	Plug(ctx context.Context, id hid.Identity, in func(), serve func(context.Context, hid.Reports) error) error
	// Name is what people and the command line call it.
	Name() string
	// MaxMessage is the longest message that is sure to arrive, in bytes.
	MaxMessage() uint64
}

// UHID plugs keys in as HID devices of this Linux machine.
type UHID struct{ Log *slog.Logger }

// Name implements [Socket].
func (UHID) Name() string { return "uhid" }

// MaxMessage implements [Socket].
func (UHID) MaxMessage() uint64 { return uhid.MaxMessage }

// Plug implements [Socket].
func (u UHID) Plug(ctx context.Context, id hid.Identity, in func(), serve func(context.Context, hid.Reports) error) (err error) {
	device, err := uhid.Open(uhid.Config{Identity: id, Log: u.Log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, device.Close()) }()
	in()
	return serve(ctx, device)
}

// VHCI plugs keys in as USB devices of this Linux machine.
type VHCI struct{}

// Name implements [Socket].
func (VHCI) Name() string { return "vhci" }

// MaxMessage implements [Socket].
func (VHCI) MaxMessage() uint64 { return ctaphid.MaxPayload }

// Plug implements [Socket].
func (VHCI) Plug(ctx context.Context, id hid.Identity, in func(), serve func(context.Context, hid.Reports) error) (err error) {
	port, err := (usbip.VHCI{Identity: id}).PlugIn()
	if err != nil {
		return err
	}
	defer func() {
		if e := port.Close(); e != nil && !errors.Is(e, net.ErrClosed) {
			err = errors.Join(err, e)
		}
	}()
	in()
	return port.Serve(ctx, serve)
}
