package entrasim

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern/entrasim/passkey"
)

// pageForm is the last form of a page.
type pageForm struct {
	action string
	values url.Values
}

var (
	formPattern  = regexp.MustCompile(`(?s)<form method="post" action="([^"]*)"(.*?)</form>`)
	inputPattern = regexp.MustCompile(`<input type="hidden" name="([^"]*)"(?: id="result")? value="([^"]*)">`)
	fidoPattern  = regexp.MustCompile(`(?s)<script type="application/json" id="fido-config"[^>]*>(.*?)</script>`)
)

// read returns status, text and last form of an answer.
func (b *pageBrowser) read(res *http.Response, err error) (int, string, pageForm) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	f := pageForm{values: url.Values{}}
	for _, m := range formPattern.FindAllStringSubmatch(string(body), -1) {
		f = pageForm{action: html.UnescapeString(m[1]), values: url.Values{}}
		for _, in := range inputPattern.FindAllStringSubmatch(m[2], -1) {
			f.values.Add(html.UnescapeString(in[1]), html.UnescapeString(in[2]))
		}
	}
	return res.StatusCode, string(body), f
}

// send posts a form; addresses on the relying party's origin lead to the emulator, as a browser's resolver would be told.
func (b *pageBrowser) send(f pageForm, more url.Values) (int, string, pageForm) {
	b.t.Helper()
	for k, v := range more {
		f.values[k] = v
	}
	action := strings.Replace(f.action, "https://login.microsoft.com", b.base, 1)
	if strings.HasPrefix(action, "/") {
		action = b.base + action
	}
	return b.read(b.PostForm(action, f.values))
}

// enter signs in to Security info with a password.
func (b *pageBrowser) enter(site *pageSite) {
	b.t.Helper()
	_, c := b.open("/mysecurityinfo")
	_, c = b.post(c, url.Values{"type": {"11"}, "login": {site.user.UPN}, "passwd": {site.tenant.Password}})
	if c.Page != "KmsiInterrupt" {
		b.t.Fatalf("page %q %s", c.Page, c.Message)
	}
	b.post(c, url.Values{"LoginOptions": {"3"}})
}

// pageOptions reads the creation options from the page on the relying party's origin.
func pageOptions(t testing.TB, page string) passkey.CreationOptions {
	t.Helper()
	m := fidoPattern.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no ceremony on the page:\n%s", page)
	}
	var c struct {
		Kind      string                  `json:"kind"`
		PublicKey passkey.CreationOptions `json:"publicKey"`
	}
	if err := json.Unmarshal([]byte(m[1]), &c); err != nil || c.Kind != "create" {
		t.Fatalf("ceremony %s: %v", c.Kind, err)
	}
	return c.PublicKey
}

// add goes through adding a passkey up to the last form.
func (b *pageBrowser) add(key *securityKey, name string) (pageForm, string) {
	b.t.Helper()
	_, _, f := b.read(b.Get(b.base + "/mysecurityinfo/add"))
	_, page, f := b.send(f, url.Values{"name": {name}})
	cred, err := json.Marshal(key.create(pageOptions(b.t, page)))
	if err != nil {
		b.t.Fatal(err)
	}
	return f, string(cred)
}

func TestSecurityInfo(t *testing.T) {
	site, key := newPageSite(t), newSecurityKey(t)
	b := site.browser(t)
	b.enter(site)
	f, cred := b.add(key, "Näme & <b>")
	status, page, _ := b.send(f, url.Values{"credential": {cred}})
	if status != http.StatusOK || !strings.Contains(page, "Passkey “Näme &amp; &lt;b&gt;” was added") {
		t.Fatalf("status %d:\n%s", status, page)
	}
	var stored *Passkey
	var audits []Audit
	site.tenant.view(func() {
		stored = site.tenant.user(site.user.ID).livePasskeys()[0].clone()
		audits = append(audits, site.tenant.Audits.Events...)
	})
	if stored.Credential.DisplayName != "Näme & <b>" {
		t.Errorf("name %q", stored.Credential.DisplayName)
	}
	if n := len(audits); n < 2 || audits[n-1].Correlation != audits[n-2].Correlation || audits[n-1].By.UserID != site.user.ID {
		t.Errorf("audit log %+v", audits)
	}
	// The same answer again: the flow has ended.
	if status, page, _ := b.send(f, url.Values{"credential": {cred}}); status != http.StatusBadRequest || !strings.Contains(page, "AADSTS165000") {
		t.Errorf("second time: status %d", status)
	}

	// Deleting needs the form's canary.
	del := pageForm{action: "/mysecurityinfo/delete", values: url.Values{"id": {stored.ID}}}
	if status, _, _ := b.send(del, nil); status != http.StatusBadRequest {
		t.Errorf("deleting without a canary answered %d", status)
	}
	_, _, f = b.read(b.Get(b.base + "/mysecurityinfo/delete?id=" + url.QueryEscape(stored.ID)))
	if status, page, _ := b.send(f, nil); status != http.StatusOK || !strings.Contains(page, "The passkey was deleted.") {
		t.Errorf("deleting answered %d", status)
	}
	if _, c := site.browser(t).signIn(key, site.authorizeURL(nil)); c.ErrorCode != "135010" {
		t.Errorf("the deleted passkey got code %q", c.ErrorCode)
	}
}

