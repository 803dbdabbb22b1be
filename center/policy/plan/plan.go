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

// Make works out what the document would change in a tenant whose policy is before.
func Make(before postern.TenantPolicy, d document.Document, names Names, models Models) (Result, error) {
	return Result{After: before}, nil
}

// Diff returns the steps from one policy to another.
func Diff(before, after postern.TenantPolicy, models Models) []postern.PolicyStep { return nil }

// Notes returns what people should know of a policy: explanations, warnings, and deviations from the settings under which
// Postern is known to work.
func Notes(policy postern.TenantPolicy, models Models) []postern.PolicyNote { return nil }

// Size estimates how large the authentication methods policy is, by the figures Microsoft publishes.
func Size(policy postern.TenantPolicy) postern.PolicySize { return postern.PolicySize{} }
