package app

import (
	"context"
	"slices"
	"time"

	"github.com/postern/postern"
)

// signIn is a sign-in at Entra that was begun.
type signIn struct {
	url   string
	until time.Time
}

// signIn begins a sign-in at Entra. What comes of it the control center tells.
func (a *App) signIn(ctx context.Context, in SignIn) error {
	start, err := a.phone.API.SignIn(ctx, in.Language)
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.signing = &signIn{start.URL, start.ExpiresAt}
	return nil
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
	if a.signing != nil && a.host.Now().Before(a.signing.until) && slices.Contains(s.Missing, postern.ProofSignIn) {
		v.SignIn = a.signing.url
	}
	return v
}