func TestSecurityInfoRefusals(t *testing.T) {
	t.Run("signed out", func(t *testing.T) {
		b := newPageSite(t).browser(t)
		if _, c := b.open("/mysecurityinfo/add"); c.Page != "ConvergedSignIn" {
			t.Errorf("page %q", c.Page)
		}
	})
	t.Run("sign-in older than five minutes", func(t *testing.T) {
		site := newPageSite(t)
		b := site.browser(t)
		b.enter(site)
		site.srv.MoveClock(5*time.Minute + time.Second)
		if _, c := b.open("/mysecurityinfo"); c.Page != "" {
			t.Errorf("the list asks to sign in again")
		}
		if _, c := b.open("/mysecurityinfo/add"); c.Page != "ConvergedSignIn" {
			t.Errorf("adding shows page %q", c.Page)
		}
	})
	t.Run("method disabled", func(t *testing.T) {
		site := newPageSite(t)
		b := site.browser(t)
		b.enter(site)
		site.tenant.update(func() { site.tenant.Policy.Passkey.State = "disabled" })
		if _, c := b.open("/mysecurityinfo/add"); c.ErrorCode != "130501" || !strings.Contains(c.Message, "disabled") {
			t.Errorf("code %q %s", c.ErrorCode, c.Message)
		}
	})
	t.Run("model not allowed", func(t *testing.T) {
		site, key := newPageSite(t), newSecurityKey(t)
		b := site.browser(t)
		b.enter(site)
		f, cred := b.add(key, "Key")
		site.tenant.update(func() { restrict(&site.tenant.Policy.Passkey) })
		if status, page, _ := b.send(f, url.Values{"credential": {cred}}); status != http.StatusBadRequest || !strings.Contains(page, "was not registered") ||
			!strings.Contains(page, "key restriction") {
			t.Errorf("status %d:\n%s", status, page)
		}
	})
	t.Run("no name", func(t *testing.T) {
		site := newPageSite(t)
		b := site.browser(t)
		b.enter(site)
		_, _, f := b.read(b.Get(b.base + "/mysecurityinfo/add"))
		if status, page, _ := b.send(f, url.Values{"name": {"   "}}); status != http.StatusBadRequest || !strings.Contains(page, "1 to 30 characters") {
			t.Errorf("status %d", status)
		}
	})
	t.Run("another user's flow", func(t *testing.T) {
		site, key := newPageSite(t), newSecurityKey(t)
		b := site.browser(t)
		b.enter(site)
		f, cred := b.add(key, "Key")
		var other string
		site.tenant.view(func() {
			site.tenant.Users.all(func(u *User) bool {
				if u.ID != site.user.ID && !u.Guest && !u.Disabled {
					other = u.ID
				}
				return other == ""
			})
		})
		jar := authorityCookie(sessionCookie, site.tenant.newBrowserSession(SignInProof{UserID: other, AuthTime: site.srv.now()}, time.Hour), 0)
		base, err := url.Parse(site.url)
		if err != nil {
			t.Fatal(err)
		}
		b.Jar.SetCookies(base, []*http.Cookie{jar})
		if status, page, _ := b.send(f, url.Values{"credential": {cred}}); status != http.StatusBadRequest || !strings.Contains(page, "AADSTS165000") {
			t.Errorf("status %d", status)
		}
	})
}

