package websignin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/postern/postern/fido/client"
)

// asserter signs nothing and keeps what it was asked.
type asserter struct {
	asked  *client.RequestOptions
	origin string
}

func (a *asserter) Get(_ context.Context, o *client.RequestOptions, origin string) (*client.Assertion, error) {
	a.asked, a.origin = o, origin
	return &client.Assertion{ID: []byte{1}, ClientDataJSON: []byte("{}"), AuthenticatorData: []byte{2}, Signature: []byte{3}}, nil
}

func config(members string) string {
	return `<html><script>//<![CDATA[` + "\n$Config={" + members + "};\n//]]></script></html>"
}

const signInPage = `"pgid":"ConvergedSignIn","sFidoChallenge":"O.eyJ0","sFT":"ft","sCtx":"cx","canary":"cn","sessionId":"s",
	"oGetCredTypeResult":{"Credentials":{"HasFido":true,"FidoParams":{"AllowList":["AQI","AwQ="]}}}`

// hostile serves a sign-in page and then whatever the test wants.
func hostile(t *testing.T, first string, then http.HandlerFunc) (*httptest.Server, Request) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /organizations/oauth2/v2.0/authorize", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, first) })
	mux.HandleFunc("/", then)
	s := httptest.NewTLSServer(mux)
	t.Cleanup(s.Close)
	return s, Request{Authority: s.URL, ClientID: "app", RedirectURI: "http://localhost", UPN: "alex@example.com"}
}

func TestAssertion(t *testing.T) {
	var form map[string][]string
	s, r := hostile(t, config(signInPage), func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		form = r.PostForm
		fmt.Fprint(w, config(`"pgid":"ConvergedError","strServiceExceptionMessage":"AADSTS135011: Device used during the authentication is disabled."`))
	})
	a := new(asserter)
	_, err := SignIn(t.Context(), s.Client(), a, r)
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok || !strings.HasPrefix(refusal.Message, "AADSTS135011") {
		t.Errorf("SignIn = %v, want the page's refusal", err)
	}
	if string(a.asked.Challenge) != "O.eyJ0" || a.asked.RPID != "login.microsoft.com" || a.asked.UserVerification != client.Required || a.origin != "https://login.microsoft.com" {
		t.Errorf("asked %+v for %s", a.asked, a.origin)
	}
	if len(a.asked.AllowCredentials) != 2 || string(a.asked.AllowCredentials[1].ID) != "\x03\x04" {
		t.Errorf("allowed %v", a.asked.AllowCredentials)
	}
	for name, want := range map[string]string{
		"type": "23", "ps": "23", "ctx": "cx", "flowToken": "ft", "canary": "cn", "lmcCanary": "cn", "hpgrequestid": "s",
		"assertion": `{"authenticatorData":"Ag","clientDataJSON":"e30","id":"AQ","signature":"Aw","userHandle":""}`,
	} {
		if got := form[name]; len(got) != 1 || got[0] != want {
			t.Errorf("field %s is %q, want %q", name, got, want)
		}
	}
}

// TestHostilePages: pages that lie, loop or lead away end the sign-in with an error, and nothing is sent elsewhere.
func TestHostilePages(t *testing.T) {
	elsewhere := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("something was sent elsewhere") }))
	defer elsewhere.Close()
	answer := func(page string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) }
	}
	redirect := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	for name, tc := range map[string]struct {
		first string
		then  http.HandlerFunc
	}{
		"not a page":                {"hello", answer("")},
		"broken $Config":            {"$Config={", answer("")},
		"no challenge":              {config(`"pgid":"ConvergedSignIn"`), answer("")},
		"no passkey":                {config(`"sFidoChallenge":"c","oGetCredTypeResult":{"Credentials":{"FidoParams":null}}`), answer("")},
		"unreadable passkey":        {config(`"sFidoChallenge":"c","oGetCredTypeResult":{"Credentials":{"FidoParams":{"AllowList":["!"]}}}`), answer("")},
		"unknown interrupt":         {config(signInPage), answer(config(`"pgid":"ConvergedTFA"`))},
		"ever more interrupts":      {config(signInPage), answer(config(`"pgid":"KmsiInterrupt","urlPost":"/kmsi"`))},
		"interrupt leads away":      {config(signInPage), answer(config(`"pgid":"KmsiInterrupt","urlPost":"` + elsewhere.URL + `/kmsi"`))},
		"redirects away":            {config(signInPage), redirect(elsewhere.URL)},
		"redirects in circles":      {config(signInPage), redirect("/again")},
		"redirects to another host": {config(signInPage), redirect("http://localhost.example/?code=c")},
		"no state":                  {config(signInPage), redirect("http://localhost/?code=c")},
		"wrong state":               {config(signInPage), redirect("http://localhost/?code=c&state=x")},
		"error":                     {config(signInPage), redirect("http://localhost/?error=access_denied&error_description=no")},
	} {
		s, r := hostile(t, tc.first, tc.then)
		if got, err := SignIn(t.Context(), s.Client(), new(asserter), r); err == nil || got != nil {
			t.Errorf("%s: signed in as %+v", name, got)
		}
	}
}

func TestRequestRefused(t *testing.T) {
	for name, r := range map[string]Request{
		"http":        {Authority: "http://login.example.com", ClientID: "app", RedirectURI: "http://localhost"},
		"no client":   {Authority: "https://login.example.com", RedirectURI: "http://localhost"},
		"no redirect": {Authority: "https://login.example.com", ClientID: "app"},
	} {
		if _, err := SignIn(t.Context(), nil, new(asserter), r); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

// FuzzConfig: no page makes the reader panic; what it reads is an object or an error.
func FuzzConfig(f *testing.F) {
	f.Add([]byte(config(signInPage)))
	f.Add([]byte("$Config={}"))
	f.Add([]byte("$Config=null"))
	f.Fuzz(func(t *testing.T, page []byte) {
		c, err := parseConfig(page)
		if (c == nil) == (err == nil) {
			t.Fatalf("%v, %v", c, err)
		}
	})
}
