package entrasim

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// tokenCall is one request to the token endpoint.
type tokenCall struct {
	s      *Server
	w      http.ResponseWriter
	r      *http.Request
	form   url.Values
	tenant *Tenant // nil with common and organizations until the user decides
}

// token answers the token endpoint (RFC 6749 §3.2).
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	t, ok := s.tenantOrFail(w, r, "invalid_request")
	if !ok {
		return
	}
	if err := r.ParseForm(); err != nil {
		s.writeOAuthError(w, r, oauthError{status: 400, kind: "invalid_request", number: 900144, text: "The request body could not be read as a form."})
		return
	}
	c := &tokenCall{s: s, w: w, r: r, form: r.PostForm, tenant: t}
	grant := c.form.Get("grant_type")
	handle := map[string]func(*tokenCall) *oauthError{
		"client_credentials": (*tokenCall).clientCredentials,
		"password":           (*tokenCall).password,
		"refresh_token":      (*tokenCall).refresh,
		"authorization_code": (*tokenCall).code,
		"urn:ietf:params:oauth:grant-type:device_code": (*tokenCall).device,
		"device_code": (*tokenCall).device,
	}[grant]
	switch {
	case grant == "":
		c.fail(missing("grant_type"))
		return
	case handle == nil:
		c.fail(&oauthError{
			status: 400, kind: "unsupported_grant_type", number: 70003,
			text: "The app requested an unsupported grant type '" + grant + "'.",
		})
		return
	}
	if e := handle(c); e != nil {
		c.fail(e)
	}
}

func (c *tokenCall) fail(e *oauthError) { c.s.writeOAuthError(c.w, c.r, *e) }

// missing is the error for an absent form field.
func missing(field string) *oauthError {
	return &oauthError{
		status: 400, kind: "invalid_request", number: 900144,
		text: "The request body must contain the following parameter: '" + field + "'.",
	}
}

// clientCredentials is the grant of RFC 6749 §4.4: a token for the application alone.
func (c *tokenCall) clientCredentials() *oauthError {
	if c.tenant == nil {
		return &oauthError{
			status: 400, kind: "invalid_request", number: 50059,
			text: "No tenant-identifying information found in either the request or implied by any provided credentials.",
		}
	}
	app, e := c.client(c.tenant, true)
	if e != nil {
		return e
	}
	if e := c.defaultScope(); e != nil {
		return e
	}
	if now := c.s.now(); app.ServicePrincipalID == "" || now.Before(app.PrincipalVisible) {
		return &oauthError{
			status: 401, kind: "invalid_client", number: 7000229,
			text: "The client application " + app.AppID + " is missing service principal in the tenant " + c.tenant.ID +
				". See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119",
		}
	}
	access, err := c.s.accessToken(c.tenant, grant{app: *app})
	if err != nil {
		return internal()
	}
	seconds := int(c.s.lifetime() / time.Second)
	writeJSON(c.w, http.StatusOK, object{"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": access})
	return nil
}

// internal is the error for what cannot happen.
func internal() *oauthError {
	return &oauthError{status: 500, kind: "server_error", number: 90033, text: "A transient error has occurred. Please try again."}
}

// oidcScopes are those that need no consent.
var oidcScopes = []string{"openid", "profile", "email", "offline_access"}

// defaultScope checks the scope of client_credentials: one resource with /.default. MSAL adds the OpenID scopes, which
// are ignored.
func (c *tokenCall) defaultScope() *oauthError {
	scope := c.form.Get("scope")
	if scope == "" {
		return missing("scope")
	}
	found := false
	for name := range strings.FieldsSeq(scope) {
		if slices.Contains(oidcScopes, name) {
			continue
		}
		resource, ok := strings.CutSuffix(name, "/.default")
		if !ok {
			return &oauthError{
				status: 400, kind: "invalid_scope", number: 70011,
				text: "The provided request must include a 'scope' input parameter. The provided value for the input parameter 'scope' is not valid. The scope " +
					name + " is not valid.",
			}
		}
		if e := c.resource(resource); e != nil {
			return e
		}
		found = true
	}
	if !found {
		return &oauthError{status: 400, kind: "invalid_scope", number: 70011, text: "The provided value for the input parameter 'scope' is not valid."}
	}
	return nil
}

// resource checks that a scope names Graph, by its own address or the emulator's.
func (c *tokenCall) resource(name string) *oauthError {
	switch strings.TrimSuffix(strings.ToLower(name), "/") {
	case graphResource, graphAppID, "https://" + strings.ToLower(c.r.Host):
		return nil
	}
	domain := ""
	if c.tenant != nil {
		domain = c.tenant.Name
	}
	return &oauthError{
		status: 400, kind: "invalid_resource", number: 500011,
		text: "The resource principal named " + name + " was not found in the tenant named " + domain +
			". This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant.",
	}
}

