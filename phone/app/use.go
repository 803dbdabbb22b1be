package app

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// untold is a sign-in that the control center was not told of.
type untold struct {
	key  string
	id   postern.PasskeyID
	hour time.Time
}

// tellUses tells the control center when passkeys that it lists last signed in, so that it can tell one in use from one
// that lies idle: the passkey and the hour, and never where or for whom. That is no reason to call on it, and is told when
// it is asked anyhow.
func (a *App) tellUses(ctx context.Context) error {
	a.mu.Lock()
	todo := a.untold()
	p := a.phone
	a.mu.Unlock()
	for _, u := range todo {
		switch code := codeOf(p.API.TellUse(ctx, u.id, u.hour)); code {
		case "", postern.CodeNotFound, postern.CodeInvalid: // it is told, or nobody wants to hear it
		default:
			return nil // what follows finds that out too
		}
		a.mu.Lock()
		a.memory.key(u.key).UseTold = u.hour
		keep := a.remember(ctx)
		a.mu.Unlock()
		if keep != nil {
			return keep
		}
	}
	return nil
}

// untold lists what is to be told. An hour that has not come yet, where a clock was set back, is waited for.
// a.mu is held.
func (a *App) untold() (out []untold) {
	for _, c := range a.held {
		key := idOf(c.ID)
		k, listed := a.memory.Keys[key], a.listed(c.ID)
		if k == nil || listed == nil || listed.State != postern.PasskeyActive || c.RP.ID != postern.EntraRPID {
			continue
		}
		if k.SignedIn.After(k.UseTold) && !k.SignedIn.After(a.byCenterClock(a.host.Now())) {
			out = append(out, untold{key, listed.ID, k.SignedIn})
		}
	}
	return out
}
