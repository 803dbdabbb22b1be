package postern

import "slices"

// The two types of permission in Entra.
const (
	PermissionApplication = "application" // the application's own, whoever uses it
	PermissionDelegated   = "delegated"   // of a user on whose behalf the application acts
)

// PermissionGrant is one permission of Microsoft Graph that a permission set asks consent for.
type PermissionGrant struct {
	Name string `json:"name" example:"UserAuthMethod-Passkey.ReadWrite.All"`
	Type string `json:"type" enum:"application,delegated"`
	For  string `json:"for" doc:"What for, as it completes: needed to …"`
}

// What Postern does with permissions, as it completes "needed to …".
const (
	toKeepPasskeys = "register, list and delete passkeys"
	toReadUsers    = "read users"
	toReadRoles    = "see who holds a privileged role"
	toMakeGroups   = "make the three groups"
	toMoveMembers  = "move users between the groups"
	toEndSessions  = "end a user's sessions"
	toWritePolicy  = "read and write the passkey policy"
	toReadReports  = "read sign-in and registration reports"
	toKeepUsers    = "read users and roles, keep the three groups, end a user's sessions"
	toActAsAccount = "act in the directory with the roles of the service account"
	toBeAsGuided   = "be as the guides for this set ask; Postern does not use it"
)

// PermissionSets are all sets, least first; the last two are those of other products' guides.
func PermissionSets() []PermissionSet {
	return []PermissionSet{PermissionsPasskeys, PermissionsStandard, PermissionsFull, PermissionsDirectory, PermissionsLegacy}
}

// Valid reports whether there is such a set.
func (s PermissionSet) Valid() bool { return slices.Contains(PermissionSets(), s) }

// Grants lists what a permission set asks consent for, each of it once and nothing more. The slice is the caller's; it is
// nil for a set that does not exist.
func Grants(set PermissionSet) []PermissionGrant {
	own := func(name, purpose string) PermissionGrant {
		return PermissionGrant{name, PermissionApplication, purpose}
	}
	delegated := func(name, purpose string) PermissionGrant {
		return PermissionGrant{name, PermissionDelegated, purpose}
	}
	passkeys := []PermissionGrant{own("UserAuthMethod-Passkey.ReadWrite.All", toKeepPasskeys)}
	standard := append(slices.Clone(passkeys),
		own("User.Read.All", toReadUsers),
		own("RoleManagement.Read.Directory", toReadRoles),
		own("Group.Create", toMakeGroups),
		own("GroupMember.ReadWrite.All", toMoveMembers),
		own("User.RevokeSessions.All", toEndSessions),
	)
	switch set {
	case PermissionsPasskeys:
		return passkeys
	case PermissionsStandard:
		return standard
	case PermissionsFull:
		return append(standard, own("Policy.ReadWrite.AuthenticationMethod", toWritePolicy), own("AuditLog.Read.All", toReadReports))
	case PermissionsDirectory:
		return []PermissionGrant{
			delegated("Directory.AccessAsUser.All", toBeAsGuided),
			own("Directory.ReadWrite.All", toKeepUsers),
			delegated("UserAuthenticationMethod.ReadWrite.All", toBeAsGuided),
			own("UserAuthenticationMethod.ReadWrite.All", toKeepPasskeys),
		}
	case PermissionsLegacy:
		return []PermissionGrant{
			delegated("Directory.AccessAsUser.All", toActAsAccount),
			delegated("UserAuthenticationMethod.ReadWrite.All", toKeepPasskeys),
		}
	default:
		return nil
	}
}
