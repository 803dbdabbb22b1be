package workstation

import (
	"context"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/relay"
	"github.com/postern/postern/link/signed"
)

// Env is what a workstation stands on.
type Env struct {
	Keeper    Keeper           // required
	Transport signed.Transport // required
	// Dial opens a WebSocket of subprotocol [relay.Subprotocol]; the URL is ws or wss. Required.
	Dial   func(ctx context.Context, url string) (relay.Conn, error)
	Random io.Reader        // cryptographic, read by several goroutines at once; nil is the system's
	Now    func() time.Time // nil is the system's
	Log    *slog.Logger     // nil is no log
}

// Keeper keeps the state. It is asked before anything that depends on the state is done, by one goroutine at a time, and
// must not return before the state would survive the end of the program. What it is handed is its own.
type Keeper interface {
	Save(ctx context.Context, s *State) error
}

// State is what has to be kept of a workstation, as JSON. It holds its private keys: whoever has them is the workstation.
// A state without an ID is an enrolment whose answer has not come; see [Enrolment].
type State struct {
	Server        string                  `json:"server"` // origin of the control center
	ID            postern.WorkstationID   `json:"id,omitempty"`
	IntegrationID postern.IntegrationID   `json:"integration_id,omitempty"`
	Application   string                  `json:"application_name,omitempty"` // as last heard
	Kind          postern.WorkstationKind `json:"kind"`
	Name          string                  `json:"name"`
	Software      string                  `json:"software,omitempty"`
	IdentityKey   postern.Bytes           `json:"identity_key"` // Ed25519 seed, 32 bytes
	LinkKey       postern.Bytes           `json:"link_key"`     // X25519 private key, 32 bytes
	Phones        []KnownPhone            `json:"phones,omitempty"`
}

// KnownPhone is a phone that this workstation is paired with, or is about to be.
type KnownPhone struct {
	PairingID postern.PairingID `json:"pairing_id"`
	PhoneID   postern.PhoneID   `json:"phone_id"`
	LinkKey   postern.Bytes     `json:"link_key"` // X25519 public key, 32 bytes, learnt from the phone itself
	Name      string            `json:"name"`
	UPN       string            `json:"user_principal_name,omitempty"` // as last heard, as are User and Paired
	User      string            `json:"user,omitempty"`
	Paired    time.Time         `json:"paired,omitzero"`
}

func (s *State) clone() *State {
	c := *s
	c.IdentityKey, c.LinkKey = slices.Clone(s.IdentityKey), slices.Clone(s.LinkKey)
	c.Phones = slices.Clone(s.Phones)
	for i := range c.Phones {
		c.Phones[i].LinkKey = slices.Clone(c.Phones[i].LinkKey)
	}
	return &c
}
