package hid

import (
	"context"
	"io"
	"sync"

	"github.com/postern/postern/fido/ctap/ctaphid"
)

// pipeDepth is how many reports a [Pipe] holds in each direction, as many as
// Linux holds for a reader of hidraw.
const pipeDepth = 64

// Pipe gives the two ends of a HID interface in memory. Closing either end is
// io.EOF for both; what was written before is still read.
func Pipe() (host, device *PipeEnd) {
	out, in := make(chan ctaphid.Report, pipeDepth), make(chan ctaphid.Report, pipeDepth)
	closed := make(chan struct{})
	once := sync.OnceFunc(func() { close(closed) })
	return &PipeEnd{in, out, closed, once}, &PipeEnd{out, in, closed, once}
}

// PipeEnd is one end of a [Pipe].
type PipeEnd struct {
	in     <-chan ctaphid.Report
	out    chan<- ctaphid.Report
	closed <-chan struct{}
	close  func()
}

// Read implements [Reports].
func (p *PipeEnd) Read(ctx context.Context) (ctaphid.Report, error) {
	select {
	case r := <-p.in:
		return r, nil
	default:
	}
	select {
	case r := <-p.in:
		return r, nil
	case <-p.closed:
		return ctaphid.Report{}, io.EOF
	case <-ctx.Done():
		return ctaphid.Report{}, ctx.Err()
	}
}

// Write implements [Reports].
func (p *PipeEnd) Write(ctx context.Context, r ctaphid.Report) error {
	select {
	case <-p.closed:
		return io.EOF
	default:
	}
	select {
	case p.out <- r:
		return nil
	case <-p.closed:
		return io.EOF
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Close closes both ends.
func (p *PipeEnd) Close() error {
	p.close()
	return nil
}
