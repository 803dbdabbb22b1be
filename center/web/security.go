package web

import (
	"net"
	"net/http"

	"github.com/postern/postern"
)

// policy is the content security policy: everything from here, nothing inline, no frames, no plug-ins.
const policy = "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"

// maxForm bounds a form; a certificate chain with its key is some ten thousand bytes.
const maxForm = 256 << 10

// secured sets the headers that every answer carries.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
		limit := int64(maxForm)
		switch {
		case mayNameMany(r):
			limit = maxManyForm
		case bringsModels(r):
			limit = maxModelForm
		}
		r.Body = http.MaxBytesReader(w, r.Body, limit)
		next.ServeHTTP(w, r)
	})
}

// fromHere refuses requests that change something and come from another site.
func (c *console) fromHere(next http.Handler) http.Handler {
	protection := http.NewCrossOriginProtection()
	protection.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.fail(w, r, postern.Errorf(postern.CodeCrossOrigin, ""))
	}))
	return protection.Handler(next)
}

// arrive names the address of the request, unless something in front has done so already.
func (c *console) arrive(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if postern.ActorFrom(r.Context()).Kind == postern.ActorSystem {
			addr, _, err := net.SplitHostPort(r.RemoteAddr)
			if err != nil {
				addr = r.RemoteAddr
			}
			r = r.WithContext(postern.WithActor(r.Context(), postern.Actor{Kind: postern.ActorAnonymous, Addr: addr}))
		}
		next.ServeHTTP(w, r)
	})
}
