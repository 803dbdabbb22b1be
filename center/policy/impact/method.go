package impact

import (
	"fmt"
	"strings"

	"github.com/postern/postern"
)

const targetUser = "user"

// Candidate is a passkey as the passkey method looks at one that is to be registered.
type Candidate struct {
	AAGUID   string
	Synced   bool // bound to a device otherwise
	Attested bool // with a chain that Entra can verify against the FIDO Metadata Service
}

// posternCandidate is the passkey that a phone with Postern makes. Its model has no entry in the FIDO Metadata Service.
var posternCandidate = Candidate{AAGUID: "8a208249-8aef-41b3-907f-776d51e6526f"}

// method is the passkey method made ready.
type method struct {
	on, selfService  bool
	profiles         []profile
	include, exclude []target
	tenantWide       bool // the schema has no profiles; the one here stands for what holds for everybody
}

type target struct {
	all         bool
	user, group string
	name        string
	profiles    []int // indexes into method.profiles
}

type profile struct {
	name                string
	deviceBound, synced bool
	attested            bool
	restricted, block   bool
	models              set
}

// objection is what a profile has against a passkey.
type objection uint8

const (
	objectsNot objection = iota
	objectsSynced
	objectsSyncedUnattested
	objectsDeviceBound
	objectsModel
	objectsUnattested
)

func prepareMethod(p postern.PasskeyPolicy, names map[string]postern.DirectoryName) method {
	m := method{on: p.Enabled, selfService: p.SelfService}
	byID := make(map[string]int)
	if m.tenantWide = p.Schema == postern.PolicySchemaTenant || p.Schema == "" && len(p.Profiles) == 0; m.tenantWide {
		m.profiles = []profile{newProfile(postern.PasskeyProfile{
			DeviceBound: true, Synced: !p.AttestationEnforced, AttestationEnforced: p.AttestationEnforced, KeyRestrictions: p.KeyRestrictions,
		})}
	} else {
		for i, f := range p.Profiles {
			m.profiles = append(m.profiles, newProfile(f))
			byID[fold(f.ID)] = i
		}
	}
	for _, t := range p.Include {
		ready := newTarget(t, names)
		switch {
		case m.tenantWide:
			ready.profiles = []int{0}
		case len(t.Profiles) == 0:
			ready.profiles = known(byID, p.DefaultProfile)
		default:
			ready.profiles = known(byID, t.Profiles...)
		}
		m.include = append(m.include, ready)
	}
	for _, t := range p.Exclude {
		m.exclude = append(m.exclude, newTarget(t, names))
	}
	return m
}

func known(byID map[string]int, ids ...string) (out []int) {
	for _, id := range ids {
		if i, ok := byID[fold(id)]; ok {
			out = append(out, i)
		}
	}
	return out
}

func newTarget(t postern.PolicyTarget, names map[string]postern.DirectoryName) target {
	id := fold(t.ID)
	switch {
	case id == postern.TargetAllUsers:
		return target{all: true}
	case t.Type == targetUser:
		return target{user: id, name: nameOf(names, t.ID)}
	default:
		return target{group: id, name: nameOf(names, t.ID)}
	}
}

// nameOf is what people call the owner of an id, or the id.
func nameOf(names map[string]postern.DirectoryName, id string) string {
	for _, key := range []string{id, fold(id)} {
		if n := names[key].Name; n != "" {
			return n
		}
	}
	return id
}

func newProfile(f postern.PasskeyProfile) profile {
	return profile{
		name: f.Name, deviceBound: f.DeviceBound, synced: f.Synced, attested: f.AttestationEnforced,
		restricted: f.KeyRestrictions.Enforced, block: f.KeyRestrictions.Block, models: newSet(f.KeyRestrictions.AAGUIDs),
	}
}

func (t *target) holds(m Members, objectID string) bool {
	switch {
	case t.all:
		return true
	case t.user != "":
		return t.user == objectID
	default:
		return m.InGroup(t.group, objectID)
	}
}

// rejects says why the method is not open to a user at all, or "" and the profiles that the user has.
func (m *method) rejects(members Members, objectID string) (why string, profiles []*profile) {
	if !m.on {
		return "The passkey method is off in this tenant.", nil
	}
	for i := range m.exclude {
		switch t := &m.exclude[i]; {
		case !t.holds(members, objectID):
		case t.all:
			return "Everybody is excluded from the passkey method.", nil
		case t.user != "":
			return "The user is excluded from the passkey method.", nil
		default:
			return fmt.Sprintf("The group %s is excluded from the passkey method, and the user is in it.", t.name), nil
		}
	}
	included := false
	for i := range m.include {
		t := &m.include[i]
		if !t.holds(members, objectID) {
			continue
		}
		included = true
		for _, n := range t.profiles {
			if !contains(profiles, &m.profiles[n]) {
				profiles = append(profiles, &m.profiles[n])
			}
		}
	}
	switch {
	case !included:
		return "No target of the passkey method includes the user.", nil
	case len(profiles) == 0:
		return "No passkey profile is assigned to the user.", nil
	}
	return "", profiles
}

func contains(list []*profile, p *profile) bool {
	for _, have := range list {
		if have == p {
			return true
		}
	}
	return false
}

// objects says what a profile has against a passkey. Attestation counts when a passkey is registered; that synced ones
// cannot attest counts always.
func (p *profile) objects(c Candidate, registration bool) objection {
	switch {
	case c.Synced && !p.synced:
		return objectsSynced
	case c.Synced && p.attested:
		return objectsSyncedUnattested
	case !c.Synced && !p.deviceBound:
		return objectsDeviceBound
	case p.restricted && p.models.has(c.AAGUID) == p.block:
		return objectsModel
	case registration && p.attested && !c.Attested:
		return objectsUnattested
	}
	return objectsNot
}

// satisfiable says whether any passkey at all can be registered under a profile. Whether a listed model can attest is not
// looked at.
func (p *profile) satisfiable() bool {
	types := p.deviceBound || p.synced && !p.attested
	return types && (!p.restricted || p.block || len(p.models) > 0)
}

// passes says whether one of the profiles has nothing against the passkey.
func passes(profiles []*profile, c Candidate, registration bool) bool {
	for _, p := range profiles {
		if p.objects(c, registration) == objectsNot {
			return true
		}
	}
	return false
}

// objections says in a sentence what all profiles of a user have against a passkey of a model.
func (m *method) objections(profiles []*profile, c Candidate, model string, registration bool) string {
	says := make([]string, len(profiles))
	for i, p := range profiles {
		says[i] = p.sentence(p.objects(c, registration), model)
	}
	switch {
	case len(says) == 1 && m.tenantWide:
		return upper(says[0]) + "."
	case len(says) == 1:
		return fmt.Sprintf("The passkey profile %s refuses it: %s.", profiles[0].name, says[0])
	}
	for i, p := range profiles {
		says[i] = p.name + ": " + says[i]
	}
	return "Each passkey profile of the user refuses it. " + strings.Join(says, "; ") + "."
}

func (p *profile) sentence(o objection, model string) string {
	switch o {
	case objectsSynced:
		return "synced passkeys are not allowed"
	case objectsSyncedUnattested:
		return "attestation is enforced, and synced passkeys cannot attest"
	case objectsDeviceBound:
		return "only synced passkeys are allowed"
	case objectsModel:
		if p.block {
			return "the model " + model + " is blocked"
		}
		return "the model " + model + " is not among those allowed"
	default:
		return "attestation is enforced, and the authenticator has none that Entra can verify"
	}
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
