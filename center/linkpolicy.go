package center

import (
	"context"
	"net/http"

	"github.com/postern/postern"
	"github.com/postern/postern/center/device"
	"github.com/postern/postern/center/rest"
	"github.com/postern/postern/link/relay"
)

// linkPolicy answers what the relay asks of devices.
type linkPolicy struct{ devices *device.Service }

// Authenticate implements [relay.Policy].
func (p linkPolicy) Authenticate(ctx context.Context, proof string) (string, error) {
	id, err := p.devices.AuthenticateDevice(ctx, device.SignedRequest{Proof: proof, Method: http.MethodGet, Path: relay.Path})
	if err == nil {
		rest.NoteActor(ctx, string(id))
	}
	return string(id), err
}

// MayTalk implements [relay.Policy].
func (p linkPolicy) MayTalk(ctx context.Context, from, to string) error {
	return p.devices.MayTalk(ctx, postern.DeviceID(from), postern.DeviceID(to))
}

// Peers implements [relay.Policy].
func (p linkPolicy) Peers(ctx context.Context, id string) ([]string, error) {
	pairings, err := p.devices.Peers(ctx, postern.DeviceID(id))
	peers := make([]string, 0, len(pairings))
	for _, pairing := range pairings {
		peers = append(peers, string(pairing.Peer(postern.DeviceID(id))))
	}
	return peers, err
}

// MayMeet implements [relay.Policy].
func (p linkPolicy) MayMeet(ctx context.Context, opener, comer string) error {
	return p.devices.MayMeet(ctx, postern.DeviceID(opener), postern.DeviceID(comer))
}
