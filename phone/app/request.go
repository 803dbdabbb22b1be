package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/phone/ceremony"
	"github.com/postern/postern/phone/link"
)

// seat is the authenticator of one session: tokens, remembered assertions and enumerations of one session are no other's.
type seat struct {
	session       uint64
	authenticator *authenticator.Authenticator
	person        *person
}

// handle answers a request of a workstation. It is called for one at a time.
func (a *App) handle(ctx context.Context, r *link.Request) (answer link.Answer) {
	defer func() {
		if p := recover(); p != nil {
			a.host.Log.Error("a request failed", "workstation", r.Workstation, "kind", fmt.Sprintf("%T", p))
			a.suspect(func() {})
			answer = link.Answer{CTAP: []byte{byte(ctap.ErrOther)}}
		}
		a.changed()
	}()
	if ceremony.Vendor(r.CTAP) {
		return a.vendor(ctx, r)
	}
	if refusal := ceremony.Refused(r.CTAP); refusal != nil {
		return link.Answer{CTAP: refusal}
	}
	s, reason := a.sit(r)
	if reason != 0 {
		return link.Answer{Reason: reason}
	}
	s.person.begin(r)
	response := a.vault.Serve(ctx, s.authenticator, r.CTAP)
	a.served(r, response)
	return link.Answer{CTAP: response}
}

// sit finds the authenticator for a request, or why there is none for it.
func (a *App) sit(r *link.Request) (*seat, channel.Reason) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.host.Now()
	switch {
	case a.forbidden() != nil:
		return nil, channel.ReasonNotAllowed
	case a.vault == nil:
		return nil, channel.ReasonLocked
	case a.lease.owner != 0 && a.lease.owner != r.Session && now.Before(a.lease.until):
		return nil, channel.ReasonBusy
	}
	if a.lease.timer != nil && ceremony.Ends(r.CTAP) { // the ceremony has begun, and its answer closes the vault
		a.lease.timer.Stop()
		a.lease.timer = nil
	}
	if s := a.seats[r.Workstation]; s != nil && s.session == r.Session {
		return s, 0
	}
	p := &person{a: a}
	made, err := ceremony.NewAuthenticator(store{a.vault, a, r.Session}, p, a.host.Random, a.host.Now)
	if err != nil {
		a.host.Log.Error("no authenticator could be made", "error", err)
		return nil, channel.ReasonLocked
	}
	s := &seat{session: r.Session, authenticator: made, person: p}
	a.seats[r.Workstation] = s
	return s, 0
}

// forbidden is why no workstation may use this phone now, as the control center told it last. a.mu is held.
func (a *App) forbidden() *postern.PhoneNotice {
	if e := a.refusal; e != nil {
		return &postern.PhoneNotice{Code: e.Code, Message: e.Message, Next: e.Next}
	}
	if a.memory.Self != nil {
		return a.memory.Self.Notice
	}
	return nil
}

// served does what follows an answer: what a passkey was used for is remembered, and the vault does not stay open for
// longer than the ceremony it was opened for.
func (a *App) served(r *link.Request, response []byte) {
	command, _, _ := ctap.SplitRequest(r.CTAP) // what is no request is no command either
	_, err := ctap.SplitResponse(response)
	a.mu.Lock()
	defer a.mu.Unlock()
	ctx := a.ctx
	if a.lease.owner == r.Session {
		if a.vault.Locked() {
			a.lock()
		} else if a.lease.timer == nil { // what comes in between prolongs nothing
			a.lockAfter(ceremony.AfterToken)
		}
	}
	now := a.host.Now().UTC()
	switch {
	case ceremony.Silent(r.CTAP):
		return
	case err != nil:
		if command == ctap.MakeCredential || command == ctap.GetAssertion {
			a.failed(r.Session)
		}
		return
	case command == ctap.CredentialManagement || command == ctap.CredentialManagementPreview:
		if err := a.look(ctx); err != nil {
			a.host.Log.Error("the vault cannot be read", "error", err)
		}
		return
	}
	used, made := ceremony.Used(r.CTAP, response)
	if used == nil {
		return
	}
	if err := a.look(ctx); err != nil {
		a.host.Log.Error("the vault cannot be read", "error", err)
	}
	k := a.memory.key(idOf(used))
	k.LastUsed = &now
	if !made {
		k.SignedIn = a.byCenterClock(now).Truncate(time.Hour)
	}
	a.memory.computer(r.Pairing).LastUsed = &now
	if len(a.memory.Activity) > 0 {
		for _, c := range a.held {
			if last := &a.memory.Activity[0]; bytes.Equal(c.ID, used) && last.session == r.Session {
				last.Account = shown(c.User.Name, maxShownName)
			}
		}
	}
	a.remembered()
	if made {
		a.wakeSync() // a passkey of Entra's is reported
	}
}

func idOf(credentialID []byte) string { return base64.RawURLEncoding.EncodeToString(credentialID) }

// errDenied and errPaused are how a question ends without a yes.
var (
	errDenied = errors.New("the user said no")
	errPaused = errors.New("this workstation has asked too often")
)
