package entrasim

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/postern/postern/entrasim/passkey"
)

// Limits of the authentication methods policy (Microsoft Entra documentation, "passkey profiles").
const (
	maxPolicySize      = 20 << 10 // bytes of the whole policy
	maxPasskeyProfiles = 3
)

// passkeyMembers are the members of the passkey method a PATCH may carry.
var passkeyMembers = []string{
	"state", "isSelfServiceRegistrationAllowed", "isAttestationEnforced", "keyRestrictions", "defaultPasskeyProfile", "excludeTargets", "includeTargets", "passkeyProfiles",
}

// patchPasskeyConfiguration applies a PATCH: members that are absent keep their value, collections are replaced as a
// whole. It returns the new configuration, or why it is refused. The caller holds the lock.
func patchPasskeyConfiguration(t *Tenant, old *PasskeyConfiguration, b map[string]json.RawMessage) (next PasskeyConfiguration, problem string) {
	raw, err := json.Marshal(old)
	if err == nil {
		err = json.Unmarshal(raw, &next)
	}
	if err != nil {
		return next, "The stored configuration cannot be read."
	}
	fields := map[string]any{
		"state": &next.State, "isSelfServiceRegistrationAllowed": &next.IsSelfServiceRegistrationAllowed, "isAttestationEnforced": &next.IsAttestationEnforced,
		"keyRestrictions": &next.KeyRestrictions, "defaultPasskeyProfile": &next.DefaultPasskeyProfile,
		"excludeTargets": &next.ExcludeTargets, "includeTargets": &next.IncludeTargets, "passkeyProfiles": &next.PasskeyProfiles,
	}
	_, legacyAttestation := b["isAttestationEnforced"]
	_, legacyKeys := b["keyRestrictions"]
	_, profiles := b["passkeyProfiles"]
	for name, value := range b {
		if strings.Contains(name, "@odata.") || name == "id" {
			continue
		}
		into, ok := fields[name]
		if !ok {
			return next, fmt.Sprintf("The property '%s' does not exist on type 'microsoft.graph.fido2AuthenticationMethodConfiguration'.", name)
		}
		switch name {
		case "excludeTargets":
			next.ExcludeTargets = nil
		case "includeTargets":
			next.IncludeTargets = nil
		case "passkeyProfiles":
			next.PasskeyProfiles = nil
		case "keyRestrictions":
			if replacesList(value) {
				next.KeyRestrictions.AAGUIDs = nil
			}
		}
		if err := json.Unmarshal(value, into); err != nil {
			return next, fmt.Sprintf("The value of the property '%s' is not of the expected type.", name)
		}
	}
	next.mirror(legacyAttestation, legacyKeys, profiles)
	if len(next.PasskeyProfiles) > 0 && len(old.PasskeyProfiles) == 0 && next.DefaultPasskeyProfile == "" {
		next.DefaultPasskeyProfile = defaultProfileID // opting in to profiles
	}
	if problem := next.normalise(t); problem != "" {
		return next, problem
	}
	if problem := next.check(t, old); problem != "" {
		return next, problem
	}
	l := t.srv.Levers()
	if n := changedTargets(old, &next); l.TargetsAtOnce > 0 && n > l.TargetsAtOnce {
		return next, fmt.Sprintf("The policy could not be saved because %d targets change at once. Change fewer groups in one request.", n)
	}
	next.ignore(old, l.PolicyIgnore)
	return next, ""
}

// ignore gives members back the value they had. Targets then lose what they say of profiles that do not exist.
func (p *PasskeyConfiguration) ignore(old *PasskeyConfiguration, members []string) {
	for _, name := range members {
		switch name {
		case "state":
			p.State = old.State
		case "isSelfServiceRegistrationAllowed":
			p.IsSelfServiceRegistrationAllowed = old.IsSelfServiceRegistrationAllowed
		case "isAttestationEnforced":
			p.IsAttestationEnforced = old.IsAttestationEnforced
		case "keyRestrictions":
			p.KeyRestrictions = old.KeyRestrictions
		case "defaultPasskeyProfile":
			p.DefaultPasskeyProfile = old.DefaultPasskeyProfile
		case "excludeTargets":
			p.ExcludeTargets = old.ExcludeTargets
		case "includeTargets":
			p.IncludeTargets = slices.Clone(old.IncludeTargets)
		case "passkeyProfiles":
			p.PasskeyProfiles = old.PasskeyProfiles
		}
	}
	if len(members) == 0 {
		return
	}
	for i := range p.IncludeTargets {
		g := &p.IncludeTargets[i]
		g.AllowedPasskeyProfiles = slices.DeleteFunc(slices.Clone(g.AllowedPasskeyProfiles), func(id string) bool {
			return !slices.ContainsFunc(p.PasskeyProfiles, func(f PasskeyProfile) bool { return strings.EqualFold(f.ID, id) })
		})
	}
}

