package entra

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode"

	"github.com/postern/postern"
)

// Question is a request to Graph that somebody else worded.
type Question struct {
	Method string
	Path   string          // escaped, with version and query, such as /v1.0/organization?$select=id
	Body   json.RawMessage // nil: none
	Doing  string          // completes "Postern wanted to …"
	Needs  []string        // permissions any one of which allows it; may be empty
	// Again says that a second attempt does no harm, whatever became of the first. Of GET, PATCH, PUT and DELETE it is known.
	Again bool
}

// Reply is Graph's answer.
type Reply struct {
	Status int // 0: there was no answer
	Body   json.RawMessage
}

// Ask makes a request through the pipeline that every call goes through: token, pacing, repetition where it does no harm.
// What is not a 2xx is an error in our words, with the status and Graph's own words in [GraphError] beneath; the reply then
// has the status alone.
func (t *Tenant) Ask(ctx context.Context, q Question) (Reply, error) {
	version, path, ok := strings.Cut(strings.TrimPrefix(q.Path, "/"), "/")
	if !ok || version != "v1.0" && version != "beta" || strings.Contains(path, "..") || strings.Contains(path, "//") ||
		strings.ContainsFunc(path, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) || r == '#' || r == '\\' }) {
		return Reply{}, postern.Errorf(postern.CodeInternal, "").Because(errors.New("not a path of Graph: " + q.Path))
	}
	name := "ask.write"
	if q.Method == http.MethodGet {
		name = "ask.read"
	}
	c := call{
		op:     operation{name: name, doing: q.Doing, needs: q.Needs, repeatable: q.Again || q.Method != http.MethodPost, beta: version == "beta"},
		method: q.Method, path: "/" + path,
	}
	if len(q.Body) > 0 {
		c.body = json.RawMessage(bytes.Clone(q.Body))
	}
	a, err := t.send(ctx, c)
	if err != nil {
		var refused *GraphError
		if errors.As(err, &refused) {
			return Reply{Status: refused.Status}, err
		}
		return Reply{}, err
	}
	return Reply{a.status, a.body}, nil
}
