package app

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/phone/ceremony"
	"github.com/postern/postern/phone/link"
	"github.com/postern/postern/phone/vault"
)

// person is the user as the authenticator of one session asks him.
type person struct {
	a *App
	r *link.Request // the one in hand
}

var (
	_ authenticator.User    = (*person)(nil)
	_ authenticator.Chooser = (*person)(nil)
)

func (p *person) begin(r *link.Request) { p.r = r }

// Verification implements [authenticator.User].
func (p *person) Verification() authenticator.Verification { return authenticator.VerificationReady }

// Present implements [authenticator.User].
func (p *person) Present(ctx context.Context, q authenticator.Prompt) error {
	return p.ask(ctx, q, vault.NeedsUnlock(q.Reason))
}

// Verify implements [authenticator.User]. Who is to be verified shows it by the biometric, whatever the answer is for.
func (p *person) Verify(ctx context.Context, q authenticator.Prompt) error {
	return p.ask(ctx, q, true)
}

// Choose implements [authenticator.Chooser]. The user has accepted by then, and picks.
func (p *person) Choose(ctx context.Context, q authenticator.Prompt) (int, error) {
	a := p.a
	a.mu.Lock()
	ap := a.raise(p.r, q, false)
	ap.view.Choosing = true
	a.mu.Unlock()
	a.changed()
	defer a.takeDown(ap)
	p.r.Waiting(true)
	defer p.r.Waiting(false)
	select {
	case i := <-ap.chosen:
		return i, nil
	case err := <-ap.decided:
		a.outcome(p.r, ap, err)
		return 0, answerOf(err)
	case <-ctx.Done():
		a.outcome(p.r, ap, context.Cause(ctx))
		return 0, answerOf(context.Cause(ctx))
	}
}

// ask shows a request and waits for what the user makes of it.
func (p *person) ask(ctx context.Context, q authenticator.Prompt, biometric bool) error {
	a := p.a
	a.mu.Lock()
	if !a.patienceWith(p.r.Workstation).Take(a.host.Now()) {
		a.mu.Unlock()
		return answerOf(errPaused)
	}
	ap := a.raise(p.r, q, biometric)
	a.mu.Unlock()
	return answerOf(a.await(ctx, p.r, ap))
}

// await waits for what the user makes of a request on the screen, and remembers it.
func (a *App) await(ctx context.Context, r *link.Request, ap *approval) error {
	a.changed()
	defer a.takeDown(ap)
	r.Waiting(true)
	defer r.Waiting(false)
	var err error
	select {
	case err = <-ap.decided:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	a.outcome(r, ap, err)
	return err
}

func answerOf(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errDenied), errors.Is(err, errPaused):
		return authenticator.ErrDenied
	case errors.Is(err, link.ErrLate):
		return authenticator.ErrTimeout
	}
	return context.Canceled
}

// approval is a request that waits for the user.
type approval struct {
	view      Approval
	session   uint64
	unlocks   bool // accepting leaves the vault open for what follows
	biometric bool
	// then is done with the vault open before the request is accepted; the vault is closed after it. a.mu is held.
	then    func(ctx context.Context) error
	decided chan error // nil: accepted
	chosen  chan int
}

var approvals = map[authenticator.Reason]string{
	authenticator.ReasonRegister: ApproveRegister, authenticator.ReasonSignIn: ApproveSignIn, authenticator.ReasonExcluded: ApproveTouch,
	authenticator.ReasonSelect: ApproveTouch, authenticator.ReasonManage: ApproveManage, authenticator.ReasonReset: ApproveReset,
}

// raise puts a request on the screen. a.mu is held.
func (a *App) raise(r *link.Request, q authenticator.Prompt, biometric bool) *approval {
	v := Approval{Kind: approvals[q.Reason], RPID: shown(q.RPID, maxShownRPID), RPName: shown(q.RPName, maxShownName), Accounts: []string{}, Biometric: biometric}
	for _, u := range q.Accounts {
		name := u.Name
		if name == "" {
			name = u.DisplayName
		}
		v.Accounts = append(v.Accounts, shown(name, maxShownName))
	}
	ap := a.put(r, v)
	ap.unlocks = vault.NeedsUnlock(q.Reason)
	return ap
}

// put puts a request on the screen, with what is the same for all. a.mu is held.
func (a *App) put(r *link.Request, v Approval) *approval {
	a.asked++
	v.ID, v.Workstation, v.Program, v.Number = strconv.FormatUint(a.asked, 10), a.computerName(r.Pairing), r.Program, r.Number
	v.Asked, v.Deadline = a.host.Now().UTC(), a.byOwnClock(r.Deadline)
	a.approval = &approval{view: v, session: r.Session, biometric: v.Biometric, decided: make(chan error, 1), chosen: make(chan int, 1)}
	return a.approval
}

