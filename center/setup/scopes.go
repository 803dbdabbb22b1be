package setup

import "github.com/postern/postern/center/setup/recipe"

// scopes are the delegated permissions that an administrator is asked for. Once there is an integration, writing is also
// undoing, which deletes its groups.
func scopes(r Record, write bool) []string {
	names := recipe.Scopes(r.Input, write)
	if write && r.IntegrationID != "" {
		names = append(names, "Group.ReadWrite.All")
	}
	return names
}
