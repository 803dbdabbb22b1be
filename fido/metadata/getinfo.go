package metadata

import (
	"encoding/base64"
	"encoding/hex"
	"slices"

	"github.com/postern/postern/fido/ctap"
)

// GetInfo is what authenticatorGetInfo answers, with names for numbers (FIDO
// Metadata Statement §3.12). What changes with use is left out, because it says
// nothing of the model: forcePINChange, remainingDiscoverableCredentials,
// uvCountSinceLastPinEntry, encIdentifier and encCredStoreState.
type GetInfo struct {
	Versions                      []string          `json:"versions"`
	Extensions                    []string          `json:"extensions,omitempty"`
	AAGUID                        string            `json:"aaguid"` // hexadecimal without dashes
	Options                       map[string]bool   `json:"options,omitempty"`
	MaxMsgSize                    *uint64           `json:"maxMsgSize,omitempty"`
	PINUVAuthProtocols            []uint64          `json:"pinUvAuthProtocols,omitempty"`
	MaxCredentialCountInList      *uint64           `json:"maxCredentialCountInList,omitempty"`
	MaxCredentialIDLength         *uint64           `json:"maxCredentialIdLength,omitempty"`
	Transports                    []string          `json:"transports,omitempty"`
	Algorithms                    []Parameter       `json:"algorithms,omitempty"`
	MaxSerializedLargeBlobArray   *uint64           `json:"maxSerializedLargeBlobArray,omitempty"`
	MinPINLength                  *uint64           `json:"minPINLength,omitempty"`
	FirmwareVersion               *uint64           `json:"firmwareVersion,omitempty"`
	MaxCredBlobLength             *uint64           `json:"maxCredBlobLength,omitempty"`
	MaxRPIDsForSetMinPINLength    *uint64           `json:"maxRPIDsForSetMinPINLength,omitempty"`
	PreferredPlatformUVAttempts   *uint64           `json:"preferredPlatformUvAttempts,omitempty"`
	UVModality                    *uint64           `json:"uvModality,omitempty"`
	Certifications                map[string]uint64 `json:"certifications,omitempty"`
	VendorPrototypeConfigCommands []uint64          `json:"vendorPrototypeConfigCommands,omitempty"`
	AttestationFormats            []string          `json:"attestationFormats,omitempty"`
	LongTouchForReset             *bool             `json:"longTouchForReset,omitempty"`
	TransportsForReset            []string          `json:"transportsForReset,omitempty"`
	PINComplexityPolicy           *bool             `json:"pinComplexityPolicy,omitempty"`
	PINComplexityPolicyURL        string            `json:"pinComplexityPolicyURL,omitempty"` // base64
	MaxPINLength                  *uint64           `json:"maxPINLength,omitempty"`
	AuthenticatorConfigCommands   []uint64          `json:"authenticatorConfigCommands,omitempty"`
}

// Parameter is a PublicKeyCredentialParameters (WebAuthn §5.3).
type Parameter struct {
	Type string         `json:"type"`
	Alg  ctap.Algorithm `json:"alg"`
}

func newGetInfo(i *ctap.Info) GetInfo {
	g := GetInfo{
		Versions: slices.Clone(i.Versions), Extensions: i.Extensions, AAGUID: hex.EncodeToString(i.AAGUID[:]), Options: i.Options,
		MaxMsgSize: i.MaxMsgSize, PINUVAuthProtocols: i.PINUVAuthProtocols, MaxCredentialCountInList: i.MaxCredentialCountInList,
		MaxCredentialIDLength: i.MaxCredentialIDLength, Transports: i.Transports,
		MaxSerializedLargeBlobArray: i.MaxSerializedLargeBlobArray, MinPINLength: i.MinPINLength, FirmwareVersion: i.FirmwareVersion,
		MaxCredBlobLength: i.MaxCredBlobLength, MaxRPIDsForSetMinPINLength: i.MaxRPIDsForSetMinPINLength,
		PreferredPlatformUVAttempts: i.PreferredPlatformUVAttempts, UVModality: i.UVModality, Certifications: i.Certifications,
		VendorPrototypeConfigCommands: i.VendorPrototypeConfigCommands, AttestationFormats: i.AttestationFormats,
		LongTouchForReset: i.LongTouchForReset, TransportsForReset: i.TransportsForReset, PINComplexityPolicy: i.PINComplexityPolicy,
		PINComplexityPolicyURL: base64.StdEncoding.EncodeToString(i.PINComplexityPolicyURL), MaxPINLength: i.MaxPINLength,
		AuthenticatorConfigCommands: i.AuthenticatorConfigCommands,
	}
	for _, p := range i.Algorithms {
		g.Algorithms = append(g.Algorithms, Parameter{Type: p.Type, Alg: p.Algorithm})
	}
	return g
}
