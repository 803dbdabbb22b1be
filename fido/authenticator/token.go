package authenticator

import (
	"crypto/ecdh"
	"fmt"
	"io"
	"time"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// Life of a pinUvAuthToken on USB (CTAP 2.1 §6.5.2.1).
const (
	tokenInitialLimit = 30 * time.Second  // until its first use
	tokenUsageLimit   = 600 * time.Second // altogether
	presenceLimit     = 30 * time.Second  // of the gesture that gave the token
)

// tokens holds the key agreement keys, which live from power-up on, and the one
// pinUvAuthToken in use.
type tokens struct {
	keys map[uint64]*ecdh.PrivateKey

	value        [pinuvauth.TokenSize]byte
	protocol     uint64 // 0: no token in use
	permissions  ctap.Permission
	rpID         string // empty: not bound
	userPresent  bool
	userVerified bool
	used         bool
	begun        time.Time

	// persistent: the command in hand was authorised by the persistent token,
	// which no relying party binds and nothing here limits.
	persistent bool
}

// reset throws the token away.
func (t *tokens) reset() {
	clear(t.value[:])
	*t = tokens{keys: t.keys}
}

// key gives the key agreement key of a protocol, made at first use.
func (t *tokens) key(protocol uint64, random io.Reader) (*ecdh.PrivateKey, error) {
	if !pinuvauth.Supported(protocol) {
		return nil, fmt.Errorf("PIN/UV auth protocol %d: %w", protocol, ctap.ErrInvalidParameter)
	}
	if k, ok := t.keys[protocol]; ok {
		return k, nil
	}
	k, err := pinuvauth.GenerateKey(random)
	if err != nil {
		return nil, err
	}
	if t.keys == nil {
		t.keys = map[uint64]*ecdh.PrivateKey{}
	}
	t.keys[protocol] = k
	return k, nil
}

// regenerate throws a protocol's key agreement key away; the next one is made
// when it is asked for.
func (t *tokens) regenerate(protocol uint64) { delete(t.keys, protocol) }

// agree is decapsulate of CTAP 2.1 §6.5.4.
func (t *tokens) agree(protocol uint64, platform ctap.Raw, random io.Reader) (*pinuvauth.SharedSecret, error) {
	own, err := t.key(protocol, random)
	if err != nil {
		return nil, err
	}
	peer, err := ctap.DecodeKeyAgreement(platform)
	if err != nil {
		return nil, err
	}
	return pinuvauth.Agree(protocol, own, peer)
}

// begin makes a new token the one in use (beginUsingPinUvAuthToken); whatever
// token was in use before is gone, under either protocol.
func (t *tokens) begin(protocol uint64, permissions ctap.Permission, rpID string, present bool, now time.Time, random io.Reader) error {
	t.reset()
	if _, err := io.ReadFull(random, t.value[:]); err != nil {
		return fmt.Errorf("read randomness: %w", err)
	}
	t.protocol, t.permissions, t.rpID, t.begun = protocol, permissions, rpID, now
	t.userVerified, t.userPresent = true, present
	return nil
}

// expire ends a token that has outlived its limits. A clock set back ends it
// too: time before the beginning proves nothing about its age.
func (t *tokens) expire(now time.Time) {
	age := now.Sub(t.begun)
	if age < 0 || age > tokenUsageLimit || (!t.used && age > tokenInitialLimit) {
		t.reset()
	}
}

// authorise checks a pinUvAuthParam over message and that the token in use
// permits permission for rpID (CTAP 2.1 §6.1.2 step 11.1). The token becomes
// bound to rpID if it was not.
func (t *tokens) authorise(protocol uint64, message, param []byte, permission ctap.Permission, rpID string, now time.Time) error {
	t.expire(now)
	if t.protocol == 0 || t.protocol != protocol || !pinuvauth.Verify(protocol, t.value[:], message, param) {
		return ctap.ErrPINAuthInvalid
	}
	if t.permissions&permission == 0 || (t.rpID != "" && t.rpID != rpID) {
		return ctap.ErrPINAuthInvalid
	}
	// Writing large blobs outlives the ceremony that spends the verification.
	if !t.userVerified && permission != ctap.PermitLargeBlobWrite {
		return ctap.ErrPINAuthInvalid
	}
	t.used = true
	t.rpID = rpID
	return nil
}

// authoriseCommand is authorise for commands that concern no relying party or
// find theirs later: credential management, large blobs, settings. Permission is
// a set of which the token needs one. Message is what the command says
// pinUvAuthParam is computed over. A token bound to a relying party stays a
// matter of the command.
func (a *Authenticator) authoriseCommand(protocol *uint64, message, param []byte, permission ctap.Permission) error {
	switch {
	case param == nil:
		return ctap.ErrPUATRequired
	case protocol == nil:
		return missing("pinUvAuthProtocol")
	case !pinuvauth.Supported(*protocol):
		return fmt.Errorf("PIN/UV auth protocol %d: %w", *protocol, ctap.ErrInvalidParameter)
	}
	persistent := a.state.PersistentToken
	a.tokens.persistent = permission&ctap.PermitCredentialReadOnly != 0 && persistent != nil &&
		pinuvauth.Verify(*protocol, persistent, message, param)
	if a.tokens.persistent {
		return nil
	}
	return a.tokens.authorise(*protocol, message, param, permission, a.tokens.rpID, a.now())
}

// bound gives the relying party the token of the command in hand is bound to,
// empty for none.
func (t *tokens) bound() string {
	if t.persistent {
		return ""
	}
	return t.rpID
}

// presence reports whether the gesture behind the token still counts.
func (t *tokens) presence(now time.Time) bool {
	return t.userPresent && now.Sub(t.begun) <= presenceLimit
}

// spend takes from the token what one ceremony uses up (CTAP 2.1 §6.1.2 step
// 14): presence, verification and every permission but large blob writing.
func (t *tokens) spend() {
	t.userPresent, t.userVerified = false, false
	t.permissions &= ctap.PermitLargeBlobWrite
}
