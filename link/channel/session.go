package channel

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/flynn/noise"
)

// A sealed message is one Noise transport message with no associated data:
//
//	plaintext = length of the content (2) ‖ content ‖ zeros to a multiple of 256, at most 8192 in all
const (
	lengthSize   = 2
	padding      = 256
	plaintextMax = 8192
	tagSize      = 16
	sealedMax    = plaintextMax + tagSize

	// MaxContent is the length of the longest content of a message, in bytes.
	MaxContent = plaintextMax - lengthSize
)

const (
	// SessionLife is how long a session may be used.
	SessionLife = 12 * time.Hour
	// SessionMessages is how many messages a session carries in one direction.
	SessionMessages = 1 << 20

	// A session is due for renewal this much before its end.
	renewTime     = 15 * time.Minute
	renewMessages = 4096
)

var (
	// ErrSession says that a message was not what the other end sealed next: changed, missing, repeated or from elsewhere.
	ErrSession = errors.New("the secure connection between phone and workstation was disturbed and has ended; it will be made again")
	// ErrSessionOver says that the session was closed, or has reached its age or its number of messages.
	ErrSessionOver = errors.New("the secure connection between phone and workstation is over; a new one is needed")
	// ErrTooLong says that a content does not fit into a message. The session goes on.
	ErrTooLong = errors.New("the message is longer than phone and workstation can exchange")
)

// Session seals and opens the messages between two devices that know each other. The first failure ends it for good. A
// Session is used by one goroutine at a time.
type Session struct {
	send, receive  *noise.CipherState // nil once it is over
	sent, received int
	started        time.Time
	latest         time.Time // the highest time seen: setting a clock back gives no more time
	confirmed      bool
	digits         string
	binding        []byte // the handshake hash
	peer           Peer
}

// Digits are the three digits that people compare at pairing; empty for any other session.
func (s *Session) Digits() string { return s.digits }

// RequestDigits are the two digits that phone and workstation show for a request of this session, so that people see
// which request they accept: HKDF-SHA-256(handshake hash ‖ number (4), no salt, "postern/link/request", 4), mod 100.
func (s *Session) RequestDigits(number uint32) string {
	out, err := hkdf.Key(sha256.New, binary.BigEndian.AppendUint32(bytes.Clone(s.binding), number), nil, requestName, 4)
	if err != nil {
		panic(err) // only for lengths that no hash gives
	}
	return fmt.Sprintf("%02d", binary.BigEndian.Uint32(out)%100)
}

// Peer is the other end.
func (s *Session) Peer() Peer { return s.peer }

// Confirmed reports whether the other end has proved that it is there now. Until then a responder may be talking to
// nobody, a first message having been recorded and played again, and keeps the session it had before.
func (s *Session) Confirmed() bool { return s.confirmed }

// Over reports whether the session has ended.
func (s *Session) Over() bool { return s.send == nil }

// Due reports whether it is time to start a new session, before this one ends by itself.
func (s *Session) Due(now time.Time) bool {
	return s.Over() || s.at(now).Sub(s.started) >= SessionLife-renewTime || max(s.sent, s.received) >= SessionMessages-renewMessages
}

// at is the time, which never runs backwards.
func (s *Session) at(now time.Time) time.Time {
	if now.After(s.latest) {
		s.latest = now
	}
	return s.latest
}

// alive ends the session when its time or its count has come.
func (s *Session) alive(now time.Time, count int) error {
	if !s.Over() && (s.at(now).Sub(s.started) >= SessionLife || count >= SessionMessages) {
		s.Close()
	}
	if s.Over() {
		return ErrSessionOver
	}
	return nil
}

// Seal pads and seals a content of at most [MaxContent] bytes.
func (s *Session) Seal(now time.Time, content []byte) ([]byte, error) {
	if len(content) > MaxContent {
		return nil, ErrTooLong
	}
	if err := s.alive(now, s.sent); err != nil {
		return nil, err
	}
	plaintext := make([]byte, padded(len(content)), padded(len(content))+tagSize)
	defer clear(plaintext)
	binary.BigEndian.PutUint16(plaintext, uint16(len(content)))
	copy(plaintext[lengthSize:], content)
	sealed, err := s.send.Encrypt(nil, nil, plaintext)
	if err != nil {
		s.Close()
		return nil, ErrSession
	}
	s.sent++
	return sealed, nil
}

// Open gives the content of the message that the other end sealed next. Anything else is [ErrSession].
func (s *Session) Open(now time.Time, sealed []byte) ([]byte, error) {
	if err := s.alive(now, s.received); err != nil {
		return nil, err
	}
	content, ok := s.open(sealed)
	if !ok {
		s.Close()
		return nil, ErrSession
	}
	s.received++
	s.confirmed = true
	return content, nil
}

func (s *Session) open(sealed []byte) ([]byte, bool) {
	if len(sealed) < padding+tagSize || len(sealed) > sealedMax {
		return nil, false
	}
	plaintext, err := s.receive.Decrypt(nil, nil, sealed)
	if err != nil {
		return nil, false
	}
	length := int(binary.BigEndian.Uint16(plaintext))
	if length > MaxContent || padded(length) != len(plaintext) {
		return nil, false
	}
	content, rest := plaintext[lengthSize:lengthSize+length], plaintext[lengthSize+length:]
	for _, b := range rest {
		if b != 0 {
			return nil, false
		}
	}
	return content[:length:length], true
}

// padded is the length of the plaintext of a content of that length.
func padded(content int) int {
	return (lengthSize + content + padding - 1) / padding * padding
}

// Close ends the session and wipes its keys. Nothing sealed for it opens any more.
func (s *Session) Close() {
	for _, c := range []*noise.CipherState{s.send, s.receive} {
		if c != nil {
			c.Rekey() // overwrites the key in place with one from which it does not follow
		}
	}
	s.send, s.receive = nil, nil
}
