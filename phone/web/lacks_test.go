package web_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/postern/postern/internal/browser"
	"github.com/postern/postern/phone/web"
)

// TestWhatABrowserLacks: an app that cannot run says what is missing and what to do, and never shows an empty page.
func TestWhatABrowserLacks(t *testing.T) {
	address := serve(t, refusing(handler(t, web.Options{})))
	first := browser.Open(t, chromedp.Flag("lang", "en-US"))
	sentences := language(t, "en").Codes
	for code, without := range map[string]string{
		"wasm_missing":    `delete globalThis.WebAssembly`,
		"browser_old":     `Object.defineProperty(Navigator.prototype, "locks", {value: undefined})`,
		"storage_missing": `IDBFactory.prototype.open = () => { throw new DOMException("a private window", "SecurityError"); }`,
	} {
		b := first.Beside()
		b.Before(without)
		b.Open(address + "/app/")
		b.See(sentences[code][0])
		b.See(sentences[code][1])
	}
	b := first.Beside()
	b.Before(`Object.defineProperty(globalThis, "indexedDB", {value: undefined})`)
	b.Open(address + "/app/")
	b.See(sentences["storage_missing"][0])
	b = first.Beside() // a database that takes nothing, as some private windows have it
	b.Before(`IDBObjectStore.prototype.put = () => { throw new DOMException("no room", "QuotaExceededError"); }`)
	b.Open(address + "/app/")
	b.See(sentences["storage_missing"][0])
}

// TestCamera: without a camera, or without leave to use it, the app says so and leads to typing.
func TestCamera(t *testing.T) {
	address := serve(t, refusing(handler(t, web.Options{})))
	sentences := language(t, "en").Codes
	for code, granted := range map[string]bool{"camera_denied": false, "camera_missing": true} {
		flags := []chromedp.ExecAllocatorOption{chromedp.Flag("lang", "en-US")}
		if !granted {
			flags = append(flags, chromedp.Flag("use-fake-device-for-media-stream", true))
		}
		b := browser.Open(t, flags...)
		b.AddGate()
		b.Permit(address, "camera", granted)
		b.Open(address + "/app/")
		b.Press("Begin")
		b.Press("Scan the code instead")
		b.See(sentences[code][0])
		b.See("Try the camera again")
		b.Press("Type the code instead")
		b.See("Code of the invitation")
	}
}

// TestPush delivers what the control center sends, and a message that nobody sent.
func TestPush(t *testing.T) {
	address := serve(t, refusing(handler(t, web.Options{})))
	b := browser.Open(t, chromedp.Flag("lang", "en-US"))
	b.Permit(address, "notifications", true)
	b.AddGate()
	b.Open(address + "/app/")
	b.See("Your phone is your key")
	b.Until("the service worker", `window.active || (navigator.serviceWorker.ready.then(() => { window.active = true; }), false)`)
	for _, c := range []struct{ message, title, body, tag string }{
		{`{"kind":"request","workstation":"LAPTOP-7"}`, "Sign-in request", "LAPTOP-7 asks for your passkey. Open the app to look at it.", "postern-request"},
		{`{"kind":"provisioning"}`, "A passkey is offered", "Your organisation offers you a passkey. Open the app to accept it.", "postern-provisioning"},
		{`{"kind":"notice"}`, "Something changed", "Open the app to see what it means for you.", "postern-notice"},
		{`{"kind":"request"}`, "Sign-in request", "A computer asks for your passkey. Open the app to look at it.", "postern-request"},
		{`{"kind":"request","workstation":"` + strings.Repeat("X", 80) + `"}`, "Sign-in request", strings.Repeat("X", 64) + " asks for your passkey. Open the app to look at it.", "postern-request"},
		{`not JSON`, "Something changed", "Open the app to see what it means for you.", "postern-notice"},
	} {
		// A notification is closed by its tag, and late: the next one of the tag is only sent for when the one before is gone.
		b.Until("no notification", `window.none || (navigator.serviceWorker.ready.then((r) => r.getNotifications()).then((all) => { window.none = all.length === 0; for (const n of all) n.close(); }), false)`)
		browser.Evaluate[chromedp.Void](b, `window.shown = [], window.none = false, null`)
		b.Push(address, c.message)
		b.Until(c.message, `window.shown.length > 0 || (navigator.serviceWorker.ready.then((r) => r.getNotifications()).then((all) => { window.shown = all.map((n) => [n.title, n.body, n.tag]); }), false)`)
		if got := browser.Evaluate[[][]string](b, `window.shown`); len(got) != 1 || fmt.Sprint(got[0]) != fmt.Sprint([]string{c.title, c.body, c.tag}) {
			t.Errorf("%s shows %q", c.message, got)
		}
	}
}

// TestPushClick runs the service worker's own script with windows that are made up: browsers let only people click.
func TestPushClick(t *testing.T) {
	script, err := os.ReadFile(filepath.Join("skin", "sw.js"))
	if err != nil {
		t.Fatal(err)
	}
	filled := strings.NewReplacer("[[.Cached]]", "[]", "[[.Version]]", "1", "[[.Skin]]", "/app/skin-1/").Replace(string(script))
	b := browser.Open(t)
	b.Open("about:blank")
	for windows, want := range map[string]string{
		``:                                   "opened /app/",
		`"/app/"`:                            "focused /app/",
		`"/console/", "/app/stories/home"`:   "opened /app/",
		`"/console/", "/app/", "/app/other"`: "focused /app/",
	} {
		got := browser.Evaluate[string](b, `(async () => {
			const heard = {}, done = ["closed"];
			const clients = {
				matchAll: async () => [`+windows+`].map((path) => ({ url: "https://postern.example" + path, focus: async () => { done.push("focused " + path); } })),
				openWindow: async (path) => { done.push("opened " + path); },
			};
			const self = { addEventListener: (name, f) => { heard[name] = f; }, clients };
			new Function("self", "clients", `+fmt.Sprintf("%q", filled)+`)(self, clients);
			let waits, closed = false;
			heard.notificationclick({ notification: { close() { closed = true; } }, waitUntil(p) { waits = p; } });
			await waits;
			return closed ? done.slice(1).join(", ") : "the notification stays";
		})()`)
		if got != want {
			t.Errorf("with windows at %s: %s, want %s", windows, got, want)
		}
	}
}
