package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/postern/postern/internal/browser"
	"github.com/postern/postern/phone/web"
)

const (
	// firstLoadBudget is how many bytes a phone should have to fetch until the first screen.
	firstLoadBudget = 2_000_000
	appStarts       = 5
	builtApp        = "phone/web/dist"
	builtExtension  = "bin/extension"
	extensionZip    = "bin/postern-extension.zip"
	// extensionID follows from the key in the manifest.
	extensionID = "eaiabablbilcpegihlomhlbcehmbdodf"
)

// measureApp looks at the phone app as it was built: how much is fetched, and how long it takes in a browser that never saw
// it until the first view is drawn, against a page that only compiles the same core.
func measureApp(ctx context.Context) (figures []figure, err error) {
	files := os.DirFS(filepath.FromSlash(builtApp))
	text, err := fs.ReadFile(files, web.ListName)
	if err != nil {
		return nil, err
	}
	var list web.List
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, err
	}
	figures = append(figures, figure{
		Name: "app.first_load", Value: float64(list.FirstLoad()), Unit: "bytes", Baseline: firstLoadBudget, Against: "the budget; brotli, as it travels",
	})
	core := ""
	for _, f := range list.Files {
		if strings.HasSuffix(f.Path, "/phone.wasm") {
			core = "/app/" + f.Path
			figures = append(figures, figure{Name: "app.core", Value: float64(f.Least), Unit: "bytes", Baseline: float64(f.Size), Against: "the core before compression"})
		}
	}
	app, err := web.Handler(web.Options{Files: files})
	if err != nil {
		return figures, err
	}
	mux := http.NewServeMux()
	mux.Handle("/app/", app)
	mux.HandleFunc("/bare", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<!doctype html><script>WebAssembly.compileStreaming(fetch(%q)).then(() => { document.body.innerHTML = "<main>compiled</main>" })</script><body>`, core)
	})
	address, stop, err := serveAt(ctx, mux)
	if err != nil {
		return figures, err
	}
	defer stop()
	var ours, bare []float64
	for range appStarts {
		for _, one := range []struct {
			path, shows string
			into        *[]float64
		}{{"/app/", "Your phone is your key", &ours}, {"/bare", "compiled", &bare}} {
			if err := inBrowser(func(t testing.TB) {
				b := browser.Open(t, chromedp.Flag("lang", "en-US")) // another profile each time: nothing is cached
				b.AddGate()
				*one.into = append(*one.into, drawn(b, address+one.path, one.shows))
			}); err != nil {
				return figures, err
			}
		}
	}
	return append(figures, figure{Name: "app.start", Value: middle(ours), Unit: "ms", Baseline: middle(bare), Against: "a page that fetches and compiles the same core"}), nil
}

// measureExtension looks at the browser extension as it was built, and how long its page takes until it shows how things
// stand: with the service worker ended, and with it running.
func measureExtension(context.Context) (figures []figure, err error) {
	wasm, err := os.Stat(filepath.Join(filepath.FromSlash(builtExtension), "extension.wasm"))
	if err != nil {
		return nil, err
	}
	zipped, err := os.Stat(filepath.FromSlash(extensionZip))
	if err != nil {
		return nil, err
	}
	figures = []figure{{Name: "extension.zip", Value: float64(zipped.Size()), Unit: "bytes", Baseline: float64(wasm.Size()), Against: "its WebAssembly before compression"}}
	folder, err := filepath.Abs(filepath.FromSlash(builtExtension))
	if err != nil {
		return figures, err
	}
	var cold, warm []float64
	err = inBrowser(func(t testing.TB) {
		anchor := browser.Open(t, chromedp.Flag("headless", "new"), chromedp.Flag("disable-extensions", false),
			chromedp.Flag("load-extension", folder), chromedp.Flag("disable-extensions-except", folder),
			chromedp.Flag("disable-features", "DisableLoadExtensionCommandLineSwitch"), chromedp.Flag("lang", "en-US"))
		anchor.Open("about:blank")
		page := anchor.Find(extensionID + "/page.html") // opens by itself when the extension is installed
		const shows = "Connect this browser"
		page.See(shows)
		for range appStarts {
			warm = append(warm, drawn(page, "chrome-extension://"+extensionID+"/page.html", shows))
			page.Open("about:blank")
			anchor.EndWorker(extensionID)
			cold = append(cold, drawn(page, "chrome-extension://"+extensionID+"/page.html", shows))
		}
	})
	if err != nil {
		return figures, err
	}
	return append(figures, figure{Name: "extension.start", Value: middle(cold), Unit: "ms", Baseline: middle(warm), Against: "the same page while the service worker runs"}), nil
}

// drawn opens a page and gives the milliseconds from the beginning of the navigation until it shows the text.
func drawn(b *browser.Tab, address, text string) float64 {
	b.OnEveryPage(fmt.Sprintf(`(() => {
		const look = () => {
			if (document.body?.innerText.includes(%q)) window.drawnAfter = performance.now();
			else requestAnimationFrame(look);
		};
		requestAnimationFrame(look);
	})()`, text))
	b.Open(address)
	b.Until("the first view", `window.drawnAfter > 0`)
	return browser.Evaluate[float64](b, `window.drawnAfter`)
}

func middle(all []float64) float64 {
	slices.Sort(all)
	return all[len(all)/2]
}

// serveAt listens at localhost, which browsers hold for secure.
func serveAt(ctx context.Context, h http.Handler) (address string, stop func(), err error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	server := http.Server{ReadHeaderTimeout: time.Second, Handler: h}
	go func() { _ = server.Serve(l) }()
	return fmt.Sprintf("http://localhost:%d", l.Addr().(*net.TCPAddr).Port), func() { _ = server.Close() }, nil
}

// inBrowser runs what drives a browser outside a test.
func inBrowser(do func(t testing.TB)) error {
	t := &driver{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer t.end()
		do(t)
	}()
	<-done
	return t.err
}

// driver is as much of a test as a browser is driven with. Any other method of it panics.
type driver struct {
	testing.TB
	err      error
	cleanups []func()
}

func (*driver) Helper() {}

func (d *driver) Cleanup(f func()) { d.cleanups = append(d.cleanups, f) }

func (d *driver) Fatal(args ...any) {
	d.err = errors.New(fmt.Sprint(args...))
	runtime.Goexit()
}

func (d *driver) Fatalf(format string, args ...any) { d.Fatal(fmt.Sprintf(format, args...)) }

func (d *driver) TempDir() string {
	dir, err := os.MkdirTemp("", "bench-browser-")
	if err != nil {
		d.Fatal(err)
	}
	d.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func (d *driver) end() {
	for _, f := range slices.Backward(d.cleanups) {
		f()
	}
}
