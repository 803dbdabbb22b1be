package crash_test

import (
	"context"
	"slices"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/setup"
)

// UpdateSetup is a point for each step and how far it has come: what is about to be sent, what was taken, what was read back.
func (p points) UpdateSetup(ctx context.Context, r *setup.Record) error {
	p.write(ctx, "UpdateSetup"+furthest(r))
	return p.Store.UpdateSetup(ctx, r)
}

// furthest names the step that a set-up is at, or the last that it did.
func furthest(r *setup.Record) string {
	if !slices.Contains([]postern.SetupState{postern.SetupApplying, postern.SetupUndoing}, r.State) {
		return " " + string(r.State)
	}
	at := ""
	for _, s := range r.Steps {
		switch s.State {
		case postern.SetupStepWriting, postern.SetupStepReading, postern.SetupStepFailed:
			return " " + s.Key + " " + string(s.State)
		case postern.SetupStepDone, postern.SetupStepUndone, postern.SetupStepKept:
			if at == "" || r.State == postern.SetupApplying {
				at = " " + s.Key + " " + string(s.State)
			}
		}
	}
	return at
}

func (p points) SetSetupSecrets(ctx context.Context, id postern.SetupID, sealed []byte) error {
	p.write(ctx, "SetSetupSecrets")
	return p.Store.SetSetupSecrets(ctx, id, sealed)
}

func (p points) SetSetupSignIn(ctx context.Context, id postern.SetupID, sealed []byte, ends time.Time) error {
	p.write(ctx, "SetSetupSignIn")
	return p.Store.SetSetupSignIn(ctx, id, sealed, ends)
}
