package app

import (
	"bytes"
	"context"
	"errors"
	"math"
	"strings"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/link/channel"
	"github.com/postern/postern/link/offline"
	"github.com/postern/postern/phone/ceremony"
	"github.com/postern/postern/phone/link"
	"github.com/postern/postern/phone/vault"
)

// vendor answers a request that is for the app and not for its authenticator: the codes for signing in at the workstation
// without a network (docs/offline.md).
func (a *App) vendor(ctx context.Context, r *link.Request) link.Answer {
	m, refusal := ceremony.Offline(r.CTAP)
	if refusal != nil {
		return link.Answer{CTAP: refusal}
	}
	defer m.Batch.Wipe()
	step, reason := a.codesStep(r, m)
	if reason != 0 {
		return link.Answer{Reason: reason}
	}
	var err error
	switch step {
	case ceremony.StepAsk:
		if err = a.askAboutCodes(ctx, r, m); err == nil {
			err = a.agreeToCodes(ctx, r, m.Batch.ID)
		}
	case ceremony.StepTell:
		err = a.agreeToCodes(ctx, r, m.Batch.ID)
	case ceremony.StepTake:
		err = a.takeCodes(ctx, r.Pairing, m)
	case ceremony.StepForget:
		err = a.dropCodes(ctx, r.Pairing)
	}
	switch {
	case err == nil:
		return link.Answer{CTAP: step.Answer()}
	case errors.Is(err, errDenied), errors.Is(err, errPaused), errors.Is(err, authenticator.ErrSealed):
		return link.Answer{CTAP: []byte{byte(ctap.ErrOperationDenied)}}
	case errors.Is(err, link.ErrLate):
		return link.Answer{CTAP: []byte{byte(ctap.ErrUserActionTimeout)}}
	}
	a.host.Log.Info("codes for signing in offline were not taken", "workstation", r.Workstation, "code", problemOf(err).Code)
	return link.Answer{CTAP: []byte{byte(ctap.ErrOther)}}
}

// codesStep says what is to be done about a message, or why nothing now.
func (a *App) codesStep(r *link.Request, m *offline.Message) (ceremony.Step, channel.Reason) {
	a.mu.Lock()
	defer a.mu.Unlock()
	w, paired := a.identity.Workstations[r.Pairing]
	now := a.host.Now()
	step := w.Offline.Look(m, now)
	switch {
	case !paired, a.forbidden() != nil && step != ceremony.StepForget:
		return 0, channel.ReasonNotAllowed
	case a.vault == nil:
		return 0, channel.ReasonLocked
	case step == ceremony.StepAsk && a.lease.owner != 0 && now.Before(a.lease.until):
		return 0, channel.ReasonBusy
	}
	return step, 0
}

// askAboutCodes shows what a workstation wants codes for. The yes keeps them, while the vault is open by it.
func (a *App) askAboutCodes(ctx context.Context, r *link.Request, m *offline.Message) error {
	a.mu.Lock()
	if !a.patienceWith(r.Workstation).Take(a.host.Now()) {
		a.mu.Unlock()
		return errPaused
	}
	ap := a.put(r, Approval{
		Kind: ApproveOffline, RPID: postern.EntraRPID, Accounts: []string{shown(a.account(), maxShownName)}, Biometric: true,
		Terms: &Terms{Codes: m.Batch.Count, Expires: a.ends(m.Batch.Expires), Seconds: int(m.Display / time.Second)},
	})
	ap.then = func(ctx context.Context) error { return a.keepAgreed(ctx, r.Pairing, m) }
	a.mu.Unlock()
	return a.await(ctx, r, ap)
}

// keepAgreed keeps codes that the user said yes to. They count when the control center has taken that. a.mu is held, and
// the vault is open.
func (a *App) keepAgreed(ctx context.Context, id postern.PairingID, m *offline.Message) error {
	c, err := ceremony.NewCodes(m, a.host.Now())
	if err != nil {
		return err
	}
	text, err := ceremony.NewSealed(m)
	if err != nil {
		return err
	}
	defer clear(text)
	if err := a.vault.PutNote(ctx, c.Note(id), text); err != nil {
		return err
	}
	return a.shelve(ctx, id, func(s *ceremony.Shelf) bool { s.Agreed = c; return true })
}

