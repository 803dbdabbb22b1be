package entra

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/postern/postern"
)

// batchSize is how many requests Graph takes in one $batch.
const batchSize = 20

// The wire of POST /v1.0/$batch. Answers come in any order and are told apart by id.
type (
	batchRequest struct {
		Requests []batchPart `json:"requests"`
	}
	batchPart struct {
		ID     string `json:"id"`
		Method string `json:"method"`
		URL    string `json:"url"` // relative to the version
	}
	batchResponse struct {
		Responses []batchAnswer `json:"responses"`
	}
	batchAnswer struct {
		ID      string            `json:"id"`
		Status  int               `json:"status"`
		Headers map[string]string `json:"headers"`
		Body    json.RawMessage   `json:"body"`
	}
)

// partResult is what became of one part.
type partResult struct {
	body []byte
	err  error
}

// batch makes up to batchSize calls without a body at once, which may be repeated, and returns their results in the same order. Each part is throttled
// by itself: only the parts that were refused for the moment are asked again, after the longest wait any of them named.
func (t *Tenant) batch(ctx context.Context, calls []call) []partResult {
	results := make([]partResult, len(calls))
	open := make([]int, len(calls)) // indexes still to ask
	for i := range open {
		open[i] = i
	}
	limit := patienceOf[priorityOf(ctx)]
	var waited time.Duration
	for attempt := 1; len(open) > 0; attempt++ {
		again, pause := t.batchOnce(ctx, calls, open, results)
		if len(again) == 0 {
			break
		}
		if pause == 0 {
			pause = backoff(attempt)
		}
		if attempt >= limit.tries || waited+pause > limit.total || ctx.Err() != nil {
			break
		}
		waited += pause
		t.opts.Observer.Wait(calls[0].op.name, "throttled", pause)
		if err := t.opts.Sleep(ctx, pause); err != nil {
			break
		}
		open = again
	}
	return results
}

// batchOnce asks the open parts and fills their results. It returns the parts worth asking again and how long Graph
// wants to be left alone, zero if it does not say.
func (t *Tenant) batchOnce(ctx context.Context, calls []call, open []int, results []partResult) (again []int, pause time.Duration) {
	op := calls[0].op
	op.name, op.parts = "batch", len(open)
	var req batchRequest
	for _, i := range open {
		op.changes += writes(calls[i].op, calls[i].method)
		req.Requests = append(req.Requests, batchPart{ID: strconv.Itoa(i), Method: calls[i].method, URL: calls[i].path + calls[i].query.String()})
	}
	resp, err := do[batchResponse](ctx, t, call{op: op, method: http.MethodPost, path: "/$batch", body: req, on: object{kind: "batch"}})
	for _, i := range open {
		results[i] = partResult{err: err}
		if err == nil {
			results[i].err = t.unexpected(calls[i], "a batch without an answer to one of its parts")
		}
	}
	load := 0.0
	for _, a := range resp.Responses {
		i, err := strconv.Atoi(a.ID)
		if err != nil || i < 0 || i >= len(calls) || strconv.Itoa(i) != a.ID {
			continue
		}
		header := make(http.Header, len(a.Headers))
		for name, value := range a.Headers {
			header.Set(name, value)
		}
		if a.Status >= 200 && a.Status <= 299 {
			results[i] = partResult{body: a.Body}
			load = max(load, throttleLoad(header))
			continue
		}
		refusal := t.refusal(calls[i], a.Status, header, a.Body)
		results[i] = partResult{err: refusal}
		switch refusal.Code {
		case postern.CodeEntraThrottled:
			countPart(ctx)
			wait, _ := retryAfter(header, t.opts.Now())
			t.opts.Budget.throttled(throttledLane(calls[i].op, header), wait, t.opts.Now())
			pause = max(pause, wait)
			again = append(again, i)
		case postern.CodeEntraUnavailable:
			again = append(again, i)
		}
	}
	// The answer as a whole says nothing of the limits that its parts draw on.
	if load >= 0.8 && op.changes == 0 {
		t.opts.Budget.answered(op.lane, load, t.opts.Now())
	}
	return again, pause
}
