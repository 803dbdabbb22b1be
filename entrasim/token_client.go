package entrasim

import (
	"crypto/sha1" //nolint:gosec // x5t is defined as the SHA-1 thumbprint (RFC 7515 §4.1.7)
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// client finds the application of a token request and checks its credential: a secret in the form or in HTTP Basic (RFC
// 6749 §2.3.1), or a signed assertion (RFC 7523 §2.2). A public client needs none unless must is set. The result is a
// copy.
func (c *tokenCall) client(t *Tenant, must bool) (*Application, *oauthError) {
	id, secret := c.form.Get("client_id"), c.form.Get("client_secret")
	assertion := c.form.Get("client_assertion")
	if user, pass, ok := c.r.BasicAuth(); ok {
		// Basic credentials are form-encoded first (RFC 6749 §2.3.1); clients that forget it still work.
		id, secret = decoded(user), decoded(pass)
	}
	if id == "" && assertion != "" {
		id = unverifiedIssuer(assertion)
	}
	if id == "" {
		return nil, missing("client_id")
	}
	var app *Application
	t.view(func() {
		if a := t.app(id); a != nil && !a.Disabled && !c.s.now().Before(a.VisibleAt) {
			app = a.forToken(c.s.now())
		}
	})
	switch {
	case app == nil:
		return nil, &oauthError{
			status: 400, kind: "unauthorized_client", number: 700016,
			text: fmt.Sprintf("Application with identifier '%s' was not found in the directory '%s'. This can happen if the application has not been "+
				"installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.", id, t.Name),
		}
	case assertion != "":
		return app, c.assertion(t, app, assertion)
	case secret != "":
		return app, c.secret(app, secret)
	case must || !app.PublicClient:
		return nil, &oauthError{
			status: 401, kind: "invalid_client", number: 7000218,
			text: "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
		}
	}
	return app, nil
}

func decoded(v string) string {
	if d, err := url.QueryUnescape(v); err == nil {
		return d
	}
	return v
}

// unverifiedIssuer is the client id an assertion claims; its signature is checked afterwards against that client.
func unverifiedIssuer(assertion string) string {
	var c jwt.RegisteredClaims
	if _, _, err := jwt.NewParser().ParseUnverified(assertion, &c); err != nil {
		return ""
	}
	return c.Issuer
}

// secret checks a client secret.
func (c *tokenCall) secret(app *Application, value string) *oauthError {
	now, expired := c.s.now(), false
	for _, s := range app.Secrets {
		if subtle.ConstantTimeCompare([]byte(s.Value), []byte(value)) != 1 || now.Before(s.Counts) {
			continue
		}
		if now.Before(s.Until) && !now.Before(s.From) {
			return nil
		}
		expired = true
	}
	if expired {
		return &oauthError{
			status: 401, kind: "invalid_client", number: 7000222,
			text: fmt.Sprintf("The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new keys for your app: "+
				"https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.", app.AppID),
		}
	}
	return &oauthError{
		status: 401, kind: "invalid_client", number: 7000215,
		text: fmt.Sprintf("Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, "+
			"for a secret added to app '%s'.", app.AppID),
	}
}

// assertion checks a client assertion: the key by its thumbprint (x5t or x5t#S256 in either base64 alphabet), RS256 or
// PS256, issuer and subject, audience, time, and that its jti was not used before.
func (c *tokenCall) assertion(t *Tenant, app *Application, raw string) *oauthError {
	if c.form.Get("client_assertion_type") != assertionType {
		return &oauthError{
			status: 400, kind: "invalid_request", number: 900144,
			text: "The request body must contain the parameter 'client_assertion_type' with the value '" + assertionType + "'.",
		}
	}
	var refused *oauthError
	var claims jwt.RegisteredClaims
	_, err := jwt.ParseWithClaims(raw, &claims, func(token *jwt.Token) (any, error) {
		key, e := c.assertionKey(app, token)
		if refused = e; e != nil {
			return nil, jwt.ErrTokenUnverifiable
		}
		return key, nil
	}, jwt.WithoutClaimsValidation())
	now := c.s.now()
	seen := app.AppID + "|" + claims.ID
	switch {
	case refused != nil:
		return refused
	case err != nil:
		return invalidAssertion(app, "The key was found, but the signature of the client assertion is invalid.", "")
	case !strings.EqualFold(claims.Issuer, app.AppID) || !strings.EqualFold(claims.Subject, app.AppID):
		return &oauthError{
			status: 401, kind: "invalid_client", number: 700023,
			text: "Client assertion must contain the client identifier as 'iss' and 'sub'.",
		}
	case !slices.ContainsFunc(claims.Audience, func(a string) bool { return c.assertionAudience(t, a) }):
		return &oauthError{
			status: 401, kind: "invalid_client", number: 700023,
			text: "Client assertion audience claim does not match Realm issuer. Use the token endpoint.",
		}
	case claims.ExpiresAt == nil || !now.Before(claims.ExpiresAt.Time) || claims.NotBefore != nil && now.Add(5*time.Minute).Before(claims.NotBefore.Time):
		return &oauthError{status: 401, kind: "invalid_client", number: 700024, text: "Client assertion is not within its valid time range."}
	case claims.ID == "":
		return &oauthError{status: 401, kind: "invalid_client", number: 7000214, text: "Client assertion must contain a unique 'jti' claim."}
	}
	replayed := false
	t.update(func() {
		if t.Sessions.Assertions == nil {
			t.Sessions.Assertions = make(map[string]time.Time)
		}
		if len(t.Sessions.Assertions) >= maxSessions {
			for k, until := range t.Sessions.Assertions {
				if !now.Before(until) || len(t.Sessions.Assertions) >= maxSessions {
					delete(t.Sessions.Assertions, k)
				}
			}
		}
		until, ok := t.Sessions.Assertions[seen]
		replayed = ok && now.Before(until)
		t.Sessions.Assertions[seen] = claims.ExpiresAt.Time
	})
	if replayed {
		return &oauthError{status: 401, kind: "invalid_client", number: 7000214, text: "The client assertion was used before: its 'jti' must be unique."}
	}
	return nil
}

// assertionAudience accepts the token endpoint, as discovery wrote it or at Microsoft's host, and the issuer.
func (c *tokenCall) assertionAudience(t *Tenant, audience string) bool {
	var names []string
	t.view(func() { names = append([]string{t.ID, c.r.PathValue("tenant")}, t.Domains...) })
	for _, host := range []string{c.r.Host, "login.microsoftonline.com"} {
		for _, name := range names {
			root := "https://" + host + "/" + name
			if audience == root+"/oauth2/v2.0/token" || audience == root+"/v2.0" {
				return true
			}
		}
	}
	return false
}

// assertionKey finds the certificate an assertion names.
func (c *tokenCall) assertionKey(app *Application, token *jwt.Token) (any, *oauthError) {
	text, _ := token.Header["x5t#S256"].(string)
	sum := func(der []byte) []byte { s := sha256.Sum256(der); return s[:] }
	if text == "" {
		text, _ = token.Header["x5t"].(string)
		sum = func(der []byte) []byte { s := sha1.Sum(der); return s[:] } //nolint:gosec // see the import
	}
	want, err := anyBase64(text)
	if err != nil || text == "" {
		return nil, invalidAssertion(app, "The client assertion names no key.", "")
	}
	thumbprint := strings.ToUpper(hex.EncodeToString(want))
	for _, k := range app.Certificates {
		if subtle.ConstantTimeCompare(sum(k.DER), want) != 1 || c.s.now().Before(k.Counts) {
			continue
		}
		if alg := token.Method.Alg(); alg != "RS256" && alg != "PS256" {
			return nil, invalidAssertion(app, "Unsupported asymmetric signing algorithm '"+alg+"'.", thumbprint)
		}
		if now := c.s.now(); !now.Before(k.Until) || now.Before(k.From) {
			return nil, invalidAssertion(app, "The key used is expired.", thumbprint)
		}
		cert, err := x509.ParseCertificate(k.DER)
		if err != nil {
			return nil, invalidAssertion(app, "The key cannot be read.", thumbprint)
		}
		return cert.PublicKey, nil
	}
	return nil, invalidAssertion(app, "The key was not found.", thumbprint)
}

func invalidAssertion(app *Application, reason, thumbprint string) *oauthError {
	return &oauthError{
		status: 401, kind: "invalid_client", number: 700027,
		text: fmt.Sprintf("The certificate with identifier used to sign the client assertion is not registered on application. [Reason - %s, "+
			"Thumbprint of key used by client: '%s', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '%s'.]",
			reason, thumbprint, app.AppID),
	}
}

// anyBase64 decodes the standard and the URL alphabet, padded or not.
func anyBase64(v string) ([]byte, error) {
	v = strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(v), "=")
	return base64.RawURLEncoding.DecodeString(v)
}
