package agent

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/postern/postern/fido/transport/hid"
)

// attachTime bounds usbip.exe, which asks the driver and waits for it.
const attachTime = 30 * time.Second

// DefaultSocket is where keys are plugged in on this system.
func DefaultSocket(log *slog.Logger) Socket { return USBIP{Log: log, Attach: attachByDriver} }

// attachByDriver has usbip-win2 attach the device. Its program is taken from where its installer puts it, not from the path:
// the service runs with all rights.
func attachByDriver(ctx context.Context, port, busID string) error {
	program := filepath.Join(os.Getenv("ProgramFiles"), "USBip", "usbip.exe")
	if _, err := os.Stat(program); err != nil {
		return &hid.Unavailable{
			Message: "The driver for virtual USB devices, usbip-win2, is not installed, so no security key can be plugged in.",
			Next:    "Install usbip-win2 (0.9.7 or later) and start the service anew. In a browser with the Postern extension phones work without it.", Err: err,
		}
	}
	ctx, cancel := context.WithTimeout(ctx, attachTime)
	defer cancel()
	// The port goes before the command.
	out, err := exec.CommandContext(ctx, program, "--tcp-port", port, "attach", "-r", "127.0.0.1", "-b", busID).CombinedOutput() // #nosec G204 -- a program of the driver
	if err != nil {
		return &hid.Unavailable{
			Message: "The driver for virtual USB devices did not attach the security key.",
			Next:    "See the log of the service and of usbip-win2; restart the machine if the driver was installed just now.",
			Err:     fmt.Errorf("usbip.exe: %w: %s", err, bytes.TrimSpace(out[:min(len(out), 500)])),
		}
	}
	return nil
}
