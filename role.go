package postern

import "slices"

// Role is what an administrator may do. Roles are ordered from most to least.
type Role string

// The four roles.
const (
	RoleOwner         Role = "owner"         // everything, administrators and their roles included
	RoleAdministrator Role = "administrator" // integrations, users, tokens
	RoleHelpDesk      Role = "helpdesk"      // invite, look, revoke a lost phone
	RoleAuditor       Role = "auditor"       // read everything, change nothing
)

// Roles lists all roles, most powerful first.
var Roles = []Role{RoleOwner, RoleAdministrator, RoleHelpDesk, RoleAuditor}

// Permission is one right. REST operations and console pages each name the permission they need. API tokens carry a
// list of permissions as their scopes.
type Permission string

// The permissions.
const (
	PermIntegrationsRead   Permission = "integrations.read"
	PermIntegrationsWrite  Permission = "integrations.write"
	PermUsersRead          Permission = "users.read"
	PermUsersInvite        Permission = "users.invite"
	PermPasskeysProvision  Permission = "passkeys.provision"
	PermPasskeysRevoke     Permission = "passkeys.revoke"
	PermPolicyRead         Permission = "policy.read"
	PermPolicyWrite        Permission = "policy.write" // plan, apply and undo, and the list of models
	PermAuditRead          Permission = "audit.read"
	PermAuditManage        Permission = "audit.manage"   // streams and retention
	PermUsersApprove       Permission = "users.approve"  // vouch for who a user is
	PermUsersRecover       Permission = "users.recover"  // ask for a recovery code, agree to one, and see one's own
	PermMessagesWrite      Permission = "messages.write" // mail settings, texts and campaigns
	PermAdministratorsRead Permission = "administrators.read"
	PermAdministrators     Permission = "administrators.write"
	PermTokens             Permission = "tokens.write"
)

// Permissions lists all permissions, in the order in which pages show them.
var Permissions = []Permission{
	PermIntegrationsRead, PermIntegrationsWrite, PermUsersRead, PermUsersInvite, PermPasskeysProvision,
	PermPasskeysRevoke, PermUsersApprove, PermUsersRecover, PermPolicyRead, PermPolicyWrite, PermMessagesWrite, PermAuditRead, PermAuditManage,
	PermAdministratorsRead, PermAdministrators, PermTokens,
}

var permissionsOf = map[Role][]Permission{
	RoleOwner: Permissions,
	RoleAdministrator: {
		PermIntegrationsRead, PermIntegrationsWrite, PermUsersRead, PermUsersInvite, PermPasskeysProvision,
		PermPasskeysRevoke, PermUsersApprove, PermUsersRecover, PermPolicyRead, PermPolicyWrite, PermMessagesWrite, PermAuditRead, PermAuditManage,
		PermAdministratorsRead, PermTokens,
	},
	RoleHelpDesk: {PermIntegrationsRead, PermUsersRead, PermUsersInvite, PermUsersApprove, PermUsersRecover, PermPasskeysRevoke, PermPolicyRead, PermAuditRead},
	RoleAuditor:  {PermIntegrationsRead, PermUsersRead, PermPolicyRead, PermAuditRead, PermAdministratorsRead},
}

// Valid reports whether r is one of the four roles.
func (r Role) Valid() bool { return slices.Contains(Roles, r) }

// Permissions lists what the role allows. The slice is the caller's.
func (r Role) Permissions() []Permission { return slices.Clone(permissionsOf[r]) }

// Allows reports whether the role has the permission.
func (r Role) Allows(p Permission) bool { return slices.Contains(permissionsOf[r], p) }
