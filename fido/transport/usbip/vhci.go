package usbip

import (
	"bufio"
	"bytes"
	"context"
	"net"
	"strconv"

	"github.com/postern/postern/fido/transport/hid"
)

// VHCI plugs the device into this machine by Linux's virtual host controller,
// without a listener or a tool. It needs root and the module vhci-hcd.
//
// The controller's files, as the kernel documents them:
//
//	status, status.1, …  a line for each port: hub(hs or ss) port state speed device socket bus id
//	attach               "port socket device speed", the socket being past the import
//
// The kernel keeps the socket; closing the other end unplugs the device, so the
// file detach, which goes by a port number others may have by then, is not used.
type VHCI struct {
	Dir      string       // the controller's folder; "" is /sys/devices/platform/vhci_hcd.0
	Identity hid.Identity // as in [Server]

	write func(path, line string) error // nil writes files
}

// Port is where the kernel has the device.
type Port struct {
	Number   int
	conn     net.Conn
	identity hid.Identity
}

// Serve has attached answer for the device, until ctx ends, attached returns or
// the kernel lets the device go; none of these is an error. The device is then
// unplugged. It is called once.
func (p *Port) Serve(ctx context.Context, attached Attached) error {
	return runSession(ctx, p.conn, p.identity, attached)
}

// Close unplugs the device.
func (p *Port) Close() error { return p.conn.Close() }

const vhciDir = "/sys/devices/platform/vhci_hcd.0"

// freePorts reads a status file: the ports for devices up to high speed that
// are free.
func freePorts(status []byte) []int {
	const free = "004"
	var ports []int
	for lines := bufio.NewScanner(bytes.NewReader(status)); lines.Scan(); {
		fields := bytes.Fields(lines.Bytes())
		if len(fields) < 3 || string(fields[0]) != "hs" || string(fields[2]) != free {
			continue
		}
		if port, err := strconv.ParseUint(string(fields[1]), 10, 16); err == nil {
			ports = append(ports, int(port))
		}
	}
	return ports
}
