package uhid

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
)

// maxWaiting is how many reports of programs may wait to be read: the longest
// message is 129, and two programs may write at once.
const maxWaiting = 256

// Config is what a device is. The zero value is useful.
type Config struct {
	// Identity is how the device looks; the zero value is
	// [hid.DefaultIdentity]. Linux cuts manufacturer and name after 127 bytes
	// together, the serial number after 63.
	Identity hid.Identity
	// Node is the door; "" is /dev/uhid.
	Node string
	// Log hears of what happens to the device; nil is silence.
	Log *slog.Logger
}

const defaultNode = "/dev/uhid"

// Device is a HID device in this machine's kernel, the device's end of
// [hid.Reports].
type Device struct {
	node    io.ReadWriteCloser
	log     *slog.Logger
	reports chan ctaphid.Report
	done    chan struct{} // nothing more comes
	close   func() error
}

// Open plugs a device in. [Device.Close] unplugs it, as does the end of the
// process. Programs find it when the kernel has made its hidraw node, a moment
// later. Errors for people are [hid.Unavailable].
func Open(c Config) (*Device, error) {
	if c.Node == "" {
		c.Node = defaultNode
	}
	node, err := openNode(c.Node)
	if err != nil {
		return nil, err
	}
	return create(node, c)
}

// create plugs a device in through an open node, which it closes.
func create(node io.ReadWriteCloser, c Config) (*Device, error) {
	if c.Identity == (hid.Identity{}) {
		c.Identity = hid.DefaultIdentity()
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if _, err := node.Write(createEvent(c.Identity)); err != nil {
		node.Close()
		return nil, &hid.Unavailable{
			Message: "The kernel did not take the virtual security key.",
			Next:    "The kernel's log (dmesg) may have the reason.", Err: err,
		}
	}
	d := &Device{node: node, log: c.Log, reports: make(chan ctaphid.Report, maxWaiting), done: make(chan struct{})}
	d.close = sync.OnceValue(func() error {
		// Closing would do; saying so spares the kernel's log a line.
		_, said := node.Write(destroyEvent())
		err := errors.Join(said, node.Close())
		<-d.done
		return err
	})
	go d.listen()
	return d, nil
}

// listen takes the kernel's events until there are no more.
func (d *Device) listen() {
	defer close(d.done)
	buffer := make([]byte, eventSize)
	for {
		n, err := d.node.Read(buffer)
		if err != nil {
			return
		}
		event, err := ParseEvent(buffer[:n])
		if err != nil {
			d.log.Debug("uhid event passed over", "error", err)
			continue
		}
		if err := d.handle(event); err != nil {
			return
		}
	}
}

// handle does what an event asks for. It fails when the node does.
func (d *Device) handle(e Event) error {
	switch e := e.(type) {
	case Output:
		if e.Type == OutputReport {
			d.take(e.Data)
		}
	case SetReport:
		errno := uint16(errorIO)
		if e.Type == OutputReport && d.take(e.Data) {
			errno = 0
		}
		_, err := d.node.Write(setReportReply(e.ID, errno))
		return err
	case GetReport:
		_, err := d.node.Write(getReportRefusal(e.ID))
		return err
	case Start:
		d.log.Info("security key plugged in")
	case Stop:
		d.log.Info("security key unplugged")
	case Opened, Closed:
	}
	return nil
}

// take puts a report in line; false where it is none, or the line is full.
func (d *Device) take(data []byte) bool {
	r, ok := report(data)
	if !ok {
		return false
	}
	select {
	case d.reports <- r:
		return true
	default:
		d.log.Warn("security key is too slow: a report is lost")
		return false
	}
}

// Read implements [hid.Reports].
func (d *Device) Read(ctx context.Context) (ctaphid.Report, error) {
	select {
	case r := <-d.reports:
		return r, nil
	case <-ctx.Done():
		return ctaphid.Report{}, ctx.Err()
	case <-d.done:
	}
	select { // what came before the end
	case r := <-d.reports:
		return r, nil
	default:
		return ctaphid.Report{}, io.EOF
	}
}

// Write implements [hid.Reports]. It does not wait: what no program listens to
// is lost.
func (d *Device) Write(ctx context.Context, r ctaphid.Report) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case <-d.done:
		return io.EOF
	default:
	}
	_, err := d.node.Write(inputEvent(r))
	return err
}

// Close unplugs the device.
func (d *Device) Close() error { return d.close() }
