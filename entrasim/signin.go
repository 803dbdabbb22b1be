package entrasim

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/postern/postern/entrasim/pages"
	"github.com/postern/postern/entrasim/passkey"
)

// Types of POST /login as the real page sends them.
const (
	loginPassword = "11"
	loginPasskey  = "23"
)

// credentialType answers the request the sign-in page makes once a user name is typed.
func (s *Server) credentialType(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Username string `json:"username"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&in); err != nil || in.Username == "" || len(in.Username) > 256 {
		writeJSON(w, http.StatusBadRequest, object{"error": object{"code": "6000", "message": "The user name is missing."}})
		return
	}
	var c credentials
	if t := s.tenantOf(in.Username); t != nil {
		c = s.credentialsOf(t, in.Username)
	}
	out := c.config(in.Username)
	out["apiCanary"] = s.newToken("")
	writeJSON(w, http.StatusOK, out)
}

// fidoGet is the page on the relying party's origin that asks the browser for an assertion and posts it to the login page.
func (s *Server) fidoGet(w http.ResponseWriter, r *http.Request) {
	f := s.flow(r.PostFormValue("ctx"))
	if f == nil || !same(f.canary, r.PostFormValue("canary")) {
		s.errorPage(w, r, brokenRequest)
		return
	}
	var allow []string
	if f.userID != "" {
		allow = s.credentialsOf(f.tenant, f.userID).passkeys
	}
	descriptors := []map[string]string{}
	for _, id := range allow {
		descriptors = append(descriptors, map[string]string{"type": "public-key", "id": id})
	}
	rp := s.relyingParty()
	s.render(w, pages.Page{Name: "fido", WebAuthn: true, FormTargets: f.targets(), View: pages.View{Title: "Sign in", Data: map[string]any{
		"Heading": "Use your passkey", "UserName": f.userName, "PostURL": f.auth.base + "/common/login", "AnswerField": "assertion",
		"CancelURL": f.auth.base + f.auth.link(f.userName),
		"Fields":    append(f.loginFields(), field{"type", loginPasskey}, field{"ps", loginPasskey}, field{"lmcCanary", f.canary}),
		"Ceremony": map[string]any{"kind": "get", "publicKey": map[string]any{
			"challenge": encodeBase64URL([]byte(f.challenge)), "rpId": rp.ID, "userVerification": "required", "timeout": 60000, "allowCredentials": descriptors,
		}},
	}}})
}

// brokenRequest is what a form gets that does not belong to the browser, or comes too late.
var brokenRequest = pageError{
	number: 165000, text: "Invalid Request: The request tokens do not match the user context. One or more of the user context values (cookies; form fields; headers) were incorrect or invalid.",
	advice: "The sign-in may have taken longer than 15 minutes, or the browser keeps no cookies for this site. Go back to the application and start again.",
}

// login takes a credential: type 11 a password or Temporary Access Pass, type 23 the assertion of a passkey.
func (s *Server) login(w http.ResponseWriter, r *http.Request) {
	f := s.flowOf(r)
	if f == nil || f.proof != nil {
		s.errorPage(w, r, brokenRequest)
		return
	}
	switch r.PostFormValue("type") {
	case loginPasskey:
		s.loginWithPasskey(w, r, f)
	case loginPassword:
		s.loginWithPassword(w, r, f)
	default:
		s.errorPage(w, r, pageError{number: 90013, text: "Invalid input received from the user: the type of the sign-in is not supported."})
	}
}

func (s *Server) loginWithPassword(w http.ResponseWriter, r *http.Request, f *flow) {
	name, secret := r.PostFormValue("login"), r.PostFormValue("passwd")
	if name == "" {
		name = f.userName
	}
	if f.tenant == nil {
		f.tenant = s.tenantOf(name)
	}
	if f.tenant == nil || secret == "" || len(secret) > 1024 {
		s.signInPage(w, r, f, name, &pageError{number: 50126, text: "Error validating credentials due to invalid username or password."})
		return
	}
	event := SignIn{Method: "Password"}
	proof, ok := f.tenant.redeemTemporaryPass(name, secret)
	if ok {
		event.Method = "Temporary Access Pass"
	} else {
		var problem *oauthError
		if proof, problem = s.checkPassword(f.tenant, name, secret); problem != nil {
			s.recordPageSignIn(r, f, name, event, problem.number, problem.text)
			e := pageError{number: problem.number, text: problem.text, userName: name, retryURL: f.auth.link(name)}
			switch problem.number {
			case 50126, 50034, 50056:
				s.signInPage(w, r, f, name, &e)
			case 50076:
				e.advice = "A password alone is not enough for this account. Sign in with a passkey, or ask your administrator for a Temporary Access Pass."
				s.errorPage(w, r, e)
			default:
				s.errorPage(w, r, e)
			}
			return
		}
	}
	s.firstFactor(w, r, f, proof, event)
}

func (s *Server) loginWithPasskey(w http.ResponseWriter, r *http.Request, f *flow) {
	var a passkey.Assertion
	if err := json.Unmarshal([]byte(r.PostFormValue("assertion")), &a); err != nil {
		s.errorPage(w, r, pageError{number: 90013, text: "Invalid input received from the user: the assertion is not a JSON object."})
		return
	}
	t := f.tenant
	if t == nil {
		t = s.tenantByHandle(a.UserHandle)
	}
	if t == nil {
		s.refusedPasskey(w, r, f, &passkey.Refusal{Reason: passkey.ReasonUnknownUser, Message: "The passkey belongs to a user who does not exist in this tenant."})
		return
	}
	f.tenant = t
	dir := s.directory(t, decodeBase64URL(a.ID), f.userID)
	in, err := s.relyingParty().SignIn(a, dir, s.now())
	var refusal *passkey.Refusal
	switch {
	case errors.As(err, &refusal):
		s.refusedPasskey(w, r, f, refusal)
		return
	case err != nil:
		s.errorPage(w, r, pageError{status: http.StatusInternalServerError, number: 90033, text: "A transient error has occurred. Please try again."})
		return
	case !bytes.Equal(in.Challenge.Nonce, f.nonce):
		s.refusedPasskey(w, r, f, &passkey.Refusal{Reason: passkey.ReasonChallenge, Message: "The challenge belongs to another sign-in."})
		return
	}
	t.usedPasskey(in.UserID, in.CredentialID, in.SignCount)
	f.userID = in.UserID
	used, _ := dir.Credential(in.UserID, in.CredentialID)
	s.firstFactor(w, r, f, SignInProof{
		UserID: in.UserID, AuthTime: s.now(), AMR: []string{amrFIDO, amrMFA}, Modes: []string{"fido2"}, AAGUID: used.AAGUID,
	}, dir.event(in.CredentialID))
}

// refusedPasskey shows why a passkey does not sign in.
func (s *Server) refusedPasskey(w http.ResponseWriter, r *http.Request, f *flow, refusal *passkey.Refusal) {
	e := refusalPage(refusal)
	s.recordPageSignIn(r, f, f.userID, SignIn{Method: "Passkey (device-bound)"}, e.number, e.text)
	e.userName, e.retryURL = f.userName, f.auth.link(f.userName)
	s.errorPage(w, r, e)
}

// accepted shows the interrupt page "Stay signed in?" to a user whose credential was good. The session begins here.
func (s *Server) accepted(w http.ResponseWriter, f *flow, proof SignInProof) {
	f.proof = &proof
	// A new flow token: whoever holds only the tokens of the sign-in page cannot answer the interrupt.
	f.token = s.newToken("AQ")
	s.saveFlow(f)
	name := f.userName
	f.tenant.view(func() {
		if u := f.tenant.user(proof.UserID); u != nil {
			name = u.UPN
		}
	})
	http.SetCookie(w, authorityCookie(sessionCookie, f.tenant.newBrowserSession(proof, sessionLife), 0))
	s.render(w, pages.Page{Name: "kmsi", FormTargets: f.targets(), View: pages.View{
		Title: "Stay signed in?",
		Config: map[string]any{
			"pgid": "KmsiInterrupt", "urlPost": "/kmsi", "sFT": f.token, "sFTName": "flowToken", "sCtx": f.ctx, "canary": f.canary, "apiCanary": f.apiCanary,
			"correlationId": s.newID(), "sessionId": f.session, "sPOST_Username": name,
		},
		Data: map[string]any{"UserName": name, "PostURL": f.auth.base + "/kmsi", "Fields": append(f.loginFields(), field{"type", "28"})},
	}})
}

// keepSignedIn ends the interrupt and with it the sign-in.
func (s *Server) keepSignedIn(w http.ResponseWriter, r *http.Request) {
	f := s.flowOf(r)
	if f == nil || f.proof == nil || !s.endFlow(f.ctx) {
		s.errorPage(w, r, brokenRequest)
		return
	}
	if r.PostFormValue("LoginOptions") == "1" {
		value := f.tenant.newBrowserSession(*f.proof, persistentLife)
		http.SetCookie(w, authorityCookie(persistentCookie, value, int(persistentLife/time.Second)))
	}
	s.complete(w, r, f.auth, f.tenant, *f.proof)
}

// recordPageSignIn writes the sign-in log. key is a user id or name; it may be unknown.
func (s *Server) recordPageSignIn(r *http.Request, f *flow, key string, e SignIn, number int, failure string) {
	if f.tenant == nil {
		return
	}
	e.AppID, e.AppName, e.ErrorCode, e.Failure = f.auth.clientID, f.auth.appName, number, failure
	f.tenant.recordUserSignIn(r, key, e)
}

// recordUserSignIn writes the sign-in log with what the request says. key is a user id or name; it may be unknown.
func (t *Tenant) recordUserSignIn(r *http.Request, key string, e SignIn) {
	t.view(func() {
		if u := t.user(key); u != nil {
			e.UserID, e.UPN, e.UserName = u.ID, u.UPN, u.DisplayName
		}
	})
	e.Address, e.UserAgent = clientAddr(r), shorten(r.UserAgent(), 512)
	t.recordSignIn(e)
}
