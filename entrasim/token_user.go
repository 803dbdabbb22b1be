package entrasim

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"strings"
	"time"
)

// password is the resource owner password grant (RFC 6749 §4.3).
func (c *tokenCall) password() *oauthError {
	name, secret := c.form.Get("username"), c.form.Get("password")
	switch {
	case name == "":
		return missing("username")
	case secret == "":
		return missing("password")
	case strings.EqualFold(c.r.PathValue("tenant"), "common"):
		return &oauthError{
			status: 400, kind: "invalid_request", number: 9001023,
			text: "The grant type is not supported over the /common or /consumers endpoints. Please use the /organizations or tenant-specific endpoint.",
		}
	}
	t := c.tenant
	if t == nil {
		t = c.s.tenantOf(name)
	}
	if t == nil {
		return unknownUser(name, "requested")
	}
	app, e := c.client(t, false)
	if e != nil {
		return e
	}
	proof, e := c.s.checkPassword(t, name, secret)
	if e != nil {
		return e
	}
	defaults := false
	t.view(func() { defaults = t.SecurityDefaults })
	if defaults {
		return factorRequired()
	}
	if e := c.access(t, app, proof, true); e != nil {
		return e
	}
	return c.issue(userGrant{tenant: t, app: app, proof: proof, scope: c.form.Get("scope")})
}

func unknownUser(name, directory string) *oauthError {
	return &oauthError{
		status: 400, kind: "invalid_grant", number: 50034,
		text: "The user account " + name + " does not exist in the " + directory + " directory. To sign into this application, the account must be added to the directory.",
	}
}

// checkPassword verifies a user name and password for flows that cannot ask for a second factor.
func (s *Server) checkPassword(t *Tenant, name, secret string) (SignInProof, *oauthError) {
	u, e := t.knowsPassword(name, secret)
	if e == nil && u.MFARequired {
		e = factorRequired()
	}
	if e != nil {
		return SignInProof{}, e
	}
	return SignInProof{UserID: u.ID, AuthTime: s.now(), AMR: []string{amrPassword}, Modes: []string{"password"}}, nil
}

// knowsPassword verifies a user name and password and returns the user. The caller holds no lock.
func (t *Tenant) knowsPassword(name, secret string) (*User, *oauthError) {
	var u *User
	var want string
	t.view(func() {
		if found := t.user(name); found != nil {
			u, want = found.clone(), found.Password
			if want == "" {
				want = t.Password
			}
		}
	})
	switch {
	case u == nil:
		return nil, unknownUser(name, t.Name)
	case u.NoPassword:
		return nil, &oauthError{
			status: 400, kind: "invalid_grant", number: 50056,
			text: "Invalid or null password: password does not exist in the directory for this user.",
		}
	case subtle.ConstantTimeCompare([]byte(want), []byte(secret)) != 1:
		return nil, &oauthError{
			status: 400, kind: "invalid_grant", number: 50126,
			text: "Error validating credentials due to invalid username or password.",
		}
	case u.Disabled:
		return nil, &oauthError{status: 400, kind: "invalid_grant", number: 50057, text: "The user account is disabled."}
	case u.ForceChange:
		return nil, &oauthError{status: 400, kind: "invalid_grant", number: 50055, text: "The password is expired."}
	}
	return u, nil
}

// factorRequired refuses a password where a second factor is asked for.
func factorRequired() *oauthError {
	return &oauthError{
		status: 400, kind: "invalid_grant", number: codeFactorRequired, suberror: "basic_action",
		text: "Due to a configuration change made by your administrator, or because you moved to a new location, you must use multi-factor " +
			"authentication to access '" + graphAppID + "'.",
	}
}

