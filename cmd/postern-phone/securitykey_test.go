package main

import (
	"io"
	"os/exec"
	"testing"
)

// TestPythonFIDO2 lets python-fido2, a client library written by others, use the
// served key as it would use one on the bus. It needs Debian's packages python3
// and python3-fido2.
func TestPythonFIDO2(t *testing.T) {
	const python = "/usr/bin/python3"
	if out, err := exec.CommandContext(t.Context(), python, "-c", "import fido2.ctap2").CombinedOutput(); err != nil {
		t.Fatalf("python-fido2 is missing (%v): install the Debian package python3-fido2\n%s", err, out)
	}
	plain := []string{"--store", "memory", "--auto-touch", "--lenient-channels"}
	for scenario, args := range map[string][]string{
		"basic":         plain,
		"pin":           plain,
		"uv":            append([]string{"--uv"}, plain...),
		"many":          plain,
		"management":    plain,
		"extensions":    plain,
		"blobs":         plain,
		"configuration": plain,
		"reset":         plain,
		"u2f":           plain,
		"hid":           plain,
		"cancel":        {"--store", "memory"},
	} {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			k := serveKey(t, args...)
			out, err := exec.CommandContext(t.Context(), python, "testdata/securitykey.py", k.address, scenario).CombinedOutput()
			if err != nil {
				t.Errorf("%v\n%s", err, out[max(0, len(out)-2000):])
			}
		})
	}
}

// TestPythonFIDO2Touch: a user who is asked gives what the library needs.
func TestPythonFIDO2Touch(t *testing.T) {
	k := serveKey(t, "--store", "memory", "--uv")
	go func() {
		for {
			if _, err := io.WriteString(k.stdin, "\n"); err != nil {
				return // the test is over
			}
		}
	}()
	if out, err := exec.CommandContext(t.Context(), "/usr/bin/python3", "testdata/securitykey.py", k.address, "uv").CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out[max(0, len(out)-2000):])
	}
}
