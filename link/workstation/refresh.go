package workstation

import (
	"context"
	"errors"
	"reflect"
	"time"

	"github.com/postern/postern"
)

const (
	// refreshEvery is how often the control center is asked when nothing says that there is news.
	refreshEvery = 15 * time.Minute
	// refreshFirst is when it is first asked, unless the relay could be reached by then.
	refreshFirst = 3 * time.Second
	// refreshPause is the least time between two times, and the first pause after a failure.
	refreshPause   = time.Second
	refreshLongest = 5 * time.Minute
)

// Refresh asks the control center what it keeps of the workstation and its phones. Pairings that ended there are
// forgotten. It fails with a [*postern.Error], the context's error or the Keeper's.
func (w *Workstation) Refresh(ctx context.Context) error {
	w.asking.Lock()
	defer w.asking.Unlock()
	known := w.settled()
	var self postern.WorkstationSelf
	var paired []postern.PairedPhone
	err := w.caller.Call(ctx, "GET", "/self", nil, nil, &self)
	if err == nil {
		err = w.caller.Call(ctx, "GET", "/pairings", nil, nil, &paired)
	}
	if err != nil {
		if ctx.Err() == nil {
			w.trouble(err)
		}
		return err
	}
	return w.learn(ctx, known, self, paired)
}

// settled are the pairings that the control center must list: not the one that is being made.
func (w *Workstation) settled() map[postern.PairingID]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	known := make(map[postern.PairingID]bool)
	for _, k := range w.state.Phones {
		if w.pairing == nil || w.pairing.id != k.PairingID {
			known[k.PairingID] = true
		}
	}
	return known
}

// trouble keeps an error for the status.
func (w *Workstation) trouble(err error) {
	problem := postern.AsError(err)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.problem == nil || w.problem.Code != problem.Code || w.problem.Message != problem.Message {
		w.problem = problem
		w.bump()
	}
}

// learn takes over what the control center said. known are the pairings that it was to list when it was asked.
func (w *Workstation) learn(ctx context.Context, known map[postern.PairingID]bool, self postern.WorkstationSelf, paired []postern.PairedPhone) error {
	listed := make(map[postern.PairingID]*postern.PairedPhone, len(paired))
	for i := range paired {
		listed[paired[i].Pairing.ID] = &paired[i]
	}
	update := func(s *State) {
		s.Application, s.Name = self.Integration.ApplicationName, self.Workstation.Name
		var over []postern.PairingID
		for i := range s.Phones {
			k := &s.Phones[i]
			if p := listed[k.PairingID]; p != nil {
				k.Name, k.UPN, k.User, k.Paired = p.Name, p.UPN, p.User, confirmed(*p)
			} else if known[k.PairingID] {
				over = append(over, k.PairingID)
			}
		}
		s.forget(over...)
	}
	w.mu.Lock()
	next := w.state.clone()
	update(next)
	same := reflect.DeepEqual(next, w.state)
	w.mu.Unlock()
	if !same {
		if err := w.keep(ctx, update); err != nil {
			return err
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.status()
	w.problem, w.notice = nil, self.Notice
	mine := make(map[postern.PairingID]bool)
	for _, k := range w.state.Phones {
		mine[k.PairingID] = true
	}
	w.strangers = nil
	for _, p := range paired {
		if !mine[p.Pairing.ID] && (w.pairing == nil || w.pairing.id != p.Pairing.ID) {
			w.strangers = append(w.strangers, p)
		}
	}
	for _, ph := range w.phones {
		if p := listed[ph.known.PairingID]; p != nil {
			ph.told = p
		}
		if ph.notice != nil {
			ph.notice, ph.notBefore = nil, time.Time{}
		}
		ph.drive()
	}
	if !reflect.DeepEqual(before, w.status()) {
		w.bump()
	}
	return nil
}

// refreshing asks the control center at once when there is news, and now and then, until ctx ends. It returns the
// refusal when the control center does not take the workstation.
func (w *Workstation) refreshing(ctx context.Context) error {
	wait, pause := refreshFirst, refreshPause
	for {
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-w.stale:
			timer.Stop()
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		err := w.Refresh(ctx)
		switch {
		case final(err) || ctx.Err() != nil:
			return err
		case err != nil:
			w.env.Log.WarnContext(ctx, "the control center could not be asked for news", "error", err)
			wait, pause = pause, min(2*pause, refreshLongest)
			if e := (*postern.Error)(nil); errors.As(err, &e) {
				wait = max(wait, min(e.After, refreshLongest))
			}
		default:
			wait, pause = refreshEvery, refreshPause
		}
		breath := time.NewTimer(refreshPause) // news come in bursts
		select {
		case <-breath.C:
		case <-ctx.Done():
			breath.Stop()
			return nil
		}
	}
}
