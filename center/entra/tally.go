package entra

import (
	"context"
	"net/http"
	"sync/atomic"
)

// Tally counts the requests that are made with a context: those of a batch are one. The zero value is ready.
type Tally struct{ requests, throttled atomic.Int64 }

// Requests is how many requests went to Graph, repeated ones included.
func (t *Tally) Requests() int { return int(t.requests.Load()) }

// Throttled is how many of them, or of their parts, Graph asked to repeat later.
func (t *Tally) Throttled() int { return int(t.throttled.Load()) }

type tallyKey struct{}

// WithTally has the calls made with the context counted in t.
func WithTally(ctx context.Context, t *Tally) context.Context {
	return context.WithValue(ctx, tallyKey{}, t)
}

// count counts one exchange with Graph.
func count(ctx context.Context, resp *http.Response) {
	if t, ok := ctx.Value(tallyKey{}).(*Tally); ok {
		t.requests.Add(1)
		if resp != nil && resp.StatusCode == http.StatusTooManyRequests {
			t.throttled.Add(1)
		}
	}
}

// countPart counts a part of a batch that was throttled.
func countPart(ctx context.Context) {
	if t, ok := ctx.Value(tallyKey{}).(*Tally); ok {
		t.throttled.Add(1)
	}
}
