package client

import (
	"context"
	"crypto/sha256"
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/postern/postern/fido/ctap"
)

// Bounds of a PIN (CTAP 2.1 §6.5.1): at least 4 Unicode code points, at most 63
// bytes of UTF-8, sent in 64 with zeros behind it.
const (
	minPINLength = 4
	maxPINBytes  = 63
	paddedPIN    = 64
	pinHashSize  = 16
)

// PINPrompt tells what PIN a [Client] asks for. Lengths are in Unicode code
// points; the standard bounds a PIN at 63 bytes of UTF-8 besides (CTAP 2.1
// §6.5.1).
type PINPrompt struct {
	// New asks for a PIN to be set, for an authenticator without one or one
	// that demands a change; else the PIN in force is asked for.
	New bool
	// Change says of a new PIN that it takes the place of another.
	Change bool
	// MinLength and MaxLength bound a new PIN.
	MinLength, MaxLength int
	// Retries is how many attempts are left before the authenticator locks for
	// good; 0 where it is not known.
	Retries int
	// Wrong says that the attempt before was wrong.
	Wrong bool
	// Problem is a sentence on why the attempt before was not taken; empty the
	// first time.
	Problem string
}

// AskPIN asks a person for a PIN. An error ends the ceremony.
type AskPIN func(ctx context.Context, p PINPrompt) (string, error)

// ask gets a PIN in the form it travels in, bytes of UTF-8 in normal form C.
// The caller wipes it. A PIN that cannot be right costs no attempt: problem
// tells the person why, and pin is nil.
func (s *session) ask(ctx context.Context, p PINPrompt) (pin []byte, problem string, err error) {
	if s.PIN == nil {
		return nil, "", fail(NotAllowedError, "the authenticator wants its PIN, and nobody can be asked for it here")
	}
	typed, err := s.PIN(ctx, p)
	if err != nil {
		return nil, "", gaveUp(ctx, "no PIN was given", err)
	}
	pin, problem = normalPIN(typed)
	if problem != "" {
		return nil, problem, nil
	}
	least, most := minPINLength, maxPINBytes
	if p.New {
		least, most = p.MinLength, p.MaxLength
	}
	switch n := utf8.RuneCount(pin); {
	case n < least:
		problem = fmt.Sprintf("A PIN of this security key has at least %d characters.", least)
	case n > most || len(pin) > maxPINBytes:
		problem = fmt.Sprintf("A PIN of this security key has at most %d characters and %d bytes.", most, maxPINBytes)
	}
	if problem != "" {
		clear(pin)
		return nil, problem, nil
	}
	return pin, "", nil
}

func normalPIN(typed string) (pin []byte, problem string) {
	switch {
	case !utf8.ValidString(typed):
		return nil, "The PIN is not valid text."
	case len(typed) > 4*maxPINBytes: // normal form C can be shorter than what was typed, but not so much
		return nil, fmt.Sprintf("A PIN has at most %d bytes.", maxPINBytes)
	case len(typed) > 0 && typed[len(typed)-1] == 0:
		return nil, "A PIN cannot end in a zero byte."
	}
	b := []byte(typed)
	defer clear(b)
	// Room for the greatest growth of the normal form, so that no copy of the
	// PIN is left behind.
	return norm.NFC.Append(make([]byte, 0, 3*len(b)), b...), ""
}

// newPINPrompt asks for a new PIN within the authenticator's bounds. Values no
// PIN could meet are not believed.
func (s *session) newPINPrompt(change bool) PINPrompt {
	p := PINPrompt{New: true, Change: change, MinLength: minPINLength, MaxLength: maxPINBytes}
	if n := s.info.MinPINLength; n != nil {
		p.MinLength = int(min(max(*n, minPINLength), maxPINBytes)) // #nosec G115 -- bounded
	}
	if n := s.info.MaxPINLength; n != nil {
		p.MaxLength = int(min(max(*n, uint64(p.MinLength)), maxPINBytes)) // #nosec G115 -- bounded
	}
	return p
}

// pinHashEnc gives the encrypted proof of a PIN: the left half of its hash.
func (s *session) pinHashEnc(pin []byte) ([]byte, error) {
	hash := sha256.Sum256(pin)
	defer clear(hash[:])
	return s.secret.Encrypt(s.Random, hash[:pinHashSize])
}

// newPINEnc gives the encrypted form of a new PIN.
func (s *session) newPINEnc(pin []byte) ([]byte, error) {
	padded := make([]byte, paddedPIN)
	defer clear(padded)
	copy(padded, pin)
	return s.secret.Encrypt(s.Random, padded)
}

// PINRetries is what an authenticator tells about its PIN (CTAP 2.1 §6.5.5.2).
type PINRetries struct {
	// Left is the number of wrong PINs in a row that lock it for good.
	Left int
	// PowerCycle says that it takes no PIN until it is unplugged and plugged in
	// again.
	PowerCycle bool
}

// PINRetries asks how many attempts at the PIN are left (CTAP 2.1 §6.5.5.2).
func (c *Client) PINRetries(ctx context.Context) (PINRetries, error) {
	r, err := c.pinRetries(ctx)
	return r, named(err)
}

func (c *Client) pinRetries(ctx context.Context) (PINRetries, error) {
	request, err := (&ctap.ClientPINRequest{Subcommand: ctap.GetPINRetries}).Encode()
	result, err := c.call(ctx, request, err)
	if err != nil {
		return PINRetries{}, fmt.Errorf("getPINRetries: %w", err)
	}
	resp, err := ctap.DecodeClientPINResponse(result)
	if err != nil {
		return PINRetries{}, fmt.Errorf("getPINRetries: %w", err)
	}
	if resp.PINRetries == nil {
		return PINRetries{}, fmt.Errorf("getPINRetries: %w", ctap.ErrMissingParameter)
	}
	const most = 255                                        // more than any authenticator has; the standard's own bound is 8
	r := PINRetries{Left: int(min(*resp.PINRetries, most))} // #nosec G115 -- bounded
	r.PowerCycle = resp.PowerCycleState != nil && *resp.PowerCycleState
	return r, nil
}
