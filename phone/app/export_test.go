package app

import (
	"context"

	"github.com/postern/postern"
)

// Self asks the control center what it knows of the phone.
func (a *App) Self(ctx context.Context) (postern.PhoneSelf, error) { return a.phone.API.Self(ctx) }
