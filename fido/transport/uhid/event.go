package uhid

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
)

// Event is what the kernel tells: [Start], [Stop], [Opened], [Closed],
// [Output], [GetReport] or [SetReport].
type Event interface{ event() }

// Events without anything in them.
type (
	Start  struct{}
	Stop   struct{}
	Opened struct{}
	Closed struct{}
)

// Output is a report for the device, as it was written.
type Output struct {
	Type ReportType
	Data []byte // at most 4096 bytes
}

// GetReport asks for a report outside the flow of input reports. It wants a
// reply, which names ID.
type GetReport struct {
	ID     uint32
	Number byte
	Type   ReportType
}

// SetReport sets a report outside the flow of output reports. It wants a reply,
// which names ID.
type SetReport struct {
	ID     uint32
	Number byte
	Type   ReportType
	Data   []byte // at most 4096 bytes
}

func (Start) event()     {}
func (Stop) event()      {}
func (Opened) event()    {}
func (Closed) event()    {}
func (Output) event()    {}
func (GetReport) event() {}
func (SetReport) event() {}

// ErrEvent is the error of [ParseEvent].
var ErrEvent = errors.New("no event of uhid")

var native = binary.NativeEndian

// ParseEvent reads one event. Data in it is a copy. Errors are [ErrEvent], with
// a nil event: the type is unknown, or the event shorter than it says.
func ParseEvent(b []byte) (Event, error) {
	if len(b) < 4 {
		return nil, fmt.Errorf("%w: %d bytes", ErrEvent, len(b))
	}
	kind, b := native.Uint32(b), b[4:]
	need := map[uint32]int{typeOutput: dataSize + 3, typeGetReport: 6, typeSetReport: 8}[kind]
	if len(b) < need {
		return nil, fmt.Errorf("%w: type %d with %d bytes, need %d", ErrEvent, kind, len(b), need)
	}
	switch kind {
	case typeStart:
		return Start{}, nil
	case typeStop:
		return Stop{}, nil
	case typeOpen:
		return Opened{}, nil
	case typeClose:
		return Closed{}, nil
	case typeGetReport:
		return GetReport{ID: native.Uint32(b), Number: b[4], Type: ReportType(b[5])}, nil
	case typeOutput:
		size := int(native.Uint16(b[dataSize:]))
		if size > dataSize {
			return nil, fmt.Errorf("%w: output of %d bytes", ErrEvent, size)
		}
		return Output{Type: ReportType(b[dataSize+2]), Data: bytes.Clone(b[:size])}, nil
	case typeSetReport:
		size := int(native.Uint16(b[6:]))
		if size > min(dataSize, len(b)-8) {
			return nil, fmt.Errorf("%w: report of %d bytes, %d are there", ErrEvent, size, len(b)-8)
		}
		return SetReport{ID: native.Uint32(b), Number: b[4], Type: ReportType(b[5]), Data: bytes.Clone(b[8 : 8+size])}, nil
	}
	return nil, fmt.Errorf("%w: type %d", ErrEvent, kind)
}

// report reads what was written to the device: a report, or a report with its
// number 0 in front; ok is false for other sizes and numbers.
func report(data []byte) (r ctaphid.Report, ok bool) {
	if len(data) == ctaphid.ReportSize+1 && data[0] == 0 {
		data = data[1:]
	}
	if len(data) != ctaphid.ReportSize {
		return ctaphid.Report{}, false
	}
	return ctaphid.Report(data), true
}

// createEvent makes the device.
func createEvent(id hid.Identity) []byte {
	descriptor := hid.ReportDescriptor()
	b := native.AppendUint32(nil, typeCreate2)
	b = appendText(b, strings.TrimSpace(id.Manufacturer+" "+id.Name), nameSize) // as the kernel has it of a USB device
	b = appendText(b, "postern", textSize)
	b = appendText(b, id.Serial, textSize)
	b = native.AppendUint16(b, uint16(len(descriptor))) // #nosec G115 -- 34
	b = native.AppendUint16(b, busUSB)
	b = native.AppendUint32(b, uint32(id.Vendor))
	b = native.AppendUint32(b, uint32(id.Product))
	b = native.AppendUint32(b, uint32(id.Version))
	b = native.AppendUint32(b, 0) // no country
	return append(b, descriptor...)
}

// appendText adds text with zeros after it, cut so that there is at least one.
func appendText(b []byte, text string, size int) []byte {
	padded := make([]byte, size)
	copy(padded[:size-1], text)
	return append(b, padded...)
}

func destroyEvent() []byte { return native.AppendUint32(nil, typeDestroy) }

func inputEvent(r ctaphid.Report) []byte {
	b := native.AppendUint32(make([]byte, 0, 6+len(r)), typeInput2)
	b = native.AppendUint16(b, uint16(len(r))) // #nosec G115 -- 64
	return append(b, r[:]...)
}

// getReportRefusal answers a [GetReport]: a security key has nothing to get.
func getReportRefusal(id uint32) []byte {
	b := native.AppendUint32(nil, typeGetReportReply)
	b = native.AppendUint32(b, id)
	b = native.AppendUint16(b, errorIO)
	return native.AppendUint16(b, 0)
}

// setReportReply answers a [SetReport] with an errno, 0 for success.
func setReportReply(id uint32, errno uint16) []byte {
	b := native.AppendUint32(nil, typeSetReportReply)
	b = native.AppendUint32(b, id)
	return native.AppendUint16(b, errno)
}
