package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/postern/postern/internal/testport"
)

// serve is the command that serves the key, wherever it runs. The key forgets everything with its end, and takes Enter on standard
// input for its user's touch.
func serve(program string, verifies bool, where ...string) []string {
	command := []string{program, "serve", "--store", "memory"}
	if verifies {
		command = append(command, "--uv")
	}
	return append(command, where...)
}

// touches is how often whoever holds a key that this machine serves touches it.
const touches = 300 * time.Millisecond

// plug attaches a fresh key to the guest and returns its device there. unplug takes it away and says what the key's program printed.
func plug(ctx context.Context, m *machine, c client, program string) (device string, unplug func(context.Context) (string, error), err error) {
	var server *keyServer
	var in string
	switch c.attachment {
	case usbip:
		address, err := testport.Reserve(ctx, "tcp")
		if err != nil {
			return "", nil, err
		}
		if server, err = serveKey(context.WithoutCancel(ctx), serve(program, c.verifies, "--usbip", address)); err != nil {
			return "", nil, err
		}
		in = "usbip " + strings.TrimPrefix(address, "127.0.0.1:")
	case uhid, vhci:
		in = "uhid " + strings.Join(serve("/run/bin/postern-phone", c.verifies, "--"+string(c.attachment)), " ")
	}
	unplug = func(ctx context.Context) (string, error) {
		var said string
		if server != nil {
			said = server.stop()
		}
		out, err := m.run(ctx, "sh /job/guest/key out; status=$?; cat /run/key.log 2>/dev/null; rm -f /run/key.log; exit $status")
		return said + out, err
	}
	out, err := m.run(ctx, "sh /job/guest/key in "+in)
	if err != nil {
		said, _ := unplug(ctx) // the first error is the one to tell
		return "", nil, fmt.Errorf("plugging the key in: %w\n%s%s", err, out, said)
	}
	lines := strings.Fields(out)
	return lines[len(lines)-1], unplug, nil
}

// keyServer is a key that this machine serves.
type keyServer struct {
	process *exec.Cmd
	said    bytes.Buffer
	touch   io.Closer
	done    chan struct{}
	end     context.CancelFunc
}

// endTime is what the key may take to end in order.
const endTime = 5 * time.Second

// serveKey starts the key; stop ends it, or the end of ctx.
func serveKey(ctx context.Context, command []string) (*keyServer, error) {
	s := &keyServer{done: make(chan struct{})}
	ctx, s.end = context.WithCancel(ctx)
	s.process = exec.CommandContext(ctx, command[0], command[1:]...) // #nosec G204 -- a program of ours
	s.process.Cancel = func() error { return s.process.Process.Signal(os.Interrupt) }
	s.process.WaitDelay = endTime
	s.process.Stdout, s.process.Stderr = &s.said, &s.said
	s.process.SysProcAttr = dieWithParent()
	stdin, err := s.process.StdinPipe()
	if err != nil {
		return nil, err
	}
	s.touch = stdin
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	go func() {
		for {
			select {
			case <-s.done:
				return
			case <-time.After(touches):
				if _, err := io.WriteString(stdin, "\n"); err != nil {
					return // the program ended
				}
			}
		}
	}()
	return s, nil
}

// stop ends the key and returns what it printed. It may be called again.
func (s *keyServer) stop() string {
	if s.process.ProcessState != nil {
		return s.said.String()
	}
	close(s.done)
	s.end()
	_ = s.process.Wait() // how it ended is in what it printed
	return s.said.String()
}
