package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"text/template"

	"github.com/postern/postern/internal/gowasm"
	"github.com/postern/postern/phone/web"
)

type config struct{ Skin, Stories, Core, Out, Quick string }

// asset is a file before it is written.
type asset struct {
	path      string // below /app/; empty is the start page
	content   []byte
	immutable bool
	story     bool
	lazy      bool // not needed for the first screen
}

// Files of the skin that stay at one address, because something outside refers to them. They are templates.
var fixed = map[string]string{"index.html": "", "sw.js": "sw.js", "app.webmanifest": "app.webmanifest"}

// names are what a template may say.
type names struct {
	Skin, Core, Stories string // addresses of the three groups, with a slash at the end
	Version             string // of the whole
	Cached              string // JSON: what the service worker keeps, each with its integrity
}

// build makes everything and says in a line what it made.
func build(ctx context.Context, c config) (string, error) {
	program, run, err := gowasm.Compile(ctx, c.Core)
	if err != nil {
		return "", err
	}
	core := map[string][]byte{"phone.wasm": program, "wasm_exec.js": run}
	skin, err := read(c.Skin)
	if err != nil {
		return "", err
	}
	stories, err := read(c.Stories)
	if err != nil {
		return "", err
	}
	templates := map[string][]byte{}
	for name := range fixed {
		templates[name] = skin[name]
		if skin[name] == nil {
			return "", fmt.Errorf("%s has no %s", c.Skin, name)
		}
		delete(skin, name)
	}
	n := names{Skin: "/app/" + group("skin", skin), Core: "/app/" + group("core", core)}
	var all []asset
	for name, content := range skin {
		all = append(all, asset{path: inApp(n.Skin, name), content: content, immutable: true, lazy: lazy(name)})
	}
	for name, content := range core {
		all = append(all, asset{path: inApp(n.Core, name), content: content, immutable: true})
	}
	n.Version = version(all, templates)
	storyPage := stories["index.html"]
	delete(stories, "index.html")
	for name, content := range stories {
		stories[name] = bytes.ReplaceAll(content, []byte("/app/skin/"), []byte(n.Skin))
	}
	n.Stories = "/app/" + group("stories", stories)
	for name, content := range stories {
		all = append(all, asset{path: inApp(n.Stories, name), content: content, immutable: true, story: true})
	}
	for _, page := range []struct {
		name, path string
		text       []byte
		story      bool
	}{
		{"index.html", "", templates["index.html"], false},
		{"app.webmanifest", "app.webmanifest", templates["app.webmanifest"], false},
		{"stories/index.html", "stories", storyPage, true},
		{"sw.js", "sw.js", templates["sw.js"], false}, // the last: it lists the others
	} {
		if page.name == "sw.js" {
			if n.Cached, err = cached(all); err != nil {
				return "", err
			}
		}
		content, err := fill(page.name, page.text, n)
		if err != nil {
			return "", err
		}
		all = append(all, asset{path: page.path, content: content, story: page.story, lazy: page.name == "sw.js"})
	}
	slices.SortFunc(all, func(a, b asset) int { return strings.Compare(a.path, b.path) })
	return write(ctx, c, n.Version, all)
}

// read takes in a folder.
func read(folder string) (map[string][]byte, error) {
	files := map[string][]byte{}
	root := os.DirFS(folder)
	err := fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(root, name)
		files[name] = content
		return err
	})
	return files, err
}

// group is the address of files that refer to each other by relative paths: it changes when any of them does.
func group(name string, files map[string][]byte) string {
	h := sha256.New()
	for _, file := range slices.Sorted(maps.Keys(files)) {
		sum := sha256.Sum256(files[file])
		fmt.Fprintf(h, "%s %x\n", file, sum)
	}
	return name + "-" + hex.EncodeToString(h.Sum(nil))[:16] + "/"
}

func inApp(group, name string) string { return strings.TrimPrefix(path.Join(group, name), "/app/") }

// lazy says whether a file of the skin is fetched after the first screen: the decoder, when the camera starts, and pictures.
func lazy(name string) bool {
	return strings.HasPrefix(name, "vendor/") || strings.HasPrefix(name, "icons/")
}

// version names the whole app.
func version(all []asset, templates map[string][]byte) string {
	files := map[string][]byte{}
	for _, a := range all {
		files[a.path] = a.content
	}
	for name, text := range templates {
		files["template "+name] = text
	}
	return strings.TrimSuffix(strings.TrimPrefix(group("v", files), "v-"), "/")
}

// cached lists what makes the app work without a network.
func cached(all []asset) (string, error) {
	type entry struct {
		URL       string `json:"url"`
		Integrity string `json:"integrity"`
	}
	var list []entry
	for _, a := range all {
		if a.story || strings.Contains(a.path, "/LICENSE") {
			continue
		}
		sum := sha256.Sum256(a.content)
		list = append(list, entry{"/app/" + a.path, "sha256-" + base64.StdEncoding.EncodeToString(sum[:])})
	}
	slices.SortFunc(list, func(a, b entry) int { return strings.Compare(a.URL, b.URL) })
	text, err := json.Marshal(list)
	return string(text), err
}

func fill(name string, text []byte, n names) ([]byte, error) {
	t, err := template.New(name).Delims("[[", "]]").Parse(string(text))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, n); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// entry is the asset as the handler will know it.
func (a asset) entry() web.File {
	sum := sha256.Sum256(a.content)
	return web.File{
		Path: a.path, Hash: hex.EncodeToString(sum[:]), Size: len(a.content), Immutable: a.immutable, Story: a.story, Lazy: a.lazy,
		Compressed: compressible(a.path),
	}
}

func compressible(name string) bool { return path.Ext(name) != ".png" }
