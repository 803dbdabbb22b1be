package web_test

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/postern/postern/phone/web"
)

// dist is where a whole run of appbuild leaves the app.
var dist = filepath.Join("..", "..", "phone", "web", "dist")

// build makes the app from the sources as they stand. What did not change is not compressed again.
func build(arguments ...string) error {
	make := exec.Command("go", append([]string{"run", "./internal/appbuild"}, arguments...)...)
	make.Dir = filepath.Join("..", "..")
	make.Stderr = os.Stderr
	return make.Run()
}

// built is the app as these tests open it: whole, and compressed only as far as it takes no time.
var built = sync.OnceValues(func() (fs.FS, error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(cache, "postern", "app-for-tests")
	return os.DirFS(folder), build("-quick", filepath.Join("phone", "web", "dist"), "-out", folder)
})

// shipped is the app as programs carry it.
var shipped = sync.OnceValues(func() (fs.FS, error) { return os.DirFS(dist), build() })

func app(t *testing.T) fs.FS { return made(t, built) }

func made(t *testing.T, from func() (fs.FS, error)) fs.FS {
	t.Helper()
	files, err := from()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func handler(t *testing.T, o web.Options) http.Handler {
	t.Helper()
	if o.Files == nil {
		o.Files = app(t)
	}
	h, err := web.Handler(o)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

// serve listens at localhost, which browsers hold for secure.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
}
