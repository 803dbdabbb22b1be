package web

import (
	"maps"
	"slices"
	"strconv"

	"github.com/postern/postern"
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func boolText(b bool) string { return strconv.FormatBool(b) }

func tenantLabel(i postern.Integration) string {
	if i.TenantName != "" {
		return i.TenantName + " · " + i.TenantID
	}
	return "Tenant " + i.TenantID
}

func flagHidden(flag postern.Flag, version int64) map[string]string {
	return map[string]string{"flag": string(flag), "version": strconv.FormatInt(version, 10)}
}
