package entrasim

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// pageBrowser is a client that keeps cookies, follows redirects inside the emulator and stops at the application's.
type pageBrowser struct {
	t    testing.TB
	base string
	*http.Client
}

// pageSite is a served emulator with its first tenant and a user who may sign in.
type pageSite struct {
	srv    *Server
	tenant *Tenant
	app    *Application
	user   *User
	url    string
	client *http.Client
}

func newPageSite(t testing.TB) *pageSite {
	t.Helper()
	srv := &Server{Users: 5, signingKey: testSigningKey()}
	ts := httptest.NewTLSServer(srv)
	t.Cleanup(ts.Close)
	return newPageSiteOn(t, srv, ts)
}

func newPageSiteOn(t testing.TB, srv *Server, ts *httptest.Server) *pageSite {
	t.Helper()
	srv.init()
	site := &pageSite{srv: srv, tenant: srv.first(), url: ts.URL, client: ts.Client()}
	site.tenant.view(func() {
		for _, a := range site.tenant.Apps {
			if a.PublicClient && !a.FirstParty && len(a.RedirectURIs) > 0 && strings.HasPrefix(a.RedirectURIs[0], "http://localhost") {
				site.app = a
			}
		}
		site.tenant.Users.all(func(u *User) bool {
			if !u.Guest && !u.Disabled && !u.MFARequired && !u.NoPassword && len(u.Roles) == 0 && u.OnPremises == nil {
				site.user = u.clone()
			}
			return site.user == nil
		})
	})
	if site.app == nil || site.user == nil {
		t.Fatal("the seeded tenant has no public client or no ordinary user")
	}
	return site
}

func (p *pageSite) browser(t testing.TB) *pageBrowser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := *p.client
	c.Jar = jar
	c.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		if "https://"+req.URL.Host != p.url {
			return http.ErrUseLastResponse
		}
		return nil
	}
	return &pageBrowser{t: t, base: p.url, Client: &c}
}

// pageConfig is the part of $Config that script clients read.
type pageConfig struct {
	Page      string `json:"pgid"`
	Challenge string `json:"sFidoChallenge"`
	FlowToken string `json:"sFT"`
	Ctx       string `json:"sCtx"`
	Canary    string `json:"canary"`
	URLPost   string `json:"urlPost"`
	ErrorCode string `json:"sErrorCode"`
	Message   string `json:"strServiceExceptionMessage"`
	CredType  struct {
		Credentials struct {
			HasFido    bool
			FidoParams struct{ AllowList []string }
		}
	} `json:"oGetCredTypeResult"`
}

var configPattern = regexp.MustCompile(`(?s)\$Config=(\{.*?\});\n//\]\]>`)

// page reads a page with its $Config.
func (b *pageBrowser) page(res *http.Response, err error) (*http.Response, pageConfig) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	var c pageConfig
	if m := configPattern.FindSubmatch(body); m != nil {
		if err := json.Unmarshal(m[1], &c); err != nil {
			b.t.Fatalf("$Config: %v", err)
		}
	}
	return res, c
}

func (b *pageBrowser) open(path string) (*http.Response, pageConfig) {
	b.t.Helper()
	if strings.HasPrefix(path, "/") {
		path = b.base + path
	}
	return b.page(b.Get(path))
}

// post sends a form with the tokens of the page before.
func (b *pageBrowser) post(c pageConfig, more url.Values) (*http.Response, pageConfig) {
	b.t.Helper()
	form := url.Values{"ctx": {c.Ctx}, "flowToken": {c.FlowToken}, "canary": {c.Canary}}
	for k, v := range more {
		form[k] = v
	}
	return b.page(b.PostForm(b.base+c.URLPost, form))
}

// signIn goes through sign-in page and interrupt with an assertion and returns the last answer.
func (b *pageBrowser) signIn(k *securityKey, authorizeURL string) (*http.Response, pageConfig) {
	b.t.Helper()
	_, c := b.open(authorizeURL)
	res, c := b.post(c, url.Values{"type": {"23"}, "ps": {"23"}, "assertion": {k.get(c.Challenge)}})
	if c.Page != "KmsiInterrupt" {
		return res, c
	}
	return b.post(c, url.Values{"LoginOptions": {"3"}, "type": {"28"}})
}

