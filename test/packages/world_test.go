package packages

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
)

// work is where the packages are made, once for all tests.
var work string

func TestMain(m *testing.M) {
	var err error
	if work, err = os.MkdirTemp("", "packages"); err != nil {
		panic(err)
	}
	code := m.Run()
	if err := os.RemoveAll(work); err != nil {
		panic(err)
	}
	os.Exit(code)
}

// making makes the packages of two versions, for this machine's processor alone. The second is signed.
var making = sync.OnceValue(func() error {
	if err := makePackages("1", "v1.0.0"); err != nil {
		return err
	}
	if err := selfMade(); err != nil {
		return err
	}
	return makePackages("2", "v1.0.1", "-certificate", filepath.Join(work, certificateFile), "-key", filepath.Join(work, keyFile))
})

// made is the folders with the packages of versions 1.0.0 and 1.0.1.
func made(t *testing.T) (first, second string) {
	t.Helper()
	if err := making(); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(work, "1"), filepath.Join(work, "2")
}

// makePackages makes a version's packages, in a folder of the work.
func makePackages(folder, version string, args ...string) error {
	args = append([]string{"run", "./internal/agentpackage", "-processor", runtime.GOARCH, "-out", filepath.Join(work, folder), "-version", version}, args...)
	cmd := exec.Command("go", args...) // #nosec G204 -- of the test's own making
	cmd.Dir = "../.."
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
}