// userGrant is what the user flows end in.
type userGrant struct {
	tenant *Tenant
	app    *Application
	proof  SignInProof
	scope  string // as requested
	nonce  string
}

// issue checks user and consent and answers with tokens.
func (c *tokenCall) issue(g userGrant) *oauthError {
	out, e := c.mint(g)
	if e == nil {
		writeJSON(c.w, http.StatusOK, out)
	}
	return e
}

// mint checks user and consent and makes the answer (RFC 6749 §5.1, OpenID Connect Core §3.1.3.3).
func (c *tokenCall) mint(g userGrant) (object, *oauthError) {
	var user *User
	g.tenant.view(func() {
		if u := g.tenant.user(g.proof.UserID); u != nil {
			user = u.clone()
		}
	})
	switch {
	case user == nil:
		return nil, &oauthError{status: 400, kind: "invalid_grant", number: 50034, text: "The user account does not exist in the " + g.tenant.Name + " directory."}
	case user.Disabled:
		return nil, &oauthError{status: 400, kind: "invalid_grant", number: 50057, text: "The user account is disabled."}
	}
	requested := strings.Fields(g.scope)
	gr := grant{app: *g.app, proof: &g.proof, user: user, scopes: g.app.scopesFor(user.ID)}
	check := c.consented
	if slices.ContainsFunc(requested, registrationScope) {
		gr.audience, gr.scopes, check = registrationResource, []string{registrationPermission}, c.mayRegister
	}
	if e := check(g, gr.scopes); e != nil {
		return nil, e
	}
	access, err := c.s.accessToken(g.tenant, gr)
	if err != nil {
		return nil, internal()
	}
	seconds := int(c.s.lifetime() / time.Second)
	out := object{
		"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": access,
		"scope": grantedScope(gr.scopes, requested),
	}
	if slices.Contains(requested, "offline_access") {
		out["refresh_token"] = g.tenant.newRefreshToken(RefreshToken{SignInProof: g.proof, ClientID: g.app.AppID, Scope: g.scope})
	}
	if slices.Contains(requested, "openid") {
		if out["id_token"], err = c.s.idToken(g.tenant, gr, issuer(c.r, g.tenant.ID), g.nonce); err != nil {
			return nil, internal()
		}
	}
	if c.form.Get("client_info") == "1" || slices.Contains(requested, "profile") {
		info, _ := json.Marshal(map[string]string{"uid": user.ID, "utid": g.tenant.ID})
		out["client_info"] = base64.RawURLEncoding.EncodeToString(info)
	}
	return out, nil
}

// grantedScope is the scope of the answer: what is granted, and what was asked for in the words it was asked for, since
// clients compare. offline_access shows as the refresh token.
func grantedScope(consented, requested []string) string {
	var out []string
	for _, name := range slices.Concat(consented, requested) {
		if name != "offline_access" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return strings.Join(out, " ")
}

// consented checks every requested permission: it must exist and be granted.
func (c *tokenCall) consented(g userGrant, granted []string) *oauthError {
	for name := range strings.FieldsSeq(g.scope) {
		if slices.Contains(oidcScopes, name) {
			continue
		}
		short := name
		if strings.HasPrefix(name, "https://") || strings.HasPrefix(name, graphAppID+"/") {
			i := strings.LastIndexByte(name, '/')
			if e := c.resource(name[:i]); e != nil {
				return e
			}
			short = name[i+1:]
		}
		if short == ".default" {
			continue
		}
		if _, ok := permissionByName(short); !ok {
			return &oauthError{
				status: 400, kind: "invalid_scope", number: 70011,
				text: "The provided value for the input parameter 'scope' is not valid. The scope '" + name + "' does not exist.",
			}
		}
		if !slices.Contains(granted, short) {
			return &oauthError{
				status: 400, kind: "invalid_grant", number: 65001, suberror: "consent_required",
				text: "The user or administrator has not consented to use the application with ID '" + g.app.AppID + "' named '" + g.app.DisplayName +
					"'. Send an interactive authorization request for this user and resource.",
			}
		}
	}
	return nil
}

// newRefreshToken stores a refresh token for 90 days and returns its value.
func (t *Tenant) newRefreshToken(r RefreshToken) string {
	value := t.srv.newToken("0.R")
	r.Issued = t.now()
	r.Expires = r.Issued.Add(90 * 24 * time.Hour)
	t.update(func() {
		if t.Sessions.Refresh == nil {
			t.Sessions.Refresh = make(map[string]*RefreshToken)
		}
		bound(t.Sessions.Refresh, r.Issued, func(r *RefreshToken) time.Time { return r.Expires })
		t.Sessions.Refresh[hashToken(value)] = &r
	})
	return value
}
