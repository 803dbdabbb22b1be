package document

import "strings"

// ReferenceKind is what sort of object of the directory a document names.
type ReferenceKind string

// The kinds.
const (
	ReferenceGroup       ReferenceKind = "group"
	ReferenceUser        ReferenceKind = "user"
	ReferenceRole        ReferenceKind = "role"
	ReferenceApplication ReferenceKind = "application"
)

// Reference is an object of the directory as a document names it: by a name, or as id: and its id. The id of a role is that
// of its template, the id of an application its client id; a user is named by user principal name.
type Reference struct {
	Kind ReferenceKind
	Text string
}

// ID returns the id of a reference by id.
func (r Reference) ID() (string, bool) { return strings.CutPrefix(r.Text, idPrefix) }

const idPrefix = "id:"

// References returns every object of the directory that the document names, each once, for somebody to look up. Words such
// as all users are none.
func (d Document) References() []Reference {
	var all []Reference
	seen := map[Reference]bool{}
	add := func(kind ReferenceKind, texts ...string) {
		for _, text := range texts {
			r := Reference{kind, text}
			if text != "" && !special(kind, text) && !seen[r] {
				seen[r] = true
				all = append(all, r)
			}
		}
	}
	if d.Passkeys != nil {
		for _, list := range [][]Target{d.Passkeys.Include, d.Passkeys.Exclude} {
			for _, t := range list {
				add(ReferenceGroup, t.Group)
				add(ReferenceUser, t.User)
			}
		}
	}
	for _, c := range d.ConditionalAccess {
		for _, people := range []People{c.Include, c.Exclude} {
			add(ReferenceUser, people.Users...)
			add(ReferenceGroup, people.Groups...)
			add(ReferenceRole, people.Roles...)
		}
		add(ReferenceApplication, c.Applications.Include...)
		add(ReferenceApplication, c.Applications.Exclude...)
	}
	return all
}

// words are what stands for itself among the objects of a kind, with Graph's spelling.
var words = map[ReferenceKind]map[string]string{
	ReferenceGroup:       {AllUsers: "all_users"},
	ReferenceUser:        {AllUsers: "All", Guests: "GuestsOrExternalUsers", Nobody: "None"},
	ReferenceApplication: {AllResources: "All", Nobody: "None", "office 365": "Office365", "microsoft admin portals": "MicrosoftAdminPortals"},
}

func special(kind ReferenceKind, text string) bool {
	_, ok := words[kind][text]
	return ok
}
