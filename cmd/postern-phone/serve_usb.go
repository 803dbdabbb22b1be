package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/uhid"
	"github.com/postern/postern/fido/transport/usbip"
)

// usbFlags are the ways in which the key is a device of a computer.
type usbFlags struct {
	USBIP        string `name:"usbip" help:"USB device over the network, for usbip attach on Linux and usbip-win2 on Windows." placeholder:"127.0.0.1:3240"`
	USBIPExposed bool   `name:"usbip-exposed" help:"Let other machines reach --usbip too. Whoever reaches it can use the key."`
	BusID        string `name:"busid" help:"Name of the device for --usbip; random makes one that nobody guesses, and does not list it." placeholder:"1-2"`
	VHCI         bool   `name:"vhci" help:"USB device in this Linux machine, without the network. Needs root and the module vhci-hcd."`
	UHID         bool   `name:"uhid" help:"HID device in this Linux machine, without USB. Needs root and the module uhid."`
}

// randomBusID asks for a bus id nobody guesses.
const randomBusID = "random"

// attachments are those the flags ask for. What happens to the device is told on
// out.
func (f usbFlags) attachments(out io.Writer) []attachment {
	var all []attachment
	if f.USBIP != "" {
		all = append(all, &usbipServer{flags: f, out: out})
	}
	if f.VHCI {
		all = append(all, &vhciPort{out: out})
	}
	if f.UHID {
		all = append(all, &uhidDevice{})
	}
	return all
}

// check refuses what does not go together.
func (f usbFlags) check() error {
	if f.USBIP == "" {
		for flag, given := range map[string]bool{"busid": f.BusID != "", "usbip-exposed": f.USBIPExposed} {
			if given {
				return postern.FieldErrorf(flag, "--%s says how the key is exported with USB/IP, but it is not.", flag).WithNext("Give --usbip too.")
			}
		}
		return nil
	}
	if f.BusID != "" && f.BusID != randomBusID {
		if err := usbip.CheckBusID(f.BusID); err != nil {
			return postern.FieldErrorf("busid", "The device cannot have that name: %v.", err).WithNext("Give one like 1-2, or leave it out.")
		}
	}
	return nil
}

// unavailable makes the error for people of one that says why this machine has
// no such device.
func unavailable(err error) error {
	if u, ok := errors.AsType[*hid.Unavailable](err); ok {
		return postern.Errorf(postern.CodeUnavailable, "%s", u.Message).WithNext(u.Next).Because(err)
	}
	return err
}

// powered serves a at a device that has just been plugged in.
func powered(ctx context.Context, r hid.Reports, a hid.Authenticator, c ctaphid.Config) error {
	if p, ok := a.(hid.PowerCycler); ok {
		p.PowerCycle()
	}
	return hid.Serve(ctx, r, a, c)
}

// usbipServer is the attachment of --usbip.
type usbipServer struct {
	flags    usbFlags
	out      io.Writer
	busID    string
	listener net.Listener
}

func (*usbipServer) name() string { return "usbip" }

func (*usbipServer) simulator() bool { return false }

func (s *usbipServer) open() (address string, err error) {
	s.listener, err = usbip.Listen(context.Background(), s.flags.USBIP, s.flags.USBIPExposed)
	if errors.Is(err, usbip.ErrExposed) {
		return "", postern.FieldErrorf("usbip", "Other machines could reach %s, and whoever reaches it can use the key.", s.flags.USBIP).
			WithNext("Give --usbip 127.0.0.1:" + usbip.DefaultPort + ", or allow it with --usbip-exposed.").Because(err)
	}
	if err != nil {
		return "", unavailable(err)
	}
	s.busID = s.flags.BusID
	switch s.busID {
	case "":
		s.busID = usbip.DefaultBusID
	case randomBusID:
		s.busID = usbip.NewBusID()
	}
	fmt.Fprintf(s.out, "Plug it in with: %s\n", usbip.AttachCommand(runtime.GOOS, s.listener.Addr(), s.busID))
	return s.listener.Addr().String(), nil
}

func (s *usbipServer) serve(ctx context.Context, a hid.Authenticator, c ctaphid.Config) error {
	server := usbip.Server{
		BusID:    s.busID,
		Unlisted: s.flags.BusID == randomBusID,
		Attached: func(ctx context.Context, r hid.Reports) error {
			fmt.Fprintln(s.out, "The security key was plugged in.")
			defer fmt.Fprintln(s.out, "The security key was unplugged.")
			return powered(ctx, r, a, c)
		},
		Log: slog.New(slog.NewTextHandler(s.out, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	return server.Serve(ctx, s.listener)
}

func (s *usbipServer) close() error {
	if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// vhciPort is the attachment of --vhci.
type vhciPort struct {
	out  io.Writer
	port *usbip.Port
}

func (*vhciPort) name() string { return "vhci" }

func (*vhciPort) simulator() bool { return false }

func (p *vhciPort) open() (address string, err error) {
	if p.port, err = (usbip.VHCI{}).PlugIn(); err != nil {
		return "", unavailable(err)
	}
	return fmt.Sprintf("port %d", p.port.Number), nil
}

func (p *vhciPort) serve(ctx context.Context, a hid.Authenticator, c ctaphid.Config) error {
	defer fmt.Fprintln(p.out, "The security key was unplugged.")
	return p.port.Serve(ctx, func(ctx context.Context, r hid.Reports) error { return powered(ctx, r, a, c) })
}

func (p *vhciPort) close() error {
	if err := p.port.Close(); !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// uhidDevice is the attachment of --uhid.
type uhidDevice struct{ device *uhid.Device }

func (*uhidDevice) name() string { return "uhid" }

func (*uhidDevice) simulator() bool { return false }

func (d *uhidDevice) open() (address string, err error) {
	if d.device, err = uhid.Open(uhid.Config{}); err != nil {
		return "", unavailable(err)
	}
	return "/dev/uhid", nil
}

func (d *uhidDevice) serve(ctx context.Context, a hid.Authenticator, c ctaphid.Config) error {
	return powered(ctx, d.device, a, c)
}

func (d *uhidDevice) close() error { return d.device.Close() }
