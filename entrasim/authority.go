package entrasim

import (
	"net/http"
	"net/url"
	"strings"
)

// mountAuthority adds the endpoints of login.microsoftonline.com that programs use. The pages for people mount
// themselves beside them.
func (s *Server) mountAuthority(mux *http.ServeMux) {
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", s.openIDConfiguration)
	mux.HandleFunc("GET /{tenant}/.well-known/openid-configuration", s.openIDConfiguration)
	mux.HandleFunc("GET /{tenant}/discovery/v2.0/keys", s.keys)
	mux.HandleFunc("GET /{tenant}/discovery/keys", s.keys)
	mux.HandleFunc("GET /{tenant}/discovery/instance", s.instanceDiscovery)
	mux.HandleFunc("GET /{tenant}/UserRealm/{upn}", s.userRealm)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", s.token)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/devicecode", s.deviceCode)
	s.mountWindows(mux)
	mux.HandleFunc("GET /oidc/userinfo", s.userInfo)
}

// tenantOrFail resolves the tenant of an authority path. For the names that stand for any tenant it returns nil and true: the user
// decides. It answers the error itself and returns false if there is no such tenant; kind is the error's name there.
func (s *Server) tenantOrFail(w http.ResponseWriter, r *http.Request, kind string) (*Tenant, bool) {
	name := r.PathValue("tenant")
	switch strings.ToLower(name) {
	case "common", "organizations":
		return nil, true
	}
	if t := s.tenant(name); t != nil {
		return t, true
	}
	if !isGUID(name) && !strings.Contains(name, ".") {
		s.writeOAuthError(w, r, oauthError{
			status: 400, kind: "invalid_request", number: 900023,
			text: "Specified tenant identifier '" + name + "' is neither a valid DNS name, nor a valid external domain.",
		})
		return nil, false
	}
	s.writeOAuthError(w, r, oauthError{
		status: 400, kind: kind, number: 90002,
		text: "Tenant '" + name + "' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. " +
			"Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.",
	})
	return nil, false
}

// issuer of ID tokens: the host the client used, since clients compare it with their authority.
func issuer(r *http.Request, tenantID string) string {
	return "https://" + r.Host + "/" + tenantID + "/v2.0"
}

// openIDConfiguration answers discovery (OpenID Connect Discovery §4).
func (s *Server) openIDConfiguration(w http.ResponseWriter, r *http.Request) {
	t, ok := s.tenantOrFail(w, r, "invalid_tenant")
	if !ok {
		return
	}
	name, issuerOf, region := strings.ToLower(r.PathValue("tenant")), "{tenantid}", any(nil)
	if t != nil {
		name, issuerOf, region = t.ID, t.ID, t.Region
	}
	root := "https://" + r.Host + "/"
	writeJSON(w, http.StatusOK, object{
		"token_endpoint":                        root + name + "/oauth2/v2.0/token",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"jwks_uri":                              root + name + "/discovery/v2.0/keys",
		"response_modes_supported":              []string{"query", "fragment", "form_post"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"issuer":                                root + issuerOf + "/v2.0",
		"request_uri_parameter_supported":       false,
		"userinfo_endpoint":                     root + "oidc/userinfo",
		"authorization_endpoint":                root + name + "/oauth2/v2.0/authorize",
		"device_authorization_endpoint":         root + name + "/oauth2/v2.0/devicecode",
		"http_logout_supported":                 true,
		"frontchannel_logout_supported":         true,
		"end_session_endpoint":                  root + name + "/oauth2/v2.0/logout",
		"claims_supported": []string{
			"sub", "iss", "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid",
			"ver", "at_hash", "c_hash", "email",
		},
		"kerberos_endpoint":     root + name + "/kerberos",
		"tenant_region_scope":   region,
		"cloud_instance_name":   "microsoftonline.com",
		"cloud_graph_host_name": "graph.windows.net",
		"msgraph_host":          r.Host,
		"rbac_url":              "https://pas.windows.net",
	})
}

// keys answers the JSON Web Key Set (RFC 7517 §5).
func (s *Server) keys(w http.ResponseWriter, r *http.Request) {
	t, ok := s.tenantOrFail(w, r, "invalid_tenant")
	if !ok {
		return
	}
	id := "{tenantid}"
	if t != nil {
		id = t.ID
	}
	writeJSON(w, http.StatusOK, object{"keys": []object{jwk(&s.key().PublicKey, issuer(r, id))}})
}

// instanceDiscovery tells that an authority host is genuine. The emulator vouches for the host it was reached by and for
// Microsoft's own.
func (s *Server) instanceDiscovery(w http.ResponseWriter, r *http.Request) {
	endpoint, err := url.Parse(r.URL.Query().Get("authorization_endpoint"))
	known := err == nil && endpoint.Scheme == "https" && (strings.EqualFold(endpoint.Host, r.Host) || isMicrosoftHost(endpoint.Host))
	if !known {
		s.writeOAuthError(w, r, oauthError{status: 400, kind: "invalid_instance", number: 50049, text: "Unknown or invalid instance."})
		return
	}
	tenant, _, _ := strings.Cut(strings.TrimPrefix(endpoint.Path, "/"), "/")
	writeJSON(w, http.StatusOK, object{
		"tenant_discovery_endpoint": "https://" + endpoint.Host + "/" + tenant + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata": []object{
			{"preferred_network": r.Host, "preferred_cache": r.Host, "aliases": []string{r.Host}},
			{"preferred_network": "login.microsoftonline.com", "preferred_cache": "login.windows.net", "aliases": microsoftHosts},
		},
	})
}

var microsoftHosts = []string{"login.microsoftonline.com", "login.windows.net", "login.microsoft.com", "sts.windows.net"}

func isMicrosoftHost(host string) bool {
	for _, h := range microsoftHosts {
		if strings.EqualFold(h, host) {
			return true
		}
	}
	return false
}

// userRealm tells how a user signs in; MSAL asks before it sends a password.
func (s *Server) userRealm(w http.ResponseWriter, r *http.Request) {
	upn := r.PathValue("upn")
	_, domain, _ := strings.Cut(upn, "@")
	kind := "Unknown"
	if s.tenantOf(upn) != nil {
		kind = "Managed"
	}
	writeJSON(w, http.StatusOK, object{
		"ver": "1.0", "account_type": kind, "domain_name": domain,
		"cloud_instance_name": "microsoftonline.com", "cloud_audience_urn": "urn:federation:MicrosoftOnline",
	})
}

// userInfo answers the OpenID Connect userinfo endpoint for a delegated token.
func (s *Server) userInfo(w http.ResponseWriter, r *http.Request) {
	who, t, problem := s.authenticate(r)
	c := &graphCall{s: s, w: w, r: r, version: "v1.0"}
	c.headers()
	if problem != "" || who.UserID == "" {
		c.unauthorized("Access token is empty or not a user's.")
		return
	}
	var out object
	t.view(func() {
		if u := t.user(who.UserID); u != nil {
			out = object{
				"sub": pairwise(u.ID, graphAppID), "name": u.DisplayName, "given_name": u.GivenName, "family_name": u.Surname,
				"picture": "https://" + r.Host + "/v1.0/me/photo/$value", "email": u.Mail,
			}
		}
	})
	writeJSON(w, http.StatusOK, out)
}
