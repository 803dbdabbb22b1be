package usbip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"

	"github.com/postern/postern/fido/transport/hid"
)

// ErrExposed is the cause where other machines could reach an address.
var ErrExposed = errors.New("not on this machine alone")

// Listen listens on address, host:port or a host alone for port 3240. An address
// other machines can reach is refused unless exposed: whoever connects may use
// the key. Errors for people are [hid.Unavailable].
func Listen(ctx context.Context, address string, exposed bool) (net.Listener, error) {
	if _, _, err := net.SplitHostPort(address); err != nil {
		address = net.JoinHostPort(strings.Trim(address, "[]"), DefaultPort)
	}
	resolved, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, &hid.Unavailable{
			Message: fmt.Sprintf("USB/IP cannot listen on %s: that is no address.", address),
			Next:    "Give host and port, like 127.0.0.1:" + DefaultPort + ".", Err: err,
		}
	}
	if !exposed && !resolved.IP.IsLoopback() {
		return nil, &hid.Unavailable{
			Message: fmt.Sprintf("USB/IP on %s could be reached from other machines, and anybody who reaches it can use the security key.", address),
			Next:    "Listen on 127.0.0.1, or say explicitly that it may be exposed.", Err: ErrExposed,
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", resolved.String())
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, &hid.Unavailable{
			Message: fmt.Sprintf("USB/IP cannot listen on %s: another program does, perhaps usbipd or a second Postern.", address),
			Next:    "Stop that program or choose another port.", Err: err,
		}
	}
	return l, err
}

// AttachCommand is the command line that plugs the device in, on the machine
// that listens: with Linux's usbip as root, on Windows with that of usbip-win2.
// The port goes before the command; both programs want it there.
func AttachCommand(goos string, listening net.Addr, busID string) string {
	command := []string{"usbip"}
	if goos == "windows" {
		command[0] = "usbip.exe"
	}
	host, port := "127.0.0.1", DefaultPort
	if a, ok := listening.(*net.TCPAddr); ok {
		port = fmt.Sprint(a.Port)
		if !a.IP.IsUnspecified() {
			host = a.IP.String()
		}
	}
	if port != DefaultPort {
		command = append(command, "--tcp-port", port)
	}
	return strings.Join(append(command, "attach", "-r", host, "-b", busID), " ")
}
