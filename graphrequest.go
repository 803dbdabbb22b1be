package postern

import (
	"context"
	"slices"
	"sync"
)

// maxGraphRequests is how many request ids one collector keeps: the newest. That many fit into one field of an audit
// entry.
const maxGraphRequests = 12

type graphRequestsKey struct{}

// graphRequests collects the ids that Microsoft Graph gave the requests of one act. An act may have several goroutines.
type graphRequests struct {
	mu  sync.Mutex
	ids []string
}

// WithGraphRequests returns a context that collects the request ids of Microsoft Graph's answers. A door opens one for
// each request and the runner one for each attempt at a job; whoever does several acts in one of these opens one for
// each act, so that an audit entry names only the requests of its own.
func WithGraphRequests(ctx context.Context) context.Context {
	return context.WithValue(ctx, graphRequestsKey{}, new(graphRequests))
}

// NoteGraphRequest adds the request-id of an answer to the collector of ctx, if there is one. What does not look like an
// identifier (letters, digits and hyphens, at most 40 of them) is left out: it comes from outside.
func NoteGraphRequest(ctx context.Context, id string) {
	c, ok := ctx.Value(graphRequestsKey{}).(*graphRequests)
	if !ok || !graphRequestID(id) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if slices.Contains(c.ids, id) {
		return
	}
	if len(c.ids) == maxGraphRequests {
		c.ids = slices.Delete(c.ids, 0, 1)
	}
	c.ids = append(c.ids, id)
}

// GraphRequests returns the ids that were collected so far, oldest first: the last twelve at most.
func GraphRequests(ctx context.Context) []string {
	c, ok := ctx.Value(graphRequestsKey{}).(*graphRequests)
	if !ok {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.ids)
}

func graphRequestID(id string) bool {
	if id == "" || len(id) > 40 {
		return false
	}
	for _, r := range id {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && r != '-' {
			return false
		}
	}
	return true
}
