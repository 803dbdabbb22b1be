package usbip_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/usbip"
)

// exported is the device in a list or an import, from the tables of the
// protocol: 24 bytes after path and bus id.
func exported(t *testing.T, busID string) []byte {
	b := make([]byte, 256+32)
	copy(b, "/sys/devices/platform/postern/usb1/1-2")
	copy(b[256:], busID)
	return append(b, unhex(t, "00000001 00000002 00000002 1209 5057 0100 00 00 00 01 01 01")...)
}

func TestList(t *testing.T) {
	for _, tc := range []struct {
		name   string
		server usbip.Server
		want   []byte
	}{
		{"listed", usbip.Server{}, append(append(unhex(t, "0111 0005 00000000 00000001"), exported(t, "1-2")...), 3, 0, 0, 0)},
		{"other bus id", usbip.Server{BusID: "3-9"}, append(append(unhex(t, "0111 0005 00000000 00000001"), exported(t, "3-9")...), 3, 0, 0, 0)},
		{"unlisted", usbip.Server{Unlisted: true}, unhex(t, "0111 0005 00000000 00000000")},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := dial(t, serve(t, tc.server).addr)
			h.write(unhex(t, "0111 8005 00000000"))
			if diff := cmp.Diff(tc.want, h.read(len(tc.want))); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			h.wantEnd()
		})
	}
}

func TestImport(t *testing.T) {
	busID := usbip.NewBusID()
	r := serve(t, usbip.Server{BusID: busID, Unlisted: true})
	for _, wrong := range []string{"", "1-2", busID[:len(busID)-1], busID + "x", strings.Repeat("x", 32)} {
		h := dial(t, r.addr)
		if status, _ := h.importDevice(wrong); status != 4 {
			t.Errorf("bus id %q: status %d", wrong, status)
		}
		h.wantEnd()
	}
	h := dial(t, r.addr)
	status, device := h.importDevice(busID)
	if status != 0 {
		t.Fatalf("status %d", status)
	}
	if diff := cmp.Diff(exported(t, busID), device); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	h.settle()
}

// TestOneHostAtATime: beside a host that has the device others may list and not
// import; when it goes, the device starts anew with the next.
func TestOneHostAtATime(t *testing.T) {
	r := serve(t, usbip.Server{})
	h, device := r.plugIn(t)

	other := dial(t, r.addr)
	if status, _ := other.importDevice("1-2"); status != 2 {
		t.Errorf("second import: status %d", status)
	}
	other.wantEnd()
	list := dial(t, r.addr)
	list.write(unhex(t, "0111 8005 00000000"))
	list.read(12 + 312 + 4)
	list.wantEnd()
	if err := device.Write(t.Context(), report(1)); err != nil {
		t.Fatal(err)
	}
	h.wantReport(h.poll(), report(1))
	if err := device.Write(t.Context(), report(2)); err != nil { // is never fetched
		t.Fatal(err)
	}

	h.conn.Close()
	again, device := r.plugIn(t)
	poll := again.poll()
	again.settle()
	if err := device.Write(t.Context(), report(3)); err != nil {
		t.Fatal(err)
	}
	again.wantReport(poll, report(3))
}

// TestUnplug: the host sees the connection end when the server stops, and when
// whoever has the device lets go of it.
func TestUnplug(t *testing.T) {
	r := serve(t, usbip.Server{})
	h, _ := r.plugIn(t)
	h.poll()
	h.settle()
	if err := r.stop(); err != nil {
		t.Error(err)
	}
	h.wantEnd()

	letGo := make(chan struct{})
	r = serve(t, usbip.Server{Attached: func(context.Context, hid.Reports) error {
		<-letGo
		return errors.New("the authenticator is broken")
	}})
	h = dial(t, r.addr)
	h.importDevice("1-2")
	h.settle()
	close(letGo)
	h.wantEnd()
	// The server carries on.
	dial(t, r.addr).importDevice("1-2")
}

func TestNoUSBIP(t *testing.T) {
	header := func(changes map[int]byte) []byte {
		b := make([]byte, 48)
		b[3], b[7], b[9], b[11], b[15], b[19], b[27] = 1, 1, 1, 2, 1, 1, 64 // a poll
		for at, v := range changes {
			b[at] = v
		}
		return b
	}
	r := serve(t, usbip.Server{})
	for name, message := range map[string][]byte{
		"HTTP":          []byte("GET / HTTP/1.1\r\n\r\n"),
		"version":       unhex(t, "0110 8005 00000000"),
		"reply":         unhex(t, "0111 0005 00000000"),
		"operation":     unhex(t, "0111 8004 00000000"),
		"before import": header(nil),
	} {
		t.Run(name, func(t *testing.T) {
			h := dial(t, r.addr)
			h.write(message)
			h.wantEnd()
		})
	}
	for name, changes := range map[string]map[int]byte{
		"command":             {3: 3},
		"large command":       {0: 1},
		"other device":        {11: 3},
		"direction":           {15: 2},
		"endpoint":            {19: 16},
		"isochronous":         {35: 1},
		"64 KiB for a device": {15: 0, 25: 1, 26: 0, 27: 0},
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := r.plugIn(t)
			h.settle()
			h.write(header(changes))
			h.wantEnd()
		})
	}
}

