package websignin

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"

	"github.com/postern/postern/fido/client"
)

// The relying party of Entra's passkeys.
const (
	DefaultRPID = "login.microsoft.com"
	// passkeySignIn is the type of POST /common/login that carries an assertion.
	passkeySignIn = "23"
	// keepNot is the answer "No" to "Stay signed in?".
	keepNot = "0"
)

// Bounds on what pages may do.
const (
	maxPage       = 2 << 20 // bytes
	maxInterrupts = 6
	maxRedirects  = 10
)

// Asserter makes assertions: a [client.Client].
type Asserter interface {
	Get(ctx context.Context, o *client.RequestOptions, origin string) (*client.Assertion, error)
}

// Request says who signs in where, to which application.
type Request struct {
	Authority   string // https://login.microsoftonline.com
	Tenant      string // GUID or domain; empty means any organisation's
	ClientID    string
	RedirectURI string // registered with the application; nothing is sent there
	Scope       string // empty means "openid profile"
	UPN         string // empty leaves the choice to the passkey
	RPID        string // empty means DefaultRPID
}

// Result is the user as the id token names them, and all its claims.
type Result struct {
	UPN      string         `json:"user_principal_name"`
	Name     string         `json:"name"`
	ObjectID string         `json:"object_id"`
	TenantID string         `json:"tenant_id"`
	Claims   map[string]any `json:"claims"`
}

// Refusal is a sign-in that Entra did not allow, in its own words.
type Refusal struct{ Message string }

func (r *Refusal) Error() string { return r.Message }

// flow is one sign-in on its way.
type flow struct {
	Request
	http     *http.Client
	asserter Asserter

	base     *url.URL
	verifier string // PKCE
	state    string
	nonce    string
}

// SignIn signs in. HTTP gives the transport; cookies are kept for this sign-in only. A refusal of Entra is a [Refusal].
func SignIn(ctx context.Context, httpClient *http.Client, asserter Asserter, r Request) (*Result, error) {
	f, err := begin(httpClient, asserter, r)
	if err != nil {
		return nil, err
	}
	page, _, err := f.get(ctx, f.authorizeURL())
	if err != nil {
		return nil, err
	}
	form, err := f.assert(ctx, page)
	if err != nil {
		return nil, err
	}
	code, err := f.walk(ctx, f.resolve("/common/login"), form)
	if err != nil {
		return nil, err
	}
	return f.redeem(ctx, code)
}

func begin(httpClient *http.Client, asserter Asserter, r Request) (*flow, error) {
	base, err := url.Parse(strings.TrimSuffix(r.Authority, "/"))
	if err != nil || base.Scheme != "https" || base.Host == "" {
		return nil, errors.New("the authority must be an https URL such as https://login.microsoftonline.com")
	}
	if r.ClientID == "" || r.RedirectURI == "" {
		return nil, errors.New("client id and redirect URI are needed")
	}
	if r.Tenant == "" {
		r.Tenant = "organizations"
	}
	if r.Scope == "" {
		r.Scope = "openid profile"
	}
	if r.RPID == "" {
		r.RPID = DefaultRPID
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	own := http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	if httpClient != nil {
		own.Transport, own.Timeout = httpClient.Transport, httpClient.Timeout
	}
	return &flow{Request: r, http: &own, asserter: asserter, base: base, verifier: random(), state: random(), nonce: random()}, nil
}

func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails: package crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b)
}

func (f *flow) authorizeURL() string {
	challenge := sha256.Sum256([]byte(f.verifier))
	q := url.Values{
		"client_id": {f.ClientID}, "response_type": {"code"}, "response_mode": {"query"}, "redirect_uri": {f.RedirectURI}, "scope": {f.Scope},
		"state": {f.state}, "nonce": {f.nonce}, "sso_reload": {"true"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}, "code_challenge_method": {"S256"},
	}
	if f.UPN != "" {
		q.Set("login_hint", f.UPN)
	}
	return f.resolve("/" + url.PathEscape(f.Tenant) + "/oauth2/v2.0/authorize?" + q.Encode())
}

