package signed

import (
	"context"
	"errors"
	"strconv"
	"syscall/js"
	"time"
)

// Fetch gives the transport of a browser: no cookies, no cache, no redirects.
func Fetch() Transport { return fetch{} }

type fetch struct{}

func (fetch) RoundTrip(ctx context.Context, r Request) (*Response, error) {
	abort := js.Global().Get("AbortController").New()
	stop := context.AfterFunc(ctx, func() { abort.Call("abort") })
	defer stop()
	header := js.Global().Get("Object").New()
	for name, value := range r.Header {
		header.Set(name, value)
	}
	init := js.ValueOf(map[string]any{
		"method": r.Method, "headers": header, "signal": abort.Get("signal"),
		"credentials": "omit", "cache": "no-store", "redirect": "manual", "referrerPolicy": "no-referrer",
	})
	if r.Body != nil {
		body := js.Global().Get("Uint8Array").New(len(r.Body))
		js.CopyBytesToJS(body, r.Body)
		init.Set("body", body)
	}
	resp, err := await(ctx, js.Global().Call("fetch", r.URL, init))
	if err != nil {
		return nil, err
	}
	if resp.Get("type").String() == "opaqueredirect" {
		return nil, errors.New("the answer sends elsewhere")
	}
	buffer, err := await(ctx, resp.Call("arrayBuffer"))
	if err != nil {
		return nil, err
	}
	bytes := js.Global().Get("Uint8Array").New(buffer)
	if bytes.Length() > maxAnswer {
		return nil, errors.New("the answer is too long")
	}
	out := &Response{Status: resp.Get("status").Int(), Body: make([]byte, bytes.Length())}
	js.CopyBytesToGo(out.Body, bytes)
	if date := resp.Get("headers").Call("get", "Date"); !date.IsNull() {
		// The one format HTTP still writes (RFC 9110 §5.6.7).
		if at, err := time.Parse("Mon, 02 Jan 2006 15:04:05 GMT", date.String()); err == nil {
			out.Date = at
		}
	}
	if after := resp.Get("headers").Call("get", "Retry-After"); !after.IsNull() {
		if seconds, err := strconv.Atoi(after.String()); err == nil {
			out.RetryAfter = time.Duration(seconds) * time.Second
		}
	}
	return out, nil
}

// await waits for a promise, or for ctx.
func await(ctx context.Context, promise js.Value) (js.Value, error) {
	type settled struct {
		value js.Value
		err   error
	}
	done := make(chan settled, 1)
	yes := js.FuncOf(func(_ js.Value, args []js.Value) any { done <- settled{value: args[0]}; return nil })
	no := js.FuncOf(func(_ js.Value, args []js.Value) any {
		done <- settled{err: errors.New(args[0].Call("toString").String())}
		return nil
	})
	promise.Call("then", yes, no)
	// Released when the promise settles; until then the browser may still call them.
	release := func() { yes.Release(); no.Release() }
	select {
	case s := <-done:
		release()
		return s.value, s.err
	case <-ctx.Done():
		go func() { <-done; release() }()
		return js.Undefined(), ctx.Err()
	}
}
