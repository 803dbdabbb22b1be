package hidraw

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
)

// Conn is an open security key, the host's end of [hid.Reports].
type Conn struct {
	file *os.File
	read [ctaphid.ReportSize + 1]byte // one more shows what is too long
}

// Open opens a key by its path. Errors for people are [hid.Unavailable].
func Open(path string) (*Conn, error) {
	// Not to block lets ctx and Close end a Read.
	f, err := os.OpenFile(path, os.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENXIO):
		return nil, &hid.Unavailable{
			Message: "There is no security key at " + path + ".",
			Next:    "Plug it in, and look for it again: it may come back under another name.", Err: err,
		}
	case errors.Is(err, fs.ErrPermission):
		return nil, &hid.Unavailable{
			Message: "This user may not use the security key at " + path + ".",
			Next: `Run this command as root, or let whoever sits at the machine use security keys: put the line ` +
				`SUBSYSTEM=="hidraw", ENV{ID_FIDO_TOKEN}=="1", TAG+="uaccess" into /etc/udev/rules.d/70-postern-keys.rules, ` +
				`run udevadm control --reload and plug the key in again.`,
			Err: err,
		}
	case err != nil:
		return nil, err
	}
	if err := f.SetReadDeadline(time.Time{}); err != nil {
		f.Close()
		return nil, &hid.Unavailable{Message: path + " is no security key.", Next: "Give the path of a hidraw device, like /dev/hidraw0.", Err: err}
	}
	return &Conn{file: f}, nil
}

// Read implements [hid.Reports]. A key that was unplugged is io.EOF.
func (c *Conn) Read(ctx context.Context) (ctaphid.Report, error) {
	if err := ctx.Err(); err != nil {
		return ctaphid.Report{}, err
	}
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(interrupted)
		_ = c.file.SetReadDeadline(time.Unix(1, 0)) // fails where the file is closed, which ends Read too
	})
	n, err := c.file.Read(c.read[:])
	if !stop() {
		<-interrupted
		_ = c.file.SetReadDeadline(time.Time{})
	}
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return ctaphid.Report{}, ctx.Err()
	case err != nil:
		return ctaphid.Report{}, gone(err)
	case n != ctaphid.ReportSize:
		return ctaphid.Report{}, fmt.Errorf("a report of %d bytes, where a security key's have %d", n, ctaphid.ReportSize)
	}
	return ctaphid.Report(c.read[:n]), nil
}

// Write implements [hid.Reports]. The kernel wants the report number in front,
// 0 where reports have none. Where the key does not take the report, the kernel
// gives up after some seconds; ctx cannot end that wait.
func (c *Conn) Write(ctx context.Context, r ctaphid.Report) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var numbered [ctaphid.ReportSize + 1]byte
	copy(numbered[1:], r[:])
	_, err := c.file.Write(numbered[:])
	return gone(err)
}

// gone makes io.EOF of the errors of a device that is no longer there, or
// closed.
func gone(err error) error {
	if errors.Is(err, syscall.EIO) || errors.Is(err, syscall.ENODEV) || errors.Is(err, os.ErrClosed) {
		return io.EOF
	}
	return err
}

// Close lets go of the key and ends a Read.
func (c *Conn) Close() error { return c.file.Close() }
