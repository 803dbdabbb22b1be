package udp_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/udp"
)

func listen(t *testing.T, peer string) *udp.Device {
	t.Helper()
	d, err := udp.Listen("127.0.0.1:0", peer)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func dial(t *testing.T, d *udp.Device) *udp.Host {
	t.Helper()
	h, err := udp.Dial(d.Address().String(), "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

func write(t *testing.T, r hid.Reports, report ctaphid.Report) {
	t.Helper()
	if err := r.Write(t.Context(), report); err != nil {
		t.Fatal(err)
	}
}

func expect(t *testing.T, r hid.Reports, report ctaphid.Report) {
	t.Helper()
	if got, err := r.Read(t.Context()); err != nil || got != report {
		t.Fatalf("read %x, %v; want %x", got, err, report)
	}
}

// initOf is an INIT on the broadcast channel, or the beginning of its answer.
func initOf(nonce byte) ctaphid.Report {
	r := ctaphid.Report{0xFF, 0xFF, 0xFF, 0xFF, 0x86, 0, 8}
	copy(r[7:], bytes.Repeat([]byte{nonce}, 8))
	return r
}

// TestTwoHosts: each gets the answers to its own reports, in whatever order.
func TestTwoHosts(t *testing.T) {
	d := listen(t, "")
	a, b := dial(t, d), dial(t, d)
	for _, pair := range [][2]ctaphid.Report{{initOf(1), initOf(2)}, {{0, 0, 0, 1, 0x81}, {0, 0, 0, 2, 0x81}}} {
		write(t, a, pair[0])
		expect(t, d, pair[0])
		write(t, b, pair[1])
		expect(t, d, pair[1])
		write(t, d, pair[0])
		write(t, d, pair[1])
		expect(t, a, pair[0])
		expect(t, b, pair[1])
	}
}

// TestFixedPeer: answers go there, whoever asked.
func TestFixedPeer(t *testing.T) {
	h, err := udp.Dial(listen(t, "").Address().String(), "") // takes a port, which is then known to be free
	if err != nil {
		t.Fatal(err)
	}
	port := h.Address().String()
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	d := listen(t, port)
	if h, err = udp.Dial(d.Address().String(), port); err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	write(t, dial(t, d), initOf(1))
	expect(t, d, initOf(1))
	write(t, d, initOf(1))
	expect(t, h, initOf(1))
}

// TestManySenders: memory of who spoke is bounded.
func TestManySenders(t *testing.T) {
	d := listen(t, "")
	h := dial(t, d)
	for i := range 3000 {
		r := ctaphid.Report{0, 0, byte(i >> 8), byte(i), 0x81}
		write(t, h, r)
		expect(t, d, r)
		write(t, d, r)
		expect(t, h, r)
	}
}

func TestPowerCycle(t *testing.T) {
	d := listen(t, "")
	h := dial(t, d)
	if err := h.PowerCycle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Read(t.Context()); !errors.Is(err, hid.ErrPowerCycle) {
		t.Errorf("read %v", err)
	}
}

// TestReadEnds: with its context, and the port can be read again; with the port,
// for good.
func TestReadEnds(t *testing.T) {
	d := listen(t, "")
	h := dial(t, d)
	for _, r := range []hid.Reports{d, h} {
		for range 100 {
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() {
				_, err := r.Read(ctx)
				ended <- err
			}()
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				t.Fatalf("a read that was stopped: %v", err)
			}
		}
	}
	write(t, h, initOf(1))
	expect(t, d, initOf(1))
	ended := make(chan error)
	go func() {
		_, err := d.Read(t.Context())
		ended <- err
	}()
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("a read of a closed port: %v", err)
	}
	if err := d.Write(t.Context(), initOf(1)); !errors.Is(err, io.EOF) {
		t.Errorf("a write to a closed port: %v", err)
	}
}

// TestLoopbackOnly: the port is never opened to others.
func TestLoopbackOnly(t *testing.T) {
	for _, address := range []string{"0.0.0.0:0", "[::1]:0", "[::ffff:127.0.0.1]:0", "192.0.2.1:8111", ":8111", "localhost:8111", "127.0.0.1", ""} {
		if d, err := udp.Listen(address, ""); err == nil {
			t.Errorf("listens at %q", d.Address())
		}
		if _, err := udp.Dial(address, ""); err == nil {
			t.Errorf("dials %q", address)
		}
		if address == "" {
			continue
		}
		if _, err := udp.Listen("127.0.0.1:0", address); err == nil {
			t.Errorf("answers to %q", address)
		}
		if _, err := udp.Dial("127.0.0.1:8111", address); err == nil {
			t.Errorf("dials from %q", address)
		}
	}
}
