package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/postern/postern/fido/ctap"
)

// MaxOptionsSize bounds options in JSON, in bytes. Entra's challenges alone take
// some 7 KB; this leaves room for long credential lists beside them.
const MaxOptionsSize = 128 << 10

// Bounds of a ceremony (WebAuthn §15.1 recommends 5 to 10 minutes).
const (
	defaultTimeout = 5 * time.Minute
	maxTimeout     = 10 * time.Minute
)

// Values of userVerification and residentKey (WebAuthn §5.4.6, §5.8.6).
const (
	Required    = "required"
	Preferred   = "preferred"
	Discouraged = "discouraged"
)

// Values of attestation (WebAuthn §5.4.7) this client acts on. The default is
// "none".
const (
	AttestationNone       = "none"
	AttestationEnterprise = "enterprise"
)

// RelyingParty is PublicKeyCredentialRpEntity.
type RelyingParty struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name"`
}

// UserAccount is PublicKeyCredentialUserEntityJSON.
type UserAccount struct {
	ID          Bytes  `json:"id"`
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

// CredentialParameter is PublicKeyCredentialParameters.
type CredentialParameter struct {
	Type      string         `json:"type"`
	Algorithm ctap.Algorithm `json:"alg"`
}

// Descriptor is PublicKeyCredentialDescriptorJSON.
type Descriptor struct {
	ID         Bytes    `json:"id"`
	Type       string   `json:"type"`
	Transports []string `json:"transports,omitempty"`
}

// Selection is AuthenticatorSelectionCriteria. RequireResidentKey is the Level 1
// member; ResidentKey wins where both are given.
type Selection struct {
	Attachment         string `json:"authenticatorAttachment,omitempty"`
	ResidentKey        string `json:"residentKey,omitempty"`
	RequireResidentKey bool   `json:"requireResidentKey,omitempty"`
	UserVerification   string `json:"userVerification,omitempty"`
}

// CreationOptions is PublicKeyCredentialCreationOptionsJSON (WebAuthn §5.1.8).
// Timeout is in milliseconds; 0 means the client's default.
type CreationOptions struct {
	RP                 RelyingParty          `json:"rp"`
	User               UserAccount           `json:"user"`
	Challenge          Bytes                 `json:"challenge"`
	Parameters         []CredentialParameter `json:"pubKeyCredParams"`
	Timeout            int64                 `json:"timeout,omitempty"`
	ExcludeCredentials []Descriptor          `json:"excludeCredentials,omitempty"`
	Selection          Selection             `json:"authenticatorSelection,omitzero"`
	Hints              []string              `json:"hints,omitempty"`
	Attestation        string                `json:"attestation,omitempty"`
	AttestationFormats []string              `json:"attestationFormats,omitempty"`
	Extensions         ExtensionInputs       `json:"extensions,omitzero"`
}

// RequestOptions is PublicKeyCredentialRequestOptionsJSON (WebAuthn §5.1.9).
type RequestOptions struct {
	Challenge        Bytes           `json:"challenge"`
	Timeout          int64           `json:"timeout,omitempty"`
	RPID             string          `json:"rpId,omitempty"`
	AllowCredentials []Descriptor    `json:"allowCredentials,omitempty"`
	UserVerification string          `json:"userVerification,omitempty"`
	Hints            []string        `json:"hints,omitempty"`
	Extensions       ExtensionInputs `json:"extensions,omitzero"`
}

// ParseCreationOptions reads options, bare or nested in "publicKey" or "value".
func ParseCreationOptions(data []byte) (*CreationOptions, error) {
	return parseOptions[CreationOptions](data)
}

// ParseRequestOptions reads options, bare or nested in "publicKey" or "value".
func ParseRequestOptions(data []byte) (*RequestOptions, error) {
	return parseOptions[RequestOptions](data)
}

func parseOptions[T any](data []byte) (*T, error) {
	if len(data) > MaxOptionsSize {
		return nil, fmt.Errorf("options of %d bytes exceed %d", len(data), MaxOptionsSize)
	}
	for range 3 {
		var outer struct {
			PublicKey json.RawMessage `json:"publicKey"`
			Value     json.RawMessage `json:"value"`
			Challenge json.RawMessage `json:"challenge"`
		}
		if err := json.Unmarshal(data, &outer); err != nil {
			return nil, fmt.Errorf("options: %w", err)
		}
		switch {
		case outer.Challenge != nil:
			options := new(T)
			if err := json.Unmarshal(data, options); err != nil {
				return nil, fmt.Errorf("options: %w", err)
			}
			return options, nil
		case outer.PublicKey != nil:
			data = outer.PublicKey
		case outer.Value != nil:
			data = outer.Value
		default:
			return nil, errors.New("options have no challenge")
		}
	}
	return nil, errors.New("options are nested too deeply")
}

// timeout gives the time a ceremony has.
func timeout(milliseconds int64) time.Duration {
	if milliseconds <= 0 {
		return defaultTimeout
	}
	return time.Duration(min(milliseconds, maxTimeout.Milliseconds())) * time.Millisecond
}

// residentKey gives the effective residentKey (WebAuthn §5.4.4).
func (s Selection) residentKey() string {
	switch {
	case s.ResidentKey != "":
		return s.ResidentKey
	case s.RequireResidentKey:
		return Required
	}
	return Discouraged
}

// parameters gives the algorithms asked for; none means ES256 and RS256
// (WebAuthn §5.1.3 step 10).
func (o *CreationOptions) parameters() ([]ctap.CredentialParameter, error) {
	if len(o.Parameters) == 0 {
		return []ctap.CredentialParameter{
			{Type: ctap.PublicKeyType, Algorithm: ctap.ES256}, {Type: ctap.PublicKeyType, Algorithm: ctap.RS256},
		}, nil
	}
	var list []ctap.CredentialParameter
	for _, p := range o.Parameters {
		if p.Type == ctap.PublicKeyType {
			list = append(list, ctap.CredentialParameter{Type: p.Type, Algorithm: p.Algorithm})
		}
	}
	if len(list) == 0 {
		return nil, fail(NotSupportedError, "no parameter is for public-key credentials")
	}
	return list, nil
}

func descriptors(list []Descriptor) []ctap.CredentialDescriptor {
	var out []ctap.CredentialDescriptor
	for _, d := range list {
		if d.Type == ctap.PublicKeyType && len(d.ID) > 0 {
			out = append(out, ctap.CredentialDescriptor{ID: d.ID, Type: d.Type})
		}
	}
	return out
}