// shelve changes what is kept of the codes of a pairing, and removes the secrets that nothing is kept of any more. change
// answers whether there is still anything to do. a.mu is held.
func (a *App) shelve(ctx context.Context, id postern.PairingID, change func(*ceremony.Shelf) bool) error {
	w, paired := a.identity.Workstations[id]
	was := w
	if !paired || !change(&w.Offline) {
		return over("the request")
	}
	a.identity.Workstations[id] = w
	if err := a.records.write(ctx, identityName, a.identity); err != nil {
		a.identity.Workstations[id] = was
		return err
	}
	a.codesTurn++
	a.sweepCodes(ctx)
	a.changed()
	return nil
}

// agreeToCodes tells the control center of the user's yes. Its word that it has taken it makes the codes count.
func (a *App) agreeToCodes(ctx context.Context, r *link.Request, batch []byte) error {
	a.mu.Lock()
	p := a.phone
	a.mu.Unlock()
	if p == nil {
		return over("the request")
	}
	err := p.API.AgreeOffline(ctx, r.Pairing, batch)
	a.mu.Lock()
	defer a.mu.Unlock()
	agreed := func(s *ceremony.Shelf) bool { return s.Agreed != nil && bytes.Equal(s.Agreed.BatchID, batch) }
	if err == nil {
		return a.shelve(ctx, r.Pairing, func(s *ceremony.Shelf) bool {
			if !agreed(s) {
				return false
			}
			*s = ceremony.Shelf{Current: s.Agreed}
			return true
		})
	}
	if ctx.Err() != nil {
		return err // the workstation asks again with the same batch
	}
	problem := problemOf(err)
	a.notice(Notice{
		ID: "codes:" + string(r.Pairing), Code: problem.Code, Computer: a.computerName(r.Pairing), Dismissible: true,
		Message: "Signing in without a network at " + a.computerName(r.Pairing) + " was not set up. " + problem.Message, Next: problem.Next,
	})
	a.failed(r.Session)
	dropped := a.shelve(ctx, r.Pairing, func(s *ceremony.Shelf) bool {
		if agreed(s) {
			s.Agreed = nil
		}
		return true
	})
	return errors.Join(err, dropped)
}

// takeCodes puts codes in the place of others without asking anybody: they come from the same workstation, and the user
// agreed to the first of them.
func (a *App) takeCodes(ctx context.Context, id postern.PairingID, m *offline.Message) error {
	c, err := ceremony.NewCodes(m, a.host.Now())
	if err != nil {
		return err
	}
	text, err := ceremony.NewSealed(m)
	if err != nil {
		return err
	}
	defer clear(text)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.vault == nil || a.identity.Workstations[id].Offline.Current == nil {
		return authenticator.ErrSealed
	}
	if err := a.vault.MailNote(ctx, c.Note(id), text); err != nil {
		return err
	}
	return a.shelve(ctx, id, func(s *ceremony.Shelf) bool { s.Current = c; return true })
}

// dropCodes forgets the codes of a pairing.
func (a *App) dropCodes(ctx context.Context, id postern.PairingID) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.code != nil && a.code.view.Computer == id {
		a.hide()
	}
	if a.identity.Workstations[id].Offline == (ceremony.Shelf{}) {
		return nil
	}
	return a.shelve(ctx, id, func(s *ceremony.Shelf) bool { *s = ceremony.Shelf{}; return true })
}

// dropAllCodes forgets all codes, of a phone that was removed as a whole. a.mu is held.
func (a *App) dropAllCodes(ctx context.Context) {
	a.hide()
	had := false
	for id, w := range a.identity.Workstations {
		had = had || w.Offline != (ceremony.Shelf{})
		w.Offline = ceremony.Shelf{}
		a.identity.Workstations[id] = w
	}
	if !had {
		return
	}
	if err := a.records.write(ctx, identityName, a.identity); err != nil {
		a.host.Log.Error("codes of a phone that was removed are still kept", "error", err)
		return
	}
	a.sweepCodes(ctx)
}

