package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDeb: what is in the package, who owns it, what is asked of the system, and that two makings are the same bytes.
func TestDeb(t *testing.T) {
	made := func() string {
		program := filepath.Join(t.TempDir(), "postern-agent")
		if err := os.WriteFile(program, []byte("the agent"), 0o600); err != nil {
			t.Fatal(err)
		}
		path, err := packDeb(t.Context(), program, "v1.4.2", "arm64", t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	path := made()
	if filepath.Base(path) != "postern-agent_1.4.2_arm64.deb" {
		t.Error(path)
	}
	first, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if second, err := os.ReadFile(made()); err != nil || !bytes.Equal(first, second) {
		t.Errorf("two packages of one program differ: %v", err)
	}
	for _, field := range []string{"Package: postern-agent\n", "Version: 1.4.2\n", "Architecture: arm64\n", "Depends: systemd (>= 247), udev, kmod\n"} {
		if got := tool(t, "dpkg-deb", "--field", path); !strings.Contains(got+"\n", field) {
			t.Errorf("no %q in\n%s", field, got)
		}
	}
	listed := tool(t, "dpkg-deb", "--contents", path)
	for _, file := range []string{
		"-rwxr-xr-x root/root 9 1980-01-01 00:00 ./usr/bin/postern-agent", "./usr/lib/systemd/system/postern-agent.service", "./usr/lib/sysusers.d/postern-agent.conf",
		"./usr/lib/modules-load.d/postern-agent.conf", "./usr/lib/udev/rules.d/70-postern-uhid.rules", "./etc/default/postern-agent", "./usr/share/doc/postern-agent/copyright",
	} {
		if !strings.Contains(strings.Join(strings.Fields(listed), " "), file) {
			t.Errorf("no %s in\n%s", file, listed)
		}
	}
	if got := tool(t, "dpkg-deb", "--info", path, "conffiles"); got != "/etc/default/postern-agent\n" {
		t.Errorf("conffiles are %q", got)
	}
	for _, script := range []string{"postinst", "prerm", "postrm"} {
		if got := tool(t, "dpkg-deb", "--info", path, script); !strings.HasPrefix(got, "#!/bin/sh\nset -e\n") {
			t.Errorf("%s is %q", script, got)
		}
	}
}

func TestDebVersion(t *testing.T) {
	for version, want := range map[string]string{"v1.4.2": "1.4.2", "2.0.0-rc1": "2.0.0~rc1", "dev-0123456789ab": "0.0.1~dev.0123456789ab", "dev": "0.0.1~dev"} {
		if got := debVersion(version); got != want {
			t.Errorf("%s is %s, want %s", version, got, want)
		}
	}
}
