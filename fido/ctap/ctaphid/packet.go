package ctaphid

import (
	"encoding/binary"
	"fmt"
)

// Report is one HID report, without the report number some systems put first.
type Report [ReportSize]byte

// CID is the channel the report belongs to.
func (r Report) CID() uint32 { return binary.BigEndian.Uint32(r[:]) }

// Message is a whole message.
type Message struct {
	CID     uint32
	Command Command
	Payload []byte
}

// Packets splits m into reports. It fails with [InvalidLength] for a payload of
// more than [MaxPayload] bytes and with [InvalidCommand] for a command of more
// than seven bits.
func Packets(m Message) ([]Report, error) {
	if len(m.Payload) > MaxPayload {
		return nil, fmt.Errorf("payload of %d bytes, at most %d fit: %w", len(m.Payload), MaxPayload, InvalidLength)
	}
	if m.Command >= initBit {
		return nil, fmt.Errorf("command %#02x: %w", byte(m.Command), InvalidCommand)
	}
	var first Report
	binary.BigEndian.PutUint32(first[:], m.CID)
	first[4] = byte(m.Command) | initBit
	binary.BigEndian.PutUint16(first[5:], uint16(len(m.Payload))) // #nosec G115 -- bounded above
	rest := m.Payload[copy(first[initHeader:], m.Payload):]
	reports := append(make([]Report, 0, 1+(len(rest)+contData-1)/contData), first)
	for seq := byte(0); len(rest) > 0; seq++ {
		var r Report
		binary.BigEndian.PutUint32(r[:], m.CID)
		r[4] = seq
		rest = rest[copy(r[contHeader:], rest):]
		reports = append(reports, r)
	}
	return reports, nil
}

// packet is a report taken apart. data still has the padding.
type packet struct {
	cid     uint32
	initial bool
	command Command // of an initialisation packet
	length  int     // BCNT of an initialisation packet
	seq     byte    // of a continuation packet
	data    []byte
}

// parsePacket takes a report apart; ok is false where it is not 64 bytes.
func parsePacket(report []byte) (p packet, ok bool) {
	if len(report) != ReportSize {
		return packet{}, false
	}
	p.cid = binary.BigEndian.Uint32(report)
	if report[4]&initBit == 0 {
		p.seq, p.data = report[4], report[contHeader:]
		return p, true
	}
	p.initial = true
	p.command = Command(report[4] &^ initBit)
	p.length = int(binary.BigEndian.Uint16(report[5:]))
	p.data = report[initHeader:]
	return p, true
}

// InitResponse is the answer to [Init].
type InitResponse struct {
	Nonce               [NonceSize]byte
	CID                 uint32
	Protocol            byte // ProtocolVersion
	Major, Minor, Build byte // of the device, for its maker to define
	Capabilities        Capabilities
}

// Encode gives the payload.
func (r InitResponse) Encode() []byte {
	b := append(make([]byte, 0, initReplySize), r.Nonce[:]...)
	b = binary.BigEndian.AppendUint32(b, r.CID)
	return append(b, r.Protocol, r.Major, r.Minor, r.Build, byte(r.Capabilities))
}

// DecodeInitResponse reads the payload. Bytes after the seventeenth are ignored,
// as §11.2.9.1.3 asks of hosts; fewer are [InvalidLength].
func DecodeInitResponse(b []byte) (InitResponse, error) {
	if len(b) < initReplySize {
		return InitResponse{}, fmt.Errorf("INIT response of %d bytes, need %d: %w", len(b), initReplySize, InvalidLength)
	}
	r := InitResponse{
		Nonce: [NonceSize]byte(b), CID: binary.BigEndian.Uint32(b[NonceSize:]),
		Protocol: b[12], Major: b[13], Minor: b[14], Build: b[15], Capabilities: Capabilities(b[16]),
	}
	return r, nil
}
