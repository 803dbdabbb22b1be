package usbip

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
)

// statusHead is how the kernel writes the status of a controller with one device
// attached to its first port.
const statusHead = `hub port sta spd dev      sockfd local_busid
hs  0000 006 002 00010002 000003 3-1
hs  0001 004 000 00000000 000000 0-0
ss  0008 004 000 00000000 000000 0-0
`

// controller is a folder like the kernel's.
func controller(t *testing.T, status ...string) string {
	t.Helper()
	dir := t.TempDir()
	for i, s := range status {
		name := "status"
		if i > 0 {
			name = fmt.Sprintf("status.%d", i)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestVHCI plays the kernel: it keeps the socket it is given and polls the
// device.
func TestVHCI(t *testing.T) {
	sockets := make(chan net.Conn, 1)
	var lines []string
	v := VHCI{Dir: controller(t, statusHead, "hub port sta spd dev\nhs  0016 004 000\n")}
	attached := func(ctx context.Context, r hid.Reports) error {
		if err := r.Write(ctx, ctaphid.Report{1, 2, 3}); err != nil {
			return err
		}
		<-ctx.Done()
		return ctx.Err()
	}
	v.write = func(path, line string) error {
		lines = append(lines, filepath.Base(path)+" "+line)
		if len(lines) == 1 {
			return &os.PathError{Op: "write", Path: path, Err: syscall.EBUSY}
		}
		var port, fd, device, speed int
		if _, err := fmt.Sscanf(line, "%d %d %d %d", &port, &fd, &device, &speed); err != nil {
			return err
		}
		if port != 16 || device != 0x10002 || speed != 2 {
			t.Errorf("attach %q", line)
		}
		kept, err := syscall.Dup(fd)
		if err != nil {
			return err
		}
		f := os.NewFile(uintptr(kept), "kernel")
		defer f.Close()
		conn, err := net.FileConn(f)
		sockets <- conn
		return err
	}
	port, err := v.PlugIn()
	if err != nil {
		t.Fatal(err)
	}
	if port.Number != 16 {
		t.Errorf("port %d", port.Number)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- port.Serve(ctx, attached) }()
	kernel := <-sockets
	if len(lines) != 2 || !strings.HasPrefix(lines[0], "attach 1 ") {
		t.Errorf("attach was asked for %q", lines)
	}
	kernel.SetDeadline(time.Now().Add(20 * time.Second))
	poll := make([]byte, 48)
	poll[3], poll[7], poll[9], poll[11], poll[15], poll[19], poll[27] = 1, 7, 1, 2, 1, 1, 64
	if _, err := kernel.Write(poll); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 48+64)
	if _, err := io.ReadFull(kernel, answer); err != nil || answer[3] != 3 || answer[7] != 7 || answer[50] != 3 {
		t.Fatalf("%x, %v", answer, err)
	}
	stop()
	if n, err := kernel.Read(answer); n != 0 || !errors.Is(err, io.EOF) {
		t.Errorf("after stopping the kernel reads %d bytes, %v", n, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestVHCIUnavailable(t *testing.T) {
	refuse := func(err error) func(string, string) error {
		return func(path, _ string) error { return &os.PathError{Op: "open", Path: path, Err: err} }
	}
	for name, tc := range map[string]struct {
		dir   string
		write func(string, string) error
		want  string
	}{
		"no module":  {t.TempDir(), nil, "modprobe vhci-hcd"},
		"no root":    {controller(t, statusHead), refuse(syscall.EACCES), "as root"},
		"no port":    {controller(t, "hs  0000 006 002\n"), nil, "usbip detach"},
		"all raced":  {controller(t, statusHead), refuse(syscall.EBUSY), "dmesg"},
		"no attach":  {controller(t, statusHead), nil, "modprobe vhci-hcd"},
		"other fail": {controller(t, statusHead), refuse(syscall.EIO), "dmesg"},
	} {
		t.Run(name, func(t *testing.T) {
			before := openFiles(t)
			_, err := VHCI{Dir: tc.dir, write: tc.write}.PlugIn()
			var u *hid.Unavailable
			if !errors.As(err, &u) || !strings.Contains(u.Next, tc.want) {
				t.Errorf("%+v, want a next step with %q", err, tc.want)
			}
			if after := openFiles(t); after != before {
				t.Errorf("%d files are open, %d were", after, before)
			}
		})
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(files)
}
