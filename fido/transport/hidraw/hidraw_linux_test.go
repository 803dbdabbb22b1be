package hidraw

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
)

const (
	keyDescriptor   = "06d0f10901a1010920150026ff007508954081020921150026ff00750895409102c0"
	mouseDescriptor = "05010902a1010901a10005091901290315002501950375018102950175058103c0c0"
)

// sysfs is a folder like /sys/class/hidraw: links to the devices.
func sysfs(t *testing.T, devices map[string][2]string) string {
	t.Helper()
	root := t.TempDir()
	class := filepath.Join(root, "class")
	for name, files := range devices {
		device := filepath.Join(root, "devices", name)
		for _, dir := range []string{filepath.Join(device, "device"), class} {
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Symlink(device, filepath.Join(class, name)); err != nil {
			t.Fatal(err)
		}
		descriptor, err := hex.DecodeString(files[0])
		if err != nil {
			t.Fatal(err)
		}
		for file, content := range map[string][]byte{"report_descriptor": descriptor, "uevent": []byte(files[1])} {
			if len(content) == 0 {
				continue
			}
			if err := os.WriteFile(filepath.Join(device, "device", file), content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return class
}

func TestList(t *testing.T) {
	const uevent = "DRIVER=hid-generic\nHID_ID=0003:00001209:00005057\nHID_NAME=Postern Postern security key\n" +
		"HID_PHYS=usb-vhci_hcd.0-1/input0\nHID_UNIQ=0815\nMODALIAS=hid:b0003g0001v00001209p00005057\n"
	class := sysfs(t, map[string][2]string{
		"hidraw10": {keyDescriptor, uevent},
		"hidraw2":  {keyDescriptor, "HID_ID=0003:zzzz\nHID_NAME\n"},
		"hidraw0":  {mouseDescriptor, uevent},
		"hidraw1":  {"06d0", uevent},                             // no descriptor
		"hidraw3":  {"", uevent},                                 // gone
		"hidraw4":  {keyDescriptor, ""},                          // going
		"hidraw5":  {strings.Repeat(keyDescriptor, 300), uevent}, // too long
	})
	got, err := list(t.Context(), class)
	if err != nil {
		t.Fatal(err)
	}
	want := []Device{
		{Path: "/dev/hidraw2"},
		{Path: "/dev/hidraw10", Name: "Postern Postern security key", Serial: "0815", Vendor: 0x1209, Product: 0x5057},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := list(ctx, class); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if got, err := list(t.Context(), filepath.Join(class, "none")); got != nil || err != nil {
		t.Errorf("without HID: %v, %v", got, err)
	}
	if _, err := List(t.Context()); err != nil {
		t.Errorf("this machine: %v", err)
	}
}

// FuzzDescribe: text of a device cannot get it another device's ids.
func FuzzDescribe(f *testing.F) {
	f.Add([]byte("HID_ID=0003:00001209:00005057\nHID_NAME=a\nHID_UNIQ=b\n"))
	f.Add([]byte("HID_ID=::\nHID_ID=0003:1:2:3\n=\n\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		d := describe(b)
		if d.Vendor != 0 && !bytes.Contains(b, []byte("HID_ID=")) || !bytes.Contains(b, []byte(d.Name)) || !bytes.Contains(b, []byte(d.Serial)) {
			t.Errorf("%q gives %+v", b, d)
		}
	})
}

// plugged is an open key and its other end: a socket that keeps reports apart,
// as hidraw does.
func plugged(t *testing.T) (*Conn, *os.File) {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	key := os.NewFile(uintptr(pair[0]), "key")
	c := &Conn{file: os.NewFile(uintptr(pair[1]), "hidraw")}
	t.Cleanup(func() { key.Close(); c.Close() })
	if err := key.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return c, key
}

func TestReports(t *testing.T) {
	c, key := plugged(t)
	var hosts hid.Reports = c
	out := ctaphid.Report(bytes.Repeat([]byte{7}, 64))
	if err := hosts.Write(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 100)
	if n, err := key.Read(b); err != nil || !bytes.Equal(b[:n], append([]byte{0}, out[:]...)) {
		t.Errorf("written %x, %v", b[:n], err)
	}
	in := ctaphid.Report(bytes.Repeat([]byte{9}, 64))
	key.Write(in[:])
	if got, err := hosts.Read(t.Context()); err != nil || got != in {
		t.Errorf("read %x, %v", got, err)
	}
	for _, size := range []int{63, 65} {
		key.Write(make([]byte, size))
		if _, err := hosts.Read(t.Context()); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("a report of %d bytes: %v", size, err)
		}
	}
	key.Close()
	if err := hosts.Write(t.Context(), out); err == nil {
		t.Error("written to nobody")
	}
}

// TestReadEndsWithContext: a Read that is given up loses no report, and the next
// one works.
func TestReadEndsWithContext(t *testing.T) {
	c, key := plugged(t)
	for i := range 50 {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := c.Read(ctx)
			ended <- err
		}()
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Fatalf("Read: %v", err)
		}
		r := ctaphid.Report{byte(i)}
		key.Write(r[:])
		if got, err := c.Read(t.Context()); err != nil || got != r {
			t.Fatalf("read %x, %v", got, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := c.Write(ctx, ctaphid.Report{}); !errors.Is(err, context.Canceled) {
		t.Errorf("Write: %v", err)
	}
}

func TestClose(t *testing.T) {
	c, _ := plugged(t)
	ended := make(chan error, 1)
	go func() {
		_, err := c.Read(context.Background())
		ended <- err
	}()
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("Read: %v", err)
	}
	if err := c.Write(t.Context(), ctaphid.Report{}); !errors.Is(err, io.EOF) {
		t.Errorf("Write: %v", err)
	}
	for _, errno := range []syscall.Errno{syscall.EIO, syscall.ENODEV} {
		if err := gone(&os.PathError{Err: errno}); !errors.Is(err, io.EOF) {
			t.Errorf("unplugged: %v", err)
		}
	}
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	file, fifo := filepath.Join(dir, "file"), filepath.Join(dir, "fifo")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, next := range map[string]string{filepath.Join(dir, "none"): "Plug it in", file: "hidraw device"} {
		var u *hid.Unavailable
		if _, err := Open(path); !errors.As(err, &u) || !strings.Contains(u.Next, next) {
			t.Errorf("%s: %v", path, err)
		}
	}
	// A pipe opened both ways is what comes nearest to a device node here: what is
	// written is read, number and all.
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Open(fifo)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Write(t.Context(), ctaphid.Report{1}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(t.Context()); err == nil || !strings.Contains(err.Error(), "65 bytes") {
		t.Errorf("Read: %v", err)
	}
}
