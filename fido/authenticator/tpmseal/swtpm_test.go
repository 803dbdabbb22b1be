package tpmseal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// machine is a machine with a TPM 2.0: swtpm, with state on disk as a chip has.
type machine struct {
	t      *testing.T
	dir    string
	socket string
	run    *exec.Cmd

	mu  sync.Mutex
	bus []byte // everything that crossed it since it was listened to
	// cut, where set, is asked before and after each command whether the power
	// fails there.
	cut func(n int, code tpm2.TPMCC, after bool) bool
	n   int
}

var errPower = errors.New("the power failed")

func newMachine(t *testing.T) *machine {
	t.Helper()
	dir, err := os.MkdirTemp("", "swtpm-") // short, for the socket's path
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{t: t, dir: dir, socket: filepath.Join(dir, "socket")}
	m.start()
	t.Cleanup(func() {
		m.stop()
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return m
}

func (m *machine) start() {
	m.t.Helper()
	_ = os.Remove(m.socket)
	m.run = exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+m.dir,
		"--server", "type=unixio,path="+m.socket, "--flags", "not-need-init,startup-clear")
	var out bytes.Buffer
	m.run.Stdout, m.run.Stderr = &out, &out
	if err := m.run.Start(); err != nil {
		m.t.Fatalf("swtpm: %v; install what scripts/needs lists", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- m.run.Wait() }()
	for {
		if t, err := At(m.socket)(); err == nil {
			if _, err := (tpm2.ReadClock{}).Execute(t); err == nil {
				break
			}
		}
		select {
		case err := <-exited:
			m.t.Fatalf("swtpm: %v\n%s", err, out.String())
		default:
		}
	}
	m.run.Cancel = func() error {
		err := m.run.Process.Kill()
		<-exited
		return err
	}
}

func (m *machine) stop() {
	if m.run != nil {
		_ = m.run.Cancel()
		m.run = nil
	}
}

// powerCycle ends the TPM without warning and starts it again.
func (m *machine) powerCycle() {
	m.stop()
	m.cut = nil
	m.start()
}

func (m *machine) open() (transport.TPMCloser, error) {
	t, err := At(m.socket)()
	return &wire{TPMCloser: t, m: m}, err
}

// wire is the bus between processor and TPM.
type wire struct {
	transport.TPMCloser
	m *machine
}

func (w *wire) Send(command []byte) ([]byte, error) {
	w.m.mu.Lock()
	defer w.m.mu.Unlock()
	code := tpm2.TPMCC(binary.BigEndian.Uint32(command[6:]))
	w.m.n++
	if w.m.cut != nil && w.m.cut(w.m.n, code, false) {
		return nil, fmt.Errorf("before %v: %w", code, errPower)
	}
	answer, err := w.TPMCloser.Send(command)
	w.m.bus = append(append(w.m.bus, command...), answer...)
	if w.m.cut != nil && w.m.cut(w.m.n, code, true) {
		return nil, fmt.Errorf("after %v: %w", code, errPower)
	}
	return answer, err
}

// indices counts the NV indices in the owner's range.
func (m *machine) indices() int {
	m.t.Helper()
	t, err := At(m.socket)()
	if err != nil {
		m.t.Fatal(err)
	}
	got, err := tpm2.GetCapability{Capability: tpm2.TPMCapHandles, Property: uint32(firstIndex), PropertyCount: 64}.Execute(t)
	if err != nil {
		m.t.Fatal(err)
	}
	handles, err := got.CapabilityData.Data.Handles()
	if err != nil {
		m.t.Fatal(err)
	}
	n := 0
	for _, h := range handles.Handle {
		if h >= firstIndex && h <= lastIndex {
			n++
		}
	}
	return n
}
