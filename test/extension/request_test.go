package extension

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/internal/browser"
)

// TestPasskey: a passkey is made at a site and used there, with the phone showing the digits that the window shows.
func TestPasskey(t *testing.T) {
	w := newWorldIn(t, setting{look: true})
	h := w.handset("Ada's phone")
	w.connect()
	w.pair(h)

	asked, let := h.hold()
	w.start(`make()`)
	number := w.awaited(asked)
	window := w.browser.Find("request.html")
	window.See("Look at your phone")
	window.See("login.microsoft.com")
	if got := window.Text("#digits"); got != number {
		t.Errorf("the window shows %s, the phone %s", got, number)
	}
	w.looks(window, "request-digits", inside)
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

// TestWorkerStartsAnew: the worker may be ended at any time, and takes everything up again when a page asks.
func TestWorkerStartsAnew(t *testing.T) {
	w := newWorld(t)
	h := w.handset("Ada's phone")
	w.connect()
	w.pair(h)
	if made := w.try(`make()`); made.Error != "" {
		t.Fatalf("create: %+v", made)
	}
	w.browser.Closed("request.html")
	w.browser.EndWorker(extensionID)
	if got := w.try(`use()`); got.Error != "" {
		t.Fatalf("get after the worker was ended: %+v", got)
	}

	// A request that was open is over for its page, and the window with it.
	asked, _ := h.hold()
	w.start(`use()`)
	w.awaited(asked)
	w.browser.EndWorker(extensionID)
	w.browser.Open("chrome-extension://" + extensionID + "/page.html")
	if got := w.settled(); got.Error != "NotAllowedError" {
		t.Errorf("a request whose worker was ended: %+v", got)
	}
}

// TestEnds: every way in which a request ends without an answer.
func TestEnds(t *testing.T) {
	w := newWorld(t)
	h := w.handset("Ada's phone")
	w.connect()
	w.pair(h)
	if made := w.try(`make()`); made.Error != "" {
		t.Fatalf("create: %+v", made)
	}
	w.browser.Closed("request.html")

	// Refused on the phone. The page learns no more than of anything else; the person does.
	h.onAsk(func(context.Context, string) error { return authenticator.ErrDenied })
	if got := w.try(`use()`); got.Error != "NotAllowedError" || strings.Contains(got.Message, "refused") {
		t.Errorf("refused: %+v", got)
	}
	window := w.browser.Find("request.html")
	window.See("The request was refused on the phone.")
	w.looks(window, "request-refused", inside)
	window.Press("Close")
	w.browser.Closed("request.html")

	// Given up by the page: the phone's user is not asked any more.
	asked, _ := h.hold()
	w.start(`use()`)
	w.awaited(asked)
	browser.Evaluate[bool](w.site, `(abort.abort(), true)`)
	if got := w.settled(); got.Error != "AbortError" {
		t.Errorf("aborted: %+v", got)
	}
	w.taken(h)
	w.browser.Closed("request.html")

	// Given up in the window.
	w.start(`use()`)
	w.awaited(asked)
	window = w.browser.Find("request.html")
	window.Press("Cancel")
	if got := w.settled(); got.Error != "NotAllowedError" {
		t.Errorf("cancelled: %+v", got)
	}
	w.taken(h)
	w.browser.Closed("request.html")

	// No passkey for this site, which the page must not learn.
	h.onAsk(nil)
	w.site.Open("https://other.example/")
	if got := w.try(`use()`); got.Error != "NotAllowedError" {
		t.Errorf("no passkey: %+v", got)
	}
	w.browser.Find("request.html").See("has no passkey for this site")

	// Another site's relying party id.
	if got := w.try(`use({}, "login.microsoft.com")`); got.Error != "SecurityError" {
		t.Errorf("foreign relying party id: %+v", got)
	}
}

// TestAbsentPhone: the page waits while the phone comes.
func TestAbsentPhone(t *testing.T) {
	w := newWorld(t)
	h := w.handset("Ada's phone")
	w.connect()
	w.pair(h)
	if made := w.try(`make()`); made.Error != "" {
		t.Fatalf("create: %+v", made)
	}
	w.browser.Closed("request.html")
	h.disconnect()
	w.start(`use()`)
	window := w.browser.Find("request.html")
	window.See("Waking your phone")
	w.looks(window, "request-waking", inside)
	h.connect()
	if got := w.settled(); got.Error != "" {
		t.Errorf("after the phone came back: %+v", got)
	}
}

// TestAnotherWay: the browser's own keys take over for a while, and the phone after that.
func TestAnotherWay(t *testing.T) {
	w := newWorld(t)
	h := w.handset("Ada's phone")
	w.connect()
	w.pair(h)
	asked, _ := h.hold()
	w.start(`make()`)
	w.awaited(asked)
	window := w.browser.Find("request.html")
	window.Press("Use another way")
	if got := w.settled(); got.Error != "NotAllowedError" {
		t.Errorf("turned to another way: %+v", got)
	}
	w.taken(h)
	window.See("Now use another way")
	w.looks(window, "request-another-way", inside)
	w.browser.See("The browser's own keys are used until")
	w.leftAlone(asked)
	window.Press("Use my phone again")
	w.browser.See("Ready: Ada's phone can be reached.")
	h.onAsk(nil)
	if made := w.try(`make()`); made.Error != "" || !strings.Contains(string(made.OK), `"cross-platform"`) {
		t.Errorf("with the phone again: %+v", made)
	}

	// The switch does the same without an end.
	w.browser.Press("Use paired phones when a page asks for a passkey")
	w.browser.See("Phones are not used")
	asked, _ = h.hold()
	w.leftAlone(asked)
}

// leftAlone has the page ask while phones are not used: the browser shows what it has itself, until the page gives up.
func (w *world) leftAlone(asked chan string) {
	w.Helper()
	w.start(`make()`)
	browser.Evaluate[bool](w.site, `new Promise(r => setTimeout(r, 500, true))`)
	select {
	case <-asked:
		w.Error("the phone is asked")
	default:
	}
	browser.Evaluate[bool](w.site, `(abort.abort(), true)`)
	if got := w.settled(); got.Error != "AbortError" {
		w.Errorf("given up while the browser asks: %+v", got)
	}
}

// TestSecondExtension: another extension has the requests, which the page says with what to do.
func TestSecondExtension(t *testing.T) {
	other := t.TempDir()
	for name, content := range map[string]string{
		"manifest.json": `{"manifest_version": 3, "name": "Other", "version": "1", "permissions": ["webAuthenticationProxy"], "background": {"service_worker": "worker.js"}}`,
		"worker.js":     `chrome.webAuthenticationProxy.attach(); chrome.webAuthenticationProxy.onGetRequest.addListener(() => {});`,
	} {
		if err := os.WriteFile(filepath.Join(other, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w := newWorldIn(t, setting{other: other})
	h := w.handset("Ada's phone")
	w.connect()
	w.introduce(h)
	w.browser.See("Another extension answers the sign-ins of this browser.")
	w.browser.Press("Check everything")
	w.browser.See("The link to the phones is up.")
	w.browser.See("Turn the other extension off")
	w.looks(w.browser, "held", 560)
}

// TestEmbeddedPage: a page in a frame of another site signs in as what it is, and says that it was embedded.
func TestEmbeddedPage(t *testing.T) {
	w := newWorld(t)
	h := w.handset("Ada's phone")
	w.connect()
	w.pair(h)
	if made := w.try(`make()`); made.Error != "" {
		t.Fatalf("create: %+v", made)
	}
	w.browser.Closed("request.html")
	w.site.Open("https://other.example/outer")
	got := w.try(`new Promise(r => { onmessage = e => r(e.data); frames[0].postMessage("use", "*"); })`)
	if got.Error != "" {
		t.Fatalf("get: %+v", got)
	}
	var assertion struct {
		Response struct {
			ClientDataJSON string `json:"clientDataJSON"`
		}
	}
	if err := json.Unmarshal(got.OK, &assertion); err != nil {
		t.Fatal(err)
	}
	data, err := base64.RawURLEncoding.DecodeString(assertion.Response.ClientDataJSON)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(data), `"origin":"https://login.microsoft.com","crossOrigin":true`) {
		t.Errorf("client data: %s", data)
	}
}
