package browser

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/chromedp/chromedp"
)

// lock names the version of axe-core, and what its archive must hash to.
//
//go:embed axe
var lock embed.FS

// axe is the accessibility checker axe-core. npm fetches it once, at the version of the lock file, into the user's cache.
var axe = sync.OnceValues(func() (string, error) {
	text, err := lock.ReadFile("axe/package.json")
	if err != nil {
		return "", err
	}
	var wanted struct{ DevDependencies map[string]string }
	if err := json.Unmarshal(text, &wanted); err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	script := filepath.Join(cache, "postern", "axe-core-"+wanted.DevDependencies["axe-core"], "axe.min.js")
	if text, err := os.ReadFile(script); err == nil {
		return string(text), nil
	}
	work, err := os.MkdirTemp("", "axe")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	files, err := fs.Sub(lock, "axe")
	if err != nil {
		return "", err
	}
	if err := os.CopyFS(work, files); err != nil {
		return "", err
	}
	npm := exec.Command("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
	npm.Dir = work
	if out, err := npm.CombinedOutput(); err != nil {
		return "", fmt.Errorf("npm cannot fetch axe-core (npm is needed for this test): %w\n%s", err, out)
	}
	text, err = os.ReadFile(filepath.Join(work, "node_modules", "axe-core", "axe.min.js"))
	if err != nil {
		return "", err
	}
	return string(text), keep(script, text)
})

// keep puts the file in its place at once: tests of another package may be reading.
func keep(path string, text []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// Axe runs axe-core in the page as it stands, with every rule or only those with these names, or these tags, and lists what violates one: the rule
// and the elements. It does not preload style sheets, for which it would have to write inline ones.
func (b *Tab) Axe(rules ...string) []string {
	b.t.Helper()
	script, err := axe()
	if err != nil {
		b.t.Fatal(err)
	}
	if !Evaluate[bool](b, `"axe" in window`) {
		Evaluate[chromedp.Void](b, script+`; null`)
	}
	only := ""
	if len(rules) > 0 {
		only = `, runOnly: ["` + strings.Join(rules, `","`) + `"]`
	}
	return Evaluate[[]string](b, `axe.run(document, {resultTypes: ["violations"], preload: false`+only+`}).then((r) => r.violations.map((v) =>
		v.id + ": " + v.help + v.nodes.map((n) => "\n\t" + n.html.slice(0, 200) + " | " + (n.any[0] || n.all[0] || n.none[0] || {}).message).join("")))`)
}
