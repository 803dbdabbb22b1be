package passkey

import (
	"slices"
	"strings"
)

// Policy is the passkey (FIDO2) method of the authentication methods policy. The JSON form is that of Graph's
// fido2AuthenticationMethodConfiguration, so a stored configuration decodes into it; unknown members are ignored.
type Policy struct {
	State                 string          `json:"state"` // "enabled" or "disabled"
	SelfServiceAllowed    bool            `json:"isSelfServiceRegistrationAllowed"`
	AttestationEnforced   bool            `json:"isAttestationEnforced"`
	KeyRestrictions       KeyRestrictions `json:"keyRestrictions"`
	DefaultPasskeyProfile string          `json:"defaultPasskeyProfile"`
	IncludeTargets        []Target        `json:"includeTargets"`
	ExcludeTargets        []Target        `json:"excludeTargets"`
	// PasskeyProfiles, when there are any, replace AttestationEnforced and KeyRestrictions, which then only mirror the
	// default profile.
	PasskeyProfiles []Profile `json:"passkeyProfiles"`
}

// KeyRestrictions allow or block authenticator models. They hold at registration and at every sign-in.
type KeyRestrictions struct {
	IsEnforced      bool     `json:"isEnforced"`
	EnforcementType string   `json:"enforcementType"` // "allow" or "block"
	AAGUIDs         []string `json:"aaGuids"`
}

// Target is a group (or, in old tenants, a user) a policy includes or excludes. The id "all_users" matches everybody.
type Target struct {
	ID         string   `json:"id"`
	TargetType string   `json:"targetType"` // "group" or "user"
	Profiles   []string `json:"allowedPasskeyProfiles,omitempty"`
}

// Profile is one passkey profile. A user passes when one of the profiles assigned to them is satisfied completely.
type Profile struct {
	ID                     string          `json:"id"`
	Name                   string          `json:"name"`
	PasskeyTypes           string          `json:"passkeyTypes"`           // "deviceBound", "synced" or "deviceBound,synced"
	AttestationEnforcement string          `json:"attestationEnforcement"` // "disabled" or "registrationOnly"
	KeyRestrictions        KeyRestrictions `json:"keyRestrictions"`
}

// Type says whether a passkey can leave its authenticator.
type Type string

// The passkey types. A credential whose BE flag (WebAuthn §6.1.3) is set may be copied and counts as synced.
const (
	DeviceBound Type = "deviceBound"
	Synced      Type = "synced"
)

// Subject is what the policy looks at in a user.
type Subject struct {
	ID      string
	InGroup func(groupID string) bool // direct or nested membership; nil means no groups
}

// allUsers is the pseudo group that includes every user of the tenant.
const allUsers = "all_users"

func (t Target) matches(s Subject) bool {
	switch {
	case strings.EqualFold(t.ID, allUsers):
		return true
	case t.TargetType == "user":
		return strings.EqualFold(t.ID, s.ID)
	default:
		return s.InGroup != nil && s.InGroup(t.ID)
	}
}

// Profiles returns the profiles that apply to s, or a refusal when the method is off for them. An exclusion beats every
// inclusion. A target that names no profile gets the default one (our choice).
func (p Policy) Profiles(s Subject) ([]Profile, *Refusal) {
	if p.State != "enabled" {
		return nil, refuse(ReasonMethodDisabled, "The passkey (FIDO2) authentication method is disabled for this tenant. An administrator can enable it in the authentication methods policy.")
	}
	for _, t := range p.ExcludeTargets {
		if t.matches(s) {
			return nil, refuse(ReasonExcluded, "The user is excluded from the passkey (FIDO2) authentication method by the authentication methods policy.")
		}
	}
	var (
		found    []Profile
		included bool
	)
	for _, t := range p.IncludeTargets {
		if !t.matches(s) {
			continue
		}
		included = true
		if len(p.PasskeyProfiles) == 0 {
			return []Profile{p.legacyProfile()}, nil
		}
		ids := t.Profiles
		if len(ids) == 0 {
			ids = []string{p.DefaultPasskeyProfile}
		}
		for _, profile := range p.PasskeyProfiles {
			if slices.ContainsFunc(ids, func(id string) bool { return strings.EqualFold(id, profile.ID) }) &&
				!slices.ContainsFunc(found, func(f Profile) bool { return strings.EqualFold(f.ID, profile.ID) }) {
				found = append(found, profile)
			}
		}
	}
	switch {
	case !included:
		return nil, refuse(ReasonNotTargeted, "The user is not in the scope of the passkey (FIDO2) authentication method. Include the user or one of their groups in the authentication methods policy.")
	case len(found) == 0:
		return nil, refuse(ReasonNotTargeted, "No passkey profile is assigned to the user in the authentication methods policy.")
	}
	return found, nil
}

// legacyProfile expresses a configuration without profiles as one. Both passkey types pass there as long as attestation is
// not enforced, as they did before profiles existed.
func (p Policy) legacyProfile() Profile {
	types, attestation := "deviceBound,synced", "disabled"
	if p.AttestationEnforced {
		types, attestation = "deviceBound", "registrationOnly"
	}
	return Profile{Name: "policy", PasskeyTypes: types, AttestationEnforcement: attestation, KeyRestrictions: p.KeyRestrictions}
}

// model is what the policy looks at in a passkey.
type model struct {
	aaguid   string
	kind     Type
	attested bool
}

// allow reports whether one of the profiles is satisfied completely. Attestation counts at registration only. When none is,
// the refusal tells what the first profile objects to.
func allow(profiles []Profile, m model, registration bool) *Refusal {
	var first *Refusal
	for _, p := range profiles {
		r := p.objection(m, registration)
		if r == nil {
			return nil
		}
		if first == nil {
			first = r
		}
	}
	return first
}

func (p Profile) objection(m model, registration bool) *Refusal {
	enforced := p.AttestationEnforcement == "registrationOnly"
	if m.kind == Synced && (!p.hasType(Synced) || enforced) {
		return refuse(ReasonPasskeyType, "Synced passkeys are not allowed by the passkey profile of the user. Use a device-bound passkey such as a security key.")
	}
	if m.kind == DeviceBound && !p.hasType(DeviceBound) {
		return refuse(ReasonPasskeyType, "Device-bound passkeys are not allowed by the passkey profile of the user.")
	}
	if !p.KeyRestrictions.permits(m.aaguid) {
		return refuse(ReasonKeyRestriction, "The authenticator with AAGUID %s is not allowed by the key restriction policy of the tenant.", m.aaguid)
	}
	if registration && enforced && !m.attested {
		return refuse(ReasonAttestationRequired, "Attestation is enforced and the authenticator with AAGUID %s could not be verified against the FIDO Metadata Service. Use a certified security key or turn attestation enforcement off.", m.aaguid)
	}
	return nil
}

func (p Profile) hasType(t Type) bool {
	for name := range strings.SplitSeq(p.PasskeyTypes, ",") {
		if strings.EqualFold(strings.TrimSpace(name), string(t)) {
			return true
		}
	}
	return false
}

// permits applies an allow or block list. An enforced allow list without entries allows nothing.
func (k KeyRestrictions) permits(aaguid string) bool {
	if !k.IsEnforced {
		return true
	}
	listed := slices.ContainsFunc(k.AAGUIDs, func(id string) bool { return strings.EqualFold(strings.TrimSpace(id), aaguid) })
	if strings.EqualFold(k.EnforcementType, "block") {
		return !listed
	}
	return listed
}
