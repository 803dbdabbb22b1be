package impact

import (
	"maps"
	"slices"
	"strings"

	"github.com/postern/postern"
)

// Members says who belongs where. Ids come in lower case; membership counts transitively.
type Members interface {
	InGroup(groupID, objectID string) bool
	InRole(roleTemplateID, objectID string) bool
}

// Concerned lists the groups and role templates by which the policies choose people, in lower case and sorted: whose
// members must be known before anybody is judged. Conditional Access policies that are off choose nobody.
func Concerned(policies ...postern.TenantPolicy) (groups, roles []string) {
	g, r := make(map[string]struct{}), make(map[string]struct{})
	for _, p := range policies {
		for _, list := range [][]postern.PolicyTarget{p.Passkeys.Include, p.Passkeys.Exclude} {
			for _, t := range list {
				if id := fold(t.ID); id != postern.TargetAllUsers && t.Type != targetUser {
					g[id] = struct{}{}
				}
			}
		}
		for _, c := range p.ConditionalAccess {
			if c.State == postern.ConditionalAccessOff {
				continue
			}
			add(g, c.Users.IncludeGroups)
			add(g, c.Users.ExcludeGroups)
			add(r, c.Users.IncludeRoles)
			add(r, c.Users.ExcludeRoles)
		}
	}
	return slices.Sorted(maps.Keys(g)), slices.Sorted(maps.Keys(r))
}

// fold makes ids comparable: GUIDs and the words that stand beside them are spelled in either case.
func fold(id string) string { return strings.ToLower(strings.TrimSpace(id)) }

// set is a set of folded ids.
type set map[string]struct{}

func newSet(ids []string) set {
	if len(ids) == 0 {
		return nil
	}
	s := make(set, len(ids))
	add(s, ids)
	return s
}

func add(s map[string]struct{}, ids []string) {
	for _, id := range ids {
		s[fold(id)] = struct{}{}
	}
}

func (s set) has(id string) bool {
	_, ok := s[id]
	return ok
}

// folded are the ids in an order that does not depend on how they were written.
func folded(ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = fold(id)
	}
	slices.Sort(out)
	return out
}