// resolve makes a URL of a page's path absolute.
func (f *flow) resolve(ref string) string {
	u, err := f.base.Parse(ref)
	if err != nil {
		return f.base.String()
	}
	return u.String()
}

// assert answers the challenge of the sign-in page and gives the form that carries the answer.
func (f *flow) assert(ctx context.Context, page []byte) (url.Values, error) {
	c, err := parseConfig(page)
	if err != nil {
		return nil, err
	}
	if message := c.refusal(); message != "" {
		return nil, &Refusal{message}
	}
	if c.Challenge == "" {
		return nil, errors.New("the sign-in page offers no passkey challenge")
	}
	// The challenge is the text itself, not what it may encode.
	options := &client.RequestOptions{Challenge: []byte(c.Challenge), RPID: f.RPID, UserVerification: client.Required}
	if params := c.CredentialType.Credentials.FidoParams; params != nil {
		for _, id := range params.AllowList {
			b, err := client.ParseBytes(id)
			if err != nil {
				return nil, fmt.Errorf("the sign-in page lists a passkey whose id cannot be read: %w", err)
			}
			options.AllowCredentials = append(options.AllowCredentials, client.Descriptor{ID: b, Type: "public-key"})
		}
	} else if f.UPN != "" {
		return nil, &Refusal{"Entra lists no passkey for " + f.UPN + "."}
	}
	a, err := f.asserter.Get(ctx, options, "https://"+f.RPID)
	if err != nil {
		return nil, err
	}
	assertion, err := json.Marshal(map[string]client.Bytes{
		"id": a.ID, "clientDataJSON": a.ClientDataJSON, "authenticatorData": a.AuthenticatorData, "signature": a.Signature, "userHandle": a.UserHandle,
	})
	if err != nil {
		return nil, err
	}
	form := c.form()
	form.Set("type", passkeySignIn)
	form.Set("ps", passkeySignIn)
	form.Set("assertion", string(assertion))
	form.Set("lmcCanary", c.Canary)
	return form, nil
}

// form holds the fields that every form of the pages sends back.
func (c *pageConfig) form() url.Values {
	return url.Values{"ctx": {c.Context}, "flowToken": {c.FlowToken}, "canary": {c.Canary}, "hpgrequestid": {c.SessionID}}
}

// walk posts a form and answers interrupts until the pages end with a code.
func (f *flow) walk(ctx context.Context, target string, form url.Values) (string, error) {
	for range maxInterrupts {
		page, redirect, err := f.post(ctx, target, form)
		if err != nil {
			return "", err
		}
		if redirect != nil {
			return f.codeOf(redirect)
		}
		c, err := parseConfig(page)
		if err != nil {
			return "", err
		}
		if message := c.refusal(); message != "" {
			return "", &Refusal{message}
		}
		form = c.form()
		switch c.Page {
		case "KmsiInterrupt":
			form.Set("type", "28")
			form.Set("LoginOptions", keepNot)
		case "CmsiInterrupt":
			form.Set("ContinueAuth", "true")
		default:
			return "", fmt.Errorf("the sign-in stopped at the page %q, which this program cannot answer", c.Page)
		}
		target = f.resolve(c.URLPost)
		if err := f.ours(target); err != nil {
			return "", err
		}
	}
	return "", errors.New("the sign-in asks for ever more")
}

// codeOf takes the authorization code from the redirect to the application.
func (f *flow) codeOf(u *url.URL) (string, error) {
	q := u.Query()
	if message := q.Get("error_description"); message != "" || q.Get("error") != "" {
		return "", &Refusal{strings.TrimSpace(q.Get("error") + ": " + message)}
	}
	if q.Get("state") != f.state {
		return "", errors.New("the redirect belongs to another sign-in")
	}
	if q.Get("code") == "" {
		return "", errors.New("the redirect carries no code")
	}
	return q.Get("code"), nil
}

func (f *flow) get(ctx context.Context, target string) ([]byte, *url.URL, error) {
	return f.fetch(ctx, http.MethodGet, target, nil)
}

func (f *flow) post(ctx context.Context, target string, form url.Values) ([]byte, *url.URL, error) {
	return f.fetch(ctx, http.MethodPost, target, form)
}

