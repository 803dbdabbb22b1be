package entra

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"

	"github.com/postern/postern"
)

// patience is how often and how long in all one call is tried again.
type patience struct {
	tries int           // attempts, the first included
	total time.Duration // waiting in all: for the budget, for Retry-After and between attempts
}

var patienceOf = map[Priority]patience{
	Interactive: {tries: 4, total: 30 * time.Second},
	Bulk:        {tries: 8, total: 10 * time.Minute},
}

// Backoff without a Retry-After: from half of it up to the whole, doubling from first up to most.
const (
	firstBackoff = 500 * time.Millisecond
	mostBackoff  = 30 * time.Second
)

// longestRetryAfter is what a Retry-After is cut to, so that a broken header cannot stop a lane for good.
const longestRetryAfter = time.Hour

// retryAfter reads Retry-After: seconds, whole or with a fraction (Graph's documentation shows 2.128), or an HTTP date
// (RFC 9110 §10.2.3).
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0, false
	}
	var d time.Duration
	if seconds, err := strconv.ParseFloat(v, 64); err == nil {
		if math.IsNaN(seconds) || seconds < 0 {
			return 0, false
		}
		d = time.Duration(min(seconds, longestRetryAfter.Seconds()) * float64(time.Second))
	} else if at, err := http.ParseTime(v); err == nil {
		d = max(at.Sub(now), 0)
	} else {
		return 0, false
	}
	return min(d, longestRetryAfter), true
}

// throttleLoad reads x-ms-throttle-limit-percentage; zero when absent or not a number.
func throttleLoad(h http.Header) float64 {
	load, err := strconv.ParseFloat(strings.TrimSpace(h.Get("x-ms-throttle-limit-percentage")), 64)
	if err != nil || math.IsNaN(load) || load < 0 {
		return 0
	}
	return min(load, 2)
}

// backoff is the wait after the given attempt, counted from 1.
func backoff(attempt int) time.Duration {
	d := min(firstBackoff<<min(attempt-1, 10), mostBackoff)
	return d/2 + rand.N(d/2+1)
}

// retryPolicy repeats what may be repeated and paces everything. One policy serves Graph and, with a nil budget, the
// token endpoint.
type retryPolicy struct {
	budget *Budget
	now    func() time.Time
	sleep  func(context.Context, time.Duration) error
	watch  Observer
}

// attemptedKey holds a *bool in the context that tells whether the last attempt may have left without an answer.
type attemptedKey struct{}

func (p *retryPolicy) Do(req *policy.Request) (*http.Response, error) {
	ctx := req.Raw().Context()
	op := operationOf(ctx)
	limit := patienceOf[priorityOf(ctx)]
	var waited time.Duration
	wait := func(d time.Duration, reason string) error {
		waited += d
		p.watch.Wait(op.name, reason, d)
		return p.sleep(ctx, d)
	}
	for attempt := 1; ; attempt++ {
		for p.budget != nil {
			d := p.take(op, req.Raw().Method, priorityOf(ctx))
			if d == 0 {
				break
			}
			if waited+d > limit.total {
				return nil, throttledError(op, d)
			}
			if err := wait(d, "budget"); err != nil {
				return nil, err
			}
		}
		resp, err := p.attempt(ctx, req)
		if ctx.Err() != nil || !p.worthwhile(op, resp, err) {
			return resp, err
		}
		pause := backoff(attempt)
		reason := "retry"
		if resp != nil {
			asked, ok := retryAfter(resp.Header, p.now())
			if ok {
				pause = asked
			}
			if resp.StatusCode == http.StatusTooManyRequests {
				reason = "throttled"
				if p.budget != nil {
					p.budget.throttled(throttledLane(op, resp.Header), pause, p.now())
				}
			}
		}
		if attempt >= limit.tries || waited+pause > limit.total {
			return resp, err
		}
		if err := wait(pause, reason); err != nil {
			return nil, err
		}
	}
}

// take draws on the budget for one attempt.
func (p *retryPolicy) take(op operation, method string, priority Priority) time.Duration {
	return p.budget.take(op.lane, op.cost(), float64(writes(op, method)), priority, p.now())
}

// writes is how many writes Graph counts a call as. What is only asked by POST is none, and of a batch each part counts.
func writes(op operation, method string) int {
	switch {
	case op.parts > 0:
		return op.changes
	case method == http.MethodGet, op.name == opCheckMember.name:
		return 0
	}
	return 1
}

// throttledLane is the lane that a 429 speaks of.
func throttledLane(op operation, h http.Header) lane {
	if h.Get("x-ms-throttle-information") == "WriteLimitExceeded" {
		return laneWrites
	}
	return op.lane
}

// attempt makes one exchange with a time limit of its own. The body has been read when it returns.
func (p *retryPolicy) attempt(ctx context.Context, req *policy.Request) (*http.Response, error) {
	if err := req.RewindBody(); err != nil {
		return nil, err
	}
	limited, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	resp, err := req.Clone(limited).Next()
	if p.budget != nil {
		count(ctx, resp)
	}
	if p.budget != nil && err == nil && resp.StatusCode != http.StatusTooManyRequests {
		if load := throttleLoad(resp.Header); writes(operationOf(ctx), req.Raw().Method) > 0 {
			p.budget.wrote(load, p.now())
			if load < 0.8 {
				p.budget.answered(operationOf(ctx).lane, 0, p.now())
			}
		} else {
			p.budget.answered(operationOf(ctx).lane, load, p.now())
		}
	}
	if left, ok := ctx.Value(attemptedKey{}).(*bool); ok {
		*left = err != nil && !neverSent(err) && !isOurs(err)
	}
	return resp, err
}

// worthwhile reports whether another attempt may succeed and cannot do harm.
func (p *retryPolicy) worthwhile(op operation, resp *http.Response, err error) bool {
	if err != nil {
		if isOurs(err) || untrusted(err) || errors.Is(err, errAnswerTooLarge) {
			return false
		}
		return op.repeatable || neverSent(err)
	}
	switch resp.StatusCode {
	case http.StatusTooManyRequests:
		return true
	case http.StatusRequestTimeout, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return op.repeatable
	case http.StatusConflict, http.StatusPreconditionFailed:
		return op.repeatable && graphCode(resp) == "Directory_ConcurrencyViolation"
	}
	return false
}

// isOurs reports whether the error is already in our words: the token could not be bought, and that had retries of its
// own.
func isOurs(err error) bool {
	var e *postern.Error
	return errors.As(err, &e)
}

// timerSleep is the default sleeper.
func timerSleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
