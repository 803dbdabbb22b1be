package recipe

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// Versions of Graph.
const (
	stable = "v1.0"
	beta   = "beta"
)

// Request is one request to Microsoft Graph.
type Request struct {
	Doing   string // what for, as it completes "to …"
	Method  string
	Version string // v1.0 or beta
	Path    string // from the version on, with its query; values in braces are escaped when they are filled in
	Body    json.RawMessage
	// Capture names what the answer gives: the member of the answer by the name of the value.
	Capture map[string]string
	// Secret names those of the captured values that are never shown.
	Secret []string
	// Find says of a GET what to take from the answer, and of anything else where to look first for what it would make; nil
	// for a request that may be repeated.
	Find *Find
	// Guard is what must hold of an object before it is written, for scripts that run some time after they were made.
	Guard *Guard
	// There is part of a refusal that says that what was asked for is there already.
	There string
	// Late says that a refusal with 400, 403 or 404 may mean that something made a moment ago does not show everywhere yet.
	Late bool
}

// Find is a place to look for something.
type Find struct {
	Path string // of a GET it is the path of the request
	In   string // the member that holds the list; empty if the answer itself is looked at
	// Match are members and what they must equal.
	Match []Member
	// Capture names what is found, as in [Request].
	Capture map[string]string
}

// Member is a member of an object and a value of it; strings may hold values in braces.
type Member struct {
	Name  string
	Value any // a string, a bool, or nil
}

// Guard compares an object with what was planned for.
type Guard struct {
	Path string
	// When chooses between requests: this one is for an object of which all of it holds, or with Otherwise for any other.
	When      []Compare
	Otherwise bool
	// Done are members that, when all have these values, leave nothing to write.
	Done []Compare
	// Only are members that must have one of these values; any other stops the script.
	Only []Compare
}

// Compare is a member of an object and the values it may have, as JSON. The member is named by a path as jq writes it:
// keyRestrictions.isEnforced. With [] in it, it stands for all the strings it leads to, sorted: includeTargets[].id.
type Compare struct {
	Member string
	Values []json.RawMessage
}

// Answer is Graph's answer to a request.
type Answer struct {
	Status int
	Body   json.RawMessage
}

// Asker sends a request whose values are filled in. Of a refusal it gives the status; it may give an error with it, which
// then says in words what was refused. An error without a status is for what never got an answer.
type Asker interface {
	Ask(ctx context.Context, r Request) (Answer, error)
}

var reference = regexp.MustCompile(`\{([a-z_]+)\}`)

// fill replaces the values that are known.
func fill(text string, values map[string]string, write func(string) string) string {
	return reference.ReplaceAllStringFunc(text, func(ref string) string {
		if v, ok := values[ref[1:len(ref)-1]]; ok {
			return write(v)
		}
		return ref
	})
}

// inJSON writes a value as it stands within a JSON string.
func inJSON(v string) string {
	b := marshal(v)
	return string(b[1 : len(b)-1])
}

func marshal(v any) json.RawMessage {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // of plain values, which always can be
	return bytes.TrimSpace(out.Bytes())
}

// known fills in those of the values that are known.
func (r Request) known(values map[string]string) Request {
	asPath := func(v string) string { return url.PathEscape(v) }
	r.Path = fill(r.Path, values, asPath)
	if r.Body != nil {
		r.Body = json.RawMessage(fill(string(r.Body), values, inJSON))
	}
	if r.Guard != nil {
		g := *r.Guard
		g.Path = fill(g.Path, values, asPath)
		r.Guard = &g
	}
	if r.Find != nil {
		f := *r.Find
		f.Path, f.Match = fill(f.Path, values, asPath), slices.Clone(f.Match)
		for i, m := range f.Match {
			if s, ok := m.Value.(string); ok {
				f.Match[i].Value = fill(s, values, func(v string) string { return v })
			}
		}
		r.Find = &f
	}
	return r
}

