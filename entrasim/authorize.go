package entrasim

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/postern/postern/entrasim/pages"
)

// mountPages adds what people see: sign-in, Security info and the page for device codes. Path segments named {tenant} take
// anything the authority takes.
func (s *Server) mountPages(mux *http.ServeMux) {
	s.mountMetadata(mux)
	mux.Handle("GET "+pages.AssetPath+"{name}", pages.Assets())

	mux.HandleFunc("GET /{tenant}/oauth2/v2.0/authorize", s.authorize)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/authorize", s.authorize)
	mux.HandleFunc("GET /{tenant}/oauth2/v2.0/logout", s.logout)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/logout", s.logout)
	mux.HandleFunc("POST /{tenant}/GetCredentialType", s.credentialType)
	mux.HandleFunc("POST /{tenant}/login", s.login)
	mux.HandleFunc("POST /kmsi", s.keepSignedIn)
	mux.HandleFunc("POST /{tenant}/fido/get", s.fidoGet)

	mux.HandleFunc("GET /mysecurityinfo", s.securityInfo)
	mux.HandleFunc("GET /mysecurityinfo/add", s.securityInfoAdd)
	mux.HandleFunc("POST /mysecurityinfo/passkeys", s.securityInfoRegister)
	mux.HandleFunc("GET /mysecurityinfo/delete", s.securityInfoConfirm)
	mux.HandleFunc("POST /mysecurityinfo/delete", s.securityInfoDelete)
	mux.HandleFunc("POST /mysecurityinfo/signout", s.securityInfoSignOut)
	mux.HandleFunc("POST /{tenant}/fido/create", s.fidoCreate)

	mux.HandleFunc("GET /devicelogin", s.deviceLogin)
	mux.HandleFunc("POST /devicelogin", s.deviceAnswer)
}

// authorize answers the authorization endpoint (RFC 6749 §3.1): a code at once when the browser is signed in, the sign-in
// page otherwise.
func (s *Server) authorize(w http.ResponseWriter, r *http.Request) {
	t, problem := s.pageTenant(r)
	if problem != nil {
		s.errorPage(w, r, *problem)
		return
	}
	req, problem, back := s.parseAuthorize(r, t)
	switch {
	case problem != nil:
		s.errorPage(w, r, *problem)
		return
	case back != nil:
		s.redirectBack(w, r, req, back)
		return
	}
	if t == nil && req.loginHint != "" {
		t = s.tenantOf(req.loginHint)
	}
	var note *pageError
	brought, primary, stale := s.broughtPrimary(r)
	if stale && s.freshNonce(w, r) {
		return
	}
	if in, proof, ok := s.signedIn(r, t, req, brought, primary); ok {
		refusal := s.reuseSession(r, in, req, proof)
		switch {
		case refusal == nil:
			s.complete(w, r, req, in, proof)
			return
		case req.prompt == "none":
			s.redirectBack(w, r, req, authorizeError("interaction_required", refusal.number, refusal.text))
			return
		case refusal.final:
			s.errorPage(w, r, refusal.page())
			return
		}
		page := refusal.page()
		note = &page
		if req.loginHint == "" {
			in.view(func() {
				if u := in.user(proof.UserID); u != nil {
					req.loginHint = u.UPN
				}
			})
		}
		t = in
	}
	if req.prompt == "none" {
		s.redirectBack(w, r, req, authorizeError("login_required", 50058, "A silent sign-in request was sent but no user is signed in."))
		return
	}
	f := s.startFlow(&flow{auth: req, tenant: t, binding: s.bindBrowser(w, r)})
	s.signInPage(w, r, f, req.loginHint, note)
}

// pageTenant resolves the tenant of a page's path; nil stands for the two names that leave it to the user.
func (s *Server) pageTenant(r *http.Request) (*Tenant, *pageError) {
	name := r.PathValue("tenant")
	switch strings.ToLower(name) {
	case "common", "organizations":
		return nil, nil
	}
	if t := s.tenant(name); t != nil {
		return t, nil
	}
	return nil, &pageError{number: 90002, text: "Tenant '" + shorten(name, 64) + "' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud."}
}

