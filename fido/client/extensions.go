package client

import (
	"crypto/sha256"
	"slices"

	"github.com/postern/postern/fido/ctap"
)

// Values of credentialProtectionPolicy (CTAP 2.1 §12.1).
var protectionPolicies = map[string]ctap.CredProtect{
	"userVerificationOptional":                     ctap.UVOptional,
	"userVerificationOptionalWithCredentialIDList": ctap.UVOptionalWithCredentialIDList,
	"userVerificationRequired":                     ctap.UVRequired,
}

// ExtensionInputs is AuthenticationExtensionsClientInputsJSON, as far as this
// client acts on it; other extensions are ignored.
type ExtensionInputs struct {
	CredProps        bool       `json:"credProps,omitempty"`
	PRF              *PRFInput  `json:"prf,omitempty"`
	HMACCreateSecret bool       `json:"hmacCreateSecret,omitempty"`
	HMACGetSecret    *HMACSalts `json:"hmacGetSecret,omitempty"`
	ProtectionPolicy string     `json:"credentialProtectionPolicy,omitempty"`
	EnforcePolicy    bool       `json:"enforceCredentialProtectionPolicy,omitempty"`
}

// PRFInput is AuthenticationExtensionsPRFInputs (WebAuthn §10.1.4). The keys of
// ByCredential are credential ids in base64url.
type PRFInput struct {
	Eval         *PRFValues           `json:"eval,omitempty"`
	ByCredential map[string]PRFValues `json:"evalByCredential,omitempty"`
}

// PRFValues is AuthenticationExtensionsPRFValues: inputs of any size, or outputs
// of 32 bytes.
type PRFValues struct {
	First  Bytes `json:"first"`
	Second Bytes `json:"second,omitempty"`
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
	CredProps        *CredProps   `json:"credProps,omitempty"`
	PRF              *PRFOutput   `json:"prf,omitempty"`
	HMACCreateSecret *bool        `json:"hmacCreateSecret,omitempty"`
	HMACGetSecret    *HMACOutputs `json:"hmacGetSecret,omitempty"`
}

// CredProps is CredentialPropertiesOutput (WebAuthn §10.1.3).
type CredProps struct {
	RK bool `json:"rk"`
}

// PRFOutput is AuthenticationExtensionsPRFOutputs.
type PRFOutput struct {
	Enabled *bool      `json:"enabled,omitempty"`
	Results *PRFValues `json:"results,omitempty"`
}

// forCreate gives the authenticator extension inputs of a registration.
func (in *ExtensionInputs) forCreate(info *ctap.Info) (map[string]ctap.Raw, error) {
	out := map[string]ctap.Raw{}
	if in.PRF != nil && len(in.PRF.ByCredential) > 0 {
		return nil, fail(NotSupportedError, "prf.evalByCredential has no meaning at registration")
	}
	if (in.PRF != nil || in.HMACCreateSecret) && slices.Contains(info.Extensions, ctap.ExtHMACSecret) {
		out[ctap.ExtHMACSecret] = ctap.EncodeBool(true)
	}
	if in.ProtectionPolicy == "" {
		return out, nil
	}
	level, ok := protectionPolicies[in.ProtectionPolicy]
	if !ok {
		return nil, fail(TypeError, "credentialProtectionPolicy %q is unknown", in.ProtectionPolicy)
	}
	if !slices.Contains(info.Extensions, ctap.ExtCredProtect) {
		if in.EnforcePolicy && level != ctap.UVOptional {
			return nil, fail(ConstraintError, "the authenticator cannot protect the credential as asked")
		}
		return out, nil
	}
	raw, err := ctap.Marshal(uint64(level))
	if err != nil {
		return nil, err
	}
	out[ctap.ExtCredProtect] = raw
	return out, nil
}

// created gives the client extension outputs of a registration.
func (in *ExtensionInputs) created(outputs map[string]ctap.Raw, rk bool) (ExtensionResults, error) {
	var r ExtensionResults
	if in.CredProps {
		r.CredProps = &CredProps{RK: rk}
	}
	if in.PRF == nil && !in.HMACCreateSecret {
		return r, nil
	}
	enabled := false
	if raw, ok := outputs[ctap.ExtHMACSecret]; ok {
		var err error
		if enabled, err = ctap.DecodeBool(raw); err != nil {
			return r, err
		}
	}
	if in.PRF != nil {
		r.PRF = &PRFOutput{Enabled: &enabled}
	}
	if in.HMACCreateSecret {
		r.HMACCreateSecret = &enabled
	}
	return r, nil
}

// salts gives the hmac-secret salts of an assertion: one or two of 32 bytes, or
// none. A prf input is hashed with a prefix of its own, so that no page can ask
// for the secrets of the other extension (WebAuthn §10.1.4).
func (in *ExtensionInputs) salts(allowed []ctap.CredentialDescriptor) ([]byte, error) {
	if h := in.HMACGetSecret; h != nil {
		if in.PRF != nil {
			return nil, fail(NotSupportedError, "prf and hmacGetSecret exclude each other")
		}
		if len(h.Salt1) != 32 || (len(h.Salt2) != 0 && len(h.Salt2) != 32) {
			return nil, fail(TypeError, "hmacGetSecret takes salts of 32 bytes")
		}
		return slices.Concat(h.Salt1, h.Salt2), nil
	}
	if in.PRF == nil {
		return nil, nil
	}
	if len(in.PRF.ByCredential) > 0 && len(allowed) == 0 {
		return nil, fail(NotSupportedError, "prf.evalByCredential needs allowCredentials")
	}
	values := in.PRF.Eval
	if len(allowed) == 1 {
		if v, ok := in.PRF.ByCredential[Bytes(allowed[0].ID).String()]; ok {
			values = &v
		}
	}
	if values == nil {
		return nil, nil
	}
	salts := prfSalt(values.First)
	if values.Second != nil {
		salts = append(salts, prfSalt(values.Second)...)
	}
	return salts, nil
}

func prfSalt(input []byte) []byte {
	sum := sha256.Sum256(append([]byte("WebAuthn PRF\x00"), input...))
	return sum[:]
}

// got gives the client extension outputs of an assertion from the decrypted
// hmac-secret output, which is 32 or 64 bytes or missing.
func (in *ExtensionInputs) got(secrets []byte) ExtensionResults {
	var r ExtensionResults
	if in.PRF != nil {
		r.PRF = &PRFOutput{}
	}
	if len(secrets) == 0 {
		return r
	}
	first, second := Bytes(secrets[:32]), Bytes(secrets[32:])
	if len(second) == 0 {
		second = nil
	}
	if in.PRF != nil {
		r.PRF.Results = &PRFValues{First: first, Second: second}
	} else {
		r.HMACGetSecret = &HMACOutputs{Output1: first, Output2: second}
	}
	return r
}
