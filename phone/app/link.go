package app

import (
	"context"
	"errors"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/phone/link"
)

// connect makes the link of an enrolled phone and keeps it running. a.mu is held. It waits for the integration's id,
// which the handshakes bind; the control center tells it.
func (a *App) connect() {
	if a.link != nil || a.identity.Integration == "" || len(a.identity.LinkKey) == 0 {
		return
	}
	key, err := channel.StaticFromBytes(a.identity.LinkKey)
	if err != nil {
		a.host.Log.Error("the phone's link key cannot be used", "error", err)
		return
	}
	a.link = link.New(link.Config{
		API: a.phone.API.Caller, Integration: a.identity.Integration, Key: key,
		Self: channel.Device{Name: channel.Label(a.identity.Phone.Name), ID: string(a.identity.Phone.ID), Software: channel.Label("Postern " + a.host.Version)},
		Dial: a.host.Dial, Random: a.host.Random, Now: a.host.Now, Handle: a.handle, Changed: a.linkChanged, News: a.wakeSync, Log: a.host.Log,
	})
	a.link.SetWorkstations(a.workstations())
	ctx, cancel := context.WithCancel(a.live)
	a.linkDone = cancel
	l := a.link
	a.work("the link", func() {
		if err := l.Run(ctx); err != nil && !errors.Is(err, context.Canceled) {
			a.host.Log.Error("the link ended", "error", err)
		}
	})
}

// workstations are those that may ask: those that are paired, and the one whose digits the user has compared, which may
// learn a moment before this phone does that the pairing counts. a.mu is held.
func (a *App) workstations() (out []link.Workstation) {
	var paired postern.WorkstationID
	if a.pairing != nil {
		if w := a.identity.Workstations[a.pairing.id]; w.Unconfirmed {
			paired = w.ID
		}
	}
	for id, w := range a.identity.Workstations {
		if w.ID == paired && id != a.pairing.id || w.ID != paired && w.Unconfirmed {
			continue
		}
		out = append(out, link.Workstation{Pairing: id, ID: w.ID, Key: channel.PublicKey(w.Key)})
	}
	return out
}

// linkChanged closes what belonged to sessions that are over.
func (a *App) linkChanged() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.link == nil {
		return
	}
	status := a.link.Status()
	for id, s := range a.seats {
		if status.Sessions[id] == s.session {
			continue
		}
		delete(a.seats, id)
		if a.lease.owner == s.session {
			a.lock()
		}
	}
	a.changed()
}
