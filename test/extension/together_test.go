package extension

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/internal/browser"
)

// TestTwoPhones: with the phones of two users the person says whose is asked, and the one that is there is asked at once
// when the other has gone.
func TestTwoPhones(t *testing.T) {
	w := newWorld(t)
	ada, bob := w.handset("Ada's phone"), w.handset("Bob's phone")
	w.connect()
	w.pair(ada)
	w.pair(bob)
	if first, second := w.browser.Text("#phones li:nth-child(1) .who"), w.browser.Text("#phones li:nth-child(2) .who"); first == second || first == "" {
		t.Errorf("the phones are of %q and %q", first, second)
	}
	asked, let := bob.hold()
	w.start(`make()`)
	window := w.browser.Find("request.html")
	window.See("Which phone?")
	w.looks(window, "request-choose", inside)
	window.Click("#choices li:nth-child(2) button")
	number := w.awaited(asked)
	window.See(number)
	if text := window.Text("#text"); !strings.Contains(text, "Bob's phone") {
		t.Errorf("the window says %q", text)
	}
	let <- nil
	if got := w.settled(); got.Error != "" {
		t.Fatalf("create: %+v", got)
	}
	w.browser.Closed("request.html")
	bob.onAsk(nil)
	ada.disconnect()
	w.browser.See("Ready: Bob's phone")
	if got := w.try(`use()`); got.Error != "" {
		t.Errorf("get with one phone there: %+v", got)
	}
	ada.connect()
}

// TestNotAllowed: what the control center forbids while a phone is asked ends the request, and the person reads why.
func TestNotAllowed(t *testing.T) {
	tests := map[string]struct {
		code   postern.Code
		forbid func(w *world) error
	}{
		"disabled": {
			code: postern.CodeIntegrationDisabled,
			forbid: func(w *world) error {
				_, err := w.admin.SetIntegrationState(w.Context(), w.integration.ID, postern.StateInput{Version: w.integration.Version, State: postern.StateDisabled})
				return err
			},
		},
		"domain": {
			code: postern.CodeDomainRefused,
			forbid: func(w *world) error {
				_, err := w.admin.SetLoginSettings(w.Context(), w.integration.ID, postern.LoginSettings{Version: w.integration.Version, RestrictDomains: true, Domains: []string{"elsewhere.example"}})
				return err
			},
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			h := w.handset("Ada's phone")
			w.connect()
			w.pair(h)
			asked, _ := h.hold()
			w.start(`make()`)
			w.awaited(asked)
			if err := test.forbid(w); err != nil {
				t.Fatal(err)
			}
			if got := w.settled(); got.Error != "NotAllowedError" {
				t.Errorf("the page gets %+v", got)
			}
			w.taken(h)
			says := postern.Errorf(test.code, "")
			window := w.browser.Find("request.html")
			window.See(says.Message)
			window.See(says.Next)
			w.looks(window, "request-"+name, inside)
			w.browser.See(says.Message)
			w.looks(w.browser, name, 560)
			w.leftAlone(asked) // the browser's own keys take over
		})
	}
}

// TestWrongClock: the browser learns the control center's time, works by it, and says that its own is wrong.
func TestWrongClock(t *testing.T) {
	w := newWorldIn(t, setting{skew: 10 * time.Minute})
	h := w.handset("Ada's phone")
	w.connect()
	w.pair(h)
	if made := w.try(`make()`); made.Error != "" {
		t.Errorf("create: %+v", made)
	}
	w.browser.Press("Check everything")
	w.browser.See("The clock of this computer and the control center's differ by")
	w.browser.See("Set the computer's clock to automatic time.")
	w.looks(w.browser, "diagnosis", 560)
}

// TestTime: a page's time is up at the page, in the window and on the phone. Chromium gives no page less than three minutes,
// so this copy of the worker corrects it to the least that the extension does.
func TestTime(t *testing.T) {
	hasty := filepath.Join(t.TempDir(), "extension")
	if err := os.CopyFS(hasty, os.DirFS(built)); err != nil {
		t.Fatal(err)
	}
	worker := filepath.Join(hasty, "background.js")
	script, err := os.ReadFile(worker)
	if err != nil {
		t.Fatal(err)
	}
	changed := strings.Replace(string(script), "requestId, requestDetailsJson);", `requestId, requestDetailsJson.replace('"timeout":180000', '"timeout":10000'));`, 1)
	if changed == string(script) {
		t.Fatal("the worker hands requests over in another way")
	}
	if err := os.WriteFile(worker, []byte(changed), 0o600); err != nil {
		t.Fatal(err)
	}
	w := newWorldIn(t, setting{extension: hasty})
	h := w.handset("Ada's phone")
	w.connect()
	w.pair(h)
	asked, _ := h.hold()
	w.start(`make({timeout: 12000})`)
	w.awaited(asked)
	window := w.browser.Find("request.html")
	window.See("The page gives up in")
	shown := browser.Evaluate[string](window, `new Promise(r => chrome.runtime.connect().onMessage.addListener(m => r(JSON.parse(m.view).request.deadline)))`)
	if told := h.until(); shown != told.UTC().Format(time.RFC3339) {
		t.Errorf("the window ends at %s, the phone at %s", shown, told)
	}
	if got := w.settled(); got.Error != "NotAllowedError" {
		t.Errorf("the page gets %+v", got)
	}
	w.taken(h)
	window.See("Nobody answered on the phone in time.")
	w.looks(window, "request-late", inside)
}

