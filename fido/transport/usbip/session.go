package usbip

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/postern/postern/fido/ctap/ctaphid"
	"github.com/postern/postern/fido/transport/hid"
)

// maxBacklog is how many bytes of answers may wait for a host that does not read
// them before its own messages wait too.
const maxBacklog = 64 << 10

// session is the device plugged in over one connection that is past the import.
// It is the device's end of [hid.Reports].
//
// Answers are put in line under the lock under which the device decided them, so
// that none overtakes another: a host drops the device for a RET_SUBMIT it gets
// after it was told that the unlink came too late.
type session struct {
	conn    net.Conn
	arrived chan struct{} // tells Read of a report
	done    chan struct{} // the connection is over

	mu      sync.Mutex
	changed *sync.Cond // backlog or closed
	device  *Device
	backlog []byte // messages for the host
	closed  bool
}

// runSession plugs the device into the host behind conn until the host goes, ctx
// ends or attached returns, and closes conn. Its error is that of attached or of
// the protocol; a host that goes is none.
func runSession(ctx context.Context, conn net.Conn, id hid.Identity, attached Attached) error {
	return newSession(conn, id).run(ctx, attached)
}

func newSession(conn net.Conn, id hid.Identity) *session {
	s := &session{conn: conn, device: NewDevice(id), arrived: make(chan struct{}, 1), done: make(chan struct{})}
	s.changed = sync.NewCond(&s.mu)
	return s
}

func (s *session) run(ctx context.Context, attached Attached) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(ctx, s.close)()

	var above error
	var running sync.WaitGroup
	running.Go(func() {
		above = attached(ctx, s)
		s.close()
	})
	running.Go(s.send)
	err := s.receive()
	s.close()
	cancel()
	running.Wait()
	if errors.Is(above, context.Canceled) || errors.Is(above, io.EOF) {
		above = nil
	}
	return errors.Join(above, err)
}

// close ends the session. Whoever calls it first closes the connection.
func (s *session) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	s.closed = true
	close(s.done)
	_ = s.conn.Close()
	s.changed.Broadcast()
}

// receive takes the host's messages until the connection ends. Only messages
// that cannot be are an error.
func (s *session) receive() error {
	from := bufio.NewReader(s.conn)
	var header [urbHeaderSize]byte
	var data []byte
	for {
		if _, err := io.ReadFull(from, header[:]); err != nil {
			return nil //nolint:nilerr // however the connection ended, the host has unplugged the device
		}
		submit, unlink, err := ParseCommand(header)
		if err != nil {
			return err
		}
		if submit != nil {
			if n := submit.DataSize(); n > cap(data) {
				data = make([]byte, n)
			} else {
				data = data[:n]
			}
			if _, err := io.ReadFull(from, data); err != nil {
				return fmt.Errorf("%w: the connection ended inside a message", ErrProtocol)
			}
			submit.Data = data
		}
		if !s.take(submit, unlink) {
			return nil
		}
	}
}

// take has the device answer a message; false where the session is over.
func (s *session) take(submit *Submit, unlink *Unlink) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.backlog) > maxBacklog && !s.closed {
		s.changed.Wait()
	}
	if s.closed {
		return false
	}
	if submit != nil {
		s.backlog = s.device.Submit(s.backlog, submit, time.Now())
	} else {
		s.backlog = s.device.Unlink(s.backlog, unlink)
	}
	s.changed.Broadcast()
	select {
	case s.arrived <- struct{}{}:
	default:
	}
	return true
}

// send writes the answers until the session is over.
func (s *session) send() {
	var messages []byte
	for {
		s.mu.Lock()
		for len(s.backlog) == 0 && !s.closed {
			s.changed.Wait()
		}
		if s.closed {
			s.mu.Unlock()
			return
		}
		messages, s.backlog = s.backlog, messages[:0]
		s.changed.Broadcast()
		s.mu.Unlock()
		if _, err := s.conn.Write(messages); err != nil {
			s.close()
			return
		}
	}
}

// Read implements [hid.Reports].
func (s *session) Read(ctx context.Context) (ctaphid.Report, error) {
	for {
		if r, ok := s.next(); ok {
			return r, nil
		}
		select {
		case <-s.arrived:
		case <-s.done:
			return ctaphid.Report{}, io.EOF
		case <-ctx.Done():
			return ctaphid.Report{}, ctx.Err()
		}
	}
}

func (s *session) next() (r ctaphid.Report, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ctaphid.Report{}, false
	}
	if r, s.backlog, ok = s.device.Receive(s.backlog); ok {
		s.changed.Broadcast()
	}
	return r, ok
}

// Write implements [hid.Reports]. It does not wait for the host to poll.
func (s *session) Write(ctx context.Context, r ctaphid.Report) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case s.closed:
		return io.EOF
	}
	s.backlog = s.device.Send(s.backlog, r, time.Now())
	s.changed.Broadcast()
	return nil
}
