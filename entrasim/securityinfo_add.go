package entrasim

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/postern/postern/entrasim/pages"
	"github.com/postern/postern/entrasim/passkey"
)

// securityInfoAdd asks for the new passkey's name. It makes the creation options, the same Graph hands out, so that a user
// whom the policy forbids a passkey learns it here.
func (s *Server) securityInfoAdd(w http.ResponseWriter, r *http.Request) {
	p := s.signedInPerson(w, r, "/mysecurityinfo/add", true)
	if p == nil || !s.registering(w, r, p) {
		return
	}
	req := passkey.OptionsRequest{Tenant: p.tenant.ID, Minutes: passkey.MinChallengeMinutes, Encoding: passkey.EncodeBase64URL}
	p.tenant.view(func() {
		if u := p.tenant.user(p.user.ID); u != nil {
			req.User, req.Policy = p.tenant.passkeyUser(u), p.tenant.passkeyPolicy()
			for _, k := range u.livePasskeys() {
				req.Existing = append(req.Existing, k.Credential.ID)
			}
		}
	})
	options, _, err := s.relyingParty().Options(req, s.now())
	if err != nil {
		s.refusedCreation(w, r, p.user.UPN, err)
		return
	}
	f := s.startFlow(&flow{
		auth:   authorizeRequest{base: "https://" + r.Host, redirectURI: "https://" + r.Host},
		tenant: p.tenant, userID: p.user.ID, userName: p.user.UPN, options: &options, binding: s.bindBrowser(w, r),
	})
	rp := s.relyingParty()
	s.render(w, pages.Page{Name: "securityinfo_add", FormTargets: f.targets(rp.Origin), View: pages.View{Title: "Add a passkey", Data: map[string]any{
		"UserName": p.user.UPN, "CreateURL": rp.Origin + "/" + p.tenant.ID + "/fido/create", "CancelURL": "/mysecurityinfo",
		"Fields": f.loginFields(),
	}}})
}

// fidoCreate is the page on the relying party's origin that asks the browser for a new credential.
func (s *Server) fidoCreate(w http.ResponseWriter, r *http.Request) {
	f := s.flow(r.PostFormValue("ctx"))
	if f == nil || f.options == nil || !same(f.canary, r.PostFormValue("canary")) {
		s.errorPage(w, r, brokenRequest)
		return
	}
	name := strings.TrimSpace(r.PostFormValue("name"))
	if problem := checkPasskeyName(name); problem != nil {
		problem.retryURL = f.auth.base + "/mysecurityinfo/add"
		s.errorPage(w, r, *problem)
		return
	}
	s.render(w, pages.Page{Name: "fido", WebAuthn: true, FormTargets: f.targets(), View: pages.View{Title: "Add a passkey", Data: map[string]any{
		"Heading": "Create your passkey", "UserName": f.userName, "PostURL": f.auth.base + "/mysecurityinfo/passkeys", "AnswerField": "credential",
		"CancelURL": f.auth.base + "/mysecurityinfo", "Fields": append(f.loginFields(), field{"name", name}),
		"Ceremony": map[string]any{"kind": "create", "publicKey": f.options},
	}}})
}

// checkPasskeyName holds Security info to names of 1 to 30 characters.
func checkPasskeyName(name string) *pageError {
	if n := utf8.RuneCountInString(name); n < 1 || passkey.CheckDisplayName(name) != nil {
		return &pageError{number: 90013, text: "The name of a passkey must have 1 to 30 characters.", advice: "Go back and choose another name."}
	}
	return nil
}

// securityInfoRegister takes the new credential and registers it the way Graph does.
func (s *Server) securityInfoRegister(w http.ResponseWriter, r *http.Request) {
	p := s.signedInPerson(w, r, "/mysecurityinfo/add", false)
	if p == nil || !s.registering(w, r, p) {
		return
	}
	f := s.flowOf(r)
	if f == nil || f.options == nil || f.tenant != p.tenant || f.userID != p.user.ID || !s.endFlow(f.ctx) {
		s.errorPage(w, r, brokenRequest)
		return
	}
	name := strings.TrimSpace(r.PostFormValue("name"))
	if problem := checkPasskeyName(name); problem != nil {
		problem.retryURL = "/mysecurityinfo/add"
		s.errorPage(w, r, *problem)
		return
	}
	reg := passkey.Registration{Tenant: p.tenant.ID, DisplayName: name}
	if err := json.Unmarshal([]byte(r.PostFormValue("credential")), &reg.Credential); err != nil {
		s.refusedCreation(w, r, p.user.UPN, &passkey.Refusal{Reason: passkey.ReasonMalformed, Message: "The credential is not a JSON object."})
		return
	}
	added, err := s.registerPasskey(p.tenant, p.user.ID, reg)
	if err != nil {
		s.refusedCreation(w, r, p.user.UPN, err)
		return
	}
	p.audit(r, registrationAudits("User", added))
	http.Redirect(w, r, "/mysecurityinfo?"+url.Values{"added": {added.ID}}.Encode(), http.StatusSeeOther)
}

// refusedCreation shows why a passkey cannot be added.
func (s *Server) refusedCreation(w http.ResponseWriter, r *http.Request, userName string, err error) {
	var refusal *passkey.Refusal
	if !errors.As(err, &refusal) {
		s.errorPage(w, r, pageError{status: http.StatusInternalServerError, number: 90033, text: "A transient error has occurred. Please try again."})
		return
	}
	e := refusalPage(refusal)
	e.userName, e.retryURL = userName, "/mysecurityinfo/add"
	switch refusal.Reason {
	case passkey.ReasonMethodDisabled, passkey.ReasonExcluded, passkey.ReasonNotTargeted, passkey.ReasonKeyRestriction, passkey.ReasonPasskeyType,
		passkey.ReasonSelfServiceOff, passkey.ReasonAttestationRequired, passkey.ReasonGuest, passkey.ReasonTooMany:
		e.number, e.text = codeBlockedByPolicy, "The passkey was not registered. "+refusal.Message
		e.advice = "Ask your administrator to review the passkey policy, or use another security key."
	default:
		e.text = "The passkey was not registered. " + refusal.Message
	}
	s.errorPage(w, r, e)
}
