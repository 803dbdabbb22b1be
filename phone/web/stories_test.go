package web_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/postern/postern/internal/browser"
	"github.com/postern/postern/phone/web"
)

// ready is set by the story page when it has drawn.
const ready = `new Promise((done) => { const look = () => "ready" in document.documentElement.dataset ? done(null) : setTimeout(look, 5); look(); })`

// way is how a person looks at the app.
type way struct {
	name, scheme, language string
	width, height          int64
	text                   string // size
	rules                  []string
}

// ways has 320 CSS pixels at twice the text size for WCAG 2.2, 1.4.4 and 1.4.10. German is the language with the longer words.
var ways = []way{
	{"light", "light", "en", 390, 844, "", wcag},
	{"dark", "dark", "en", 390, 844, "", []string{"color-contrast", "link-in-text-block"}},
	{"german", "light", "de", 390, 844, "", nil},
	{"large", "light", "de", 320, 568, "200%", nil},
}

// TestStories looks at every state of every screen as people would, in light and dark, in German, on a narrow phone and with
// text of twice the size: nothing wrong in the console, no axe violation, no sideways scrolling.
func TestStories(t *testing.T) {
	address := serve(t, handler(t, web.Options{Stories: true}))
	first := browser.Open(t)
	first.Open(address + "/app/stories")
	browser.Evaluate[chromedp.Void](first, ready)
	names := browser.Evaluate[[]string](first, `[...document.querySelectorAll("#stories a:first-child")].map((a) => a.textContent)`)
	if len(names) < 60 {
		t.Fatalf("the list has %d stories: %v", len(names), names)
	}
	// Two tabs at once are faster than one, and more are not.
	var both sync.WaitGroup
	for i, tab := range []*browser.Tab{first, first.Beside()} {
		both.Go(func() {
			tab.Watch()
			tab.Open(address + "/app/stories/" + names[0])
			browser.Evaluate[chromedp.Void](tab, ready)
			for _, way := range ways {
				hold(t, tab, way.scheme, way.width, way.height)
				browser.Evaluate[chromedp.Void](tab, fmt.Sprintf(`document.documentElement.style.fontSize = %q, null`, way.text))
				for n := i; n < len(names); n += 2 {
					look(t, tab, names[n], way)
				}
			}
		})
	}
	both.Wait()
}

// look shows a story without loading the page anew.
func look(t *testing.T, b *browser.Tab, name string, way way) {
	t.Helper()
	wide := browser.Evaluate[int64](b, fmt.Sprintf(`story(%q, %q).then(() => document.documentElement.scrollWidth)`, name, way.language))
	if wide > way.width {
		t.Errorf("%s (%s): the page is %d pixels wide on a phone of %d", name, way.name, wide, way.width)
	}
	if len(way.rules) > 0 {
		checkAxe(t, b, name+" ("+way.name+")", way.rules...)
	}
	b.WholePage("phone/" + name + " " + way.name)
	for _, w := range b.Wrong() {
		t.Errorf("%s (%s): %s", name, way.name, w)
	}
	if lang := browser.Evaluate[string](b, `wrong.length = 0, document.documentElement.lang`); lang != way.language {
		t.Errorf("%s: the page says that it is %q", name, lang)
	}
}

// hold makes the tab a phone.
func hold(t *testing.T, b *browser.Tab, scheme string, width, height int64) {
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
