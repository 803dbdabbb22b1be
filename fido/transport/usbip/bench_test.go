package usbip_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
	"github.com/postern/postern/fido/transport/usbip"
)

// BenchmarkPing is one CTAPHID ping of one report through the server over
// loopback: a report in, one out, four USB/IP messages.
func BenchmarkPing(b *testing.B) {
	r := serve(b, usbip.Server{Attached: func(ctx context.Context, r hid.Reports) error {
		return hid.Serve(ctx, r, echo{}, ctaphid.Config{})
	}})
	h := dial(b, r.addr)
	if err := h.conn.SetDeadline(time.Time{}); err != nil {
		b.Fatal(err)
	}
	h.importDevice("1-2")
	cid, payload := h.channel(), make([]byte, 57)
	for b.Loop() {
		if got := h.exchange(cid, ctaphid.Ping, payload); !bytes.Equal(got, payload) {
			b.Fatalf("ping came back as %x", got)
		}
	}
}