// endCodes forgets codes of which the control center says that they no longer count, and reports whether there were any. What it
// said before the codes changed here is asked again. a.mu is held.
func (a *App) endCodes() (ended bool) {
	for _, p := range a.memory.Self.Pairings {
		id := p.Pairing.ID
		w, paired := a.identity.Workstations[id]
		if !paired || w.Offline.Current == nil || p.Offline == nil || p.Offline.State != postern.OfflineEnding && p.Offline.State != postern.OfflineEnded {
			continue
		}
		if a.codesTurn != a.codesAsked {
			a.wakeSync()
			return ended
		}
		if a.code != nil && a.code.view.Computer == id {
			a.hide()
		}
		w.Offline.Current = nil
		a.identity.Workstations[id] = w
		ended = true
		a.notice(Notice{
			ID: "codes:" + string(id), Code: CodeCodesGone, Computer: a.computerName(id), Dismissible: true,
			Message: "Signing in without a network at " + a.computerName(id) + " has ended: at the computer, or by your organisation. The codes for it are deleted.",
			Next:    "If you did not expect that, ask your help desk.",
		})
	}
	return ended
}

// sweepCodes removes the secrets of codes that nothing is kept of. A crash between two writes leaves such. a.mu is held.
func (a *App) sweepCodes(ctx context.Context) {
	if a.vault == nil {
		return
	}
	wanted := map[string]bool{}
	for id, w := range a.identity.Workstations {
		for _, c := range []*ceremony.Codes{w.Offline.Current, w.Offline.Agreed} {
			if c != nil {
				wanted[c.Note(id)] = true
			}
		}
	}
	names, err := a.vault.Notes(ctx)
	for _, name := range names {
		if err == nil && strings.HasPrefix(name, ceremony.CodeNotes) && !wanted[name] {
			err = a.vault.DeleteNote(ctx, name)
		}
	}
	if err != nil {
		a.host.Log.Error("codes that are not wanted any more are still kept", "error", err)
	}
}

// codesOwner stands for a code that is shown, as provisioningOwner does for a provisioning.
const codesOwner = math.MaxUint64 - 1

// codeWindow is how long the vault is open for one code at most.
const codeWindow = 30 * time.Second

// shownCode is a code on the screen.
type shownCode struct {
	view  Code
	timer *time.Timer
}

// showCode shows the next code of a computer. That it was shown is kept first: whatever happens then, no code is shown
// twice. It asks nobody but this phone.
func (a *App) showCode(ctx context.Context, in ShowCode, output []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	w, paired := a.identity.Workstations[in.Computer]
	now := a.host.Now()
	switch {
	case !paired || w.Offline.Current == nil:
		return over("what signs in without a network at this computer")
	case a.lease.owner != 0 && now.Before(a.lease.until):
		return wrong("", "The phone is answering a computer just now.", "Try again in half a minute.")
	}
	if err := a.unlock(ctx, codesOwner, output, codeWindow); err != nil {
		return err
	}
	defer a.lock()
	code, c, err := a.drawCode(ctx, in.Computer, w.Offline.Current)
	if errors.Is(err, ceremony.ErrNoCodes) { // the app was closed between showing the last one and noting it here
		used := *w.Offline.Current
		used.Next = used.Codes
		err = errors.Join(err, a.shelve(ctx, in.Computer, func(s *ceremony.Shelf) bool { s.Current = &used; return true }))
	}
	if err != nil {
		return a.codeProblem(in.Computer, err)
	}
	if err := a.shelve(ctx, in.Computer, func(s *ceremony.Shelf) bool { s.Current = c; return true }); err != nil {
		return err
	}
	a.hide()
	until := now.Add(time.Duration(c.Display) * time.Second)
	shows := &shownCode{view: Code{
		Computer: in.Computer, Workstation: a.computerName(in.Computer), Code: code, Shown: now.UTC(), Until: until.UTC(), Left: c.Left(), State: a.viewCodes(c).State,
	}}
	shows.timer = time.AfterFunc(until.Sub(now), func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.code == shows {
			a.hide()
		}
	})
	a.code = shows
	act := Activity{At: now.UTC(), Kind: activityCode, Outcome: outcomeAccepted, RPID: postern.EntraRPID, Account: shown(a.account(), maxShownName), Workstation: shows.view.Workstation}
	a.memory.Activity = append([]Activity{act}, a.memory.Activity[:min(len(a.memory.Activity), maxActivities-1)]...)
	a.remembered()
	return nil
}

