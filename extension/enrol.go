package extension

import (
	"context"
	"strings"

	"github.com/postern/postern"
	"github.com/postern/postern/link/workstation"
)

// enrol makes this browser known to a control center. Where the policy names one, that one it is.
func (a *App) enrol(ctx context.Context, in Enrol) error {
	if err := a.wait(ctx); err != nil {
		return err
	}
	a.mu.Lock()
	policy, begun := a.policy, a.kept.Workstation
	if a.station != nil || a.setup.Busy {
		a.mu.Unlock()
		return postern.Errorf(postern.CodeConflict, "This browser is connected to a control center already.").
			WithNext("Disconnect it first, if it should belong to another one.")
	}
	in.Server, in.Integration = strings.TrimRight(strings.TrimSpace(in.Server), "/"), strings.TrimSpace(in.Integration)
	if in.Server != "" && !strings.Contains(in.Server, "://") {
		in.Server = "https://" + in.Server
	}
	if policy.Server != "" {
		in.Server, in.Integration = policy.Server, policy.Integration
	}
	if in.Name = strings.TrimSpace(in.Name); in.Name == "" {
		in.Name = a.cfg.Browser + " on " + a.cfg.OS
	}
	a.setup = Setup{Server: in.Server, Integration: in.Integration, Busy: true}
	a.mu.Unlock()
	a.show()

	enrolment := workstation.Enrolment{
		Server: in.Server, Integration: in.Integration, Name: in.Name,
		Kind: postern.WorkstationExtension, Software: "Postern extension " + a.cfg.Version + ", " + a.cfg.Browser, OS: a.cfg.OS,
		JoinState: postern.JoinNone,
	}
	if begun != nil && begun.ID == "" {
		enrolment.Begun = begun
	}
	w, err := workstation.Enrol(ctx, enrolment, a.cfg.Env)
	a.mu.Lock()
	a.setup.Busy = false
	if a.setup.Problem = problem(err); err == nil {
		a.setup = Setup{}
	}
	a.mu.Unlock()
	if err == nil {
		a.start(w)
	}
	a.changed()
	return err
}

// refresh asks the control center anew.
func (a *App) refresh(ctx context.Context) error {
	w, err := a.enrolled(ctx)
	if err != nil {
		return err
	}
	defer a.changed()
	return w.Refresh(ctx)
}
