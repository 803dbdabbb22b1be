package web

import (
	"net/http"
	"regexp"
	"strings"
)

// policy is the content security policy (CSP level 3). Everything comes from here and nothing is inline; WebAssembly may be
// compiled; the one Trusted Types policy gives out nothing but the address of the service worker. The relay's addresses are
// written out because not every browser reads 'self' as covering WebSockets.
var policy = strings.Join([]string{
	"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "style-src 'self'", "img-src 'self'", "manifest-src 'self'",
	"worker-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'", "require-trusted-types-for 'script'",
	"trusted-types postern", "connect-src 'self'",
}, "; ")

// host is what may stand in the policy: names and addresses, and a port.
var host = regexp.MustCompile(`^[A-Za-z0-9.\-]{1,253}(:[0-9]{1,5})?$`)

// permissions lets the app use the camera and passkeys, and nothing else that asks people.
const permissions = "camera=(self), publickey-credentials-get=(self), publickey-credentials-create=(self), " +
	"microphone=(), geolocation=(), payment=(), usb=(), hid=(), serial=(), midi=(), display-capture=()"

// secured sets the headers that every answer carries.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		relay := ""
		if host.MatchString(r.Host) {
			relay = " wss://" + r.Host + " ws://" + r.Host
		}
		h.Set("Content-Security-Policy", policy+relay)
		h.Set("Permissions-Policy", permissions)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		next.ServeHTTP(w, r)
	})
}
