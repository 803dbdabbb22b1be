package app

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/signed"
)

// How often the control center is asked although it has no news: a message on the link may be lost with a connection.
const (
	syncEvery  = 5 * time.Minute
	firstAgain = 2 * time.Second
	lastAgain  = time.Minute
)

// traffic notices whether the control center answers at all.
type traffic struct{ signed.Transport }

// errNoAnswer marks a call to which no answer came.
var errNoAnswer = errors.New("no answer")

// RoundTrip implements [signed.Transport].
func (t *traffic) RoundTrip(ctx context.Context, r signed.Request) (*signed.Response, error) {
	answer, err := t.Transport.RoundTrip(ctx, r)
	if err != nil {
		return nil, silence{err}
	}
	return answer, nil
}

type silence struct{ error }

func (s silence) Unwrap() []error { return []error{errNoAnswer, s.error} }

func (a *App) wakeSync() {
	select {
	case a.sync <- struct{}{}:
	default:
	}
}

// keepInStep asks the control center whenever it has news, and now and then.
func (a *App) keepInStep(ctx context.Context) {
	again := firstAgain
	for {
		err := a.inStep(ctx)
		wait := syncEvery
		if err != nil && ctx.Err() == nil {
			a.host.Log.Debug("the control center was not reached", "code", problemOf(err).Code)
			wait, again = again, min(2*again, lastAgain)
		} else {
			again = firstAgain
		}
		timer := time.NewTimer(wait)
		select {
		case <-a.sync:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// inStep brings the phone and the control center in step once.
func (a *App) inStep(ctx context.Context) error {
	self, err := a.hear(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.changed()
	if a.phone == nil || ctx.Err() != nil {
		return ctx.Err()
	}
	switch code := codeOf(err); {
	case err == nil:
		a.refusal = nil
	case code == postern.CodePhoneRevoked || code == postern.CodePhoneUnknown:
		a.refusal = postern.AsError(err)
		a.removedAsAWhole(ctx)
		return nil // asking again helps nobody
	default:
		return err
	}
	if err := a.settle(ctx, &self); err != nil {
		return err
	}
	a.connect()
	if len(self.Provisionings) > 0 {
		a.provide()
	} else if a.offer != nil && a.offer.view.Step == offerAsk {
		a.provides() // nobody wants the answer any more
	}
	return nil
}

func codeOf(err error) postern.Code {
	if err == nil {
		return ""
	}
	return problemOf(err).Code
}

// hear asks the control center for all it has to say. While a provisioning has the phone's machine, the rest of what it
// does in step waits.
func (a *App) hear(ctx context.Context) (self postern.PhoneSelf, err error) {
	a.mu.Lock()
	p := a.phone
	a.codesAsked = a.codesTurn
	key, known := a.identity.LinkKey, a.identity.LinkKeyKnown
	a.mu.Unlock()
	if p == nil {
		return self, context.Canceled
	}
	if !known && len(key) > 0 {
		if err := a.giveLinkKey(ctx, key); err != nil {
			return self, err
		}
	}
	if err := a.report(ctx); err != nil {
		return self, err
	}
	if err := a.tellUses(ctx); err != nil {
		return self, err
	}
	if a.phoneUse.TryLock() {
		defer a.phoneUse.Unlock()
		return p.Sync(ctx)
	}
	return p.API.Self(ctx)
}

// giveLinkKey hands the public part of the link key in, once.
func (a *App) giveLinkKey(ctx context.Context, private []byte) error {
	key, err := channel.StaticFromBytes(private)
	if err != nil {
		return err
	}
	public := key.Public()
	if err := a.phone.API.GiveLinkKey(ctx, public[:]); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.identity.LinkKeyKnown = true
	return a.records.write(ctx, identityName, a.identity)
}

// report tells the control center of passkeys made at Security info, until it has taken the word. Which those are follows
// from what the phone holds, so nothing has to be remembered before a passkey is given out.
func (a *App) report(ctx context.Context) error {
	a.mu.Lock()
	var todo []authenticator.Credential
	for _, c := range a.held {
		k := a.memory.Keys[idOf(c.ID)]
		if c.RP.ID == postern.EntraRPID && a.memory.Self != nil && a.listed(c.ID) == nil && !a.provisioned(c.ID) && (k == nil || !k.Reported && !k.Listed && !k.Removing) {
			todo = append(todo, c)
		}
	}
	p := a.phone
	a.mu.Unlock()
	for _, c := range todo {
		err := p.API.ReportPasskey(ctx, c.ID)
		code := codeOf(err)
		if code == postern.CodePhoneRevoked || code == postern.CodePhoneUnknown {
			return nil // what follows finds that out too
		}
		if err != nil && (code == postern.CodeUnavailable || code == postern.CodeTooMany || code == postern.CodeInternal || ctx.Err() != nil) {
			return err
		}
		a.mu.Lock()
		k := a.memory.key(idOf(c.ID))
		k.Reported, k.Problem = err == nil, problemOf(err)
		keep := a.remember(ctx)
		a.mu.Unlock()
		if keep != nil {
			return keep
		}
	}
	return nil
}

// listed finds what the control center has on record of a passkey. a.mu is held.
func (a *App) listed(credentialID []byte) *postern.Passkey {
	if a.memory.Self == nil {
		return nil
	}
	for i := range a.memory.Self.Passkeys {
		if k := &a.memory.Self.Passkeys[i]; bytes.Equal(k.CredentialID, credentialID) {
			return k
		}
	}
	return nil
}

// provisioned reports whether a passkey was made for a provisioning that has not ended. a.mu is held.
func (a *App) provisioned(credentialID []byte) bool {
	if a.identity.Phone == nil {
		return false
	}
	for _, p := range a.identity.Phone.Pending {
		if bytes.Equal(p.CredentialID, credentialID) {
			return true
		}
	}
	return false
}

// settle takes what the control center told. a.mu is held.
func (a *App) settle(ctx context.Context, self *postern.PhoneSelf) error {
	before := a.held
	a.learn(self)
	if a.identity.Integration != self.Integration.ID {
		a.identity.Integration = self.Integration.ID
		if err := a.records.write(ctx, identityName, a.identity); err != nil {
			return err
		}
	}
	if err := a.settleKeys(ctx, before); err != nil {
		return err
	}
	if err := a.settleComputers(ctx); err != nil {
		return err
	}
	return a.remember(ctx)
}

// learn remembers what the control center told. a.mu is held.
func (a *App) learn(self *postern.PhoneSelf) {
	a.memory.Self, a.memory.Told, a.synced = self, a.host.Now().UTC(), a.host.Now().UTC()
}

// settleKeys removes passkeys that were taken away, and tells of it. a.mu is held.
func (a *App) settleKeys(ctx context.Context, before []authenticator.Credential) error {
	if err := a.look(ctx); err != nil {
		return err
	}
	for _, k := range a.memory.Self.Passkeys {
		id := idOf(k.CredentialID)
		if k.State != postern.PasskeyRevoked {
			m := a.memory.key(id)
			m.Listed, m.Problem, m.PasskeyID = true, nil, k.ID
			continue
		}
		err := a.vault.Delete(ctx, k.CredentialID)
		if err != nil && !errors.Is(err, authenticator.ErrNotFound) {
			return err
		}
		for _, c := range before {
			if bytes.Equal(c.ID, k.CredentialID) && !a.memory.key(id).Removing {
				a.notice(Notice{
					ID: "removed:" + id, Code: CodePasskeyRemoved, Account: shown(c.User.Name, maxShownName), Dismissible: true,
					Message: "The passkey of " + shown(c.User.Name, maxShownName) + " was removed by your organisation, and no longer signs in.",
					Next:    "If you did not expect that, ask your help desk.",
				})
			}
		}
		delete(a.memory.Keys, id)
	}
	// What was deleted here is forgotten once the control center lists it no more.
	for id, m := range a.memory.Keys {
		if m.Removing && !a.holds(id) && !a.listedID(id) {
			delete(a.memory.Keys, id)
		}
	}
	return a.look(ctx)
}

func (a *App) holds(id string) bool {
	for _, c := range a.held {
		if idOf(c.ID) == id {
			return true
		}
	}
	return false
}

func (a *App) listedID(id string) bool {
	for _, k := range a.memory.Self.Passkeys {
		if idOf(k.CredentialID) == id {
			return true
		}
	}
	return false
}

// settleComputers forgets workstations whose pairings ended, and lets those ask that are confirmed. a.mu is held.
func (a *App) settleComputers(ctx context.Context) error {
	active := map[postern.PairingID]bool{}
	for _, p := range a.memory.Self.Pairings {
		active[p.Pairing.ID] = true
	}
	changed := false
	for id, w := range a.identity.Workstations {
		switch {
		case active[id] && w.Unconfirmed:
			w.Unconfirmed = false
			a.identity.Workstations[id] = w
			changed = true
		case !active[id] && !(a.pairing != nil && a.pairing.id == id):
			if !w.Unconfirmed && !a.pairedAgain(w) {
				a.notice(Notice{
					ID: "unpaired:" + string(id), Code: CodeComputerRemoved, Computer: a.computerName(id), Dismissible: true,
					Message: "The computer " + a.computerName(id) + " is no longer paired with this phone: that was ended at the computer, or by your organisation.",
					Next:    "Pair it again if it is still wanted.",
				})
			}
			delete(a.identity.Workstations, id)
			delete(a.memory.Computers, id)
			changed = true
		}
	}
	changed = a.endCodes() || changed
	if !changed {
		return nil
	}
	if err := a.records.write(ctx, identityName, a.identity); err != nil {
		return err
	}
	a.sweepCodes(ctx)
	if a.link != nil {
		a.link.SetWorkstations(a.workstations())
	}
	return nil
}

// pairedAgain reports whether the same workstation has another pairing. a.mu is held.
func (a *App) pairedAgain(w workstation) bool {
	n := 0
	for _, other := range a.identity.Workstations {
		if other.ID == w.ID {
			n++
		}
	}
	return n > 1
}

// removedAsAWhole takes away what a revoked phone may no longer have. a.mu is held.
func (a *App) removedAsAWhole(ctx context.Context) {
	a.lock()
	for _, c := range a.held {
		if c.RP.ID != postern.EntraRPID {
			continue
		}
		if err := a.vault.Delete(ctx, c.ID); err != nil && !errors.Is(err, authenticator.ErrNotFound) {
			a.host.Log.Error("a passkey of a phone that was removed could not be deleted", "error", err)
		}
	}
	if err := a.look(ctx); err != nil {
		a.host.Log.Error("the vault cannot be read", "error", err)
	}
	a.dropAllCodes(ctx)
	if a.link != nil {
		a.linkDone()
		a.link.SetWorkstations(nil)
	}
}
