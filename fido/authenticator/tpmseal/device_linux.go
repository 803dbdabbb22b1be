package tpmseal

import (
	"fmt"

	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/linuxtpm"
)

// device is the TPM behind the kernel's resource manager, which keeps the
// programs of a machine apart.
const device = "/dev/tpmrm0"

// Device opens the TPM of this machine.
func Device() (transport.TPMCloser, error) {
	t, err := linuxtpm.Open(device)
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrNoTPM, err)
	}
	return t, nil
}
