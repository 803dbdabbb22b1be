package entrasim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// graphCall is one call of Graph, or one part of a batch, on its way through checks and handler.
type graphCall struct {
	s       *Server
	w       http.ResponseWriter
	r       *http.Request
	version string // "v1.0" or "beta"
	rest    string // escaped path after the version
	route   *graphRoute
	param   map[string]string
	args    map[string]string // of an OData function
	q       url.Values        // query; OData names are lower-case with their $
	tenant  *Tenant
	who     principal
	me      bool // addressed as /me
	named   bool // by the control API, which gives new policies the ids it likes
	reqID   string
	batch   *batchState
}

// graphRoute is one operation. Its pattern is a path in lower case with {name} for a key.
type graphRoute struct {
	method  string
	pattern string
	need    permission
	service service
	cost    int // resource units before adjustments
	handle  func(*graphCall)

	betaOnly bool
	readOnly bool // a POST that changes nothing

	segments []string
}

// mountGraph builds the table of operations; Graph itself is reached by serve, since its paths are OData's and not
// net/http's.
func (s *Server) mountGraph(*http.ServeMux) {}

// graphRoutes is every operation of Graph the emulator knows, literal segments before keys.
var graphRoutes = buildRoutes()

func buildRoutes() []*graphRoute {
	var all []*graphRoute
	for _, list := range [][]graphRoute{
		userRoutes(), subscriptionRoutes(), sessionRoutes(), computerRoutes(), groupRoutes(), memberRoutes(), fido2Routes(), policyRoutes(), directoryRoutes(), roleRoutes(), applicationRoutes(), principalRoutes(), grantRoutes(), intuneRoutes(), defaultsRoutes(), reportRoutes(), accessRoutes(),
	} {
		for i := range list {
			r := &list[i]
			r.segments = strings.Split(strings.Trim(r.pattern, "/"), "/")
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b *graphRoute) int {
		for i := range min(len(a.segments), len(b.segments)) {
			ak, bk := isKey(a.segments[i]), isKey(b.segments[i])
			if ak != bk {
				if ak {
					return 1
				}
				return -1
			}
			if c := strings.Compare(a.segments[i], b.segments[i]); c != 0 && !ak {
				return c
			}
		}
		return len(a.segments) - len(b.segments)
	})
	return all
}

func isKey(segment string) bool { return strings.HasPrefix(segment, "{") }

// findRoute matches path segments. ok is false if no operation has the path at all; route is nil if only the method is
// wrong.
func findRoute(method, version string, path []string) (route *graphRoute, param map[string]string, ok bool) {
	for _, r := range graphRoutes {
		if r.betaOnly && version != "beta" {
			continue
		}
		p, match := r.match(path)
		if !match {
			continue
		}
		ok = true
		if r.method == method {
			return r, p, true
		}
	}
	return nil, nil, ok
}

func (r *graphRoute) match(path []string) (map[string]string, bool) {
	if len(path) != len(r.segments) {
		return nil, false
	}
	var param map[string]string
	for i, s := range r.segments {
		if !isKey(s) {
			if !strings.EqualFold(s, path[i]) {
				return nil, false
			}
			continue
		}
		if path[i] == "" {
			return nil, false
		}
		if param == nil {
			param = make(map[string]string, 2)
		}
		param[strings.Trim(s, "{}")] = path[i]
	}
	return param, true
}

// serveGraph answers a call: headers, token, path, budget, permission, handler, in that order.
func (s *Server) serveGraph(w http.ResponseWriter, r *http.Request, version, rest string) {
	c := &graphCall{s: s, w: w, r: r, version: version, rest: rest}
	c.headers()
	who, tenant, problem := s.authenticate(r)
	if problem != "" {
		c.unauthorized(problem)
		return
	}
	c.who, c.tenant = who, tenant
	if isBatch(rest) {
		c.serveBatch()
		return
	}
	c.dispatch()
}

// headers writes what every answer of Graph carries.
func (c *graphCall) headers() {
	c.reqID = c.s.newID()
	h := c.w.Header()
	h.Set("request-id", c.reqID)
	h.Set("client-request-id", c.clientRequestID())
	h.Set("x-ms-ags-diagnostic", `{"ServerInfo":{"DataCenter":"Emulated","Slice":"E","Ring":"0","ScaleUnit":"000","RoleInstance":"ENTRASIM0001"}}`)
	h.Set("Date", c.s.now().UTC().Format(http.TimeFormat))
	h.Set("Vary", "Accept-Encoding")
	h.Set("Strict-Transport-Security", "max-age=31536000")
	h.Set("Cache-Control", "no-cache")
}

// clientRequestID echoes the caller's, if it is a GUID, and is the request's own otherwise.
func (c *graphCall) clientRequestID() string {
	if id := c.r.Header.Get("client-request-id"); isGUID(id) {
		return id
	}
	return c.reqID
}

