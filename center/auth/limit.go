package auth

import (
	"net/netip"
	"sync"
	"time"
)

// maxKeys bounds the memory of a [Limiter]: about 10 MB when every key is an IPv6 network.
const maxKeys = 100_000

// Limiter allows each key a burst of events and then spreads them evenly (the generic cell rate algorithm). It keeps
// one time per key and forgets keys that are idle. When there are more busy keys than it will remember, new ones share
// one allowance, so that a flood from many addresses costs the flood and not the server.
type Limiter struct {
	interval time.Duration // between two events of one key, on average
	burst    time.Duration // how far ahead of the average a key may be
	now      func() time.Time

	mu    sync.Mutex
	busy  map[string]time.Time // when a key's events so far would be paid for
	swept time.Time
}

// NewLimiter allows events within the time per, for each key. A nil now is time.Now.
func NewLimiter(events int, per time.Duration, now func() time.Time) *Limiter {
	if now == nil {
		now = time.Now
	}
	return &Limiter{interval: per / time.Duration(events), burst: per, now: now, busy: make(map[string]time.Time)}
}

// Take counts an event of the key. When there was none left it counts nothing and returns how long until there is one.
func (l *Limiter) Take(key string) (wait time.Duration) { return l.take(key, true) }

// Wait returns how long until the key has an event left, 0 when it has.
func (l *Limiter) Wait(key string) time.Duration { return l.take(key, false) }

func (l *Limiter) take(key string, count bool) time.Duration {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	paid, known := l.busy[key]
	if !known && len(l.busy) >= maxKeys {
		if now.Sub(l.swept).Abs() > time.Second {
			l.sweep(now)
		}
		if len(l.busy) >= maxKeys {
			key = ""
			paid = l.busy[key]
		}
	}
	if l.idle(paid, now) {
		paid = now
	}
	paid = paid.Add(l.interval)
	if over := paid.Sub(now) - l.burst; over > 0 {
		return over
	}
	if count {
		l.busy[key] = paid
	}
	return 0
}

// idle reports whether events that would be paid for at that time count no more. No key comes further ahead than the burst,
// so one that is was counted before the clock was set back, and nobody knows how long ago that is.
func (l *Limiter) idle(paid, now time.Time) bool {
	return !paid.After(now) || paid.Sub(now) > l.burst
}

// sweep forgets keys that are idle. It costs a walk over all keys, so it runs only when they are many, and not often.
func (l *Limiter) sweep(now time.Time) {
	l.swept = now
	for key, paid := range l.busy {
		if l.idle(paid, now) {
			delete(l.busy, key)
		}
	}
}

// AddrKey is the key under which an address is limited: the address itself for IPv4, the /64 network for IPv6, because
// one subscriber usually has a whole one.
func AddrKey(addr string) string {
	a, err := netip.ParseAddr(addr)
	if err != nil {
		return addr
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	network, err := a.Prefix(64)
	if err != nil {
		return addr
	}
	return network.String()
}
