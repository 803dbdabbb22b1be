package authenticator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"unicode/utf8"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// Bounds of a PIN (CTAP 2.1 §6.5.1, §6.5.2.2).
const (
	// PINHashSize is the size in bytes of what is compared: the left half of
	// SHA-256(PIN).
	PINHashSize = 16
	// MaxPINRetries is the number of wrong PINs in a row that block the PIN,
	// and built-in verification with it, until a reset.
	MaxPINRetries = 8

	defaultMinPINLength = 4  // code points
	maxPINLength        = 63 // bytes of UTF-8
	paddedPINSize       = 64 // bytes, as it travels
	// maxPINMisses in a row end all guessing until the next power cycle, so
	// that a program at the platform cannot block the PIN on its own.
	maxPINMisses = 3
)

// PINVerifier judges PINs that are kept elsewhere than in [State], such as
// one-time codes. An authenticator with one has a client PIN that is always set
// and that no platform can set or change.
//
// A platform may guess as fast as it likes and cut the power whenever it likes.
// A verifier therefore counts an attempt durably before it compares, compares in
// constant time, and allows no more than [MaxPINRetries] wrong attempts in a row
// over all power cycles. A reset of the authenticator is none of the verifier:
// what blocks its PIN, and what unblocks it, is its owner's business.
type PINVerifier interface {
	// Retries gives the number of attempts left; 0 means that the PIN is
	// blocked.
	Retries(ctx context.Context) (uint64, error)
	// Try reports whether hash is the left 16 bytes of the SHA-256 of the PIN
	// in force. After an error nothing has been learnt about the PIN.
	Try(ctx context.Context, hash [PINHashSize]byte) (bool, error)
}

// storedPIN is the verifier of the PIN kept in the state.
type storedPIN struct{ a *Authenticator }

func (s storedPIN) Retries(context.Context) (uint64, error) {
	return MaxPINRetries - min(s.a.state.PINFailures, MaxPINRetries), nil
}

// Try stores that an attempt was made before it looks at the hash: whoever cuts
// the power in between has lost the attempt.
func (s storedPIN) Try(ctx context.Context, hash [PINHashSize]byte) (bool, error) {
	if err := s.a.changeState(ctx, func(st *State) { st.PINFailures++ }); err != nil {
		return false, err
	}
	if subtle.ConstantTimeCompare(hash[:], s.a.state.PINHash) != 1 {
		return false, nil
	}
	return true, s.a.changeState(ctx, func(st *State) { st.PINFailures, st.UVFailures = 0, 0 })
}

// ownPIN gives the verifier of the PIN in the state, nil where another keeps it.
func (a *Authenticator) ownPIN() *storedPIN {
	if p, ok := a.pins.(storedPIN); ok {
		return &p
	}
	return nil
}

// pinOpen reports why no PIN can be tried, if none can.
func (a *Authenticator) pinOpen(ctx context.Context) error {
	if !a.pinSet() {
		return ctap.ErrPINNotSet
	}
	left, err := a.pins.Retries(ctx)
	switch {
	case err != nil:
		return err
	case left == 0:
		return ctap.ErrPINBlocked
	case a.pinMisses >= maxPINMisses:
		return ctap.ErrPINAuthBlocked
	}
	return nil
}

// checkPIN tries an encrypted PIN hash: steps 8 to 10 of CTAP 2.1 §6.5.5.7.2. A
// miss costs the platform the key agreement, so that it has to ask for each
// guess anew.
func (a *Authenticator) checkPIN(ctx context.Context, protocol uint64, secret *pinuvauth.SharedSecret, pinHashEnc []byte) error {
	var hash [PINHashSize]byte
	defer clear(hash[:])
	plain, err := secret.Decrypt(pinHashEnc)
	defer clear(plain)
	whole := err == nil && len(plain) == PINHashSize
	if whole {
		copy(hash[:], plain)
	}
	right, err := a.pins.Try(ctx, hash)
	if err != nil {
		return err
	}
	if right && whole {
		a.pinMisses = 0
		return a.forgetUVFailures(ctx)
	}
	a.pinMisses++
	a.tokens.regenerate(protocol)
	left, err := a.pins.Retries(ctx)
	switch {
	case err != nil:
		return err
	case left == 0:
		return ctap.ErrPINBlocked
	case a.pinMisses >= maxPINMisses:
		return ctap.ErrPINAuthBlocked
	}
	return ctap.ErrPINInvalid
}

// newPIN decrypts a PIN to be set and holds it to the policy. The caller wipes
// it.
func (a *Authenticator) newPIN(secret *pinuvauth.SharedSecret, newPINEnc []byte) ([]byte, error) {
	padded, err := secret.Decrypt(newPINEnc)
	if err != nil {
		return nil, ctap.ErrPINAuthInvalid
	}
	if len(padded) != paddedPINSize {
		clear(padded)
		return nil, fmt.Errorf("newPinEnc: %w", ctap.ErrInvalidParameter)
	}
	pin := bytes.TrimRight(padded, "\x00")
	if len(pin) > maxPINLength || !utf8.Valid(pin) || codePoints(pin) < a.state.minPINLength() {
		clear(padded)
		return nil, ctap.ErrPINPolicyViolation
	}
	return pin, nil
}

// storePIN makes pin the one in force. Whatever a platform holds that was got by
// an older one is worth nothing from here on.
func (a *Authenticator) storePIN(ctx context.Context, pin []byte) error {
	hash := pinHash(pin)
	defer clear(hash[:])
	err := a.changeState(ctx, func(s *State) {
		clear(s.PINHash)
		clear(s.PersistentToken)
		s.PINHash, s.PINLength, s.PINFailures = bytes.Clone(hash[:]), codePoints(pin), 0
		s.ForcePINChange, s.PersistentToken = false, nil
	})
	if err == nil {
		a.tokens.reset()
	}
	return err
}

func pinHash(pin []byte) [PINHashSize]byte {
	sum := sha256.Sum256(pin)
	defer clear(sum[:])
	return [PINHashSize]byte(sum[:PINHashSize])
}

func codePoints(pin []byte) uint64 {
	return uint64(utf8.RuneCount(pin)) // #nosec G115 -- not negative
}
