package main

import (
	"context"
	"log/slog"
	"sync"

	"github.com/postern/postern/agent/machine"
)

// host is the system as a service knows it: it tells what happens to the machine, and has a journal of its own. The zero
// value is a program that somebody started.
type host struct {
	journal journal // nil: there is none

	mu    sync.Mutex
	agent listener // nil: not yet, or not any more
}

// listener is told what happens to the machine.
type listener interface {
	Machine(ctx context.Context, e machine.Event)
}

// tell passes an event on, and waits for what is done about it. Before the agent is there nothing is plugged in.
func (h *host) tell(ctx context.Context, e machine.Event) {
	h.mu.Lock()
	to := h.agent
	h.mu.Unlock()
	if to != nil && e != machine.Unknown {
		to.Machine(ctx, e)
	}
}

// listens has somebody hear of the machine until the returned function is called.
func (h *host) listens(l listener) (end func()) {
	set := func(l listener) {
		h.mu.Lock()
		defer h.mu.Unlock()
		h.agent = l
	}
	set(l)
	return func() { set(nil) }
}

// logger writes to a handler, and what administrators should notice to the journal too.
func (h *host) logger(to slog.Handler) *slog.Logger {
	if h.journal == nil {
		return slog.New(to)
	}
	return slog.New(&noticed{Handler: to, journal: h.journal})
}
