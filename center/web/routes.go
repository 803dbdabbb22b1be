package web

import (
	"net/http"

	"github.com/postern/postern"
)

// routes is every address of the console.
func (c *console) routes() http.Handler {
	m := http.NewServeMux()
	m.Handle("GET /static/", static())

	m.Handle("GET /{$}", c.need("", c.home))
	m.Handle("GET /sign-in", c.open(c.signIn))
	m.Handle("POST /sign-out", c.open(c.signOut))
	m.Handle("POST /sign-in/begin", c.ceremony(c.beginSignIn))
	m.Handle("POST /sign-in/finish", c.ceremony(c.finishSignIn))
	m.Handle("GET /welcome", c.open(c.welcome))
	m.Handle("POST /welcome/check", c.ceremony(c.checkWelcome))
	m.Handle("POST /welcome/begin", c.ceremony(c.beginWelcome))
	m.Handle("POST /welcome/finish", c.ceremony(c.finishWelcome))

	m.Handle("GET /integrations", c.need(postern.PermIntegrationsRead, c.integrations))

	m.Handle("/", c.need("", c.notFound))
	return m
}
