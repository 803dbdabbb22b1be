package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// door looks at the door without opening it: to open it would do no harm, but loads the module.
func door(socket string) Door {
	switch socket {
	case "uhid":
		d := Door{Looked: true, Path: "/dev/uhid", Rule: rule(os.DirFS("/"))}
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

// machine looks at the rest. Browsers are asked for by those who sit here alone.
func machine(ctx context.Context, f *Facts) {
	Sysfs(os.DirFS("/"), f)
	if !f.Inside {
		f.Browsers = browsers(ctx)
	}
}

// askTime bounds what a browser takes to tell its version.
const askTime = 5 * time.Second

// browsers finds those in the path; a link into /snap or an export of Flatpak is a confined one.
func browsers(ctx context.Context) []Browser {
	var all []Browser
	for _, name := range []string{"google-chrome", "microsoft-edge", "chromium", "chromium-browser", "firefox", "firefox-esr", "brave-browser"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		b := Browser{Name: strings.TrimSuffix(strings.TrimSuffix(name, "-browser"), "-esr")}
		real, err := filepath.EvalSymlinks(path)
		confined := err == nil && (strings.HasPrefix(path, "/snap/") || real == "/usr/bin/snap" || strings.Contains(real, "/flatpak/"))
		b.Confined = confined && !connected(ctx, name)
		if !confined { // a confined one takes long to start
			asking, cancel := context.WithTimeout(ctx, askTime)
			out, _ := exec.CommandContext(asking, path, "--version").Output() // #nosec G204 -- a browser; what it does not tell is not known
			cancel()
			b.Version = numbers(string(out))
		}
		if len(all) > 0 && all[len(all)-1].Name == b.Name {
			continue // chromium by its other name
		}
		b.Policy = linuxPolicy(os.DirFS("/"), b.Name)
		all = append(all, b)
	}
	return all
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
