package web

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/postern/postern/docs"
)

// someSetups is the interface by a name that is none of its methods, so that it can be embedded.
type someSetups = Setups

// TestGuideLinks: every page of the table is a page of the console, and what it links to is there.
func TestGuideLinks(t *testing.T) {
	routes := (&console{Deps: Deps{Bulk: struct{ Bulk }{}, Setups: struct{ someSetups }{}}}).routes().(*http.ServeMux)
	parameter := regexp.MustCompile(`\{[a-z]+\}`)
	for path, to := range guideLinks {
		r := httptest.NewRequest(http.MethodGet, parameter.ReplaceAllString(path, "x"), nil)
		if _, pattern := routes.Handler(r); pattern != "GET "+path {
			t.Errorf("%s is no page: it is served by %q", path, pattern)
		}
		name, anchor, deep := strings.Cut(to, "#")
		g, ok := docs.Find(name)
		if !ok {
			t.Errorf("%s links to the guide %s, which is not there", path, name)
		}
		if deep && !slices.ContainsFunc(g.Headings, func(h docs.Heading) bool { return h.Anchor == anchor }) {
			t.Errorf("%s links to %s, which has no heading #%s", path, name, anchor)
		}
	}
}
