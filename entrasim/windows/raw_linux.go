package windows

import (
	"os"
	"syscall"
)

// openRaw opens a hidraw device. Not to block lets a read have a deadline.
func openRaw(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0) // #nosec G304 -- who runs the program names the device
}
