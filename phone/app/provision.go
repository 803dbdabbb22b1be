package app

import (
	"context"
	"errors"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/phone"
	"github.com/postern/postern/phone/vault"
)

// The steps of an [Offer].
const (
	offerAsk    = "ask"
	offerMaking = "making"
	offerSent   = "sent"
	offerDone   = "done"
	offerFailed = "failed"
)

// How long one run waits; another follows as long as the control center lists a provisioning.
const (
	offerWait   = 10 * time.Minute
	outcomeWait = 5 * time.Minute
	// makingTime is how long the vault stays open for the credential of an offer.
	makingTime = time.Minute
)

// offer is a provisioning and what the user says to it.
type offer struct {
	view    Offer
	decided chan error // nil: accepted
}

// provide takes the provisioning that is under way to its end. a.mu is held.
func (a *App) provide() {
	if a.providing || a.phone == nil {
		return
	}
	a.providing = true
	ctx, cancel := context.WithCancel(a.live)
	a.provides = cancel
	p := a.phone
	a.work("a provisioning", func() {
		defer cancel()
		a.phoneUse.Lock()
		record, err := p.Provision(ctx, phone.Provisioning{
			OfferWait: offerWait, Wait: outcomeWait, Accept: a.offered,
			Step: func(r postern.Provisioning) { a.provisioning(r) },
		})
		a.phoneUse.Unlock()
		a.provided(ctx, record, err)
	})
}

// offered shows an offer and waits for the user.
func (a *App) offered(ctx context.Context, o phone.Offer) error {
	of := &offer{
		view:    Offer{ID: o.Provisioning.ID, RPID: o.RPID, RPName: o.RPName, Account: o.Account, Step: offerAsk},
		decided: make(chan error, 1),
	}
	a.mu.Lock()
	a.offer = of
	a.mu.Unlock()
	a.changed()
	select {
	case err := <-of.decided:
		return err
	case <-ctx.Done():
		a.mu.Lock()
		a.offer = nil
		a.mu.Unlock()
		a.changed()
		return ctx.Err()
	}
}

// provisioning follows a provisioning from step to step.
func (a *App) provisioning(r postern.Provisioning) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.State != postern.ProvisioningOffered && a.lease.owner == provisioningOwner {
		a.lock() // the credential is made
	}
	if a.memory.Self != nil {
		found := false
		for i := range a.memory.Self.Provisionings {
			if a.memory.Self.Provisionings[i].ID == r.ID {
				a.memory.Self.Provisionings[i], found = r, true
			}
		}
		if !found && !r.State.Final() {
			a.memory.Self.Provisionings = append(a.memory.Self.Provisionings, r)
		}
	}
	if a.offer != nil && a.offer.view.ID == r.ID && (r.State == postern.ProvisioningSubmitted || r.State == postern.ProvisioningRegistered) {
		a.offer.view.Step = offerSent
	}
	a.changed()
}

// provided says what came of it.
func (a *App) provided(ctx context.Context, r postern.Provisioning, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.providing = false
	if a.lease.owner == provisioningOwner {
		a.lock()
	}
	if err := a.lookAgain(); err != nil && a.ctx.Err() == nil {
		a.host.Log.Error("the vault cannot be read", "error", err)
	}
	if err == nil && r.State.Final() {
		err = phone.Outcome(r)
	} else if err == nil {
		err = errNotYet
	}
	switch {
	case ctx.Err() != nil:
		if a.offer != nil && a.offer.view.Step == offerAsk {
			a.offer = nil
		}
	case errors.Is(err, errNotYet):
		// It goes on by itself, and the next news tell how.
	case r.State == postern.ProvisioningDeclined, r.State == postern.ProvisioningCancelled:
		a.offer = nil
	case err != nil:
		a.host.Log.Info("a provisioning came to nothing", "provisioning", r.ID, "code", problemOf(err).Code)
		if a.offer == nil {
			a.offer = &offer{view: Offer{ID: r.ID, RPID: postern.EntraRPID, RPName: "Microsoft Entra ID", Account: a.account()}}
		}
		a.offer.view.Step, a.offer.view.Problem = offerFailed, problemOf(err)
	case a.offer != nil:
		a.offer.view.Step = offerDone
	}
	a.wakeSync()
	a.changed()
}

var errNotYet = errors.New("the provisioning is still under way")

func (a *App) lookAgain() error {
	if a.vault == nil {
		return nil
	}
	return a.look(a.ctx)
}

// account is the user name. a.mu is held.
func (a *App) account() string {
	if a.memory.Self != nil {
		return a.memory.Self.User.UPN
	}
	if a.identity.Phone != nil {
		return a.identity.Phone.UPN
	}
	return ""
}

// ask asks the control center for a passkey.
func (a *App) ask(context.Context, Ask) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.offer != nil && (a.offer.view.Step == offerFailed || a.offer.view.Step == offerDone) {
		a.offer = nil
	}
	if n := a.forbidden(); n != nil {
		return &Problem{Code: n.Code, Message: n.Message, Next: n.Next}
	}
	if s := a.memory.Self; s != nil && !s.Integration.CanProvision {
		return &Problem{
			Code: postern.CodeFlagOff, Message: "Your organisation does not make passkeys for people from here.",
			Next: "Make it yourself: open Security info (aka.ms/mysecurityinfo) on a paired computer, add a security key, and accept on this phone.",
		}
	}
	a.provide()
	return nil
}

// offerOf finds the offer by its id. a.mu is held.
func (a *App) offerOf(id postern.ProvisioningID) (*offer, error) {
	if a.offer == nil || a.offer.view.ID != id || a.offer.view.Step != offerAsk || len(a.offer.decided) > 0 {
		return nil, over("the offer")
	}
	return a.offer, nil
}

func (a *App) accept(ctx context.Context, in Accept, output []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	o, err := a.offerOf(in.ID)
	if err != nil {
		return err
	}
	if err := a.unlock(ctx, provisioningOwner, output, min(makingTime, vault.MaxWindow)); err != nil {
		return err
	}
	o.view.Step = offerMaking
	o.decided <- nil
	return nil
}

// maxReason is how long the reason of a decline may be, in bytes.
const maxReason = 200

func (a *App) decline(_ context.Context, in Decline) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	o, err := a.offerOf(in.ID)
	if err != nil {
		return err
	}
	if a.mandatory() {
		e := postern.Errorf(postern.CodeEnrolmentMandatory, "")
		return &Problem{Code: e.Code, Message: e.Message, Next: e.Next}
	}
	if len(in.Reason) > maxReason {
		return wrong("reason", "The reason is too long.", "Say it in fewer words.")
	}
	if in.Reason == "" {
		in.Reason = "The user declined."
	}
	o.decided <- errors.New(in.Reason)
	return nil
}
