package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/document"
)

// maxProfiles is how many passkey profiles a tenant can have, the default one included.
const maxProfiles = 3

func (m *maker) passkeys(p document.Passkeys) {
	k := &m.after.Passkeys
	profiles := k.Schema == postern.PolicySchemaProfiles
	switch {
	case profiles && p.UsesTenant():
		m.fault("passkeys", "the tenant uses passkey profiles, and the document has enforce_attestation or restrictions outside of one").Next = "Write them into a profile under profiles. Export the policy to see how it stands."
		return
	case !profiles && p.UsesProfiles():
		m.fault("passkeys", "the tenant does not use passkey profiles, and the document has some").Next = "Write enforce_attestation and restrictions under passkeys. Or opt in to passkey profiles in the Microsoft Entra admin center, under Authentication methods > Policies > Passkey (FIDO2); that cannot be taken back, and Postern never does it."
		return
	}
	assign(&k.Enabled, p.State)
	assign(&k.SelfService, p.SelfService)
	assign(&k.AttestationEnforced, p.EnforceAttestation)
	m.restrictions("passkeys.restrictions", p.Restrictions, &k.KeyRestrictions)
	deleted := m.profiles(p.Profiles)
	k.Include = m.targets("passkeys.targets.include", p.Include, k.Include, m.before.Passkeys.Include)
	k.Exclude = m.targets("passkeys.targets.exclude", p.Exclude, k.Exclude, m.before.Passkeys.Exclude)
	for _, d := range deleted {
		for _, t := range k.Include {
			if slices.Contains(t.Profiles, d.id) {
				m.fault(d.path, "the profile %q cannot be deleted while %s has it", d.name, m.label(t.ID)).Next = "Give that target other profiles, or remove it, in the same document."
			}
		}
		k.Profiles = slices.DeleteFunc(k.Profiles, func(p postern.PasskeyProfile) bool { return p.ID == d.id })
	}
	if len(k.Profiles) > maxProfiles && len(k.Profiles) > len(m.before.Passkeys.Profiles) {
		m.fault("passkeys.profiles", "a tenant has at most %d passkey profiles, and it would have %d", maxProfiles, len(k.Profiles)).Code = postern.CodePolicyLimit
	}
	if i := slices.IndexFunc(k.Profiles, func(p postern.PasskeyProfile) bool { return p.ID == k.DefaultProfile }); i >= 0 && m.faults == nil && p.Profiles != nil {
		k.AttestationEnforced, k.KeyRestrictions = k.Profiles[i].AttestationEnforced, k.Profiles[i].KeyRestrictions // Entra mirrors them
	}
}

func (m *maker) label(id string) string {
	if id == postern.TargetAllUsers {
		return document.AllUsers
	}
	if n := m.after.Names[id].Name; n != "" {
		return fmt.Sprintf("%q", n)
	}
	return "id:" + id
}

func (m *maker) restrictions(path string, d *document.Restrictions, k *postern.KeyRestrictions) {
	if d == nil {
		return
	}
	assign(&k.Enforced, d.Enforce)
	assign(&k.Block, d.Block)
	if d.Models != nil {
		k.AAGUIDs = list(k.AAGUIDs, m.aaguids(path+".models", d.Models))
	}
}

type deletedProfile struct{ path, id, name string }

func profileKey(p postern.PasskeyProfile) (id, name string) { return p.ID, p.Name }

func (m *maker) profiles(profiles []document.Profile) []deletedProfile {
	k := &m.after.Passkeys
	var deleted []deletedProfile
	for i, p := range profiles {
		path := fmt.Sprintf("passkeys.profiles[%d]", i)
		at, ok := named(m, path, "passkey profile", m.before.Passkeys.Profiles, profileKey, p.ID, p.Name)
		switch {
		case !ok:
			continue
		case p.Absent && at < 0:
			continue
		case p.Absent:
			found := k.Profiles[at]
			if found.ID == m.before.Passkeys.DefaultProfile {
				m.fault(path+".absent", "the default profile %q cannot be deleted", found.Name)
			}
			deleted = append(deleted, deletedProfile{path + ".absent", found.ID, found.Name})
			continue
		case at < 0:
			if p.Types == nil {
				m.fault(path, "the new profile %q needs types: %s, %s or both", p.Name, document.DeviceBound, document.Synced)
			}
			k.Profiles = append(k.Profiles, postern.PasskeyProfile{ID: m.newProfileID(p.Name)})
			at = len(k.Profiles) - 1
		}
		m.profile(path, p, &k.Profiles[at])
	}
	for i, p := range profiles {
		if p.Default != nil && !*p.Default && !p.Absent && m.profileNamed(p.Name, p.ID) == k.DefaultProfile {
			m.fault(fmt.Sprintf("passkeys.profiles[%d].default", i), "a tenant always has a default profile").Next = "Write default: true at the profile that shall be the default instead."
		}
	}
	return deleted
}

func (m *maker) profile(path string, p document.Profile, into *postern.PasskeyProfile) {
	if p.Name != "" {
		into.Name = p.Name
	}
	if p.Types != nil {
		into.DeviceBound, into.Synced = slices.Contains(p.Types, document.DeviceBound), slices.Contains(p.Types, document.Synced)
	}
	assign(&into.AttestationEnforced, p.EnforceAttestation)
	m.restrictions(path+".restrictions", p.Restrictions, &into.KeyRestrictions)
	if into.KeyRestrictions.AAGUIDs == nil {
		into.KeyRestrictions.AAGUIDs = []string{}
	}
	if into.AttestationEnforced && into.Synced && (p.Types != nil || p.EnforceAttestation != nil) {
		m.fault(path+".enforce_attestation", "the profile %q enforces attestation and takes synced passkeys, which cannot attest", into.Name).Next = "Turn one of the two off."
	}
	if p.Default != nil && *p.Default {
		m.after.Passkeys.DefaultProfile = into.ID
	}
}

// profileSpace is the namespace of the ids of profiles that Postern makes. They follow from the name, so that the same
// document makes the same plan.
var profileSpace = uuid.MustParse("8f4f2b1e-6a0f-4f37-9c51-0f7a0d5b1b62")

func (m *maker) newProfileID(name string) string {
	for seed := name; ; seed += "+" {
		id := uuid.NewSHA1(profileSpace, []byte(seed)).String()
		if !slices.ContainsFunc(m.after.Passkeys.Profiles, func(p postern.PasskeyProfile) bool { return p.ID == id }) {
			return id
		}
	}
}

// profileNamed returns the id of a profile of the policy as it will be; "" if there is none, or more than one.
func (m *maker) profileNamed(name, id string) string {
	found := ""
	for _, p := range m.after.Passkeys.Profiles {
		if id != "" && strings.EqualFold(p.ID, id) {
			return p.ID
		}
		if id == "" && strings.EqualFold(p.Name, name) {
			if found != "" {
				return ""
			}
			found = p.ID
		}
	}
	return found
}
