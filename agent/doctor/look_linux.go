package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const uhidNode = "/dev/uhid"

// door looks at the door without opening it: to open it would do no harm, but loads the module.
func door(socket string) Door {
	switch socket {
	case "uhid":
		d := Door{Looked: true, Path: uhidNode}
		if _, err := os.Stat(d.Path); errors.Is(err, fs.ErrNotExist) {
			d.Missing = true
		}
		d.Denied = unix.Access(d.Path, unix.R_OK|unix.W_OK) != nil
		return d
	case "vhci":
		d := Door{Looked: true, Path: "/sys/devices/platform/vhci_hcd.0"}
		if _, err := os.Stat(d.Path); errors.Is(err, fs.ErrNotExist) {
			d.Missing = true
		}
		d.Denied = unix.Access(filepath.Join(d.Path, "attach"), unix.W_OK) != nil
		return d
	}
	return Door{}
}

func readable(path string) bool { return unix.Access(path, unix.R_OK|unix.W_OK) == nil }

// browsers finds those in the path; a link into /snap or an export of Flatpak is a confined one.
func browsers(ctx context.Context) (all, confined []string) {
	for _, name := range []string{"google-chrome", "microsoft-edge", "chromium", "chromium-browser", "firefox", "brave-browser"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		if real, err := filepath.EvalSymlinks(path); err == nil && (strings.HasPrefix(path, "/snap/") || real == "/usr/bin/snap" || strings.Contains(real, "/flatpak/")) {
			if !connected(ctx, name) {
				confined = append(confined, name)
			}
		}
		all = append(all, name)
	}
	return all, confined
}

// connected asks snapd whether a browser may reach security keys.
func connected(ctx context.Context, name string) bool {
	out, err := exec.CommandContext(ctx, "snap", "connections", name).Output() // #nosec G204 -- one of a few names
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(out)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "u2f-devices" && f[2] != "-" {
			return true
		}
	}
	return false
}

func windows() Windows { return Windows{} }
