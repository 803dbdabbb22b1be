package entrasim

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// service is the throttling family a Graph call belongs to (Microsoft Graph documentation, "throttling limits").
type service int

const (
	identity    service = iota // resource units for each application and tenant, and writes
	reports                    // 5 requests / 10 s for each application and tenant
	methods                    // users' authentication methods: reports if the lever says so, otherwise identity
	conditional                // 1 request / s for each tenant, without Retry-After
)

// The documented limits.
const (
	unitsSmall, unitsMedium, unitsLarge = 3500, 5000, 8000 // resource units / 10 s for < 50, 50 to 500, > 500 users
	unitsWindow                         = 10 * time.Second
	writes                              = 3000 // for each application and tenant
	writesWindow                        = 150 * time.Second
	tenantWrites                        = 18000 // for each tenant
	tenantWritesWindow                  = 5 * time.Minute
	reportCalls                         = 5
	reportWindow                        = 10 * time.Second
	signInActivityCalls                 = 10
	signInActivityWindow                = time.Minute
	conditionalCalls                    = 1
	conditionalWindow                   = time.Second
)

// throttle counts what was spent in each budget. A window starts with the first call after the last one ended.
type throttle struct {
	mu      sync.Mutex
	windows map[string]*window
}

type window struct {
	start time.Time
	spent int
}

// budget is one limit that a call draws on.
type budget struct {
	key    string
	scope  string // for x-ms-throttle-scope
	reason string // for x-ms-throttle-information
	cost   int
	limit  int
	length time.Duration
	silent bool // no Retry-After
}

// maxWindows bounds the table of budgets; on overflow ended windows are forgotten, then all.
const maxWindows = 10000

// draw takes the cost from every budget or, if one has not enough left, from none. It returns the budget that refused
// with the time until it renews, and the highest share used.
func (t *throttle) draw(now time.Time, budgets []budget) (refused *budget, wait time.Duration, used float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.windows == nil || len(t.windows) > maxWindows {
		t.windows = make(map[string]*window)
	}
	for i, b := range budgets {
		w := t.windows[b.key]
		if w == nil || !now.Before(w.start.Add(b.length)) || now.Before(w.start) {
			w = &window{start: now}
			t.windows[b.key] = w
		}
		if w.spent+b.cost > b.limit {
			return &budgets[i], w.start.Add(b.length).Sub(now), 1
		}
		used = max(used, float64(w.spent+b.cost)/float64(b.limit))
	}
	for _, b := range budgets {
		t.windows[b.key].spent += b.cost
	}
	return nil, 0, used
}

// budgetsFor lists what a call draws on.
func (s *Server) budgetsFor(c *graphCall) []budget {
	l := s.Levers()
	scale := l.ThrottleScale
	if scale == 0 {
		scale = 1
	}
	stretch := func(d time.Duration) time.Duration { return time.Duration(float64(d) * scale) }
	app, tenant := c.who.AppID, c.tenant.ID
	mode := "Read"
	if c.write() {
		mode = "ReadWrite"
	}
	scope := fmt.Sprintf("Tenant_Application/%s/%s/%s", mode, app, tenant)
	kind := c.route.service
	if kind == methods {
		kind = identity
		if l.ThrottleMethods {
			kind = reports
		}
	}
	switch kind {
	case reports:
		return []budget{{"reports " + app + tenant, scope, "ResourceUnitLimitExceeded", 1, reportCalls, stretch(reportWindow), false}}
	case conditional:
		return []budget{{"conditional " + tenant, "Tenant/" + mode + "/" + tenant, "ResourceUnitLimitExceeded", 1, conditionalCalls, stretch(conditionalWindow), true}}
	}
	size := 0
	c.tenant.view(func() { size = c.tenant.Users.len() })
	units := unitsMedium
	switch {
	case size < 50:
		units = unitsSmall
	case size > 500:
		units = unitsLarge
	}
	out := []budget{{"units " + app + tenant, scope, "ResourceUnitLimitExceeded", c.cost(), units, stretch(unitsWindow), false}}
	if c.write() {
		out = append(out,
			budget{"writes " + app + tenant, scope, "WriteLimitExceeded", 1, writes, stretch(writesWindow), false},
			budget{"writes " + tenant, "Tenant/ReadWrite/" + tenant, "WriteLimitExceeded", 1, tenantWrites, stretch(tenantWritesWindow), false})
	}
	if c.selects("signInActivity") {
		out = append(out, budget{"activity " + app + tenant, scope, "ResourceUnitLimitExceeded", 1, signInActivityCalls, stretch(signInActivityWindow), false})
	}
	return out
}

// throttled draws on the budgets of a call and answers 429 if one is empty.
func (s *Server) throttled(c *graphCall) bool {
	c.w.Header().Set("x-ms-resource-unit", strconv.Itoa(c.cost()))
	if !s.Levers().Throttle {
		return false
	}
	refused, wait, used := s.limits.draw(s.Now(), s.budgetsFor(c))
	if refused == nil {
		if used > 0.8 {
			c.w.Header().Set("x-ms-throttle-limit-percentage", strconv.FormatFloat(math.Round(used*100)/100, 'f', -1, 64))
		}
		return false
	}
	h := c.w.Header()
	h.Set("x-ms-throttle-scope", refused.scope)
	h.Set("x-ms-throttle-information", refused.reason)
	h.Set("x-ms-throttle-limit-percentage", "1")
	if !refused.silent {
		h.Set("Retry-After", retryAfter(wait))
	}
	c.tooMany()
	return true
}

// retryAfter writes whole seconds, rounded up, and parts of one only below a second: a scaled window would otherwise
// ask for far too long a wait.
func retryAfter(wait time.Duration) string {
	if wait >= time.Second {
		return strconv.Itoa(int(math.Ceil(wait.Seconds())))
	}
	return strconv.FormatFloat(max(0.001, math.Ceil(wait.Seconds()*1000)/1000), 'f', -1, 64)
}

// write says whether the call counts as a write.
func (c *graphCall) write() bool {
	return c.r.Method != http.MethodGet && !c.route.readOnly
}

// cost is the call's price in resource units: the route's, one less with $select, one more with $expand, one less for a
// page under 20, and one at least.
func (c *graphCall) cost() int {
	n := max(c.route.cost, 1)
	if c.q.Get("$select") != "" {
		n--
	}
	if c.q.Get("$expand") != "" {
		n++
	}
	if top, err := strconv.Atoi(c.q.Get("$top")); err == nil && top < 20 {
		n--
	}
	return max(n, 1)
}
