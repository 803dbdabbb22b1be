package entrasim

import (
	"encoding/base64"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/postern/postern/entrasim/pages"
)

// field is a hidden field of a form.
type field struct{ Name, Value string }

// pageError is a refusal shown to a person, in the voice of the service: number and sentence, then what to do.
type pageError struct {
	status   int // 400 if zero
	number   int
	text     string
	advice   string
	userName string
	retryURL string
}

// safeURL lets a checked URL of any scheme into an attribute; the template engine would blank out "myapp://".
func safeURL(u string) template.URL {
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(u)), "javascript:") {
		return "about:blank"
	}
	return template.URL(u) //nolint:gosec // registered with the application
}

// render writes a page.
func (s *Server) render(w http.ResponseWriter, p pages.Page) {
	if err := pages.Render(w, p, s.random.bytes); err != nil {
		s.Log.Error("page", "name", p.Name, "error", err.Error())
		http.Error(w, "The page could not be made. Restart the emulator and report this as a defect.", http.StatusInternalServerError)
	}
}

// errorPage shows a refusal. Its $Config has the members of the real error page that script clients read.
func (s *Server) errorPage(w http.ResponseWriter, r *http.Request, e pageError) {
	if e.status == 0 {
		e.status = http.StatusBadRequest
	}
	message := "AADSTS" + strconv.Itoa(e.number) + ": " + e.text
	correlation, request := r.URL.Query().Get("client-request-id"), s.newID()
	if !isGUID(correlation) {
		correlation = s.newID()
	}
	stamp := s.now().UTC().Format("2006-01-02 15:04:05Z")
	w.Header().Set("x-ms-request-id", request)
	label := "Try again"
	s.render(w, pages.Page{Name: "error", Status: e.status, View: pages.View{
		Title: "Sign in",
		Config: map[string]any{
			"pgid": "ConvergedError", "iErrorCode": e.number, "sErrorCode": strconv.Itoa(e.number), "strServiceExceptionMessage": message,
			"strMainMessage": "Sorry, but we’re having trouble signing you in.", "correlationId": correlation, "sessionId": request,
		},
		Data: map[string]any{
			"Heading": "Sorry, but we’re having trouble signing you in", "UserName": e.userName, "Message": message, "Advice": e.advice,
			"RetryURL": e.retryURL, "RetryLabel": label,
			"Details": []field{{"Request Id", request}, {"Correlation Id", correlation}, {"Timestamp", stamp}},
		},
	}})
}

// credentials says how a user can sign in.
type credentials struct {
	exists      bool
	userID      string
	upn         string
	hasPassword bool
	hasPass     bool // a usable Temporary Access Pass
	passkeys    []string
}

// credentialsOf looks a user up by name for the sign-in page. Like the real page it tells strangers whether a user exists.
func (s *Server) credentialsOf(t *Tenant, name string) (c credentials) {
	now := s.now()
	t.view(func() {
		u := t.user(name)
		if u == nil {
			return
		}
		c = credentials{exists: true, userID: u.ID, upn: u.UPN, hasPassword: !u.NoPassword, hasPass: u.TemporaryPass.usable(now)}
		for _, k := range u.livePasskeys() {
			c.passkeys = append(c.passkeys, base64.RawURLEncoding.EncodeToString(k.Credential.ID))
		}
	})
	return c
}

// config is the credential part of $Config and the answer of GetCredentialType.
func (c credentials) config(name string) map[string]any {
	found, preferred := 1, 1 // 1: no such user; 1: password
	if c.exists {
		found = 0
	}
	out := map[string]any{"HasPassword": c.hasPassword || c.hasPass, "HasFido": len(c.passkeys) > 0, "RemoteNgcParams": nil, "FidoParams": nil}
	if len(c.passkeys) > 0 {
		preferred = 7
		out["FidoParams"] = map[string]any{"AllowList": c.passkeys}
	}
	out["PrefCredential"] = preferred
	return map[string]any{"Username": name, "Display": name, "IfExistsResult": found, "IsUnmanaged": false, "ThrottleStatus": 0, "Credentials": out}
}

