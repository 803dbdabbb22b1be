package entra

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/postern/postern"
)

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 4, 20, 10, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"3", 3 * time.Second, true},
		{" 3 ", 3 * time.Second, true},
		{"2.128", 2128 * time.Millisecond, true},
		{"0", 0, true},
		{"Mon, 20 Apr 2026 10:00:07 GMT", 7 * time.Second, true},
		{"Mon, 20 Apr 2026 09:00:00 GMT", 0, true},
		{"999999999", longestRetryAfter, true},
		{"Inf", longestRetryAfter, true},
		{"", 0, false},
		{"-1", 0, false},
		{"NaN", 0, false},
		{"soon", 0, false},
	} {
		got, ok := retryAfter(http.Header{"Retry-After": {c.value}}, now)
		if got != c.want || ok != c.ok {
			t.Errorf("Retry-After %q reads %v %t, want %v %t", c.value, got, ok, c.want, c.ok)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, s := range []string{"1", "2.128", "Mon, 20 Apr 2026 10:00:07 GMT", "-1", "NaN", "1e308", ""} {
		f.Add(s)
	}
	now := time.Date(2026, 4, 20, 10, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, s string) {
		d, ok := retryAfter(http.Header{"Retry-After": {s}}, now)
		if d < 0 || d > longestRetryAfter || !ok && d != 0 {
			t.Errorf("Retry-After %q reads %v %t", s, d, ok)
		}
	})
}

func TestBackoffGrowsAndIsBounded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		attempt := rapid.IntRange(1, 1000).Draw(t, "attempt")
		whole := min(firstBackoff<<min(attempt-1, 10), mostBackoff)
		if d := backoff(attempt); d < whole/2 || d > whole {
			t.Fatalf("attempt %d waits %v, want %v to %v", attempt, d, whole/2, whole)
		}
	})
}

// failing answers the first n requests with fail and the others with a group.
func failing(n int, fail http.HandlerFunc) http.HandlerFunc {
	count := 0
	return func(w http.ResponseWriter, r *http.Request) {
		if count++; count <= n {
			fail(w, r)
			return
		}
		writeJSON(w, 201, map[string]any{"id": "g", "displayName": "G"})
	}
}

func TestRetries(t *testing.T) {
	status := func(n int, header ...string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if len(header) == 1 {
				w.Header().Set("Retry-After", header[0])
			}
			graphRefuses(w, n, "x", "")
		}
	}
	dropping := func(w http.ResponseWriter, r *http.Request) { drop(w) }
	get := func(t *Tenant) error { _, err := t.GroupByID(ctx, "g"); return err }
	post := func(t *Tenant) error {
		_, err := t.CreateGroup(ctx, NewGroup{DisplayName: "G"})
		return err
	}
	for _, c := range []struct {
		name    string
		fail    http.HandlerFunc
		call    func(*Tenant) error
		asked   int // requests that reach Graph when the first one fails
		unknown bool
	}{
		{"get 429", status(429, "7"), get, 2, false},
		{"get 408", status(408), get, 2, false},
		{"get 500", status(500), get, 2, false},
		{"get 502", status(502), get, 2, false},
		{"get 503", status(503, "2"), get, 2, false},
		{"get 504", status(504), get, 2, false},
		{"get 400", status(400), get, 1, false},
		{"get 404", status(404), get, 1, false},
		{"get dropped", dropping, get, 2, false},
		{"post 429", status(429), post, 2, false},
		{"post 500", status(500), post, 1, true},
		{"post 503", status(503, "2"), post, 1, true},
		{"post 504", status(504), post, 1, true},
		{"post 408", status(408), post, 1, true},
		{"post 400", status(400), post, 1, false},
		{"post dropped", dropping, post, 1, true},
		{"post without JSON", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusCreated) }, post, 1, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, failing(1, c.fail))
			tenant, clock := f.open()
			err := c.call(tenant)
			if n := len(f.seen()); n != c.asked {
				t.Errorf("asked %d times, want %d", n, c.asked)
			}
			if (err == nil) != (c.asked == 2) {
				t.Errorf("error %v", err)
			}
			if err != nil && !isOurs(err) {
				t.Errorf("%T is not one of our errors", err)
			}
			if errors.Is(err, ErrOutcomeUnknown) != c.unknown {
				t.Errorf("outcome unknown is %t, want %t: %v", !c.unknown, c.unknown, err)
			}
			if c.name == "get 429" && !slices.Equal(clock.sleeps(), []time.Duration{7 * time.Second}) {
				t.Errorf("slept %v although Graph asked for 7 s", clock.sleeps())
			}
		})
	}
}

