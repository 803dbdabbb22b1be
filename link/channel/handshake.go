package channel

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/flynn/noise"
)

// The handshakes, by the Noise Protocol Framework, revision 34.
//
//	pairing   Noise_IKpsk2_25519_ChaChaPoly_SHA256   psk: the secret of the invitation
//	          1 phone -> workstation    payload: name, id, software, commitment
//	          2 workstation -> phone    payload: name, id, software
//	          3 phone -> workstation    the first sealed message: confirm, with the nonce committed to
//
//	session   Noise_KK_25519_ChaChaPoly_SHA256
//	          1 workstation -> phone    no payload
//	          2 phone -> workstation    no payload
//
// The third message of a pairing does two things. It proves to the workstation that the phone has the secret, which
// enters the keys only with the second message. And it makes three digits worth comparing: whoever puts himself
// between, even with the secret, has to choose his keys before he learns the phone's nonce, and so cannot search for
// keys that give both ends the same digits.
const (
	payloadKeyName       = 1 // text, at most 64 characters
	payloadKeyID         = 2 // text, at most 64 characters
	payloadKeySoftware   = 3 // text, at most 64 characters
	payloadKeyCommitment = 4 // 32 bytes, from the phone

	prologueName   = "postern/link/v1"
	digitsName     = "postern/link/digits"
	commitmentName = "postern/link/commit"
	requestName    = "postern/link/request"

	nonceSize = 32
	// MaxHandshakeMessage is the length of the longest handshake message, in bytes.
	MaxHandshakeMessage = 2048
)

// ErrHandshake says that a handshake did not come off. It does not say at which byte: the other end may be the enemy.
var ErrHandshake = errors.New("phone and workstation could not establish a secure connection; try again, and pair them again if it keeps failing")

var suite = noise.NewCipherSuite(noise.DH25519, noise.CipherChaChaPoly, noise.HashSHA256)

// Prologue is what both ends must agree on before they speak. Each text has at most 65535 bytes.
type Prologue struct {
	Origin      string // of the control center, https://HOST
	Integration string // its id
	Workstation string // its id
	PairingID   [16]byte
}

func (p Prologue) bytes() ([]byte, error) {
	var b []byte
	for _, part := range [][]byte{[]byte(prologueName), []byte(p.Origin), []byte(p.Integration), []byte(p.Workstation), p.PairingID[:]} {
		if len(part) > 0xFFFF {
			return nil, errors.New("the names that phone and workstation must agree on are too long")
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(part)))
		b = append(b, part...)
	}
	return b, nil
}

// Device is how a device introduces itself at pairing; see [Label] for what the texts may hold.
type Device struct {
	Name     string // as people know it
	ID       string
	Software string
}

// Peer is the other end.
type Peer struct {
	Key    PublicKey
	Device Device // empty unless just paired
}

// Config is what a handshake needs.
type Config struct {
	Random   io.Reader // cryptographic; read during Write
	Time     time.Time // the session's life counts from here
	Static   Static    // this device's link key
	Prologue Prologue
	Peer     PublicKey // the other's link key; a workstation that pairs does not know it yet
	Secret   Secret    // of the invitation; pairing only
	Self     Device    // pairing only
}

type role int

const (
	phonePairs role = iota
	workstationPairs
	phoneMeets
	workstationMeets
)

func (r role) pairs() bool     { return r == phonePairs || r == workstationPairs }
func (r role) initiates() bool { return r == phonePairs || r == workstationMeets }

// Handshake is one end of a handshake. Its turns alternate between Write and Read; the first failure ends it. A Handshake
// is used by one goroutine at a time.
type Handshake struct {
	role    role
	config  Config
	private []byte
	state   *noise.HandshakeState
	turn    int
	nonce   [nonceSize]byte
	commit  [sha256.Size]byte
	peer    Device
	session *Session
	done    bool
	failed  bool
}

// NewPhonePairing begins the phone's end of a pairing with Write. Peer and Secret come from the invitation.
func NewPhonePairing(c Config) (*Handshake, error) { return newHandshake(phonePairs, c) }

