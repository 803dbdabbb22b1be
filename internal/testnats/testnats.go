//go:build unix

package testnats

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/postern/postern/internal/testport"
)

// within bounds a start or a stop; it is far above what either takes.
const within = 30 * time.Second

// Server is a NATS server on loopback that ends with the test, at the latest with the test's process.
type Server struct {
	binary  string
	address string
	config  string // a file, or empty
	log     string
	running *running
}

type running struct {
	held   *os.File // the end of the pipe that holds the server
	exited chan struct{}
}

// hold runs the server until standard input ends. The signal is one that a server cannot answer, as in a crash.
const hold = `"$@" &
pid=$!
read -r _
kill -KILL $pid
wait $pid`

// Start starts a server. config is added to its configuration: users, TLS.
func Start(t testing.TB, config string) *Server {
	t.Helper()
	binary, err := find()
	if err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	s := &Server{binary: binary, address: testport.For(t, "tcp"), log: filepath.Join(folder, "log")}
	if config != "" {
		s.config = filepath.Join(folder, "nats.conf")
		if err := os.WriteFile(s.config, []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	if err := s.Run(); err != nil {
		t.Fatal(err)
	}
	return s
}

// Address is HOST:PORT, the same after every start.
func (s *Server) Address() string { return s.address }

// URL is the address of a server without TLS.
func (s *Server) URL() string { return "nats://" + s.Address() }

// Run starts the server again after [Server.Stop], and waits until it answers.
func (s *Server) Run() error {
	out, in, err := os.Pipe()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(s.log, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return errors.Join(err, out.Close(), in.Close())
	}
	defer log.Close() // the server has its own
	args := []string{"-c", hold, "sh", s.binary, "--addr", "127.0.0.1", "--port", strings.TrimPrefix(s.address, "127.0.0.1:")}
	if s.config != "" {
		args = append(args, "--config", s.config)
	}
	holder := exec.Command("/bin/sh", args...) //nolint:noctx // held by the pipe
	holder.Stdin, holder.Stdout, holder.Stderr = out, log, log
	holder.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C reaches the test, not the one that cleans up
	err = holder.Start()
	_ = out.Close()
	if err != nil {
		return errors.Join(err, in.Close())
	}
	r := &running{held: in, exited: make(chan struct{})}
	go func() { _ = holder.Wait(); close(r.exited) }() // it was killed, so the status says nothing
	s.running = r
	deadline := time.Now().Add(within)
	for {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", s.Address())
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(deadline) {
			said, _ := os.ReadFile(s.log)
			return fmt.Errorf("testnats: the server does not answer: %w\n%s", err, said)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// Stop kills the server and waits until it is gone. A server that is not running is none to kill.
func (s *Server) Stop() error {
	r := s.running
	if r == nil {
		return nil
	}
	s.running = nil
	if err := r.held.Close(); err != nil {
		return err
	}
	select {
	case <-r.exited:
		return nil
	case <-time.After(within):
		return errors.New("testnats: the server does not stop")
	}
}

// find finds the server on the path, or where Debian has it.
func find() (string, error) {
	for _, name := range []string{"nats-server", "/usr/sbin/nats-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", errors.New("testnats: NATS is not installed: there is no nats-server on the path or in /usr/sbin.\n" +
		"Install it (Debian: apt-get install nats-server)")
}