func TestCutAnswerIsNotAnAnswer(t *testing.T) {
	f := newFake(t, failing(1, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "1000")
		w.WriteHeader(http.StatusOK)
		_, _ = fmt.Fprint(w, `{"id":"g"`)
		w.(http.Flusher).Flush()
		drop(w)
	}))
	tenant, _ := f.open()
	if _, err := tenant.GroupByID(ctx, "g"); err != nil {
		t.Error(err)
	}
	if n := len(f.seen()); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

func TestPatienceEnds(t *testing.T) {
	for _, c := range []struct {
		name     string
		header   string
		priority Priority
		asked    int
		after    time.Duration // zero: any
	}{
		{"short waits, interactive", "1", Interactive, patienceOf[Interactive].tries, time.Second},
		{"short waits, bulk", "1", Bulk, patienceOf[Bulk].tries, time.Second},
		{"a long wait, interactive", "120", Interactive, 1, 2 * time.Minute},
		{"a long wait, bulk", "120", Bulk, 6, 2 * time.Minute},
		{"no header", "", Interactive, patienceOf[Interactive].tries, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
				if c.header != "" {
					w.Header().Set("Retry-After", c.header)
				}
				graphRefuses(w, 429, "TooManyRequests", "Please retry again later.")
			})
			tenant, clock := f.open()
			_, err := tenant.GroupByID(WithPriority(ctx, c.priority), "g")
			e := wantCode(t, err, postern.CodeEntraThrottled)
			if c.after > 0 && e.After != c.after || e.After <= 0 {
				t.Errorf("After is %v, want %v", e.After, c.after)
			}
			if n := len(f.seen()); n != c.asked {
				t.Errorf("asked %d times, want %d", n, c.asked)
			}
			var slept time.Duration
			for _, d := range clock.sleeps() {
				slept += d
			}
			if limit := patienceOf[c.priority].total; slept > limit {
				t.Errorf("waited %v in all, more than %v", slept, limit)
			}
		})
	}
}

// While Graph holds a lane, everybody else of the same application waits with it instead of asking.
func TestThrottleHoldsTheLaneForOthers(t *testing.T) {
	held := false
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if !held {
			held = true
			w.Header().Set("Retry-After", "300")
			graphRefuses(w, 429, "TooManyRequests", "")
			return
		}
		writeJSON(w, 200, map[string]any{"id": "g"})
	})
	budget := NewBudget()
	tenant, clock := f.open(func(o *Options) { o.Budget = budget })
	if _, err := tenant.GroupByID(ctx, "g"); err == nil {
		t.Fatal("the first call should have been throttled")
	}
	neighbour, _ := f.open(func(o *Options) { o.Budget, o.Now, o.Sleep = budget, clock.Now, clock.Sleep })
	_, err := neighbour.GroupByID(ctx, "g")
	e := wantCode(t, err, postern.CodeEntraThrottled)
	if n := len(f.seen()); n != 1 || e.After < 4*time.Minute {
		t.Errorf("%d requests, After %v; want 1 and about 5 minutes", n, e.After)
	}
	if _, err := neighbour.GroupByID(WithPriority(ctx, Bulk), "g"); err != nil {
		t.Errorf("a patient call does not wait the hold out: %v", err)
	}
}

func TestWaitingObservesTheContext(t *testing.T) {
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Retry-After", "5")
		graphRefuses(w, 429, "TooManyRequests", "")
	})
	ending, cancel := context.WithCancel(ctx)
	tenant, _ := f.open(func(o *Options) {
		o.Sleep = func(ctx context.Context, _ time.Duration) error {
			cancel()
			return ctx.Err()
		}
	})
	_, err := tenant.CreateGroup(ending, NewGroup{DisplayName: "G"})
	wantCode(t, err, postern.CodeEntraUnreachable)
	if !errors.Is(err, context.Canceled) || errors.Is(err, ErrOutcomeUnknown) {
		t.Errorf("a wait after a 429 that ends with its context gives %v", err)
	}
}

