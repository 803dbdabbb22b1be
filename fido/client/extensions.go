package client

import "github.com/postern/postern/fido/ctap"

// ExtensionInputs is AuthenticationExtensionsClientInputsJSON, as far as this
// client acts on it; other extensions are ignored.
type ExtensionInputs struct {
	CredProps        bool            `json:"credProps,omitempty"`
	PRF              *PRFInput       `json:"prf,omitempty"`
	LargeBlob        *LargeBlobInput `json:"largeBlob,omitempty"`
	HMACCreateSecret bool            `json:"hmacCreateSecret,omitempty"`
	HMACGetSecret    *HMACSalts      `json:"hmacGetSecret,omitempty"`
	ProtectionPolicy string          `json:"credentialProtectionPolicy,omitempty"`
	EnforcePolicy    bool            `json:"enforceCredentialProtectionPolicy,omitempty"`
	// CredBlob is kept with a new credential, GetCredBlob reads it back (CTAP
	// 2.1 §12.2).
	CredBlob    Bytes `json:"credBlob,omitzero"`
	GetCredBlob bool  `json:"getCredBlob,omitempty"`
	// MinPINLength asks for the authenticator's minimum, which comes in its
	// authenticator data (CTAP 2.1 §12.4).
	MinPINLength bool `json:"minPinLength,omitempty"`
}

// LargeBlobInput is AuthenticationExtensionsLargeBlobInputs (WebAuthn §10.1.5).
// Support, "required" or "preferred", is for registrations; Read and Write are
// for assertions and exclude each other. An empty Write that is not nil writes
// a blob of no bytes.
type LargeBlobInput struct {
	Support string `json:"support,omitempty"`
	Read    bool   `json:"read,omitempty"`
	Write   Bytes  `json:"write,omitzero"`
}

// HMACSalts are the inputs of hmacGetSecret (CTAP 2.1 §12.5), 32 bytes each.
type HMACSalts struct {
	Salt1 Bytes `json:"salt1"`
	Salt2 Bytes `json:"salt2,omitempty"`
}

// HMACOutputs are the outputs of hmacGetSecret.
type HMACOutputs struct {
	Output1 Bytes `json:"output1"`
	Output2 Bytes `json:"output2,omitempty"`
}

// ExtensionResults is AuthenticationExtensionsClientOutputsJSON.
type ExtensionResults struct {
	CredProps        *CredProps       `json:"credProps,omitempty"`
	PRF              *PRFOutput       `json:"prf,omitempty"`
	LargeBlob        *LargeBlobOutput `json:"largeBlob,omitempty"`
	HMACCreateSecret *bool            `json:"hmacCreateSecret,omitempty"`
	HMACGetSecret    *HMACOutputs     `json:"hmacGetSecret,omitempty"`
	CredBlob         *bool            `json:"credBlob,omitempty"`
	GetCredBlob      Bytes            `json:"getCredBlob,omitzero"`
}

// CredProps is CredentialPropertiesOutput (WebAuthn §10.1.3).
type CredProps struct {
	RK bool `json:"rk"`
}

// LargeBlobOutput is AuthenticationExtensionsLargeBlobOutputs (WebAuthn
// §10.1.5). Blob is nil where there is none.
type LargeBlobOutput struct {
	Supported *bool `json:"supported,omitempty"`
	Blob      Bytes `json:"blob,omitzero"`
	Written   *bool `json:"written,omitempty"`
}

// Values of credentialProtectionPolicy (CTAP 2.1 §12.1).
var protectionPolicies = map[string]ctap.CredProtect{
	"userVerificationOptional":                     ctap.UVOptional,
	"userVerificationOptionalWithCredentialIDList": ctap.UVOptionalWithCredentialIDList,
	"userVerificationRequired":                     ctap.UVRequired,
}
