package web_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/andybalholm/brotli"

	"github.com/postern/postern/phone/web"
)

// maxFirstLoad is how many bytes a phone may have to fetch until the first screen.
const maxFirstLoad = 2_000_000

func read(t *testing.T) web.List { return list(t, app(t)) }

func list(t *testing.T, files fs.FS) web.List {
	t.Helper()
	text, err := fs.ReadFile(files, web.ListName)
	if err != nil {
		t.Fatal(err)
	}
	var list web.List
	if err := json.Unmarshal(text, &list); err != nil {
		t.Fatal(err)
	}
	return list
}

func get(t *testing.T, h http.Handler, path, encoding string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "https://postern.example"+path, http.NoBody)
	r.Header.Set("Accept-Encoding", encoding)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestFirstLoadIsSmall holds the budget for what ships, compressed as far as it goes.
func TestFirstLoadIsSmall(t *testing.T) {
	files := made(t, shipped)
	list := list(t, files)
	h := handler(t, web.Options{Files: files})
	total := 0
	for _, f := range list.Files {
		if f.Lazy || f.Story {
			continue
		}
		total += get(t, h, "/app/"+f.Path, "br, gzip").Body.Len()
	}
	if total > maxFirstLoad || total < 100_000 {
		t.Errorf("the first screen takes %d bytes; %d is the most", total, maxFirstLoad)
	}
	if total != list.FirstLoad() {
		t.Errorf("FirstLoad says %d, the handler sends %d", list.FirstLoad(), total)
	}
}

// TestEveryFileInEveryEncoding compares what arrives with the hash of the build.
func TestEveryFileInEveryEncoding(t *testing.T) {
	h := handler(t, web.Options{Stories: true})
	for _, f := range read(t).Files {
		for _, accept := range []string{"gzip, deflate, br, zstd", "gzip", "br;q=0, gzip;q=0.5", "", "identity"} {
			w := get(t, h, "/app/"+f.Path, accept)
			if w.Code != http.StatusOK {
				t.Fatalf("/app/%s: %d", f.Path, w.Code)
			}
			var body io.Reader = w.Body
			switch w.Header().Get("Content-Encoding") {
			case "br":
				body = brotli.NewReader(body)
			case "gzip":
				unzipped, err := gzip.NewReader(body)
				if err != nil {
					t.Fatal(err)
				}
				body = unzipped
			}
			content, err := io.ReadAll(body)
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(content)
			if hex.EncodeToString(sum[:]) != f.Hash {
				t.Errorf("/app/%s with %q is not what was built", f.Path, accept)
			}
			if strings.Contains(accept, "br;q=0") && w.Header().Get("Content-Encoding") == "br" {
				t.Errorf("/app/%s comes as br to who refused it", f.Path)
			}
			again := httptest.NewRequest(http.MethodGet, "/app/"+f.Path, http.NoBody)
			again.Header.Set("Accept-Encoding", accept)
			again.Header.Set("If-None-Match", w.Header().Get("ETag"))
			second := httptest.NewRecorder()
			h.ServeHTTP(second, again)
			if second.Code != http.StatusNotModified || second.Body.Len() > 0 {
				t.Errorf("/app/%s asked again: %d with %d bytes", f.Path, second.Code, second.Body.Len())
			}
			cache := w.Header().Get("Cache-Control")
			if f.Immutable != strings.Contains(cache, "immutable") {
				t.Errorf("/app/%s: Cache-Control %q", f.Path, cache)
			}
		}
	}
}

func TestHeaders(t *testing.T) {
	h := handler(t, web.Options{})
	for _, path := range []string{"/app/", "/app/sw.js", "/app/app.webmanifest", "/app/nothing", "/p"} {
		got := get(t, h, path, "br").Header()
		policy := got.Get("Content-Security-Policy")
		for _, want := range []string{
			"default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'", "connect-src 'self' wss://postern.example", "frame-ancestors 'none'", "base-uri 'none'",
			"form-action 'none'", "require-trusted-types-for 'script'", "style-src 'self'",
		} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy lacks %q: %s", path, want, policy)
			}
		}
		if strings.Contains(policy, "unsafe-inline") || strings.Contains(policy, "'unsafe-eval'") {
			t.Errorf("%s: the policy allows what it should not: %s", path, policy)
		}
		if !strings.Contains(got.Get("Permissions-Policy"), "camera=(self)") || got.Get("Cross-Origin-Opener-Policy") != "same-origin" || got.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: headers %v", path, got)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/app/", http.NoBody)
	r.Host = "evil; script-src *"
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	if policy := w.Header().Get("Content-Security-Policy"); strings.Contains(policy, "evil") {
		t.Errorf("a host that is none is in the policy: %s", policy)
	}
}

func TestCodeLeadsToTheApp(t *testing.T) {
	w := get(t, handler(t, web.Options{}), "/p", "")
	// No fragment in the answer: the browser then keeps its own.
	if w.Code != http.StatusSeeOther || w.Header().Get("Location") != "/app/" || w.Header().Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	r := httptest.NewRequest(http.MethodPost, "/app/", bytes.NewReader(nil))
	post := httptest.NewRecorder()
	handler(t, web.Options{}).ServeHTTP(post, r)
	if post.Code != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", post.Code)
	}
}

func TestProgramWithoutTheApp(t *testing.T) {
	w := get(t, handler(t, web.Options{Files: fstest.MapFS{}}), "/app/", "")
	if w.Code != http.StatusNotFound || !strings.Contains(w.Body.String(), "run make build") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
	if _, err := web.Handler(web.Options{Files: fstest.MapFS{web.ListName: {Data: []byte("{")}}}); err == nil {
		t.Error("a list that is cut off is taken")
	}
}
