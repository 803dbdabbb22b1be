package app

import (
	"context"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/phone/link"
)

// Self asks the control center what it knows of the phone.
func (a *App) Self(ctx context.Context) (postern.PhoneSelf, error) { return a.phone.API.Self(ctx) }

// Closes gives what closes the vault after an approval; nil when nothing has to.
func Closes(a *App) *time.Timer {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.lease.timer
}

// Answer is what the app says to a workstation.
func (a *App) Answer(ctx context.Context, r *link.Request) link.Answer { return a.handle(ctx, r) }

// Settle takes what the control center told, true or not.
func (a *App) Settle(ctx context.Context, told postern.PhoneSelf) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	defer a.changed()
	return a.settle(ctx, &told)
}
