package tpmseal

import (
	"fmt"

	"github.com/google/go-tpm/tpm2/transport"
	"github.com/google/go-tpm/tpm2/transport/windowstpm"
)

// Device opens the TPM of this machine through TPM Base Services.
func Device() (transport.TPMCloser, error) {
	t, err := windowstpm.Open()
	if err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrNoTPM, err)
	}
	return t, nil
}

// At is for [Options.Open]. Windows has no path to a TPM.
func At(path string) func() (transport.TPMCloser, error) {
	return func() (transport.TPMCloser, error) {
		return nil, fmt.Errorf("%w (%s: a TPM has no path on Windows)", ErrNoTPM, path)
	}
}
