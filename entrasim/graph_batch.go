package entrasim

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxParts is how many requests a batch may hold (Microsoft Graph documentation, "JSON batching").
const maxParts = 20

// batchState marks a call as part of a batch.
type batchState struct{}

// batchRequest is one part.
type batchRequest struct {
	ID        string            `json:"id"`
	Method    string            `json:"method"`
	URL       string            `json:"url"`
	Headers   map[string]string `json:"headers"`
	Body      json.RawMessage   `json:"body"`
	DependsOn []string          `json:"dependsOn"`
}

func isBatch(rest string) bool {
	rest, _ = url.PathUnescape(rest)
	return strings.EqualFold(strings.Trim(rest, "/"), "$batch")
}

// parseBatch reads and checks a batch.
func parseBatch(data []byte) ([]batchRequest, error) {
	var in struct {
		Requests []batchRequest `json:"requests"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return nil, fmt.Errorf("Invalid batch payload format.")
	}
	if len(in.Requests) == 0 {
		return nil, fmt.Errorf("The batch payload is missing the required 'requests' property.")
	}
	if len(in.Requests) > maxParts {
		return nil, fmt.Errorf("Number of batch request steps exceeds the maximum value of %d.", maxParts)
	}
	seen := make(map[string]bool, len(in.Requests))
	for _, q := range in.Requests {
		switch {
		case q.ID == "" || q.Method == "" || q.URL == "":
			return nil, fmt.Errorf("Each batch request must have the properties 'id', 'method' and 'url'.")
		case seen[strings.ToLower(q.ID)]:
			return nil, fmt.Errorf("Request id has to be unique in a batch. Duplicated id: '%s'.", q.ID)
		case hasBody(q) && header(q.Headers, "Content-Type") == "":
			return nil, fmt.Errorf("Write request id : %s does not contain Content-Type header or body.", q.ID)
		}
		seen[strings.ToLower(q.ID)] = true
		if _, err := url.Parse(q.URL); err != nil {
			return nil, fmt.Errorf("Request id '%s' has an invalid url.", q.ID)
		}
	}
	return in.Requests, checkDependencies(in.Requests)
}

// checkDependencies refuses names nobody has and circles.
func checkDependencies(requests []batchRequest) error {
	state := make(map[string]int, len(requests)) // 1: on the path, 2: done
	byID := make(map[string]batchRequest, len(requests))
	for _, q := range requests {
		byID[q.ID] = q
	}
	var visit func(id string) error
	visit = func(id string) error {
		q, ok := byID[id]
		switch {
		case !ok:
			return fmt.Errorf("Request dependency id '%s' does not exist in the batch.", id)
		case state[id] == 1:
			return fmt.Errorf("The batch has a circular dependency at request id '%s'.", id)
		case state[id] == 2:
			return nil
		}
		state[id] = 1
		for _, d := range q.DependsOn {
			if err := visit(d); err != nil {
				return err
			}
		}
		state[id] = 2
		return nil
	}
	for _, q := range requests {
		if err := visit(q.ID); err != nil {
			return err
		}
	}
	return nil
}

func hasBody(q batchRequest) bool { return len(q.Body) > 0 && string(q.Body) != "null" }

func header(h map[string]string, name string) string {
	for k, v := range h {
		if strings.EqualFold(k, name) {
			return v
		}
	}
	return ""
}

// serveBatch answers $batch: parts run as their dependencies allow and come back in another order than they were sent.
func (c *graphCall) serveBatch() {
	if c.r.Method != http.MethodPost {
		c.methodNotAllowed()
		return
	}
	data, err := io.ReadAll(c.r.Body)
	if err != nil {
		c.fail(http.StatusBadRequest, "BadRequest", "Invalid batch payload format.")
		return
	}
	requests, err := parseBatch(data)
	if err != nil {
		c.fail(http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	status := make(map[string]int, len(requests))
	answers := make([]object, 0, len(requests))
	for len(answers) < len(requests) {
		for _, q := range requests {
			if _, done := status[q.ID]; done || !ready(q, status) {
				continue
			}
			a, code := c.part(q, status)
			status[q.ID] = code
			answers = append(answers, a)
		}
	}
	for i := len(answers) - 1; i > 0; i-- {
		j := c.s.random.intn(i + 1)
		answers[i], answers[j] = answers[j], answers[i]
	}
	c.json(http.StatusOK, object{"responses": answers})
}

func ready(q batchRequest, status map[string]int) bool {
	for _, d := range q.DependsOn {
		if _, done := status[d]; !done {
			return false
		}
	}
	return true
}

// part runs one request of the batch.
func (c *graphCall) part(q batchRequest, status map[string]int) (answer object, code int) {
	for _, d := range q.DependsOn {
		if status[d] >= 400 {
			return object{
				"id": q.ID, "status": http.StatusFailedDependency, "headers": object{"Content-Type": "application/json"},
				"body": c.errorBody("FailedDependency", "The request failed because one of its dependencies failed: '"+d+"'."),
			}, http.StatusFailedDependency
		}
	}
	w := &partWriter{header: http.Header{}}
	target, err := url.Parse("/" + c.version + "/" + strings.TrimPrefix(q.URL, "/"))
	if err != nil {
		return object{"id": q.ID, "status": http.StatusBadRequest, "body": c.errorBody("BadRequest", "Invalid url.")}, http.StatusBadRequest
	}
	r := c.r.Clone(c.r.Context())
	r.Method, r.URL = strings.ToUpper(q.Method), target
	r.Header = http.Header{"Authorization": c.r.Header["Authorization"]}
	for k, v := range q.Headers {
		if !strings.EqualFold(k, "Authorization") {
			r.Header.Set(k, v)
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(partBody(q.Body)))
	path := target.EscapedPath()
	_, rest, _ := graphPath(path)
	c.s.faulty(w, r, path, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := &graphCall{s: c.s, w: w, r: r, version: c.version, rest: rest, tenant: c.tenant, who: c.who, batch: &batchState{}}
		p.headers()
		if isBatch(rest) {
			p.fail(http.StatusBadRequest, "BadRequest", "A batch cannot hold a batch.")
			return
		}
		p.dispatch()
	}))
	c.s.history.add(Call{Time: c.s.Now(), Method: r.Method, Path: path, Status: w.code(), Batch: true})
	return w.answer(q.ID), w.code()
}

// partBody is the body of a part: JSON as it is, or the bytes of a base64 string.
func partBody(raw json.RawMessage) []byte {
	var text string
	if len(raw) > 0 && raw[0] == '"' && json.Unmarshal(raw, &text) == nil {
		if b, err := base64.StdEncoding.DecodeString(text); err == nil {
			return b
		}
	}
	return raw
}

// partWriter collects the answer of one part.
type partWriter struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *partWriter) Header() http.Header { return w.header }

func (w *partWriter) Write(b []byte) (int, error) { return w.body.Write(b) }

func (w *partWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
}

func (w *partWriter) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// partHeaders are those a part keeps; the others belong to the batch.
var partHeaders = []string{
	"Content-Type", "Cache-Control", "OData-Version", "Location", "Retry-After", "WWW-Authenticate",
	"x-ms-resource-unit", "x-ms-throttle-limit-percentage", "x-ms-throttle-scope", "x-ms-throttle-information",
}

func (w *partWriter) answer(id string) object {
	headers := object{}
	for _, name := range partHeaders {
		if v := w.header.Get(name); v != "" {
			headers[name] = v
		}
	}
	out := object{"id": id, "status": w.code(), "headers": headers}
	if w.body.Len() == 0 {
		return out
	}
	if json.Valid(w.body.Bytes()) {
		out["body"] = json.RawMessage(bytes.TrimSpace(w.body.Bytes()))
	} else {
		out["body"] = base64.StdEncoding.EncodeToString(w.body.Bytes())
	}
	return out
}
