package rest

import (
	"net/http"
	"strings"

	"github.com/postern/postern"
)

// extensionScheme begins the origin of a browser extension, in Chrome and in Edge alike.
const extensionScheme = "chrome-extension://"

// ofExtension lets the browser extension read the answers to a workstation's calls (Fetch, CORS protocol). Its origin is not
// the control center's, and differs with how it was installed. What a page of another extension gains is what any program
// has: the routes count on signatures, never on what a browser adds by itself, and credentials are not allowed.
func (a *API) ofExtension(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, postern.WorkstationAPIPath+"/") {
			next.ServeHTTP(w, r)
			return
		}
		h := w.Header()
		h.Add("Vary", "Origin")
		origin := r.Header.Get("Origin")
		if !strings.HasPrefix(origin, extensionScheme) {
			next.ServeHTTP(w, r)
			return
		}
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Expose-Headers", "Date, Retry-After")
		if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != "" {
			h.Set("Access-Control-Allow-Methods", "GET, POST, PUT, DELETE")
			h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
			h.Set("Access-Control-Max-Age", "600")
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}
