package channel

import (
	"crypto/ecdh"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

// KeySize is the length of every key here, public, private or shared, in bytes.
const KeySize = 32

// PublicKey is the public part of a link key (X25519, RFC 7748 §5), little endian as on the wire.
type PublicKey [KeySize]byte

// String is the key in base64url, for people and logs.
func (k PublicKey) String() string { return base64.RawURLEncoding.EncodeToString(k[:]) }

// Static is a device's link key: the X25519 key it is known by in handshakes. The zero value is no key.
type Static struct {
	private [KeySize]byte
	public  PublicKey
}

// GenerateStatic makes a link key from 32 bytes of random.
func GenerateStatic(random io.Reader) (Static, error) {
	var private [KeySize]byte
	defer clear(private[:])
	if _, err := io.ReadFull(random, private[:]); err != nil {
		return Static{}, fmt.Errorf("make a link key: %w", err)
	}
	return StaticFromBytes(private[:])
}

// StaticFromBytes is the link key whose private part was stored, 32 bytes.
func StaticFromBytes(private []byte) (Static, error) {
	key, err := ecdh.X25519().NewPrivateKey(private)
	if err != nil {
		return Static{}, errors.New("a link key is 32 bytes; the stored one is damaged")
	}
	var s Static
	copy(s.private[:], private)
	copy(s.public[:], key.PublicKey().Bytes())
	return s, nil
}

// Public is the part others may know.
func (s Static) Public() PublicKey { return s.public }

// Private is a copy of the private part, to be stored sealed.
func (s Static) Private() [KeySize]byte { return s.private }

// Wipe forgets the private part held in s; copies of s keep theirs.
func (s *Static) Wipe() { clear(s.private[:]) }

// Format shows the public part, whatever the verb.
func (s Static) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "link key %s", s.public) }

// LogValue shows the public part.
func (s Static) LogValue() slog.Value { return slog.StringValue(s.public.String()) }

// Secret is the one-time secret of a pairing. It never shows in text, logs or JSON.
type Secret [KeySize]byte

const hidden = "(secret)"

// Format hides the secret, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { fmt.Fprint(f, hidden) }

// LogValue hides the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalText hides the secret.
func (s Secret) MarshalText() ([]byte, error) { return []byte(hidden), nil }

// Wipe overwrites the secret.
func (s *Secret) Wipe() { clear(s[:]) }
