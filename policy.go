package postern

import (
	"strings"
	"time"
)

// TenantPolicy is what decides in a tenant whose passkeys may be registered and used: the passkey method of the
// authentication methods policy, the authentication strengths, and the Conditional Access policies that demand them.
// It is a value: packages read it from Entra, make it from a document, compare two of them, and judge people by it.
type TenantPolicy struct {
	ReadAt   time.Time     `json:"read_at"`
	Passkeys PasskeyPolicy `json:"passkeys"`
	// Strengths and ConditionalAccess are only complete if StrengthsRead and ConditionalAccessRead say so.
	Strengths             []AuthenticationStrength  `json:"strengths"`
	StrengthsRead         bool                      `json:"strengths_read" doc:"Whether the application may read authentication strengths."`
	ConditionalAccess     []ConditionalAccessPolicy `json:"conditional_access"`
	ConditionalAccessRead bool                      `json:"conditional_access_read" doc:"Whether the application may read Conditional Access policies."`
	// OtherMethodsSize is how many bytes the targets of the other methods take of the authentication methods policy,
	// beyond the part that every tenant has; as far as is known.
	OtherMethodsSize int `json:"other_methods_size,omitempty"`
	// Names are the display names of the groups, users, roles and applications that are named above by id, and of targets
	// what they are.
	Names map[string]DirectoryName `json:"names,omitempty"`
}

// DirectoryName is what an object id or role template id of a policy stands for.
type DirectoryName struct {
	Kind  string `json:"kind" enum:"group,user,role,application,unknown"`
	Name  string `json:"name"`
	Group string `json:"group,omitempty" enum:"security,microsoft365,distribution" doc:"Of a group: only security groups can be targets."`
}

// PolicySchema is which of the two forms of the passkey method a tenant uses. A tenant opts in to profiles once and for
// all; only the form in use is ever written.
type PolicySchema string

// The schemas.
const (
	PolicySchemaTenant   PolicySchema = "tenant"   // isAttestationEnforced and keyRestrictions hold for everybody
	PolicySchemaProfiles PolicySchema = "profiles" // up to three passkey profiles, assigned to targets
)

// PasskeyPolicy is the passkey (FIDO2) configuration of the authentication methods policy, Microsoft Graph's
// fido2AuthenticationMethodConfiguration.
type PasskeyPolicy struct {
	Schema      PolicySchema `json:"schema" enum:"tenant,profiles"`
	Enabled     bool         `json:"enabled"`
	SelfService bool         `json:"self_service" doc:"Registration needs it, on behalf of a user too."`
	// AttestationEnforced and KeyRestrictions decide under the tenant schema, and mirror the default profile otherwise.
	AttestationEnforced bool             `json:"attestation_enforced"`
	KeyRestrictions     KeyRestrictions  `json:"key_restrictions"`
	DefaultProfile      string           `json:"default_profile,omitempty" doc:"Id of the default profile."`
	Profiles            []PasskeyProfile `json:"profiles,omitempty"`
	Include             []PolicyTarget   `json:"include"`
	Exclude             []PolicyTarget   `json:"exclude" doc:"Beat every include, at registration and at sign-in."`
}

// KeyRestrictions allow or block models of authenticators, at registration and at every sign-in.
type KeyRestrictions struct {
	Enforced bool     `json:"enforced"`
	Block    bool     `json:"block" doc:"The listed models are refused and all others allowed; otherwise the reverse."`
	AAGUIDs  []string `json:"aaguids" doc:"In lower case."`
}

// PasskeyProfile is one set of rules. A user passes who satisfies any one of their profiles completely.
type PasskeyProfile struct {
	ID                  string          `json:"id" doc:"Chosen by whoever makes the profile, so that targets can name it in the same request."`
	Name                string          `json:"name"`
	DeviceBound         bool            `json:"device_bound"`
	Synced              bool            `json:"synced"`
	AttestationEnforced bool            `json:"attestation_enforced" doc:"At registration; synced passkeys cannot attest and are refused then at sign-in too."`
	KeyRestrictions     KeyRestrictions `json:"key_restrictions"`
}

// TargetAllUsers is the id of the target that means everybody.
const TargetAllUsers = "all_users"

