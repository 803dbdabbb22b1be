package impact_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/postern/postern"
)

// pageConfig is what a page of the authority says of itself to scripts.
type pageConfig struct {
	Page      string `json:"pgid"`
	Challenge string `json:"sFidoChallenge"`
	FlowToken string `json:"sFT"`
	Context   string `json:"sCtx"`
	Canary    string `json:"canary"`
	URLPost   string `json:"urlPost"`
	Code      int    `json:"iErrorCode"`
	Message   string `json:"strServiceExceptionMessage"`
}

// Codes with which a sign-in may be refused here; any other is a mistake of the test.
var policyCodes = map[int]bool{
	130501: true, // the passkey policy
	50057:  true, // the account is disabled
	53003:  true, // blocked by Conditional Access
	50074:  true, // a strength is not met
	50076:  true, // multifactor authentication is not there
	53000:  true, // the device is not compliant
}

// browser keeps the cookies of one sign-in.
type browser struct {
	http    *http.Client // follows no redirects
	base    string
	cookies map[string]string
}

// ask sends a request and returns the page, or where it redirects to.
func (b *browser) ask(ctx context.Context, method, path string, form url.Values) (pageConfig, string, error) {
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	req, err := http.NewRequestWithContext(ctx, method, b.base+path, body)
	if err != nil {
		return pageConfig{}, "", err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)")
	for name, value := range b.cookies {
		req.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	resp, err := b.http.Do(req)
	if err != nil {
		return pageConfig{}, "", err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		return pageConfig{}, "", err
	}
	for _, c := range resp.Cookies() {
		b.cookies[c.Name] = c.Value
	}
	if resp.StatusCode == http.StatusFound {
		return pageConfig{}, resp.Header.Get("Location"), nil
	}
	_, rest, found := bytes.Cut(page, []byte("$Config="))
	if !found {
		return pageConfig{}, "", fmt.Errorf("%s %s: status %d and a page that says nothing of itself", method, path, resp.StatusCode)
	}
	var c pageConfig
	return c, "", json.NewDecoder(bytes.NewReader(rest)).Decode(&c)
}

const redirectURI = "http://localhost"

// securityInfo is the client id of My Sign-Ins, and addPath its page where passkeys are added.
const (
	securityInfo = "19db86c3-b2b9-44cc-b339-36da233a3be2"
	addPath      = "/mysecurityinfo/add"
)

// signIn walks from an application's request over the sign-in page to the code, with one passkey; or to the page where
// security info is registered, which needs no code. A refusal is its code and sentence, and no error.
func (l *lab) signIn(ctx context.Context, p *somebody, k *passkey, application string) (allowed bool, refusal string, err error) {
	b := &browser{http: l.pages, base: l.base, cookies: make(map[string]string)}
	redirect := redirectURI
	if application == postern.UserActionRegister {
		application, redirect = securityInfo, b.base+addPath
	}
	q := url.Values{
		"client_id": {application}, "response_type": {"code"}, "redirect_uri": {redirect}, "scope": {"openid profile"}, "state": {"s"}, "nonce": {"n"},
		"login_hint": {p.upn}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}
	c, _, err := b.ask(ctx, http.MethodGet, "/"+l.tenantID+"/oauth2/v2.0/authorize?"+q.Encode(), nil)
	if err != nil {
		return false, "", err
	}
	if c.Challenge == "" {
		return false, "", fmt.Errorf("no challenge: %s %d %s", c.Page, c.Code, c.Message)
	}
	assertion, err := k.key.assert(c.Challenge, p.handle)
	if err != nil {
		return false, "", err
	}
	form := c.form()
	form.Set("type", "23")
	form.Set("ps", "23")
	form.Set("assertion", assertion)
	form.Set("lmcCanary", c.Canary)
	if c, _, err = b.ask(ctx, http.MethodPost, "/common/login", form); err != nil {
		return false, "", err
	}
	if c.Page != "KmsiInterrupt" {
		if !policyCodes[c.Code] {
			return false, "", fmt.Errorf("refused for no reason of a policy: %s %d %s", c.Page, c.Code, c.Message)
		}
		return false, c.Message, nil
	}
	form = c.form()
	form.Set("type", "28")
	form.Set("LoginOptions", "0")
	_, location, err := b.ask(ctx, http.MethodPost, c.URLPost, form)
	if err != nil {
		return false, "", err
	}
	switch u, err := url.Parse(location); {
	case err != nil || !strings.HasPrefix(location, redirect):
		return false, "", errors.New("the sign-in ends elsewhere")
	case application != securityInfo && u.Query().Get("code") == "":
		return false, "", errors.New("the sign-in ends without a code")
	}
	return true, "", nil
}

func (c pageConfig) form() url.Values {
	return url.Values{"ctx": {c.Context}, "flowToken": {c.FlowToken}, "canary": {c.Canary}}
}
