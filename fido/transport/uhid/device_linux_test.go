package uhid_test

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
	"github.com/postern/postern/fido/transport/uhid"
)

// kernel is the other end of a node: a socket that keeps messages apart, as the
// node does.
type kernel struct {
	t    *testing.T
	node *os.File
}

// plugIn makes a device at a kernel, and gives the event that made it.
func plugIn(t *testing.T, c uhid.Config) (*kernel, *uhid.Device, []byte) {
	t.Helper()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	k := &kernel{t, os.NewFile(uintptr(pair[0]), "kernel")}
	t.Cleanup(func() { k.node.Close() })
	if err := k.node.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	d, err := uhid.Create(os.NewFile(uintptr(pair[1]), "uhid"), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return k, d, k.read()
}

func (k *kernel) read() []byte {
	k.t.Helper()
	b := make([]byte, 8192)
	n, err := k.node.Read(b)
	if err != nil {
		k.t.Fatal(err)
	}
	return b[:n]
}

func (k *kernel) write(event []byte) {
	k.t.Helper()
	if _, err := k.node.Write(event); err != nil {
		k.t.Fatal(err)
	}
}

func (k *kernel) want(event []byte) {
	k.t.Helper()
	if diff := cmp.Diff(hex.Dump(event), hex.Dump(k.read())); diff != "" {
		k.t.Errorf("-want +got:\n%s", diff)
	}
}

func TestCreate(t *testing.T) {
	const descriptor = "06d0f10901a1010920150026ff007508954081020921150026ff00750895409102c0"
	_, _, got := plugIn(t, uhid.Config{Identity: hid.Identity{
		Vendor: 0x1209, Product: 0x5057, Version: 0x0102, Manufacturer: "Postern", Name: strings.Repeat("x", 200), Serial: "12345",
	}})
	want := make([]byte, 280, 314)
	copy(want, u32(11))
	copy(want[4:4+127], "Postern "+strings.Repeat("x", 200))
	copy(want[132:], "postern")
	copy(want[196:], "12345")
	copy(want[260:], u16(34))
	copy(want[262:], u16(3))
	copy(want[264:], u32(0x1209))
	copy(want[268:], u32(0x5057))
	copy(want[272:], u32(0x0102))
	rd, err := hex.DecodeString(descriptor)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(hex.Dump(append(want, rd...)), hex.Dump(got)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestReports(t *testing.T) {
	k, d, _ := plugIn(t, uhid.Config{})
	k.write(event(2, map[int][]byte{4: {0}}))
	k.write(event(4, nil))
	k.write(written(1))
	whole := bytes.Repeat([]byte{7}, 64) // no report number
	k.write(event(6, map[int][]byte{4: whole, 4100: u16(64), 4102: {1}}))
	for name, other := range map[string][]byte{
		"number 1": event(6, map[int][]byte{4: {1}, 4100: u16(65), 4102: {1}}),
		"short":    event(6, map[int][]byte{4100: u16(63), 4102: {1}}),
		"feature":  event(6, map[int][]byte{4100: u16(64), 4102: {0}}),
		"unknown":  event(98, nil),
		"cut":      u32(6),
	} {
		t.Log("passed over:", name)
		k.write(other)
	}
	k.write(event(13, map[int][]byte{4: u32(21), 9: {1}, 10: u16(64), 12: bytes.Repeat([]byte{9}, 64)}))
	k.want(append(append(u32(14), u32(21)...), 0, 0))
	for _, want := range []ctaphid.Report{{1}, ctaphid.Report(whole), ctaphid.Report(bytes.Repeat([]byte{9}, 64))} {
		if got, err := d.Read(t.Context()); err != nil || got != want {
			t.Errorf("report %x, %v; want %x", got, err, want)
		}
	}
	// What a security key has not is refused.
	k.write(event(9, map[int][]byte{4: u32(22), 9: {2}}))
	k.want(append(append(u32(10), u32(22)...), append(u16(5), 0, 0)...))
	k.write(event(13, map[int][]byte{4: u32(23), 9: {0}, 10: u16(64)}))
	k.want(append(append(u32(14), u32(23)...), u16(5)...))

	r := ctaphid.Report(bytes.Repeat([]byte{3}, 64))
	if err := d.Write(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	k.want(append(append(u32(12), u16(64)...), r[:]...))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Read(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Read: %v", err)
	}
	if err := d.Write(ctx, r); !errors.Is(err, context.Canceled) {
		t.Errorf("Write: %v", err)
	}
}

// TestNobodyReads: what an authenticator does not take is bounded.
func TestNobodyReads(t *testing.T) {
	k, d, _ := plugIn(t, uhid.Config{})
	for i := range 300 {
		k.write(written(byte(i)))
	}
	// A refusal shows that all of them were dealt with.
	k.write(event(9, map[int][]byte{4: u32(1)}))
	k.read()
	k.write(event(13, map[int][]byte{4: u32(2), 9: {1}, 10: u16(64)}))
	k.want(append(append(u32(14), u32(2)...), u16(5)...))
	for i := range 256 {
		if got, err := d.Read(t.Context()); err != nil || got[0] != byte(i) {
			t.Fatalf("report %d: %x, %v", i, got, err)
		}
	}
}

func TestClose(t *testing.T) {
	k, d, _ := plugIn(t, uhid.Config{})
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error("a second time:", err)
	}
	k.want(u32(1))
	if _, err := d.Read(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("Read: %v", err)
	}
	if err := d.Write(t.Context(), ctaphid.Report{}); !errors.Is(err, io.EOF) {
		t.Errorf("Write: %v", err)
	}
}

func TestKernelGoes(t *testing.T) {
	k, d, _ := plugIn(t, uhid.Config{})
	k.write(written(5))
	k.node.Close()
	if got, err := d.Read(t.Context()); err != nil || got[0] != 5 {
		t.Errorf("report %x, %v", got, err)
	}
	if _, err := d.Read(t.Context()); !errors.Is(err, io.EOF) {
		t.Errorf("Read: %v", err)
	}
}

func TestUnavailable(t *testing.T) {
	_, err := uhid.Open(uhid.Config{Node: filepath.Join(t.TempDir(), "uhid")})
	var u *hid.Unavailable
	if !errors.As(err, &u) || !strings.Contains(u.Next, "modprobe uhid") || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
	readOnly, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := uhid.Create(readOnly, uhid.Config{}); !errors.As(err, &u) {
		t.Errorf("%v", err)
	}
}
