package usbip

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/postern/postern/fido/transport/hid"
)

// PlugIn plugs the device in. The kernel asks it who it is at once, so
// [Port.Serve] should follow. Errors for people are [hid.Unavailable].
func (v VHCI) PlugIn() (*Port, error) {
	if v.Dir == "" {
		v.Dir = vhciDir
	}
	if v.write == nil {
		v.write = writeLine
	}
	ports, err := v.ports()
	if err != nil {
		return nil, v.explain(err)
	}
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("making a pair of sockets: %w", err)
	}
	// The kernel gets one end, in attach, and we keep the other.
	defer syscall.Close(pair[1]) //nolint:errcheck // the kernel has its own reference
	ours := os.NewFile(uintptr(pair[0]), "vhci")
	defer ours.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		return nil, err
	}
	err = errNoPort
	number := 0
	for _, number = range ports {
		line := fmt.Sprintf("%d %d %d %d", number, pair[1], DeviceID, Speed)
		err = v.write(filepath.Join(v.Dir, "attach"), line)
		if !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.EBUSY) {
			break // done, or it will not be better on the next; else somebody was faster
		}
	}
	if err != nil {
		_ = conn.Close()
		return nil, v.explain(err)
	}
	return &Port{Number: number, conn: conn, identity: identityOrDefault(v.Identity)}, nil
}

var errNoPort = errors.New("no port is free")

// ports lists the free ports of all controllers.
func (v VHCI) ports() ([]int, error) {
	const maxStatus = 64 << 10
	files, err := filepath.Glob(filepath.Join(v.Dir, "status*"))
	if err != nil || len(files) == 0 {
		return nil, errors.Join(err, fs.ErrNotExist)
	}
	var ports []int
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		status, err := io.ReadAll(io.LimitReader(f, maxStatus))
		f.Close()
		if err != nil {
			return nil, err
		}
		ports = append(ports, freePorts(status)...)
	}
	return ports, nil
}

func writeLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}

// explain makes an error for people.
func (v VHCI) explain(err error) error {
	u := &hid.Unavailable{Message: "The security key could not be plugged into the virtual USB host controller.", Err: err}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		u.Message = "This kernel has no virtual USB host controller: the module vhci-hcd is not loaded."
		u.Next = "Load it as root with modprobe vhci-hcd; on Debian it is in the kernel package, not in the cloud kernel's."
	case errors.Is(err, fs.ErrPermission):
		u.Message = "Only root may plug a device into the virtual USB host controller."
		u.Next = "Run this command as root, or export the key with USB/IP and run usbip attach as root."
	case errors.Is(err, errNoPort):
		u.Message = "All ports of the virtual USB host controller are taken."
		u.Next = "See usbip port, and free one with usbip detach -p PORT."
	default:
		u.Next = "The kernel's log (dmesg) has the reason."
	}
	return u
}
