package packages

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestSameBytes: who makes the same version again gets the same packages, byte for byte.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	first, _ := made(t)
	if err := makePackages("again", "v1.0.0"); err != nil {
		t.Fatal(err)
	}
	again, err := filepath.Glob(filepath.Join(work, "again", "*"))
	if err != nil || len(again) != 2 {
		t.Fatalf("made are %q, %v", again, err)
	}
	for _, path := range again {
		name := filepath.Base(path)
		if !bytes.Equal(read(t, path), read(t, filepath.Join(first, name))) {
			t.Errorf("%s differs from the one made before", name)
		}
		t.Logf("made twice, the same bytes: %s", name)
	}
}

// TestSigned: with a certificate the installer is signed, and so is the program in it.
func TestSigned(t *testing.T) {
	t.Parallel()
	_, second := made(t)
	installer, dir := filepath.Join(second, "Postern-v1.0.1_x64.msi"), t.TempDir()
	said(t, "msiextract", "-C", dir, installer)
	program := strings.Fields(said(t, "find", dir, "-name", "postern-agent.exe", "-printf", "%p"))
	if len(program) != 1 {
		t.Fatalf("in the installer are %q", program)
	}
	for _, path := range []string{installer, program[0]} {
		said(t, "osslsigncode", "verify", "-CAfile", filepath.Join(work, certificateFile), "-in", path)
		t.Logf("signed: %s", filepath.Base(path))
	}
}

const (
	certificateFile = "certificate.pem"
	keyFile         = "key.pem"
)

// selfMade makes a certificate to sign programs with, and its key, in the work.
func selfMade() error {
	out, err := exec.Command("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=Postern Test", // #nosec G204 -- of the test's own making
		"-addext", "keyUsage=digitalSignature", "-addext", "extendedKeyUsage=codeSigning",
		"-keyout", filepath.Join(work, keyFile), "-out", filepath.Join(work, certificateFile)).CombinedOutput()
	if err != nil {
		return fmt.Errorf("openssl: %w\n%s", err, out)
	}
	return nil
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path) // #nosec G304 -- of the test's own making
	if err != nil {
		t.Fatal(err)
	}
	return data
}
