package relay

import (
	"maps"
	"sync"
	"sync/atomic"

	"github.com/postern/postern"
)

// Counts is what a hub counted, for metrics.
type Counts struct {
	Sessions       int // at present, of these
	Away           int // without a connection
	Rendezvous     int // open at present
	WaitingBytes   int // payload bytes not yet taken by their devices
	Forwarded      uint64
	ForwardedBytes uint64
	Resumed        uint64
	Refused        map[postern.Code]uint64
}

type tally struct {
	forwarded, bytes, resumed atomic.Uint64

	mu      sync.Mutex
	refusal map[postern.Code]uint64
}

// refused counts a refusal. Codes come from the catalogue, which bounds the map.
func (t *tally) refused(code postern.Code) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.refusal == nil {
		t.refusal = make(map[postern.Code]uint64)
	}
	t.refusal[code]++
}

// Counts returns the hub's counts.
func (h *Hub) Counts() Counts {
	c := Counts{
		Forwarded: h.tally.forwarded.Load(), ForwardedBytes: h.tally.bytes.Load(), Resumed: h.tally.resumed.Load(),
	}
	h.tally.mu.Lock()
	c.Refused = maps.Clone(h.tally.refusal)
	h.tally.mu.Unlock()
	h.mu.Lock()
	all := make([]*session, 0, len(h.sessions))
	for _, s := range h.sessions {
		all = append(all, s)
	}
	c.Rendezvous = len(h.meetings)
	h.mu.Unlock()
	c.Sessions = len(all)
	for _, s := range all {
		s.mu.Lock()
		if s.expiry != nil {
			c.Away++
		}
		c.WaitingBytes += s.bytes
		s.mu.Unlock()
	}
	return c
}
