package directory

import (
	"context"
	"sync"

	"github.com/postern/postern"
)

// turns lets one reading of a directory at a time run in this process. It saves requests, nothing more: readings of
// several processes are kept apart by the version of the progress.
type turns struct {
	mu   sync.Mutex
	busy map[postern.IntegrationID]chan struct{}
}

// take waits for the turn and returns what ends it.
func (t *turns) take(ctx context.Context, id postern.IntegrationID) (func(), error) {
	for {
		t.mu.Lock()
		wait, taken := t.busy[id]
		if !taken {
			if t.busy == nil {
				t.busy = make(map[postern.IntegrationID]chan struct{})
			}
			done := make(chan struct{})
			t.busy[id] = done
			t.mu.Unlock()
			return func() {
				t.mu.Lock()
				delete(t.busy, id)
				t.mu.Unlock()
				close(done)
			}, nil
		}
		t.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
