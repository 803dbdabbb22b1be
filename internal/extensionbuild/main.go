package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"time"

	"github.com/postern/postern/internal/gowasm"
)

// stamp is the time of every file in the archive: the earliest its format knows.
var stamp = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)

func main() {
	log.SetFlags(0)
	log.SetPrefix("extensionbuild: ")
	pages := flag.String("pages", "extension/web", "folder of manifest, pages and scripts")
	core := flag.String("core", "./cmd/wasm/extension", "package of the Go half")
	out := flag.String("out", "bin/extension", "folder that is written anew")
	archive := flag.String("zip", "bin/postern-extension.zip", "archive that is written")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	files, err := read(*pages)
	if err == nil {
		files["extension.wasm"], files["wasm_exec.js"], err = gowasm.Compile(ctx, *core)
	}
	if err == nil {
		err = unpacked(*out, files)
	}
	if err == nil {
		err = packed(*archive, files)
	}
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("The browser extension: %s and %s, %d files, %d bytes of WebAssembly.\n", *out, *archive, len(files), len(files["extension.wasm"]))
}

// read gives the files of a folder by their paths, and looks that the manifest is one.
func read(folder string) (map[string][]byte, error) {
	files := map[string][]byte{}
	root := os.DirFS(folder)
	err := fs.WalkDir(root, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files[path], err = fs.ReadFile(root, path)
		return err
	})
	if err != nil {
		return nil, err
	}
	if !json.Valid(files["manifest.json"]) {
		return nil, fmt.Errorf("%s has no manifest.json that is JSON", folder)
	}
	return files, nil
}

// unpacked writes the files into a folder that holds nothing else afterwards.
func unpacked(folder string, files map[string][]byte) error {
	if _, err := os.Stat(filepath.Join(folder, "manifest.json")); err == nil {
		if err := os.RemoveAll(folder); err != nil {
			return err
		}
	} else if entries, err := os.ReadDir(folder); err == nil && len(entries) > 0 {
		return fmt.Errorf("%s holds something that is no extension; it is not overwritten", folder)
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for name, content := range files {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, content, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// packed writes the archive. It leaves the key out of the manifest: a store has its own and refuses others.
func packed(path string, files map[string][]byte) error {
	var archive bytes.Buffer
	z := zip.NewWriter(&archive)
	z.RegisterCompressor(zip.Deflate, func(w io.Writer) (io.WriteCloser, error) { return flate.NewWriter(w, flate.BestCompression) })
	for _, name := range slices.Sorted(maps.Keys(files)) {
		content := files[name]
		if name == "manifest.json" {
			var err error
			if content, err = withoutKey(content); err != nil {
				return err
			}
		}
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: stamp})
		if err != nil {
			return err
		}
		if _, err := f.Write(content); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, archive.Bytes(), 0o644)
}

// withoutKey cuts the line of the key out, so that the rest stays as it was written.
func withoutKey(manifest []byte) ([]byte, error) {
	var out []byte
	for line := range bytes.Lines(manifest) {
		if !bytes.HasPrefix(bytes.TrimSpace(line), []byte(`"key":`)) {
			out = append(out, line...)
		}
	}
	if !json.Valid(out) {
		return nil, errors.New("manifest.json has its key not in a line of its own")
	}
	return out, nil
}
