package authenticator

import (
	"context"

	"github.com/postern/postern/fido/ctap"
	"github.com/postern/postern/fido/ctap/pinuvauth"
)

// preferredUVAttempts is how often a platform had best ask for built-in
// verification before it asks for a PIN. Being more than one it also says that
// a single request is a single attempt (CTAP 2.1 §6.4, preferredPlatformUvAttempts).
const preferredUVAttempts = 3

// getInfo is authenticatorGetInfo (CTAP 2.1 §6.4).
//
// The option "up" is left out: its default is true, and platforms of the CTAP
// 2.0 days read a listed one as "may be sent to makeCredential". The versions end
// with FIDO_2_1. What is here of CTAP 2.2 and 2.3 has members and options of its
// own, by which platforms find it; a version string would promise all that those
// versions make mandatory, and would tell a platform nothing more.
func (a *Authenticator) getInfo(ctx context.Context, _ []byte) ([]byte, error) {
	remaining, err := a.store.Remaining(ctx)
	if err != nil {
		return nil, err
	}
	info := &ctap.Info{
		Versions:                         a.versions(),
		Extensions:                       a.extensionNames(),
		AAGUID:                           a.aaguid,
		Options:                          a.options(),
		MaxMsgSize:                       new(uint64(a.maxMsgSize)), // #nosec G115 -- positive by New
		PINUVAuthProtocols:               []uint64{pinuvauth.Two, pinuvauth.One},
		MaxCredentialCountInList:         new(uint64(maxListed)),
		MaxCredentialIDLength:            new(uint64(maxCredentialID)),
		Transports:                       a.transports,
		RemainingDiscoverableCredentials: &remaining,
		AttestationFormats:               a.attestationFormats(),
		MaxCredBlobLength:                new(uint64(maxCredBlobLength)),
		LongTouchForReset:                new(false),
		TransportsForReset:               a.transports,
		AuthenticatorConfigCommands:      a.configCommands(),
	}
	for _, alg := range a.algorithms {
		info.Algorithms = append(info.Algorithms, ctap.CredentialParameter{Type: ctap.PublicKeyType, Algorithm: alg})
	}
	a.describeLargeBlobs(info)
	if a.firmware != 0 {
		info.FirmwareVersion = &a.firmware
	}
	a.describePIN(info)
	a.describeUV(info)
	if info.EncIdentifier, err = a.sealIdentifier(infoIdentifier, a.state.DeviceIdentifier); err != nil {
		return nil, err
	}
	if info.EncCredStoreState, err = a.sealIdentifier(infoStoreState, a.state.CredentialStoreState); err != nil {
		return nil, err
	}
	return info.Encode()
}

// options are what this authenticator can do, and how it is set. One that is not
// there is not listed.
func (a *Authenticator) options() map[string]bool {
	o := map[string]bool{
		ctap.OptionPlatform:     false,
		ctap.OptionRK:           true,
		ctap.OptionCredMgmt:     true,
		ctap.OptionReadOnlyMgmt: true,
		ctap.OptionConfig:       true,
		ctap.OptionAlwaysUV:     a.state.AlwaysUV,
	}
	if a.user.Verification() != VerificationNone {
		o[ctap.OptionUV] = a.uvReady()
		o[ctap.OptionPINUVAuthToken] = true
		o[ctap.OptionUVConfig] = true
	}
	if a.pin {
		o[ctap.OptionClientPIN] = a.pinSet()
		o[ctap.OptionPINUVAuthToken] = true
		if a.noCeremoniesByPIN {
			o[ctap.OptionNoCeremoniesByPIN] = true
		}
	}
	if a.hasPINPolicy() {
		o[ctap.OptionMinPINLength] = true
	}
	if a.hasEnterprise() {
		o[ctap.OptionEnterprise] = a.state.EnterpriseAttestation
	}
	return o
}

// describePIN adds what a platform has to know of PINs.
func (a *Authenticator) describePIN(info *ctap.Info) {
	if !a.pin {
		return
	}
	info.MinPINLength = new(a.state.minPINLength())
	info.MaxPINLength = new(uint64(maxPINLength))
	if a.hasPINPolicy() {
		info.ForcePINChange = new(a.state.ForcePINChange)
		info.MaxRPIDsForSetMinPINLength = new(uint64(maxMinPINLengthRPIDs))
	}
}

// describeUV adds what a platform has to know of built-in verification.
func (a *Authenticator) describeUV(info *ctap.Info) {
	if a.user.Verification() == VerificationNone {
		return
	}
	info.PreferredPlatformUVAttempts = new(uint64(preferredUVAttempts))
	if a.uvModality != 0 {
		info.UVModality = &a.uvModality
	}
}
