package app

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/phone/link"
)

// pairing is a pairing being made, and what the user says to its digits.
type pairing struct {
	view    Pairing
	id      postern.PairingID
	cancel  context.CancelFunc
	decided chan bool
}

func (a *App) pair(_ context.Context, in Pair) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.pairing != nil && !a.pairing.over():
		return wrong("", "Another pairing is under way.", "Finish or refuse it first.")
	case a.link == nil:
		return &Problem{Code: CodeNoNetwork, Message: "The phone has not reached your organisation's control center yet.", Next: "Check the network and try again."}
	case in.Text == "":
		return wrong("text", "There is no code.", "Scan the QR code of the computer, or type the characters it shows.")
	}
	ctx, cancel := context.WithCancel(a.live)
	p := &pairing{view: Pairing{Step: PairingJoining, Deadline: a.host.Now().Add(postern.PairingWindow).UTC()}, cancel: cancel, decided: make(chan bool, 1)}
	a.pairing = p
	l := a.link
	a.work("a pairing", func() {
		defer cancel()
		c, err := l.Pair(ctx, in.Text, &pairer{a, p})
		a.paired(p, c, err)
	})
	return nil
}

func (p *pairing) over() bool { return p.view.Step == PairingDone || p.view.Step == PairingFailed }

// pairer is the person of a pairing.
type pairer struct {
	a *App
	p *pairing
}

// Joined implements [link.Person].
func (p *pairer) Joined(c link.Candidate) {
	p.a.mu.Lock()
	p.p.id = c.Pairing
	p.p.view.Deadline, p.p.view.Notice = p.a.byOwnClock(c.Deadline), problemOfNotice(c.Notice)
	p.a.mu.Unlock()
	p.a.changed()
}

// Compare implements [link.Person].
func (p *pairer) Compare(ctx context.Context, c link.Candidate) error {
	p.a.mu.Lock()
	p.p.view.Step, p.p.view.Workstation, p.p.view.Digits = PairingCompare, c.Name, c.Digits
	p.a.mu.Unlock()
	p.a.changed()
	select {
	case same := <-p.p.decided:
		if !same {
			return link.ErrDifferent
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	p.a.mu.Lock()
	p.p.view.Step = PairingWaiting
	p.a.mu.Unlock()
	p.a.changed()
	return nil
}

// Keep implements [link.Person].
func (p *pairer) Keep(ctx context.Context, c link.Candidate) error {
	a := p.a
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.identity.Workstations == nil {
		a.identity.Workstations = map[postern.PairingID]workstation{}
	}
	a.identity.Workstations[c.Pairing] = workstation{
		ID: c.ID, Key: bytes.Clone(c.Key[:]), Name: c.Name, Unconfirmed: true, Paired: a.host.Now().UTC(),
	}
	if err := a.records.write(ctx, identityName, a.identity); err != nil {
		return err
	}
	a.link.SetWorkstations(a.workstations())
	return nil
}

// paired says what came of a pairing.
func (a *App) paired(p *pairing, c link.Candidate, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.changed()
	if err == nil {
		err = a.confirmed(c)
	}
	if err == nil {
		p.view.Step, p.view.Notice = PairingDone, problemOfNotice(c.Notice)
		a.wakeSync()
		return
	}
	a.host.Log.Info("a pairing came to nothing", "code", problemOf(err).Code)
	if w, ok := a.identity.Workstations[p.id]; ok && w.Unconfirmed {
		delete(a.identity.Workstations, p.id)
		if err := a.records.write(a.ctx, identityName, a.identity); err != nil {
			a.host.Log.Error("a pairing that came to nothing is still kept", "error", err)
		}
		if a.link != nil {
			a.link.SetWorkstations(a.workstations())
		}
	}
	p.view.Step, p.view.Problem = PairingFailed, pairingProblem(err)
}

// confirmed lets the workstation ask. A pairing the same workstation had before has ended with this one. a.mu is held.
func (a *App) confirmed(c link.Candidate) error {
	for id, w := range a.identity.Workstations {
		if w.ID == c.ID && id != c.Pairing {
			delete(a.identity.Workstations, id)
			delete(a.memory.Computers, id)
		}
	}
	w, ok := a.identity.Workstations[c.Pairing]
	if !ok {
		return over("the pairing")
	}
	w.Unconfirmed = false
	a.identity.Workstations[c.Pairing] = w
	if err := a.records.write(a.ctx, identityName, a.identity); err != nil {
		return err
	}
	a.sweepCodes(a.ctx)
	a.link.SetWorkstations(a.workstations())
	return nil
}

func pairingProblem(err error) *Problem {
	if errors.Is(err, link.ErrDifferent) {
		return &Problem{
			Code: postern.CodePairingState, Message: "You refused the pairing, so nothing was paired.",
			Next: "If the digits differed, somebody may have stood in between: show a new code at the computer and try once more, and tell your help desk if they differ again.",
		}
	}
	return problemOf(err)
}

func problemOfNotice(n *postern.PhoneNotice) *Problem {
	if n == nil {
		return nil
	}
	return &Problem{Code: n.Code, Message: n.Message, Next: n.Next}
}

func (a *App) compared(same bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	p := a.pairing
	switch {
	case p == nil || p.over():
		return over("the pairing")
	case p.view.Step != PairingCompare:
		if same {
			return over("the question")
		}
		p.cancel()
		return nil
	}
	select {
	case p.decided <- same:
	default:
	}
	return nil
}

// close puts away what is over; a pairing that is not is given up.
func (a *App) close(context.Context, Close) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.pairing != nil {
		a.pairing.cancel()
		a.pairing = nil
	}
	if a.offer != nil && (a.offer.view.Step == offerDone || a.offer.view.Step == offerFailed || a.offer.view.Step == offerSent) {
		a.offer = nil
	}
	return nil
}

// unpairTime bounds telling the control center that a pairing is over.
const unpairTime = 20 * time.Second

// unpair ends a pairing. The control center is told first, so that the other end learns of it.
func (a *App) unpair(ctx context.Context, in Unpair) error {
	a.mu.Lock()
	_, known := a.identity.Workstations[in.Computer]
	l := a.link
	a.mu.Unlock()
	if !known || l == nil {
		return over("the computer")
	}
	ctx, cancel := context.WithTimeout(ctx, unpairTime)
	defer cancel()
	if err := l.Unpair(ctx, in.Computer); err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.identity.Workstations, in.Computer)
	delete(a.memory.Computers, in.Computer)
	if err := a.records.write(ctx, identityName, a.identity); err != nil {
		return err
	}
	a.sweepCodes(ctx)
	l.SetWorkstations(a.workstations())
	a.remembered()
	a.wakeSync()
	return nil
}
