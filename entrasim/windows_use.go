package entrasim

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// usePrimary answers a request that is signed with the session key of a PRT: with a new PRT when the scope has aza, with tokens
// for an application otherwise. Who knows no session key learns nothing about the PRT but that it is not theirs.
func (c *tokenCall) usePrimary(t *windowsToken) *oauthError {
	tenant, p, e := c.primaryOf(t)
	if e != nil {
		return e
	}
	if e := c.current(t); e != nil {
		return e
	}
	if t.claims.Grant != "refresh_token" {
		return &oauthError{status: 400, kind: "unsupported_grant_type", number: 70003, text: "The request carries an unsupported grant type '" + shorten(t.claims.Grant, 64) + "'."}
	}
	answer := c.tokensFor
	if slices.Contains(strings.Fields(t.claims.Scope), "aza") {
		answer = c.renewed
	}
	out, e := answer(tenant, p, t)
	if e != nil {
		return e
	}
	plain, err := json.Marshal(out)
	if err != nil {
		return internal()
	}
	sealed, err := sealReply(p.SessionKey, plain)
	if err != nil {
		return internal()
	}
	c.w.Header().Set("Content-Type", "application/jose")
	c.w.Header().Set("Cache-Control", "no-store, no-cache")
	c.w.WriteHeader(http.StatusOK)
	_, _ = c.w.Write([]byte(sealed)) // the client is gone if this fails
	return nil
}

// primaryOf finds the PRT a request names, and checks that its session key signed and that it is still good.
func (c *tokenCall) primaryOf(t *windowsToken) (*Tenant, *PrimaryToken, *oauthError) {
	for _, tenant := range c.candidates() {
		p, problem := tenant.primaryToken(t.claims.RefreshToken)
		if p == nil {
			continue
		}
		ok, known := t.signedBy(p.SessionKey)
		switch {
		case !known:
			return nil, nil, badKeyDerivation()
		case !ok || t.header.Algorithm != "HS256":
			return nil, nil, badRequestToken("It is not signed with a key derived from the session key of its token.")
		}
		return tenant, p, problem
	}
	return nil, nil, badRequestToken("Its token was not issued here.")
}

// renewed is the answer with a new PRT. The session key stays, and so does everything about how the user signed in.
func (c *tokenCall) renewed(t *Tenant, p *PrimaryToken, request *windowsToken) (object, *oauthError) {
	if request.claims.ClientID != windowsSignInID {
		return nil, &oauthError{status: 400, kind: "unauthorized_client", number: 700016, text: "Application with identifier '" + shorten(request.claims.ClientID, 64) + "' may not ask for a primary refresh token."}
	}
	next := *p
	next.Renewals++
	out, e := c.primaryAnswer(t, &next, request.claims.ClientID)
	if e != nil {
		return nil, e
	}
	out["refresh_token"] = t.newPrimaryToken(next)
	return out, nil
}

// tokensFor is the answer with tokens for a client, after Conditional Access had its say.
func (c *tokenCall) tokensFor(t *Tenant, p *PrimaryToken, request *windowsToken) (object, *oauthError) {
	scope := request.claims.Scope
	resource := request.claims.Resource
	if resource != "" {
		scope += " " + strings.TrimSuffix(resource, "/") + "/.default"
	}
	// The form says what a client would say at the version 2 endpoint.
	inner := &tokenCall{s: c.s, w: c.w, r: c.r, tenant: t, form: url.Values{"client_id": {request.claims.ClientID}, "client_info": {c.form.Get("client_info")}}}
	app, e := inner.client(t, false)
	if e != nil {
		return nil, e
	}
	factor := false
	t.view(func() {
		if u := t.user(p.UserID); u != nil {
			factor = u.MFARequired && !slices.Contains(p.AMR, amrMFA)
		}
	})
	if factor {
		return nil, factorRequired()
	}
	if e := inner.access(t, app, p.SignInProof, false); e != nil {
		return nil, e
	}
	out, e := inner.mint(userGrant{tenant: t, app: app, proof: p.SignInProof, scope: scope + " offline_access"})
	if e != nil {
		return nil, e
	}
	seconds, _ := out["expires_in"].(int)
	out["expires_on"] = strconv.FormatInt(c.s.now().Unix()+int64(seconds), 10)
	if resource != "" {
		out["resource"] = resource
	}
	return out, nil
}