func TestManyConnections(t *testing.T) {
	r := serve(t, usbip.Server{})
	var silent []*host
	for range 16 {
		silent = append(silent, dial(t, r.addr))
	}
	dial(t, r.addr).wantEnd()
	for _, s := range silent {
		if err := s.conn.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		s.wantEnd()
	}
	h := dial(t, r.addr)
	if status, _ := h.importDevice("1-2"); status != 0 {
		t.Errorf("status %d when they are gone", status)
	}
}

func TestBusID(t *testing.T) {
	a, b := usbip.NewBusID(), usbip.NewBusID()
	if a == b || len(a) < 20 {
		t.Errorf("bus ids %q and %q", a, b)
	}
	for id, good := range map[string]bool{
		a: true, "1-2": true, strings.Repeat("x", 31): true,
		"": false, strings.Repeat("x", 32): false, "a b": false, "a\n": false, "ä": false,
	} {
		if err := usbip.CheckBusID(id); (err == nil) != good {
			t.Errorf("%q: %v", id, err)
		}
	}
	l, err := usbip.Listen(t.Context(), "127.0.0.1:0", false)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&usbip.Server{BusID: "a b"}).Serve(t.Context(), l); err == nil {
		t.Error("served with a bus id that is none")
	}
}

func TestListen(t *testing.T) {
	taken, err := usbip.Listen(t.Context(), "localhost:0", false)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:3240", "192.0.2.1", "no host:1", taken.Addr().String()} {
		l, err := usbip.Listen(t.Context(), address, false)
		if err == nil {
			l.Close()
			t.Errorf("%s: listening", address)
			continue
		}
		var u *hid.Unavailable
		if !errors.As(err, &u) || u.Next == "" {
			t.Errorf("%s: %v", address, err)
		}
	}
	l, err := usbip.Listen(t.Context(), "0.0.0.0:0", true)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func TestAttachCommand(t *testing.T) {
	address := func(ip string, port int) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: port} }
	for _, tc := range []struct {
		goos string
		addr net.Addr
		want string
	}{
		{"windows", address("127.0.0.1", 3240), "usbip.exe attach -r 127.0.0.1 -b 1-2"},
		{"windows", address("127.0.0.1", 3241), "usbip.exe --tcp-port 3241 attach -r 127.0.0.1 -b 1-2"},
		{"linux", address("0.0.0.0", 5000), "usbip --tcp-port 5000 attach -r 127.0.0.1 -b 1-2"},
		{"linux", address("::1", 3240), "usbip attach -r ::1 -b 1-2"},
	} {
		if got := usbip.AttachCommand(tc.goos, tc.addr, "1-2"); got != tc.want {
			t.Errorf("%s, want %s", got, tc.want)
		}
	}
}

// TestAuthenticator runs CTAPHID over the whole way.
func TestAuthenticator(t *testing.T) {
	r := serve(t, usbip.Server{Attached: func(ctx context.Context, r hid.Reports) error {
		return hid.Serve(ctx, r, echo{}, ctaphid.Config{})
	}})
	h := dial(t, r.addr)
	h.importDevice("1-2")
	cid := h.channel()
	for _, size := range []int{0, 1, 57, 58, 1024, ctaphid.MaxPayload} {
		payload := bytes.Repeat([]byte{byte(size)}, size)
		for command, want := range map[ctaphid.Command][]byte{ctaphid.Ping: payload, ctaphid.CBOR: append([]byte{0}, payload...)} {
			if command == ctaphid.CBOR && (size == 0 || size == ctaphid.MaxPayload) {
				continue
			}
			if got := h.exchange(cid, command, payload); !bytes.Equal(got, want) {
				t.Errorf("%v of %d bytes: %d bytes", command, size, len(got))
			}
		}
	}
}

// echo is an authenticator that repeats what it hears.
type echo struct{}

func (echo) Handle(_ context.Context, request []byte) []byte { return append([]byte{0}, request...) }
func (echo) AwaitingUser() bool                              { return false }

// channel asks for a CTAPHID channel.
func (h *host) channel() uint32 {
	h.t.Helper()
	response, err := ctaphid.DecodeInitResponse(h.exchange(ctaphid.Broadcast, ctaphid.Init, make([]byte, 8)))
	if err != nil {
		h.t.Fatal(err)
	}
	return response.CID
}

// exchange sends a message and gives the answer's payload. It has one poll open
// while it waits, like a kernel.
func (h *host) exchange(cid uint32, command ctaphid.Command, payload []byte) []byte {
	h.t.Helper()
	reports, err := ctaphid.Packets(ctaphid.Message{CID: cid, Command: command, Payload: payload})
	if err != nil {
		h.t.Fatal(err)
	}
	for _, r := range reports {
		h.want(h.output(r), 0, 64)
	}
	in := ctaphid.Assembler{Only: cid}
	for {
		h.poll()
		a := h.answer()
		m, err := in.Feed(a.data, epoch)
		if err != nil {
			h.t.Fatal(err)
		}
		if m != nil && m.Command != ctaphid.Keepalive {
			return m.Payload
		}
	}
}
