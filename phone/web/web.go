package web

import (
	"compress/gzip"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed all:dist
var embedded embed.FS

// Options are what a test or a demonstration sets.
type Options struct {
	// Stories serves /app/stories: every state of every screen, with nothing behind it.
	Stories bool
	// Files is an app to serve in place of the one in the program, as internal/appbuild left it.
	Files fs.FS
}

// Handler serves the app at /app/ and /p. A program that was built without it gets a page that says so; an app that cannot
// be read is an error.
func Handler(o Options) (http.Handler, error) {
	if o.Files == nil {
		sub, err := fs.Sub(embedded, "dist")
		if err != nil {
			return nil, err
		}
		o.Files = sub
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/p", toApp)
	mux.HandleFunc("/app", toApp)
	text, err := fs.ReadFile(o.Files, ListName)
	if errors.Is(err, fs.ErrNotExist) {
		mux.HandleFunc("/app/", missing)
		return secured(mux), nil
	}
	if err != nil {
		return nil, err
	}
	s := server{files: o.Files, byPath: map[string]File{}}
	var list List
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fmt.Errorf("phone app: %s: %w", ListName, err)
	}
	for _, f := range list.Files {
		if f.Story && !o.Stories {
			continue
		}
		s.byPath[f.Path] = f
	}
	mux.Handle("/app/", &s)
	return secured(mux), nil
}

// toApp leads to the start page. Browsers carry the fragment over a redirect that names none (RFC 9110 §10.2.2), so the
// code in it arrives, and no server sees it.
func toApp(w http.ResponseWriter, r *http.Request) {
	if !reading(w, r) {
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", "/app/")
	w.WriteHeader(http.StatusSeeOther)
}

func missing(w http.ResponseWriter, r *http.Request) {
	if !reading(w, r) {
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNotFound)
	_, _ = io.WriteString(w, `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>No phone app</title><h1>The phone app is not here</h1>
<p>This program was built without the phone app: run make build, and start it again.</p></html>
`)
}

func reading(w http.ResponseWriter, r *http.Request) bool {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return true
	}
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "The phone app can only be read here.", http.StatusMethodNotAllowed)
	return false
}

type server struct {
	files  fs.FS
	byPath map[string]File
}

// ServeHTTP implements [http.Handler].
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !reading(w, r) {
		return
	}
	name := strings.TrimPrefix(r.URL.Path, "/app/")
	if strings.HasPrefix(name, "stories/") {
		name = "stories"
	}
	f, ok := s.byPath[name]
	if !ok {
		w.Header().Set("Cache-Control", "no-store")
		http.Error(w, "There is no such page in the phone app. Open /app/ instead.", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", typeOf(f.Path))
	h.Set("Cache-Control", "no-cache")
	if f.Immutable {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	encoding, stored := "", ""
	if f.Compressed {
		h.Add("Vary", "Accept-Encoding")
		encoding, stored = choose(r.Header.Values("Accept-Encoding"))
	}
	tag := `"` + f.Hash[:16] + encoding + `"`
	h.Set("ETag", tag)
	if strings.Contains(r.Header.Get("If-None-Match"), tag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	content, err := fs.ReadFile(s.files, f.Name(stored))
	if err != nil {
		h.Set("Cache-Control", "no-store")
		http.Error(w, "A part of the phone app cannot be read. Build the program again.", http.StatusInternalServerError)
		return
	}
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	}
	if encoding == stored {
		h.Set("Content-Length", strconv.Itoa(len(content)))
	} else {
		h.Set("Content-Length", strconv.Itoa(f.Size))
	}
	if r.Method == http.MethodHead {
		return
	}
	if encoding == stored {
		_, _ = w.Write(content)
		return
	}
	unpack(w, content)
}

// choose finds what the browser takes, and which form that is made of. Who takes no encoding gets the gzip unpacked: no
// browser asks for that, and the program need not carry every file a third time.
func choose(accepted []string) (encoding, stored string) {
	takes := map[string]bool{}
	for part := range strings.SplitSeq(strings.Join(accepted, ","), ",") {
		name, parameters, _ := strings.Cut(part, ";")
		q, has := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q=")
		weight, err := strconv.ParseFloat(q, 64)
		takes[strings.ToLower(strings.TrimSpace(name))] = !has || err == nil && weight > 0
	}
	for _, encoding := range []string{"br", "gzip"} {
		if takes[encoding] {
			return encoding, encoding
		}
	}
	return "", "gzip"
}

func unpack(w io.Writer, packed []byte) {
	r, err := gzip.NewReader(strings.NewReader(string(packed)))
	if err != nil {
		return // too short a body tells the client
	}
	_, _ = io.Copy(w, r) //nolint:gosec // our own file, of a known size
}

func typeOf(name string) string {
	switch path.Ext(name) {
	case "":
		if name == "" || name == "stories" {
			return "text/html; charset=utf-8"
		}
		return "text/plain; charset=utf-8"
	case ".webmanifest":
		return "application/manifest+json"
	case ".wasm":
		return "application/wasm"
	case ".js":
		return "text/javascript; charset=utf-8"
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}
