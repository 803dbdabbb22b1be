//go:build !js

package postern

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client calls the REST API of a control center. Every method is one operation of the API document that the control
// center serves at /api/docs; errors are [*Error] with the code, next step, field and request id that it answered.
//
//	c := postern.Client{BaseURL: "https://postern.example.com", Token: token}
//	all, err := c.Integrations(ctx)
//
// A Client may be used by several goroutines at once.
type Client struct {
	// BaseURL is the address of the control center. It must be https, or http on this very machine: a token must not
	// travel in the clear.
	BaseURL string
	// Token is an API token (ptn_…).
	Token string
	// HTTPClient is used for the calls; nil means one with a time limit of three minutes per call.
	HTTPClient *http.Client
	// UserAgent names the program; empty means postern-go.
	UserAgent string
}

var defaultHTTPClient = &http.Client{Timeout: 3 * time.Minute}

// maxAnswer bounds what the client reads of one answer.
const maxAnswer = 32 << 20

// call sends in as JSON, if not nil, and reads the answer into out, if not nil.
func (c *Client) call(ctx context.Context, method, path string, query url.Values, in, out any) error {
	answer, err := c.send(ctx, method, path, query, in)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(out); err != nil {
		return c.unreadable(answer, err)
	}
	return nil
}

// send returns an answer of success, whose body the caller closes.
func (c *Client) send(ctx context.Context, method, path string, query url.Values, in any) (*http.Response, error) {
	base, err := c.base()
	if err != nil {
		return nil, err
	}
	target := base + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var body io.Reader
	if in != nil {
		encoded, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("postern: encode the request: %w", err)
		}
		body = bytes.NewReader(encoded)
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fmt.Errorf("postern: %w", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "postern-go")
	if c.UserAgent != "" {
		req.Header.Set("User-Agent", c.UserAgent)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if version, ok := ctx.Value(ifMatchKey{}).(int64); ok {
		req.Header.Set("If-Match", strconv.Quote(strconv.FormatInt(version, 10)))
	}
	client := c.HTTPClient
	if client == nil {
		client = defaultHTTPClient
	}
	answer, err := client.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, Errorf(CodeUnavailable, "The control center at %s cannot be reached: %v.", base, plain(err)).
			WithNext("Check the address, the network, and that the control center runs.").Because(err)
	}
	if answer.StatusCode >= 300 {
		defer answer.Body.Close()
		return nil, c.refused(answer)
	}
	return answer, nil
}

// base is the checked BaseURL without a slash at its end.
func (c *Client) base() (string, error) {
	u, err := url.Parse(strings.TrimSuffix(c.BaseURL, "/"))
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "", Errorf(CodeInvalid, "The address of the control center must be a URL such as https://postern.example.com.").OnField("server").
			WithNext("Correct the address.")
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		return "", Errorf(CodeInvalid, "The address of the control center is http, and a token must not travel in the clear.").OnField("server").
			WithNext("Use the https address.")
	}
	return u.String(), nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// plain is the innermost cause, without the URL and method that net/http puts before it.
func plain(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// refused makes the error of an answer that is none of success.
func (c *Client) refused(answer *http.Response) error {
	var p Problem
	data, err := io.ReadAll(io.LimitReader(answer.Body, 1<<20))
	if err == nil {
		err = json.Unmarshal(data, &p)
	}
	if err != nil || p.Code == "" {
		return c.unreadable(answer, err)
	}
	e := p.AsError()
	if e.RequestID == "" {
		e.RequestID = answer.Header.Get("X-Request-Id")
	}
	if seconds, err := strconv.Atoi(answer.Header.Get("Retry-After")); err == nil {
		e.After = time.Duration(seconds) * time.Second
	}
	return e
}

// unreadable is the error for an answer that no control center gives; most often something else stands at the address.
func (c *Client) unreadable(answer *http.Response, cause error) error {
	e := Errorf(CodeUnavailable, "The answer (HTTP %d) is not one of a control center.", answer.StatusCode).
		WithNext("Check the address; a proxy in between may have answered instead.").Because(cause)
	e.RequestID = answer.Header.Get("X-Request-Id")
	return e
}

// get calls an operation that answers a T.
func get[T any](ctx context.Context, c *Client, method, path string, in any) (T, error) {
	var out T
	err := c.call(ctx, method, path, nil, in, &out)
	return out, err
}

// list calls an operation that answers all there is in one page.
func list[T any](ctx context.Context, c *Client, path string, query url.Values) ([]T, error) {
	var out Page[T]
	err := c.call(ctx, http.MethodGet, path, query, nil, &out)
	return out.Items, err
}

// pages walks a list that comes in pages.
func pages[T any](ctx context.Context, c *Client, path string, query url.Values) func(yield func(T, error) bool) {
	return func(yield func(T, error) bool) {
		for {
			var page Page[T]
			if err := c.call(ctx, http.MethodGet, path, query, nil, &page); err != nil {
				var zero T
				yield(zero, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.Next == "" {
				return
			}
			query.Set("page", page.Next)
		}
	}
}

// under joins a path below the API's root; parts are escaped.
func under(parts ...string) string {
	var b strings.Builder
	b.WriteString(APIPath)
	for _, part := range parts {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(part))
	}
	return b.String()
}

// remove deletes what has a version.
func (c *Client) remove(ctx context.Context, path string, version int64) error {
	return c.call(context.WithValue(ctx, ifMatchKey{}, version), http.MethodDelete, path, nil, nil, nil)
}

type ifMatchKey struct{}
