package rest

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/postern/postern"
	"github.com/postern/postern/center/audit"
	"github.com/postern/postern/center/auth"
)

// Security schemes of the OpenAPI document.
const (
	schemeToken   = "token"
	schemeSession = "session"
	schemePhone   = "phone"

	schemeWorkstation = "workstation"
)

// access says who may call an operation.
type access int

const (
	permitted   access = iota // whoever has the route's permission; the zero value, so that nothing is open by oversight
	signedIn                  // any administrator or token
	open                      // anybody
	phone                     // a phone that signed the request
	workstation               // a workstation that signed the request
)

// route is everything about an operation but what it does.
type route struct {
	method, path string
	id           string // operationId
	tag, summary string
	notes        string
	access       access
	needs        postern.Permission // when access is permitted
	status       int                // of success; 0 means 200, or 204 when there is no body
	codes        []postern.Code     // what can go wrong besides what can go wrong everywhere
	takes        time.Duration      // how long it may take; 0 means quickTime
	produces     string             // media types of a streamed answer, with commas between them
	again        bool               // answers 200 instead of 201 when there was nothing left to do
}

// add makes a route an operation that do answers.
func add[I, O any](a *API, r route, do func(ctx context.Context, in *I) (*O, error)) {
	if r.access == permitted && r.needs == "" {
		panic("rest: " + r.id + " names no permission")
	}
	if r.takes == 0 {
		r.takes = quickTime
	}
	a.routes = append(a.routes, r)
	op := huma.Operation{
		Method: r.method, Path: r.path, OperationID: r.id, Summary: r.summary, Description: r.describe(), Tags: []string{r.tag},
		DefaultStatus: r.status, Errors: r.failures(), Security: r.security(),
		MaxBodyBytes: -1, BodyReadTimeout: -1, // bounded in defend
		Middlewares: huma.Middlewares{a.gate(r)},
		Extensions:  map[string]any{"x-postern-permission": r.permission(), "x-postern-errors": r.codes},
	}
	if r.produces != "" {
		content := make(map[string]*huma.MediaType)
		for kind := range strings.SplitSeq(r.produces, ", ") {
			content[kind] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
		}
		op.Responses = map[string]*huma.Response{"200": {Description: "OK", Content: content}}
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*O, error) {
		out, err := do(ctx, in)
		if err != nil {
			return nil, problemOf(ctx, err)
		}
		return out, nil
	})
	if r.again {
		responses := a.huma.OpenAPI().Paths[r.path].Post.Responses
		created := responses[strconv.Itoa(r.status)]
		responses["200"] = &huma.Response{Description: "It was there already", Content: created.Content}
	}
}

// permission is how the OpenAPI document names who may call.
func (r route) permission() string {
	switch r.access {
	case signedIn:
		return "any"
	case open:
		return "none"
	case phone:
		return "phone"
	case workstation:
		return "workstation"
	}
	return string(r.needs)
}

func (r route) security() []map[string][]string {
	switch r.access {
	case open:
		return []map[string][]string{}
	case phone:
		return []map[string][]string{{schemePhone: {}}}
	case workstation:
		return []map[string][]string{{schemeWorkstation: {}}}
	}
	var scopes []string
	if r.needs != "" {
		scopes = []string{string(r.needs)}
	}
	// OpenAPI 3.1 lets schemes other than OAuth 2 list the roles they need.
	return []map[string][]string{{schemeToken: slices.Clone(scopes)}, {schemeSession: slices.Clone(scopes)}}
}

func (r route) describe() string {
	var b strings.Builder
	b.WriteString(r.notes)
	if r.notes != "" {
		b.WriteString("\n\n")
	}
	switch r.access {
	case permitted:
		b.WriteString("Needs the permission `" + string(r.needs) + "`.")
	case signedIn:
		b.WriteString("For every administrator and token.")
	case open:
		b.WriteString("For everybody.")
	case phone:
		b.WriteString("For phones, which sign the request.")
	case workstation:
		b.WriteString("For workstations, which sign the request.")
	}
	for i, code := range r.codes {
		if i == 0 {
			b.WriteString("\n\nMay answer with ")
		} else {
			b.WriteString(", ")
		}
		b.WriteString("`" + string(code) + "`")
	}
	if len(r.codes) > 0 {
		b.WriteString(".")
	}
	return b.String()
}

