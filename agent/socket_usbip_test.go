package agent_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"

	"github.com/postern/postern/agent"
	"github.com/postern/postern/fido/transport/hid"
)

// TestUSBIP plays the driver: it attaches what is exported under its name, and lets it go.
func TestUSBIP(t *testing.T) {
	in, served := false, false
	socket := agent.USBIP{Log: slog.New(slog.DiscardHandler), Attach: func(ctx context.Context, port, busID string) error {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", "127.0.0.1:"+port)
		if err != nil {
			return err
		}
		request := append([]byte{0x01, 0x11, 0x80, 0x03, 0, 0, 0, 0}, make([]byte, 32)...) // OP_REQ_IMPORT
		copy(request[8:], busID)
		if _, err := conn.Write(request); err != nil {
			return err
		}
		reply := make([]byte, 8)
		if _, err := conn.Read(reply); err != nil || reply[7] != 0 {
			t.Errorf("import: %x, %v", reply, err)
		}
		return conn.Close()
	}}
	err := socket.Plug(t.Context(), hid.DefaultIdentity(), func() { in = true }, func(ctx context.Context, r hid.Reports) error {
		served = true
		_, err := r.Read(ctx)
		return err
	})
	if err == nil || !in || !served {
		t.Errorf("%v, plugged in %t, served %t", err, in, served)
	}
	if socket.Name() != "usbip" || socket.MaxMessage() == 0 {
		t.Error(socket.Name(), socket.MaxMessage())
	}
	missing := errors.New("there is no driver")
	socket.Attach = func(context.Context, string, string) error { return missing }
	if err := socket.Plug(t.Context(), hid.DefaultIdentity(), func() {}, nil); !errors.Is(err, missing) {
		t.Errorf("without a driver: %v", err)
	}
}
