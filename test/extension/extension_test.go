package extension

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/postern/postern/internal/browser"
)

// connect connects the browser to the control center as a person does.
func (w *world) connect() {
	w.Helper()
	w.browser.See("Connect this browser")
	if w.look {
		w.looks(w.browser, "connect", 560)
	}
	browser.Evaluate[bool](w.browser, fmt.Sprintf(`(document.getElementById("server").value = %q, true)`, w.server))
	w.browser.Press("Connect")
	w.browser.See("No phone is paired yet.")
}

// introduce pairs a phone with the code to type, both users saying that the digits are the same.
func (w *world) introduce(h *handset) {
	w.Helper()
	w.browser.Press("Pair a phone")
	w.browser.See("seconds left")
	if w.look {
		w.looks(w.browser, "pair-scan", 560)
	}
	w.browser.Press("Show a code to type")
	w.browser.Shown("#code")
	if w.look {
		w.looks(w.browser, "pair-type", 560)
	}
	same, done := h.join(w.browser.Text("#code"))
	digits := <-h.compare
	w.browser.See("same digits?")
	if got := w.browser.Text("#digits"); got != digits {
		w.Fatalf("the browser shows %s, the phone %s", got, digits)
	}
	if w.look {
		w.looks(w.browser, "pair-digits", 560)
	}
	w.browser.Press("Same digits")
	w.browser.See("Now confirm on your phone")
	same <- true
	if err := <-done; err != nil {
		w.Fatal(err)
	}
	w.browser.See("can be used in this browser now")
	if w.look {
		w.looks(w.browser, "pair-done", 560)
	}
	w.browser.Press("Done")
}

// pair pairs a phone and waits until pages' requests go to it.
func (w *world) pair(h *handset) {
	w.Helper()
	w.introduce(h)
	w.browser.See("Ready: ")
	if w.look {
		w.looks(w.browser, "ready", 560)
	}
}

// looks holds what is on the screen to axe, in both colours, looks that nothing lies outside of the window, and keeps
// pictures. Windows of requests are as wide as they open.
func (w *world) looks(b *browser.Tab, state string, width int64) {
	w.Helper()
	for _, scheme := range []string{"dark", "light"} {
		if width == inside {
			b.Size(scheme, inside, insideHeight)
		} else {
			b.Look(scheme, width)
		}
		for _, v := range b.Axe() {
			w.Errorf("%s, %s: axe: %s", state, scheme, v)
		}
		if over := browser.Evaluate[int](b, `document.documentElement.scrollWidth - innerWidth`); over > 0 {
			w.Errorf("%s: %d pixels too wide", state, over)
		}
		if over := browser.Evaluate[int](b, `document.documentElement.scrollHeight - innerHeight`); width == inside && over > 0 {
			w.Errorf("%s: %d pixels too high", state, over)
		}
		b.Screenshot("extension/" + state + w.lang + "-" + scheme)
	}
}

// The inside of the window of a request, where the frame takes what it usually does.
const (
	inside       = 380
	insideHeight = 480
)

// outcome is what a page got.
type outcome struct {
	OK             json.RawMessage
	Error, Message string
}

// start has the page call a function without waiting; [world.settled] waits.
func (w *world) start(call string) {
	w.Helper()
	browser.Evaluate[bool](w.site, `(window.settled = `+call+`, true)`)
}

func (w *world) settled() outcome {
	w.Helper()
	var o outcome
	if err := json.Unmarshal([]byte(browser.Evaluate[string](w.site, `Promise.race([window.settled, new Promise(r => setTimeout(r, 40000, '{"error":"nothing happened"}'))])`)), &o); err != nil {
		w.Fatal(err)
	}
	return o
}

func (w *world) try(call string) outcome {
	w.Helper()
	w.start(call)
	return w.settled()
}

// patience bounds a wait for something that happens by itself; it is far above what it takes.
const patience = 30 * time.Second

// awaited waits until the phone's user is asked, and gives the number.
func (w *world) awaited(asked chan string) string {
	w.Helper()
	select {
	case number := <-asked:
		return number
	case <-time.After(patience):
		w.Fatalf("the phone was not asked; the page got %+v", w.settled())
		return ""
	}
}

// taken waits until the question is taken back from the phone's user.
func (w *world) taken(h *handset) {
	w.Helper()
	select {
	case <-h.withdrawn:
	case <-time.After(patience):
		w.Fatal("the phone still asks")
	}
}
