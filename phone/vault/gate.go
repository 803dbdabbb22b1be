package vault

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/postern/postern"
)

// Kind says what a gate gives.
type Kind uint8

// The kinds of gates. Their numbers are stored.
const (
	// KindPRF is a gate credential whose PRF output is the key.
	KindPRF Kind = 1
	// KindNone is a platform authenticator without PRF. The caller gives a key of its own, 32 random bytes, and what
	// keeps that key from whoever holds the phone is the caller's too: it is the lower assurance.
	KindNone Kind = 2
)

// Assurance gives the word under which a phone with such a gate is recorded.
func (k Kind) Assurance() postern.Assurance {
	if k == KindPRF {
		return postern.AssuranceGated
	}
	return postern.AssuranceNone
}

// SaltSize is the size of a gate's salt, and OutputSize that of what a gate gives, in bytes.
const (
	SaltSize   = 32
	OutputSize = 32
)

// Gate is what the caller asks for the key: a credential of the phone's own platform authenticator, with
// prf.eval.first = Salt and user verification required. It is no secret.
type Gate struct {
	Kind         Kind
	CredentialID []byte // may be empty for [KindNone]
	Salt         []byte // [SaltSize] bytes
	Created      time.Time
}

// NewGate makes a gate with a fresh salt, for [Create] and, with the salt as prf.eval.second, for [Vault.Rotate].
func NewGate(random io.Reader, kind Kind, credentialID []byte, now time.Time) (Gate, error) {
	g := Gate{Kind: kind, CredentialID: bytes.Clone(credentialID), Salt: make([]byte, SaltSize), Created: now.UTC()}
	if _, err := io.ReadFull(random, g.Salt); err != nil {
		return Gate{}, fmt.Errorf("read randomness: %w", err)
	}
	return g, g.check()
}

func (g *Gate) check() error {
	switch {
	case g.Kind != KindPRF && g.Kind != KindNone:
		return fmt.Errorf("phone vault: gates of kind %d are unknown", g.Kind)
	case g.Kind == KindPRF && len(g.CredentialID) == 0, len(g.CredentialID) > 1023: // WebAuthn §4, credential id
		return fmt.Errorf("phone vault: a gate credential with an id of %d bytes", len(g.CredentialID))
	case len(g.Salt) != SaltSize:
		return fmt.Errorf("phone vault: a salt of %d bytes, not %d", len(g.Salt), SaltSize)
	}
	return nil
}

func (g *Gate) stored() gate {
	return gate{Kind: uint8(g.Kind), CredentialID: g.CredentialID, Salt: g.Salt, Created: g.Created.UnixNano()}
}

func (g *gate) gate() Gate {
	return Gate{Kind: Kind(g.Kind), CredentialID: g.CredentialID, Salt: g.Salt, Created: time.Unix(0, g.Created).UTC()}
}

// derive makes a key of the output of the head's gate.
func (h *head) derive(output []byte, label string) ([]byte, error) {
	if len(output) != OutputSize {
		return nil, fmt.Errorf("%w: it has %d bytes and not %d", ErrWrongKey, len(output), OutputSize)
	}
	if bytes.Equal(output, make([]byte, OutputSize)) {
		return nil, errors.New("phone vault: the gate gave nothing but zeros, which is no key")
	}
	info := slices.Concat([]byte(label), h.Vault, binary.BigEndian.AppendUint64(nil, h.Epoch), []byte{h.Gate.Kind}, h.Gate.CredentialID)
	return hkdf.Key(sha256.New, output, h.Install, string(info), keySize)
}

// credentialKey derives the key of one credential's secret.
func credentialKey(wrapping, id []byte) ([]byte, error) {
	return hkdf.Key(sha256.New, wrapping, nil, labelCredential+string(id), keySize)
}

// noteKey derives the key of one note.
func noteKey(wrapping []byte, name string) ([]byte, error) {
	return hkdf.Key(sha256.New, wrapping, nil, labelNoteKey+name, keySize)
}