// A stock OpenID Connect client signs a user in with a passkey.
func TestOIDCWithPasskey(t *testing.T) {
	site := newPageSite(t)
	key := newSecurityKey(t)
	key.enrol(site.srv, site.tenant, site.user.ID)

	ctx := oidc.ClientContext(context.Background(), site.client)
	provider, err := oidc.NewProvider(ctx, site.url+"/"+site.tenant.ID+"/v2.0")
	if err != nil {
		t.Fatal(err)
	}
	client := oauth2.Config{
		ClientID: site.app.AppID, Endpoint: provider.Endpoint(), RedirectURL: "http://localhost:49152", Scopes: []string{"openid", "profile", "offline_access"},
	}
	for name, hint := range map[string]string{"user name known": site.user.UPN, "user name unknown": ""} {
		t.Run(name, func(t *testing.T) {
			b, verifier := site.browser(t), oauth2.GenerateVerifier()
			opts := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier), oidc.Nonce("n-0S6")}
			if hint != "" {
				opts = append(opts, oauth2.SetAuthURLParam("login_hint", hint))
			}
			res, _ := b.signIn(key, client.AuthCodeURL("state-1", opts...))
			back, err := res.Location()
			if err != nil {
				t.Fatalf("no redirect after sign-in: status %d", res.StatusCode)
			}
			if back.Host != "localhost:49152" || back.Query().Get("state") != "state-1" {
				t.Fatalf("went back to %s", back.Host)
			}
			token, err := client.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(verifier))
			if err != nil {
				t.Fatal(err)
			}
			raw, _ := token.Extra("id_token").(string)
			id, err := provider.Verifier(&oidc.Config{ClientID: client.ClientID}).Verify(ctx, raw)
			if err != nil {
				t.Fatal(err)
			}
			var claims struct {
				Name string   `json:"preferred_username"`
				OID  string   `json:"oid"`
				AMR  []string `json:"amr"`
			}
			if err := id.Claims(&claims); err != nil {
				t.Fatal(err)
			}
			if id.Nonce != "n-0S6" || claims.OID != site.user.ID || claims.Name != site.user.UPN || strings.Join(claims.AMR, " ") != "fido mfa" {
				t.Errorf("claims %+v, nonce %q", claims, id.Nonce)
			}
			if _, err := client.Exchange(ctx, back.Query().Get("code"), oauth2.VerifierOption(verifier)); err == nil {
				t.Error("the code worked twice")
			}

			// The browser is signed in now: the next request gets its code at once, and prompt=login asks again.
			res, _ = b.open(client.AuthCodeURL("state-2", opts...))
			if res.StatusCode != http.StatusFound {
				t.Errorf("single sign-on answered %d", res.StatusCode)
			}
			_, c := b.open(client.AuthCodeURL("state-3", append(opts, oauth2.SetAuthURLParam("prompt", "login"))...))
			if c.Page != "ConvergedSignIn" {
				t.Errorf("prompt=login showed %q", c.Page)
			}
		})
	}
	var last SignIn
	var used time.Time
	site.tenant.view(func() {
		last = site.tenant.SignIns.Events[len(site.tenant.SignIns.Events)-1]
		used = site.tenant.user(site.user.ID).Passkeys[0].LastUsed
	})
	if last.UserID != site.user.ID || last.ErrorCode != 0 || last.Method != "Passkey (device-bound)" || used.IsZero() {
		t.Errorf("sign-in log %+v, last used %v", last, used)
	}
}

func (p *pageSite) authorizeURL(more url.Values) string {
	q := url.Values{"client_id": {p.app.AppID}, "response_type": {"code"}, "redirect_uri": {"http://localhost"}, "scope": {"openid"}, "state": {"s"}}
	for k, v := range more {
		q[k] = v
		if v == nil {
			q.Del(k)
		}
	}
	return p.url + "/" + p.tenant.ID + "/oauth2/v2.0/authorize?" + q.Encode()
}

