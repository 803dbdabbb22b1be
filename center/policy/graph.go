package policy

import (
	"context"
	"iter"
	"time"

	"github.com/postern/postern"
	"github.com/postern/postern/center/entra"
)

// Graph is what policies need of the connector.
type Graph interface {
	TenantPolicy(ctx context.Context) (postern.TenantPolicy, error)
	WritePasskeyPolicy(ctx context.Context, from, to postern.PasskeyPolicy) error
	CreateStrength(ctx context.Context, s postern.AuthenticationStrength) (postern.AuthenticationStrength, error)
	UpdateStrength(ctx context.Context, from, to postern.AuthenticationStrength) error
	DeleteStrength(ctx context.Context, id string) error
	StrengthUsage(ctx context.Context, id string) ([]postern.ConditionalAccessPolicy, error)
	CreateConditionalAccess(ctx context.Context, p postern.ConditionalAccessPolicy) (postern.ConditionalAccessPolicy, error)
	UpdateConditionalAccess(ctx context.Context, from, to postern.ConditionalAccessPolicy) error
	DeleteConditionalAccess(ctx context.Context, id string) error

	User(ctx context.Context, idOrUPN string) (postern.DirectoryUser, error)
	Groups(ctx context.Context, nameOrID string) ([]entra.DirectoryGroup, error)
	Applications(ctx context.Context, nameOrID string) ([]entra.DirectoryApplication, error)
	Roles(ctx context.Context, nameOrID string) ([]entra.DirectoryRole, error)
	TransitiveMembers(ctx context.Context, groupID string) iter.Seq2[string, error]
	RoleHolders(ctx context.Context, roleTemplateID string) ([]string, error)
	PolicyEvents(ctx context.Context, since time.Time) ([]postern.PolicyEditor, error)
	MissingFor(ctx context.Context, needs ...entra.Need) ([]entra.Need, error)
}

// withheld reports whether Entra refused because the application, or the tenant's licence, does not reach that far.
func withheld(err error) bool {
	return postern.IsCode(err, postern.CodeEntraPermission) || postern.IsCode(err, postern.CodeEntraLicence) ||
		postern.IsCode(err, postern.CodeEntraDirectoryClosed)
}

// refused reports whether trying again cannot help: Entra, or the connector, said no to what was asked.
func refused(err error) bool {
	switch postern.AsError(err).Code {
	case postern.CodeEntraPermission, postern.CodeEntraLicence, postern.CodeEntraDirectoryClosed, postern.CodeEntraRefused,
		postern.CodeEntraNotFound, postern.CodeEntraAlreadyExists, postern.CodeEntraConsentMissing, postern.CodeInvalid,
		postern.CodePolicyTarget, postern.CodePolicyLimit, postern.CodePolicyDocument:
		return true
	}
	return false
}
