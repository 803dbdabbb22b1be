package agent

import (
	"context"

	"github.com/postern/postern/agent/machine"
)

// rest is whether the machine sleeps, and who waits for the keys to be out.
type rest struct {
	state machine.State
	anew  bool          // connection and keys are to be begun anew
	still chan struct{} // closed once all keys are out; nil: nobody waits
}

// Machine tells what happened to the machine. It returns once what is done about it is done, or with ctx: before a machine
// sleeps its keys are out.
func (a *Agent) Machine(ctx context.Context, e machine.Event) {
	a.mu.Lock()
	effect, after := a.rest.state.On(e)
	a.rest.state = after
	var still chan struct{}
	switch effect {
	case machine.Out:
		still = make(chan struct{})
		a.rest.still = still
	case machine.Anew:
		a.rest.anew = true
	case machine.Nothing, machine.Look:
	}
	a.mu.Unlock()
	if effect == machine.Nothing {
		return
	}
	a.c.Log.Info("the machine told the service", "event", string(e), "effect", string(effect))
	if effect == machine.Look {
		a.look()
		a.notify()
		return
	}
	select {
	case a.new <- struct{}{}:
	default:
	}
	if still != nil {
		select {
		case <-still:
		case <-ctx.Done():
		}
	}
}

// begins tells that the work begins; false: the machine sleeps, and who waits for that hears it.
func (a *Agent) begins() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.rest.state.Asleep {
		if a.rest.still != nil {
			close(a.rest.still)
			a.rest.still = nil
		}
		return false
	}
	a.rest.anew, a.rest.still = false, nil
	return true
}

// disturbed tells whether the work is to end, or to begin anew.
func (a *Agent) disturbed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.rest.anew || a.rest.state.Asleep
}