func TestAuthorizeRefusals(t *testing.T) {
	site := newPageSite(t)
	for name, tc := range map[string]struct {
		change url.Values
		path   string
		page   string // AADSTS number of the error page
		back   string // error sent to the client
	}{
		"unknown client":      {change: url.Values{"client_id": {"11111111-2222-4333-8444-555555555555"}}, page: "700016"},
		"no client":           {change: url.Values{"client_id": nil}, page: "900144"},
		"foreign redirect":    {change: url.Values{"redirect_uri": {"https://evil.example/cb"}}, page: "50011"},
		"loopback lookalike":  {change: url.Values{"redirect_uri": {"http://localhost.evil.example"}}, page: "50011"},
		"loopback userinfo":   {change: url.Values{"redirect_uri": {"http://evil@localhost"}}, page: "50011"},
		"loopback other path": {change: url.Values{"redirect_uri": {"http://localhost:1/other"}}, page: "50011"},
		"repeated parameter":  {change: url.Values{"state": {"a", "b"}}, page: "90013"},
		"unknown tenant":      {path: "/nobody.example/oauth2/v2.0/authorize?client_id=x", page: "90002"},
		"token response":      {change: url.Values{"response_type": {"token"}}, back: "unsupported_response_type"},
		"no scope":            {change: url.Values{"scope": nil}, back: "invalid_request"},
		"short challenge":     {change: url.Values{"code_challenge": {"abc"}}, back: "invalid_request"},
		"silent, signed out":  {change: url.Values{"prompt": {"none"}}, back: "login_required"},
		"odd response mode":   {change: url.Values{"response_mode": {"web_message"}}, back: "invalid_request"},
	} {
		t.Run(name, func(t *testing.T) {
			b, target := site.browser(t), tc.path
			if target == "" {
				target = site.authorizeURL(tc.change)
			}
			res, c := b.open(target)
			if tc.page != "" {
				if c.Page != "ConvergedError" || c.ErrorCode != tc.page || res.StatusCode != http.StatusBadRequest {
					t.Errorf("page %q with code %q and status %d, want code %s", c.Page, c.ErrorCode, res.StatusCode, tc.page)
				}
				return
			}
			back, err := res.Location()
			if err != nil {
				t.Fatalf("no redirect: status %d, page %q %s", res.StatusCode, c.Page, c.Message)
			}
			if back.Query().Get("error") != tc.back || back.Query().Get("state") != "s" || back.Query().Has("code") {
				t.Errorf("sent back %q", back.RawQuery)
			}
		})
	}
}

// Every refusal of a good passkey names its cause on the page and in the sign-in log.
func TestPasskeyRefusalsOnPage(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*Tenant, *User, *Passkey)
		code   string
		says   string
	}{
		"removed":          {change: func(t *Tenant, u *User, k *Passkey) { t.deletePasskey(u.ID, k.ID) }, code: "135010", says: "removed"},
		"method disabled":  {change: policyChange(func(c *PasskeyConfiguration) { c.State = "disabled" }), code: "130501", says: "disabled"},
		"key restriction":  {change: policyChange(restrict), code: "130501", says: "key restriction"},
		"excluded":         {change: policyChange(func(c *PasskeyConfiguration) { c.ExcludeTargets = []Target{{"group", allUsers}} }), code: "130501", says: "excluded"},
		"account disabled": {change: func(t *Tenant, u *User, _ *Passkey) { t.update(func() { t.user(u.ID).Disabled = true }) }, code: "50057", says: "disabled"},
	} {
		t.Run(name, func(t *testing.T) {
			site, key := newPageSite(t), newSecurityKey(t)
			k := key.enrol(site.srv, site.tenant, site.user.ID)
			tc.change(site.tenant, site.user, k)
			res, c := site.browser(t).signIn(key, site.authorizeURL(nil))
			if res.StatusCode != http.StatusBadRequest || c.ErrorCode != tc.code || !strings.HasPrefix(c.Message, "AADSTS"+tc.code+": ") || !strings.Contains(c.Message, tc.says) {
				t.Errorf("status %d, code %s: %s", res.StatusCode, c.ErrorCode, c.Message)
			}
			var events []SignIn
			site.tenant.view(func() { events = append(events, site.tenant.SignIns.Events...) })
			if n := len(events); n == 0 || events[n-1].ErrorCode == 0 || events[n-1].Failure == "" {
				t.Errorf("sign-in log %+v", events)
			}
		})
	}
}

func policyChange(f func(*PasskeyConfiguration)) func(*Tenant, *User, *Passkey) {
	return func(t *Tenant, _ *User, _ *Passkey) { t.update(func() { f(&t.Policy.Passkey) }) }
}

func restrict(c *PasskeyConfiguration) {
	for i := range c.PasskeyProfiles {
		c.PasskeyProfiles[i].KeyRestrictions = KeyRestrictions{IsEnforced: true, EnforcementType: "allow", AAGUIDs: []string{"90a3ccdf-635c-4729-a248-9b709135078f"}}
	}
}

