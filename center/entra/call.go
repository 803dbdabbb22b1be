package entra

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/streaming"

	"github.com/postern/postern"
)

// operation is one kind of call.
type operation struct {
	name       string   // for metrics and logs
	doing      string   // completes "… is needed to …"
	needs      []string // permissions any one of which allows it, least first
	lane       lane
	repeatable bool // a second attempt does no harm, whatever became of the first
	beta       bool
	parts      int // requests inside, for a batch
	changes    int // of which change something
}

func (o operation) cost() float64 { return float64(max(o.parts, 1)) }

type operationKey struct{}

// operationOf finds the operation of a call; requests of the identity platform have none and are repeatable.
func operationOf(ctx context.Context) operation {
	if op, ok := ctx.Value(operationKey{}).(operation); ok {
		return op
	}
	return operation{name: "token", repeatable: true}
}

// call is one request to Graph.
type call struct {
	op     operation
	method string
	path   string // escaped, after the version
	query  query
	body   any
	header http.Header
	on     object // what it is about, for the sentences of errors
}

// object names what a call is about.
type object struct {
	kind string // "user", "passkey", "group", …
	name string // as the caller gave it
}

// query is an OData query. Values are escaped with %20 for a space, which every part of Graph understands.
type query []struct{ name, value string }

func (q query) String() string {
	var b strings.Builder
	for i, p := range q {
		b.WriteByte("?&"[min(i, 1)])
		b.WriteString(p.name + "=" + strings.ReplaceAll(url.QueryEscape(p.value), "+", "%20"))
	}
	return b.String()
}

// literal quotes a string for an OData expression.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// maxIdentifier bounds identifiers in paths. The longest are method ids, which carry a credential id of up to 1023 bytes.
const maxIdentifier = 2048

// segment escapes an identifier for a path. It refuses what would change which resource the path names.
func segment(kind, id string) (string, error) {
	if id == "" || id == "." || id == ".." || len(id) > maxIdentifier || !utf8.ValidString(id) ||
		strings.ContainsFunc(id, unicode.IsControl) {
		return "", postern.FieldErrorf(kind, "That is not an identifier of a %s.", kind)
	}
	return url.PathEscape(id), nil
}

// userPath is the path of a user by object id or user principal name. A name that starts with $ needs the quoted form.
func userPath(user string) (string, error) {
	if strings.HasPrefix(user, "$") {
		s, err := segment("user", strings.ReplaceAll(user, "'", "''"))
		return "/users('" + s + "')", err
	}
	s, err := segment("user", user)
	return "/users/" + s, err
}

// answer is what came back with a status below 300.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// send makes the call and turns everything but a 2xx into a *postern.Error.
func (t *Tenant) send(ctx context.Context, c call) (answer, error) {
	version := "/v1.0"
	if c.op.beta {
		version = "/beta"
	}
	return t.sendTo(ctx, c, t.opts.Cloud.Graph+version+c.path+c.query.String())
}

func (t *Tenant) sendTo(ctx context.Context, c call, address string) (answer, error) {
	left := new(bool)
	inner := context.WithValue(context.WithValue(ctx, operationKey{}, c.op), attemptedKey{}, left)
	req, err := runtime.NewRequest(inner, c.method, address)
	if err != nil {
		return answer{}, postern.Errorf(postern.CodeInternal, "").Because(fmt.Errorf("%s: %w", c.op.name, err))
	}
	for name, values := range c.header {
		req.Raw().Header[name] = values
	}
	req.Raw().Header.Set("Accept", "application/json")
	req.Raw().Header.Set("client-request-id", requestIDOf(ctx))
	if c.body != nil {
		b, err := json.Marshal(c.body)
		if err != nil {
			return answer{}, postern.Errorf(postern.CodeInternal, "").Because(fmt.Errorf("%s: %w", c.op.name, err))
		}
		if err := req.SetBody(streaming.NopCloser(bytes.NewReader(b)), "application/json"); err != nil {
			return answer{}, postern.Errorf(postern.CodeInternal, "").Because(fmt.Errorf("%s: %w", c.op.name, err))
		}
	}
	resp, err := t.wire.Load().graph.Do(req) //nolint:bodyclose // the pipeline reads and closes it
	if err != nil {
		return answer{}, t.noAnswer(ctx, c, err, *left)
	}
	body, err := runtime.Payload(resp)
	if err != nil {
		return answer{}, t.noAnswer(ctx, c, err, *left)
	}
	if resp.StatusCode < 200 || resp.StatusCode > 299 {
		return answer{}, t.refusal(c, resp.StatusCode, resp.Header, body)
	}
	return answer{resp.StatusCode, resp.Header, body}, nil
}

// do makes the call and decodes its answer.
func do[T any](ctx context.Context, t *Tenant, c call) (T, error) {
	var v T
	a, err := t.send(ctx, c)
	if err != nil {
		return v, err
	}
	return v, t.decode(c, a.body, &v)
}

// decode reads an answer's JSON. What cannot be read after a call that is not repeatable leaves its outcome unknown.
func (t *Tenant) decode(c call, body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return t.unexpected(c, fmt.Sprintf("%d bytes that are not the expected JSON", len(body)))
	}
	return nil
}

// page is one page of a collection.
type page[T any] struct {
	Value []T    `json:"value"`
	Next  string `json:"@odata.nextLink"`
}

// maxPages bounds a collection: a server that always has one more page must not hold a job for ever.
const maxPages = 20000

// each lists a collection, page by page. After an error it ends.
func each[T any](ctx context.Context, t *Tenant, c call) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		a, err := t.send(ctx, c)
		follow(ctx, t, c, a, err, yield)
	}
}

// eachFrom lists the rest of a collection from a link on.
func eachFrom[T any](ctx context.Context, t *Tenant, c call, link string) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		if !t.ownLink(link) {
			var zero T
			yield(zero, t.unexpected(c, "a link to a next page that leads elsewhere"))
			return
		}
		a, err := t.sendTo(ctx, c, link)
		follow(ctx, t, c, a, err, yield)
	}
}

// follow yields a page and all that come after it.
func follow[T any](ctx context.Context, t *Tenant, c call, a answer, err error, yield func(T, error) bool) {
	var zero T
	for n := 1; ; n++ {
		var p page[T]
		if err == nil {
			err = t.decode(c, a.body, &p)
		}
		if err != nil {
			yield(zero, err)
			return
		}
		for _, v := range p.Value {
			if !yield(v, nil) {
				return
			}
		}
		if p.Next == "" {
			return
		}
		if n == maxPages || !t.ownLink(p.Next) {
			yield(zero, t.unexpected(c, "a link to a next page that cannot be followed"))
			return
		}
		a, err = t.sendTo(ctx, c, p.Next)
	}
}

// ownLink reports whether a link leads to the same Graph. A token must never follow a link elsewhere.
func (t *Tenant) ownLink(link string) bool {
	u, err := url.Parse(link)
	return err == nil && u.User == nil && strings.EqualFold(u.Scheme+"://"+u.Host, t.opts.Cloud.Graph)
}

// collect gathers a listing, at most limit values of it; all if limit is zero.
func collect[T any](seq iter.Seq2[T, error], limit int) ([]T, error) {
	var all []T
	for v, err := range seq {
		if err != nil {
			return nil, err
		}
		all = append(all, v)
		if limit > 0 && len(all) == limit {
			break
		}
	}
	return all, nil
}
