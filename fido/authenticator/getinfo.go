package authenticator

import (
	"context"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// getInfo is authenticatorGetInfo (CTAP 2.1 §6.4). The option "up" is left out:
// its default is true, and platforms of the CTAP 2.0 days read a listed one as
// "may be sent to makeCredential".
func (a *Authenticator) getInfo(ctx context.Context, _ []byte) ([]byte, error) {
	remaining, err := a.store.Remaining(ctx)
	if err != nil {
		return nil, err
	}
	info := &ctap.Info{
		Versions:                         []string{ctap.VersionFIDO20, ctap.VersionFIDO21},
		Extensions:                       extensionNames(),
		AAGUID:                           a.aaguid,
		Options:                          map[string]bool{ctap.OptionPlatform: false, ctap.OptionRK: true, ctap.OptionCredMgmt: true},
		MaxMsgSize:                       new(uint64(a.maxMsgSize)), // #nosec G115 -- positive by New
		PINUVAuthProtocols:               []uint64{pinuvauth.Two, pinuvauth.One},
		MaxCredentialCountInList:         new(uint64(maxListed)),
		MaxCredentialIDLength:            new(uint64(maxCredentialID)),
		Transports:                       a.transports,
		RemainingDiscoverableCredentials: &remaining,
		AttestationFormats:               a.attestationFormats(),
	}
	for _, alg := range a.algorithms {
		info.Algorithms = append(info.Algorithms, ctap.CredentialParameter{Type: ctap.PublicKeyType, Algorithm: alg})
	}
	switch a.user.Verification() {
	case VerificationReady:
		info.Options[ctap.OptionUV] = true
		info.Options[ctap.OptionPINUVAuthToken] = true
	case VerificationNotSetUp:
		info.Options[ctap.OptionUV] = false
		info.Options[ctap.OptionPINUVAuthToken] = true
	}
	if a.pin {
		info.Options[ctap.OptionClientPIN] = a.pinSet()
		info.Options[ctap.OptionPINUVAuthToken] = true
	}
	if a.firmware != 0 {
		info.FirmwareVersion = &a.firmware
	}
	return info.Encode()
}
