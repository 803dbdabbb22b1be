package ctap

import (
	"fmt"
	"slices"
)

// Version strings of GetInfo (CTAP 2.1 §6.4).
const (
	VersionU2F    = "U2F_V2"
	VersionFIDO20 = "FIDO_2_0"
	VersionFIDO21 = "FIDO_2_1"
)

// Option names of GetInfo (CTAP 2.1 §6.4) that this module reads or writes.
// "rk", "up" and "uv" are shared with requests.
const (
	OptionPlatform       = "plat"
	OptionClientPIN      = "clientPin"
	OptionPINUVAuthToken = "pinUvAuthToken"
	OptionMakeCredUVNot  = "makeCredUvNotRqd"
	OptionAlwaysUV       = "alwaysUv"
	OptionCredMgmt       = "credMgmt"
	OptionLargeBlobs     = "largeBlobs"
	OptionEnterprise     = "ep"
	OptionConfig         = "authnrCfg"
	OptionUVConfig       = "uvAcfg"
	OptionReadOnlyMgmt   = "perCredMgmtRO"
	OptionMinPINLength   = "setMinPINLength"
	// OptionNoCeremoniesByPIN: tokens got by PIN neither register nor sign in.
	OptionNoCeremoniesByPIN = "noMcGaPermissionsWithClientPin"
)

// Info is the result of authenticatorGetInfo (CTAP 2.1 §6.4; members from 16
// on by CTAP 2.2 and 2.3). A nil pointer, slice or map is an absent member.
type Info struct {
	Versions                         []string              // 01, mandatory
	Extensions                       []string              // 02
	AAGUID                           AAGUID                // 03, mandatory
	Options                          map[string]bool       // 04
	MaxMsgSize                       *uint64               // 05, bytes
	PINUVAuthProtocols               []uint64              // 06, in order of preference
	MaxCredentialCountInList         *uint64               // 07
	MaxCredentialIDLength            *uint64               // 08, bytes
	Transports                       []string              // 09
	Algorithms                       []CredentialParameter // 0A, in order of preference
	MaxSerializedLargeBlobArray      *uint64               // 0B, bytes
	ForcePINChange                   *bool                 // 0C
	MinPINLength                     *uint64               // 0D, Unicode code points
	FirmwareVersion                  *uint64               // 0E
	MaxCredBlobLength                *uint64               // 0F, bytes
	MaxRPIDsForSetMinPINLength       *uint64               // 10
	PreferredPlatformUVAttempts      *uint64               // 11
	UVModality                       *uint64               // 12, bit set
	Certifications                   map[string]uint64     // 13
	RemainingDiscoverableCredentials *uint64               // 14
	VendorPrototypeConfigCommands    []uint64              // 15
	AttestationFormats               []string              // 16
	UVCountSinceLastPINEntry         *uint64               // 17
	LongTouchForReset                *bool                 // 18
	EncIdentifier                    []byte                // 19, 32 bytes
	TransportsForReset               []string              // 1A
	PINComplexityPolicy              *bool                 // 1B
	PINComplexityPolicyURL           []byte                // 1C
	MaxPINLength                     *uint64               // 1D
	EncCredStoreState                []byte                // 1E, 32 bytes
	AuthenticatorConfigCommands      []uint64              // 1F
}

// Encode gives the whole response, status byte included.
func (i *Info) Encode() ([]byte, error) {
	m := members{1: i.Versions, 3: i.AAGUID[:]}
	m.set(0x02, len(i.Extensions) > 0, i.Extensions)
	m.set(0x04, len(i.Options) > 0, i.Options)
	setPointer(m, 0x05, i.MaxMsgSize)
	m.set(0x06, len(i.PINUVAuthProtocols) > 0, i.PINUVAuthProtocols)
	setPointer(m, 0x07, i.MaxCredentialCountInList)
	setPointer(m, 0x08, i.MaxCredentialIDLength)
	m.set(0x09, len(i.Transports) > 0, i.Transports)
	m.set(0x0A, len(i.Algorithms) > 0, encodeParameters(i.Algorithms))
	setPointer(m, 0x0B, i.MaxSerializedLargeBlobArray)
	setPointer(m, 0x0C, i.ForcePINChange)
	setPointer(m, 0x0D, i.MinPINLength)
	setPointer(m, 0x0E, i.FirmwareVersion)
	setPointer(m, 0x0F, i.MaxCredBlobLength)
	setPointer(m, 0x10, i.MaxRPIDsForSetMinPINLength)
	setPointer(m, 0x11, i.PreferredPlatformUVAttempts)
	setPointer(m, 0x12, i.UVModality)
	m.set(0x13, len(i.Certifications) > 0, i.Certifications)
	setPointer(m, 0x14, i.RemainingDiscoverableCredentials)
	m.set(0x15, i.VendorPrototypeConfigCommands != nil, i.VendorPrototypeConfigCommands)
	m.set(0x16, len(i.AttestationFormats) > 0, i.AttestationFormats)
	setPointer(m, 0x17, i.UVCountSinceLastPINEntry)
	setPointer(m, 0x18, i.LongTouchForReset)
	m.set(0x19, i.EncIdentifier != nil, i.EncIdentifier)
	m.set(0x1A, i.TransportsForReset != nil, i.TransportsForReset)
	setPointer(m, 0x1B, i.PINComplexityPolicy)
	m.set(0x1C, i.PINComplexityPolicyURL != nil, i.PINComplexityPolicyURL)
	setPointer(m, 0x1D, i.MaxPINLength)
	m.set(0x1E, i.EncCredStoreState != nil, i.EncCredStoreState)
	m.set(0x1F, i.AuthenticatorConfigCommands != nil, i.AuthenticatorConfigCommands)
	return EncodeResponse(m)
}

