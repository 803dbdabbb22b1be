package relay

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/postern/postern"
)

// The wire. A connection is a sequence of binary messages, each of them one frame: a type byte, then the body. Numbers
// are big endian; text is preceded by its length in one byte. A frame fills its message exactly.
//
//	01 hello        device  compact JWS, to the end
//	02 welcome      relay   resume token (16) ‖ seconds between pings (2) ‖ last sequence number received (8)
//	03 resume       device  resume token (16) ‖ last sequence number received (8)
//	04 data         either  sequence number (8) ‖ peer (1 + n) ‖ payload, to the end
//	05 acknowledge  either  last sequence number taken (8)
//	06 presence     relay   sequence number (8) ‖ peer (1 + n) ‖ state (1): 0 gone, 1 present, 2 away
//	07 refusal      relay   sequence number (8) ‖ code (1 + n) ‖ peer (1 + n, may be empty)
//	08 rendezvous   either  sequence number (8) ‖ pairing id (16)
//	09 ping         either  8 bytes
//	0A pong         either  the 8 bytes of the ping
//	0B news         relay   sequence number (8)
//
// Frames with a sequence number are the stream: in each direction they count from 1 without a gap, they are kept until
// acknowledged, and a resumed connection repeats what the other end says it has not received. A refusal with sequence
// number 0 is outside the stream: it is about the connection itself and ends it, except when it refuses a resume.
//
//	device                          relay
//	hello ------------------------>        the device proves who it is
//	      <------------------------ welcome, received 0
//	data, acknowledge, ping <-----> data, acknowledge, presence, refusal, pong
//	      (the connection breaks)
//	resume ----------------------->        within the window
//	      <------------------------ welcome, received n; both ends repeat what is missing
//	                             or refusal link_session_gone, and the device says hello on the same connection
const (
	// Path is where the control center takes the WebSocket.
	Path = "/link/v1"
	// Subprotocol is the WebSocket subprotocol (RFC 6455 §1.9).
	Subprotocol = "postern-link.v1"

	// MaxFrame bounds a frame in bytes.
	MaxFrame = 12 << 10
	// MaxPayload bounds the payload of a data frame in bytes; the rest of MaxFrame is room for what stands before it.
	MaxPayload = MaxFrame - 128
	// MaxPeer bounds the name of a peer in bytes.
	MaxPeer = 64

	maxProof = 4 << 10
	maxCode  = 64
	maxPing  = 600 // seconds
)

const (
	typeHello byte = 1 + iota
	typeWelcome
	typeResume
	typeData
	typeAcknowledge
	typePresence
	typeRefusal
	typeRendezvous
	typePing
	typePong
	typeNews
)

// Frame is one of the frame types of this package.
type Frame interface {
	// AppendTo appends the frame's bytes to b. A frame whose members are out of bounds makes bytes that [Decode]
	// refuses.
	AppendTo(b []byte) []byte
}

// Token lets a device take its session up again. It is a secret.
type Token [16]byte

// String keeps the token out of logs.
func (Token) String() string { return "(resume token)" }

// PairingID names a rendezvous.
type PairingID [16]byte

// Peer returns the name under which both ends of the rendezvous address each other.
func (id PairingID) Peer() string {
	return rendezvousPrefix + base64.RawURLEncoding.EncodeToString(id[:])
}

const rendezvousPrefix = "p:"

// State says how a peer stands.
type State byte

const (
	// Gone is a peer without a session. What was under way with it is lost.
	Gone State = iota
	// Present is a peer with a connection.
	Present
	// Away is a peer whose connection broke and who may take its session up again without loss.
	Away
)

func (s State) String() string {
	switch s {
	case Gone:
		return "gone"
	case Present:
		return "present"
	case Away:
		return "away"
	}
	return "unknown"
}

