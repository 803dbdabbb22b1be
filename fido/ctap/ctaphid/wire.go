package ctaphid

import (
	"fmt"
	"time"
)

// Reports are 64 bytes in both directions (CTAP 2.1 §11.2.4). Numbers are big
// endian. A message is one initialisation packet and as many continuation
// packets as its payload needs; the rest of its last packet is zero.
//
//	initialisation  CID(4) ‖ CMD|0x80(1) ‖ BCNT(2) ‖ data(57)
//	continuation    CID(4) ‖ SEQ(1)      ‖ data(59)           SEQ 0x00 to 0x7F
//
// BCNT is the length of the whole payload.
const (
	ReportSize = 64
	// MaxPayload is what one initialisation and 128 continuation packets hold.
	MaxPayload = initData + 128*contData

	initHeader = 7
	contHeader = 5
	initData   = ReportSize - initHeader
	contData   = ReportSize - contHeader
	initBit    = 0x80 // set in byte 4 of an initialisation packet only
)

// Broadcast is the channel on which a host asks for one of its own. Channel 0
// is reserved; no message may use it.
const Broadcast uint32 = 0xFFFFFFFF

// Command is the command of a message, without the bit that marks an
// initialisation packet (CTAP 2.1 §11.2.9).
type Command byte

// The commands, with their payloads.
const (
	Ping      Command = 0x01 // any bytes; echoed
	Msg       Command = 0x03 // U2F APDU; U2F response
	Lock      Command = 0x04 // seconds(1), 0 to 10; empty
	Init      Command = 0x06 // nonce(8); see InitResponse
	Wink      Command = 0x08 // empty; empty
	CBOR      Command = 0x10 // CTAP2 request; CTAP2 response
	Cancel    Command = 0x11 // empty; never answered
	Keepalive Command = 0x3B // device to host only: Status(1)
	Error     Command = 0x3F // device to host only: ErrorCode(1)
)

// The answer to Init (CTAP 2.1 §11.2.9.1.3), 17 bytes:
//
//	nonce(8) ‖ CID(4) ‖ protocol version(1) ‖ major(1) ‖ minor(1) ‖ build(1) ‖ capabilities(1)
const (
	NonceSize       = 8
	ProtocolVersion = 2
	initReplySize   = NonceSize + 4 + 5
)

// Capabilities says which optional commands a device has.
type Capabilities byte

// The capability flags. The last is negative: set where MSG is missing.
const (
	CapWink  Capabilities = 0x01
	CapCBOR  Capabilities = 0x04
	CapNoMsg Capabilities = 0x08
)

// Status is the payload of a keepalive (CTAP 2.1 §11.2.9.1.7).
type Status byte

// What a busy device waits for.
const (
	Processing         Status = 1
	UserPresenceNeeded Status = 2
)

// Periods of the protocol.
const (
	// MessageTimeout is how long a device waits for the next packet of a
	// message before it drops the message.
	MessageTimeout = 500 * time.Millisecond
	// KeepaliveLimit is the longest silence the standard allows a busy device.
	KeepaliveLimit = 100 * time.Millisecond
	// KeepaliveEvery leaves a caller some slack below KeepaliveLimit.
	KeepaliveEvery = 75 * time.Millisecond
	// MaxLock is the longest lock a host may ask for.
	MaxLock = 10 * time.Second
)

// ErrorCode is the payload of an error message (CTAP 2.1 §11.2.9.1.6).
type ErrorCode byte

// The error codes.
const (
	InvalidCommand   ErrorCode = 0x01
	InvalidParameter ErrorCode = 0x02
	InvalidLength    ErrorCode = 0x03
	InvalidSequence  ErrorCode = 0x04
	MessageTimedOut  ErrorCode = 0x05
	ChannelBusy      ErrorCode = 0x06
	LockRequired     ErrorCode = 0x0A
	InvalidChannel   ErrorCode = 0x0B
	Other            ErrorCode = 0x7F
)

var errorTexts = map[ErrorCode]string{
	InvalidCommand:   "invalid command",
	InvalidParameter: "invalid parameter",
	InvalidLength:    "invalid length",
	InvalidSequence:  "invalid sequence number",
	MessageTimedOut:  "message timed out",
	ChannelBusy:      "channel busy",
	LockRequired:     "command requires a channel lock",
	InvalidChannel:   "invalid channel",
	Other:            "unspecified error",
}

// Error makes a code an error, so that errors.Is finds it.
func (c ErrorCode) Error() string {
	if s, ok := errorTexts[c]; ok {
		return "CTAPHID: " + s
	}
	return fmt.Sprintf("CTAPHID: error %#02x", byte(c))
}

// ChannelError is an [ErrorCode] and the channel it concerns, which with
// [ChannelBusy] is not the channel of the message being assembled.
type ChannelError struct {
	CID  uint32
	Code ErrorCode
}

func (e *ChannelError) Error() string {
	return fmt.Sprintf("channel %08x: %v", e.CID, e.Code)
}

// Unwrap gives the code.
func (e *ChannelError) Unwrap() error { return e.Code }
