package main

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/postern/postern/entrasim"
)

// traffic counts what an emulated tenant is asked. The emulator remembers a few thousand calls, so it is looked at often.
type traffic struct {
	server *entrasim.Server
	stop   func()

	mu   sync.Mutex
	seen uint64
	was  tally
	lost bool
}

// tally is what was asked.
type tally struct {
	requests int // over the wire; a batch is one
	parts    int // requests inside batches
	writes   int // that the service counted as such, in batches or not
	refused  int // answered 429, in batches or not
}

func (a tally) since(b tally) tally {
	return tally{a.requests - b.requests, a.parts - b.parts, a.writes - b.writes, a.refused - b.refused}
}

const trafficEvery = 20 * time.Millisecond

// watchTraffic counts from now on.
func watchTraffic(ctx context.Context, server *entrasim.Server) *traffic {
	t := &traffic{server: server}
	_, t.seen = server.Calls()
	ctx, stop := context.WithCancel(ctx)
	var ended sync.WaitGroup
	ended.Go(func() {
		tick := time.NewTicker(trafficEvery)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				t.look()
			case <-ctx.Done():
				return
			}
		}
	})
	t.stop = func() { stop(); ended.Wait() }
	return t
}

func (t *traffic) look() {
	t.mu.Lock()
	defer t.mu.Unlock()
	calls, total := t.server.Calls()
	fresh := int(total - t.seen) // #nosec G115 -- small
	t.seen = total
	if fresh > len(calls) {
		t.lost, fresh = true, len(calls)
	}
	for _, c := range calls[len(calls)-fresh:] {
		if c.Batch {
			t.was.parts++
		} else {
			t.was.requests++
		}
		switch {
		case c.Status == http.StatusTooManyRequests:
			t.was.refused++
		case writes(c):
			t.was.writes++
		}
	}
}

// writes reports whether Graph counts a call as a write.
func writes(c entrasim.Call) bool {
	graph := strings.HasPrefix(c.Path, "/v1.0/") || strings.HasPrefix(c.Path, "/beta/")
	return graph && c.Method != http.MethodGet && !strings.HasSuffix(c.Path, "/$batch") && !strings.HasSuffix(c.Path, "/checkMemberGroups")
}

var errTrafficLost = errors.New("the emulator was asked faster than could be counted")

// now is what was counted so far.
func (t *traffic) now() (tally, error) {
	t.look()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost {
		return t.was, errTrafficLost
	}
	return t.was, nil
}
