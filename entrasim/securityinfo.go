package entrasim

import (
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/postern/postern/entrasim/pages"
)

// person is the user a Security info page is for.
type person struct {
	tenant *Tenant
	proof  SignInProof
	cookie string
	user   *User
}

// signedInPerson returns the signed-in user, or sends the browser to sign in and back to path and returns nil. A fresh one
// signed in within the last five minutes.
func (s *Server) signedInPerson(w http.ResponseWriter, r *http.Request, path string, fresh bool) *person {
	t, proof, cookie := s.browser(r)
	p := &person{tenant: t, proof: proof, cookie: cookie}
	hint := ""
	if t != nil {
		t.view(func() {
			if u := t.user(proof.UserID); u != nil {
				p.user, hint = u.clone(), u.UPN
			}
		})
		if p.user != nil && (!fresh || s.now().Sub(proof.AuthTime) <= freshSignIn) {
			return p
		}
	}
	q := url.Values{"client_id": {securityInfoAppID}, "response_type": {"code"}, "scope": {"openid"}, "redirect_uri": {"https://" + r.Host + path}, "prompt": {"login"}}
	if hint != "" {
		q.Set("login_hint", hint)
	}
	http.Redirect(w, r, "/organizations/oauth2/v2.0/authorize?"+q.Encode(), http.StatusFound)
	return nil
}

// securityInfo lists the passkeys of the signed-in user. The name of one just added or deleted comes as a parameter and is
// only shown when it is true.
func (s *Server) securityInfo(w http.ResponseWriter, r *http.Request) {
	p := s.signedInPerson(w, r, "/mysecurityinfo", false)
	if p == nil {
		return
	}
	type row struct{ Name, Kind, Model, Created, LastUsed, DeleteURL string }
	var (
		rows   []row
		notice string
	)
	for _, k := range p.user.livePasskeys() {
		name := k.Credential.DisplayName
		if name == "" {
			name = "Passkey"
		}
		kind := "Device-bound passkey"
		if k.Credential.Type == "synced" {
			kind = "Synced passkey"
		}
		item := row{Name: name, Kind: kind, Model: k.Credential.Model, Created: day(k.Created), DeleteURL: "/mysecurityinfo/delete?" + url.Values{"id": {k.ID}}.Encode()}
		if !k.LastUsed.IsZero() {
			item.LastUsed = day(k.LastUsed)
		}
		rows = append(rows, item)
		if r.URL.Query().Get("added") == k.ID {
			notice = "Passkey “" + name + "” was added. You can sign in with it now."
		}
	}
	if r.URL.Query().Has("deleted") {
		notice = "The passkey was deleted."
	}
	s.render(w, pages.Page{Name: "securityinfo", View: pages.View{Title: "Security info", Data: map[string]any{
		"UserName": p.user.UPN, "Passkeys": rows, "AddURL": "/mysecurityinfo/add", "Notice": notice, "Error": "",
		"SignOutURL": "/mysecurityinfo/signout",
	}}})
}

func day(t time.Time) string { return t.UTC().Format("2 January 2006") }

// securityInfoConfirm asks before a passkey is deleted.
func (s *Server) securityInfoConfirm(w http.ResponseWriter, r *http.Request) {
	p := s.signedInPerson(w, r, "/mysecurityinfo", false)
	if p == nil {
		return
	}
	id := r.URL.Query().Get("id")
	for _, k := range p.user.livePasskeys() {
		if k.ID != id {
			continue
		}
		name := k.Credential.DisplayName
		if name == "" {
			name = "Passkey"
		}
		s.render(w, pages.Page{Name: "securityinfo_delete", View: pages.View{Title: "Delete a passkey", Data: map[string]any{
			"Name": name, "PostURL": "/mysecurityinfo/delete", "CancelURL": "/mysecurityinfo",
			"Fields": []field{{"id", id}, {"canary", sessionCanary(p.cookie)}},
		}}})
		return
	}
	http.Redirect(w, r, "/mysecurityinfo", http.StatusFound)
}

// securityInfoDelete deletes a passkey of the signed-in user.
func (s *Server) securityInfoDelete(w http.ResponseWriter, r *http.Request) {
	p := s.signedInPerson(w, r, "/mysecurityinfo", false)
	if p == nil {
		return
	}
	if !same(sessionCanary(p.cookie), r.PostFormValue("canary")) {
		s.errorPage(w, r, brokenRequest)
		return
	}
	if k := p.tenant.deletePasskey(p.user.ID, r.PostFormValue("id")); k != nil {
		p.audit(r, deletionAudits("User", k))
	}
	http.Redirect(w, r, "/mysecurityinfo?deleted", http.StatusSeeOther)
}

// securityInfoSignOut ends the session.
func (s *Server) securityInfoSignOut(w http.ResponseWriter, r *http.Request) {
	s.signOut(w, r)
	s.signedOutPage(w)
}

func (s *Server) signedOutPage(w http.ResponseWriter) {
	s.render(w, pages.Page{Name: "signedout", View: pages.View{Title: "Signed out", Data: map[string]any{"SignInURL": "/mysecurityinfo"}}})
}

// audit writes the events of one change the user made to their own security info.
func (p *person) audit(r *http.Request, events []Audit) {
	correlation := p.tenant.srv.newID()
	for _, e := range events {
		e.Correlation = correlation
		e.By = Actor{UserID: p.user.ID, UPN: p.user.UPN, UserName: p.user.DisplayName, Addr: clientAddr(r)}
		e.TargetType, e.TargetID, e.TargetUPN, e.TargetName = "User", p.user.ID, p.user.UPN, p.user.DisplayName
		p.tenant.recordAudit(e)
	}
}

// clientAddr is the address of the browser, for the logs.
func clientAddr(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}
