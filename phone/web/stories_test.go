package web_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/postern/postern/internal/browser"
	"github.com/postern/postern/phone/web"
)

// ready is set by the story page when it has drawn.
const ready = `new Promise((done) => { const look = () => "ready" in document.documentElement.dataset ? done(null) : setTimeout(look, 5); look(); })`

// TestStories opens every state of every screen as people would, in light and dark, in German, on a narrow phone and with text of
// twice the size: nothing wrong in the console, no axe violation, no sideways scrolling.
func TestStories(t *testing.T) {
	address := serve(t, handler(t, web.Options{Stories: true}))
	list := browser.Open(t)
	list.Open(address + "/app/stories")
	browser.Evaluate[chromedp.Void](list, ready)
	names := browser.Evaluate[[]string](list, `[...document.querySelectorAll("#stories a:first-child")].map((a) => a.textContent)`)
	if len(names) < 60 {
		t.Fatalf("the list has %d stories: %v", len(names), names)
	}
	// Some browsers at once are faster than one, and more than two are not.
	half := (len(names) + 1) / 2
	i := 0
	for part := range slices.Chunk(names, half) {
		i++
		t.Run(fmt.Sprintf("part %d", i), func(t *testing.T) {
			t.Parallel()
			b := browser.Open(t)
			b.Watch()
			for _, name := range part {
				show := func(more string) {
					b.Open(address + "/app/stories/" + name + more)
					browser.Evaluate[chromedp.Void](b, ready)
				}
				picture := "phone/" + name
				phone(t, b, "light", 390, 844)
				show("")
				checkAxe(t, b, name+" (light)")
				b.WholePage(picture + " light")
				phone(t, b, "dark", 390, 844)
				checkAxe(t, b, name+" (dark)", "color-contrast", "link-in-text-block")
				b.WholePage(picture + " dark")
				phone(t, b, "light", 390, 844)
				show("?lang=de")
				if lang := browser.Evaluate[string](b, `document.documentElement.lang`); lang != "de" {
					t.Errorf("%s: the German page says that it is %q", name, lang)
				}
				b.WholePage(picture + " german")
				// 320 CSS pixels at twice the text size (WCAG 2.2, 1.4.4 and 1.4.10).
				phone(t, b, "light", 320, 568)
				browser.Evaluate[chromedp.Void](b, `document.documentElement.style.fontSize = "200%", null`)
				if wide := browser.Evaluate[int](b, `document.documentElement.scrollWidth`); wide > 320 {
					t.Errorf("%s: the page is %d pixels wide on a phone of 320 with large text", name, wide)
				}
				b.WholePage(picture + " large")
				for _, w := range b.Wrong() {
					t.Errorf("%s: %s", name, w)
				}
			}
		})
	}
}

// phone makes the tab a phone.
func phone(t *testing.T, b *browser.Tab, scheme string, width, height int64) {
	t.Helper()
	b.Look(scheme, width)
	b.Do(chromedp.EmulateViewport(width, height))
}

// TestStoriesAreServedOnlyWhereWanted holds the pages with made-up states off a control center that people use.
func TestStoriesAreServedOnlyWhereWanted(t *testing.T) {
	h := handler(t, web.Options{})
	for _, f := range read(t).Files {
		if !f.Story {
			continue
		}
		if got := get(t, h, "/app/"+f.Path, "").Code; got != 404 {
			t.Errorf("/app/%s answers %d", f.Path, got)
		}
		if strings.HasSuffix(f.Path, "sw.js") {
			t.Error("the service worker is no story")
		}
	}
	if got := get(t, h, "/app/stories/home", "").Code; got != 404 {
		t.Errorf("a story answers %d", got)
	}
}
