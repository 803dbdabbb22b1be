package house

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/postern/postern"

// goPackage is the part of `go list -json` that is looked at.
type goPackage struct {
	ImportPath  string
	Dir         string
	GoFiles     []string
	Imports     []string
	TestImports []string
	XTestImport []string `json:"XTestImports"`
	Standard    bool
}

func root(t *testing.T) string {
	t.Helper()
	out, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		t.Fatalf("go env GOMOD: %v", err)
	}
	return filepath.Dir(strings.TrimSpace(string(out)))
}

// packages lists the packages of the module for a platform.
func packages(t *testing.T, env ...string) []goPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-e", "-json=ImportPath,Dir,GoFiles,Imports,TestImports,XTestImports,Standard", "./...")
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), env...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var all []goPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p goPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("only %d packages found; the test looks in the wrong place", len(all))
	}
	return all
}

// rooms are the import directions: a package whose path begins with the key may import, of this module, only what
// begins with one of the values, and itself. The longest key counts.
var rooms = map[string][]string{
	"":                   {}, // the root package stands on nothing of ours
	"fido/ctap":          {"fido/ctap"},
	"fido/authenticator": {"fido/ctap", "fido/authenticator"},
	"fido/client":        {"fido/ctap", "fido/client"},
	"fido/transport":     {"fido/ctap", "fido/transport"},
	"fido/metadata":      {"fido/ctap"},
	"link/channel":       {"link/channel"},
	"link/relay":         {".", "link/relay"},
	"link/signed":        {".", "link/signed"},
	"link/websocket":     {"link/relay", "link/websocket"},
	"link/workstation":   {".", "link", "fido/ctap"},
	"link/offline":       {"fido/ctap"},
	"center":             {".", "center", "link/relay", "link/websocket"},
	"center/entra":       {"."},
	"center/seal":        {},
	"center/backbone":    {},
	"center/job":         {".", "center/job"},
	"center/audit":       {".", "center/seal"},
	"center/integration": {".", "center/entra", "center/audit", "center/job", "center/seal", "center/backbone"},
	"center/setup":       {".", "center/entra", "center/audit", "center/job", "center/seal", "center/backbone", "center/integration", "center/setup"},
	"center/rotate":      {".", "center/entra", "center/audit", "center/job", "center/seal", "center/backbone", "center/integration"},
	"center/policy":      {".", "center/entra", "center/audit", "center/job", "center/backbone", "center/integration", "center/policy"},

	"center/policy/aaguid":    {".", "center/audit", "center/job", "center/policy/aaguid"},
	"center/policy/document":  {".", "center/policy/document"},
	"center/policy/plan":      {".", "center/policy/document"},
	"center/policy/impact":    {"."},
	"center/policy/inventory": {".", "center/entra", "center/audit", "center/job", "center/backbone", "center/policy/aaguid"},
	"center/setup/recipe":     {".", "center/entra"},
	"center/lifecycle":        {".", "center/entra", "center/audit", "center/job", "center/backbone"},
	"center/directory":        {".", "center/entra", "center/audit", "center/job", "center/backbone"},
	"center/enrolment":        {".", "center/entra", "center/audit", "center/job", "center/backbone", "center/seal", "center/device", "center/lifecycle"},
	"center/mail":             {".", "center/audit", "center/job", "center/backbone", "center/seal", "center/mail"},
	"center/bulk":             {".", "center/audit", "center/job", "center/backbone"},
	"center/reconcile":        {".", "center/entra", "center/audit", "center/job", "center/backbone", "center/directory", "center/lifecycle", "center/integration", "center/provision"},
	"center/audit/export":     {".", "center/audit"},
	"center/audit/stream":     {".", "center/audit", "center/job", "center/seal", "center/backbone"},
	"center/device":           {".", "center/audit", "center/seal", "center/backbone"},
	"center/desktop":          {".", "center/audit"},
	"center/offline":          {".", "center/audit", "center/job", "center/seal", "center/backbone", "link/offline"},
	"center/provision":        {".", "center/entra", "center/audit", "center/job", "center/backbone", "center/device", "center/lifecycle"},
	"center/replica":          {".", "center/backbone", "link/relay"},
	"center/push":             {".", "center/seal"},
	"center/doctor":           {".", "center/entra", "center/job", "center/audit", "center/push"},
	"center/auth":             {".", "center/audit"},
	"center/store":            {".", "center/offline", "center/doctor", "center/directory", "center/enrolment", "center/mail", "center/bulk", "center/reconcile", "center/audit", "center/auth", "center/desktop", "center/device", "center/integration", "center/lifecycle", "center/provision", "center/push", "center/policy", "center/rotate", "center/setup", "center/job", "center/store"},
	"center/rest":             {".", "center/offline", "center/directory", "center/enrolment", "center/mail", "center/bulk", "center/reconcile", "center/entra", "center/audit", "center/auth", "center/desktop", "center/device", "center/integration", "center/lifecycle", "center/provision", "center/policy", "center/setup", "center/rest"},
	"center/web":              {".", "center/offline", "center/doctor", "center/directory", "center/enrolment", "center/mail", "center/bulk", "center/reconcile", "center/audit", "center/auth", "center/desktop", "center/device", "center/integration", "center/lifecycle", "center/provision", "center/policy", "center/setup", "center/web", "docs"},
	"docs":                    {},
	"phone":                   {".", "fido", "link", "phone"},
	"extension":               {".", "fido", "link", "extension"},
	"agent":                   {".", "fido", "link", "agent"},
	"entrasim":                {"entrasim"},
	"cmd/postern":             {"internal/cli", ".", "center", "entrasim", "cmd/postern", "fido/client", "fido/transport", "fido/ctap", "phone", "link/signed"},
	"cmd/postern-phone":       {"internal/cli", ".", "phone", "fido", "link", "cmd/postern-phone"},
	"cmd/postern-agent":       {"internal/cli", ".", "agent", "fido", "link", "cmd/postern-agent"},
	"cmd/entrasim":            {"entrasim"},
	"cmd/entrasim-windows":    {"entrasim"},
	"cmd/wasm":                {".", "phone", "extension", "fido", "link"},
	"internal":                {".", "internal", "center", "entrasim", "phone", "fido", "link", "agent", "extension", "cmd"},
	"test":                    {".", "internal", "center", "entrasim", "phone", "fido", "link", "agent", "extension", "cmd", "test"},
	"center/store/internal":   {},
}