// DecodeInfo reads the CBOR of a GetInfo response and holds it to the rules
// platforms enforce: unique versions, an AAGUID of 16 bytes, protocols named
// where PINs or tokens are.
func DecodeInfo(result []byte) (*Info, error) {
	o := decodeObject(result)
	texts, uints := arrayOf(readText), arrayOf(readUint)
	i := &Info{
		Versions:                         mandatory(o, int64(0x01), texts),
		Extensions:                       optional(o, int64(0x02), texts),
		AAGUID:                           mandatory(o, int64(0x03), readAAGUID),
		Options:                          optional(o, int64(0x04), mapOf(readBool)),
		MaxMsgSize:                       pointer(o, int64(0x05), readUint),
		PINUVAuthProtocols:               optional(o, int64(0x06), uints),
		MaxCredentialCountInList:         pointer(o, int64(0x07), readUint),
		MaxCredentialIDLength:            pointer(o, int64(0x08), readUint),
		Transports:                       optional(o, int64(0x09), texts),
		Algorithms:                       optional(o, int64(0x0A), arrayOf(readParameter)),
		MaxSerializedLargeBlobArray:      pointer(o, int64(0x0B), readUint),
		ForcePINChange:                   pointer(o, int64(0x0C), readBool),
		MinPINLength:                     pointer(o, int64(0x0D), readUint),
		FirmwareVersion:                  pointer(o, int64(0x0E), readUint),
		MaxCredBlobLength:                pointer(o, int64(0x0F), readUint),
		MaxRPIDsForSetMinPINLength:       pointer(o, int64(0x10), readUint),
		PreferredPlatformUVAttempts:      pointer(o, int64(0x11), readUint),
		UVModality:                       pointer(o, int64(0x12), readUint),
		Certifications:                   optional(o, int64(0x13), mapOf(readUint)),
		RemainingDiscoverableCredentials: pointer(o, int64(0x14), readUint),
		VendorPrototypeConfigCommands:    optional(o, int64(0x15), uints),
		AttestationFormats:               optional(o, int64(0x16), texts),
		UVCountSinceLastPINEntry:         pointer(o, int64(0x17), readUint),
		LongTouchForReset:                pointer(o, int64(0x18), readBool),
		EncIdentifier:                    optional(o, int64(0x19), readBytes),
		TransportsForReset:               optional(o, int64(0x1A), texts),
		PINComplexityPolicy:              pointer(o, int64(0x1B), readBool),
		PINComplexityPolicyURL:           optional(o, int64(0x1C), readBytes),
		MaxPINLength:                     pointer(o, int64(0x1D), readUint),
		EncCredStoreState:                optional(o, int64(0x1E), readBytes),
		AuthenticatorConfigCommands:      optional(o, int64(0x1F), uints),
	}
	if o.err != nil {
		return nil, o.err
	}
	return valueOr(i, i.validate())
}

func (i *Info) validate() error {
	for n, v := range i.Versions {
		if slices.Contains(i.Versions[:n], v) {
			return fmt.Errorf("version %q is listed twice: %w", v, ErrInvalidCBOR)
		}
	}
	_, pin := i.Options[OptionClientPIN]
	if (pin || i.Options[OptionPINUVAuthToken]) && len(i.PINUVAuthProtocols) == 0 {
		return fmt.Errorf("pinUvAuthProtocols: %w", ErrMissingParameter)
	}
	return nil
}
