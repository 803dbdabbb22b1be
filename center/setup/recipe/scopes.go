package recipe

import (
	"slices"

	"github.com/postern/postern"
)

// Scopes are the delegated permissions that an administrator is asked for: to look, those of reading alone.
func Scopes(in postern.SetupInput, write bool) []string {
	pick := func(read, change string) string {
		if write {
			return change
		}
		return read
	}
	names := []string{"Organization.Read.All", "Policy.Read.All", pick("Application.Read.All", "Application.ReadWrite.All")}
	if write {
		names = append(names, "AppRoleAssignment.ReadWrite.All", "DelegatedPermissionGrant.ReadWrite.All")
	} else {
		names = append(names, "Directory.Read.All")
	}
	if in.Policy {
		names = append(names, pick("Policy.Read.All", "Policy.ReadWrite.AuthenticationMethod"))
	}
	if in.Windows != postern.SetupWindowsOff {
		names = append(names, pick("DeviceManagementConfiguration.Read.All", "DeviceManagementConfiguration.ReadWrite.All"))
		if in.WindowsGroup != "" {
			names = append(names, "Group.Read.All")
		}
	}
	if in.PermissionSet == postern.PermissionsLegacy {
		names = append(names, "Domain.Read.All", pick("User.Read.All", "User.ReadWrite.All"), pick("RoleManagement.Read.Directory", "RoleManagement.ReadWrite.Directory"))
	}
	slices.Sort(names)
	return slices.Compact(names)
}
