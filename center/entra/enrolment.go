package entra

import (
	"context"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/postern/postern"
)

var opTransitive = operation{name: "groups.transitiveMembers", doing: "list everybody in a group", needs: readGroups, repeatable: true}

// MemberOf returns which of the groups a user is in, directly or through other groups.
func (t *Tenant) MemberOf(ctx context.Context, objectID string, groupIDs []string) ([]string, error) {
	path, err := userPath(objectID)
	if err != nil {
		return nil, err
	}
	var in []string
	for ids := range slices.Chunk(groupIDs, checkAtOnce) {
		found, err := do[page[string]](ctx, t, call{
			op: opCheckMember, method: http.MethodPost, path: path + "/checkMemberGroups", on: object{"user", objectID},
			body: map[string][]string{"groupIds": ids},
		})
		if err != nil {
			return nil, err
		}
		for _, id := range found.Value {
			in = append(in, strings.ToLower(id))
		}
	}
	return in, nil
}

// UsersOf lists the users in a group, directly or through other groups. Roles are not read.
func (t *Tenant) UsersOf(ctx context.Context, groupID string) iter.Seq2[postern.DirectoryUser, error] {
	return func(yield func(postern.DirectoryUser, error) bool) {
		group, err := segment("group", groupID)
		if err != nil {
			yield(postern.DirectoryUser{}, err)
			return
		}
		c := call{
			op: opTransitive, method: http.MethodGet, path: "/groups/" + group + "/transitiveMembers/microsoft.graph.user",
			query: query{{"$select", userFields}, {"$top", mostPage}}, on: object{"group", groupID},
		}
		for w, err := range each[userWire](ctx, t, c) {
			if err != nil {
				yield(postern.DirectoryUser{}, err)
				return
			}
			if !yield(w.user(), nil) {
				return
			}
		}
	}
}

// SearchGroups finds groups whose name begins with search, at most limit of them, up to 100.
func (t *Tenant) SearchGroups(ctx context.Context, search string, limit int) ([]Group, error) {
	if limit <= 0 || limit > 100 {
		limit = 100
	}
	q := query{{"$select", groupFields}, {"$top", strconv.Itoa(limit)}}
	if search = strings.TrimSpace(search); search != "" {
		q = append(q, query{{"$filter", "startsWith(displayName," + literal(search) + ")"}}...)
	}
	found, err := collect(each[groupWire](ctx, t, call{op: opListGroups, method: http.MethodGet, path: "/groups", query: q}), limit)
	groups := make([]Group, 0, len(found))
	for _, w := range found {
		groups = append(groups, w.group())
	}
	return groups, err
}
