package web_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/postern/postern/internal/browser"
)

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
func checkAxe(t *testing.T, b *browser.Tab, state string, rules ...string) {
	t.Helper()
	script, err := axe()
	if err != nil {
		t.Fatal(err)
	}
	browser.Evaluate[chromedp.Void](b, `if (!window.axe) {`+script+`} null`)
	only := ""
	if len(rules) > 0 {
		only = `, runOnly: ["` + strings.Join(rules, `","`) + `"]`
	}
	found := browser.Evaluate[[]violation](b, `axe.run(document, {resultTypes: ["violations"], preload: false`+only+`}).then((r) => r.violations.map((v) => ({
		id: v.id, help: v.help, nodes: v.nodes.map((n) => n.html.slice(0, 200) + " | " + (n.any[0] || n.all[0] || n.none[0] || {}).message),
	})))`)
	for _, v := range found {
		t.Errorf("%s: axe: %s: %s\n\t%s", state, v.ID, v.Help, strings.Join(v.Nodes, "\n\t"))
	}
}
