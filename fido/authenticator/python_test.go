package authenticator_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os/exec"
	"testing"

	"github.com/postern/postern/fido/authenticator"
	"github.com/postern/postern/fido/ctap"
)

// TestPythonFIDO2 lets python-fido2, a client library written by others, talk to
// the authenticator. It needs Debian's packages python3 and python3-fido2.
func TestPythonFIDO2(t *testing.T) {
	p := newPlatform(t, func(c *authenticator.Config) {
		c.Attester = authenticator.PackedAttestation{Source: newLeafSource(t)}
	})
	p.runPython("testdata/client.py")
}

// TestPythonPIN is the same for client PIN, settings and reset.
func TestPythonPIN(t *testing.T) {
	newPlatform(t, withPIN).runPython("testdata/pin.py")
}

const ctap1Mark = 1 << 31

func (p *platform) runPython(script string) {
	p.Helper()
	const python = "/usr/bin/python3"
	if out, err := exec.CommandContext(p.Context(), python, "-c", "import fido2.ctap2").CombinedOutput(); err != nil {
		p.Fatalf("python-fido2 is missing (%v): install the Debian package python3-fido2\n%s", err, out)
	}
	cmd := exec.CommandContext(p.Context(), python, "-B", script)
	var told bytes.Buffer
	cmd.Stderr = &told
	requests, err := cmd.StdoutPipe()
	if err != nil {
		p.Fatal(err)
	}
	responses, err := cmd.StdinPipe()
	if err != nil {
		p.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		p.Fatal(err)
	}
	if err := p.serve(requests, responses); err != nil {
		p.Error(err)
	}
	if err := cmd.Wait(); err != nil {
		p.Errorf("%v\n%s", err, told.String())
	}
}

// TestPythonManagement is the same for credential management, large blobs and
// U2F.
func TestPythonManagement(t *testing.T) {
	newPlatform(t, withU2F, largeBlobs).runPython("testdata/management.py")
}

// serve answers messages of a four-byte length and that many bytes until there
// are no more; the highest bit marks CTAP1, an empty one is a power cycle.
func (p *platform) serve(requests io.Reader, responses io.Writer) error {
	for {
		var size [4]byte
		if _, err := io.ReadFull(requests, size[:]); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		n := binary.BigEndian.Uint32(size[:])
		ctap1 := n&ctap1Mark != 0
		n &^= ctap1Mark
		if n > ctap.MaxMessageSize {
			return errors.New("message too long")
		}
		if n == 0 {
			p.PowerCycle()
			if _, err := responses.Write(size[:]); err != nil {
				return err
			}
			continue
		}
		request := make([]byte, n)
		if _, err := io.ReadFull(requests, request); err != nil {
			return err
		}
		var response []byte
		if ctap1 {
			_, response = p.u2f(p.Context(), request)
		} else {
			response = p.Handle(p.Context(), request)
		}
		binary.BigEndian.PutUint32(size[:], uint32(len(response)))
		if _, err := responses.Write(append(size[:], response...)); err != nil {
			return err
		}
	}
}
