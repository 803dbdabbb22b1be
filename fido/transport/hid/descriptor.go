package hid

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// What a FIDO authenticator says of itself in its report descriptor (CTAP 2.1
// §11.2.8.1, HID 1.11 §6.2.2): one collection of the FIDO page, with one input
// and one output report of 64 bytes and no report numbers. Hosts know an
// authenticator by the first usage page and usage they read.
const (
	UsagePage = 0xF1D0 // FIDO Alliance
	Usage     = 0x01   // U2F authenticator device, which CTAP2 kept
)

// reportDescriptor spells these facts item by item.
const reportDescriptor = "\x06\xD0\xF1" + // usage page F1D0
	"\x09\x01" + // usage 01
	"\xA1\x01" + // collection (application)
	"\x09\x20" + //   usage 20, data in
	"\x15\x00\x26\xFF\x00" + //   logical minimum 0, maximum 255
	"\x75\x08\x95\x40" + //   64 fields of 8 bits
	"\x81\x02" + //   input (data, variable, absolute)
	"\x09\x21" + //   usage 21, data out
	"\x15\x00\x26\xFF\x00" +
	"\x75\x08\x95\x40" +
	"\x91\x02" + //   output (data, variable, absolute)
	"\xC0" // end of collection

// ReportDescriptor gives the report descriptor of a FIDO authenticator.
func ReportDescriptor() []byte { return []byte(reportDescriptor) }

// Bounds of what [ParseDescriptor] reads: Linux keeps no longer descriptor, and
// real ones nest a few levels.
const (
	maxDescriptor = 4096
	maxPushed     = 16
)

// Item prefixes (HID 1.11 §6.2.2.2), the two bits of the data size cut off.
const (
	itemLong       = 0xFE // whole prefix
	itemInput      = 0x80
	itemOutput     = 0x90
	itemCollection = 0xA0
	itemEnd        = 0xC0
	itemUsagePage  = 0x04
	itemReportSize = 0x74
	itemReportID   = 0x84
	itemCount      = 0x94
	itemPush       = 0xA4
	itemPop        = 0xB4
	itemUsage      = 0x08
)

// Interface is what a report descriptor tells about a HID interface.
type Interface struct {
	UsagePage, Usage uint16 // of the first collection
	// Input and Output are the sizes of all reports of a direction together, in
	// bytes, without report numbers.
	Input, Output int
	Numbered      bool // reports begin with their number
}

// FIDO tells whether the interface is an authenticator's.
func (i Interface) FIDO() bool {
	return i.UsagePage == UsagePage && i.Usage == Usage
}

// ErrDescriptor is the error of [ParseDescriptor].
var ErrDescriptor = errors.New("HID report descriptor is malformed")

// globals are the items that last until changed, of those that matter here.
type globals struct{ page, size, count uint32 }

// ParseDescriptor reads a report descriptor (HID 1.11 §6.2.2) of at most 4096
// bytes. Errors are [ErrDescriptor], with nothing in the Interface.
func ParseDescriptor(b []byte) (Interface, error) {
	if len(b) > maxDescriptor {
		return Interface{}, fmt.Errorf("%w: %d bytes, at most %d", ErrDescriptor, len(b), maxDescriptor)
	}
	var p descriptorParser
	for at := 0; at < len(b); {
		prefix, data, size := nextItem(b[at:])
		if size == 0 {
			return Interface{}, fmt.Errorf("%w: item at %d is cut off", ErrDescriptor, at)
		}
		if err := p.item(prefix, data); err != nil {
			return Interface{}, fmt.Errorf("%w: item at %d: %w", ErrDescriptor, at, err)
		}
		at += size
	}
	if p.depth != 0 || !p.found {
		return Interface{}, fmt.Errorf("%w: no whole collection", ErrDescriptor)
	}
	p.result.Input = int((p.inputBits + 7) / 8)
	p.result.Output = int((p.outputBits + 7) / 8)
	return p.result, nil
}

// nextItem gives the item b begins with, and its whole size: 0 where b ends
// inside it. Long items are reserved; they are passed over as prefix itemLong.
func nextItem(b []byte) (prefix byte, data uint32, size int) {
	if b[0] == itemLong {
		if len(b) < 3 || len(b) < 3+int(b[1]) {
			return 0, 0, 0
		}
		return itemLong, 0, 3 + int(b[1])
	}
	n := int(b[0] & 3)
	if n == 3 {
		n = 4
	}
	if len(b) < 1+n {
		return 0, 0, 0
	}
	var value [4]byte
	copy(value[:], b[1:1+n])
	return b[0] &^ 3, binary.LittleEndian.Uint32(value[:]), 1 + n
}

type descriptorParser struct {
	globals
	pushed                []globals
	usage                 uint32 // the first since the last main item; the page in the upper half, if given
	hasUsage              bool
	depth                 int
	found                 bool
	inputBits, outputBits uint64
	result                Interface
}

func (p *descriptorParser) item(prefix byte, data uint32) error {
	switch prefix {
	case itemUsagePage:
		p.page = data
	case itemReportSize:
		p.size = data
	case itemCount:
		p.count = data
	case itemReportID:
		p.result.Numbered = true
	case itemUsage:
		if !p.hasUsage {
			p.usage, p.hasUsage = data, true
		}
	case itemPush:
		if len(p.pushed) == maxPushed {
			return fmt.Errorf("more than %d pushed states", maxPushed)
		}
		p.pushed = append(p.pushed, p.globals)
	case itemPop:
		if len(p.pushed) == 0 {
			return errors.New("pop without push")
		}
		p.globals, p.pushed = p.pushed[len(p.pushed)-1], p.pushed[:len(p.pushed)-1]
	case itemInput, itemOutput, itemCollection, itemEnd:
		return p.main(prefix)
	}
	return nil
}

// main takes the items that end the scope of a usage.
func (p *descriptorParser) main(prefix byte) error {
	switch bits := uint64(p.size) * uint64(p.count); prefix {
	case itemCollection:
		p.depth++
		if !p.found {
			p.found = true
			p.result.UsagePage, p.result.Usage = uint16(p.page), uint16(p.usage) // #nosec G115 -- pages and usages have 16 bits
			if p.usage > 0xFFFF {
				p.result.UsagePage = uint16(p.usage >> 16) // #nosec G115 -- the upper half
			}
		}
	case itemEnd:
		if p.depth == 0 {
			return errors.New("end of no collection")
		}
		p.depth--
	case itemInput:
		p.inputBits += bits
	case itemOutput:
		p.outputBits += bits
	}
	if p.inputBits > maxReportBits || p.outputBits > maxReportBits {
		return errors.New("reports are too long")
	}
	p.usage, p.hasUsage = 0, false
	return nil
}

// maxReportBits is beyond what any host can carry.
const maxReportBits = 1 << 19
