package model_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"time"

	"github.com/postern/postern/center/job/jobtest"
)

// crasher kills the control center at a point: the death falls on the n-th one from when it was armed.
type crasher struct {
	left  int // points until then, 0: not armed
	seen  int // in all
	point string
}

func (c *crasher) here(name string) {
	c.seen++
	if c.left == 0 {
		return
	}
	if c.left--; c.left == 0 {
		c.point = name
		panic(jobtest.Crash{At: name})
	}
}

// trouble is what goes wrong with one of the next exchanges with Graph.
type trouble struct {
	kind  string        // "429", "500", "503", "504", "before", "after" or "slow"
	skip  int           // exchanges that pass first
	count int           // exchanges it falls on
	wait  time.Duration // of "slow", and what 429 asks for
}

// wire carries the connector's requests into the emulator, with points to die at and trouble on the way.
type wire struct {
	lab      *lab
	crash    *crasher
	troubles []*trouble
	hits     int       // exchanges that trouble fell on
	out      time.Time // until when Graph answers nothing

	asked  func(objectID string) // called when creation options are asked for
	secret func(text string)     // called with what must not be written down
	lies   func(*http.Request) *http.Response
}

var ids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|/fido2Methods/[^/]{16,}`)

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasPrefix(req.URL.Path, "/v1.0/") && !strings.HasPrefix(req.URL.Path, "/beta/") {
		return w.carry(req)
	}
	name := req.Method + " " + ids.ReplaceAllString(req.URL.Path, "/{id}")
	w.crash.here("before " + name)
	resp, err := w.troubled(req)
	w.crash.here("after " + name)
	return resp, err
}

func (w *wire) troubled(req *http.Request) (*http.Response, error) {
	if w.lies != nil {
		if resp := w.lies(req); resp != nil {
			return resp, nil
		}
	}
	if w.lab.now.Before(w.out) {
		w.hits++
		return failing(req, &trouble{kind: "503"}), nil
	}
	for n, t := range w.troubles {
		if t.skip > 0 {
			t.skip--
			continue
		}
		w.hits++
		if t.count--; t.count <= 0 {
			w.troubles = append(w.troubles[:n:n], w.troubles[n+1:]...)
		}
		switch t.kind {
		case "slow":
			w.lab.now = w.lab.now.Add(t.wait)
			return w.carry(req)
		case "before":
			return nil, fmt.Errorf("the connection was closed: %w", io.ErrUnexpectedEOF)
		case "after":
			if resp, err := w.carry(req); err == nil {
				_ = resp.Body.Close()
			}
			return nil, fmt.Errorf("the connection was closed: %w", io.ErrUnexpectedEOF)
		}
		return failing(req, t), nil
	}
	return w.carry(req)
}

// failing is Graph's answer with an error status.
func failing(req *http.Request, t *trouble) *http.Response {
	status, code := http.StatusServiceUnavailable, "serviceNotAvailable"
	header := http.Header{"Content-Type": {"application/json"}}
	switch t.kind {
	case "429":
		status, code = http.StatusTooManyRequests, "TooManyRequests"
		header.Set("Retry-After", fmt.Sprint(int(t.wait.Seconds())))
	case "500":
		status, code = http.StatusInternalServerError, "generalException"
	case "504":
		status, code = http.StatusGatewayTimeout, "gatewayTimeout"
	}
	body := fmt.Sprintf(`{"error":{"code":%q,"message":"This is an injected fault."}}`, code)
	return &http.Response{
		StatusCode: status, Status: http.StatusText(status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header,
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}

// carry hands the request to the emulator's handler, without a connection in between.
func (w *wire) carry(req *http.Request) (*http.Response, error) {
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	in := req.Clone(req.Context())
	in.RequestURI, in.RemoteAddr, in.Host = req.URL.RequestURI(), "192.0.2.1:40000", req.URL.Host
	if in.Body == nil {
		in.Body = http.NoBody
	}
	out := httptest.NewRecorder()
	w.lab.server.ServeHTTP(out, in)
	_ = in.Body.Close()
	w.overhear(req.URL.Path, out.Body.Bytes())
	resp := out.Result()
	resp.Request = req
	return resp, nil
}

var (
	optionsPath = regexp.MustCompile(`/users/([^/]+)/authentication/fido2Methods/creationOptions(?:\(.*\))?$`)
	challengeIn = regexp.MustCompile(`"challenge":\s*"([^"]+)"`)
	tokenIn     = regexp.MustCompile(`"access_token":\s*"([^"]+)"`)
)

// overhear keeps what is secret of an answer.
func (w *wire) overhear(path string, body []byte) {
	if m := optionsPath.FindStringSubmatch(path); m != nil {
		w.asked(m[1])
		if c := challengeIn.FindSubmatch(body); c != nil {
			w.secret(string(c[1]))
		}
	}
	if strings.HasSuffix(path, "/token") {
		if m := tokenIn.FindSubmatch(body); m != nil {
			w.secret(string(m[1]))
		}
	}
}
