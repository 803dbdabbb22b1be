package web_test

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/postern/postern/center/web"
	"github.com/postern/postern/internal/browser"
)

// TestStoriesInTheBrowser opens every state as a person would, in light and dark and on a phone: nothing wrong in the
// console, no axe violation, no sideways scrolling.
func TestStoriesInTheBrowser(t *testing.T) {
	server := httptest.NewServer(web.Storybook())
	defer server.Close()
	for name, names := range web.Chapters() {
		t.Run(name, func(t *testing.T) {
			b := browser.Open(t)
			b.Watch()
			for _, name := range names {
				b.Look("light", 1280)
				b.Open(server.URL + "/storybook/" + name)
				picture := "console/" + strings.ReplaceAll(name, "/", "-")
				checkAxe(t, b, name+" (light)")
				b.WholePage(picture + "-light")
				b.Look("dark", 1280)
				checkAxe(t, b, name+" (dark)", "color-contrast", "link-in-text-block")
				b.WholePage(picture + "-dark")
				b.Look("light", 390)
				if wide := browser.Evaluate[int](b, `document.documentElement.scrollWidth`); wide > 390 {
					t.Errorf("%s: the page is %d pixels wide on a phone of 390", name, wide)
				}
				b.WholePage(picture + "-phone")
				for _, w := range b.Wrong() {
					t.Errorf("%s: %s", name, w)
				}
			}
		})
	}
}