// signedIn says whether the browser's session, or the PRT it brought, satisfies the request.
func (s *Server) signedIn(r *http.Request, want *Tenant, req authorizeRequest, brought *Tenant, primary SignInProof) (*Tenant, SignInProof, bool) {
	if slices.Contains([]string{"login", "select_account", "create"}, req.prompt) {
		return nil, SignInProof{}, false
	}
	t, proof, _ := s.browser(r)
	if t == nil {
		t, proof = brought, primary
	}
	if t == nil || want != nil && want != t {
		return nil, SignInProof{}, false
	}
	if req.maxAge >= 0 && s.now().Sub(proof.AuthTime).Seconds() > float64(req.maxAge) {
		return nil, SignInProof{}, false
	}
	fits := false
	t.view(func() {
		u := t.user(proof.UserID)
		fits = u != nil && (req.loginHint == "" || strings.EqualFold(u.UPN, req.loginHint))
	})
	return t, proof, fits
}

// complete ends a sign-in: a code for the client, or back to the page of this host that asked.
func (s *Server) complete(w http.ResponseWriter, r *http.Request, req authorizeRequest, t *Tenant, proof SignInProof) {
	if req.internal {
		http.Redirect(w, r, req.redirectURI, http.StatusFound)
		return
	}
	if app, _ := t.appForSignIn(req.clientID); app == nil {
		s.errorPage(w, r, *unknownApp(req.clientID, t))
		return
	}
	if refusal := s.consent(t, req.clientID, proof.UserID, req.scope); refusal != nil {
		s.errorPage(w, r, refusal.page())
		return
	}
	code := t.newAuthCode(AuthCode{
		SignInProof: proof, ClientID: req.clientID, RedirectURI: req.redirectURI, Scope: req.scope, Nonce: req.nonce,
		CodeChallenge: req.challenge, CodeChallengeMethod: req.method,
	})
	values := url.Values{"code": {code}, "session_state": {s.newID()}}
	if req.clientInfo {
		info, err := json.Marshal(map[string]string{"uid": proof.UserID, "utid": t.ID})
		if err == nil {
			values.Set("client_info", base64.RawURLEncoding.EncodeToString(info))
		}
	}
	s.redirectBack(w, r, req, values)
}

// redirectBack sends values to the client in the response mode it asked for (OAuth 2.0 Multiple Response Type Encoding
// Practices §2.1, OAuth 2.0 Form Post Response Mode).
func (s *Server) redirectBack(w http.ResponseWriter, r *http.Request, req authorizeRequest, values url.Values) {
	if req.state != "" {
		values.Set("state", req.state)
	}
	w.Header().Set("Cache-Control", "no-store")
	switch req.responseMode {
	case "form_post":
		var fields []field
		for name := range values {
			fields = append(fields, field{name, values.Get(name)})
		}
		slices.SortFunc(fields, func(a, b field) int { return strings.Compare(a.Name, b.Name) })
		s.render(w, pages.Page{Name: "formpost", FormTargets: []string{req.redirectURI}, View: pages.View{
			Title: "Signing you in", Data: map[string]any{"Action": safeURL(req.redirectURI), "Fields": fields},
		}})
	case "fragment":
		http.Redirect(w, r, req.redirectURI+"#"+values.Encode(), http.StatusFound)
	default:
		join := "?"
		if strings.Contains(req.redirectURI, "?") {
			join = "&"
		}
		http.Redirect(w, r, req.redirectURI+join+values.Encode(), http.StatusFound)
	}
}

// logout ends the browser's session (OpenID Connect RP-Initiated Logout §2) and returns to an address that some application
// of the emulator registered.
func (s *Server) logout(w http.ResponseWriter, r *http.Request) {
	s.signOut(w, r)
	target := r.FormValue("post_logout_redirect_uri")
	if target != "" && s.registered(target) {
		if state := r.FormValue("state"); state != "" {
			join := "?"
			if strings.Contains(target, "?") {
				join = "&"
			}
			target += join + url.Values{"state": {state}}.Encode()
		}
		http.Redirect(w, r, target, http.StatusFound)
		return
	}
	s.signedOutPage(w)
}

// registered says whether any application may be redirected to target.
func (s *Server) registered(target string) bool {
	found := false
	for _, t := range s.all() {
		t.view(func() {
			for _, a := range t.Apps {
				found = found || slices.ContainsFunc(a.redirects(), func(u string) bool { return redirectMatches(u, target) })
			}
		})
	}
	return found
}
