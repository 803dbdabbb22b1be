package app

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/link/channel"
)

// rename gives a key or a computer a name of the user's own; an empty one takes it back. It stays on the phone.
func (a *App) rename(ctx context.Context, in Rename) error {
	name := strings.TrimSpace(in.Name)
	if !utf8.ValidString(name) || channel.Label(name) != name {
		return wrong("name", "The name is longer than 64 characters, or has signs that cannot be shown.", "Choose a shorter name of letters and digits.")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case in.Key != "":
		if in.Key != accountKey && !a.holds(in.Key) {
			return over("the key")
		}
		a.memory.key(in.Key).Name = name
	case in.Computer != "":
		if _, ok := a.identity.Workstations[in.Computer]; !ok {
			return over("the computer")
		}
		a.memory.computer(in.Computer).Name = name
	default:
		return wrong("key", "It is not said what is to be renamed.", "Choose a key or a computer.")
	}
	return a.remember(ctx)
}

// delete deletes a key, at Entra first where Entra knows it. The intent is kept, so that it ends even when the app is
// closed in between.
func (a *App) delete(ctx context.Context, in Delete) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	id, err := base64.RawURLEncoding.Strict().DecodeString(in.Key)
	if err != nil || len(id) == 0 {
		return over("the key")
	}
	damaged := false
	for _, d := range a.damaged {
		damaged = damaged || idOf(d.CredentialID) == in.Key
	}
	if !a.holds(in.Key) && !damaged {
		return over("the key")
	}
	listed := a.listed(id)
	if listed != nil && listed.ID != "" && listed.State == postern.PasskeyActive {
		p := a.phone
		a.mu.Unlock()
		err := p.API.RevokePasskey(ctx, listed.ID)
		a.mu.Lock()
		if err != nil && !postern.IsCode(err, postern.CodeNotFound) {
			return err
		}
	}
	m := a.memory.key(in.Key)
	for _, c := range a.held {
		if idOf(c.ID) == in.Key {
			m.RPID, m.Account = shown(c.RP.ID, maxShownRPID), shown(c.User.Name, maxShownName)
		}
	}
	m.Removing = listed != nil
	if err := a.remember(ctx); err != nil {
		return err
	}
	if err := a.vault.Delete(ctx, id); err != nil && !errors.Is(err, authenticator.ErrNotFound) {
		return err
	}
	if listed == nil {
		delete(a.memory.Keys, in.Key)
		a.remembered()
	}
	a.wakeSync()
	return a.look(ctx)
}

// lookAnew tells of a passkey again that was made at Security info, and that Entra was not seen to list.
func (a *App) lookAnew(ctx context.Context, in Look) error {
	a.mu.Lock()
	p, id := a.phone, []byte(nil)
	for i := range a.held {
		if k := a.viewKey(&a.held[i]); k.ID == in.Key && k.State == KeyIncomplete {
			id = a.held[i].ID
		}
	}
	a.mu.Unlock()
	if id == nil {
		return over("the key")
	}
	var self postern.PhoneSelf
	err := p.API.Call(ctx, "POST", "/passkeys", nil, postern.SelfServicePasskey{CredentialID: id, RPID: postern.EntraRPID}, &self)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.phone != p {
		return nil // it was forgotten meanwhile
	}
	k := a.memory.key(in.Key)
	k.Reported, k.Problem = true, nil
	a.learn(&self)
	a.wakeSync()
	return a.remember(ctx)
}

// dismiss takes a notice away. That a computer is paused ends with its notice.
func (a *App) dismiss(ctx context.Context, in Dismiss) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := len(a.memory.Notices)
	a.memory.Notices = slices.DeleteFunc(a.memory.Notices, func(n Notice) bool { return n.ID == in.Notice && n.Dismissible })
	if len(a.memory.Notices) == before {
		return over("the notice")
	}
	if id, ok := strings.CutPrefix(in.Notice, pausedNotice("")); ok {
		delete(a.patience, postern.WorkstationID(id))
	}
	return a.remember(ctx)
}

// subscribe has the phone woken by push messages, or no more.
func (a *App) subscribe(ctx context.Context, in Subscribe) error {
	var self postern.PhoneSelf
	var err error
	if in.Subscription == nil {
		err = a.phone.API.Call(ctx, "DELETE", "/self/push", nil, nil, &self)
	} else {
		err = a.phone.API.Call(ctx, "PUT", "/self/push", nil, in.Subscription, &self)
	}
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.learn(&self)
	return a.remember(ctx)
}

// sleptLong is after how long away from the screen a connection is no longer trusted.
const sleptLong = 5 * time.Second

// visible connects when the app is shown again.
func (a *App) visible(_ context.Context, in Visible) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.host.Now()
	if !in.Visible {
		a.away = now
		return nil
	}
	slept := !a.away.IsZero() && now.Sub(a.away) >= sleptLong
	a.away = time.Time{}
	if a.phone == nil {
		return nil
	}
	if a.link != nil && (slept || string(a.link.Status().State) != LinkOnline) {
		a.link.Wake()
	}
	a.wakeSync()
	return nil
}

// forgetTime bounds telling the control center.
const forgetTime = 20 * time.Second

// forget has the phone revoked and deletes everything it holds. What cannot be revoked is not deleted: then nobody would
// know of a phone that still counts. A phone that is not enrolled, or cannot be read, has nothing to revoke.
func (a *App) forget(ctx context.Context, _ Forget) error {
	a.mu.Lock()
	p := a.phone
	a.mu.Unlock()
	if p != nil {
		ctx, cancel := context.WithTimeout(ctx, forgetTime)
		defer cancel()
		if err := p.Forget(ctx); err != nil {
			return err
		}
	}
	a.mu.Lock()
	if a.retire != nil {
		a.retire()
	}
	a.lock()
	a.phone, a.link, a.vault, a.held, a.damaged = nil, nil, nil, nil, nil
	a.hide()
	a.refusal, a.offer, a.signing, a.pairing, a.approval, a.diagnosis = nil, nil, nil, nil, nil, nil
	a.mu.Unlock()
	if err := a.host.Erase(ctx); err != nil {
		return err
	}
	a.records.forget()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clear()
	a.setupFail = nil
	return a.load(ctx)
}
