//go:build !js

package websocket_test

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/postern/postern/link/relay"
)

// TestBrowser runs the browser's half, in testdata/browser, on the WebSocket of Node.js against a real server. What it
// expects it checks itself; here stands the other end.
func TestBrowser(t *testing.T) {
	ended := make(chan error, 2)
	echoes, _ := server(t, echo(ended))
	closes, _ := server(t, func(_ context.Context, c relay.Conn) { _ = c.Close(relay.Done) })
	breaks, _ := server(t, func(_ context.Context, c relay.Conn) { _ = c.Close(relay.Refused) })

	program := filepath.Join(t.TempDir(), "browser.wasm")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./testdata/browser")
	build.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	root, err := exec.CommandContext(t.Context(), "go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	loader := filepath.Join(strings.TrimSpace(string(root)), "lib", "wasm", "wasm_exec_node.js")
	// Node.js has it from version 22 on without being asked; version 20 needs the switch.
	run := exec.CommandContext(t.Context(), "node", "--experimental-websocket", loader, program, echoes, closes, breaks)
	// Node's loader hands the whole environment over, and Go takes no more than a few kilobytes of it.
	run.Env = []string{"PATH=" + os.Getenv("PATH")}
	if out, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("a close for good was read as %v", err)
	}
}

// TestBrowserLeavesTheLibraryOut: it would bring net/http into the phone app, some 170 KB of it.
func TestBrowserLeavesTheLibraryOut(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-deps", ".")
	list.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	for dependency := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(dependency, "github.com/coder/") {
			t.Errorf("the browser's half needs %s", dependency)
		}
	}
}
