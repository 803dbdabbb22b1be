package web_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/postern/postern"
)

// visit is a browser that goes from page to page, with the emulated tenant's authority trusted.
type visit struct {
	*testing.T
	*http.Client
}

func (w *world) visit() visit {
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.Fatal(err)
	}
	client := *w.tenant.Client()
	client.Jar = jar
	return visit{w.T, &client}
}

// send returns status, page and where the browser then stands.
func (v visit) send(method, address string, form url.Values, headers ...string) (status int, page string, at *url.URL) {
	v.Helper()
	r, err := http.NewRequestWithContext(v.Context(), method, address, strings.NewReader(form.Encode()))
	if err != nil {
		v.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for n := 0; n < len(headers); n += 2 {
		r.Header.Set(headers[n], headers[n+1])
	}
	answer, err := v.Do(r)
	if err != nil {
		v.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		v.Fatal(err)
	}
	return answer.StatusCode, string(body), answer.Request.URL
}

var entraConfig = regexp.MustCompile(`(?s)\$Config=(\{.*?\});\n//`)

// signIn signs in at Entra's pages with a password until they send the browser back to Postern.
func (v visit) signIn(w *world, start, upn string) (page string, at *url.URL) {
	v.Helper()
	const password = "Correct-horse-7"
	change := w.tenant.GraphURL + "/_entrasim/tenants/" + w.tenant.TenantID + "/users/" + url.PathEscape(upn)
	r, err := http.NewRequestWithContext(v.Context(), http.MethodPatch, change, strings.NewReader(`{"password":"`+password+`","mfa_required":false,"no_password":false}`))
	if err != nil {
		v.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := w.tenant.Client().Do(r)
	if err != nil {
		v.Fatal(err)
	}
	_ = answer.Body.Close()
	_, page, at = v.send(http.MethodGet, start, nil)
	for range 4 {
		if strings.HasPrefix(at.String(), w.url) {
			return page, at
		}
		m := entraConfig.FindStringSubmatch(page)
		if m == nil {
			v.Fatalf("no page of a sign-in at %s", at.Path)
		}
		var config struct {
			Page      string `json:"pgid"`
			FlowToken string `json:"sFT"`
			Ctx       string `json:"sCtx"`
			Canary    string `json:"canary"`
			URLPost   string `json:"urlPost"`
		}
		if err := json.Unmarshal([]byte(m[1]), &config); err != nil {
			v.Fatal(err)
		}
		form := url.Values{"ctx": {config.Ctx}, "flowToken": {config.FlowToken}, "canary": {config.Canary}}
		if config.Page == "KmsiInterrupt" {
			form.Set("LoginOptions", "3")
		} else {
			form.Set("type", "11")
			form.Set("login", upn)
			form.Set("passwd", password)
		}
		_, page, at = v.send(http.MethodPost, w.tenant.GraphURL+config.URLPost, form)
	}
	v.Fatal("the sign-in never came to an end")
	return "", nil
}

// TestProofOfASignIn: through the addresses that browsers use, a sign-in at Entra counts when the number of the phone is
// typed, in the browser that came back, once.
func TestProofOfASignIn(t *testing.T) {
	w := newWorld(t)
	i := w.connected()
	u, _, _ := w.paired(i)
	phones, err := w.Phones.Phones(t.Context(), u.ID)
	if err != nil {
		t.Fatal(err)
	}
	start, err := w.Enrolment.SignIn(t.Context(), phones[0], "en")
	if err != nil {
		t.Fatal(err)
	}
	proven := func() bool {
		t.Helper()
		r, err := w.Enrolment.Approval(t.Context(), phones[0].ID)
		if err != nil {
			t.Fatal(err)
		}
		return slices.ContainsFunc(r.Proofs, func(p postern.IdentityProof) bool { return p.Kind == postern.ProofSignIn })
	}
	browser := w.visit()
	page, at := browser.signIn(w, start.URL, u.UPN)
	if at.Path != "/proof" || at.RawQuery != "" || !strings.Contains(page, "Is this your phone?") || !strings.Contains(page, "Pixel 9") {
		t.Fatalf("stands at %s:\n%.1000s", at, page)
	}
	if strings.Contains(page, start.Number) || proven() {
		t.Error("the number stands on the page, or nobody had to type it")
	}
	confirm := func(v visit, number string, headers ...string) (int, string) {
		t.Helper()
		status, page, _ := v.send(http.MethodPost, w.url+"/proof/confirm", url.Values{"number": {number}}, headers...)
		return status, page
	}
	if status, _ := confirm(browser, start.Number, "Sec-Fetch-Site", "cross-site", "Origin", "https://evil.example"); status != http.StatusForbidden || proven() {
		t.Errorf("another site's form: %d", status)
	}
	if status, page := confirm(w.visit(), start.Number); status < 400 || !strings.Contains(page, "That did not work") || proven() {
		t.Errorf("another browser: %d", status)
	}
	wrong := "100"
	if start.Number == wrong {
		wrong = "101"
	}
	if status, page := confirm(browser, wrong); status < 400 || !strings.Contains(page, "2 tries are left.") || proven() {
		t.Errorf("a wrong number: %d\n%.1000s", status, page)
	}
	if status, page := confirm(browser, start.Number); status != http.StatusOK || !strings.Contains(page, "You are confirmed") || !proven() {
		t.Errorf("the number: %d\n%.1000s", status, page)
	}
	if status, page := confirm(browser, start.Number); status < 400 || !strings.Contains(page, "That did not work") {
		t.Errorf("once more: %d", status)
	}
}
