package usbip

import (
	"context"
	"io"
	"net"
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
	go func() {
		question := make([]byte, 48)
		question[3], question[9], question[11], question[15], question[27] = 1, 1, 2, 1, 41
		copy(question[40:], "\x80\x06\x00\x02\x00\x00\x29\x00")
		for i := range questions {
			question[6], question[7] = byte(i>>8), byte(i)
			if _, err := host.Write(question); err != nil {
				return
			}
		}
	}()
	answer := make([]byte, 48+41)
	host.SetDeadline(time.Now().Add(20 * time.Second))
	for i := range questions {
		if _, err := io.ReadFull(host, answer); err != nil || answer[6] != byte(i>>8) || answer[7] != byte(i) {
			t.Fatalf("answer %d: %x, %v", i, answer[:8], err)
		}
		s.mu.Lock()
		if n := len(s.backlog); n > maxBacklog+len(answer) {
			t.Errorf("%d bytes wait", n)
		}
		s.mu.Unlock()
	}
	host.Close()
	if err := <-finished; err != nil {
		t.Error(err)
	}
}