// dispatch runs everything after authentication; the parts of a batch come here.
func (c *graphCall) dispatch() {
	if l := c.s.Levers(); l.ErrorRate > 0 && c.s.random.float() < l.ErrorRate {
		status := l.ErrorStatus
		if status == 0 {
			status = http.StatusServiceUnavailable
		}
		c.fail(status, codeFor(status), "The service is temporarily unavailable. Please retry the request.")
		return
	}
	path, args, err := odataPath(c.rest)
	if err != nil {
		c.fail(http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	if len(path) > 0 && strings.EqualFold(path[0], "me") {
		if c.who.UserID == "" {
			c.fail(http.StatusBadRequest, "BadRequest", "/me request is only valid with delegated authentication flow.")
			return
		}
		c.me = true
		path = append([]string{"users", c.who.UserID}, path[1:]...)
	}
	if c.q, err = odataQuery(c.r.URL.RawQuery); err != nil {
		c.fail(http.StatusBadRequest, "BadRequest", err.Error())
		return
	}
	c.args = args
	route, param, known := findRoute(c.r.Method, c.version, path)
	switch {
	case route == nil && known:
		c.methodNotAllowed()
		return
	case route == nil:
		segment := ""
		if len(path) > 0 {
			segment = path[unknownSegment(path)]
		}
		c.fail(http.StatusBadRequest, "BadRequest", fmt.Sprintf("Resource not found for the segment '%s'.", segment))
		return
	}
	c.route, c.param = route, param
	if c.s.throttled(c) {
		return
	}
	if !c.permitted() {
		return
	}
	route.handle(c)
}

// unknownSegment is the index of the first segment that no operation has at its place.
func unknownSegment(path []string) int {
	best := 0
	for _, r := range graphRoutes {
		n := 0
		for n < len(path) && n < len(r.segments) && (isKey(r.segments[n]) || strings.EqualFold(r.segments[n], path[n])) {
			n++
		}
		best = max(best, n)
	}
	return min(best, len(path)-1)
}

// odataPath splits an escaped path into segments. The key form users('x') becomes two segments, an alternate key
// applications(appId='x') becomes "applications" and "appid=x", and the arguments of a function go to args.
func odataPath(escaped string) (path []string, args map[string]string, err error) {
	if len(escaped) > 4096 {
		return nil, nil, fmt.Errorf("the request URL is too long")
	}
	for part := range strings.SplitSeq(strings.Trim(escaped, "/"), "/") {
		segment, err := url.PathUnescape(part)
		if err != nil {
			return nil, nil, fmt.Errorf("the request URL is not escaped properly")
		}
		open := strings.IndexByte(segment, '(')
		if open <= 0 || !strings.HasSuffix(segment, ")") {
			path = append(path, segment)
			continue
		}
		name, inner := segment[:open], segment[open+1:len(segment)-1]
		key, value, pair := strings.Cut(inner, "=")
		switch {
		case len(inner) >= 2 && inner[0] == '\'' && inner[len(inner)-1] == '\'':
			path = append(path, name, unquote(inner))
		case !pair && inner != "":
			path = append(path, name, inner)
		case strings.EqualFold(key, "appId") || strings.EqualFold(key, "roleTemplateId") || strings.EqualFold(key, "deviceId"):
			path = append(path, name, strings.ToLower(key)+"="+unquote(value))
		default:
			path = append(path, name)
			if args == nil {
				args = make(map[string]string)
			}
			if inner != "" {
				args[strings.ToLower(strings.TrimSpace(key))] = strings.TrimSpace(value)
			} else {
				args[""] = ""
			}
		}
	}
	return path, args, nil
}

// unquote turns an OData string literal into its value.
func unquote(v string) string {
	if len(v) >= 2 && v[0] == '\'' && v[len(v)-1] == '\'' {
		return strings.ReplaceAll(v[1:len(v)-1], "''", "'")
	}
	return v
}

// odataOptions are the system query options; Graph takes them with and without the dollar sign.
var odataOptions = []string{"$select", "$top", "$filter", "$search", "$count", "$orderby", "$expand", "$skip", "$skiptoken", "$deltatoken", "$format"}

func odataQuery(raw string) (url.Values, error) {
	if len(raw) > 16<<10 {
		return nil, fmt.Errorf("the query is too long")
	}
	in, err := url.ParseQuery(raw)
	if err != nil {
		return nil, fmt.Errorf("the query is not escaped properly")
	}
	out := make(url.Values, len(in))
	for _, k := range slices.Sorted(maps.Keys(in)) {
		name := strings.ToLower(k)
		switch {
		case slices.Contains(odataOptions, name):
		case slices.Contains(odataOptions, "$"+name):
			name = "$" + name
		case strings.HasPrefix(name, "$"):
			return nil, fmt.Errorf("the query parameter '%s' is not supported", k)
		default:
			name = k
		}
		if len(in[k]) > 1 || out.Has(name) {
			return nil, fmt.Errorf("Query option '%s' was specified more than once, but it must be specified at most once.", name)
		}
		out[name] = in[k]
	}
	return out, nil
}

// selects says whether $select names a property.
func (c *graphCall) selects(name string) bool {
	for p := range strings.SplitSeq(c.q.Get("$select"), ",") {
		if strings.EqualFold(strings.TrimSpace(p), name) {
			return true
		}
	}
	return false
}

// body decodes the JSON object of a request; it answers 400 and returns false if there is none.
func (c *graphCall) body(into any) bool {
	dec := json.NewDecoder(c.r.Body)
	if err := dec.Decode(into); err != nil {
		c.fail(http.StatusBadRequest, "BadRequest", "Unable to read JSON request payload. Please ensure Content-Type header is set and payload is of valid JSON format.")
		return false
	}
	return true
}
