//go:build !windows

package tpmseal

import (
	"fmt"
	"io/fs"
	"os"

	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"
	"github.com/google/go-tpm/tpm2/transport/linuxudstpm"
)

// device is the TPM behind the kernel's resource manager, which keeps the
// programs of a machine apart. Linux has it; elsewhere it is not found.
const device = "/dev/tpmrm0"

// Device opens the TPM of this machine.
func Device() (transport.TPMCloser, error) { return At(device)() }

// At is for [Options.Open]: the TPM behind another device, or the emulated one
// that listens on a Unix socket. Windows has no such paths.
func At(path string) func() (transport.TPMCloser, error) {
	return func() (transport.TPMCloser, error) {
		open := linuxtpm.Open
		if info, err := os.Stat(path); err == nil && info.Mode()&fs.ModeSocket != 0 {
			open = linuxudstpm.Open
		}
		t, err := open(path)
		if err != nil {
			return nil, fmt.Errorf("%w (%w)", ErrNoTPM, err)
		}
		return t, nil
	}
}
