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

// withoutProfiles makes the configuration one of a tenant that has not opted in to profiles: what holds for everybody is
// what the default profile said.
func (p *PasskeyConfiguration) withoutProfiles() {
	p.PasskeyProfiles, p.DefaultPasskeyProfile = []PasskeyProfile{}, ""
	for i := range p.IncludeTargets {
		p.IncludeTargets[i].AllowedPasskeyProfiles = []string{}
	}
}

// withProfiles opts in to profiles: the default one says what held for everybody, and everybody has it.
func (p *PasskeyConfiguration) withProfiles() {
	d := PasskeyProfile{
		ID: defaultProfileID, Name: "Default passkey profile", PasskeyTypes: "deviceBound,synced", AttestationEnforcement: "disabled", KeyRestrictions: p.KeyRestrictions,
	}
	if p.IsAttestationEnforced {
		d.PasskeyTypes, d.AttestationEnforcement = "deviceBound", "registrationOnly"
	}
	p.PasskeyProfiles, p.DefaultPasskeyProfile = []PasskeyProfile{d}, d.ID
	for i := range p.IncludeTargets {
		p.IncludeTargets[i].AllowedPasskeyProfiles = []string{d.ID}
	}
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