// fetch gets a page, following redirects within the authority. A redirect to the application is not followed but
// returned.
func (f *flow) fetch(ctx context.Context, method, target string, form url.Values) ([]byte, *url.URL, error) {
	for range maxRedirects {
		resp, err := f.send(ctx, method, target, form)
		if err != nil {
			return nil, nil, err
		}
		if resp.redirect == nil {
			return resp.body, nil, nil
		}
		if f.isApplication(resp.redirect) {
			return nil, resp.redirect, nil
		}
		method, target, form = http.MethodGet, resp.redirect.String(), nil
		if err := f.ours(target); err != nil {
			return nil, nil, err
		}
	}
	return nil, nil, errors.New("the authority redirects in circles")
}

// isApplication reports whether a redirect is the one to the application.
func (f *flow) isApplication(u *url.URL) bool {
	app, err := url.Parse(f.RedirectURI)
	return err == nil && u.Scheme == app.Scheme && u.Host == app.Host && strings.TrimSuffix(u.Path, "/") == strings.TrimSuffix(app.Path, "/")
}

// ours refuses addresses outside the authority: cookies and assertions are for it alone.
func (f *flow) ours(target string) error {
	if u, err := url.Parse(target); err != nil || u.Scheme != f.base.Scheme || u.Host != f.base.Host {
		return errors.New("the sign-in leads away from the authority")
	}
	return nil
}

type response struct {
	status   int
	body     []byte
	redirect *url.URL
}

func (f *flow) send(ctx context.Context, method, target string, form url.Values) (*response, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, errors.New("the authority names an address that is none")
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := f.http.Do(req)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // the URL carries tokens of the sign-in
		}
		return nil, fmt.Errorf("the authority %s cannot be reached: %w", f.base.Host, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxPage))
	if err != nil {
		return nil, fmt.Errorf("the authority %s: %w", f.base.Host, err)
	}
	out := &response{status: resp.StatusCode, body: data}
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		if out.redirect, err = resp.Location(); err != nil {
			return nil, errors.New("the authority redirects to nowhere")
		}
	}
	return out, nil
}

// redeem exchanges the code for an id token and reads it. The token comes from the token endpoint itself, over TLS, so
// that its signature need not be checked (OpenID Connect Core §3.1.3.7).
func (f *flow) redeem(ctx context.Context, code string) (*Result, error) {
	resp, err := f.send(ctx, http.MethodPost, f.resolve("/"+url.PathEscape(f.Tenant)+"/oauth2/v2.0/token"), url.Values{
		"grant_type": {"authorization_code"}, "client_id": {f.ClientID}, "code": {code}, "redirect_uri": {f.RedirectURI},
		"code_verifier": {f.verifier}, "scope": {f.Scope},
	})
	if err != nil {
		return nil, err
	}
	var token struct {
		IDToken     string `json:"id_token"`
		Description string `json:"error_description"`
	}
	if err := json.Unmarshal(resp.body, &token); err != nil {
		return nil, fmt.Errorf("the token endpoint answered HTTP %d without JSON", resp.status)
	}
	if token.Description != "" {
		return nil, &Refusal{token.Description}
	}
	return f.read(token.IDToken)
}

func (f *flow) read(idToken string) (*Result, error) {
	parts := strings.Split(idToken, ".")
	if len(parts) != 3 {
		return nil, errors.New("the token endpoint gave no id token")
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, errors.New("the id token cannot be read")
	}
	claims := map[string]any{}
	d := json.NewDecoder(bytes.NewReader(payload))
	d.UseNumber()
	if err := d.Decode(&claims); err != nil {
		return nil, errors.New("the id token cannot be read")
	}
	text := func(name string) string { s, _ := claims[name].(string); return s }
	if text("nonce") != f.nonce || text("aud") != f.ClientID {
		return nil, errors.New("the id token belongs to another sign-in")
	}
	delete(claims, "nonce")
	return &Result{
		UPN: text("preferred_username"), Name: text("name"), ObjectID: text("oid"), TenantID: text("tid"), Claims: claims,
	}, nil
}