// The frames. Peers are valid by [ValidPeer]; sequence numbers begin at 1.
type (
	// Hello is the first frame of a device: its signature for GET [Path].
	Hello struct{ Proof string }
	// Welcome opens a connection.
	Welcome struct {
		Token       Token
		PingSeconds uint16 // 1 to 600
		Received    uint64 // of the device's stream; 0 when the session is new
	}
	// Resume is the first frame of a device that was connected a moment ago.
	Resume struct {
		Token    Token
		Received uint64 // of the relay's stream
	}
	// Data carries a payload: from a device, Peer is who it is for; to a device, who it is from.
	Data struct {
		Seq     uint64
		Peer    string
		Payload []byte
	}
	// Acknowledge says that everything up to Seq was taken, and need not be kept.
	Acknowledge struct{ Seq uint64 }
	// Presence says how a paired peer stands.
	Presence struct {
		Seq   uint64
		Peer  string
		State State
	}
	// Refusal says that something was not done: for Peer, or, with an empty Peer, for the device itself.
	Refusal struct {
		Seq  uint64 // 0: about the connection
		Code postern.Code
		Peer string
	}
	// Rendezvous asks that the device may be met under a pairing id; the relay's answer is the same frame.
	Rendezvous struct {
		Seq     uint64
		Pairing PairingID
	}
	// News says that what the control center keeps of the device, its pairings or its user has changed: ask again.
	News struct{ Seq uint64 }
	// Ping is answered by a [Pong] of the same bytes.
	Ping [8]byte
	// Pong answers a [Ping].
	Pong [8]byte
)

var (
	be        = binary.BigEndian
	errFrame  = errors.New("relay: not a frame")
	errLength = fmt.Errorf("%w: wrong length", errFrame)
)

// AppendTo implements [Frame].
func (f Hello) AppendTo(b []byte) []byte { return append(append(b, typeHello), f.Proof...) }

// AppendTo implements [Frame].
func (f Welcome) AppendTo(b []byte) []byte {
	b = append(append(b, typeWelcome), f.Token[:]...)
	return be.AppendUint64(be.AppendUint16(b, f.PingSeconds), f.Received)
}

// AppendTo implements [Frame].
func (f Resume) AppendTo(b []byte) []byte {
	return be.AppendUint64(append(append(b, typeResume), f.Token[:]...), f.Received)
}

// AppendTo implements [Frame].
func (f Data) AppendTo(b []byte) []byte {
	return append(appendText(be.AppendUint64(append(b, typeData), f.Seq), f.Peer), f.Payload...)
}

// AppendTo implements [Frame].
func (f Acknowledge) AppendTo(b []byte) []byte {
	return be.AppendUint64(append(b, typeAcknowledge), f.Seq)
}

// AppendTo implements [Frame].
func (f Presence) AppendTo(b []byte) []byte {
	return append(appendText(be.AppendUint64(append(b, typePresence), f.Seq), f.Peer), byte(f.State))
}

// AppendTo implements [Frame].
func (f Refusal) AppendTo(b []byte) []byte {
	b = appendText(be.AppendUint64(append(b, typeRefusal), f.Seq), string(f.Code))
	return appendText(b, f.Peer)
}

// AppendTo implements [Frame].
func (f Rendezvous) AppendTo(b []byte) []byte {
	return append(be.AppendUint64(append(b, typeRendezvous), f.Seq), f.Pairing[:]...)
}

// AppendTo implements [Frame].
func (f News) AppendTo(b []byte) []byte { return be.AppendUint64(append(b, typeNews), f.Seq) }

// AppendTo implements [Frame].
func (f Ping) AppendTo(b []byte) []byte { return append(append(b, typePing), f[:]...) }

// AppendTo implements [Frame].
func (f Pong) AppendTo(b []byte) []byte { return append(append(b, typePong), f[:]...) }

// Encode returns the bytes of a frame.
func Encode(f Frame) []byte { return f.AppendTo(nil) }

func appendText(b []byte, s string) []byte { return append(append(b, byte(len(s))), s...) }

