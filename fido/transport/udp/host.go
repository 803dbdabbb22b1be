package udp

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/postern/postern/fido/ctap/ctaphid"
)

// Host is a host's end of a simulator port. It implements the interface Reports
// of package hid.
type Host struct{ socket socket }

// Dial joins the device at address. It waits for answers on local or, where that
// is empty, on a free port of its own. That nobody listens at address shows in a
// later Read or Write.
func Dial(address, local string) (*Host, error) {
	remote, err := loopback(address)
	if err != nil {
		return nil, err
	}
	own := netip.AddrPortFrom(remote.Addr(), 0)
	if local != "" {
		if own, err = loopback(local); err != nil {
			return nil, err
		}
	}
	conn, err := net.DialUDP("udp4", net.UDPAddrFromAddrPort(own), net.UDPAddrFromAddrPort(remote))
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	return &Host{socket{conn}}, nil
}

// Address is where the host waits for answers.
func (h *Host) Address() netip.AddrPort { return h.socket.address() }

// Read gives the next report. A closed port is io.EOF.
func (h *Host) Read(ctx context.Context) (ctaphid.Report, error) {
	r, _, err := h.socket.read(ctx)
	return r, err
}

// Write sends a report.
func (h *Host) Write(_ context.Context, r ctaphid.Report) error {
	_, err := h.socket.conn.Write(r[:])
	return closed(err)
}

// PowerCycle cuts the device's power for a moment. Channels of before are gone.
func (h *Host) PowerCycle(ctx context.Context) error { return h.Write(ctx, powerCycle) }

// Close closes the port.
func (h *Host) Close() error { return h.socket.conn.Close() }
