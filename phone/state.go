package phone

import (
	"context"
	"crypto/ecdh"
	"crypto/ed25519"
	"errors"
	"io"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/ctap"
)

// AAGUID is Postern's own authenticator model. It never changes.
var AAGUID = ctap.AAGUID{0x8a, 0x20, 0x82, 0x49, 0x8a, 0xef, 0x41, 0xb3, 0x90, 0x7f, 0x77, 0x6d, 0x51, 0xe6, 0x52, 0x6f}

// State is what a phone has to remember. It holds private keys: a [Keeper] seals it.
type State struct {
	Server      string                              `json:"server"`
	ID          postern.PhoneID                     `json:"id"`
	Name        string                              `json:"name"`
	UPN         string                              `json:"user_principal_name"`
	Application string                              `json:"application_name"`
	IdentityKey postern.Bytes                       `json:"identity_key"` // Ed25519 seed
	SealKey     postern.Bytes                       `json:"seal_key"`     // X25519 scalar
	Pending     map[postern.ProvisioningID]*Pending `json:"pending,omitempty"`
}

// Pending is what a phone has done for a provisioning that has not ended.
type Pending struct {
	AttestationKey postern.Bytes                 `json:"attestation_key,omitempty"` // P-256 scalar
	CredentialID   postern.Bytes                 `json:"credential_id,omitempty"`
	Submission     *postern.CredentialSubmission `json:"submission,omitempty"`
}

// Keeper keeps the state. Save returns when the state is safe.
type Keeper interface {
	Save(ctx context.Context, s *State) error
}

// newState draws the keys of a new phone.
func newState(random io.Reader, server, name string) (*State, error) {
	s := &State{Server: server, Name: name, IdentityKey: make([]byte, ed25519.SeedSize), SealKey: make([]byte, 32)}
	for _, key := range [][]byte{s.IdentityKey, s.SealKey} {
		if _, err := io.ReadFull(random, key); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *State) identity() ed25519.PrivateKey { return ed25519.NewKeyFromSeed(s.IdentityKey) }

func (s *State) seal() (*ecdh.PrivateKey, error) { return ecdh.X25519().NewPrivateKey(s.SealKey) }

// Check reports whether a state that was read back can be worked with.
func (s *State) Check() error {
	if len(s.IdentityKey) != ed25519.SeedSize || len(s.SealKey) != 32 || s.Server == "" || !postern.ValidID(string(s.ID), postern.PrefixPhone) {
		return errors.New("the phone's state is incomplete")
	}
	return nil
}

// pending gives the record of a provisioning, new if need be.
func (s *State) pending(id postern.ProvisioningID) *Pending {
	if s.Pending == nil {
		s.Pending = map[postern.ProvisioningID]*Pending{}
	}
	if s.Pending[id] == nil {
		s.Pending[id] = &Pending{}
	}
	return s.Pending[id]
}