func TestDeviceLogin(t *testing.T) {
	for answer, want := range map[string]string{"yes": `"access_token"`, "no": "authorization_declined"} {
		t.Run(answer, func(t *testing.T) {
			site := newPageSite(t)
			token := site.url + "/" + site.tenant.ID + "/oauth2/v2.0/"
			b := site.browser(t)
			_, body, _ := b.read(b.PostForm(token+"devicecode", url.Values{"client_id": {site.app.AppID}, "scope": {"openid"}}))
			var d struct {
				UserCode   string `json:"user_code"`
				DeviceCode string `json:"device_code"`
			}
			if err := json.Unmarshal([]byte(body), &d); err != nil {
				t.Fatal(err)
			}
			b.enter(site)
			_, _, f := b.read(b.Get(b.base + "/devicelogin"))
			if _, page, _ := b.send(f, url.Values{"code": {"WRONG"}, "answer": {answer}}); !strings.Contains(page, "The code is not valid") {
				t.Errorf("a wrong code:\n%s", page)
			}
			if status, page, _ := b.send(f, url.Values{"code": {strings.ToLower(d.UserCode)}, "answer": {answer}}); status != http.StatusOK {
				t.Errorf("status %d:\n%s", status, page)
			}
			_, body, _ = b.read(b.PostForm(token+"token", url.Values{
				"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {site.app.AppID}, "device_code": {d.DeviceCode},
			}))
			if !strings.Contains(body, want) {
				t.Errorf("token endpoint: %s", body)
			}
		})
	}
}

// TestDeviceConsentOnPage refuses a person without roles what only administrators may consent to, and lets the device wait.
func TestDeviceConsentOnPage(t *testing.T) {
	site := newPageSite(t)
	token := site.url + "/" + site.tenant.ID + "/oauth2/v2.0/"
	b := site.browser(t)
	_, body, _ := b.read(b.PostForm(token+"devicecode", url.Values{"client_id": {graphToolsID}, "scope": {"Directory.Read.All"}}))
	var d struct {
		UserCode   string `json:"user_code"`
		DeviceCode string `json:"device_code"`
	}
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatal(err)
	}
	b.enter(site)
	poll := func() string {
		_, body, _ := b.read(b.PostForm(token+"token", url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:device_code"}, "client_id": {graphToolsID}, "device_code": {d.DeviceCode},
		}))
		return body
	}
	answer := func() (int, string) {
		_, _, f := b.read(b.Get(b.base + "/devicelogin"))
		status, page, _ := b.send(f, url.Values{"code": {d.UserCode}, "answer": {"yes"}})
		return status, page
	}
	if status, page := answer(); status != http.StatusBadRequest || !strings.Contains(page, "AADSTS90094") {
		t.Errorf("status %d:\n%s", status, page)
	}
	if body := poll(); !strings.Contains(body, "authorization_pending") {
		t.Errorf("after the refusal: %s", body)
	}
	site.tenant.update(func() { site.tenant.user(site.user.ID).Roles = []string{roleCloudApplicationAdmin} })
	if status, page := answer(); status != http.StatusOK {
		t.Errorf("status %d:\n%s", status, page)
	}
	if body := poll(); !strings.Contains(body, `"access_token"`) || !strings.Contains(body, "Directory.Read.All") {
		t.Errorf("after consent: %s", body)
	}
}

