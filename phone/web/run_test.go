package web_test

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/skip2/go-qrcode"

	"github.com/postern/postern/internal/browser"
	"github.com/postern/postern/phone/web"
)

const invitation = "K7QF-01AB-CDEF-9XYZ"

// refusing is a control center that takes no code: enough to try what the skin does around the core.
func refusing(app http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/app/", app)
	mux.Handle("/p", app)
	mux.HandleFunc("/phone/v1/enrolments", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"code":"invitation_code_invalid","detail":"The code is not right.","next":"Check each character."}`))
	})
	return mux
}

// TestFirstStart runs the real core: the invitation comes by the camera, the gate is made once, and what it gave is overwritten.
func TestFirstStart(t *testing.T) {
	address := serve(t, refusing(handler(t, web.Options{})))
	picture, err := qrcode.Encode(address+"/app/#i="+invitation, qrcode.Medium, 512)
	if err != nil {
		t.Fatal(err)
	}
	camera := filepath.Join(t.TempDir(), "camera.y4m")
	if err := browser.CameraFile(camera, picture); err != nil {
		t.Fatal(err)
	}
	b := browser.Open(t, chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-video-capture", camera), chromedp.Flag("lang", "en-US"))
	b.AddGate()
	b.Watch()
	hold(t, b, "light", 390, 844)
	b.Open(address + "/app/")
	b.See("Your phone is your key")
	browser.Evaluate[chromedp.Void](b, `
		window.made = 0; window.outputs = [];
		const create = navigator.credentials.create.bind(navigator.credentials);
		navigator.credentials.create = (o) => { made++; return create(o); };
		const call = postern.call.bind(postern);
		postern.call = (c, j, ...o) => { if (o.length) outputs.push({ array: o[0], secret: o[0].length === 32 && o[0].some((x) => x) }); return call(c, j, ...o); };
		null`)
	b.Press("Begin")
	b.Press("Scan the code instead")
	b.Until("the code from the camera", `document.querySelector("[name=code]")?.value === "`+invitation+`"`)
	b.Screenshot("phone/first start")
	b.Press("Set up")
	b.See("The code is not right.")
	if made := browser.Evaluate[int](b, `made`); made != 1 {
		t.Errorf("the gate was made %d times", made)
	}
	b.Press("Set up")
	b.Until("the second answer", `outputs.length === 2`)
	b.See("The code is not right.")
	if made := browser.Evaluate[int](b, `made`); made != 1 {
		t.Errorf("a second try made another gate: %d", made)
	}
	if !browser.Evaluate[bool](b, `outputs.every((o) => o.secret)`) {
		t.Error("what the gate gave is not 32 bytes of a key")
	}
	b.Until("overwriting what the gate gave", `outputs.every((o) => o.array.every((x) => x === 0))`)
	if stopped := browser.Evaluate[bool](b, `document.querySelector("video") === null`); !stopped {
		t.Error("the camera's picture is still there")
	}
	for _, w := range b.Wrong() {
		t.Error(w)
	}
}

// TestCodeInTheAddress takes the code out of the address at once, so that it is in no history.
func TestCodeInTheAddress(t *testing.T) {
	address := serve(t, refusing(handler(t, web.Options{})))
	b := browser.Open(t, chromedp.Flag("lang", "en-US"))
	b.AddGate()
	b.Open(address + "/app/#i=" + invitation)
	b.Until("the code from the address", `document.querySelector("[name=code]")?.value === "`+invitation+`"`)
	if at := browser.Evaluate[string](b, `location.href`); strings.Contains(at, "#") {
		t.Errorf("the code is still in the address: %s", at)
	}
	b.Open("about:blank")
	b.Open(address + "/p#" + strings.Repeat("pGExAQ", 20))
	b.See("this browser is not set up as a phone yet")
	if at := browser.Evaluate[string](b, `location.href`); at != address+"/app/" {
		t.Errorf("the code is still in the address: %s", at)
	}

	// A second window does not run the core too, and can take it over.
	second := b.Beside()
	second.Open(address + "/app/")
	second.See("Open in another window")
	second.Press("Use it here")
	second.See("Your phone is your key")
	b.See("Open in another window")
}

// TestWithoutANetwork starts the app with the control center gone, and takes a new version when it is there again.
func TestWithoutANetwork(t *testing.T) {
	app := refusing(handler(t, web.Options{}))
	var gone, newer atomic.Bool
	address := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case gone.Load():
			panic(http.ErrAbortHandler) // as a cable that was pulled
		case newer.Load() && r.URL.Path == "/app/sw.js":
			r.Header.Del("Accept-Encoding")
			r.Header.Del("If-None-Match")
			was := httptest.NewRecorder()
			app.ServeHTTP(was, r)
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(strings.Replace(was.Body.String(), `const version = "`, `const version = "newer`, 1)))
		default:
			app.ServeHTTP(w, r)
		}
	}))
	b := browser.Open(t, chromedp.Flag("lang", "en-US"))
	b.AddGate()
	b.Watch()
	b.Open(address + "/app/")
	b.See("Your phone is your key")
	b.Until("the service worker", `window.active || (navigator.serviceWorker.ready.then(() => { window.active = true; }), false)`)
	gone.Store(true)
	b.Open(address + "/app/")
	b.See("Your phone is your key")
	for _, w := range b.Wrong() {
		t.Error(w)
	}
	gone.Store(false)
	newer.Store(true)
	browser.Evaluate[chromedp.Void](b, `navigator.serviceWorker.ready.then((r) => r.update()).then(() => null)`)
	b.See("A new version of the app is ready.")
	b.Press("Use it now")
	b.Until("the newer version", `window.versions?.some((n) => n.includes("newer")) && window.versions.length === 1 || (caches.keys().then((n) => { window.versions = n; }), false)`)
	b.See("Your phone is your key")
}

// TestStore holds the records to what the vault asks of them.
func TestStore(t *testing.T) {
	address := serve(t, handler(t, web.Options{Stories: true}))
	store := ""
	for _, f := range read(t).Files {
		if strings.HasSuffix(f.Path, "/store.js") {
			store = "/app/" + f.Path
		}
	}
	b := browser.Open(t)
	b.Open(address + "/app/stories/home")
	wrong := browser.Evaluate[[]string](b, `(async () => {
		const wrong = [];
		const is = (what, got, want) => { if (JSON.stringify(got) !== JSON.stringify(want)) wrong.push(what + ": " + JSON.stringify(got) + ", not " + JSON.stringify(want)); };
		const { Store } = await import("`+store+`");
		const one = await Store.open(), two = await Store.open();
		const secret = new TextEncoder().encode("a text that nobody should find");
		is("first write", await one.replace([{ name: "a", from: 0, data: secret }, { name: "b", from: 0, data: new Uint8Array([1]) }]), true);
		let all = await two.read(null);
		is("names", Object.keys(all).sort(), ["a", "b"]);
		is("content", [...all.a.data], [...secret]);
		const first = all.a.version;
		is("a version of 0", first > 0, true);
		is("stale write", await two.replace([{ name: "b", from: all.b.version, data: new Uint8Array([2]) }, { name: "a", from: first + 7, data: secret }]), false);
		is("nothing of it", [...(await one.read(["b"])).b.data], [1]);
		is("write over what exists", await one.replace([{ name: "a", from: 0, data: secret }]), false);
		is("delete", await one.replace([{ name: "a", from: first, data: null }]), true);
		is("deleted", await two.read(["a"]), {});
		is("make again", await two.replace([{ name: "a", from: 0, data: new Uint8Array() }]), true);
		const again = (await one.read(["a", "missing"]));
		is("only what exists", Object.keys(again), ["a"]);
		is("an empty record", again.a.data.length, 0);
		is("a version that was never given", again.a.version > first && again.a.version > all.b.version, true);
		const both = await Promise.all([one, two].map((s) => s.replace([{ name: "a", from: again.a.version, data: secret }])));
		is("one of two wins", both.filter(Boolean).length, 1);
		const db = await new Promise((d) => { const o = indexedDB.open("postern"); o.onsuccess = () => d(o.result); });
		const raw = await new Promise((d) => { const g = db.transaction("records").objectStore("records").get("a"); g.onsuccess = () => d(g.result); });
		is("in the clear", new TextDecoder().decode(raw.sealed).includes("nobody"), false);
		const key = await new Promise((d) => { const g = db.transaction("keep").objectStore("keep").get("key"); g.onsuccess = () => d(g.result); });
		is("a key that can be taken out", await crypto.subtle.exportKey("raw", key).then(() => true, () => false), false);
		one.held = () => false;
		is("writing without the lock", await one.replace([{ name: "c", from: 0, data: secret }]).then(() => "written", () => "refused"), "refused");
		const last = (await two.read(["a"])).a.version;
		await two.erase();
		is("erased", await two.read(null), {});
		await two.replace([{ name: "a", from: 0, data: secret }]);
		is("versions after erasing", (await two.read(["a"])).a.version > last, true);
		return wrong;
	})()`)
	for _, w := range wrong {
		t.Error(w)
	}
}
