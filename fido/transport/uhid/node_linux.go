package uhid

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"syscall"

	"github.com/postern/postern/fido/transport/hid"
)

// openNode opens the door. Not to block lets Close end a Read.
func openNode(path string) (io.ReadWriteCloser, error) {
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, &hid.Unavailable{
			Message: "This kernel cannot make virtual HID devices: there is no " + path + ".",
			Next:    "Load the module as root with modprobe uhid; on Debian it is in the kernel package, not in the cloud kernel's.", Err: err,
		}
	case errors.Is(err, fs.ErrPermission):
		return nil, &hid.Unavailable{
			Message: "This user may not make virtual HID devices: " + path + " does not open.",
			Next: `Run this command as root, or let a group use it: put the line KERNEL=="uhid", GROUP="postern", MODE="0660", ` +
				`OPTIONS+="static_node=uhid" into /etc/udev/rules.d/70-postern-uhid.rules and run udevadm control --reload && udevadm trigger /dev/uhid.`,
			Err: err,
		}
	case err != nil:
		return nil, err
	}
	return f, nil
}