// byCenterClock is a time of the phone's as the control center's clock shows it. a.mu is held.
func (a *App) byCenterClock(t time.Time) time.Time { return t.Add(a.phone.API.Offset()).UTC() }

// byOwnClock is a time of the control center's as the phone's clock shows it, by which the screen counts. a.mu is held.
func (a *App) byOwnClock(t time.Time) time.Time { return t.Add(-a.phone.API.Offset()).UTC() }

func (a *App) takeDown(ap *approval) {
	a.mu.Lock()
	if a.approval == ap {
		a.approval = nil
	}
	a.mu.Unlock()
	a.changed()
}

// pending finds the request on the screen by its id. a.mu is held.
func (a *App) pending(id string) (*approval, error) {
	if a.approval == nil || a.approval.view.ID != id {
		return nil, over("the request")
	}
	return a.approval, nil
}

// approve accepts a request: the biometric opens the vault for it before it goes on.
func (a *App) approve(ctx context.Context, in Approve, output []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	ap, err := a.pending(in.ID)
	if err != nil {
		return err
	}
	if ap.view.Choosing || len(ap.decided) > 0 {
		return over("the question")
	}
	if ap.biometric {
		now := a.host.Now()
		if err := a.unlock(ctx, ap.session, output, min(max(ap.view.Deadline.Sub(now), 0)+ceremony.AfterToken, vault.MaxWindow)); err != nil {
			return err
		}
		if ap.then != nil {
			err := ap.then(ctx)
			a.lock()
			if err != nil {
				return err
			}
		} else if !ap.unlocks { // it has verified the user, and nothing is to be decrypted
			a.lock()
		}
	}
	decide(ap, nil)
	return nil
}

func decide(ap *approval, err error) {
	select {
	case ap.decided <- err:
	default:
	}
}

func (a *App) deny(_ context.Context, in Deny) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	ap, err := a.pending(in.ID)
	if err != nil {
		return err
	}
	if ap.view.Choosing {
		a.lock()
	}
	decide(ap, errDenied)
	return nil
}

func (a *App) choose(_ context.Context, in Choose) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	ap, err := a.pending(in.ID)
	if err != nil {
		return err
	}
	if !ap.view.Choosing || in.Account < 0 || in.Account >= len(ap.view.Accounts) {
		return wrong("account", "There is no such account to choose.", "Choose one of those that are shown.")
	}
	select {
	case ap.chosen <- in.Account:
	default:
	}
	return nil
}

// The outcomes of an [Activity].
const (
	outcomeAccepted  = "accepted"
	outcomeDenied    = "denied"
	outcomeLate      = "late"
	outcomeCancelled = "cancelled"
	outcomeFailed    = "failed"
)

// outcome remembers what came of a question.
func (a *App) outcome(r *link.Request, ap *approval, err error) {
	out := outcomeCancelled
	switch {
	case err == nil:
		out = outcomeAccepted
	case errors.Is(err, errDenied):
		out = outcomeDenied
	case errors.Is(err, link.ErrLate):
		out = outcomeLate
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	now := a.host.Now().UTC()
	act := Activity{At: now, Kind: ap.view.Kind, Outcome: out, RPID: ap.view.RPID, Workstation: ap.view.Workstation, session: r.Session}
	if len(ap.view.Accounts) == 1 {
		act.Account = ap.view.Accounts[0]
	}
	if last := a.memory.Activity; ap.view.Choosing && len(last) > 0 && last[0].session == r.Session {
		last[0].Outcome = out // it was accepted, and given up at the choice
	} else {
		a.memory.Activity = append([]Activity{act}, last[:min(len(last), maxActivities-1)]...)
	}
	if out != outcomeCancelled && a.patienceWith(r.Workstation).Answered(err == nil, now) {
		a.notice(Notice{
			ID: pausedNotice(r.Workstation), Code: CodeComputerPaused, Computer: ap.view.Workstation, Dismissible: true,
			Message: "The computer " + ap.view.Workstation + " has asked several times in a row for what you did not accept, and is not listened to for five minutes.",
			Next:    "If you are signing in there yourself, dismiss this notice and try again. If it is not you, unpair the computer and tell your help desk.",
		})
	}
	a.remembered()
}

// failed marks what was accepted and did not come off. a.mu is held.
func (a *App) failed(session uint64) {
	if all := a.memory.Activity; len(all) > 0 && all[0].session == session && all[0].Outcome == outcomeAccepted && a.host.Now().Sub(all[0].At) < time.Minute && all[0].Kind != ApproveTouch {
		all[0].Outcome = outcomeFailed
		a.remembered()
	}
}
