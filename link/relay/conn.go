package relay

import (
	"context"
	"errors"
	"io"
	"sync"
)

// Conn carries frames, one in a message. A WebSocket is one.
//
// Read is called by one goroutine at a time and Write by one at a time; Close at any time and more than once. Read
// returns [io.EOF] when the other end closed with [Done], and any other error when the connection broke; what it
// returned belongs to the caller. Write does not keep its argument. Read and Write return soon after their context
// ends, and may leave the connection unusable when they do.
type Conn interface {
	Read(ctx context.Context) ([]byte, error)
	Write(ctx context.Context, frame []byte) error
	Close(reason Reason) error
}

// Reason is why a connection is closed.
type Reason byte

const (
	// Done closes for good: the session ends with it. WebSocket status 1000.
	Done Reason = iota
	// Broken closes a connection that no longer works; its session may be resumed. WebSocket status 1001.
	Broken
	// Refused closes after a refusal, or because the other end broke the protocol. WebSocket status 1008.
	Refused
)

// pipeDepth is how many frames wait in each direction of a [Pipe].
const pipeDepth = 16

var errBroken = errors.New("relay: the connection broke")

// Pipe returns the two ends of a connection in memory.
func Pipe() (Conn, Conn) {
	a, b := make(chan []byte, pipeDepth), make(chan []byte, pipeDepth)
	p := &pipe{closed: make(chan struct{})}
	return &pipeEnd{pipe: p, in: a, out: b}, &pipeEnd{pipe: p, in: b, out: a}
}

type pipe struct {
	once   sync.Once
	closed chan struct{}
	reason Reason
}

type pipeEnd struct {
	*pipe
	in  <-chan []byte
	out chan<- []byte
}

func (e *pipeEnd) Read(ctx context.Context) ([]byte, error) {
	select { // what was written before the end is read before it
	case frame := <-e.in:
		return frame, nil
	default:
	}
	select {
	case frame := <-e.in:
		return frame, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-e.closed:
	}
	select {
	case frame := <-e.in:
		return frame, nil
	default:
	}
	if e.reason == Done {
		return nil, io.EOF
	}
	return nil, errBroken
}

func (e *pipeEnd) Write(ctx context.Context, frame []byte) error {
	select {
	case <-e.closed:
		return errBroken
	default:
	}
	select {
	case e.out <- append([]byte(nil), frame...):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-e.closed:
		return errBroken
	}
}

func (e *pipeEnd) Close(reason Reason) error {
	e.once.Do(func() {
		e.reason = reason
		close(e.closed)
	})
	return nil
}
