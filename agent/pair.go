package agent

import (
	"context"
	"slices"
	"sync"

	"github.com/postern/postern"
	"github.com/postern/postern/link/workstation"
)

// flow is one pairing as people go through it. The link's own states are package workstation's.
type flow struct {
	view   Pairing
	answer chan bool // whether both show the same digits
	cancel context.CancelFunc
	done   chan struct{}
}

// pairs holds the pairing under way, at most one.
type pairs struct {
	changed func()
	running sync.WaitGroup

	mu   sync.Mutex
	flow *flow
}

// begin opens a pairing and returns once there is something to show. The one before is put away.
func (p *pairs) begin(base, ctx context.Context, w *workstation.Workstation, typed bool) error {
	p.putAway()
	before := w.Status().Phones
	pairing, err := w.Pair(ctx, typed)
	if err != nil {
		return err
	}
	running, cancel := context.WithCancel(base)
	f := &flow{
		view:   Pairing{Step: PairingOpen, Typed: typed, URL: pairing.URL(), Code: pairing.Code(), Expires: pairing.Expires()},
		answer: make(chan bool, 1), cancel: cancel, done: make(chan struct{}),
	}
	p.mu.Lock()
	p.flow = f
	p.mu.Unlock()
	p.running.Go(func() {
		defer close(f.done)
		defer cancel()
		defer pairing.Close()
		err := p.run(running, f, pairing)
		p.change(f, func(v *Pairing) {
			v.URL, v.Code, v.Digits = "", "", ""
			if err != nil {
				v.Step, v.Problem = PairingFailed, pairingProblem(running, err)
				return
			}
			v.Step, v.Pairing = PairingDone, newest(before, w.Status().Phones)
		})
	})
	p.changed()
	return nil
}

func (p *pairs) run(ctx context.Context, f *flow, pairing *workstation.Pairing) error {
	candidate, err := pairing.Wait(ctx)
	if err != nil {
		return err
	}
	p.change(f, func(v *Pairing) {
		v.Step, v.Digits, v.Name, v.Expires = PairingCompare, candidate.Digits, candidate.Name, pairing.Expires()
		v.URL, v.Code = "", ""
	})
	ctx, cancel := context.WithDeadline(ctx, pairing.Expires())
	defer cancel()
	select {
	case same := <-f.answer:
		if !same {
			if err := pairing.Refuse(ctx); err != nil {
				return err
			}
			return errDifferent
		}
	case <-ctx.Done():
		return ctx.Err()
	}
	p.change(f, func(v *Pairing) { v.Step = PairingConfirming })
	return pairing.Confirm(ctx)
}

var errDifferent = postern.Errorf(postern.CodeConflict, "The digits were different, so the phone was not paired.").
	WithNext("Start pairing again. If the digits differ again, tell your administrator: somebody may stand in between.")

// pairingProblem is why a pairing ended.
func pairingProblem(ctx context.Context, err error) *Problem {
	switch {
	case ctx.Err() != nil:
		return &Problem{postern.CodePairingExpired, "The pairing was cancelled.", "Start pairing again."}
	case isDeadline(err):
		return &Problem{postern.CodePairingExpired, "The time for pairing was over.", "Start pairing again, and compare the digits within three minutes."}
	}
	return problemOf(err)
}

// newest finds the pairing that was not there before.
func newest(before, after []workstation.Phone) postern.PairingID {
	for _, phone := range after {
		if !slices.ContainsFunc(before, func(b workstation.Phone) bool { return b.Pairing == phone.Pairing }) {
			return phone.Pairing
		}
	}
	return ""
}

// decide answers whether both show the same digits.
func (p *pairs) decide(same bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flow == nil || p.flow.view.Step != PairingCompare {
		return postern.Errorf(postern.CodeConflict, "There are no digits to compare at the moment.").WithNext("Start pairing, and scan the code with the phone.")
	}
	select {
	case p.flow.answer <- same:
	default:
	}
	return nil
}

// putAway ends the pairing under way and forgets what is shown of it.
func (p *pairs) putAway() {
	p.mu.Lock()
	f := p.flow
	p.flow = nil
	p.mu.Unlock()
	if f == nil {
		return
	}
	f.cancel()
	<-f.done
	p.changed()
}

// change changes what is shown of a pairing.
func (p *pairs) change(f *flow, change func(*Pairing)) {
	p.mu.Lock()
	change(&f.view)
	p.mu.Unlock()
	p.changed()
}

func (p *pairs) view() *Pairing {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.flow == nil {
		return nil
	}
	v := p.flow.view
	return &v
}
