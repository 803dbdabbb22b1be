package document

import (
	"strings"

	"github.com/postern/postern"
)

// Version is the version of documents that this package reads and writes.
const Version = 1

// MaxSize is how many bytes a document may have.
const MaxSize = 256 << 10

// Words that stand for more than one object.
const (
	AllUsers       = "all users"       // in targets and in Conditional Access
	Guests         = "guests"          // among the users of Conditional Access
	Nobody         = "none"            // among the users or applications of Conditional Access
	AllResources   = "all resources"   // among the applications of Conditional Access
	DefaultProfile = "default profile" // what a target is given that names no profile
)

// Types of passkeys, as a profile names them.
const (
	DeviceBound = "device-bound"
	Synced      = "synced"
)

// Document says what of a tenant's policy shall be how. A nil pointer or slice was not written and leaves what it stands
// for as it is; an empty slice was written and empties it.
type Document struct {
	Version           int
	Passkeys          *Passkeys
	Strengths         []Strength
	ConditionalAccess []ConditionalAccess

	lines map[string]int // by field path
}

// Line returns the line of the document on which the field begins, or else the nearest field around it; 0 if unknown.
func (d Document) Line(path string) int {
	for {
		if line, ok := d.lines[path]; ok {
			return line
		}
		end := strings.LastIndexAny(path, ".[")
		if end < 0 {
			return 0
		}
		path = path[:end]
	}
}

// Passkeys is the passkey (FIDO2) method. Restrictions and EnforceAttestation are of the tenant schema, Profiles of the other.
type Passkeys struct {
	State              *bool // on
	SelfService        *bool
	EnforceAttestation *bool
	Restrictions       *Restrictions
	Profiles           []Profile
	Include            []Target
	Exclude            []Target
}

// Restrictions allow or block models, which are named by bundle, name or AAGUID.
type Restrictions struct {
	Enforce *bool
	Block   *bool // otherwise allow
	Models  []string
}

// Profile is a passkey profile. One that has an ID is found by it, and Name is what it shall be called.
type Profile struct {
	Name               string
	ID                 string
	Absent             bool
	Default            *bool
	Types              []string
	EnforceAttestation *bool
	Restrictions       *Restrictions
}

// Target is a group, in old tenants a user, or everybody as the Group [AllUsers].
type Target struct {
	Group                string
	User                 string
	RegistrationRequired *bool
	Profiles             []string
}

// Strength is an authentication strength. One that has an ID is found by it.
type Strength struct {
	Name         string
	ID           string
	Absent       bool
	Description  *string
	Combinations []string // modes of a combination in the order of their names, joined by commas
	Models       []string
}

// ConditionalAccess is a Conditional Access policy. One that has an ID is found by it.
type ConditionalAccess struct {
	Name           string
	ID             string
	Absent         bool
	State          postern.ConditionalAccessState // "" if not written
	SkipReportOnly bool
	Include        People
	Exclude        People
	Applications   Applications
	Strength       *string // a name, or "" for none
	Controls       []string
	RequireAll     *bool
}

// People are users by user principal name, groups and roles by name; each may be id: and an object or template id.
type People struct {
	Users  []string
	Groups []string
	Roles  []string
}

// Applications are named, or are id: and a client id.
type Applications struct {
	Include     []string
	Exclude     []string
	UserActions []string
}

// Models is what a document needs to know of models of authenticators.
type Models interface {
	// Model returns what is known of an AAGUID, in lower case.
	Model(aaguid string) (postern.Model, bool)
	// Bundle returns the AAGUIDs of the bundle of that name, in whatever case it is written.
	Bundle(name string) ([]string, bool)
	// Resolve returns the AAGUIDs that an AAGUID, the name of a bundle or the name of models stands for.
	Resolve(word string) ([]string, error)
}
