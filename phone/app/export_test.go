package app

import (
	"context"
	"time"

	"github.com/postern/postern"
)

// Self asks the control center what it knows of the phone.
func (a *App) Self(ctx context.Context) (postern.PhoneSelf, error) { return a.phone.API.Self(ctx) }

// Closes gives what closes the vault after an approval; nil when nothing has to.
func Closes(a *App) *time.Timer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lease.timer
}