// Decode reads one frame, which must fill b. What it accepts, [Encode] makes of the frame again, byte by byte. The
// payload of a [Data] is a part of b.
func Decode(b []byte) (Frame, error) {
	if len(b) == 0 || len(b) > MaxFrame {
		return nil, errLength
	}
	kind, body := b[0], b[1:]
	switch kind {
	case typeHello:
		return decodeHello(body)
	case typeWelcome:
		return decodeWelcome(body)
	case typeResume:
		if len(body) != 24 {
			return nil, errLength
		}
		return Resume{Token: Token(body[:16]), Received: be.Uint64(body[16:])}, nil
	case typeAcknowledge:
		if len(body) != 8 {
			return nil, errLength
		}
		return Acknowledge{Seq: be.Uint64(body)}, nil
	case typePing, typePong:
		if len(body) != 8 {
			return nil, errLength
		}
		if kind == typePing {
			return Ping(body), nil
		}
		return Pong(body), nil
	case typeData, typePresence, typeRefusal, typeRendezvous, typeNews:
		if len(body) < 8 {
			return nil, errLength
		}
		return decodeStream(kind, be.Uint64(body), body[8:])
	}
	return nil, fmt.Errorf("%w: unknown type %#02x", errFrame, kind)
}

func decodeHello(body []byte) (Frame, error) {
	if len(body) == 0 || len(body) > maxProof {
		return nil, errLength
	}
	for _, c := range body {
		if !isToken(c) && c != '.' {
			return nil, fmt.Errorf("%w: a hello that is no compact JWS", errFrame)
		}
	}
	return Hello{Proof: string(body)}, nil
}

func decodeWelcome(body []byte) (Frame, error) {
	if len(body) != 26 {
		return nil, errLength
	}
	f := Welcome{Token: Token(body[:16]), PingSeconds: be.Uint16(body[16:]), Received: be.Uint64(body[18:])}
	if f.PingSeconds == 0 || f.PingSeconds > maxPing {
		return nil, fmt.Errorf("%w: a ping every %d seconds", errFrame, f.PingSeconds)
	}
	return f, nil
}

// decodeStream reads what follows the sequence number.
func decodeStream(kind byte, seq uint64, body []byte) (Frame, error) {
	if seq == 0 && kind != typeRefusal {
		return nil, fmt.Errorf("%w: sequence number 0", errFrame)
	}
	if kind == typeRendezvous {
		if len(body) != 16 {
			return nil, errLength
		}
		return Rendezvous{Seq: seq, Pairing: PairingID(body)}, nil
	}
	if kind == typeNews {
		if len(body) != 0 {
			return nil, errLength
		}
		return News{Seq: seq}, nil
	}
	text, rest, ok := cutText(body)
	if !ok {
		return nil, errLength
	}
	if kind == typeRefusal {
		peer, rest, ok := cutText(rest)
		if !ok || len(rest) != 0 {
			return nil, errLength
		}
		if !validCode(text) || peer != "" && !ValidPeer(peer) {
			return nil, fmt.Errorf("%w: a refusal without a code, or of nobody", errFrame)
		}
		return Refusal{Seq: seq, Code: postern.Code(text), Peer: peer}, nil
	}
	if !ValidPeer(text) {
		return nil, fmt.Errorf("%w: the name of no peer", errFrame)
	}
	if kind == typePresence {
		if len(rest) != 1 || State(rest[0]) > Away {
			return nil, errLength
		}
		return Presence{Seq: seq, Peer: text, State: State(rest[0])}, nil
	}
	if len(rest) == 0 || len(rest) > MaxPayload {
		return nil, errLength
	}
	return Data{Seq: seq, Peer: text, Payload: rest}, nil
}

func cutText(b []byte) (text string, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(b[0]) {
		return "", nil, false
	}
	return string(b[1 : 1+int(b[0])]), b[1+int(b[0]):], true
}

// ValidPeer reports whether s can name a peer: the id of a device, which is at most [MaxPeer] of the letters of
// base64url, or a rendezvous ([PairingID.Peer]).
func ValidPeer(s string) bool {
	if encoded, ok := strings.CutPrefix(s, rendezvousPrefix); ok {
		id, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
		return err == nil && len(id) == 16 && len(encoded) == 22
	}
	for i := range len(s) {
		if !isToken(s[i]) {
			return false
		}
	}
	return s != "" && len(s) <= MaxPeer
}

func isRendezvous(peer string) bool { return strings.HasPrefix(peer, rendezvousPrefix) }

func validCode(s string) bool {
	for i := range len(s) {
		if c := s[i]; c != '_' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != "" && len(s) <= maxCode
}

// isToken reports whether c is a letter of base64url.
func isToken(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '_'
}
