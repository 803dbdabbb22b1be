package usbip

import (
	"slices"
	"time"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
)

// Bounds of what waits in a [Device].
const (
	// maxPending is how many transfers of one direction may wait. Linux keeps
	// one for input and one for each program that writes, Windows a few.
	maxPending = 64
	// maxHeld is how many reports wait for a host that is between two polls: the
	// longest message (129 reports), and keepalives around it.
	maxHeld = 256
	// staleAfter is how long a report is held for a host that stopped polling.
	// Then the program that asked has closed the device, and the next one should
	// not hear the end of its conversation.
	staleAfter = time.Second
)

// Device is the USB device: one HID interface with a pair of interrupt
// endpoints. It takes the host's transfers and the authenticator's reports and
// appends to reply the messages they lead to, in the order they must be sent.
//
// Every submit is answered at once or, on the interrupt endpoints, when there is
// a report for it (IN) or somebody has taken its report ([Device.Receive], OUT).
// It does no I/O and reads no clock; it is not for concurrent use.
type Device struct {
	identity      hid.Identity
	configuration byte
	idleRate      byte

	in     []uint32   // polls waiting for a report
	out    []outgoing // reports of the host nobody has taken
	held   []held     // reports no poll has fetched
	polled bool       // the host polls, or has only just been answered
}

// held is a report for the host, and since when.
type held struct {
	report ctaphid.Report
	since  time.Time
}

// outgoing is a transfer with a report from the host.
type outgoing struct {
	seq    uint32
	report ctaphid.Report
}

// NewDevice gives a device as it is when plugged in.
func NewDevice(id hid.Identity) *Device {
	return &Device{identity: id, configuration: configurationValue}
}

// Submit takes a transfer. s.Data is not kept.
func (d *Device) Submit(reply []byte, s *Submit, now time.Time) []byte {
	switch {
	case s.Endpoint == 0:
		return d.control(reply, s)
	case s.Endpoint == endpointNumber && s.In:
		return d.poll(reply, s, now)
	case s.Endpoint == endpointNumber:
		return d.output(reply, s.Seq, s.Data)
	}
	return appendReturn(reply, s.Seq, StatusStall, 0, nil)
}

// poll takes an interrupt IN transfer.
func (d *Device) poll(reply []byte, s *Submit, now time.Time) []byte {
	switch {
	case s.Length < ctaphid.ReportSize:
		return appendReturn(reply, s.Seq, StatusOverflow, 0, nil)
	case len(d.in) == maxPending:
		return appendReturn(reply, s.Seq, StatusNoMemory, 0, nil)
	}
	if !d.polled {
		d.held = slices.DeleteFunc(d.held, func(h held) bool { return now.Sub(h.since) > staleAfter })
	}
	d.polled = true
	d.in = append(d.in, s.Seq)
	if len(d.held) == 0 {
		return reply
	}
	r := d.held[0].report
	d.held = d.held[1:]
	return d.Send(reply, r, now)
}

// output takes a report from the host, by either of the two ways there are.
// Reports are of one size; others reach the bus and no further.
func (d *Device) output(reply []byte, seq uint32, data []byte) []byte {
	switch {
	case len(data) > ctaphid.ReportSize:
		return appendReturn(reply, seq, StatusStall, 0, nil)
	case len(data) < ctaphid.ReportSize:
		return appendReturn(reply, seq, StatusOK, len(data), nil)
	case len(d.out) == maxPending:
		return appendReturn(reply, seq, StatusNoMemory, 0, nil)
	}
	d.out = append(d.out, outgoing{seq, ctaphid.Report(data)})
	return reply
}

// Send gives the host a report, or holds it until the host polls. Of more than
// 256 held ones the oldest goes: a host that far behind is not waiting.
func (d *Device) Send(reply []byte, r ctaphid.Report, now time.Time) []byte {
	if len(d.in) == 0 {
		if len(d.held) == maxHeld {
			d.held = d.held[1:]
		}
		d.held = append(d.held, held{r, now})
		return reply
	}
	seq := d.in[0]
	d.in = d.in[1:]
	return appendReturn(reply, seq, StatusOK, len(r), r[:])
}

// Receive takes the next report from the host, whose transfer is then complete;
// ok is false where there is none.
func (d *Device) Receive(reply []byte) (r ctaphid.Report, _ []byte, ok bool) {
	if len(d.out) == 0 {
		return ctaphid.Report{}, reply, false
	}
	o := d.out[0]
	d.out = d.out[1:]
	return o.report, appendReturn(reply, o.seq, StatusOK, len(o.report), nil), true
}

// Unlink takes a transfer back.
func (d *Device) Unlink(reply []byte, u *Unlink) []byte {
	if i := slices.Index(d.in, u.Target); i >= 0 {
		d.in = slices.Delete(d.in, i, i+1)
		d.polled = len(d.in) != 0
		return appendUnlinked(reply, u.Seq, StatusUnlinked)
	}
	if i := slices.IndexFunc(d.out, func(o outgoing) bool { return o.seq == u.Target }); i >= 0 {
		d.out = slices.Delete(d.out, i, i+1)
		return appendUnlinked(reply, u.Seq, StatusUnlinked)
	}
	return appendUnlinked(reply, u.Seq, StatusOK)
}
