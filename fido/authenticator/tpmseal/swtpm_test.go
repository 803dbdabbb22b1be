package tpmseal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"

	"github.com/postern/postern/internal/testtpm"
)

// machine is a machine with a TPM 2.0, whose bus is listened to and whose power can fail.
type machine struct {
	*testtpm.TPM
	t *testing.T

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
	return &machine{TPM: testtpm.Start(t), t: t}
}

// powerCycle ends the TPM without warning and starts it again.
func (m *machine) powerCycle() {
	m.t.Helper()
	m.cut = nil
	if err := errors.Join(m.Stop(), m.Run(m.t.Context())); err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) open() (transport.TPMCloser, error) {
	t, err := At(m.Socket())()
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
	t, err := At(m.Socket())()
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