func inside(path, room string) bool {
	if room == "." {
		return path == ""
	}
	return path == room || strings.HasPrefix(path, room+"/")
}

func roomOf(path string) (string, bool) {
	best, found := "", path == ""
	for room := range rooms {
		if room != "" && inside(path, room) && len(room) > len(best) {
			best, found = room, true
		}
	}
	return best, found
}

func TestImportDirections(t *testing.T) {
	for _, env := range [][]string{nil, {"GOOS=windows"}, {"GOOS=js", "GOARCH=wasm"}} {
		for _, p := range packages(t, env...) {
			path := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
			room, ok := roomOf(path)
			if !ok {
				t.Errorf("package %s is in no room; add it to the table with what it may import", path)
				continue
			}
			for _, imported := range p.Imports {
				if !strings.HasPrefix(imported, module) {
					continue
				}
				target := strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
				allowed := inside(target, path) || slices.ContainsFunc(rooms[room], func(r string) bool { return inside(target, r) })
				if !allowed {
					t.Errorf("%s imports %s, which room %q may not", path, target, room)
				}
			}
		}
	}
}

// TestEmulatorStandsAlone holds the emulator's tests too: code shared by test and emulator would hide one misreading
// on both sides.
func TestEmulatorStandsAlone(t *testing.T) {
	for _, p := range packages(t) {
		path := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if !inside(path, "entrasim") {
			continue
		}
		for _, imported := range slices.Concat(p.Imports, p.TestImports, p.XTestImport) {
			target, ours := strings.CutPrefix(imported, module+"/")
			if imported == module || ours && !inside(target, "entrasim") {
				t.Errorf("%s imports %s", path, imported)
			}
		}
	}
}

func TestEveryPackageHasAComment(t *testing.T) {
	for _, p := range packages(t) {
		documented := len(p.GoFiles) == 0 // only tests, or nothing on this platform
		for _, name := range p.GoFiles {
			file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, name), nil, parser.ParseComments|parser.PackageClauseOnly)
			if err != nil {
				t.Fatal(err)
			}
			documented = documented || isPackageComment(file)
		}
		if !documented {
			t.Errorf("package %s has no comment that says what it owns", p.ImportPath)
		}
	}
}

func isPackageComment(file *ast.File) bool {
	text := file.Doc.Text()
	if file.Name.Name == "main" {
		return text != ""
	}
	return strings.HasPrefix(text, "Package "+file.Name.Name+" ")
}

// TestFilesAreShort holds hand-written Go files to a length that is read in one sitting.
func TestFilesAreShort(t *testing.T) {
	const most = 500
	err := filepath.WalkDir(root(t), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (strings.HasPrefix(d.Name(), ".") && d.Name() != "." || d.Name() == "node_modules" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasSuffix(path, "_templ.go") {
			return nil
		}
		lines, generated, err := countLines(path)
		if err == nil && !generated && lines > most {
			t.Errorf("%s has %d lines; %d is the most", path, lines, most)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func countLines(path string) (lines int, generated bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, false, err
	}
	defer f.Close()
	scanner := bufio.NewScanner(f)
	scanner.Buffer(nil, 1<<20)
	for ; scanner.Scan(); lines++ {
		if lines < 5 && strings.Contains(scanner.Text(), "DO NOT EDIT") {
			generated = true
		}
	}
	return lines, generated, scanner.Err()
}

// TestPhoneCoreIsSmall: what the phone app fetches first leaves out what a browser has, and what no page asks it for.
func TestPhoneCoreIsSmall(t *testing.T) {
	cmd := exec.Command("go", "list", "-deps", "./cmd/wasm/phone")
	cmd.Dir = root(t)
	cmd.Env = append(os.Environ(), "GOOS=js", "GOARCH=wasm")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	deps := strings.Fields(string(out))
	for _, heavy := range []string{"net/http", "crypto/x509", "crypto/tls", "golang.org/x/net/publicsuffix", "text/template", "time/tzdata"} {
		if slices.Contains(deps, heavy) {
			t.Errorf("the phone's core imports %s", heavy)
		}
	}
}
