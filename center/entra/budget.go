package entra

import (
	"slices"
	"sync"
	"time"
)

// lane groups calls that Graph throttles together.
type lane int

const (
	laneDirectory lane = iota // users, groups, roles: resource units per application and tenant
	laneMethods               // authentication methods, listed under "identity and access reports" with far smaller limits
	laneReports               // reports and the directory audit: a few calls in ten seconds
	lanePolicy                // policies
	laneAccess                // Conditional Access: one call a second for the whole tenant, refused without a Retry-After
	laneWrites                // everything that changes something, besides the lane of what it changes
	lanes
)

// pace is the shape of a lane: calls per second at best and at worst, and how many may come at once.
//
// Microsoft publishes 3,500 resource units in 10 seconds for the smallest tenants, and 5 requests in 10 seconds for the
// reports service that also lists authenticationMethod. Whether the latter holds for passkeys is not published, so that
// lane starts far above it and lets the first 429 bring it down: registering a passkey takes about five calls there, and
// the lane must not be what holds writes back where the small limit does not apply.
//
// It may rise to three quarters of the 8,000 units in 10 seconds of a tenant with more than 500 users; a smaller tenant has
// not enough users to need its limit.
//
// Writes have a published limit of 3,000 in 150 seconds. Their lane keeps to it: the burst and what flows in during a
// window together stay below what the window allows, so that a long run of writes uses nearly all of every window and
// runs into none of its ends.
var paces = [lanes]struct{ most, least, burst float64 }{
	laneDirectory: {100, 2, 200},
	laneMethods:   {600, 0.4, 120},
	laneReports:   {5, 0.1, 5},
	lanePolicy:    {2, 0.5, 10},
	laneAccess:    {1, 0.25, 1},
	laneWrites:    {(writesAllowed - writesBurst - 5) / writesWindow, 1, writesBurst},
}

// The published limit of writes, of one application in one tenant (Microsoft Graph documentation, "throttling limits").
const (
	writesAllowed = 3000
	writesWindow  = 150 // seconds
	writesBurst   = 40
)

// startAtMost is the rate at which a lane starts that may rise far above it.
const startAtMost = 120

// The published limit of reports, of one application in one tenant (Microsoft Graph documentation, "throttling limits").
// It is kept call by call: a rate would have to stay at half of it, whenever a window of Graph's begins. The window is a
// little longer than Graph's, because calls do not all take the same time to get there.
const (
	reportCalls  = 5
	reportWindow = 10*time.Second + 500*time.Millisecond
)

// A lane that is slow keeps no more calls at hand than it lets through in burstWindow: with a limit on a short window, what
// was saved up would run into it at once.
const burstWindow = 10

// ceilingLasts is for how long the rate of authentication methods stays below the one that Graph refused: nobody knows
// beforehand which limit holds for them.
const ceilingLasts = 30 * time.Minute

// bulkReserve is the part of a lane's burst that bulk calls leave to interactive ones.
const bulkReserve = 0.25

const (
	// recovery is the part of the present rate that each good answer adds. It is a part of the present rate and not of
	// the best one, because a limit may lie far below the best: found once, it must not be overrun again at once.
	recovery  = 0.05
	cutPeriod = 2 * time.Second // several refusals of one moment cut the rate once
)

// Budget paces the calls of one application in one tenant: a token bucket for each kind of call that Graph throttles
// apart. A 429 halves a lane's rate and holds it for as long as Graph asked; good answers raise it again. Share one
// Budget between all Tenants of the same application and tenant.
type Budget struct {
	mu    sync.Mutex
	lanes [lanes]bucket
}

type bucket struct {
	rate, tokens float64
	filled       time.Time // when tokens was last brought up to date
	held         time.Time // nothing goes before
	cut          time.Time // when the rate was last lowered
	ceiling      float64   // the rate does not rise above it until ceilingEnds
	ceilingEnds  time.Time
	recent       []time.Time // of the calls in a window, where those are counted
}

// burst is how many calls a lane may have at hand.
func (k *bucket) burst(l lane) float64 { return min(paces[l].burst, max(k.rate*burstWindow, 1)) }

// NewBudget returns a budget that starts at full pace, or at startAtMost where that is less.
func NewBudget() *Budget {
	b := &Budget{}
	for l := range b.lanes {
		b.lanes[l] = bucket{rate: min(paces[l].most, startAtMost), tokens: paces[l].burst}
	}
	return b
}

