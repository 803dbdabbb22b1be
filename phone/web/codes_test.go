package web_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/internal/browser"
	"github.com/postern/postern/link/offline"
	"github.com/postern/postern/phone/web"
)

// cut is what a page runs to have no network, whatever its browser says: fetches and connections fail, and are counted. While
// there is one, the control center takes every consent: what a workstation has to ask it for before is not what is tested here.
const cut = `
	window.asked = [];
	const fetched = globalThis.fetch.bind(globalThis), Socket = globalThis.WebSocket;
	const cut = () => localStorage.getItem("cut") === "yes";
	globalThis.fetch = (what, how) => {
		const url = String(what?.url ?? what), method = how?.method ?? what?.method ?? "GET";
		if (method === "PUT" && url.endsWith("/offline")) {
			window.consents = (window.consents ?? 0) + 1;
			return Promise.resolve(new Response('{"state":"consented"}', { status: 202, headers: { "Content-Type": "application/json" } }));
		}
		if (!cut() || url.includes("/app/")) return fetched(what, how);
		window.asked.push(method + " " + new URL(url, location.href).pathname);
		return Promise.reject(new TypeError("no network"));
	};
	globalThis.WebSocket = class extends Socket {
		constructor(...a) { if (cut()) throw new DOMException("no network"); super(...a); }
	};`

// shownCode is the code on the screen.
const shownCode = `document.querySelector(".code .digits [aria-hidden]")?.textContent ?? ""`

// TestCodesWithoutANetwork: the phone takes codes, is cut off and opened anew, and shows one after the other: as people see it and
// as a screen reader is told, asking nobody.
func TestCodesWithoutANetwork(t *testing.T) {
	w := newWorld(t)
	b := browser.Open(t, chromedp.Flag("lang", "en-US"))
	b.Permit(w.server, "notifications", true)
	b.AddGate()
	b.Before(cut)
	hold(t, b, "light", 390, 844)
	w.begin(b)
	b.See("My Security Keys")
	send := w.computer(b)
	batch := offline.Batch{
		ID: bytes.Repeat([]byte{1}, offline.IDSize), Seed: bytes.Repeat([]byte{2}, offline.SeedSize), Length: 8, Count: 5, Expires: time.Now().Add(24 * time.Hour).Truncate(time.Second),
	}
	request, err := offline.Message{What: offline.Issue, Batch: batch, Display: offline.MinDisplay, WarnAt: 3}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	answer := send(request)
	b.See("Sign in to LAPTOP-1 without a network")
	b.Screenshot("phone/codes-offered")
	b.Press("Accept")
	if got, err := answer(); err != nil || len(got) != 1 || ctap.Status(got[0]) != ctap.OK {
		t.Fatalf("answered %x, %v", got, err)
	}
	if told := browser.Evaluate[int](b, `window.consents`); told != 1 {
		t.Errorf("the control center was told %d times", told)
	}
	b.Until("the service worker", `window.active || (navigator.serviceWorker.ready.then(() => { window.active = true; }), false)`)
	browser.Evaluate[chromedp.Void](b, `localStorage.setItem("cut", "yes"), null`)
	b.Open(w.server + "/app/")
	b.See("To sign in to a computer that has none either, show a code.")
	b.Click("[data-to=codes-of]")
	b.See("Where LAPTOP-1 has no network")
	browser.Evaluate[chromedp.Void](b, `
		window.said = [];
		for (const id of ["polite", "assertive"]) new MutationObserver(() => { const text = document.getElementById(id).textContent; if (text) said.push(text); }).observe(document.getElementById(id), { childList: true, characterData: true, subtree: true });
		null`)
	show := func(i int) {
		t.Helper()
		b.Press("Show a code")
		b.Until("code "+batch.Code(i), `(`+shownCode+`) === "`+batch.Code(i)+`"`)
	}
	show(0)
	b.Screenshot("phone/code-shown")
	checkAxe(t, b, "a code", wcag...)
	b.Until("the code, said digit by digit", `window.said.some((s) => s.includes("`+strings.Join(strings.Split(batch.Code(0), ""), " ")+`"))`)
	b.Press("Done")
	b.See("Where LAPTOP-1 has no network")
	if code := browser.Evaluate[bool](b, `document.documentElement.textContent.includes("`+batch.Code(0)+`")`); code {
		t.Error("a code that was put away is still in the page")
	}
	// The page may end at any moment after a code: the next one is another.
	show(1)
	b.Open(w.server + "/app/")
	b.See("To sign in to a computer that has none either, show a code.")
	b.See("Codes left: 3")
	b.See("Open the app near LAPTOP-1 with a network to get new ones.")
	show(2)
	b.Until("the end of the code", `(`+shownCode+`) === ""`) // it goes by itself
	b.Until("the word for it", `document.getElementById("polite").textContent === "The code is hidden."`)
	for _, path := range browser.Evaluate[[]string](b, `window.asked`) {
		if strings.Contains(path, "offline") {
			t.Errorf("showing a code asked %s", path)
		}
	}
	browser.Evaluate[chromedp.Void](b, `localStorage.clear(), null`)
}

// TestTimeOfACode: a screen reader hears once that a code will be hidden soon, and nothing where that is at once.
func TestTimeOfACode(t *testing.T) {
	address := serve(t, handler(t, web.Options{Stories: true}))
	screen := ""
	for _, f := range read(t).Files {
		if strings.HasSuffix(f.Path, "/screen.js") {
			screen = "/app/" + f.Path
		}
	}
	b := browser.Open(t)
	b.Open(address + "/app/stories/code")
	browser.Evaluate[chromedp.Void](b, ready)
	for seconds, want := range map[int]string{30: "10", 21: "10", 20: "", 5: ""} {
		got := browser.Evaluate[string](b, fmt.Sprintf(`(async () => {
			const { running } = await import(%q), heard = [], ui = {};
			const view = { code: { shown: new Date(0).toISOString(), until: new Date(%d000).toISOString() } };
			for (let now = 0; now < %[2]d; now++) {
				const text = running(view, { get now() { return () => now * 1000; }, get running() { return ui.running; }, set running(v) { ui.running = v; } });
				if (text) heard.push(%[2]d - now);
			}
			return heard.join(" ");
		})()`, screen, seconds))
		if got != want {
			t.Errorf("of %d seconds a screen reader is told at %q, want %q", seconds, got, want)
		}
	}
}
