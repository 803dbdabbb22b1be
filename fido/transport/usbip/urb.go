package usbip

import (
	"encoding/binary"
	"fmt"
)

// Submit is a CMD_SUBMIT: a transfer the host wants done.
type Submit struct {
	Seq      uint32
	In       bool
	Endpoint byte   // number, without the direction
	Length   uint32 // of Data, or of what the host has room for
	Setup    [setupSize]byte
	Data     []byte // OUT: Length bytes, read apart; aliased, not copied
}

// Unlink is a CMD_UNLINK: the host no longer wants the transfer Target.
type Unlink struct {
	Seq    uint32
	Target uint32
}

// ParseCommand reads the header of a message from the host, which is a [Submit],
// still without its data, or an [Unlink]; the other is nil. Errors are
// [ErrProtocol]: the header is of another kind, for another device, for an
// endpoint that cannot be, for an isochronous transfer, or announces more than
// [MaxOut] bytes.
func ParseCommand(b [urbHeaderSize]byte) (*Submit, *Unlink, error) {
	word := func(at int) uint32 { return binary.BigEndian.Uint32(b[at:]) }
	if id := word(8); id != DeviceID {
		return nil, nil, fmt.Errorf("%w: device %#08x, want %#08x", ErrProtocol, id, DeviceID)
	}
	switch command := word(0); command {
	case cmdUnlink:
		return nil, &Unlink{Seq: word(4), Target: word(20)}, nil
	case cmdSubmit:
	default:
		return nil, nil, fmt.Errorf("%w: command %#08x", ErrProtocol, command)
	}
	s := &Submit{Seq: word(4), In: word(12) == 1, Length: word(24), Setup: [setupSize]byte(b[40:])}
	switch direction, endpoint, packets := word(12), word(16), word(32); {
	case direction > 1:
		return nil, nil, fmt.Errorf("%w: direction %d", ErrProtocol, direction)
	case endpoint > 15:
		return nil, nil, fmt.Errorf("%w: endpoint %d", ErrProtocol, endpoint)
	case packets != 0 && packets != 0xFFFFFFFF:
		return nil, nil, fmt.Errorf("%w: isochronous transfer of %d packets", ErrProtocol, packets)
	case !s.In && s.Length > MaxOut:
		return nil, nil, fmt.Errorf("%w: %d bytes of data, at most %d", ErrProtocol, s.Length, MaxOut)
	default:
		s.Endpoint = byte(endpoint) // #nosec G115 -- bounded above
	}
	return s, nil, nil
}

// DataSize is how many bytes follow the header of s.
func (s *Submit) DataSize() int {
	if s.In {
		return 0
	}
	return int(s.Length)
}

// appendReturn adds a RET_SUBMIT: transferred is the count, data what goes with
// it, for IN that many bytes and for OUT none.
func appendReturn(b []byte, seq uint32, status Status, transferred int, data []byte) []byte {
	b = appendHeader(b, retSubmit, seq, status)
	b = binary.BigEndian.AppendUint32(b, uint32(transferred)) // #nosec G115 -- at most MaxOut
	b = append(b, make([]byte, urbHeaderSize-28)...)
	return append(b, data...)
}

func appendUnlinked(b []byte, seq uint32, status Status) []byte {
	b = appendHeader(b, retUnlink, seq, status)
	return append(b, make([]byte, urbHeaderSize-24)...)
}

func appendHeader(b []byte, command, seq uint32, status Status) []byte {
	b = binary.BigEndian.AppendUint32(b, command)
	b = binary.BigEndian.AppendUint32(b, seq)
	b = append(b, make([]byte, 12)...)
	return binary.BigEndian.AppendUint32(b, uint32(status)) // #nosec G115 -- two's complement on the wire
}
