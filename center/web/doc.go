// Package web is the console: the pages on which administrators connect tenants, invite users, see where each of them
// stands, take passkeys away, and read what happened.
//
// It owns pages, forms and what they look like. It decides nothing: every act goes through the services of center, which
// check the person of the context again, and whatever a service refuses is shown beside the field it belongs to. It does
// not own sessions or passkeys of administrators (package auth) nor the REST API (package rest).
//
// [New] mounts everything; its routes stand on one screen in routes.go. A page is three things in two files: a struct
// with everything it shows, a template that shows it (x.templ, generated into x_templ.go), and a handler that fills the
// struct (x.go). Because a page sees only its struct, [Storybook] can show every state of every page without a database.
//
// Every page works as a plain document with plain forms. Scripts only make it quicker: htmx swaps fragments in and
// app.js opens confirmations as dialogs, copies codes and runs the passkey ceremonies, which need a script anyway. The
// content security policy allows nothing inline and nothing from elsewhere.
package web

//go:generate go run github.com/a-h/templ/cmd/templ@v0.3.977 generate
