package web

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
)

// browserPath finds Chromium or Chrome. The browser tests are part of the suite, so its absence fails them.
func browserPath(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if name == "" {
			continue
		}
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("These tests need Chromium: install it (Debian: apt-get install chromium), or name it in CHROMIUM.")
	return ""
}

// watch collects in the page whatever a person would find red in the console.
const watch = `window.wrong = [];
addEventListener("securitypolicyviolation", (e) => wrong.push("content security policy: " + e.violatedDirective + " " + e.blockedURI));
addEventListener("error", (e) => wrong.push("error: " + (e.message || "cannot load " + (e.target.src || e.target.href))), true);
addEventListener("unhandledrejection", (e) => wrong.push("rejection: " + e.reason));`

// browse starts a browser for the test and opens a tab that watches itself.
func browse(t *testing.T) context.Context {
	t.Helper()
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(browserPath(t)), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true),
		chromedp.UserDataDir(t.TempDir()),
	)
	ctx, stop := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(stop)
	ctx, closeTab := chromedp.NewContext(ctx)
	t.Cleanup(closeTab)
	err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: watch})
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// looks sets colour scheme and reduced motion, as the system settings of a person would.
func looks(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, tab *chromedp.Target) error {
		_, err := cdp.Call(ctx, tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
			{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
		}})
		return err
	})
}

func do(t *testing.T, ctx context.Context, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

func evaluate[T any](t *testing.T, ctx context.Context, script string) T {
	t.Helper()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return v
}

// screenshot keeps a picture of the page when somebody asked for pictures.
func screenshot(t *testing.T, ctx context.Context, name string) {
	t.Helper()
	folder := os.Getenv("POSTERN_ARTIFACTS")
	if folder == "" {
		return
	}
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "console", strings.ReplaceAll(name, "/", "-")+".png")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, picture, 0o644); err != nil {
		t.Fatal(err)
	}
}

// axe is the accessibility checker. npm fetches it once, at the version of the lock file, into the user's cache.
var axe = sync.OnceValues(func() (string, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	const version = "4.14.1"
	script := filepath.Join(cache, "postern", "axe-core-"+version, "axe.min.js")
	if text, err := os.ReadFile(script); err == nil {
		return string(text), nil
	}
	work, err := os.MkdirTemp("", "axe")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err := os.ReadFile(filepath.Join("testdata", "axe", name))
		if err != nil {
			return "", err
		}
		if err := os.WriteFile(filepath.Join(work, name), text, 0o644); err != nil {
			return "", err
		}
	}
	npm := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = work
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm cannot fetch axe-core (npm is needed for this test): %w\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(work, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(filepath.Dir(script), 0o755); err != nil {
		return "", err
	}
	return string(text), os.WriteFile(script, text, 0o644)
})

// violation is what axe found, as far as a person needs it to mend the page.
type violation struct {
	ID    string   `json:"id"`
	Help  string   `json:"help"`
	Nodes []string `json:"nodes"`
}

// checkAxe runs axe in the page as it stands: every rule, or only those named. It does not preload style sheets, for
// which it would have to write inline ones.
func checkAxe(t *testing.T, ctx context.Context, state string, rules ...string) {
	t.Helper()
	script, err := axe()
	if err != nil {
		t.Fatal(err)
	}
	do(t, ctx, chromedp.Evaluate[chromedp.Void](`if (!window.axe) {`+script+`} null`))
	only := ""
	if len(rules) > 0 {
		only = `, runOnly: ["` + strings.Join(rules, `","`) + `"]`
	}
	found := evaluate[[]violation](t, ctx, `axe.run(document, {resultTypes: ["violations"], preload: false`+only+`}).then((r) => r.violations.map((v) => ({
		id: v.id, help: v.help, nodes: v.nodes.map((n) => n.html.slice(0, 200) + " | " + (n.any[0] || n.all[0] || n.none[0] || {}).message),
	})))`)
	for _, v := range found {
		t.Errorf("%s: axe: %s: %s\n\t%s", state, v.ID, v.Help, strings.Join(v.Nodes, "\n\t"))
	}
}

// checkWatch reports what the page found wrong with itself.
func checkWatch(t *testing.T, ctx context.Context) {
	t.Helper()
	for _, w := range evaluate[[]string](t, ctx, `window.wrong`) {
		t.Error(w)
	}
}
