package entrasim

import (
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// securityInfoAppID is the client id of My Sign-Ins. Every tenant has it; it needs no code, only the browser session.
const (
	securityInfoAppID = "19db86c3-b2b9-44cc-b339-36da233a3be2"
	securityInfoName  = "Security info"
)

// authorizeRequest is an authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1) that passed the checks.
type authorizeRequest struct {
	clientID     string
	appName      string
	redirectURI  string
	responseMode string // "query", "fragment" or "form_post"
	scope        string
	state        string
	nonce        string
	challenge    string // RFC 7636
	method       string
	loginHint    string
	prompt       string
	maxAge       int // seconds; -1 when absent
	clientInfo   bool
	internal     bool // Security info and its like: back to a page of this host, without a code

	base string     // scheme and host the browser used
	path string     // of the authorization endpoint
	form url.Values // as received
}

// maxParameter bounds every parameter of an authorization request.
const maxParameter = 4096

// parseAuthorize checks an authorization request as far as that is possible before the user is known. Problems with client
// or redirect URI come back as a page, since nobody may be redirected (RFC 6749 §4.1.2.1); all others as values for the
// redirect URI.
func (s *Server) parseAuthorize(r *http.Request, t *Tenant) (req authorizeRequest, page *pageError, back url.Values) {
	if err := r.ParseForm(); err != nil {
		return req, &pageError{number: 900144, text: "The request could not be read."}, nil
	}
	for name, values := range r.Form {
		if len(values) > 1 || len(values[0]) > maxParameter {
			return req, &pageError{number: 90013, text: "Invalid input received from the user: the parameter '" + shorten(name, 64) + "' is repeated or too long."}, nil
		}
	}
	get := r.Form.Get
	req = authorizeRequest{
		clientID: strings.ToLower(get("client_id")), redirectURI: get("redirect_uri"), responseMode: get("response_mode"),
		scope: get("scope"), state: get("state"), nonce: get("nonce"), challenge: get("code_challenge"), method: get("code_challenge_method"),
		loginHint: strings.TrimSpace(get("login_hint")), prompt: get("prompt"), maxAge: -1, clientInfo: get("client_info") == "1",
		base: "https://" + r.Host, path: r.URL.Path, form: r.Form,
	}
	if req.clientID == "" {
		return req, &pageError{number: 900144, text: "The request body must contain the following parameter: 'client_id'."}, nil
	}
	if page := s.checkClient(&req, t); page != nil {
		return req, page, nil
	}
	return req, nil, req.check(get("response_type"), get("max_age"))
}

// checkClient finds the application in the tenant, or in any tenant under common, and checks the redirect URI against it.
func (s *Server) checkClient(req *authorizeRequest, t *Tenant) *pageError {
	if req.clientID == securityInfoAppID {
		req.internal, req.appName = true, securityInfoName
		path, ok := strings.CutPrefix(req.redirectURI, req.base)
		if !ok || !slices.Contains([]string{"/mysecurityinfo", "/mysecurityinfo/add", "/devicelogin"}, path) {
			return redirectMismatch(req)
		}
		return nil
	}
	tenants := s.all()
	if t != nil {
		tenants = []*Tenant{t}
	}
	for _, t := range tenants {
		app, uris := t.appForSignIn(req.clientID)
		if app == nil {
			continue
		}
		if app.Disabled {
			return &pageError{number: 7000112, text: "Application '" + app.AppID + "'(" + app.DisplayName + ") is disabled."}
		}
		req.appName = app.DisplayName
		if req.redirectURI == "" && len(uris) == 1 {
			req.redirectURI = uris[0]
		}
		if !slices.ContainsFunc(uris, func(registered string) bool { return redirectMatches(registered, req.redirectURI) }) {
			return redirectMismatch(req)
		}
		return nil
	}
	return unknownApp(req.clientID, t)
}

func unknownApp(clientID string, t *Tenant) *pageError {
	where := "any directory of this emulator"
	if t != nil {
		where = "the directory '" + t.Name + "'"
	}
	return &pageError{number: 700016, text: "Application with identifier '" + shorten(clientID, 64) + "' was not found in " + where +
		". This can happen if the application has not been installed by the administrator of the tenant."}
}

func redirectMismatch(req *authorizeRequest) *pageError {
	return &pageError{number: 50011, text: "The redirect URI '" + shorten(req.redirectURI, 256) + "' specified in the request does not match the redirect URIs configured for the application '" +
		req.clientID + "'. Make sure the redirect URI sent in the request matches one added to your application."}
}

// appForSignIn copies what a sign-in needs of an application.
func (t *Tenant) appForSignIn(clientID string) (app *Application, uris []string) {
	t.view(func() {
		if a := t.app(clientID); a != nil {
			app = &Application{AppID: a.AppID, DisplayName: a.DisplayName, Disabled: a.Disabled}
			uris = a.redirects()
		}
	})
	return app, uris
}

// redirectMatches compares a registered redirect URI with a requested one: equal, or both on the loopback interface and
// equal but for the port (RFC 8252 §7.3).
func redirectMatches(registered, requested string) bool {
	if requested == "" {
		return false
	}
	if registered == requested {
		return true
	}
	a, err := url.Parse(registered)
	if err != nil {
		return false
	}
	b, err := url.Parse(requested)
	if err != nil || b.User != nil || b.Fragment != "" {
		return false
	}
	return loopback(a.Hostname()) && strings.EqualFold(a.Hostname(), b.Hostname()) && a.Scheme == b.Scheme && a.Scheme == "http" &&
		trimSlash(a.Path) == trimSlash(b.Path) && a.RawQuery == b.RawQuery
}

func trimSlash(path string) string { return strings.TrimSuffix(path, "/") }

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

// check runs the checks whose outcome the client is told by redirect; nil when all is well.
func (req *authorizeRequest) check(responseType, maxAge string) url.Values {
	switch req.responseMode {
	case "", "query":
		req.responseMode = "query"
	case "fragment", "form_post":
	default:
		req.responseMode = "query"
		return authorizeError("invalid_request", 900144, "The response mode '"+shorten(req.form.Get("response_mode"), 32)+"' is not supported.")
	}
	if maxAge != "" {
		n, err := strconv.Atoi(maxAge)
		if err != nil || n < 0 {
			return authorizeError("invalid_request", 90013, "Invalid input received from the user: max_age must be a number of seconds.")
		}
		req.maxAge = n
	}
	switch {
	case responseType == "":
		return authorizeError("invalid_request", 900144, "The request body must contain the following parameter: 'response_type'.")
	case responseType != "code":
		return authorizeError("unsupported_response_type", 700054, "The response_type '"+shorten(responseType, 32)+"' is not enabled for the application. This emulator answers 'code' only.")
	case strings.TrimSpace(req.scope) == "":
		return authorizeError("invalid_request", 900144, "The request body must contain the following parameter: 'scope'.")
	case !slices.Contains([]string{"", "login", "none", "consent", "select_account", "create"}, req.prompt):
		return authorizeError("invalid_request", 90023, "Unsupported 'prompt' value.")
	case req.challenge == "" && req.method != "":
		return authorizeError("invalid_request", 501491, "The parameter 'code_challenge_method' needs a 'code_challenge'.")
	case req.challenge == "":
		return nil
	}
	if req.method == "" {
		req.method = "plain" // RFC 7636 §4.3
	}
	if req.method != "S256" && req.method != "plain" || len(req.challenge) < 43 || len(req.challenge) > 128 || strings.Trim(req.challenge, unreserved) != "" {
		return authorizeError("invalid_request", 501491, "Invalid size or alphabet of the Code_Challenge parameter, or an unknown method.")
	}
	return nil
}

// unreserved are the characters of a code challenge (RFC 7636 §4.1).
const unreserved = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~"

// authorizeError is an error response of the authorization endpoint.
func authorizeError(kind string, number int, text string) url.Values {
	code := strconv.Itoa(number)
	return url.Values{
		"error": {kind}, "error_description": {"AADSTS" + code + ": " + text}, "error_uri": {"https://login.microsoftonline.com/error?code=" + code},
	}
}

// shorten keeps what a caller sent from filling a message.
func shorten(text string, n int) string {
	if len(text) <= n {
		return text
	}
	return strings.ToValidUTF8(text[:n], "") + "…"
}
