package entrasim

import (
	"net/http"
	"strings"

	"github.com/postern/postern/entrasim/pages"
)

// deviceLogin is the page where a person types the code a device shows (RFC 8628 §3.3).
func (s *Server) deviceLogin(w http.ResponseWriter, r *http.Request) {
	p := s.signedInPerson(w, r, "/devicelogin", false)
	if p == nil {
		return
	}
	s.devicePage(w, p, "")
}

func (s *Server) devicePage(w http.ResponseWriter, p *person, problem string) {
	s.render(w, pages.Page{Name: "device", View: pages.View{Title: "Enter code", Data: map[string]any{
		"UserName": p.user.UPN, "Error": problem, "PostURL": "/devicelogin", "Fields": []field{{"canary", sessionCanary(p.cookie)}},
	}}})
}

// deviceAnswer allows or declines the device.
func (s *Server) deviceAnswer(w http.ResponseWriter, r *http.Request) {
	p := s.signedInPerson(w, r, "/devicelogin", false)
	if p == nil {
		return
	}
	if !same(sessionCanary(p.cookie), r.PostFormValue("canary")) {
		s.errorPage(w, r, brokenRequest)
		return
	}
	answer := &p.proof
	heading, text := "You are signed in on the device", "You can close this window and go back to the device."
	if r.PostFormValue("answer") == "no" {
		s.adoptDevice(p.tenant, r.PostFormValue("code"))
		answer, heading, text = nil, "The device was not signed in", "The request was declined. You can close this window."
	} else if refusal := s.deviceRefusal(r, p.tenant, r.PostFormValue("code"), p.proof); refusal != nil {
		e := refusal.page()
		e.userName, e.retryURL = p.user.UPN, "/devicelogin"
		s.errorPage(w, r, e)
		return
	}
	if err := p.tenant.answerDevice(strings.TrimSpace(r.PostFormValue("code")), answer); err != nil {
		s.devicePage(w, p, "The code is not valid: it may have been typed wrong, have expired, or have been used already. Check the device and try again.")
		return
	}
	s.render(w, pages.Page{Name: "done", View: pages.View{Title: heading, Data: map[string]any{"Heading": heading, "Text": text}}})
}

// deviceRefusal is why a user who signed in may not let the device that waits for a code go on: Conditional Access, or what
// it asks for. The caller holds no lock.
func (s *Server) deviceRefusal(r *http.Request, t *Tenant, userCode string, proof SignInProof) *accessRefusal {
	s.adoptDevice(t, userCode)
	if refusal := t.deviceAccess(r, userCode, proof); refusal != nil {
		return refusal
	}
	return s.consentDevice(t, userCode, proof.UserID)
}
