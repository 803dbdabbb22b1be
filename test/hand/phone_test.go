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