func TestResponseModesAndLogout(t *testing.T) {
	site, key := newPageSite(t), newSecurityKey(t)
	key.enrol(site.srv, site.tenant, site.user.ID)
	b := site.browser(t)
	res, _ := b.signIn(key, site.authorizeURL(url.Values{"response_mode": {"fragment"}, "client_info": {"1"}}))
	back, err := res.Location()
	if err != nil {
		t.Fatal(err)
	}
	values, err := url.ParseQuery(back.Fragment)
	if err != nil || values.Get("code") == "" || values.Get("client_info") == "" || back.RawQuery != "" {
		t.Errorf("fragment %v, query %q", values, back.RawQuery)
	}
	_, _, f := b.read(b.Get(site.authorizeURL(url.Values{"response_mode": {"form_post"}})))
	if f.action != "http://localhost" || f.values.Get("code") == "" || f.values.Get("state") != "s" {
		t.Errorf("form to %s with %d values", f.action, len(f.values))
	}
	if res, _ := b.open(site.authorizeURL(url.Values{"prompt": {"none"}})); res.StatusCode != http.StatusFound {
		t.Errorf("silent sign-in answered %d", res.StatusCode)
	}
	if _, c := b.open(site.authorizeURL(url.Values{"max_age": {"0"}, "login_hint": {site.user.UPN}})); c.Page != "ConvergedSignIn" {
		t.Errorf("page %q", c.Page)
	}
	res, _ = b.open("/common/oauth2/v2.0/logout?state=x&post_logout_redirect_uri=" + url.QueryEscape("http://localhost:7/"))
	if back, err := res.Location(); err != nil || back.String() != "http://localhost:7/?state=x" {
		t.Errorf("logout led to %v", back)
	}
	res, _ = b.open("/common/oauth2/v2.0/logout?post_logout_redirect_uri=https%3A%2F%2Fevil.example")
	if res.StatusCode != http.StatusOK {
		t.Errorf("logout to an unknown address answered %d", res.StatusCode)
	}
	res, _ = b.open(site.authorizeURL(url.Values{"prompt": {"none"}}))
	if back, err := res.Location(); err != nil || back.Query().Get("error") != "login_required" {
		t.Errorf("after logout: %v", back)
	}
}

// Pages forbid inline script, framing and sniffing, and forms lead nowhere but home, to the relying party and the client.
func TestPageHeaders(t *testing.T) {
	site := newPageSite(t)
	res, c := site.browser(t).open(site.authorizeURL(nil))
	policy := res.Header.Get("Content-Security-Policy")
	for _, want := range []string{
		"default-src 'none'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'",
		"form-action 'self' " + site.url + " http://localhost https://login.microsoft.com",
	} {
		if !strings.Contains(policy, want) {
			t.Errorf("policy %q lacks %q", policy, want)
		}
	}
	if strings.Contains(policy, "unsafe") || c.Page != "ConvergedSignIn" {
		t.Errorf("policy %q, page %q", policy, c.Page)
	}
	for name, want := range map[string]string{
		"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store, no-cache",
	} {
		if got := res.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}

func TestCredentialType(t *testing.T) {
	site, key := newPageSite(t), newSecurityKey(t)
	key.enrol(site.srv, site.tenant, site.user.ID)
	for name, want := range map[string]string{
		site.user.UPN:                     `"IfExistsResult":0`,
		"nobody@" + site.tenant.Domain:    `"IfExistsResult":1`,
		"somebody@unknown-domain.example": `"IfExistsResult":1`,
	} {
		b := site.browser(t)
		_, body, _ := b.read(b.Post(site.url+"/common/GetCredentialType", "application/json", strings.NewReader(`{"username":"`+name+`"}`)))
		if !strings.Contains(body, want) || strings.Contains(body, encodeBase64URL(key.id)) != (name == site.user.UPN) {
			t.Errorf("%s: %s", name, body)
		}
	}
}

// With an origin of its own the emulator is a relying party any browser can reach.
func TestOwnOrigin(t *testing.T) {
	srv := &Server{Users: 5, Origin: "https://localhost:8443"}
	ts := httptest.NewTLSServer(srv)
	t.Cleanup(ts.Close)
	site := newPageSiteOn(t, srv, ts)
	_, c := site.browser(t).open(site.authorizeURL(nil))
	if rp := srv.relyingParty(); rp.ID != "localhost" || rp.Origin != "https://localhost:8443" || c.Challenge == "" {
		t.Errorf("relying party %s at %s", rp.ID, rp.Origin)
	}
	key := newSecurityKey(t)
	key.origin = "https://login.microsoft.com"
	req := passkey.OptionsRequest{Tenant: site.tenant.ID, Minutes: 5}
	site.tenant.view(func() {
		req.User, req.Policy = site.tenant.passkeyUser(site.tenant.user(site.user.ID)), site.tenant.passkeyPolicy()
	})
	o, _, err := srv.relyingParty().Options(req, srv.now())
	if err != nil || o.RP.ID != "localhost" {
		t.Fatalf("options for %s: %v", o.RP.ID, err)
	}
	if _, err := srv.registerPasskey(site.tenant, site.user.ID, passkey.Registration{Tenant: site.tenant.ID, Credential: key.create(o)}); err == nil {
		t.Error("a passkey of the real service's origin was registered")
	}
}
