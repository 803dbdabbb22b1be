package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// flags make the core small to fetch: without inlining it is a tenth smaller compressed, though not unpacked. What counts is
// inlined all the same: cryptography, and the runtime.
var flags = []string{
	"-trimpath", "-buildvcs=false", "-ldflags=-s -w", "-gcflags=all=-l", "-gcflags=crypto/...=", "-gcflags=golang.org/x/crypto/...=",
	"-gcflags=vendor/golang.org/x/crypto/...=", "-gcflags=runtime=",
}

// compile builds the core, and takes from the Go that built it the script that runs it: the two belong together. The
// build's own cache makes it cheap when nothing changed. The revision is left out, so that a commit elsewhere does not make
// every phone fetch the core again.
func compile(ctx context.Context, pkg string) (map[string][]byte, error) {
	work, err := os.MkdirTemp("", "appbuild")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	wasm := filepath.Join(work, "phone.wasm")
	build := exec.CommandContext(ctx, "go", append(append([]string{"build"}, flags...), "-o", wasm, pkg)...)
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the core: %w\n%s", err, out)
	}
	core, err := os.ReadFile(wasm)
	if err != nil {
		return nil, err
	}
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return nil, fmt.Errorf("go env GOROOT: %w", err)
	}
	run, err := os.ReadFile(filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec.js"))
	if err != nil {
		return nil, err
	}
	if !bytes.Contains(run, []byte("globalThis.Go = class")) {
		return nil, fmt.Errorf("wasm_exec.js of %s is not what the app expects", bytes.TrimSpace(root))
	}
	return map[string][]byte{"phone.wasm": core, "wasm_exec.js": run}, nil
}
