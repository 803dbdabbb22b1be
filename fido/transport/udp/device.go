package udp

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
)

// Device is the device's end of a simulator port. It implements [hid.Reports].
type Device struct {
	socket  socket
	peer    netip.AddrPort // not valid: answer the sender
	senders senders
}

// Listen opens the port on address; port 0 takes a free one. Answers go to peer
// or, where it is empty, to the program the report they answer came from.
func Listen(address, peer string) (*Device, error) {
	local, err := loopback(address)
	if err != nil {
		return nil, err
	}
	d := new(Device)
	if peer != "" {
		if d.peer, err = loopback(peer); err != nil {
			return nil, err
		}
	}
	if d.socket.conn, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(local)); err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	return d, nil
}

// Address is where the device listens.
func (d *Device) Address() netip.AddrPort { return d.socket.address() }

// Read implements [hid.Reports]. A closed port is io.EOF, a cut of power
// [hid.ErrPowerCycle].
func (d *Device) Read(ctx context.Context) (ctaphid.Report, error) {
	r, from, err := d.socket.read(ctx)
	switch {
	case err != nil:
		return ctaphid.Report{}, err
	case r == powerCycle:
		return ctaphid.Report{}, hid.ErrPowerCycle
	}
	d.senders.note(r, from)
	return r, nil
}

// Write implements [hid.Reports]. A report that cannot be sent is lost, like one
// that nobody reads: a host with an address of its own choosing does not end the
// device.
func (d *Device) Write(_ context.Context, r ctaphid.Report) error {
	to := d.peer
	if !to.IsValid() {
		if to = d.senders.of(r); !to.IsValid() {
			return nil
		}
	}
	if _, err := d.socket.conn.WriteToUDPAddrPort(r[:], to); errors.Is(err, net.ErrClosed) {
		return io.EOF
	}
	return nil
}

// Close closes the port.
func (d *Device) Close() error { return d.socket.conn.Close() }
