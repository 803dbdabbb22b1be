//go:build !js

package signed

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/postern/postern"
)

// overPolls is how much longer than the longest long poll a call may take.
const overPolls = time.Minute

// HTTP gives the transport that stands on net/http. A nil client means one with a time limit above every long poll.
func HTTP(client *http.Client) Transport {
	if client == nil {
		client = &http.Client{Timeout: postern.PhoneWaitMax + overPolls}
	}
	own := *client
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return transport{&own}
}

type transport struct{ client *http.Client }

func (t transport) RoundTrip(ctx context.Context, r Request) (*Response, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return nil, err
	}
	for name, value := range r.Header {
		req.Header.Set(name, value)
	}
	resp, err := t.client.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			return nil, u.Err // without the URL and method that net/http puts before it
		}
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, err
	}
	out := &Response{Status: resp.StatusCode, Body: body}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		out.Date = date
	}
	if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
		out.RetryAfter = time.Duration(seconds) * time.Second
	}
	return out, nil
}
