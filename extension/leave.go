package extension

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/postern/postern/link/workstation"
)

// left is a place at a control center that was given up here and is not known to be there.
type left struct {
	// Workstation is what signs the word: nothing of its pairings is in it.
	Workstation *workstation.State `json:"workstation"`
	Since       time.Time          `json:"since"`
}

const (
	maxLeft   = 4                   // places that are remembered; the oldest goes first
	leftFor   = 30 * 24 * time.Hour // after which nobody is told any more
	leftAgain = time.Minute         // between attempts
)

// leave gives the browser's place at the control center up, and forgets everything. A control center that cannot be
// reached keeps nobody from that: it is told later, signed with the keys of the place, which are kept until then.
func (a *App) leave(ctx context.Context) error {
	w, err := a.enrolled(ctx)
	if err != nil {
		return err
	}
	untold := w.Leave(ctx)
	if errors.Is(untold, context.Canceled) {
		return untold
	}
	a.endAll(ctx, errLeft)
	a.mu.Lock()
	stop, stopped := a.stopRun, a.stopped
	a.mu.Unlock()
	stop()
	select {
	case <-stopped: // so that nothing is kept after the erasure
	case <-ctx.Done():
		return ctx.Err()
	}
	a.saving.Lock()
	defer a.saving.Unlock()
	a.mu.Lock()
	next := kept{Version: keptVersion, Left: a.kept.Left}
	if s := a.kept.Workstation; untold != nil && s != nil {
		a.log.Warn("the control center does not know yet that this browser left", "err", untold)
		word := *s
		word.Phones = nil
		next.Left = append(slices.Clone(next.Left), left{&word, a.now()})
		next.Left = next.Left[max(0, len(next.Left)-maxLeft):]
	}
	a.mu.Unlock()
	if err := a.saveLeft(ctx, next); err != nil {
		return err
	}
	a.mu.Lock()
	a.kept = next
	a.station, a.refused, a.pairing, a.diagnosis, a.setup = nil, nil, nil, nil, Setup{}
	a.mu.Unlock()
	select {
	case a.gone <- struct{}{}:
	default:
	}
	a.changed()
	return nil
}

// saveLeft saves what is kept of a browser that is nowhere: nothing at all where everybody knows.
func (a *App) saveLeft(ctx context.Context, k kept) error {
	if len(k.Left) == 0 {
		return a.host.Save(ctx, nil)
	}
	data, err := json.Marshal(k)
	if err != nil {
		return err
	}
	return a.host.Save(ctx, data)
}

// departing tells every control center that was left that this browser is gone, until all know.
func (a *App) departing(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.gone:
		case <-timer.C:
		}
		a.mu.Lock()
		places := slices.Clone(a.kept.Left)
		a.mu.Unlock()
		for _, place := range places {
			if a.told(ctx, place) {
				if err := a.keep(ctx, func(k *kept) {
					k.Left = slices.DeleteFunc(slices.Clone(k.Left), func(l left) bool { return l.Workstation.ID == place.Workstation.ID })
				}); err != nil {
					a.log.Error("a control center was told that this browser left, which was not kept", "err", err)
				}
				a.changed()
			}
		}
		a.mu.Lock()
		more := len(a.kept.Left) > 0
		a.mu.Unlock()
		if more {
			timer.Reset(leftAgain)
		}
	}
}

// told reports whether a control center need not be told any more.
func (a *App) told(ctx context.Context, place left) bool {
	if a.now().Sub(place.Since) > leftFor {
		return true
	}
	w, err := workstation.Open(place.Workstation, a.cfg.Env)
	if err != nil {
		return true // nobody can make a signature of it
	}
	return w.Leave(ctx) == nil
}
