package entrasim

import (
	"net/http"
	"strings"
)

// page shows a refusal to the person who signed in.
func (a *accessRefusal) page() pageError {
	return pageError{number: a.number, text: a.text, advice: a.advice}
}

// oauth tells a client of a refusal at the token endpoint. Clients ask the user to sign in again unless the suberror says
// that there is nothing but the message to show.
func (a *accessRefusal) oauth() *oauthError {
	e := &oauthError{status: http.StatusBadRequest, kind: "invalid_grant", number: a.number, suberror: "basic_action", text: a.text}
	if a.final {
		e.suberror = "message_only"
	}
	return e
}

// attempt is an authorization request as Conditional Access looks at it. ok is false for the page where device codes are
// typed: there the application that waits for the code is judged, once it is known.
func (req *authorizeRequest) attempt(r *http.Request, proof SignInProof) (a accessAttempt, ok bool) {
	a = accessAttempt{app: req.clientID, client: clientBrowser, agent: r.UserAgent(), proof: proof}
	switch path := strings.TrimPrefix(req.redirectURI, req.base); {
	case !req.internal:
	case path == "/devicelogin":
		return a, false
	case path == "/mysecurityinfo/add":
		a.action = userActionRegister
	}
	return a, true
}

// firstFactor goes on after a good credential: Conditional Access is evaluated now, and no session begins if it refuses.
func (s *Server) firstFactor(w http.ResponseWriter, r *http.Request, f *flow, proof SignInProof, event SignIn) {
	var v accessVerdict
	if a, ok := f.auth.attempt(r, proof); ok {
		v = f.tenant.access(a)
	}
	event.Access, event.Applied = v.status(), v.applied
	if v.refusal == nil {
		s.recordPageSignIn(r, f, proof.UserID, event, 0, "")
		s.accepted(w, f, proof)
		return
	}
	s.recordPageSignIn(r, f, proof.UserID, event, v.refusal.number, v.refusal.text)
	e := v.refusal.page()
	e.userName, e.retryURL = f.userName, f.auth.link(f.userName)
	s.errorPage(w, r, e)
}

// previouslySatisfied is the authenticationMethod of a sign-in that asked for nothing.
const previouslySatisfied = "Previously satisfied"

// reuseSession evaluates Conditional Access for the session a browser holds already. It leaves a line in the sign-in log if
// a policy applied.
func (s *Server) reuseSession(r *http.Request, t *Tenant, req authorizeRequest, proof SignInProof) *accessRefusal {
	a, ok := req.attempt(r, proof)
	if !ok {
		return nil
	}
	return t.accessLogged(r, a, SignIn{AppID: req.clientID, AppName: req.appName, Method: previouslySatisfied})
}

// accessLogged evaluates Conditional Access and writes the sign-in log if a policy applied.
func (t *Tenant) accessLogged(r *http.Request, a accessAttempt, e SignIn) *accessRefusal {
	v := t.access(a)
	if len(v.applied) == 0 {
		return nil
	}
	if e.Access, e.Applied = v.status(), v.applied; v.refusal != nil {
		e.ErrorCode, e.Failure = v.refusal.number, v.refusal.text
	}
	t.recordUserSignIn(r, a.proof.UserID, e)
	return v.refusal
}

// registering evaluates the user action of adding a passkey at Security info. It answers with a page and returns false if
// that is refused.
func (s *Server) registering(w http.ResponseWriter, r *http.Request, p *person) bool {
	a := accessAttempt{app: securityInfoAppID, action: userActionRegister, client: clientBrowser, agent: r.UserAgent(), proof: p.proof}
	refusal := p.tenant.accessLogged(r, a, SignIn{AppID: securityInfoAppID, AppName: securityInfoName, Method: previouslySatisfied})
	if refusal == nil {
		return true
	}
	e := refusal.page()
	e.userName, e.retryURL = p.user.UPN, "/mysecurityinfo"
	s.errorPage(w, r, e)
	return false
}

// deviceAccess evaluates Conditional Access for the application that waits for a user code; an unknown code is nobody's
// business yet. The caller holds no lock.
func (t *Tenant) deviceAccess(r *http.Request, userCode string, proof SignInProof) *accessRefusal {
	a := accessAttempt{client: clientDesktop, agent: r.UserAgent(), device: true, proof: proof}
	name := ""
	t.view(func() {
		if d := t.waiting(userCode); d != nil {
			a.app = d.ClientID
			if app := t.app(d.ClientID); app != nil {
				name = app.DisplayName
			}
		}
	})
	if a.app == "" {
		return nil
	}
	return t.accessLogged(r, a, SignIn{AppID: a.app, AppName: name, Method: previouslySatisfied, Client: desktopClient})
}

// desktopClient is clientAppUsed of what is no browser.
const desktopClient = "Mobile Apps and Desktop clients"

// access evaluates Conditional Access for a grant at the token endpoint. A refresh is no interactive sign-in and leaves no
// line in the log.
func (c *tokenCall) access(t *Tenant, app *Application, proof SignInProof, log bool) *oauthError {
	a := accessAttempt{app: app.AppID, client: clientDesktop, agent: c.r.UserAgent(), proof: proof}
	var refusal *accessRefusal
	if log {
		refusal = t.accessLogged(c.r, a, SignIn{AppID: app.AppID, AppName: app.DisplayName, Method: "Password", Client: desktopClient})
	} else {
		v := t.access(a)
		refusal = v.refusal
	}
	if refusal == nil {
		return nil
	}
	return refusal.oauth()
}