// drawCode takes the next code out of its note. a.mu is held, and the vault is open.
func (a *App) drawCode(ctx context.Context, id postern.PairingID, known *ceremony.Codes) (string, *ceremony.Codes, error) {
	name := known.Note(id)
	text, err := a.vault.Note(ctx, name)
	if err != nil {
		return "", nil, err
	}
	defer clear(text)
	code, c, rest, err := ceremony.Sealed(text).Draw()
	if err != nil {
		return "", nil, err
	}
	defer clear(rest)
	if !bytes.Equal(c.Digest, known.Digest) {
		return "", nil, offline.ErrBatch
	}
	c.Accepted = known.Accepted
	if err := a.vault.PutNote(ctx, name, rest); err != nil {
		return "", nil, err
	}
	return code, c, nil
}

// codeProblem is why there is no code. a.mu is held.
func (a *App) codeProblem(id postern.PairingID, err error) error {
	name := a.computerName(id)
	next := "Open the app near " + name + " with a network to get new ones."
	_, refused := errors.AsType[*vault.RecordError](err)
	switch {
	case errors.Is(err, ceremony.ErrNoCodes):
		return &Problem{Code: CodeCodesNone, Message: "Every code for " + name + " has been shown.", Next: next}
	case refused, errors.Is(err, authenticator.ErrNotFound), errors.Is(err, offline.ErrBatch):
		return &Problem{Code: CodeCodesDamaged, Message: "What is kept of the codes for " + name + " is damaged.", Next: next}
	}
	return err
}

// hide takes a code off the screen. a.mu is held.
func (a *App) hide() {
	if a.code == nil {
		return
	}
	a.code.timer.Stop()
	a.code = nil
	a.changed()
}

func (a *App) hideCode(context.Context, HideCode) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.hide()
	return nil
}

// forgetCodes ends signing in without a network at a computer. The control center is told first, so that the passkey on the
// computer ends too.
func (a *App) forgetCodes(ctx context.Context, in ForgetCodes) error {
	a.mu.Lock()
	p, has := a.phone, a.identity.Workstations[in.Computer].Offline.Current != nil
	a.mu.Unlock()
	if !has || p == nil {
		return over("what signs in without a network at this computer")
	}
	ctx, cancel := context.WithTimeout(ctx, unpairTime)
	defer cancel()
	err := p.API.EndOffline(ctx, in.Computer)
	if err != nil && !postern.IsCode(err, postern.CodeNotFound) && !postern.IsCode(err, postern.CodeOfflineState) {
		return err
	}
	a.wakeSync()
	return a.dropCodes(ctx, in.Computer)
}

// viewCodes is what may be shown of codes. a.mu is held.
func (a *App) viewCodes(c *ceremony.Codes) *Codes {
	if c == nil {
		return nil
	}
	v := &Codes{State: CodesReady, Left: c.Left(), Expires: a.ends(c.Expires)}
	switch {
	case !a.host.Now().Before(v.Expires):
		v.State = CodesExpired
	case v.Left == 0:
		v.State = CodesNone
	case c.Low():
		v.State = CodesLow
	}
	return v
}

// ends is when codes end by this phone's clock, within the years that JSON can tell of.
func (a *App) ends(t time.Time) time.Time {
	if own := a.byOwnClock(t); own.Year() < 9999 {
		return own
	}
	return t.UTC()
}
