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
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"time"
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
		err = compile(ctx, *core, files)
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

// compile builds the Go half, and takes the script that runs it from the Go that built it: the two belong together.
func compile(ctx context.Context, pkg string, files map[string][]byte) error {
	work, err := os.MkdirTemp("", "extensionbuild")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	wasm := filepath.Join(work, "extension.wasm")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-o", wasm, pkg)
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the Go half: %w\n%s", err, out)
	}
	if files["extension.wasm"], err = os.ReadFile(wasm); err != nil {
		return err
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("go env GOROOT: %w", err)
	}
	files["wasm_exec.js"], err = os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	return err
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