// NewWorkstationPairing begins the workstation's end of a pairing with Read. An invitation is good for one handshake: a
// second one with the same secret would give somebody between another try at the digits.
func NewWorkstationPairing(c Config) (*Handshake, error) { return newHandshake(workstationPairs, c) }

// NewWorkstationSession begins the workstation's end of a session with Write.
func NewWorkstationSession(c Config) (*Handshake, error) { return newHandshake(workstationMeets, c) }

// NewPhoneSession begins the phone's end of a session with Read. A first message that was recorded earlier is answered
// like a fresh one; what follows then does not open. See [Session.Confirmed].
func NewPhoneSession(c Config) (*Handshake, error) { return newHandshake(phoneMeets, c) }

func newHandshake(r role, c Config) (*Handshake, error) {
	prologue, err := c.Prologue.bytes()
	if err != nil {
		return nil, err
	}
	if c.Random == nil || c.Static.public == (PublicKey{}) || c.Static.private == [KeySize]byte{} {
		return nil, errors.New("a handshake needs a link key and randomness")
	}
	known := r != workstationPairs
	if known == (c.Peer == PublicKey{}) || c.Peer == c.Static.public {
		return nil, errors.New("a handshake needs the other device's link key, except at the workstation that pairs")
	}
	if r.pairs() == (c.Secret == Secret{}) {
		return nil, errors.New("a pairing needs the secret of an invitation, and nothing else does")
	}
	if r.pairs() && !c.Self.valid() {
		return nil, fmt.Errorf("a device needs an id, and introduces itself in at most %d characters each", MaxLabel)
	}
	h := &Handshake{role: r, config: c, private: append([]byte(nil), c.Static.private[:]...)}
	settings := noise.Config{
		CipherSuite:   suite,
		Random:        c.Random,
		Pattern:       noise.HandshakeKK,
		Initiator:     r.initiates(),
		Prologue:      prologue,
		StaticKeypair: noise.DHKey{Private: h.private, Public: append([]byte(nil), c.Static.public[:]...)},
	}
	if known {
		settings.PeerStatic = append([]byte(nil), c.Peer[:]...)
	}
	if r.pairs() {
		settings.Pattern = noise.HandshakeIK
		settings.PresharedKey = c.Secret[:]
		settings.PresharedKeyPlacement = 2
	}
	h.config.Static.Wipe()
	h.state, err = noise.NewHandshakeState(settings)
	h.config.Secret.Wipe()
	clear(c.Secret[:])
	if err != nil {
		h.wipe()
		return nil, ErrHandshake
	}
	return h, nil
}

func (d Device) valid() bool {
	return d.ID != "" && validLabel(d.Name) && validLabel(d.ID) && validLabel(d.Software)
}

// Write makes this end's next message. It fails with [ErrHandshake] when it is not this end's turn.
func (h *Handshake) Write() ([]byte, error) {
	if h.failed || h.done || (h.turn%2 == 0) != h.role.initiates() {
		return nil, h.fail()
	}
	if h.turn == 2 {
		return h.writeConfirm()
	}
	payload, err := h.payload()
	if err != nil {
		return nil, h.fail()
	}
	message, first, second, err := h.state.WriteMessage(nil, payload)
	if err != nil {
		return nil, h.fail()
	}
	h.turn++
	return message, h.split(first, second)
}

// Read takes the other end's next message. Any failure is [ErrHandshake], and ends the handshake.
func (h *Handshake) Read(message []byte) error {
	if h.failed || h.done || (h.turn%2 == 0) == h.role.initiates() || len(message) > sealedMax || h.turn < 2 && len(message) > MaxHandshakeMessage {
		return h.fail()
	}
	if h.turn == 2 {
		return h.readConfirm(message)
	}
	payload, first, second, err := h.state.ReadMessage(nil, message)
	if err != nil || !h.readPayload(payload) {
		return h.fail()
	}
	h.turn++
	return h.split(first, second)
}

// Done gives the session once the last message is written or read.
func (h *Handshake) Done() (*Session, bool) {
	if !h.done {
		return nil, false
	}
	return h.session, true
}

// Close gives the handshake up and wipes its keys. A session that came of it lives on.
func (h *Handshake) Close() {
	if !h.done {
		_ = h.fail() // closing is no failure to report
	}
}