// refresh is the refresh token grant (RFC 6749 §6). The old token stays good, as Entra's do.
func (c *tokenCall) refresh() *oauthError {
	value := c.form.Get("refresh_token")
	if value == "" {
		return missing("refresh_token")
	}
	t, stored := c.findRefresh(hashToken(value))
	if stored == nil {
		return &oauthError{status: 400, kind: "invalid_grant", number: 9002313, text: "Invalid request. Request is malformed or invalid."}
	}
	app, e := c.client(t, false)
	if e != nil {
		return e
	}
	var revoked bool
	var device *oauthError
	t.view(func() {
		u := t.user(stored.UserID)
		revoked = u != nil && stored.Issued.Before(u.SessionsValidFrom)
		if stored.DeviceID != "" {
			device = t.deviceProblem(stored.DeviceID)
		}
	})
	switch {
	case !strings.EqualFold(app.AppID, stored.ClientID):
		return &oauthError{status: 400, kind: "invalid_grant", number: 700005, text: "The refresh token was issued to another client."}
	case !c.s.now().Before(stored.Expires):
		return &oauthError{status: 400, kind: "invalid_grant", number: 700082, text: "The refresh token has expired due to inactivity."}
	case device != nil:
		return device
	case revoked:
		return &oauthError{
			status: 400, kind: "invalid_grant", number: 50173,
			text: "The provided grant has expired due to it being revoked, a fresh auth token is needed. The user might have changed or reset their password.",
		}
	}
	if e := c.access(t, app, stored.SignInProof, false); e != nil {
		return e
	}
	scope := c.form.Get("scope")
	if scope == "" {
		scope = stored.Scope
	}
	return c.issue(userGrant{tenant: t, app: app, proof: stored.SignInProof, scope: scope})
}

func (c *tokenCall) findRefresh(hash string) (*Tenant, *RefreshToken) {
	for _, t := range c.candidates() {
		var found *RefreshToken
		t.view(func() {
			if r := t.Sessions.Refresh[hash]; r != nil {
				copied := *r
				found = &copied
			}
		})
		if found != nil {
			return t, found
		}
	}
	return nil, nil
}

// candidates are the tenants a request may be about.
func (c *tokenCall) candidates() []*Tenant {
	if c.tenant != nil {
		return []*Tenant{c.tenant}
	}
	return c.s.all()
}

// code is the authorization code grant (RFC 6749 §4.1.3) with PKCE (RFC 7636).
func (c *tokenCall) code() *oauthError {
	value := c.form.Get("code")
	if value == "" {
		return missing("code")
	}
	for _, t := range c.candidates() {
		var stored *AuthCode
		var used bool
		t.update(func() {
			if k := t.Sessions.Codes[value]; k != nil {
				copied := *k
				stored, used = &copied, k.Used
				k.Used = true
			}
		})
		if stored == nil {
			continue
		}
		app, e := c.client(t, false)
		if e != nil {
			return e
		}
		if e := c.checkCode(app, stored, used); e != nil {
			return e
		}
		scope := stored.Scope
		if s := c.form.Get("scope"); s != "" {
			scope = s
		}
		return c.issue(userGrant{tenant: t, app: app, proof: stored.SignInProof, scope: scope, nonce: stored.Nonce})
	}
	return &oauthError{status: 400, kind: "invalid_grant", number: 9002313, text: "Invalid request. Request is malformed or invalid."}
}

func (c *tokenCall) checkCode(app *Application, k *AuthCode, used bool) *oauthError {
	verifier := c.form.Get("code_verifier")
	switch {
	case used:
		return &oauthError{status: 400, kind: "invalid_grant", number: 54005, text: "OAuth2 Authorization code was already redeemed, please retry with a new valid code or use an existing refresh token."}
	case !c.s.now().Before(k.Expires):
		return &oauthError{status: 400, kind: "invalid_grant", number: 70008, text: "The provided authorization code or refresh token has expired due to inactivity. Send a new interactive authorization request."}
	case !strings.EqualFold(k.ClientID, app.AppID):
		return &oauthError{status: 400, kind: "invalid_grant", number: 70000, text: "Provided grant is invalid or malformed: the code was issued to another client."}
	case c.form.Get("redirect_uri") != k.RedirectURI:
		return &oauthError{status: 400, kind: "invalid_grant", number: 500112, text: "The reply address does not match the reply address provided when requesting Authorization code."}
	case k.CodeChallenge == "":
		return nil
	case verifier == "":
		return &oauthError{status: 400, kind: "invalid_grant", number: 50148, text: "The code_verifier does not match the code_challenge supplied in the authorization request."}
	}
	if k.CodeChallengeMethod == "S256" {
		sum := sha256.Sum256([]byte(verifier))
		verifier = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	if subtle.ConstantTimeCompare([]byte(verifier), []byte(k.CodeChallenge)) != 1 {
		return &oauthError{status: 400, kind: "invalid_grant", number: 501481, text: "The Code_Verifier does not match the code_challenge supplied in the authorization request."}
	}
	return nil
}

// all lists the tenants.
func (s *Server) all() []*Tenant {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return append([]*Tenant(nil), s.order...)
}

// deviceLife is how long a device code waits for its user.
const deviceLife = 15 * time.Minute
