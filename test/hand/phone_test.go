package hand

import (
	"fmt"
	"path/filepath"

	"github.com/chromedp/chromedp"

	"github.com/postern/postern/internal/browser"
)

// phone is a browser as people hold it: narrow, with a platform authenticator whose PRF locks the app's passkeys, and with a
// camera that sees the picture in a file.
type phone struct {
	*browser.Tab
	w      *world
	name   string
	camera string
}

func (w *world) newPhone(name string) *phone {
	w.Helper()
	p := &phone{w: w, name: name, camera: filepath.Join(w.TempDir(), name+".y4m")}
	p.Tab = browser.Open(w.T,
		chromedp.Flag("use-fake-device-for-media-stream", true), chromedp.Flag("use-fake-ui-for-media-stream", true),
		chromedp.Flag("use-file-for-fake-video-capture", p.camera), chromedp.Flag("lang", "en-US"), chromedp.WindowSize(390, 844),
	)
	p.AddGate()
	p.Watch()
	p.Look("light", 390)
	return p
}

// shot keeps a picture of the screen.
func (p *phone) shot(name string) {
	p.w.Helper()
	p.Screenshot("hand/" + p.name + "-" + name)
}

// digits are those that the screen shows, large.
func (p *phone) digits() string {
	p.w.Helper()
	return browser.Evaluate[string](p.Tab, `document.querySelector(".digits [aria-hidden]")?.textContent ?? ""`)
}

// on waits until the screen with that heading is shown.
func (p *phone) on(title string) {
	p.w.Helper()
	p.Until("the screen "+title, fmt.Sprintf(`document.getElementById("title")?.textContent === %q`, title))
}

// stopwatch has the page note when Accept was tapped, how long the biometric took, and when what was sent.
func (p *phone) stopwatch() {
	p.w.Helper()
	browser.Evaluate[bool](p.Tab, `(() => {
		window.watch = { tapped: 0, proved: 0, gate: 0, sent: [] };
		addEventListener("click", () => { watch.tapped ||= performance.now(); }, { capture: true, once: true });
		const get = navigator.credentials.get.bind(navigator.credentials);
		navigator.credentials.get = async (o) => {
			const began = performance.now();
			try { return await get(o); } finally { watch.proved = performance.now(); watch.gate = watch.proved - began; }
		};
		const send = WebSocket.prototype.send;
		WebSocket.prototype.send = function (data) { watch.sent.push([performance.now(), data.byteLength]); return send.call(this, data); };
		return true;
	})()`)
}

// tellTimes prints how long the phone took from the tap to its sealed answer, the biometric apart. It is told, not tested.
func (w *world) tellTimes() {
	w.Helper()
	const sealed = 256 // the least a sealed message takes
	took := browser.Evaluate[[]float64](w.phone.Tab, fmt.Sprintf(`(() => {
		const answer = watch.sent.find(([at, size]) => at > watch.proved && size > %d);
		return answer ? [answer[0] - watch.tapped - watch.gate, watch.gate] : [];
	})()`, sealed))
	if len(took) != 2 {
		w.Fatal("the phone sent no answer after its biometric")
	}
	fmt.Printf("            from the tap on Accept to the answer: %.0f ms, and %.0f ms of the biometric\n", took[0], took[1])
}