// failures are the HTTP statuses of everything that can go wrong.
func (r route) failures() []int {
	everywhere := []postern.Code{postern.CodeInternal, postern.CodeTooMany, postern.CodeUnavailable, postern.CodeInvalid}
	switch r.access {
	case permitted:
		everywhere = append(everywhere, postern.CodeUnauthenticated, postern.CodeForbidden)
	case signedIn:
		everywhere = append(everywhere, postern.CodeUnauthenticated)
	case phone:
		everywhere = append(everywhere, postern.CodePhoneProof, postern.CodePhoneRevoked)
	case workstation:
		everywhere = append(everywhere, postern.CodeWorkstationProof, postern.CodeWorkstationRevoked)
	}
	if strings.Contains(r.path, "{") {
		everywhere = append(everywhere, postern.CodeNotFound)
	}
	if r.method != http.MethodGet {
		everywhere = append(everywhere, postern.CodeCrossOrigin, postern.CodeTooLarge)
	}
	var statuses []int
	for _, code := range append(everywhere, r.codes...) {
		status := postern.Errorf(code, "").Status()
		if !slices.Contains(statuses, status) {
			statuses = append(statuses, status)
		}
	}
	slices.Sort(statuses)
	return statuses
}

// gate lets a request through to its operation, or answers itself.
func (a *API) gate(r route) func(huma.Context, func(huma.Context)) {
	return func(hc huma.Context, next func(huma.Context)) {
		req, w := humago.Unwrap(hc)
		ctx, cancel := context.WithTimeout(req.Context(), r.takes)
		defer cancel()
		// The server's own write deadline fits ordinary answers; this operation knows better how long it takes.
		// Where deadlines cannot be set, there is no connection to protect.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(r.takes + bodyTime))
		req = req.WithContext(ctx)
		ctx, done, err := a.enter(req, r)
		if err != nil {
			writeProblem(w, req, err)
			return
		}
		defer done()
		next(huma.WithContext(hc, ctx))
	}
}

// enter finds out who is asking and whether they may. done is to be called when the answer is given.
func (a *API) enter(req *http.Request, r route) (ctx context.Context, done func(), err error) {
	ctx, done = req.Context(), func() {}
	switch r.access {
	case open:
		return ctx, done, nil
	case phone:
		ctx, done, err = a.enterPhone(req)
		a.noteRefusal(req.Context(), audit.PhoneRefused, phoneCodes, err)
		return ctx, done, err
	case workstation:
		ctx, err = a.enterWorkstation(req)
		a.noteRefusal(req.Context(), audit.WorkstationRefused, workstationCodes, err)
		return ctx, done, err
	}
	identity, err := a.services.Door.Authenticate(req)
	if err != nil {
		return ctx, done, err
	}
	ctx = identity.Enter(ctx)
	noteActor(ctx, identity.Actor.ID)
	if r.access == permitted {
		err = a.services.Door.Require(ctx, r.needs)
	}
	return ctx, done, err
}

// object, list and none are the answers of operations.
type (
	object[T any] struct{ Body T }
	list[T any]   struct{ Body postern.Page[T] }
	none          struct{}
)

func answer[T any](v T, err error) (*object[T], error) { return &object[T]{v}, err }

func answerList[T any](items []T, err error) (*list[T], error) {
	if items == nil {
		items = []T{}
	}
	return &list[T]{postern.Page[T]{Items: items}}, err
}

// answerPage answers one page: items were read with a limit of one more than limit. cursor names the place after an
// item.
func answerPage[T any](items []T, limit int, cursor func(last T) string, err error) (*list[T], error) {
	out, err := answerList(items, err)
	if len(out.Body.Items) > limit {
		out.Body.Items = out.Body.Items[:limit]
		out.Body.Next = cursor(out.Body.Items[limit-1])
	}
	return out, err
}

// Versioned is what edits carry when the version is not in the body.
type Versioned struct {
	IfMatch string `header:"If-Match" doc:"The version you saw, as the ETag or as a number." example:"\"3\""`
}

// version is the version that a client saw, from the body or from If-Match.
func (v Versioned) version(body int64) (int64, error) {
	if v.IfMatch == "" {
		if body == 0 {
			return 0, postern.FieldErrorf("version", "The request does not say which version it changes.").
				WithNext("Send the version you saw, in the body or as If-Match.")
		}
		return body, nil
	}
	header, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(v.IfMatch, "W/"), `"`), 10, 64)
	if err != nil || header < 1 || body != 0 && body != header {
		return 0, postern.FieldErrorf("If-Match", "If-Match is not a version, or not the one in the body.").
			WithNext("Send one version, in the body or as If-Match.")
	}
	return header, nil
}

func etag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

// noteRefusal tells the trail, sparsely, of a device whose proof was refused. What else goes wrong there, such as a limit
// or a fault of ours, is none.
func (a *API) noteRefusal(ctx context.Context, event audit.Code, proofs []postern.Code, err error) {
	if err != nil && slices.Contains(proofs, postern.AsError(err).Code) {
		a.refusals.Refused(ctx, a.services.Trail, auth.AddrKey(postern.ActorFrom(ctx).Addr), event, err)
	}
}