// TestConditional: a page that only wants passkeys offered in a form is told that there are none of the kind, and nobody
// is bothered.
func TestConditional(t *testing.T) {
	w := newWorld(t)
	h := w.handset("Ada's phone")
	w.connect()
	w.pair(h)
	asked, _ := h.hold()
	if browser.Evaluate[bool](w.site, `PublicKeyCredential.isConditionalMediationAvailable()`) {
		t.Error("the browser says that it offers passkeys in forms")
	}
	if got := w.try(`outcome(navigator.credentials.get({mediation: "conditional", publicKey: {challenge: challenge(), rpId: location.hostname}}))`); got.Error != "NotAllowedError" {
		t.Errorf("the page gets %+v", got)
	}
	select {
	case <-asked:
		t.Error("the phone is asked")
	default:
	}
}

// TestLeaveOffline: a control center that cannot be reached hears later that the browser was disconnected.
func TestLeaveOffline(t *testing.T) {
	w := newWorld(t)
	h := w.handset("Ada's phone")
	w.connect()
	w.pair(h)
	w.front.cut()
	w.browser.See("The control center cannot be reached.")
	w.looks(w.browser, "offline", 560)
	w.browser.Press("Disconnect this browser")
	w.browser.Click("#confirm-yes")
	w.browser.See("could not be told that this browser was disconnected")
	w.looks(w.browser, "left-offline", 560)
	w.front.mend()
	w.browser.EndWorker(extensionID)
	w.browser.Gone("could not be told")
	list, err := w.admin.Workstations(t.Context(), w.integration.ID)
	if err != nil {
		t.Fatal(err)
	}
	for _, station := range list {
		if station.RevokedAt == nil {
			t.Errorf("still there: %+v", station)
		}
	}
}

// TestPopup: the page in the toolbar is as wide as it wants to be, and pairs in a tab, which stays open.
func TestPopup(t *testing.T) {
	w := newWorld(t)
	w.connect()
	popup := w.browser.Beside()
	popup.Open("chrome-extension://" + extensionID + "/page.html?popup")
	popup.See("No phone is paired yet.")
	w.looks(popup, "popup", 352)
	popup.Press("Pair a phone")
	w.browser.Closed("page.html?popup")
	w.browser.See("seconds left")
}

// TestGerman: the pages speak the browser's language, with nothing left out of place.
func TestGerman(t *testing.T) {
	w := newWorldIn(t, setting{lang: "de"})
	h := w.handset("Adas Handy")
	w.browser.See("Diesen Browser verbinden")
	w.looks(w.browser, "connect", 560)
	w.browser.Set("#server", w.server)
	w.browser.Press("Verbinden")
	w.browser.See("Noch ist kein Handy gekoppelt.")
	w.browser.Press("Handy koppeln")
	w.browser.See("Sekunden")
	w.browser.Click("#typed")
	w.browser.Shown("#code")
	w.looks(w.browser, "pair-type", 560)
	same, done := h.join(w.browser.Text("#code"))
	<-h.compare
	w.browser.See("dieselben Ziffern?")
	w.looks(w.browser, "pair-digits", 560)
	same <- true
	w.browser.Press("Gleiche Ziffern")
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	w.browser.See("kann jetzt in diesem Browser benutzt werden")
	w.browser.Press("Fertig")
	w.browser.See("Bereit: Adas Handy")
	w.browser.Press("Alles prüfen")
	w.browser.See("Die Verbindung zu den Handys steht.")
	w.looks(w.browser, "ready", 560)
	asked, let := h.hold()
	w.start(`make()`)
	w.awaited(asked)
	window := w.browser.Find("request.html")
	window.See("Schauen Sie auf das Handy")
	w.looks(window, "request-digits", inside)
	let <- nil
	if got := w.settled(); got.Error != "" {
		t.Fatalf("create: %+v", got)
	}
	w.browser.Closed("request.html")
	w.start(`make()`)
	w.awaited(asked)
	window = w.browser.Find("request.html")
	window.Press("Anders anmelden")
	window.See("Jetzt geht es anders")
	w.looks(window, "request-another-way", inside)
}
