package testtpm

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// within bounds a start; it is far above what one takes.
const within = 30 * time.Second

// TPM is one that nobody else uses.
type TPM struct {
	dir     string
	running *exec.Cmd
	exited  chan struct{}
}

// Start starts one that ends with the test.
func Start(t testing.TB) *TPM {
	t.Helper()
	m, err := New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	return m
}

// New starts one that [TPM.Close] ends, or the end of ctx.
func New(ctx context.Context) (*TPM, error) {
	dir, err := os.MkdirTemp("", "swtpm-") // short, for the socket's path
	if err != nil {
		return nil, err
	}
	m := &TPM{dir: dir}
	if err := m.Run(ctx); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// Socket is the path it listens at.
func (m *TPM) Socket() string { return filepath.Join(m.dir, "socket") }

// Run starts it, again after [TPM.Stop], and waits until it answers. It ends with ctx, if not before.
func (m *TPM) Run(ctx context.Context) error {
	if err := os.Remove(m.Socket()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	cmd := exec.CommandContext(ctx, "swtpm", "socket", "--tpm2", "--tpmstate", "dir="+m.dir, // #nosec G204 -- a folder of this package
		"--server", "type=unixio,path="+m.Socket(), "--flags", "not-need-init,startup-clear")
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("swtpm: %w; install what scripts/needs lists", err)
	}
	exited := make(chan struct{})
	m.running, m.exited = cmd, exited
	go func() {
		_ = cmd.Wait() // its state says how it ended
		close(exited)
	}()
	var last error
	for late := time.After(within); ; {
		if last = m.answers(ctx); last == nil {
			return nil
		}
		select {
		case <-exited:
			m.running = nil
			return fmt.Errorf("swtpm ended: %v\n%s", cmd.ProcessState, said.Bytes())
		case <-late:
			return errors.Join(fmt.Errorf("swtpm does not answer: %w", last), m.Stop())
		case <-time.After(5 * time.Millisecond):
		}
	}
}

func (m *TPM) answers(ctx context.Context) error {
	conn, err := new(net.Dialer).DialContext(ctx, "unix", m.Socket())
	if err != nil {
		return err
	}
	tpm := transport.FromReadWriteCloser(conn)
	_, err = (tpm2.ReadClock{}).Execute(tpm)
	return errors.Join(err, tpm.Close())
}

// Stop ends it without warning, as when the power fails. What it was told before is kept.
func (m *TPM) Stop() error {
	if m.running == nil {
		return nil
	}
	err := m.running.Process.Kill()
	<-m.exited
	m.running = nil
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Close ends it for good.
func (m *TPM) Close() error { return errors.Join(m.Stop(), os.RemoveAll(m.dir)) }