// With fills values in. That one is not there is an error.
func (r Request) With(values map[string]string) (Request, error) {
	r = r.known(values)
	if missing := r.needs(); len(missing) > 0 {
		return r, postern.Errorf(postern.CodeInternal, "").Because(fmt.Errorf("to %s, %s is not known", r.Doing, strings.Join(missing, ", ")))
	}
	return r, nil
}

// needs names the values that are still to be filled in.
func (r Request) needs() []string {
	text := r.Path + " " + string(r.Body)
	if r.Find != nil {
		text += " " + r.Find.Path
		for _, m := range r.Find.Match {
			if s, ok := m.Value.(string); ok {
				text += " " + s
			}
		}
	}
	var names []string
	for _, m := range reference.FindAllStringSubmatch(text, -1) {
		if !slices.Contains(names, m[1]) {
			names = append(names, m[1])
		}
	}
	return names
}

// Captured reads the values that an answer gives; one that it lacks is an error.
func (r Request) Captured(a Answer) (map[string]string, error) {
	from, capture := a.Body, r.Capture
	if r.Method == http.MethodGet && r.Find != nil {
		capture = r.Find.Capture
		var ok bool
		if from, ok = r.Find.pick(a.Body); !ok {
			return nil, postern.Errorf(postern.CodeEntraAnswerUnexpected, "Graph has no answer to what was asked to %s.", r.Doing)
		}
	}
	if len(capture) == 0 {
		return nil, nil
	}
	var members map[string]any
	_ = json.Unmarshal(from, &members) // what is no object has no members
	out := make(map[string]string)
	for _, name := range slices.Sorted(maps.Keys(capture)) {
		v, ok := members[capture[name]].(string)
		if !ok || v == "" {
			return nil, postern.Errorf(postern.CodeEntraAnswerUnexpected, "Graph's answer to the request to %s has no %s.", r.Doing, capture[name])
		}
		out[name] = v
	}
	return out, nil
}

// pick finds the object that matches.
func (f *Find) pick(body json.RawMessage) (json.RawMessage, bool) {
	list := []json.RawMessage{body}
	if f.In != "" {
		var members map[string]json.RawMessage
		_ = json.Unmarshal(body, &members)
		list = nil
		_ = json.Unmarshal(members[f.In], &list)
	}
	for _, item := range list {
		var members map[string]any
		if json.Unmarshal(item, &members) != nil {
			continue
		}
		if !slices.ContainsFunc(f.Match, func(m Member) bool { return members[m.Name] != m.Value }) {
			return item, true
		}
	}
	return nil, false
}

// Shown is the request as people see it: values in braces, and no secret.
func (r Request) Shown() postern.SetupRequest {
	out := postern.SetupRequest{Method: r.Method, URL: graph + r.Version + r.Path}
	if r.Body != nil {
		var b bytes.Buffer
		if json.Indent(&b, r.Body, "", "  ") == nil {
			out.Body = b.String()
		}
	}
	return out
}

const graph = "https://graph.microsoft.com/"

// Outcome is what an answer means for a request.
type Outcome int

// The outcomes.
const (
	Refused Outcome = iota
	Accepted
	Later // something made a moment ago does not show yet; ask again in a while
)

// Outcome judges an answer. Whether something is there already is looked for in the answer's body and in the words of the
// refusal.
func (r Request) Outcome(a Answer, refusal error) Outcome {
	words := string(a.Body)
	if refusal != nil {
		words += " " + refusal.Error()
		for e := refusal; e != nil; {
			u, ok := e.(interface{ Unwrap() error })
			if !ok {
				break
			}
			if e = u.Unwrap(); e != nil {
				words += " " + e.Error()
			}
		}
	}
	switch {
	case a.Status >= 200 && a.Status < 300:
		return Accepted
	case r.Method == http.MethodDelete && a.Status == http.StatusNotFound:
		return Accepted
	case r.There != "" && a.Status == http.StatusBadRequest && strings.Contains(words, r.There):
		return Accepted
	case r.Late && (a.Status == http.StatusBadRequest || a.Status == http.StatusForbidden || a.Status == http.StatusNotFound):
		return Later
	default:
		return Refused
	}
}
