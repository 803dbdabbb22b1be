package web

import "net/http"

// signInPage is the sign-in.
type signInPage struct {
	frame
	Next string // where to go afterwards, a path of this console
	Out  bool   // somebody has just signed out
}

func (c *console) home(w http.ResponseWriter, r *http.Request) error {
	return c.away(w, r, "/integrations")
}

func (c *console) signIn(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	next := safeNext(q.Get("next"))
	if _, err := c.Door.Authenticate(r); err == nil {
		return c.away(w, r, next)
	}
	return c.show(w, r, http.StatusOK, signIn(signInPage{frame: c.frame(r, "", "Sign in"), Next: next, Out: q.Has("out")}))
}

func (c *console) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := c.Door.SignOut(r.Context()); err != nil {
		return err
	}
	return c.away(w, r, "/sign-in?out")
}

func (c *console) welcome(w http.ResponseWriter, r *http.Request) error {
	return c.show(w, r, http.StatusOK, welcome(c.frame(r, "", "Welcome")))
}
