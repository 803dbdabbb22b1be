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

// built makes the app, once, from the sources as they stand. What did not change is not compressed again.
var built = sync.OnceValues(func() (fs.FS, error) {
	root, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		return nil, err
	}
	folder := filepath.Dir(strings.TrimSpace(string(root)))
	make := exec.Command("go", "run", "./internal/appbuild")
	make.Dir = folder
	make.Stderr = os.Stderr
	if err := make.Run(); err != nil {
		return nil, err
	}
	return os.DirFS(filepath.Join(folder, "phone", "web", "dist")), nil
})

func app(t *testing.T) fs.FS {
	t.Helper()
	files, err := built()
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