// changedTargets counts the targets that two configurations do not share; one that only changes counts once.
func changedTargets(old, next *PasskeyConfiguration) int {
	states := func(p *PasskeyConfiguration) map[string]string {
		out := make(map[string]string)
		for _, g := range p.IncludeTargets {
			out["include "+strings.ToLower(g.TargetType+" "+g.ID)] = fmt.Sprint(g.IsRegistrationRequired, slices.Sorted(slices.Values(g.AllowedPasskeyProfiles)))
		}
		for _, g := range p.ExcludeTargets {
			out["exclude "+strings.ToLower(g.TargetType+" "+g.ID)] = "excluded"
		}
		return out
	}
	before, after := states(old), states(next)
	n := 0
	for k, v := range after {
		if before[k] != v {
			n++
		}
	}
	for k := range before {
		if after[k] == "" {
			n++
		}
	}
	return n
}

// replacesList says whether a keyRestrictions object carries a list of its own.
func replacesList(value json.RawMessage) bool {
	var k map[string]json.RawMessage
	if json.Unmarshal(value, &k) != nil {
		return false
	}
	_, ok := k["aaGuids"]
	return ok
}

// mirror keeps the deprecated members and the default profile alike: profiles win when both were sent.
func (p *PasskeyConfiguration) mirror(attestation, keys, profiles bool) {
	i := slices.IndexFunc(p.PasskeyProfiles, func(f PasskeyProfile) bool { return strings.EqualFold(f.ID, p.DefaultPasskeyProfile) })
	if i < 0 {
		return
	}
	d := &p.PasskeyProfiles[i]
	if profiles {
		p.IsAttestationEnforced, p.KeyRestrictions = d.AttestationEnforcement == "registrationOnly", d.KeyRestrictions
		p.KeyRestrictions.AAGUIDs = slices.Clone(d.KeyRestrictions.AAGUIDs)
		return
	}
	if attestation {
		d.AttestationEnforcement = "disabled"
		if p.IsAttestationEnforced {
			d.AttestationEnforcement = "registrationOnly"
			d.PasskeyTypes = string(passkey.DeviceBound)
		}
	}
	if keys {
		d.KeyRestrictions = p.KeyRestrictions
		d.KeyRestrictions.AAGUIDs = slices.Clone(p.KeyRestrictions.AAGUIDs)
	}
}

// normalise fills in ids, lower-cases AAGUIDs and writes empty lists as such.
func (p *PasskeyConfiguration) normalise(t *Tenant) string {
	fix := func(k *KeyRestrictions) string {
		if k.AAGUIDs == nil {
			k.AAGUIDs = []string{}
		}
		if k.EnforcementType == "" {
			k.EnforcementType = "allow"
		}
		if k.EnforcementType != "allow" && k.EnforcementType != "block" {
			return "The value of enforcementType must be 'allow' or 'block'."
		}
		for i, a := range k.AAGUIDs {
			if !isGUID(a) {
				return fmt.Sprintf("The AAGUID '%s' is not valid.", a)
			}
			k.AAGUIDs[i] = strings.ToLower(a)
		}
		return ""
	}
	if problem := fix(&p.KeyRestrictions); problem != "" {
		return problem
	}
	for i := range p.PasskeyProfiles {
		f := &p.PasskeyProfiles[i]
		if f.ID == "" {
			f.ID = t.srv.newID() // who assigns ids is not documented; both ways are accepted
		}
		f.ID = strings.ToLower(f.ID)
		if problem := fix(&f.KeyRestrictions); problem != "" {
			return problem
		}
		if f.AttestationEnforcement == "" {
			f.AttestationEnforcement = "disabled"
		}
		if f.PasskeyTypes == "" {
			f.PasskeyTypes = string(passkey.DeviceBound)
		}
		f.PasskeyTypes = strings.ReplaceAll(f.PasskeyTypes, " ", "")
	}
	for i := range p.IncludeTargets {
		g := &p.IncludeTargets[i]
		if g.AllowedPasskeyProfiles == nil {
			g.AllowedPasskeyProfiles = []string{}
		}
		for j := range g.AllowedPasskeyProfiles {
			g.AllowedPasskeyProfiles[j] = strings.ToLower(g.AllowedPasskeyProfiles[j])
		}
	}
	if p.IncludeTargets == nil {
		p.IncludeTargets = []PasskeyTarget{}
	}
	if p.ExcludeTargets == nil {
		p.ExcludeTargets = []Target{}
	}
	if p.PasskeyProfiles == nil {
		p.PasskeyProfiles = []PasskeyProfile{}
	}
	return ""
}

