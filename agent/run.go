package agent

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/agent/join"
	"github.com/postern/postern/link/workstation"
)

// joinEvery is how often this machine's join state is looked at.
const joinEvery = time.Hour

// Run is the agent at work, until ctx ends: connection, sessions, keys. Without an enrolment it makes one with the install
// file, or waits for one. It returns nil.
func (a *Agent) Run(ctx context.Context) error {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	tasks.Go(func() { a.watchJoin(ctx) })
	tasks.Go(func() { a.install(ctx) })
	for ctx.Err() == nil {
		w, keys := a.current()
		if awake := a.begins(); w == nil || !awake {
			select {
			case <-a.new:
			case <-ctx.Done():
			}
			continue
		}
		a.work(ctx, w, keys)
	}
	return nil
}

// work runs one workstation until ctx ends or another takes its place.
func (a *Agent) work(ctx context.Context, w *workstation.Workstation, keys *ring) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var tasks sync.WaitGroup
	tasks.Go(func() {
		if err := w.Run(ctx); err != nil && ctx.Err() == nil {
			a.c.Log.Error("the control center does not take this workstation any more", "error", err)
			a.mu.Lock()
			if a.w == w {
				a.fatal = problemOf(err)
			}
			a.mu.Unlock()
			a.notify()
		}
	})
	a.mu.Lock()
	passkeys := a.duty
	a.mu.Unlock()
	tasks.Go(func() { a.follow(ctx, w, passkeys, keys) })
	for {
		select {
		case <-a.new:
			if next, _ := a.current(); next == w && !a.disturbed() {
				continue
			}
		case <-ctx.Done():
		}
		break
	}
	cancel()
	tasks.Wait()
}

// follow passes on the changes of a workstation: to the offline passkeys, to the keys, and to whoever watches.
func (a *Agent) follow(ctx context.Context, w *workstation.Workstation, passkeys *duty, keys *ring) {
	defer passkeys.done.Wait()
	if keys != nil {
		keys.begin()
		defer keys.close()
	}
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		changed := w.Changed()
		timer.Stop()
		status := w.Status()
		again := passkeys.follow(ctx, status)
		if keys != nil {
			if at := keys.follow(ctx, status); again.IsZero() || !at.IsZero() && at.Before(again) {
				again = at
			}
		}
		if !again.IsZero() {
			timer.Reset(max(again.Sub(a.c.Now()), 0) + time.Millisecond)
		}
		a.notify()
		select {
		case <-changed:
		case <-a.looks:
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// watchJoin keeps the join state, and tells the control center when something of this machine has changed.
func (a *Agent) watchJoin(ctx context.Context) {
	timer := time.NewTicker(joinEvery)
	defer timer.Stop()
	for {
		a.readJoin(ctx)
		a.tellChanges(ctx)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// readJoin reads the join state and keeps it for the view. Where it cannot be told the machine counts as not joined, which
// promises nothing, and the view says why.
func (a *Agent) readJoin(ctx context.Context) join.Status {
	status, err := a.c.Join(ctx)
	view := Join{State: status.State}
	if err != nil {
		status = join.Status{State: postern.JoinNone}
		view.State = postern.JoinNone
		if errors.Is(err, join.ErrNotWindows) {
			view.Problem = "Only Windows can be joined to Entra. On this system the phone works in the browser."
		} else {
			view.Problem = "Windows did not tell how this machine is joined: " + err.Error() + "."
		}
	}
	view.Name, view.SignIn = view.State.Name(), view.State.SignIn()
	view.Supported, view.Support = view.State.Support()
	a.mu.Lock()
	differs := a.join != view
	a.join, a.told = view, status
	a.mu.Unlock()
	if differs {
		a.notify()
	}
	return status
}

func (a *Agent) tellChanges(ctx context.Context) {
	w, _ := a.current()
	told := a.vault.read().Told
	if w == nil || told == nil {
		return
	}
	if next := a.about(*told); next != *told {
		if err := a.tell(ctx, w, next); err != nil && ctx.Err() == nil {
			a.c.Log.Warn("the control center was not told what changed of this machine; it is tried again within the hour", "error", err)
		}
	}
}

// View is how everything stands. It is a copy.
func (a *Agent) View() View {
	w, keys := a.current()
	a.mu.Lock()
	v := View{Software: a.c.Software, System: a.c.System, Join: a.join, Seal: a.vault.seal, Problem: a.fatal, Phones: []Phone{}, Asked: []Request{}, Socket: "none"}
	told, passkeys := a.told, a.duty
	a.mu.Unlock()
	if a.c.Socket != nil {
		v.Socket = a.c.Socket.Name()
	}
	if s := a.c.Remote(); s.Kind != "" {
		v.Remote = &Problem{Message: s.Message(), Next: s.Next()}
	}
	v.Pairing = a.pairs.view()
	if w == nil {
		v.Name = machineName(told)
		return v
	}
	s := w.Status()
	v.Enrolled, v.Server, v.ID, v.Name, v.Application, v.Connected = true, s.Server, string(s.ID), s.Name, s.Application, s.Connected
	v.Notice = problemOfNotice(s.Notice)
	if v.Problem == nil && s.Problem != nil {
		v.Problem = problemOf(s.Problem)
	}
	plugged := map[postern.PairingID]keyView{}
	if keys != nil {
		plugged, v.Asked = keys.view()
	}
	for _, p := range s.Phones {
		one := Phone{
			Pairing: p.Pairing, ID: p.ID, Name: p.Name, UPN: p.UPN, User: p.User, Phase: p.Phase, Incomplete: p.Incomplete,
			Presence: p.Presence.String(), Key: KeyOut, Serial: Serial(p.Pairing), Paired: p.Paired, Problem: barred(s, p),
		}
		if k, ok := plugged[p.Pairing]; ok {
			one.Key = k.state
			if one.Problem == nil {
				one.Problem = k.problem
			}
		}
		var asked *Request
		if one.Offline, asked = passkeys.view(p); asked != nil {
			v.Asked = append(v.Asked, *asked)
		}
		if k := plugged[p.Pairing]; one.Offline != nil {
			one.Offline.TryUntil = k.try
			if k.offline {
				one.Offline.Key, one.Key = k.state, KeyOut
				if one.Offline.Problem == nil {
					one.Offline.Problem, one.Problem = k.problem, barred(s, p)
				}
			}
			one.Offline.Next = nextOffline(one.Offline)
		}
		v.Phones = append(v.Phones, one)
	}
	if v.Asked == nil {
		v.Asked = []Request{}
	}
	return v
}
