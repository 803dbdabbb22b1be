package u2f

import (
	"bytes"
	"encoding/binary"
)

// Instructions.
const (
	insRegister     = 0x01
	insAuthenticate = 0x02
	insVersion      = 0x03
)

// Control is P1 of authenticate.
type Control byte

// The controls.
const (
	Enforce     Control = 0x03 // sign once the user is present
	CheckOnly   Control = 0x07 // tell whether the key handle is known
	DontEnforce Control = 0x08 // sign, whether or not the user is present
)

// Version is what the version request is answered with.
const Version = "U2F_V2"

// Request is a *[Register], an *[Authenticate] or a *[VersionRequest].
type Request interface {
	// Encode gives the request as an APDU of extended length.
	Encode() []byte
}

// Register asks for a new key. Challenge is a hash of the client's data.
type Register struct {
	Challenge   [32]byte
	Application [32]byte
}

// Authenticate asks for a signature. KeyHandle has at most 255 bytes.
type Authenticate struct {
	Control     Control
	Challenge   [32]byte
	Application [32]byte
	KeyHandle   []byte
}

// VersionRequest asks which U2F this is.
type VersionRequest struct{}

// Encode implements [Request].
func (r *Register) Encode() []byte {
	return encodeAPDU(insRegister, byte(Enforce), append(r.Challenge[:], r.Application[:]...))
}

// Encode implements [Request].
func (r *Authenticate) Encode() []byte {
	data := append(r.Challenge[:], r.Application[:]...)
	data = append(data, byte(len(r.KeyHandle))) // #nosec G115 -- bounded by the type's contract
	return encodeAPDU(insAuthenticate, byte(r.Control), append(data, r.KeyHandle...))
}

// Encode implements [Request].
func (*VersionRequest) Encode() []byte { return encodeAPDU(insVersion, 0, nil) }

func encodeAPDU(ins, p1 byte, data []byte) []byte {
	b := []byte{0, ins, p1, 0, 0}
	if len(data) > 0 {
		b = binary.BigEndian.AppendUint16(b, uint16(len(data))) // #nosec G115 -- 320 at most
	}
	return append(append(b, data...), 0, 0) // Le: as much as there is
}

// ParseRequest reads an APDU. Its errors are a [Status]: the one to answer with.
func ParseRequest(message []byte) (Request, error) {
	if len(message) < 4 {
		return nil, WrongLength
	}
	cla, ins, p1 := message[0], message[1], message[2]
	if cla != 0 {
		return nil, ClassNotSupported
	}
	data, ok := apduData(message[4:])
	switch ins {
	case insRegister:
		if !ok || len(data) != 64 {
			return nil, WrongLength
		}
		return &Register{Challenge: [32]byte(data[:32]), Application: [32]byte(data[32:])}, nil
	case insAuthenticate:
		if !ok || len(data) < 65 || len(data) != 65+int(data[64]) {
			return nil, WrongLength
		}
		control := Control(p1)
		if control != Enforce && control != CheckOnly && control != DontEnforce {
			return nil, WrongData
		}
		return &Authenticate{
			Control: control, Challenge: [32]byte(data[:32]), Application: [32]byte(data[32:64]), KeyHandle: bytes.Clone(data[65:]),
		}, nil
	case insVersion:
		if !ok || len(data) != 0 {
			return nil, WrongLength
		}
		return &VersionRequest{}, nil
	}
	return nil, InstructionNotSupported
}

// apduData gives the data of an APDU whose header is off. The first byte tells
// the encoding: 00 with more behind it begins an extended length.
func apduData(body []byte) (data []byte, ok bool) {
	switch {
	case len(body) <= 1: // nothing, or Le
		return nil, true
	case body[0] != 0:
		size := 1 + int(body[0])
		if len(body) != size && len(body) != size+1 {
			return nil, false
		}
		return body[1:size], true
	case len(body) == 3: // Le alone
		return nil, true
	case len(body) < 3:
		return nil, false
	}
	size := 3 + int(binary.BigEndian.Uint16(body[1:3]))
	if len(body) != size && len(body) != size+2 {
		return nil, false
	}
	return body[3:size], true
}
