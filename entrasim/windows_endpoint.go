package entrasim

import (
	"cmp"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// grantJWTBearer is the grant of a request in a JWT (RFC 7523), and inside of one that of Windows Hello.
const grantJWTBearer = "urn:ietf:params:oauth:grant-type:jwt-bearer"

// windowsEndpoint answers the version 1 token endpoint, which is for Windows computers alone here: the nonce, and requests in a
// JWT.
func (s *Server) windowsEndpoint(w http.ResponseWriter, r *http.Request) {
	t, ok := s.tenantOrFail(w, r, "invalid_request")
	if !ok {
		return
	}
	var form url.Values
	if r.ParseForm() == nil {
		form = r.PostForm
	}
	c := &tokenCall{s: s, w: w, r: r, form: form, tenant: t}
	switch form.Get("grant_type") {
	case "srv_challenge":
		s.serverChallenge(w)
	case grantJWTBearer:
		if e := c.windows(); e != nil {
			c.fail(e)
		}
	default:
		c.fail(&oauthError{
			status: 400, kind: "unsupported_grant_type", number: 70003,
			text: "The emulator answers only grant_type=srv_challenge and requests of Windows computers at the version 1 token endpoint. Use /oauth2/v2.0/token.",
		})
	}
}

// badRequestToken is the refusal of a request JWT.
func badRequestToken(text string) *oauthError {
	return &oauthError{status: 400, kind: "invalid_grant", number: codeBadAssertion, text: "Assertion failed signature validation or is not valid. " + text}
}

// windows answers a request in a JWT: for a PRT when the device signed it, for what a PRT is good for when its session key did.
func (c *tokenCall) windows() *oauthError {
	if !strings.HasPrefix(c.form.Get("windows_api_version"), "2.") {
		return missing("windows_api_version")
	}
	if c.form.Get("request") == "" {
		return missing("request")
	}
	t, err := parseWindowsToken(c.form.Get("request"))
	switch {
	case err != nil || t.header.Type != "JWT":
		return badRequestToken("The request is no JWT.")
	case t.header.X5C != "" && t.header.Context != "":
		return badRequestToken("The header has both x5c and ctx.")
	case t.header.X5C != "":
		return c.primary(&t)
	case t.header.Context != "":
		return c.usePrimary(&t)
	}
	return badRequestToken("The header has neither x5c nor ctx.")
}

// current checks nonce and time of a request whose signature was good.
func (c *tokenCall) current(t *windowsToken) *oauthError {
	switch {
	case t.claims.Nonce == "":
		return &oauthError{status: 400, kind: "invalid_grant", number: codeNonceInvalid, text: "Request nonce is not provided."}
	case !c.s.goodNonce(t.claims.Nonce):
		return &oauthError{status: 400, kind: "invalid_grant", number: codeNonceInvalid, text: "Request nonce is expired or was not issued here."}
	}
	if expires, ok := t.claims.expiry(); !ok || expires != 0 && c.s.now().Unix() >= expires {
		return badRequestToken("It is not within its valid time range.")
	}
	return nil
}

// deviceAuthFailed refuses a request of what is no device.
func deviceAuthFailed(text string) *oauthError {
	return &oauthError{status: 400, kind: "invalid_grant", number: codeDeviceAuth, text: "Device authentication failed. " + text}
}

// deviceOf finds the device that signed a request: its certificate comes from here, is the last one the device got, and the
// device is neither disabled nor deleted.
func (c *tokenCall) deviceOf(t *windowsToken) (*Tenant, *Computer, *oauthError) {
	der, err := base64.StdEncoding.DecodeString(t.header.X5C)
	if err != nil {
		return nil, nil, deviceAuthFailed("x5c is not the base64 text of one certificate.")
	}
	id, key, err := c.s.verifyDeviceCertificate(der)
	if err != nil {
		return nil, nil, deviceAuthFailed("The certificate is " + err.Error() + ".")
	}
	sum := sha256.Sum256([]byte(t.signed))
	if t.header.Algorithm != "RS256" || rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], t.signature) != nil {
		return nil, nil, badRequestToken("It is not signed by the key of its certificate with RS256.")
	}
	for _, tenant := range c.candidates() {
		var found *Computer
		tenant.view(func() {
			if stored := tenant.computer(id); stored != nil {
				found = stored.clone()
			}
		})
		switch {
		case found == nil:
			continue
		case found.Thumbprint != thumbprint(der):
			return nil, nil, deviceAuthFailed("The device has another certificate now.")
		}
		var problem *oauthError
		tenant.view(func() { problem = tenant.deviceProblem(id) })
		return tenant, found, problem
	}
	return nil, nil, &oauthError{status: 400, kind: "invalid_grant", number: codeDeviceMissing, text: "Device object was not found in the tenant directory."}
}

// primary answers a request for a PRT. Conditional Access is not evaluated: that happens when the PRT is used (Microsoft Entra
// documentation).
func (c *tokenCall) primary(t *windowsToken) *oauthError {
	tenant, device, e := c.deviceOf(t)
	if e != nil {
		return e
	}
	if e := c.current(t); e != nil {
		return e
	}
	scope := strings.Fields(t.claims.Scope)
	switch {
	case t.header.KDF != 0 && t.header.KDF != 1 && t.header.KDF != 2:
		return badKeyDerivation()
	case t.claims.ClientID != windowsSignInID && (t.claims.ClientID != brokerID || t.claims.Grant != "refresh_token"):
		return &oauthError{status: 400, kind: "unauthorized_client", number: 700016, text: "Application with identifier '" + shorten(t.claims.ClientID, 64) + "' may not ask for a primary refresh token."}
	case !slices.Contains(scope, "openid") || !slices.Contains(scope, "aza"):
		return &oauthError{status: 400, kind: "invalid_scope", number: 70011, text: "The scope of a request for a primary refresh token must contain 'openid' and 'aza'."}
	}
	p, event, e := c.credential(tenant, t)
	event.AppID, event.AppName, event.Client = windowsSignInID, windowsSignInName, desktopClient
	event.Device = device.event()
	if e != nil {
		event.ErrorCode, event.Failure = e.number, e.text
		tenant.recordUserSignIn(c.r, cmp.Or(p.UserID, t.claims.Username), event)
		return e
	}
	transport, err := x509.ParsePKCS1PublicKey(device.TransportKey)
	if err != nil {
		return internal()
	}
	p.ID, p.DeviceID, p.SessionKey = c.s.newID(), device.DeviceID, make([]byte, 32)
	_, _ = rand.Read(p.SessionKey) // crypto/rand does not fail
	wrapped, err := wrapSessionKey(transport, p.SessionKey)
	if err != nil {
		return internal()
	}
	out, e := c.primaryAnswer(tenant, &p, t.claims.ClientID)
	if e != nil {
		return e
	}
	out["refresh_token"], out["session_key_jwe"] = tenant.newPrimaryToken(p), wrapped
	tenant.recordUserSignIn(c.r, p.UserID, event)
	writeJSON(c.w, http.StatusOK, out)
	return nil
}

func badKeyDerivation() *oauthError {
	return &oauthError{status: 400, kind: "invalid_grant", number: codeKeyDerivation, text: "Symmetric Key Derivation Function version is invalid. Update the device for the latest updates."}
}
