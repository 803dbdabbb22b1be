//go:build !linux && !windows

package tpmseal

import "github.com/google/go-tpm/tpm2/transport"

// Device opens the TPM of this machine, which this program can on Linux and
// Windows.
func Device() (transport.TPMCloser, error) { return nil, ErrNoTPM }
