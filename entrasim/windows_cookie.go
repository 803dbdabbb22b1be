package entrasim

import (
	"net/http"
	"net/url"
)

// primaryCredential is the name of the header, or cookie, in which a browser of a joined computer brings its PRT ([MS-OAPXBC]
// section 2.2.1.1).
const primaryCredential = "x-ms-RefreshTokenCredential"

// broughtPrimary reads the PRT a browser brings. stale says that it is good but for the nonce, so that the browser should come
// again with a fresh one; what is bad in any other way is as if it were not there.
func (s *Server) broughtPrimary(r *http.Request) (t *Tenant, proof SignInProof, stale bool) {
	text := r.Header.Get(primaryCredential)
	if text == "" {
		if cookie, err := r.Cookie(primaryCredential); err == nil {
			text = cookie.Value
		}
	}
	if text == "" {
		return nil, proof, false
	}
	token, err := parseWindowsToken(text)
	if err != nil || token.header.Context == "" {
		return nil, proof, false
	}
	c := &tokenCall{s: s, r: r}
	t, p, e := c.primaryOf(&token)
	if e != nil {
		return nil, proof, false
	}
	if c.current(&token) != nil {
		return nil, proof, true
	}
	return t, p.SignInProof, false
}

// freshNonce sends a browser back to where it was with a nonce for its PRT, once.
func (s *Server) freshNonce(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodGet || r.URL.Query().Get("sso_nonce") != "" {
		return false
	}
	q := r.URL.Query()
	q.Set("sso_nonce", s.newNonce())
	http.Redirect(w, r, (&url.URL{Path: r.URL.Path, RawQuery: q.Encode()}).String(), http.StatusFound)
	return true
}