// signInPage shows the sign-in page for a user name, or asks for one when name is empty. A note appears above the forms.
func (s *Server) signInPage(w http.ResponseWriter, r *http.Request, f *flow, name string, note *pageError) {
	var c credentials
	f.userID, f.userName = "", ""
	if name != "" {
		if f.tenant != nil {
			c = s.credentialsOf(f.tenant, name)
		}
		if c.exists {
			f.userID, f.userName = c.userID, c.upn
		} else {
			note = &pageError{number: 50034, text: "We couldn't find an account with that user name. Check the name, or ask your administrator."}
		}
	}
	if err := s.newChallenge(f); err != nil {
		s.errorPage(w, r, pageError{status: http.StatusInternalServerError, number: 90033, text: "A transient error has occurred. Please try again."})
		return
	}
	known, rp := f.userName != "", s.relyingParty()
	config := map[string]any{
		"pgid": "ConvergedSignIn", "sFidoChallenge": f.challenge, "urlPost": "/common/login", "urlFidoLogin": rp.Origin + "/common/fido/get?uiflavor=Web",
		"urlGetCredentialType": f.auth.base + "/common/GetCredentialType", "oGetCredTypeResult": c.config(f.userName), "sPOST_Username": f.userName,
		"sFT": f.token, "sFTName": "flowToken", "sCtx": f.ctx, "canary": f.canary, "apiCanary": f.apiCanary,
		"correlationId": s.newID(), "sessionId": f.session, "hpgid": 1104, "hpgact": 1800, "fIsPasskey": true,
	}
	view := map[string]any{
		"Heading": "Sign in", "AppName": f.auth.appName, "UserName": f.userName, "Domain": s.exampleDomain(f.tenant),
		"AuthorizePath": f.auth.path, "AuthorizeFields": f.auth.fields("login_hint", "prompt"), "OtherAccount": f.auth.link(""),
		"HasFido": !known || len(c.passkeys) > 0, "FidoURL": rp.Origin + "/common/fido/get?uiflavor=Web", "FidoFields": f.fidoFields(c.passkeys),
		"HasPassword": known && (c.hasPassword || c.hasPass), "HasPass": c.hasPass, "PostURL": f.auth.base + "/common/login", "LoginFields": f.loginFields(),
		"Error": "",
	}
	if note != nil {
		message := "AADSTS" + strconv.Itoa(note.number) + ": " + note.text
		view["Error"], config["sErrorCode"], config["iErrorCode"], config["strServiceExceptionMessage"] = message, strconv.Itoa(note.number), note.number, message
	}
	s.render(w, pages.Page{Name: "signin", View: pages.View{Title: "Sign in", Config: config, Data: view}, FormTargets: f.targets(rp.Origin)})
}

// exampleDomain is shown in the empty field for the user name.
func (s *Server) exampleDomain(t *Tenant) string {
	if t == nil {
		t = s.first()
	}
	return t.Domain
}

// targets are the URLs that forms of a flow may lead to.
func (f *flow) targets(more ...string) []string {
	return append([]string{f.auth.base, f.auth.redirectURI}, more...)
}

// loginFields are the hidden fields every form of the flow sends back.
func (f *flow) loginFields() []field {
	return []field{{"ctx", f.ctx}, {"flowToken", f.token}, {"canary", f.canary}, {"hpgrequestid", f.session}}
}

// fidoFields are the fields of the form that leads to the relying party's origin.
func (f *flow) fidoFields(allow []string) []field {
	list := `[]`
	if len(allow) > 0 {
		list = `["` + strings.Join(allow, `","`) + `"]`
	}
	return []field{
		{"allowedIdentities", "2"},
		{"canary", f.canary},
		{"serverChallenge", f.challenge},
		{"postBackUrl", f.auth.base + "/common/login"},
		{"postBackUrlAad", f.auth.base + "/common/login"},
		{"postBackUrlMsa", f.auth.base + "/common/login"},
		{"cancelUrl", f.auth.base + f.auth.link(f.userName)},
		{"resumeUrl", f.auth.base + f.auth.link(f.userName)},
		{"correlationId", f.session},
		{"credentialsJson", list},
		{"ctx", f.ctx},
		{"username", f.userName},
		{"loginCanary", f.canary},
		{"flowToken", f.token},
	}
}

// fields are the parameters of the authorization request without some.
func (req authorizeRequest) fields(without ...string) (out []field) {
	for _, name := range sortedKeys(req.form) {
		if !contains(without, name) {
			out = append(out, field{name, req.form.Get(name)})
		}
	}
	return out
}

// link is the authorization request again, as a path on this host, for a user name or, if it is empty, for nobody yet.
func (req authorizeRequest) link(userName string) string {
	q := make(url.Values)
	for _, f := range req.fields("login_hint") {
		q.Set(f.Name, f.Value)
	}
	if userName != "" {
		q.Set("login_hint", userName)
	}
	return req.path + "?" + q.Encode()
}
