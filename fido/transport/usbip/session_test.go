package usbip

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"github.com/postern/postern/fido/transport/hid"
)

// TestBacklogIsBounded: a host that asks and never reads is not listened to any
// more, and has lost nothing when it reads at last.
func TestBacklogIsBounded(t *testing.T) {
	const questions = 5000
	host, conn := net.Pipe()
	s := newSession(conn, hid.DefaultIdentity())
	started := make(chan struct{})
	finished := make(chan error, 1)
	go func() {
		finished <- s.run(t.Context(), func(ctx context.Context, _ hid.Reports) error {
			close(started)
			<-ctx.Done()
			return nil
		})
	}()
	<-started
	var all []byte
	for i := range questions {
		question := [48]byte{3: 1, 6: byte(i >> 8), 7: byte(i), 9: 1, 11: 2, 15: 1, 27: 41}
		copy(question[40:], "\x80\x06\x00\x02\x00\x00\x29\x00")
		all = append(all, question[:]...)
	}
	// While nothing is read this cannot end otherwise.
	_ = host.SetWriteDeadline(time.Now().Add(100 * time.Millisecond))
	heard, err := host.Write(all)
	if !errors.Is(err, os.ErrDeadlineExceeded) || heard < maxBacklog/2 {
		t.Fatalf("%d bytes were listened to, %v", heard, err)
	}
	_ = host.SetDeadline(time.Now().Add(20 * time.Second))
	rest := make(chan error, 1)
	go func() {
		_, err := host.Write(all[heard:])
		rest <- err
	}()
	answer := make([]byte, 48+41)
	for i := range questions {
		if _, err := io.ReadFull(host, answer); err != nil || answer[6] != byte(i>>8) || answer[7] != byte(i) {
			t.Fatalf("answer %d: %x, %v", i, answer[:8], err)
		}
	}
	if err := <-rest; err != nil {
		t.Error(err)
	}
	host.Close()
	if err := <-finished; err != nil {
		t.Error(err)
	}
}