// PolicyTarget is a security group by its object id, everybody as [TargetAllUsers], or in old tenants a user.
type PolicyTarget struct {
	ID                   string   `json:"id"`
	Type                 string   `json:"type" enum:"group,user"`
	RegistrationRequired bool     `json:"registration_required,omitempty"`
	Profiles             []string `json:"profiles,omitempty" doc:"Ids of profiles; none means the default profile."`
}

const newPolicyID = "new:"

// NewPolicyID is the id of a strength or Conditional Access policy that is still to be made; others may refer to it.
func NewPolicyID(name string) string { return newPolicyID + name }

// IsNewPolicyID reports whether the id stands for something that is still to be made.
func IsNewPolicyID(id string) bool { return strings.HasPrefix(id, newPolicyID) }

// AuthenticationStrength is Microsoft Graph's authenticationStrengthPolicy.
type AuthenticationStrength struct {
	ID          string `json:"id" doc:"Of one that is still to be made: new: and its name."`
	Name        string `json:"name"`
	Description string `json:"description,omitempty"`
	BuiltIn     bool   `json:"built_in,omitempty"`
	// Combinations are each one or more authentication method modes joined by commas, in the order of their names.
	Combinations []string `json:"combinations"`
	// AAGUIDs limit the combination fido2 to these models, in lower case; none means every model.
	AAGUIDs []string `json:"aaguids,omitempty"`
}

// ConditionalAccessState is whether a Conditional Access policy decides.
type ConditionalAccessState string

// The states, as Graph spells them.
const (
	ConditionalAccessOn         ConditionalAccessState = "enabled"
	ConditionalAccessOff        ConditionalAccessState = "disabled"
	ConditionalAccessReportOnly ConditionalAccessState = "enabledForReportingButNotEnforced"
)

// ConditionalAccessPolicy is what of Microsoft Graph's conditionalAccessPolicy Postern judges people by.
type ConditionalAccessPolicy struct {
	ID           string                   `json:"id" doc:"Of one that is still to be made: new: and its name."`
	Name         string                   `json:"name"`
	State        ConditionalAccessState   `json:"state" enum:"enabled,disabled,enabledForReportingButNotEnforced"`
	Users        ConditionalAccessUsers   `json:"users"`
	Applications ConditionalAccessTargets `json:"applications"`
	// Other names the conditions that Postern does not judge, such as platforms or locations. A policy that has any
	// concerns people sometimes, and what follows from it is said to be possible rather than certain.
	Other []string               `json:"other,omitempty"`
	Grant ConditionalAccessGrant `json:"grant"`
}

// ConditionalAccessUsers says whom a policy concerns. An exclusion beats every inclusion. Users may hold "All" and
// "GuestsOrExternalUsers"; roles are template ids.
type ConditionalAccessUsers struct {
	IncludeUsers  []string `json:"include_users,omitempty"`
	ExcludeUsers  []string `json:"exclude_users,omitempty"`
	IncludeGroups []string `json:"include_groups,omitempty"`
	ExcludeGroups []string `json:"exclude_groups,omitempty"`
	IncludeRoles  []string `json:"include_roles,omitempty"`
	ExcludeRoles  []string `json:"exclude_roles,omitempty"`
}

// ConditionalAccessTargets says at which applications, by client id or "All", or for which user actions a policy counts.
type ConditionalAccessTargets struct {
	Include     []string `json:"include,omitempty"`
	Exclude     []string `json:"exclude,omitempty"`
	UserActions []string `json:"user_actions,omitempty"`
}

// UserActionRegister is the user action of registering security info.
const UserActionRegister = "urn:user:registersecurityinfo"

// ConditionalAccessGrant is what a policy demands. Of several controls one is enough under OR, and all are needed under AND.
type ConditionalAccessGrant struct {
	All      bool     `json:"all,omitempty" doc:"The operator is AND instead of OR."`
	Controls []string `json:"controls,omitempty" doc:"Built-in controls: block, mfa, compliantDevice and so on."`
	Strength string   `json:"strength,omitempty" doc:"Id of an authentication strength."`
	// Unjudged names demands that Postern neither judges nor changes: termsOfUse, customAuthenticationFactors.
	Unjudged []string `json:"unjudged,omitempty"`
}
