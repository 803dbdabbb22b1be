package authenticator_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestPure holds the core and the packages it is made of to their promise: no
// files, sockets, environment or clock, only what is handed in.
func TestPure(t *testing.T) {
	forbidden := map[string]bool{"os": true, "net": true, "net/http": true, "syscall": true, "syscall/js": true, "crypto/rand": true, "log": true, "log/slog": true}
	clock := map[string]bool{"Now": true, "Since": true, "Until": true, "After": true, "AfterFunc": true, "Sleep": true, "Tick": true, "NewTimer": true, "NewTicker": true}
	for _, dir := range []string{".", "../ctap", "../ctap/pinuvauth", "../ctap/u2f", "memory"} {
		files, err := filepath.Glob(filepath.Join(dir, "*.go"))
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %v", dir, files, err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, spec := range f.Imports {
				if path, err := strconv.Unquote(spec.Path.Value); err != nil || forbidden[path] {
					t.Errorf("%s imports %s", file, spec.Path.Value)
				}
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if sel, ok := n.(*ast.SelectorExpr); ok {
					if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && clock[sel.Sel.Name] {
						t.Errorf("%s uses time.%s", file, sel.Sel.Name)
					}
				}
				return true
			})
		}
	}
}

// TestBuildsForWebAssembly compiles what runs in a phone's browser.
func TestBuildsForWebAssembly(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "build", ".", "../ctap/...", "./memory", "../client")
	cmd.Env = append(cmd.Environ(), "GOOS=js", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
