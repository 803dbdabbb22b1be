package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
)

//go:embed static
var files embed.FS

// stamps are short hashes of the static files. Addresses carry them, so that browsers keep a file for good and still
// get the new one after an update.
var stamps = func() map[string]string {
	all := make(map[string]string)
	entries, err := fs.ReadDir(files, "static")
	if err != nil {
		panic(err) // the directory is part of the program
	}
	for _, e := range entries {
		content, err := fs.ReadFile(files, "static/"+e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		all[e.Name()] = hex.EncodeToString(sum[:6])
	}
	return all
}()

// asset is the address of a static file.
func asset(name string) string { return "/static/" + name + "?" + stamps[name] }

func static() http.Handler {
	server := http.FileServerFS(files)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/static/" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "public, max-age=3600")
		if r.URL.RawQuery != "" {
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		server.ServeHTTP(w, r)
	})
}
