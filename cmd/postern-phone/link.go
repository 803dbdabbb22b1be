package main

import (
	"context"
	"crypto/rand"
	"log/slog"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/websocket"
	"github.com/postern/postern/phone"
	"github.com/postern/postern/phone/link"
)

// linked is what the phone's file holds of the link.
type linked struct {
	Key          postern.Bytes                     `json:"key,omitempty"` // X25519 scalar
	KeyKnown     bool                              `json:"key_known,omitempty"`
	Integration  postern.IntegrationID             `json:"integration_id,omitempty"`
	Workstations map[postern.PairingID]workstation `json:"workstations,omitempty"`
	Reported     []postern.Bytes                   `json:"reported,omitempty"` // passkeys the control center was told of
}

// workstation is one that this phone is paired with.
type workstation struct {
	ID   postern.WorkstationID `json:"id"`
	Key  postern.Bytes         `json:"key"`
	Name string                `json:"name"`
	// Unconfirmed: the digits were the same here, and it is not known yet whether the pairing counts.
	Unconfirmed bool `json:"unconfirmed,omitempty"`
	// Offline are the codes for signing in there without a network, if there are any.
	Offline *codes `json:"offline,omitempty"`
}

// inStep brings the phone and the control center in step: the link key, which is handed in once, passkeys that were
// revoked, when the others were used, and pairings that began or ended elsewhere.
func (v *vault) inStep(ctx context.Context, p *phone.Phone) (postern.PhoneSelf, error) {
	l := &v.content.Link
	if len(l.Key) == 0 {
		key, err := channel.GenerateStatic(rand.Reader)
		if err != nil {
			return postern.PhoneSelf{}, err
		}
		private := key.Private()
		l.Key = slices.Clone(private[:])
		if err := v.save(); err != nil {
			return postern.PhoneSelf{}, err
		}
	}
	if !l.KeyKnown {
		key, err := channel.StaticFromBytes(l.Key)
		if err != nil {
			return postern.PhoneSelf{}, err
		}
		public := key.Public()
		if err := p.API.GiveLinkKey(ctx, public[:]); err != nil {
			return postern.PhoneSelf{}, err
		}
		l.KeyKnown = true
	}
	self, err := p.Sync(ctx)
	if err != nil {
		return self, err
	}
	l.Integration = self.Integration.ID
	active := map[postern.PairingID]bool{}
	for _, paired := range self.Pairings {
		active[paired.Pairing.ID] = true
	}
	for id, w := range l.Workstations {
		if !active[id] {
			delete(l.Workstations, id)
			continue
		}
		w.Unconfirmed = false
		l.Workstations[id] = w
	}
	if err := v.save(); err != nil {
		return self, err
	}
	if err := v.endCodes(self); err != nil {
		return self, err
	}
	return self, v.tellUses(ctx, p, self)
}

// workstations are those that may ask.
func (v *vault) workstations() (out []link.Workstation) {
	for id, w := range v.content.Link.Workstations {
		if !w.Unconfirmed && len(w.Key) == channel.KeySize {
			out = append(out, link.Workstation{Pairing: id, ID: w.ID, Key: channel.PublicKey(w.Key)})
		}
	}
	return out
}

// events are what a link tells, as signals, that a passkey was used, and what is to be done to the phone's file.
type events struct {
	changed, news, used chan struct{}
	acts                chan act
}

func newEvents() events {
	return events{make(chan struct{}, 1), make(chan struct{}, 1), make(chan struct{}, 1), make(chan act)}
}

// signal leaves a word for whoever listens, once.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// link makes the phone's half of the link, not connected yet. It takes the state after [vault.inStep].
func (v *vault) link(p *phone.Phone, e events, handle func(context.Context, *link.Request) link.Answer) (*link.Link, error) {
	key, err := channel.StaticFromBytes(v.content.Link.Key)
	if err != nil {
		return nil, err
	}
	transport, err := trusting(v.content.CAFile)
	if err != nil {
		return nil, err
	}
	l := link.New(link.Config{
		API: p.API.Caller, Integration: v.content.Link.Integration, Key: key,
		Self: channel.Device{Name: channel.Label(p.State.Name), ID: string(p.State.ID), Software: channel.Label("postern-phone " + postern.Version())},
		Dial: websocket.Through(transport), Random: rand.Reader, Now: time.Now, Handle: handle,
		Changed: func() { signal(e.changed) }, News: func() { signal(e.news) }, Log: slog.New(slog.DiscardHandler),
	})
	l.SetWorkstations(v.workstations())
	return l, nil
}
