package app

import (
	"context"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/phone"
)

// signIn is a sign-in at Entra that was begun.
type signIn struct {
	SignInView
	ticket string // where the phone is to be enrolled with it
	until  time.Time
}

// signIn begins a sign-in at Entra. What comes of it the control center tells.
func (a *App) signIn(ctx context.Context, in SignIn) error {
	start, err := a.phone.API.SignIn(ctx, in.Language)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.signing = &signIn{SignInView{start.URL, start.Number}, "", start.ExpiresAt}
	return nil
}

// lookForSignIn asks whether a sign-in at Entra is enough to set this phone up. Where it is not, nothing is said: a code
// is what most have.
func (a *App) lookForSignIn(ctx context.Context, in LookForSignIn) error {
	offer, err := phone.SignInOffer(ctx, a.host.Server, in.Integration, a.plainEnv())
	a.mu.Lock()
	defer a.mu.Unlock()
	a.signInOffer = nil
	if err == nil {
		a.signInOffer = &offer
	}
	return nil
}

// enrolBySignIn begins a sign-in with which this phone is to be enrolled. Its ticket lasts as long as the app is open.
func (a *App) enrolBySignIn(ctx context.Context, in EnrolBySignIn) error {
	a.mu.Lock()
	offer, enrolled := a.signInOffer, a.phone != nil
	a.mu.Unlock()
	if enrolled || offer == nil {
		return postern.Errorf(postern.CodeEnrolmentOff, "")
	}
	start, err := phone.BeginSignIn(ctx, a.host.Server, postern.SignInInput{
		IntegrationID: offer.IntegrationID, Name: in.Name, Platform: in.Platform, Language: in.Language,
	}, a.plainEnv())
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.signing, a.setupFail = &signIn{SignInView{start.URL, start.Number}, start.Ticket, start.ExpiresAt}, nil
	return nil
}

// plainEnv is what calls need that no phone signs.
func (a *App) plainEnv() phone.Env {
	return phone.Env{Random: a.host.Random, Now: a.host.Now, Transport: a.traffic}
}

// ticket is what a sign-in left to enrol with; empty when there was none, or its time is over. a.mu is held.
func (a *App) ticket() string {
	if a.signing == nil || !a.host.Now().Before(a.signing.until) {
		return ""
	}
	return a.signing.ticket
}

// viewSignIn is the sign-in under way. a.mu is held.
func (a *App) viewSignIn() *SignInView {
	if a.signing == nil || !a.host.Now().Before(a.signing.until) {
		return nil
	}
	v := a.signing.SignInView
	return &v
}

// standing is what the control center said last of what the user may or must do. a.mu is held.
func (a *App) standing() *postern.PhoneStanding {
	if a.memory.Self == nil {
		return nil
	}
	return a.memory.Self.Enrolment
}

func (a *App) mandatory() bool {
	s := a.standing()
	return s != nil && s.Mode == postern.EnrolmentMandatory
}

// viewEnrolment says what a passkey waits for, until there is one.
func (a *App) viewEnrolment(keys []Key) *Enrolment {
	s := a.standing()
	made := slices.ContainsFunc(keys, func(k Key) bool { return k.RPID == postern.EntraRPID && k.State == KeyReady })
	if s == nil || made || len(s.Missing) == 0 && s.Mode != postern.EnrolmentMandatory {
		return nil
	}
	v := &Enrolment{
		Mandatory: a.mandatory(), CanAsk: s.CanAsk, Missing: slices.Clone(s.Missing), Approvals: s.Approvals, Needed: s.Needed, Fingerprint: s.Fingerprint,
	}
	if v.Missing == nil {
		v.Missing = []postern.Proof{}
	}
	if slices.Contains(s.Missing, postern.ProofSignIn) {
		v.SignIn = a.viewSignIn()
	}
	return v
}
