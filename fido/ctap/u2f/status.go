package u2f

import (
	"encoding/binary"
	"fmt"
)

// Status is the status word that ends a response.
type Status uint16

// The status words: those of FIDO U2F Raw Message Formats §3.3, and of ISO 7816-4
// where it has none.
const (
	NoError                 Status = 0x9000
	WrongLength             Status = 0x6700
	ConditionsNotSatisfied  Status = 0x6985 // a touch is missing; the good news of a check
	CommandNotAllowed       Status = 0x6986 // U2F is out of use at present
	WrongData               Status = 0x6A80 // a key handle that is not known
	NotEnoughMemory         Status = 0x6A84
	InstructionNotSupported Status = 0x6D00
	ClassNotSupported       Status = 0x6E00
	Unspecified             Status = 0x6F00
)

var statusNames = map[Status]string{
	NoError:                 "no error",
	WrongLength:             "wrong length",
	ConditionsNotSatisfied:  "conditions not satisfied",
	CommandNotAllowed:       "command not allowed",
	WrongData:               "wrong data",
	NotEnoughMemory:         "not enough memory",
	InstructionNotSupported: "instruction not supported",
	ClassNotSupported:       "class not supported",
	Unspecified:             "no precise diagnosis",
}

// String gives the meaning, where it is known, and the number.
func (s Status) String() string {
	if name, ok := statusNames[s]; ok {
		return fmt.Sprintf("%s (%04x)", name, uint16(s))
	}
	return fmt.Sprintf("status word %04x", uint16(s))
}

// Error makes a status usable as an error. [NoError] must not be used as one.
func (s Status) Error() string { return "U2F: " + s.String() }

// EncodeResponse builds a whole response.
func EncodeResponse(data []byte, s Status) []byte {
	out := make([]byte, 0, len(data)+2)
	return binary.BigEndian.AppendUint16(append(out, data...), uint16(s))
}

// SplitResponse gives the data of a response; a status other than [NoError]
// comes back as the error.
func SplitResponse(response []byte) ([]byte, error) {
	n := len(response) - 2
	if n < 0 {
		return nil, WrongLength
	}
	if s := Status(binary.BigEndian.Uint16(response[n:])); s != NoError {
		return nil, s
	}
	return response[:n], nil
}
