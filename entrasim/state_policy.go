package entrasim

import (
	"encoding/json"
	"time"
)

// MethodsPolicy is the authentication methods policy of a tenant. JSON names are Graph's, so that a value is served as
// it is stored.
type MethodsPolicy struct {
	LastModified time.Time
	Passkey      PasskeyConfiguration
	// Others holds the other method configurations by id, each the raw object of Graph.
	Others []json.RawMessage
	// Registration is the registrationEnforcement member, raw.
	Registration json.RawMessage
	Migration    string
}

// PasskeyConfiguration is the fido2AuthenticationMethodConfiguration resource.
type PasskeyConfiguration struct {
	State                            string           `json:"state"` // "enabled" or "disabled"
	IsSelfServiceRegistrationAllowed bool             `json:"isSelfServiceRegistrationAllowed"`
	IsAttestationEnforced            bool             `json:"isAttestationEnforced"`
	KeyRestrictions                  KeyRestrictions  `json:"keyRestrictions"`
	DefaultPasskeyProfile            string           `json:"defaultPasskeyProfile"`
	ExcludeTargets                   []Target         `json:"excludeTargets"`
	IncludeTargets                   []PasskeyTarget  `json:"includeTargets"`
	PasskeyProfiles                  []PasskeyProfile `json:"passkeyProfiles"`
}

// KeyRestrictions is the fido2KeyRestrictions resource.
type KeyRestrictions struct {
	IsEnforced      bool     `json:"isEnforced"`
	EnforcementType string   `json:"enforcementType"` // "allow" or "block"
	AAGUIDs         []string `json:"aaGuids"`
}

// Target names a group, or everybody ("all_users").
type Target struct {
	TargetType string `json:"targetType"` // "group", or the deprecated "user"
	ID         string `json:"id"`
}

// PasskeyTarget is the passkeyAuthenticationMethodTarget resource.
type PasskeyTarget struct {
	TargetType             string   `json:"targetType"`
	ID                     string   `json:"id"`
	IsRegistrationRequired bool     `json:"isRegistrationRequired"`
	AllowedPasskeyProfiles []string `json:"allowedPasskeyProfiles"`
}

// PasskeyProfile is the passkeyProfile resource.
type PasskeyProfile struct {
	ID                     string          `json:"id"`
	Name                   string          `json:"name"`
	PasskeyTypes           string          `json:"passkeyTypes"`           // "deviceBound", "synced" or "deviceBound,synced"
	AttestationEnforcement string          `json:"attestationEnforcement"` // "disabled" or "registrationOnly"
	KeyRestrictions        KeyRestrictions `json:"keyRestrictions"`
}

// allUsers is the target id that means everybody.
const allUsers = "all_users"

// defaultProfileID is the id Entra gives the default passkey profile.
const defaultProfileID = "00000000-0000-0000-0000-000000000001"

// ConditionalAccess holds authentication strengths and Conditional Access policies as raw Graph objects by id.
type ConditionalAccess struct {
	Strengths map[string]json.RawMessage `json:",omitempty"`
	Policies  map[string]json.RawMessage `json:",omitempty"`
}
