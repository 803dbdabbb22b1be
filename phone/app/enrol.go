package app

import (
	"context"
	"errors"
	"io"

	"github.com/postern/postern"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/phone"
	"github.com/postern/postern/phone/vault"
)

// enrol is the first start. The vault is made before the control center is asked, because the code works once; one that
// an enrolment left which came to nothing is empty, and makes room.
func (a *App) enrol(ctx context.Context, in Enrol, output []byte) error {
	a.mu.Lock()
	switch {
	case a.phone != nil:
		a.mu.Unlock()
		return wrong("", "This phone is set up already.", "Delete everything on this phone first if it is to be set up anew.")
	case a.enrolling:
		a.mu.Unlock()
		return wrong("", "The phone is being set up.", "Wait until that is done.")
	case len(a.identity.Salt) == 0:
		fail := a.setupFail
		a.mu.Unlock()
		return fail
	case len(in.CredentialID) == 0:
		a.mu.Unlock()
		return &Problem{
			Code: CodeGateMissing, Message: "This browser has no way to check that it is you, such as a fingerprint, a face or the screen lock.",
			Next: "Set up a screen lock, and open the app in Safari 18 or Chrome on this phone.",
		}
	}
	a.enrolling, a.setupFail = true, nil
	a.mu.Unlock()
	a.changed()
	err := a.enrolWith(ctx, in, output)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.enrolling = false
	if err != nil {
		a.host.Log.Warn("the phone could not be enrolled", "error", err)
		a.setupFail = problemOf(err)
		if a.phone == nil {
			a.vault = nil
		}
		return err
	}
	a.begin()
	return nil
}

func (a *App) enrolWith(ctx context.Context, in Enrol, output []byte) error {
	if err := a.makeVault(ctx, in, output); err != nil {
		return err
	}
	key, err := channel.GenerateStatic(a.host.Random)
	if err != nil {
		return err
	}
	private := key.Private()
	a.mu.Lock()
	a.identity.LinkKey, a.identity.LinkKeyKnown = private[:], false
	platform, env, kind, ticket := in.Platform, a.env(), a.kind, ""
	if in.Code == "" {
		ticket = a.ticket()
	}
	a.mu.Unlock()
	if platform == "" {
		platform = a.host.Platform
	}
	// Enrol keeps the state, and with it the identity, before it returns.
	p, self, err := phone.Enrol(ctx, phone.Enrolment{
		Server: a.host.Server, Code: in.Code, Ticket: ticket, Name: in.Name, Platform: platform, Assurance: kind.Assurance(),
	}, env)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.phone, a.identity.Integration, a.signing = p, self.Integration.ID, nil
	if err := a.records.write(ctx, identityName, a.identity); err != nil {
		return err
	}
	a.learn(&self)
	a.remembered()
	return a.look(ctx)
}

// makeVault makes the vault that the gate opens, or where the platform authenticator has no PRF, a key of the app's own.
func (a *App) makeVault(ctx context.Context, in Enrol, output []byte) error {
	if err := vault.Erase(ctx, a.host.Backing); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	g := vault.Gate{Kind: vault.KindPRF, CredentialID: in.CredentialID, Salt: a.identity.Salt, Created: a.host.Now().UTC()}
	a.identity.OwnKey = nil
	if len(output) == 0 {
		g.Kind = vault.KindNone
		a.identity.OwnKey = make(postern.Bytes, vault.OutputSize)
		if _, err := io.ReadFull(a.host.Random, a.identity.OwnKey); err != nil {
			return err
		}
		if err := a.records.write(ctx, identityName, a.identity); err != nil {
			return err
		}
		output = a.identity.OwnKey
	}
	v, err := vault.Create(ctx, a.vaultConfig(), g, output)
	if errors.Is(err, vault.ErrWrongKey) {
		return wrong("", "What this phone's biometric gave cannot be used as a key.", "Try again. If it stays so, update the browser.")
	}
	if err != nil {
		return err
	}
	a.vault, a.gate, a.kind = v, g, g.Kind
	return nil
}
