package channel

import (
	"errors"
	"time"
)

// A message is a canonical CBOR map with number keys:
//
//	1 kind       number
//	2 number     of the request, counted up by the workstation from 1
//	3 deadline   of a request, seconds since 1970
//	4 ctap       CTAP message, 1 to 7609 bytes
//	5 status     of a keepalive
//	6 reason     of a refusal
//	7 program    what the request is for, text of at most 64 characters
//	8 nonce      32 bytes
//
//	kind                from          members
//	1 request           workstation   2 3 4 7
//	2 answer            phone         2 4
//	3 keepalive         phone         2 5
//	4 cancel            workstation   2
//	5 refusal           phone         2 6
//	6 goodbye           either
//	7 confirm           phone         8         once, the third message of a pairing
//
// A kind has all its members and none of the others'. Keys beyond 8 are ignored.
const (
	keyKind = iota + 1
	keyNumber
	keyDeadline
	keyCTAP
	keyStatus
	keyReason
	keyProgram
	keyNonce
)

// Kind is what a message is.
type Kind uint8

// The kinds of messages.
const (
	KindRequest Kind = iota + 1
	KindAnswer
	KindKeepalive
	KindCancel
	KindRefusal
	KindGoodbye
	KindConfirm
)

// MaxCTAP is the length of the longest CTAP message, in bytes (CTAP 2.1 §11.2.4).
const MaxCTAP = 7609

// Status is what a keepalive says, as CTAPHID has it (CTAP 2.1 §11.2.9.1.7).
type Status uint8

// The statuses of a keepalive.
const (
	StatusProcessing Status = 1
	StatusUPNeeded   Status = 2 // waits for the user
)

// Reason is why a request is closed without an answer.
type Reason uint8

// The reasons of a refusal. A phone may be newer than this list; what is not in it counts as not allowed.
const (
	ReasonBusy       Reason = iota + 1 // another request is open on this phone
	ReasonLate                         // its deadline had passed, or passed before the user decided
	ReasonNotAllowed                   // by the user, or by the integration's rules
	ReasonLocked                       // the phone cannot use its passkeys now
	ReasonClock                        // its deadline is further ahead than any may be: the clocks differ
	ReasonCancelled                    // the workstation cancelled it
)

var members = map[Kind][]uint64{
	KindRequest:   {keyNumber, keyDeadline, keyCTAP, keyProgram},
	KindAnswer:    {keyNumber, keyCTAP},
	KindKeepalive: {keyNumber, keyStatus},
	KindCancel:    {keyNumber},
	KindRefusal:   {keyNumber, keyReason},
	KindGoodbye:   {},
	KindConfirm:   {keyNonce},
}

// ErrMessage says that a message does not keep to its form.
var ErrMessage = errors.New("a message between phone and workstation is malformed; update the app and the workstation's software")

// Message is one message. Which members count depends on its kind.
type Message struct {
	Kind     Kind
	Number   uint32
	Deadline time.Time // whole seconds
	CTAP     []byte
	Status   Status
	Reason   Reason
	Program  string
	Nonce    []byte
}

// Encode gives the content to seal; [ErrMessage] if a member is out of bounds. Members of other kinds are left out.
func (m Message) Encode() ([]byte, error) {
	keys, ok := members[m.Kind]
	if !ok {
		return nil, ErrMessage
	}
	f := fields{keyKind: uint64(m.Kind)}
	for _, key := range keys {
		if !m.valid(key) {
			return nil, ErrMessage
		}
		switch key {
		case keyNumber:
			f[key] = uint64(m.Number)
		case keyDeadline:
			f[key] = uint64(m.Deadline.Unix())
		case keyCTAP:
			f[key] = m.CTAP
		case keyStatus:
			f[key] = uint64(m.Status)
		case keyReason:
			f[key] = uint64(m.Reason)
		case keyProgram:
			f[key] = m.Program
		case keyNonce:
			f[key] = m.Nonce
		}
	}
	return encodeFields(f)
}

// maxTime is the last deadline that can be said, in the year 9999.
const maxTime = 253402300799

func (m Message) valid(key uint64) bool {
	switch key {
	case keyNumber:
		return m.Number > 0
	case keyDeadline:
		return m.Deadline.Unix() > 0 && m.Deadline.Unix() <= maxTime
	case keyCTAP:
		return len(m.CTAP) > 0 && len(m.CTAP) <= MaxCTAP
	case keyStatus:
		return m.Status == StatusProcessing || m.Status == StatusUPNeeded
	case keyReason:
		return m.Reason > 0
	case keyProgram:
		return validLabel(m.Program)
	case keyNonce:
		return len(m.Nonce) == nonceSize
	}
	return false
}

// DecodeMessage reads a content. It fails with [ErrMessage], and then gives nothing.
func DecodeMessage(content []byte) (Message, error) {
	if len(content) > MaxContent {
		return Message{}, ErrMessage
	}
	f, err := decodeFields(content)
	if err != nil {
		return Message{}, ErrMessage
	}
	kind, ok := take[uint64](f, keyKind)
	if !ok || kind > uint64(KindConfirm) {
		return Message{}, ErrMessage
	}
	m := Message{Kind: Kind(kind)}
	keys, ok := members[m.Kind]
	if !ok {
		return Message{}, ErrMessage
	}
	for _, key := range keys {
		if !m.read(f, key) || !m.valid(key) {
			return Message{}, ErrMessage
		}
	}
	known := 0
	for key := uint64(keyNumber); key <= keyNonce; key++ {
		if _, there := f[key]; there {
			known++
		}
	}
	if known != len(keys) {
		return Message{}, ErrMessage
	}
	return m, nil
}

func (m *Message) read(f fields, key uint64) (ok bool) {
	switch key {
	case keyCTAP:
		m.CTAP, ok = take[[]byte](f, key)
		return ok
	case keyNonce:
		m.Nonce, ok = take[[]byte](f, key)
		return ok
	case keyProgram:
		m.Program, ok = take[string](f, key)
		return ok
	}
	n, ok := take[uint64](f, key)
	if !ok {
		return false
	}
	switch key {
	case keyNumber:
		m.Number = uint32(n)
		return uint64(m.Number) == n
	case keyDeadline:
		m.Deadline = time.Unix(int64(min(n, maxTime+1)), 0).UTC()
	case keyStatus:
		m.Status = Status(n)
		return uint64(m.Status) == n
	case keyReason:
		m.Reason = Reason(n)
		return uint64(m.Reason) == n
	}
	return true
}
