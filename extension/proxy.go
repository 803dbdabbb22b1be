package extension

import (
	"context"
	"errors"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/link/workstation"
)

// Pause is how long the browser's own keys are used after somebody asked for another way: long enough to find a key and to
// start the sign-in again, short enough that nobody wonders later where the phone has gone.
const Pause = 2 * time.Minute

// retryHeld is how often a proxy that another extension holds is asked for again.
const retryHeld = 30 * time.Second

// reconciled keeps the proxy as it should be until ctx ends: attached while a phone can be used and is wanted, detached
// otherwise, so that the browser's own keys work whenever phones cannot.
func (a *App) reconciled(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		if again := a.reconcile(ctx); again > 0 {
			timer.Reset(again)
		}
		select {
		case <-ctx.Done():
			return
		case <-a.poke:
		case <-timer.C:
		}
	}
}

// reconcile brings the proxy about, and says after how long it should be looked at again; 0: when something changes.
func (a *App) reconcile(ctx context.Context) time.Duration {
	now := a.now()
	a.mu.Lock()
	want, was := a.wantsProxy(now), a.proxy
	paused := a.kept.Paused
	a.mu.Unlock()
	is, again := was, time.Duration(0)
	switch {
	case want && was != ProxyAttached:
		switch err := a.host.Attach(ctx); {
		case err == nil:
			is = ProxyAttached
		case errors.Is(err, ErrMissing):
			is = ProxyMissing
		default:
			is, again = ProxyHeld, retryHeld
		}
	case !want:
		if was == ProxyAttached {
			a.endAll(ctx, a.barred())
			if err := a.host.Detach(ctx); err != nil {
				a.log.Error("the proxy does not let go", "err", err)
			}
		}
		is = ProxyOff
		if paused.After(now) {
			is, again = ProxyPaused, paused.Sub(now)+time.Millisecond
		}
	}
	if is != was {
		a.mu.Lock()
		a.proxy = is
		a.mu.Unlock()
		a.show()
	}
	return again
}

// wantsProxy reports whether pages' requests are for the phones now. The caller holds App.mu.
func (a *App) wantsProxy(now time.Time) bool {
	if a.station == nil || a.refused != nil || !a.policy.wanted(!a.kept.Off) || a.kept.Paused.After(now) {
		return false
	}
	status := a.station.Status()
	return status.Notice == nil && len(usable(status)) > 0
}

// barred is why phones are not used any more.
func (a *App) barred() error {
	a.mu.Lock()
	station := a.station
	a.mu.Unlock()
	if station != nil {
		if err := barred(station.Status()); err != nil {
			return err
		}
	}
	return errDetached
}

// barred is what the control center says of why no phone can be used; nil where it says nothing.
func barred(s workstation.Status) error {
	n := s.Notice
	if n == nil && len(s.Phones) > 0 && len(usable(s)) == 0 {
		n = s.Phones[0].Notice
	}
	if n == nil {
		return nil
	}
	return postern.Errorf(n.Code, "%s", n.Message).WithNext(n.Next)
}

// usable gives the phones that may be asked, there or not.
func usable(s workstation.Status) []workstation.Phone {
	var out []workstation.Phone
	for _, p := range s.Phones {
		if p.Notice == nil {
			out = append(out, p)
		}
	}
	return out
}

// attach is the person's switch. It has no say where the policy has.
func (a *App) attach(ctx context.Context, wanted bool) error {
	if err := a.wait(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	set := a.policy.AutoAttach != nil
	a.mu.Unlock()
	if set {
		return postern.Errorf(postern.CodeForbidden, "Your organisation decides whether phones are used in this browser.").
			WithNext("Ask whoever manages this browser.")
	}
	defer a.changed()
	return a.keep(ctx, func(k *kept) { k.Off, k.Paused = !wanted, time.Time{} })
}

// pause gives the browser's own keys a while.
func (a *App) pause(ctx context.Context) error {
	defer a.changed()
	return a.keep(ctx, func(k *kept) { k.Paused = a.now().Add(Pause) })
}

// resume ends a pause.
func (a *App) resume(ctx context.Context) error {
	if err := a.wait(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	seen := a.shown != nil && a.shown.view.Step == RequestOver
	if seen {
		a.shown = nil
	}
	a.mu.Unlock()
	if seen {
		a.window(false)
	}
	defer a.changed()
	return a.keep(ctx, func(k *kept) { k.Paused = time.Time{} })
}
