// Package gowasm compiles a Go program to WebAssembly for a browser, small enough to be fetched.
//
// It owns the compiler's flags and the script that runs the program. Where the two are put is the business of the commands
// that build the phone app and the browser extension.
package gowasm

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// flags make the program small to fetch: without inlining it is a tenth smaller compressed, though not unpacked. What counts
// is inlined all the same: cryptography, and the runtime.
var flags = []string{
	"-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-gcflags=all=-l", "-gcflags=crypto/...=", "-gcflags=golang.org/x/crypto/...=",
	"-gcflags=vendor/golang.org/x/crypto/...=", "-gcflags=runtime=",
}

// Compile builds the program, and takes wasm_exec.js from the Go that built it: the two belong together. The build's own
// cache makes it cheap when nothing changed. The revision is left out, so that a commit elsewhere does not make another
// program of it.
func Compile(ctx context.Context, pkg string) (program, run []byte, err error) {
	work, err := os.MkdirTemp("", "gowasm")
	if err != nil {
		return nil, nil, err
	}
	defer os.RemoveAll(work)
	out := filepath.Join(work, "program.wasm")
	build := exec.CommandContext(ctx, "go", append(append([]string{"build"}, flags...), "-o", out, pkg)...)
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if said, err := build.CombinedOutput(); err != nil {
		return nil, nil, fmt.Errorf("build %s for browsers: %w\n%s", pkg, err, said)
	}
	if program, err = os.ReadFile(out); err != nil {
		return nil, nil, err
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	if run, err = os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js")); err != nil {
		return nil, nil, err
	}
	if !bytes.Contains(run, []byte("globalThis.Go = class")) {
		return nil, nil, fmt.Errorf("wasm_exec.js of %s is not what a page expects", bytes.TrimSpace(root))
	}
	return program, run, nil
}