func (h *Handshake) payload() ([]byte, error) {
	if !h.role.pairs() {
		return nil, nil
	}
	m := fields{
		payloadKeyName:     h.config.Self.Name,
		payloadKeyID:       h.config.Self.ID,
		payloadKeySoftware: h.config.Self.Software,
	}
	if h.role == phonePairs {
		if _, err := io.ReadFull(h.config.Random, h.nonce[:]); err != nil {
			return nil, err
		}
		h.commit = commitment(h.nonce)
		m[payloadKeyCommitment] = h.commit[:]
	}
	return encodeFields(m)
}

func (h *Handshake) readPayload(payload []byte) bool {
	if !h.role.pairs() {
		return len(payload) == 0
	}
	m, err := decodeFields(payload)
	if err != nil {
		return false
	}
	var ok [3]bool
	h.peer.Name, ok[0] = take[string](m, payloadKeyName)
	h.peer.ID, ok[1] = take[string](m, payloadKeyID)
	h.peer.Software, ok[2] = take[string](m, payloadKeySoftware)
	if ok != [3]bool{true, true, true} || !h.peer.valid() {
		return false
	}
	return h.role == phonePairs || fill(h.commit[:], m, payloadKeyCommitment)
}

func commitment(nonce [nonceSize]byte) [sha256.Size]byte {
	return sha256.Sum256(append([]byte(commitmentName), nonce[:]...))
}

// split makes the session of the two ciphers that Noise gives with its last message.
func (h *Handshake) split(first, second *noise.CipherState) error {
	if first == nil {
		return nil
	}
	s := &Session{send: first, receive: second, started: h.config.Time, latest: h.config.Time, confirmed: h.role.initiates(), binding: h.state.ChannelBinding()}
	if !h.role.initiates() {
		s.send, s.receive = second, first
	}
	s.peer = Peer{Key: h.config.Peer, Device: h.peer}
	if h.role == workstationPairs && (copy(s.peer.Key[:], h.state.PeerStatic()) != KeySize || s.peer.Key == h.config.Static.public) {
		s.Close()
		return h.fail()
	}
	h.session = s
	if !h.role.pairs() {
		h.finish()
	}
	return nil
}

func (h *Handshake) writeConfirm() ([]byte, error) {
	content, err := Message{Kind: KindConfirm, Nonce: h.nonce[:]}.Encode()
	if err != nil {
		return nil, h.fail()
	}
	sealed, err := h.session.Seal(h.config.Time, content)
	if err != nil || h.compare(h.nonce[:]) != nil {
		return nil, h.fail()
	}
	h.finish()
	return sealed, nil
}

func (h *Handshake) readConfirm(sealed []byte) error {
	content, err := h.session.Open(h.config.Time, sealed)
	if err != nil {
		return h.fail()
	}
	m, err := DecodeMessage(content)
	if err != nil || m.Kind != KindConfirm || commitment([nonceSize]byte(m.Nonce)) != h.commit || h.compare(m.Nonce) != nil {
		return h.fail()
	}
	h.finish()
	return nil
}

// compare computes the digits of the session.
func (h *Handshake) compare(nonce []byte) error {
	binding := append(append([]byte(nil), h.state.ChannelBinding()...), nonce...)
	out, err := hkdf.Key(sha256.New, binding, nil, digitsName, 4)
	if err != nil {
		return err
	}
	h.session.digits = fmt.Sprintf("%03d", binary.BigEndian.Uint32(out)%1000)
	return nil
}

func (h *Handshake) finish() {
	h.turn++
	h.done = true
	h.wipe()
}

func (h *Handshake) fail() error {
	if h.done {
		return ErrHandshake
	}
	h.failed = true
	if h.session != nil {
		h.session.Close()
		h.session = nil
	}
	h.wipe()
	return ErrHandshake
}

func (h *Handshake) wipe() {
	clear(h.private)
	clear(h.nonce[:])
	h.config.Secret.Wipe()
	if h.state != nil {
		clear(h.state.LocalEphemeral().Private)
		h.state = nil
	}
}