// take asks for cost calls in a lane now, of which so many change something: it draws on both lanes or on none. Zero means
// go; anything else is how long to wait before asking again.
func (b *Budget) take(l lane, cost, writes float64, p Priority, now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	wait := b.lacks(l, cost, p, now)
	if writes > 0 {
		wait = max(wait, b.lacks(laneWrites, writes, p, now))
	}
	if wait == 0 {
		if l == laneReports {
			b.lanes[l].recent = append(b.lanes[l].recent, now)
		}
		b.lanes[l].tokens -= cost
		b.lanes[laneWrites].tokens -= writes
	}
	return wait
}

// lacks is how long until a lane has what a call costs.
func (b *Budget) lacks(l lane, cost float64, p Priority, now time.Time) time.Duration {
	k := &b.lanes[l]
	b.fill(l, now)
	if wait := k.held.Sub(now); wait > 0 {
		return wait
	}
	if l == laneReports {
		if wait := k.reportsFull(p, now); wait > 0 {
			return wait
		}
	}
	need, burst := cost, k.burst(l)
	if p == Bulk && l != laneReports {
		need += bulkReserve * burst
	}
	need = min(need, burst)
	if k.tokens >= need {
		return 0
	}
	return max(time.Duration((need-k.tokens)/k.rate*float64(time.Second)), time.Millisecond)
}

// reportsFull is how long until another call fits into the window. Bulk calls leave one to interactive ones.
func (k *bucket) reportsFull(p Priority, now time.Time) time.Duration {
	k.recent = slices.DeleteFunc(k.recent, func(at time.Time) bool { return now.Sub(at) >= reportWindow || now.Before(at) })
	calls := reportCalls
	if p == Bulk {
		calls--
	}
	if len(k.recent) < calls {
		return 0
	}
	return k.recent[len(k.recent)-calls].Add(reportWindow).Sub(now)
}

func (b *Budget) fill(l lane, now time.Time) {
	k := &b.lanes[l]
	if k.filled.IsZero() || now.Before(k.filled) {
		k.filled = now
	}
	k.tokens = min(k.tokens+now.Sub(k.filled).Seconds()*k.rate, k.burst(l))
	k.filled = now
}

// throttled records a 429: the lane is held for the time Graph asked and its rate halved.
func (b *Budget) throttled(l lane, hold time.Duration, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := &b.lanes[l]
	b.fill(l, now)
	if until := now.Add(hold); until.After(k.held) {
		k.held = until
	}
	if l == laneMethods {
		k.ceiling, k.ceilingEnds = max(0.8*k.rate, paces[l].least), now.Add(ceilingLasts)
	}
	b.slow(l, 0.5, now)
}

// answered records an answer that was not a 429. load is the x-ms-throttle-limit-percentage, zero when absent: Graph
// sends it from 0.8 of the limit on, and 1 is the wall.
func (b *Budget) answered(l lane, load float64, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := &b.lanes[l]
	b.fill(l, now)
	if load >= 0.8 {
		b.slow(l, max(1.7-load, 0.25), now)
		return
	}
	most := paces[l].most
	if now.Before(k.ceilingEnds) {
		most = min(most, k.ceiling)
	}
	k.rate = max(min(k.rate*(1+recovery), most), paces[l].least)
}

// listings is how many users may be asked for in one request: as many as Graph takes, and fewer where the lane is so slow
// that a whole batch would overrun its limit at once.
func (b *Budget) listings() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return max(min(batchSize, int(b.lanes[laneMethods].rate*burstWindow)), 1)
}

// wrote records the answer to a write that was not a 429. Its load tells how much of a long window is used up, and near
// the end of one it is high at any pace that uses the window well: only at the wall does it call for a slower one.
func (b *Budget) wrote(load float64, now time.Time) {
	if load >= 0.8 && load < 1 {
		return
	}
	b.answered(laneWrites, load, now)
}

func (b *Budget) slow(l lane, factor float64, now time.Time) {
	k := &b.lanes[l]
	if !k.cut.IsZero() && now.Sub(k.cut) < cutPeriod {
		return
	}
	k.cut = now
	k.rate = max(k.rate*min(factor, 1), paces[l].least)
	k.tokens = min(k.tokens, k.rate)
}
