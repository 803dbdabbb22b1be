package entrasim

import (
	"net/url"
	"testing"
)

// Whatever a client sends, only the registered address itself or the loopback interface is ever redirected to.
func FuzzRedirectMatches(f *testing.F) {
	for _, seed := range []string{
		"http://localhost", "http://localhost:5000/", "http://127.0.0.1:1", "https://app.example/cb", "http://localhost.evil.example", "http://evil@localhost",
		"http://localhost#@evil.example", "//evil.example", "http:localhost", "http://[::1]:80", "javascript:alert(1)",
	} {
		f.Add(seed)
	}
	registered := []string{"http://localhost", "http://127.0.0.1", "https://app.example/cb", "myapp://auth"}
	f.Fuzz(func(t *testing.T, requested string) {
		for _, r := range registered {
			if !redirectMatches(r, requested) || r == requested {
				continue
			}
			u, err := url.Parse(requested)
			if err != nil || u.Scheme != "http" || !loopback(u.Hostname()) || u.User != nil || u.Fragment != "" {
				t.Fatalf("%q matches %q", requested, r)
			}
		}
	})
}
