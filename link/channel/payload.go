package channel

import "errors"

// What the relay carries from one end to the other is a byte that says what follows, and the body. The byte is not
// protected and need not be: who changes it makes the body fail where it is taken.
const (
	// PayloadPairing is a message of a pairing: the two of the handshake, then the confirmation.
	PayloadPairing = 1
	// PayloadHandshake is a message of a session's handshake. The first one makes a phone begin anew.
	PayloadHandshake = 2
	// PayloadSealed is a sealed message of the running session.
	PayloadSealed = 3
	// PayloadOver has no body: the sender has no session that the last sealed message belongs to. A workstation begins a
	// new session, no more often than once in [OverEvery]; a phone waits for that.
	PayloadOver = 4
)

// MaxPayload is the length of the longest payload, in bytes.
const MaxPayload = 1 + sealedMax

// ErrPayload says that a payload is of no kind there is; it is dropped.
var ErrPayload = errors.New("the relay delivered something that neither phone nor workstation sends")

// Payload puts the kind before the body.
func Payload(kind byte, body []byte) []byte { return append([]byte{kind}, body...) }

// SplitPayload takes a payload apart; the body shares its memory.
func SplitPayload(payload []byte) (kind byte, body []byte, err error) {
	if len(payload) == 0 || len(payload) > MaxPayload || payload[0] < PayloadPairing || payload[0] > PayloadOver {
		return 0, nil, ErrPayload
	}
	if (payload[0] == PayloadOver) != (len(payload) == 1) {
		return 0, nil, ErrPayload
	}
	return payload[0], payload[1:], nil
}