func TestBudgetLeavesRoomForPeople(t *testing.T) {
	now := time.Date(2026, 4, 20, 10, 0, 0, 0, time.UTC)
	b := NewBudget()
	bulk := 0
	for b.take(laneMethods, 1, 0, Bulk, now) == 0 {
		bulk++
	}
	if want := int(paces[laneMethods].burst * (1 - bulkReserve)); bulk != want {
		t.Errorf("bulk calls took %d at once, want %d", bulk, want)
	}
	for i := range int(paces[laneMethods].burst * bulkReserve) {
		if d := b.take(laneMethods, 1, 0, Interactive, now); d != 0 {
			t.Fatalf("interactive call %d waits %v", i, d)
		}
	}
	if d := b.take(laneMethods, 1, 0, Interactive, now); d <= 0 {
		t.Error("the bucket has no bottom")
	}
}

// Whatever the answers were, a lane is never faster than its pace, never slower than its floor, and a wait it names is
// enough.
func TestBudgetProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 4, 20, 10, 0, 0, 0, time.UTC)
		start := now
		b := NewBudget()
		taken := 0.0
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				cost := float64(rapid.IntRange(1, 20).Draw(t, "cost"))
				p := Priority(rapid.IntRange(0, 1).Draw(t, "priority"))
				for waits := 0; ; waits++ { // one for a hold, one for the pace
					d := b.take(laneMethods, cost, 0, p, now)
					if d == 0 {
						break
					}
					if waits == 2 {
						t.Fatalf("after two waits there is another of %v", d)
					}
					now = now.Add(d + time.Millisecond)
				}
				taken += cost
			case 1:
				b.throttled(laneMethods, time.Duration(rapid.IntRange(0, 60).Draw(t, "hold"))*time.Second, now)
			case 2:
				b.answered(laneMethods, rapid.Float64Range(0, 2).Draw(t, "load"), now)
			case 3:
				now = now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "ms")) * time.Millisecond)
			}
			if r := b.lanes[laneMethods].rate; r < paces[laneMethods].least || r > paces[laneMethods].most {
				t.Fatalf("the rate is %v", r)
			}
		}
		if most := paces[laneMethods].burst + now.Sub(start).Seconds()*paces[laneMethods].most; taken > most+1e-6 {
			t.Fatalf("%v calls in %v, more than %v", taken, now.Sub(start), most)
		}
	})
}

func TestThrottleLoadSlowsBeforeTheWall(t *testing.T) {
	now := time.Date(2026, 4, 20, 10, 0, 0, 0, time.UTC)
	b := NewBudget()
	b.answered(laneDirectory, throttleLoad(http.Header{"X-Ms-Throttle-Limit-Percentage": {"1.2"}}), now)
	slowed := b.lanes[laneDirectory].rate
	if slowed >= paces[laneDirectory].most {
		t.Error("a load of 1.2 does not slow the lane")
	}
	for range 200 {
		b.answered(laneDirectory, 0, now)
	}
	if b.lanes[laneDirectory].rate != paces[laneDirectory].most {
		t.Error("good answers do not bring the pace back")
	}
	for _, junk := range []string{"", "x", "NaN", "-1"} {
		if load := throttleLoad(http.Header{"X-Ms-Throttle-Limit-Percentage": {junk}}); load != 0 {
			t.Errorf("%q reads as a load of %v", junk, load)
		}
	}
}

// A claims challenge of continuous access evaluation is answered with a token that carries the claims.
func TestClaimsChallenge(t *testing.T) {
	n := 0
	f := newFake(t, func(w http.ResponseWriter, r *http.Request) {
		if n++; n == 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="", authorization_uri="https://x/authorize", error="insufficient_claims", claims="eyJhY2Nlc3NfdG9rZW4iOnsibmJmIjp7ImVzc2VudGlhbCI6dHJ1ZSwidmFsdWUiOiIxNjA0MTA2NjUxIn19fQ=="`)
			graphRefuses(w, 401, "InvalidAuthenticationToken", "Continuous access evaluation resulted in challenge.")
			return
		}
		writeJSON(w, 200, map[string]any{"id": "g"})
	})
	tenant, _ := f.open()
	if _, err := tenant.GroupByID(ctx, "g"); err != nil {
		t.Fatal(err)
	}
	if f.tokens != 2 || !strings.Contains(f.lastForm.Get("claims"), "1604106651") || !strings.Contains(f.lastForm.Get("claims"), "CP1") {
		t.Errorf("%d tokens; the last with claims %q", f.tokens, f.lastForm.Get("claims"))
	}
}
