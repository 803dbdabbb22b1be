package usbip_test

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/usbip"
)

// host is a USB/IP client written from the kernel's description of the protocol,
// in numbers of its own, so that it does not share a misreading with the server.
type host struct {
	t    testing.TB
	conn net.Conn
	seq  uint32
	in   map[uint32]bool // direction of the submits in flight
}

// answer is a message from the device.
type answer struct {
	unlink bool
	seq    uint32
	status int32
	length int
	data   []byte
}

// patience is how long a test waits for what must come, before it fails.
const patience = 20 * time.Second

// epoch is any time; nothing here expires.
var epoch = time.Unix(1e9, 0)

func newHost(t testing.TB, conn net.Conn) *host {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &host{t: t, conn: conn, in: map[uint32]bool{}}
}

func dial(t testing.TB, to net.Addr) *host {
	t.Helper()
	conn, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	return newHost(t, conn)
}

func (h *host) write(b []byte) {
	h.t.Helper()
	if _, err := h.conn.Write(b); err != nil {
		h.t.Fatal(err)
	}
}

func (h *host) read(n int) []byte {
	h.t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(h.conn, b); err != nil {
		h.t.Fatal(err)
	}
	return b
}

// importDevice asks for a device and gives the status, and the device if it is 0.
func (h *host) importDevice(busID string) (status uint32, device []byte) {
	h.t.Helper()
	request := append(unhex(h.t, "0111 8003 00000000"), make([]byte, 32)...)
	copy(request[8:], busID)
	h.write(request)
	reply := h.read(8)
	if got := hex.EncodeToString(reply[:4]); got != "01110003" {
		h.t.Fatalf("import reply begins %s", got)
	}
	if status = binary.BigEndian.Uint32(reply[4:]); status != 0 {
		return status, nil
	}
	return 0, h.read(312)
}

// submitMessage is CMD_SUBMIT for device 00010002.
func (h *host) submitMessage(in bool, endpoint, length int, setup string, data []byte) []byte {
	h.seq++
	h.in[h.seq] = in
	m := make([]byte, 48, 48+len(data))
	direction, flags := 0, 0
	if in {
		direction, flags = 1, 0x200
	}
	for at, v := range map[int]int{0: 1, 4: int(h.seq), 8: 0x10002, 12: direction, 16: endpoint, 20: flags, 24: length, 36: 4} {
		binary.BigEndian.PutUint32(m[at:], uint32(v))
	}
	copy(m[40:], unhex(h.t, setup))
	return append(m, data...)
}

func (h *host) submit(in bool, endpoint, length int, setup string, data []byte) (seq uint32) {
	h.t.Helper()
	h.write(h.submitMessage(in, endpoint, length, setup, data))
	return h.seq
}

// poll submits a transfer for a report to come.
func (h *host) poll() uint32 {
	h.t.Helper()
	return h.submit(true, 1, 64, "", nil)
}

// output submits a transfer with a report.
func (h *host) output(r ctaphid.Report) uint32 {
	h.t.Helper()
	return h.submit(false, 1, 64, "", r[:])
}

// unlink takes a submit back.
func (h *host) unlink(target uint32) (seq uint32) {
	h.t.Helper()
	h.seq++
	m := make([]byte, 48)
	for at, v := range map[int]uint32{0: 2, 4: h.seq, 8: 0x10002, 20: target} {
		binary.BigEndian.PutUint32(m[at:], v)
	}
	h.write(m)
	return h.seq
}

func (h *host) answer() answer {
	h.t.Helper()
	m := h.read(48)
	a := answer{seq: binary.BigEndian.Uint32(m[4:]), status: int32(binary.BigEndian.Uint32(m[20:]))}
	for at := range m {
		used := at < 8 || at >= 20 && at < 28
		if !used && m[at] != 0 {
			h.t.Fatalf("byte %d of an answer is %#x: %x", at, m[at], m)
		}
	}
	switch kind := binary.BigEndian.Uint32(m); kind {
	case 3:
		in, known := h.in[a.seq]
		if !known {
			h.t.Fatalf("an answer to submit %d, which is not in flight", a.seq)
		}
		delete(h.in, a.seq)
		a.length = int(binary.BigEndian.Uint32(m[24:]))
		if in {
			a.data = h.read(a.length)
		}
	case 4:
		a.unlink = true
	default:
		h.t.Fatalf("answer of kind %d", kind)
	}
	return a
}

// wantEnd wants the connection to end, with nothing before.
func (h *host) wantEnd() {
	h.t.Helper()
	if n, err := io.Copy(io.Discard, h.conn); n != 0 || isTimeout(err) {
		h.t.Fatalf("%d more bytes, then %v", n, err)
	}
}

func isTimeout(err error) bool {
	var e net.Error
	return errors.As(err, &e) && e.Timeout()
}

// running is a server at work.
type running struct {
	addr     net.Addr
	attached chan hid.Reports // each device end; the test is its owner until the host goes
	stop     func() error
}

// serve starts a server whose device ends go to the test.
func serve(t testing.TB, s usbip.Server) *running {
	t.Helper()
	l, err := usbip.Listen(t.Context(), "127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{addr: l.Addr(), attached: make(chan hid.Reports, 8)}
	if s.Attached == nil {
		s.Attached = func(ctx context.Context, reports hid.Reports) error {
			r.attached <- reports
			<-ctx.Done()
			return ctx.Err()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Serve(ctx, l) }()
	r.stop = func() error {
		cancel()
		select {
		case err := <-done:
			done <- err
			return err
		case <-time.After(patience):
			t.Fatal("the server does not stop")
			return nil
		}
	}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("Serve: %v", err)
		}
	})
	return r
}

// plugIn attaches a host and gives both ends.
func (r *running) plugIn(t testing.TB) (*host, hid.Reports) {
	t.Helper()
	h := dial(t, r.addr)
	if status, _ := h.importDevice(usbip.DefaultBusID); status != 0 {
		t.Fatalf("import status %d", status)
	}
	return h, r.device(t)
}

func (r *running) device(t testing.TB) hid.Reports {
	t.Helper()
	select {
	case d := <-r.attached:
		return d
	case <-time.After(patience):
		t.Fatal("the device was not plugged in")
		return nil
	}
}

// report is a report that can be told from others.
func report(n int) (r ctaphid.Report) {
	for i := range r {
		r[i] = byte(n + i)
	}
	return r
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