// What one sign-in was given must not serve another, nor another browser, nor twice.
func TestFlowIsBound(t *testing.T) {
	site, key := newPageSite(t), newSecurityKey(t)
	key.enrol(site.srv, site.tenant, site.user.ID)
	assertion := func(c pageConfig) url.Values {
		return url.Values{"type": {"23"}, "assertion": {key.get(c.Challenge)}}
	}

	t.Run("another browser", func(t *testing.T) {
		_, c := site.browser(t).open(site.authorizeURL(nil))
		thief := site.browser(t)
		thief.open(site.authorizeURL(nil))
		if _, got := thief.post(c, assertion(c)); got.ErrorCode != "165000" {
			t.Errorf("code %q, page %q", got.ErrorCode, got.Page)
		}
	})
	t.Run("challenge of another flow", func(t *testing.T) {
		b := site.browser(t)
		_, first := b.open(site.authorizeURL(nil))
		_, second := b.open(site.authorizeURL(nil))
		if _, got := b.post(second, assertion(first)); got.ErrorCode != "140000" {
			t.Errorf("code %q, page %q", got.ErrorCode, got.Page)
		}
	})
	t.Run("twice", func(t *testing.T) {
		b := site.browser(t)
		_, c := b.open(site.authorizeURL(nil))
		form := assertion(c)
		if _, got := b.post(c, form); got.Page != "KmsiInterrupt" {
			t.Fatalf("page %q %s", got.Page, got.Message)
		}
		if _, got := b.post(c, form); got.ErrorCode != "165000" {
			t.Errorf("code %q, page %q", got.ErrorCode, got.Page)
		}
	})
	t.Run("too late", func(t *testing.T) {
		b := site.browser(t)
		_, c := b.open(site.authorizeURL(nil))
		form := assertion(c)
		site.srv.MoveClock(6 * time.Minute)
		defer site.srv.MoveClock(0)
		if _, got := b.post(c, form); got.ErrorCode != "50089" {
			t.Errorf("code %q, page %q", got.ErrorCode, got.Page)
		}
	})
	t.Run("interrupt without a credential", func(t *testing.T) {
		b := site.browser(t)
		_, c := b.open(site.authorizeURL(nil))
		c.URLPost = "/kmsi"
		if res, got := b.post(c, url.Values{"LoginOptions": {"1"}}); got.ErrorCode != "165000" || res.StatusCode == http.StatusFound {
			t.Errorf("code %q, status %d", got.ErrorCode, res.StatusCode)
		}
	})
}

func TestPasswordSignIn(t *testing.T) {
	for name, tc := range map[string]struct {
		change   func(*User)
		password string // empty: the right one
		page     string
		code     string
	}{
		"right":          {page: "KmsiInterrupt"},
		"wrong":          {password: "guess", page: "ConvergedSignIn", code: "50126"},
		"needs MFA":      {change: func(u *User) { u.MFARequired = true }, page: "ConvergedError", code: "50076"},
		"disabled":       {change: func(u *User) { u.Disabled = true }, page: "ConvergedError", code: "50057"},
		"temporary pass": {change: addPass, password: "Tap-12345", page: "KmsiInterrupt"},
		"spent pass":     {change: func(u *User) { addPass(u); u.TemporaryPass.Used = true }, password: "Tap-12345", page: "ConvergedSignIn", code: "50126"},
	} {
		t.Run(name, func(t *testing.T) {
			site := newPageSite(t)
			password := tc.password
			site.tenant.update(func() {
				u := site.tenant.user(site.user.ID)
				if tc.change != nil {
					tc.change(u)
				}
				if password == "" {
					password = site.tenant.Password
				}
			})
			b := site.browser(t)
			_, c := b.open(site.authorizeURL(url.Values{"login_hint": {site.user.UPN}}))
			_, got := b.post(c, url.Values{"type": {"11"}, "login": {site.user.UPN}, "passwd": {password}})
			if got.Page != tc.page || got.ErrorCode != tc.code {
				t.Errorf("page %q code %q (%s), want %q %q", got.Page, got.ErrorCode, got.Message, tc.page, tc.code)
			}
		})
	}
}

func addPass(u *User) {
	u.TemporaryPass = &TemporaryPass{Code: "Tap-12345", From: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour), OneTime: true}
}

func TestRedirectMatches(t *testing.T) {
	for _, tc := range []struct {
		registered, requested string
		want                  bool
	}{
		{"https://app.example/cb", "https://app.example/cb", true},
		{"https://app.example/cb", "https://app.example/cb/", false},
		{"https://app.example/cb", "https://app.example:8443/cb", false},
		{"http://localhost", "http://localhost:5000", true},
		{"http://localhost", "http://localhost:5000/", true},
		{"http://localhost/cb", "http://localhost:5000/cb", true},
		{"http://localhost/cb", "http://localhost:5000/other", false},
		{"http://localhost", "http://127.0.0.1:5000", false},
		{"http://127.0.0.1", "http://127.0.0.1:5000", true},
		{"http://localhost", "https://localhost:5000", false},
		{"http://localhost", "http://localhost:5000#x", false},
		{"http://localhost", "http://user@localhost:5000", false},
		{"myapp://auth", "myapp://auth", true},
		{"", "", false},
	} {
		if got := redirectMatches(tc.registered, tc.requested); got != tc.want {
			t.Errorf("redirectMatches(%q, %q) = %v", tc.registered, tc.requested, got)
		}
	}
}
