package extension

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/postern/postern/internal/browser"
)

// connect connects the browser to the control center as a person does.
func (w *world) connect() {
	w.Helper()
	w.browser.See("Connect this browser")
	browser.Evaluate[bool](w.browser, fmt.Sprintf(`(document.getElementById("server").value = %q, true)`, w.server))
	w.browser.Press("Connect")
	w.browser.See("No phone is paired yet.")
}

// pair pairs a phone with the code to type, both users saying that the digits are the same.
func (w *world) pair(h *handset) {
	w.Helper()
	w.browser.Press("Pair a phone")
	w.browser.See("seconds left")
	w.browser.Press("Type a code instead")
	w.browser.See("type this code")
	same, done := h.join(w.browser.Text("#code"))
	digits := <-h.compare
	w.browser.See("same digits?")
	if got := w.browser.Text("#digits"); got != digits {
		w.Fatalf("the browser shows %s, the phone %s", got, digits)
	}
	w.browser.Press("Same digits")
	w.browser.See("Now confirm on your phone")
	same <- true
	if err := <-done; err != nil {
		w.Fatal(err)
	}
	w.browser.See("can be used in this browser now")
	w.browser.Press("Done")
	w.browser.See("can be reached")
}

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
	if err := json.Unmarshal([]byte(browser.Evaluate[string](w.site, `window.settled`)), &o); err != nil {
		w.Fatal(err)
	}
	return o
}

func (w *world) try(call string) outcome {
	w.Helper()
	w.start(call)
	return w.settled()
}

// TestPasskey: a passkey is made at a site and used there, with the phone showing the digits that the window shows.
func TestPasskey(t *testing.T) {
	w := newWorld(t)
	h := w.handset("Ada's phone")
	w.connect()
	w.pair(h)

	asked := make(chan string)
	let := make(chan error)
	h.onAsk(func(ctx context.Context, number string) error {
		select {
		case asked <- number:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case err := <-let:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	w.start(`make()`)
	number := <-asked
	window := w.browser.Find("request.html")
	window.See("Look at your phone")
	window.See("login.microsoft.com")
	if got := window.Text("#digits"); got != number {
		t.Errorf("the window shows %s, the phone %s", got, number)
	}
	window.Screenshot("extension/request")
	let <- nil
	made := w.settled()
	if made.Error != "" {
		t.Fatalf("create: %s: %s", made.Error, made.Message)
	}
	var registration struct {
		ID         string
		Attachment string `json:"authenticatorAttachment"`
		Results    struct {
			CredProps struct{ RK bool }      `json:"credProps"`
			PRF       struct{ Enabled bool } `json:"prf"`
		} `json:"clientExtensionResults"`
	}
	if err := json.Unmarshal(made.OK, &registration); err != nil {
		t.Fatal(err)
	}
	if registration.Attachment != "cross-platform" || !registration.Results.CredProps.RK || !registration.Results.PRF.Enabled {
		t.Errorf("registration: %s", made.OK)
	}

	h.onAsk(nil)
	got := w.try(`use()`)
	if got.Error != "" || !strings.Contains(string(got.OK), registration.ID) {
		t.Fatalf("get: %+v", got)
	}
}
