package plan

import (
	"github.com/postern/postern"
	"github.com/postern/postern/center/policy/document"
)

// Models is what a plan needs to know of models of authenticators.
type Models = document.Models

// Names are the objects of the directory that a document names, by [document.Document.References]. A name that several
// objects have is ambiguous and refused; one without an entry is unknown and refused, unless it is an id that the tenant's
// policy holds already.
type Names map[document.Reference][]Entry

// Entry is an object of the directory.
type Entry struct {
	ID string // of a role the template id, of an application the client id
	postern.DirectoryName
}

// Result is what a document would change.
type Result struct {
	After postern.TenantPolicy // its new strengths and Conditional Access policies have ids by postern.NewPolicyID
	Steps []postern.PolicyStep
	Notes []postern.PolicyNote
	Size  postern.PolicySize
}
