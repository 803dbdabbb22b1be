package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/andybalholm/brotli"

	"github.com/postern/postern/phone/web"
)

// write leaves the files of the app in the folder, and nothing of an earlier one but what the new one has too. The list is written
// last: a run that is cut off leaves the earlier app, or none, but no half of one.
func write(ctx context.Context, c config, version string, all []asset) (string, error) {
	folder, level := c.Out, brotli.BestCompression
	if c.Quick != "" {
		level = quickly
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", err
	}
	list := web.List{Version: version}
	keep := map[string]bool{"README": true, web.ListName: true}
	for _, a := range all {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		f := a.entry()
		variants := []struct {
			name string
			pack func(io.Writer, []byte) error
		}{{f.Name(""), plain}}
		if f.Compressed {
			variants = variants[:0]
			for _, encoding := range []string{"br", "gzip"} {
				pack := brotlied(level)
				if encoding == "gzip" {
					pack = gzipped
				}
				variants = append(variants, struct {
					name string
					pack func(io.Writer, []byte) error
				}{f.Name(encoding), pack})
			}
		}
		for _, v := range variants {
			keep[v.name] = true
			if c.Quick != "" {
				if err := take(filepath.Join(c.Quick, v.name), filepath.Join(folder, v.name)); err != nil {
					return "", err
				}
			}
			size, err := keepForm(filepath.Join(folder, v.name), a.content, v.pack)
			if err != nil {
				return "", fmt.Errorf("/app/%s: %w", a.path, err)
			}
			if f.Least == 0 || size < f.Least {
				f.Least = size
			}
		}
		list.Files = append(list.Files, f)
	}
	text, err := json.MarshalIndent(list, "", " ")
	if err != nil {
		return "", err
	}
	if err := replace(filepath.Join(folder, web.ListName), append(text, '\n')); err != nil {
		return "", err
	}
	if err := sweep(folder, keep); err != nil {
		return "", err
	}
	return fmt.Sprintf("The phone app, version %s: %d files, %d bytes to the first screen.", version, len(list.Files), list.FirstLoad()), nil
}

// keepForm writes one form of a file unless it is there: its name is the hash of its content.
func keepForm(path string, content []byte, pack func(io.Writer, []byte) error) (int, error) {
	if info, err := os.Stat(path); err == nil {
		return int(info.Size()), nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	var out bytes.Buffer
	if err := pack(&out, content); err != nil {
		return 0, err
	}
	return out.Len(), replace(path, out.Bytes())
}

func plain(w io.Writer, content []byte) error {
	_, err := w.Write(content)
	return err
}

// quickly is the level of brotli for an app that only has to open.
const quickly = 3

// brotlied compresses with a window that sees the whole core.
func brotlied(level int) func(w io.Writer, content []byte) error {
	return func(w io.Writer, content []byte) error {
		c := brotli.NewWriterOptions(w, brotli.WriterOptions{Quality: level, LGWin: 24})
		if _, err := c.Write(content); err != nil {
			return err
		}
		return c.Close()
	}
}

// take copies a form that a whole run left, if it did. A worse one of an earlier quick run makes room.
func take(from, to string) error {
	content, err := os.ReadFile(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if info, err := os.Stat(to); err == nil && info.Size() == int64(len(content)) {
		return nil
	}
	return replace(to, content)
}

func gzipped(w io.Writer, content []byte) error {
	c, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	if _, err := c.Write(content); err != nil {
		return err
	}
	return c.Close()
}

// replace puts a whole file in its place at once: another build may be reading.
func replace(path string, content []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	err = errors.Join(err, f.Chmod(0o644), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func sweep(folder string, keep map[string]bool) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !keep[e.Name()] {
			if err := os.Remove(filepath.Join(folder, e.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}
