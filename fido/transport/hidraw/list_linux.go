package hidraw

import (
	"cmp"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/postern/postern/fido/transport/hid"
)

// Where the kernel shows its devices.
const (
	sysClass = "/sys/class/hidraw"
	devDir   = "/dev"
)

// maxAttribute is more than the kernel keeps of a descriptor or writes of a
// device.
const maxAttribute = 8192

// List gives the security keys that are plugged in, in the order of their
// nodes. Whether they may be opened it does not try. Devices that come or go
// meanwhile may be missing.
func List(ctx context.Context) ([]Device, error) { return list(ctx, sysClass) }

func list(ctx context.Context, class string) ([]Device, error) {
	entries, err := os.ReadDir(class)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // no HID device was ever there
	}
	if err != nil {
		return nil, err
	}
	// hidraw9 before hidraw10
	slices.SortFunc(entries, func(a, b fs.DirEntry) int {
		return cmp.Or(cmp.Compare(len(a.Name()), len(b.Name())), strings.Compare(a.Name(), b.Name()))
	})
	var devices []Device
	for _, e := range entries {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if d, ok := inspect(filepath.Join(class, e.Name(), "device")); ok {
			d.Path = filepath.Join(devDir, e.Name())
			devices = append(devices, d)
		}
	}
	return devices, nil
}

// inspect looks at one device; ok is false where it is no security key, or gone.
func inspect(dir string) (d Device, ok bool) {
	descriptor, err := readAttribute(filepath.Join(dir, "report_descriptor"))
	if err != nil {
		return Device{}, false
	}
	i, err := hid.ParseDescriptor(descriptor)
	if err != nil || !i.FIDO() {
		return Device{}, false
	}
	uevent, err := readAttribute(filepath.Join(dir, "uevent"))
	if err != nil {
		return Device{}, false
	}
	return describe(uevent), true
}

func readAttribute(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxAttribute))
}
