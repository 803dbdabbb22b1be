package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// program runs the program as it stands and gives what it printed.
func program(t *testing.T, args ...string) (code int, out string) {
	t.Helper()
	var b strings.Builder
	err := run(t.Context(), args, streams{strings.NewReader("secret\n"), &b, &b})
	if err != nil {
		b.WriteString(err.Error())
	}
	return exitCode(err), b.String()
}

func TestProgram(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "computer")
	for _, step := range []struct {
		args string
		code int
		says string
	}{
		{"--help", 0, "nine steps"},
		{"status", 2, "--state"},
		{"join --state DIR --kind server", 2, "--kind must be one of"},
		{"join --state DIR", 1, "--authority"},
		{"join --state DIR --kind ad --build 7", 1, "neither a release"},
		{"status --state DIR", 1, "make one with join"},
		{"join --state DIR --kind ad --build 1909 --name PC-1", 0, "PC-1 is a Windows computer of build 18363"},
		{"join --state DIR --kind none", 1, "already"},
		{"status --state DIR", 0, "DomainJoined : YES"},
		{"status --state DIR --json", 0, `"kind":"ad"`},
		{"lock --state DIR", 1, "nobody is signed in"},
		{"signout --state DIR", 1, "nobody is signed in"},
		{"renew --state DIR", 1, "nobody"},
		{"signin --state DIR", 2, "--key"},
		{"signin --state DIR --key usb:1", 1, "no place of a key"},
		{"signin --state DIR --key udp:192.0.2.1:8111", 1, "loopback"},
		{"signin --state DIR --key udp:127.0.0.1:1 --wait 1ms", 1, "Not signed in. No security key"},
		{"signin --state DIR --key hidraw:/nowhere --wait 1ms --json", 1, `"signed_in":false`},
	} {
		args := strings.Fields(strings.ReplaceAll(step.args, "DIR", dir))
		if code, out := program(t, args...); code != step.code || !strings.Contains(out, step.says) {
			t.Errorf("%s: %d, %s", step.args, code, out)
		}
	}
}