// check refuses a configuration that breaks the rules. The caller holds the lock.
func (p *PasskeyConfiguration) check(t *Tenant, old *PasskeyConfiguration) string {
	if p.State != "enabled" && p.State != "disabled" {
		return "The value of state must be 'enabled' or 'disabled'."
	}
	if len(p.PasskeyProfiles) > maxPasskeyProfiles {
		return fmt.Sprintf("The number of passkey profiles exceeds the maximum of %d.", maxPasskeyProfiles)
	}
	known := make(map[string]bool)
	for _, f := range p.PasskeyProfiles {
		switch {
		case !isGUID(f.ID):
			return fmt.Sprintf("The passkey profile id '%s' is not a valid GUID.", f.ID)
		case known[f.ID]:
			return fmt.Sprintf("The passkey profile id '%s' is used twice.", f.ID)
		case strings.TrimSpace(f.Name) == "":
			return "A passkey profile needs a name."
		case f.AttestationEnforcement != "disabled" && f.AttestationEnforcement != "registrationOnly":
			return "The value of attestationEnforcement must be 'disabled' or 'registrationOnly'."
		}
		for kind := range strings.SplitSeq(f.PasskeyTypes, ",") {
			if kind != string(passkey.DeviceBound) && kind != string(passkey.Synced) {
				return "The value of passkeyTypes must be 'deviceBound', 'synced' or 'deviceBound,synced'."
			}
		}
		if f.AttestationEnforcement == "registrationOnly" && f.PasskeyTypes != string(passkey.DeviceBound) {
			return "A passkey profile that enforces attestation can allow device-bound passkeys only."
		}
		known[f.ID] = true
	}
	if len(old.PasskeyProfiles)+len(p.PasskeyProfiles) > 0 && !known[strings.ToLower(p.DefaultPasskeyProfile)] {
		return "The default passkey profile cannot be deleted."
	}
	for _, g := range p.IncludeTargets {
		if problem := t.checkTarget(g.TargetType, g.ID); problem != "" {
			return problem
		}
		for _, f := range g.AllowedPasskeyProfiles {
			if !known[f] {
				return fmt.Sprintf("The passkey profile '%s' is assigned to a target and does not exist.", f)
			}
		}
	}
	for _, e := range p.ExcludeTargets {
		if problem := t.checkTarget(e.TargetType, e.ID); problem != "" {
			return problem
		}
	}
	return ""
}

// checkTarget refuses targets other than everybody, security groups, and the users of old tenants. The caller holds the
// lock.
func (t *Tenant) checkTarget(kind, id string) string {
	switch {
	case strings.EqualFold(id, allUsers):
		return ""
	case kind == "user" && t.Users.get(strings.ToLower(id)) != nil:
		return ""
	case kind != "group":
		return fmt.Sprintf("The targetType '%s' is not supported.", kind)
	}
	g := t.group(id)
	if g == nil {
		return fmt.Sprintf("The group '%s' does not exist.", id)
	}
	if !g.SecurityEnabled {
		return fmt.Sprintf("The group '%s' is not a security group.", id)
	}
	return ""
}

// tooLarge refuses a policy above the documented size. The size is estimated as documented: 1.44 KB at least, 0.23 KB
// for a target with one profile (0.4 KB with five), 0.4 KB for a profile and 0.03 KB for an AAGUID.
func (p *MethodsPolicy) tooLarge() string {
	size := 1.44
	k := &p.Passkey
	for _, g := range k.IncludeTargets {
		size += 0.23 + 0.0425*float64(max(len(g.AllowedPasskeyProfiles)-1, 0))
	}
	size += 0.23 * float64(len(k.ExcludeTargets))
	if len(k.PasskeyProfiles) == 0 {
		size += 0.03 * float64(len(k.KeyRestrictions.AAGUIDs))
	}
	for _, f := range k.PasskeyProfiles {
		size += 0.4 + 0.03*float64(len(f.KeyRestrictions.AAGUIDs))
	}
	if size*1024 > maxPolicySize {
		return fmt.Sprintf("The policy is too large: about %.1f KB, where at most %d KB are allowed. Use fewer targets, profiles or AAGUIDs.", size, maxPolicySize>>10)
	}
	return ""
}
